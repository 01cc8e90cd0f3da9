"""How late the node's loop is, and what its API may therefore still do.

One loop carries votes, links and the API. What makes it late delays votes, so when it is late for
more than a moment the API gives way: first questions are refused, then submissions too. A long
step now and then (a full block is executed in one) is no such thing: what counts is the lag as it
was on average lately, and it must fall to half of a bound before that bound is lifted again.
"""

from collections import deque
from enum import Enum, unique
from math import exp
from typing import Final, final

from primitives import limits

SMOOTHING_S: Final = 2.0
"""The average forgets in about this time."""
RECENT_S: Final = 15.0
"""The worst of so long is what people are told."""


@unique
class Load(Enum):
    """What the API still does."""

    CALM = "calm"
    """Everything."""
    BUSY = "busy"
    """No questions; submissions, and what became of them."""
    PRESSED = "pressed"
    """Nothing but where the node stands."""


_BOUNDS: Final = ((Load.BUSY, limits.LAG_QUERIES_S), (Load.PRESSED, limits.LAG_SUBMISSIONS_S))


@final
class Lag:
    """The lag of one loop. Written by who samples it."""

    def __init__(self) -> None:
        self._average_s = 0.0
        self._recent: deque[tuple[float, float]] = deque()
        self.load = Load.CALM

    def sampled(self, lag_s: float, span_s: float, now_s: float) -> None:
        """The loop went on so late, in a span of time that ends now."""
        self._average_s += (lag_s - self._average_s) * (1 - exp(-span_s / SMOOTHING_S))
        self._recent.append((now_s, lag_s))
        while self._recent[0][0] < now_s - RECENT_S:
            self._recent.popleft()
        self.load = self._judged()

    def _judged(self) -> Load:
        """Up at a bound, down at half of it."""
        judged = Load.CALM
        for load, bound_s in _BOUNDS:
            is_above_half = self._average_s > bound_s / 2
            was_reached = self.load is load or self.load is Load.PRESSED
            if self._average_s > bound_s or (was_reached and is_above_half):
                judged = load
        return judged

    @property
    def recent_ms(self) -> int:
        """The worst of the last seconds."""
        return round(1000 * max((lag_s for _, lag_s in self._recent), default=0.0))
