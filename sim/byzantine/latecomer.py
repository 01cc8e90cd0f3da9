"""A latecomer proposes a hair before, or a hair after, its view runs out.

Some vote, some have just left; some commit, the others carry the claim. It attacks what holds two
views together: R18 (never below wish), R19 (a quorum that comes too late prepares nothing), R21 (a
commit quorum of a view that was left), R24 (the timer of a view that was decided) and R10.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, final

from consensus.timeouts import view_timeout_ms
from node import wire
from primitives.ids import Height, TimeMs, View
from sim.byzantine.seat import Said, Seat, own_topic

EARLIER_MS: Final = 80
"""Before the end of the view at most: time for some of the three phases, not always for all."""
LATER_MS: Final = 12
"""After it at most: clocks and delays differ by some milliseconds, so some still wait."""


@final
@dataclass
class Latecomer(Seat):
    """Holds its proposals back until they are almost of no use."""

    _due: dict[tuple[Height, View], TimeMs] = field(default_factory=dict)

    def speak(self, now_ms: TimeMs, receiver: str | None, message: wire.Wire) -> Sequence[Said]:
        """The proposal, later; what was relayed of it meanwhile, not earlier."""
        topic = own_topic(message, self.means.voice)
        if topic is None or topic[0] != "proposal":
            return [Said(receiver, message)]
        _, height, view = topic
        place = (height, view)
        if place not in self._due:
            hair = self.means.dice(*topic).randint(-EARLIER_MS, LATER_MS)
            self._due = {at: due for at, due in self._due.items() if at[0] >= height}
            self._due[place] = TimeMs(now_ms + self._timeout_ms(view) + hair)
            self.tell("a hair too early" if hair < 0 else "a hair too late", message)
        return [Said(receiver, message, max(0, self._due[place] - now_ms))]

    def _timeout_ms(self, view: View) -> int:
        return view_timeout_ms(
            view,
            validators=self.means.voice.validators.size,
            t0_ms=self.means.parameters.t0_ms,
            tmax_ms=self.means.parameters.tmax_ms,
        )
