"""A Byzantine seat: an honest engine with a bent tongue, and ears of its choice.

The engine inside follows the rules and knows the news; what it says goes through `speak`, what it
is told comes through `hear`, and at each of its ticks `idle` may say what no engine would. So every
liar is up to date and well-mannered but for its lie, which makes its lies well-formed: they pass
whatever is judged by form alone. A seat has its own key and nobody else's. It is deterministic: all
its chance comes from its seed.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import NamedTuple, final

from consensus.messages import Commit, Prepare, ViewChange
from ledger.parameters import Parameters
from node import wire
from primitives.block import Block
from primitives.ids import Height, TimeMs, View
from sim.letters import place
from sim.spoken import Voice


@final
@dataclass(frozen=True, slots=True)
class Said:
    """What a seat says: to one link, or to every other validator; now, or later."""

    receiver: str | None
    message: wire.Wire
    delay_ms: int = 0


Topic = tuple[str, Height, View]


def own_topic(message: wire.Wire, voice: Voice) -> Topic | None:
    """What a message is about, if it is a statement that this voice signs; None for all others."""
    match message:
        case wire.Proposed(p, _):
            primary = voice.validators.primary(p.height, p.view)
            return ("proposal", p.height, p.view) if bytes(primary) == voice.key.public else None
        case Prepare() | Commit() | ViewChange():
            if message.seat != voice.seat:
                return None
            return type(message).__name__.lower(), message.height, message.view
        case _:
            return None


Build = Callable[[View, TimeMs], Block]
"""A good fresh block of the height at hand, as its primary in a view would build it at a time."""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Means:
    """What a seat is made of."""

    name: str
    """Its node, which is its link for others."""
    voice: Voice
    peers: tuple[str, ...]
    """The links of the other validators."""
    seed: int
    build: Build
    parameters: Parameters

    def dice(self, *occasion: object) -> Random:
        """The dice of one occasion: the same whenever, and however often, it is thrown for it."""
        return Random(f"{self.seed}/{'/'.join(map(str, occasion))}")

    def half(self, *occasion: object) -> frozenset[str]:
        """About half of the peers, at least one and never all."""
        count = max(1, len(self.peers) // 2)
        return frozenset(self.dice("half", *occasion).sample(self.peers, count))


@final
class Deed(NamedTuple):
    """What was done, and in which view, where it was about one."""

    name: str
    height: Height | None
    view: View | None


@dataclass
class Seat:
    """What stands between an engine and the network. This one changes nothing."""

    means: Means
    told: Counter[Deed] = field(default_factory=Counter)
    """Its deeds so far."""

    def tell(self, name: str, message: wire.Wire) -> None:
        """Write down a deed, about what would have been said."""
        _, height, view = place(message)
        self.told[Deed(name, height, view)] += 1

    def speak(self, now_ms: TimeMs, receiver: str | None, message: wire.Wire) -> Sequence[Said]:
        """What leaves instead of what the engine said: as it was."""
        del now_ms
        return [Said(receiver, message)]

    def hear(self, sender: str, message: wire.Wire) -> wire.Wire | None:
        """What the engine hears of a message, None for nothing: all of it."""
        del sender
        return message

    def retort(self, message: wire.Wire) -> Sequence[Said]:
        """What is said at once to a message that came, before the engine says anything: nothing."""
        del message
        return []

    def idle(self, now_ms: TimeMs) -> Sequence[Said]:
        """What is said besides, at each tick: nothing."""
        del now_ms
        return []
