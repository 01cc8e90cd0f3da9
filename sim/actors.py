"""A seat that need not be honest: what it is told, and what it has to speak with.

An actor is one validator's place in the world with anything at all on it. It has the seat's key, so
it can sign whatever it likes as itself, and nothing as anybody else. It sees what is sent to it and
every body that was ever on the network. The network's faults hold for it as for everybody.

`Puppet` runs a production engine with the seat's key, and whoever holds it may change what it says:
most lies are one changed field in what an honest node would have said, and a pair of twins is two
honest engines that do not know of each other.
"""

from collections.abc import Callable, Mapping
from random import Random
from typing import Final, Protocol, final

from msgspec.structs import replace

from node import wire
from node.outbox import Outbox, Timer
from node.signer_memory import empty_memory
from primitives.block import Block
from primitives.codec import encode
from primitives.crypto import Key
from primitives.errors import RemoteFault
from primitives.ids import BlockId, ChainId, Height, Seat, TimeMs, ValidatorKey
from primitives.validators import ValidatorSet
from sim.disk import MortalFile
from sim.machine import Machine, Site
from sim.spoken import Voice

FOR_EVER: Final = Height(2**62)


class Surroundings(Protocol):
    """What the world is to an actor."""

    @property
    def site(self) -> Site:
        """What machines share."""
        ...

    @property
    def members(self) -> ValidatorSet:
        """The validators at genesis."""
        ...

    @property
    def blocks(self) -> Mapping[BlockId, Block]:
        """Every body that was ever on the network."""
        ...

    @property
    def now_ms(self) -> TimeMs:
        """The time."""
        ...

    def speak(self, sender: str, receiver: str | None, message: wire.Wire) -> None:
        """Send as a seat, to one node or to all other validators."""
        ...

    def call_later(self, delay_ms: int, deed: Callable[[], None]) -> None:
        """Have something done when time has passed."""
        ...


@final
class Stage:
    """What one actor has."""

    def __init__(self, world: Surroundings, name: str, key: Key, random: Random) -> None:
        self._world = world
        self.name = name
        self.key = key
        self.random = random
        self.chain: ChainId = world.site.chain

    @property
    def members(self) -> ValidatorSet:
        """The validators at genesis."""
        return self._world.members

    @property
    def voice(self) -> Voice:
        """Signs whatever it is told to, as this seat."""
        return Voice(self.key, self.chain, self.members)

    @property
    def seat(self) -> Seat:
        """Its own."""
        return self.voice.seat

    @property
    def blocks(self) -> Mapping[BlockId, Block]:
        """Every body that was ever on the network."""
        return self._world.blocks

    @property
    def now_ms(self) -> TimeMs:
        """The time."""
        return self._world.now_ms

    def name_of(self, seat: int) -> str:
        """The node of a validator at genesis."""
        return self._world.site.links[ValidatorKey(self.members.keys[seat])]

    def say(self, receiver: str | None, message: wire.Wire) -> None:
        """To one node, or to all other validators."""
        self._world.speak(self.name, receiver, message)

    def after(self, delay_ms: int, deed: Callable[[], None]) -> None:
        """Do something when time has passed."""
        self._world.call_later(delay_ms, deed)

    def machine(self, name: str = "") -> Machine:
        """A production node with this seat's key, on a disk of its own; it is not started.

        What else is signed with the key does not silence it, as it would an honest node (R52): its
        signer's memory says that statements of every height are missing in it.
        """
        del name  # says at the call what it is for; the links know it under the seat's name
        machine = self._world.site.machine(self.name, self.key)
        memory = empty_memory(ValidatorKey(self.key.public))
        machine.memory = MortalFile(encode(replace(memory, forgotten=FOR_EVER)))
        return machine

    def honest_machine(self) -> Machine:
        """The same with an ordinary signer's file: it minds what others know of this seat."""
        return self._world.site.machine(self.name, self.key)


class Actor(Protocol):
    """What sits on a validator's place."""

    def start(self) -> None:
        """The network begins."""
        ...

    def hear(self, sender: str, message: wire.Wire) -> None:
        """A message came."""
        ...

    def tick(self) -> None:
        """Half a second has passed."""
        ...


@final
class Silent:
    """Takes its seat and never says a word."""

    def __init__(self, _stage: Stage) -> None: ...

    def start(self) -> None:
        """Nothing."""

    def hear(self, sender: str, message: wire.Wire) -> None:
        """Nothing."""

    def tick(self) -> None:
        """Nothing."""


Say = Callable[[str | None, wire.Wire], None]


@final
class Puppet:
    """A production engine whose words go to `say` instead of to the network."""

    def __init__(self, stage: Stage, say: Say, machine: Machine | None = None) -> None:
        self._stage, self._say = stage, say
        self.machine = machine if machine is not None else stage.machine()

    def start(self) -> None:
        """Begin, and greet everybody."""
        self._perform(self.machine.start(self._stage.now_ms))
        for key in self._stage.members.keys:
            link = self.machine.site.links[key]
            if link != self.machine.name:
                self._perform(self.machine.link_up(link, self._stage.now_ms))

    def hear(self, sender: str, message: wire.Wire) -> None:
        """As an honest node would: what breaks a rule changes nothing."""
        if self.machine.engine is None:
            return
        try:
            self._perform(self.machine.deliver(sender, message, self._stage.now_ms))
        except RemoteFault as fault:
            self.machine.faults.append(fault)

    def tick(self) -> None:
        """Half a second has passed."""
        if self.machine.engine is not None:
            self._perform(self.machine.tick(self._stage.now_ms))

    def _perform(self, out: Outbox) -> None:
        self.machine.notes += out.notes
        for receiver, message in out.messages:
            self._say(receiver, message)
        if out.relay:
            self._perform(self.machine.alive.relay.push(out.relay))
        for delay_ms, timer in out.timers:
            self._fire_later(delay_ms, timer)

    def _fire_later(self, delay_ms: int, timer: Timer) -> None:
        run = self.machine.run

        def fire() -> None:
            if self.machine.engine is not None and self.machine.run == run:
                self._perform(self.machine.fire(timer, self._stage.now_ms))

        self._stage.after(delay_ms, fire)
