"""How much of something a peer may have: tokens that come at a rate, up to a full bucket. Pure.

What is taken at once may exceed what is there: then the bucket is in debt, and whoever takes waits
until the debt is paid. So a large thing passes whole, and is paid for afterwards.
"""

from dataclasses import dataclass, field


@dataclass(slots=True)
class Bucket:
    """Full at the beginning."""

    per_second: float
    full: float
    _level: float = field(init=False)
    _at: float | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        self._level = self.full

    def take(self, amount: float, now: float) -> float:
        """Take tokens; returns the seconds after which they are paid for, 0 where they are."""
        self._fill(now)
        self._level -= amount
        return max(0.0, -self._level / self.per_second)

    def has(self, now: float) -> bool:
        """Whether there is no debt, and one token more."""
        self._fill(now)
        return self._level >= 1

    def _fill(self, now: float) -> None:
        if self._at is not None:
            self._level = min(self.full, self._level + (now - self._at) * self.per_second)
        self._at = now
