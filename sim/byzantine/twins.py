"""Twins: two honest engines with one key, each on a side of its own.

Neither knows of the other, so both follow the rules, and together they break those that bind a
validator to its word: two proposals (E1), two votes (E2, E3), two claims (E4), a claim that knows
nothing of the other's commit (E5). Attacked are R1, R12, R18, R20 and R26. Bano et al., *Twins: BFT
Systems Made Robust*, OPODIS 2021; every scenario of two views is enumerated in sim/twins.py.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final, final

from node import wire
from primitives.ids import TimeMs
from sim.actors import Stage
from sim.byzantine.bent import Bent
from sim.byzantine.seat import Said, Seat, own_topic
from sim.letters import VOTING, place

Sides = Callable[[str, wire.Wire], frozenset[int]]
"""Which of the two (0, 1) hear a peer, and are heard by it, in a matter."""
BOTH: Final = frozenset({0, 1})


@final
@dataclass
class Twin(Seat):
    """One of two: honest, and heard on its own side only."""

    number: int = 0
    sides: Sides = field(default=lambda _peer, _message: BOTH)

    def speak(self, now_ms: TimeMs, receiver: str | None, message: wire.Wire) -> Sequence[Said]:
        """To those on its side."""
        del now_ms
        receivers = self.means.peers if receiver is None else (receiver,)
        reached = [name for name in receivers if self.number in self.sides(name, message)]
        if own_topic(message, self.means.voice) is not None and len(reached) < len(receivers):
            self.tell("half a story", message)
        return [Said(name, message) for name in reached]

    def hear(self, sender: str, message: wire.Wire) -> wire.Wire | None:
        """Those on its side."""
        if self.number not in self.sides(sender, message):
            return None
        return super().hear(sender, message)


@final
class Twins:
    """The actor: two engines under one name. The second one's clock is a little ahead."""

    def __init__(self, stage: Stage, sides: Sides | None = None) -> None:
        self.sides: Sides = sides if sides is not None else self._by_lot
        self.pair = (self._bent(stage, 0), self._bent(stage, 1))
        self._means = self.pair[0].seat.means

    def _bent(self, stage: Stage, number: int) -> Bent:
        machine = stage.machine()
        machine.skew_ms = number  # so that two fresh blocks are two
        return Bent(
            stage,
            lambda means: Twin(means, number=number, sides=self._sides_of),
            machine,
        )

    def _sides_of(self, peer: str, message: wire.Wire) -> frozenset[int]:
        return self.sides(peer, message)

    def _by_lot(self, peer: str, message: wire.Wire) -> frozenset[int]:
        """Statements go to one half of the peers each, by height and view; the rest to all."""
        phase, height, view = place(message)
        if phase not in VOTING:
            return BOTH
        return frozenset({int(peer in self._means.half(height, view))})

    def start(self) -> None:
        """Both begin."""
        for one in self.pair:
            one.start()

    def hear(self, sender: str, message: wire.Wire) -> None:
        """Each hears what its side says."""
        for one in self.pair:
            one.hear(sender, message)

    def tick(self) -> None:
        """Half a second has passed for both."""
        for one in self.pair:
            one.tick()
