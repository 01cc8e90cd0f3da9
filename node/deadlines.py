"""When what waits expires: kept by second, so that no question goes over all of it.

A mempool of 50,000 is asked at every event whether something in it could stand in a block, and at
every block what is past. Deadlines lie at most a window ahead (24 h), so the seconds are few and
sorted; within a second there are at most 1,000 different ones. Both answers cost the logarithm of
the seconds and what is due (bench/guards.py measures them).

Invariant: a second, and a deadline in it, is here exactly while something waits until then.
"""

from bisect import bisect_left, insort
from typing import final

from primitives.ids import TimeMs, TransactionId

_SECOND_MS = 1_000


@final
class Deadlines:
    """Ids by the time until which they are valid. Written by the mempool alone."""

    def __init__(self) -> None:
        self._seconds: list[int] = []
        self._due: dict[int, dict[TimeMs, dict[TransactionId, None]]] = {}

    def add(self, identifier: TransactionId, valid_until: TimeMs) -> None:
        """Something begins to wait."""
        second = valid_until // _SECOND_MS
        if second not in self._due:
            insort(self._seconds, second)
            self._due[second] = {}
        self._due[second].setdefault(valid_until, {})[identifier] = None

    def remove(self, identifier: TransactionId, valid_until: TimeMs) -> None:
        """It waits no more."""
        second = valid_until // _SECOND_MS
        within = self._due[second]
        del within[valid_until][identifier]
        if not within[valid_until]:
            del within[valid_until]
        if not within:
            del self._due[second]
            del self._seconds[bisect_left(self._seconds, second)]

    def has_within(self, earliest: TimeMs, latest: TimeMs) -> bool:
        """Whether a deadline lies in this range, both ends included."""
        at = bisect_left(self._seconds, earliest // _SECOND_MS)
        for second in self._seconds[at : at + 2]:  # all of the first may be before `earliest`
            if second * _SECOND_MS > latest:
                break
            if any(earliest <= deadline <= latest for deadline in self._due[second]):
                return True
        return False

    def until(self, time_ms: TimeMs) -> list[TransactionId]:
        """What is valid until this time at the latest."""
        end = bisect_left(self._seconds, time_ms // _SECOND_MS + 1)
        return [
            identifier
            for second in self._seconds[:end]
            for deadline, identifiers in self._due[second].items()
            if deadline <= time_ms
            for identifier in identifiers
        ]
