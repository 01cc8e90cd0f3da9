"""A flooder asks for memory: far views, far heights, everything at once, and again.

All of it well signed, so that only bounds help: R5 (what is read at all), R42 (what is kept of
this height), R43 (of the next), R26 (one view change per sender), R29 and R30 (how often peers are
answered). A view of 2³¹ − 1 must cost no more than any other, and nobody follows one voice (R27).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from random import Random
from typing import Final, final

from consensus.messages import Status
from node import wire
from primitives.ids import VIEW_MAX, BlockId, Height, TimeMs, TransactionHash, View
from sim.byzantine.seat import Said, Seat, own_topic

LETTERS_PER_TICK: Final = 16
"""What leaves besides at each tick, to every peer: enough to fill each bound within a view."""
FAR: Final = (1, 2, 3, 4, 5, 63, 64, 65, 2**16, VIEW_MAX - 1, VIEW_MAX)


@final
@dataclass
class Flooder(Seat):
    """Plays along, and talks far too much."""

    _height: int = 1
    _ticks: int = 0

    def speak(self, now_ms: TimeMs, receiver: str | None, message: wire.Wire) -> Sequence[Said]:
        """As it was."""
        del now_ms
        topic = own_topic(message, self.means.voice)
        if topic is not None:
            self._height = max(self._height, topic[1])
        return [Said(receiver, message)]

    def idle(self, now_ms: TimeMs) -> Sequence[Said]:
        """A handful of everything, to everybody."""
        del now_ms
        self._ticks += 1
        dice = self.means.dice("flood", self._ticks)
        said = []
        for _ in range(LETTERS_PER_TICK):
            name, message = dice.choice(list(self._flood(dice)))
            self.tell(name, message)
            said.append(Said(None, message))
        return said

    def _flood(self, dice: Random) -> Iterator[tuple[str, wire.Wire]]:
        voice, here = self.means.voice, self._height
        name = BlockId(dice.randbytes(32))
        view = View(min(VIEW_MAX, dice.choice(FAR)))
        height = Height(here + dice.choice((0, 1, 1, 2, 1_000_000)))
        yield "far view change", voice.view_change(here, view)
        yield "far prepare", voice.prepare(here, view, name)
        yield "far commit", voice.commit(here, view, name)
        yield "prepare ahead", voice.prepare(height, 0, name)
        yield "commit ahead", voice.commit(height, 0, name)
        yield "proposal ahead", wire.Proposed(voice.pre_prepare(height, 0, name), None)
        led = (voice.seat - here) % voice.validators.size or voice.validators.size
        yield "proposal of its view", wire.Proposed(voice.pre_prepare(here, led, name), None)
        unjustified = voice.pre_prepare(here, led, name, (voice.view_change(here, led),) * 4)
        yield "unjustified proposal", wire.Proposed(unjustified, None)
        yield "fetch", wire.Fetch(name)
        views = (View(0),) * voice.validators.size
        yield (
            "status",
            Status(height, View(0), View(-1), False, b"", b"", views, None, True),  # noqa: FBT003 - fields
        )
        yield "offer", wire.Offer(tuple(TransactionHash(dice.randbytes(32)) for _ in range(20)))
