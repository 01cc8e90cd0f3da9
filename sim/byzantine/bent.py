"""A production engine on a seat that is not honest, between its seat's ears and its tongue."""

from collections.abc import Callable
from typing import Final, final

from ledger.parameters import parameters
from node import wire
from node.blocks import Blocks
from primitives.block import Block
from primitives.ids import TimeMs, ValidatorKey, View
from services.table import TRANSACTION
from sim.actors import Puppet, Stage
from sim.byzantine.seat import Means, Said, Seat
from sim.machine import Machine, measure_nothing

Make = Callable[[Means], Seat]


@final
class Bent:
    """An actor (sim/actors.py): what its engine says passes through a seat."""

    def __init__(self, stage: Stage, make: Make, machine: Machine | None = None) -> None:
        self._stage = stage
        self._machine: Final = machine if machine is not None else stage.machine()
        with self._machine.store.state() as state:
            in_force = parameters(state)
        self.seat = make(
            Means(
                name=stage.name,
                voice=stage.voice,
                peers=tuple(
                    stage.name_of(seat) for seat in range(stage.members.size) if seat != stage.seat
                ),
                seed=stage.random.getrandbits(64),
                build=self._build,
                parameters=in_force,
            )
        )
        self._puppet = Puppet(stage, self._said, self._machine)

    def start(self) -> None:
        """The network begins."""
        self._puppet.start()

    def hear(self, sender: str, message: wire.Wire) -> None:
        """A message came; the engine hears what the seat lets it."""
        for said in self.seat.retort(message):
            self._send(said)
        heard = self.seat.hear(sender, message)
        if heard is not None:
            self._puppet.hear(sender, heard)

    def tick(self) -> None:
        """Half a second has passed."""
        self._puppet.tick()
        for said in self.seat.idle(self._stage.now_ms):
            self._send(said)

    def _said(self, receiver: str | None, message: wire.Wire) -> None:
        for said in self.seat.speak(self._stage.now_ms, receiver, message):
            self._send(said)

    def _send(self, said: Said) -> None:
        if said.delay_ms > 0:
            later = said.receiver, said.message
            self._stage.after(said.delay_ms, lambda: self._stage.say(*later))
        else:
            self._stage.say(said.receiver, said.message)

    def _build(self, view: View, now_ms: TimeMs) -> Block:
        """A good block on this engine's head, of what waits here."""
        blocks = Blocks(
            self._machine.store,
            self._machine.alive.mempool,
            chain=self._stage.chain,
            kind=TRANSACTION,
            clock=measure_nothing,
        )
        proposer = ValidatorKey(self._stage.key.public)
        return blocks.build(view, proposer=proposer, now_ms=now_ms).block
