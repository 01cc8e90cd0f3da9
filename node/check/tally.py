"""Whether two sets of rows are the same, in one pass over each and in bounded memory.

The rows that should be there come in the order in which they are derived, those that are there in
the order of their keys, and neither fits into memory. So each row is hashed and added up in one of
some thousand buckets, chosen by its key, once for each side. Where all sums agree, the sets are the
same; by chance they agree with other sets once in 2^64 (Python's own keyed hash, new with each
process: nobody can aim at it). Where a bucket differs, both sides are gone through once more for
its rows alone, which is when a fault gets its name.
"""

from collections.abc import Iterable, Iterator
from typing import Final, final

BUCKETS: Final = 4_096
"""A twentieth of a megabyte; of ten million rows, a bucket has 2,500."""
BUCKETS_NAMED: Final = 128
"""Buckets gone through once more. A fault in more of them has a cause that no single row tells."""

ROWS_A_BREATH: Final = 256
MISSING: Final = "this row is missing"
SUPERFLUOUS: Final = "this row should not be there"

_MASK: Final = 2**64 - 1

Row = tuple[bytes, bytes]


@final
class Tally:
    """Sums over the rows that should be there, less those that are."""

    def __init__(self) -> None:
        self._sums = [0] * BUCKETS
        self.expected = 0
        """How many rows should be there."""

    def expect(self, key: bytes, value: bytes) -> None:
        """This row should be there."""
        self._sums[hash(key) % BUCKETS] += hash((key, value))
        self.expected += 1

    def expect_no_more(self, key: bytes, value: bytes) -> None:
        """This row was to be there, until a later height."""
        self._sums[hash(key) % BUCKETS] -= hash((key, value))
        self.expected -= 1

    def found(self, key: bytes, value: bytes) -> None:
        """This row is there."""
        self._sums[hash(key) % BUCKETS] -= hash((key, value))

    def differing(self) -> frozenset[int]:
        """The buckets in which the two sides differ, as far as they are gone through again."""
        bad = [bucket for bucket, total in enumerate(self._sums) if total & _MASK]
        return frozenset(bad[:BUCKETS_NAMED])

    def differ_elsewhere(self) -> int:
        """In how many more buckets they differ."""
        return max(0, sum(1 for total in self._sums if total & _MASK) - BUCKETS_NAMED)


@final
class Sorted:
    """The rows of the differing buckets, gathered once more from both sides."""

    def __init__(self, buckets: frozenset[int]) -> None:
        self._buckets = buckets
        self._expected: dict[bytes, bytes] = {}
        self._missing: dict[bytes, bytes] = {}

    def expect(self, key: bytes, value: bytes) -> None:
        """This row should be there."""
        if hash(key) % BUCKETS in self._buckets:
            self._expected[key] = self._missing[key] = value

    def found(self, key: bytes, value: bytes) -> bytes | None:
        """This row is there. What its value should be where it is another one.

        Raises:
            KeyError: it should not be there at all.
        """
        if hash(key) % BUCKETS not in self._buckets:
            return None
        wanted = self._expected[key]
        self._missing.pop(key, None)
        return None if wanted == value else wanted

    def missing(self) -> Iterator[bytes]:
        """Keys of the rows that were not found."""
        return iter(sorted(self._missing))


def differences(
    buckets: frozenset[int], expected: Iterable[Row], found: Iterable[Row]
) -> Iterator[tuple[bytes, str] | None]:
    """Keys and what is wrong with each, for people; None now and then, for a breath."""
    both = Sorted(buckets)
    for count, (key, value) in enumerate(expected):
        both.expect(key, value)
        if count % ROWS_A_BREATH == 0:
            yield None
    for count, (key, value) in enumerate(found):
        if count % ROWS_A_BREATH == 0:
            yield None
        try:
            wanted = both.found(key, value)
        except KeyError:
            yield key, SUPERFLUOUS
        else:
            if wanted is not None:
                yield key, f"holds {shown(value)}, expected {shown(wanted)}"
    for key in both.missing():
        yield key, MISSING


def shown(value: bytes) -> str:
    """A value as far as it fits a line."""
    if not value:
        return "nothing"
    return value.hex() if len(value) <= 16 else f"{value[:16].hex()}… ({len(value)} bytes)"
