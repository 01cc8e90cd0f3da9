"""A replayer says again what was said elsewhere: at another height, view or chain.

Signatures stay as they were, so that R3 alone stands against it: a statement of one kind, chain,
height or view is never one of another. As it was, a statement is told again much later (R20, R26:
the first counts, the highest is kept; R42: what is past is dropped). View changes of another chain
name no block: if the chain were not under the signature, anybody could replay a test network's.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from random import Random
from typing import Final, final

from msgspec.structs import replace

from consensus.messages import Commit, Prepare, ViewChange
from ledger.parameters import DEFAULTS
from node import wire
from primitives.ids import TimeMs, ValidatorKey, View
from primitives.validators import ValidatorSet
from sim.byzantine.notebook import Notebook
from sim.byzantine.seat import Said, Seat, own_topic
from sim.founding import found
from sim.spoken import Voice

LETTERS_PER_TICK: Final = 4
HEIGHTS_ELSEWHERE: Final = 24

_Statement = Prepare | Commit | ViewChange


@final
@dataclass
class Replayer(Seat):
    """Plays along, remembers everybody's words, and uses them where they do not belong."""

    elsewhere: tuple[ViewChange, ...] = ()
    """What the same members signed on another chain."""
    _known: Notebook = field(default_factory=Notebook)
    _place: tuple[int, int] = (1, 0)
    _ticks: int = 0

    def speak(self, now_ms: TimeMs, receiver: str | None, message: wire.Wire) -> Sequence[Said]:
        """As it was."""
        del now_ms
        topic = own_topic(message, self.means.voice)
        if topic is not None:
            self._place = max(self._place, topic[1:])
        self._known.note(message)
        return [Said(receiver, message)]

    def hear(self, sender: str, message: wire.Wire) -> wire.Wire | None:
        """As any seat, and writes it down."""
        self._known.note(message)
        return super().hear(sender, message)

    def idle(self, now_ms: TimeMs) -> Sequence[Said]:
        """Some old words, here and now."""
        del now_ms
        self._ticks += 1
        dice = self.means.dice("replay", self._ticks)
        statements = list(self._known.statements)
        said = []
        for _ in range(LETTERS_PER_TICK if statements else 0):
            name, message = self._misplace(dice.choice(statements), dice)
            self.tell(name, message)
            said.append(Said(None, message))
        if self._known.proposals and dice.randrange(2):
            proposal = dice.choice(list(self._known.proposals))
            self.tell("old proposal", proposal)
            said.append(Said(None, proposal))
        return said

    def _misplace(self, old: _Statement, dice: Random) -> tuple[str, wire.Wire]:
        height, view = self._place
        kinds = ["as it was", "height", "view", "seat"]
        match dice.choice([*kinds, "chain"] if self.elsewhere else kinds):
            case "height":
                return "from another height", replace(old, height=height)
            case "view":
                later = View(view + dice.randint(0, 2))
                if isinstance(old, ViewChange):
                    later = View(max(1, later))
                return "from another view", replace(old, height=height, view=later)
            case "seat":
                other = dice.randrange(self.means.voice.validators.size)
                return "from another seat", replace(old, seat=other)
            case "chain":
                foreign = [word for word in self.elsewhere if word.height == height]
                return "from another chain", dice.choice(foreign or list(self.elsewhere))
            case _:
                return "again as it was", old


@lru_cache(maxsize=8)
def words_elsewhere(members: int) -> tuple[ViewChange, ...]:
    """What these members said on a test network of theirs, where views ran out at every height."""
    founding = found(members, parameters=replace(DEFAULTS, heartbeat_ms=DEFAULTS.heartbeat_ms - 1))
    keys = [ValidatorKey(key.public) for key in founding.keys.values()]
    voices = [Voice(key, founding.chain, ValidatorSet.of(keys)) for key in founding.keys.values()]
    return tuple(
        voice.view_change(height, view)
        for height in range(1, HEIGHTS_ELSEWHERE + 1)
        for view in (1, 2)
        for voice in voices
    )
