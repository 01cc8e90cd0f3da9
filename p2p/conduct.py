"""What a peer has done wrong, in points, and how long it stays away for it. Pure: `now` is given.

Points halve every `PENALTY_HALF_LIFE_S`, so that rare faults never add up and a burst does. At
`PENALTY_POINTS_MAX` the peer is paused and its points begin anew. The first pause is short, each
further one twice as long; after `PAUSE_FORGOTTEN_S` without a pause one doubling is forgotten.

A validator's pauses end at `PAUSE_VOTER_S_MAX`: the chain may need its vote more than it suffers
from its noise, which the quotas bound, and a fault that honest nodes of two versions find in each
other must not silence them for long.
"""

from collections import deque
from dataclasses import dataclass
from math import exp2, inf

from primitives import limits


@dataclass(frozen=True, slots=True)
class Penalty:
    """One thing that a peer did."""

    at: float
    """`trio.current_time()`."""
    reason: str
    points: int


class Conduct:
    """One peer's record, of bounded length."""

    def __init__(self, *, pause_first_s: float) -> None:
        self.count = 0
        """Penalties since the start."""
        self._pause_first_s = pause_first_s
        self._latest: deque[Penalty] = deque(maxlen=limits.PENALTIES_SHOWN)
        self._points = 0.0
        self._points_at = 0.0
        self._doublings = 0
        self._paused_until = -inf

    @property
    def latest(self) -> tuple[Penalty, ...]:
        """The newest first."""
        return tuple(self._latest)

    def points(self, now: float) -> float:
        """What is left of the points given."""
        return self._points * exp2((self._points_at - now) / limits.PENALTY_HALF_LIFE_S)

    def paused_s(self, now: float) -> float:
        """How long the peer is still to stay away."""
        return max(0.0, self._paused_until - now)

    def penalise(self, now: float, penalty: Penalty, *, longest_s: float) -> float:
        """Add points; returns how long the peer is to stay away from now on, often not at all."""
        self.count += 1
        self._latest.appendleft(penalty)
        if now < self._paused_until:  # what it said before the pause is still being heard
            return 0.0
        self._points, self._points_at = self.points(now) + penalty.points, now
        if self._points < limits.PENALTY_POINTS_MAX:
            return 0.0
        self._points = 0.0
        quiet_s = now - self._paused_until
        while self._doublings and quiet_s >= limits.PAUSE_FORGOTTEN_S:
            self._doublings -= 1
            quiet_s -= limits.PAUSE_FORGOTTEN_S
        pause_s = min(self._pause_first_s, longest_s)
        for _ in range(self._doublings):
            pause_s = min(2 * pause_s, longest_s)
        self._doublings += pause_s < longest_s
        self._paused_until = now + pause_s
        return pause_s
