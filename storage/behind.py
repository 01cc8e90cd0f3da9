"""Several batches gathered into one: a database in front of another, for work that can be repeated.

Whoever executes a chain again writes a batch for each block, and most of what one block writes the
next ones write again: the upper nodes of the state tree, the balances in daily use. Gathered in
memory, that never reaches the disk, and one synchronous write stands for hundreds.

Batches go down whole and in order, in one batch of the floor. So what lies below is always what it
was after some `write`: a process that is killed leaves an earlier moment, never a mixture. That is
all that is promised. A `write` that returned may be lost, which a node must never do; an import or
an audit goes on from where the floor stands, or begins again.

Memory is bounded by `bytes_max`, whatever the chain's size: beyond it, what was gathered goes down.
A snapshot is for the moment between two writes; read after the next one, it is refused.
"""

import heapq
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from typing import Final, final

from primitives.errors import StorageFault
from storage.closing import Closing
from storage.keyvalue import Batch, KeyValue

_ENTRY_BYTES: Final = 200
"""What Python needs for a key and its value besides their bytes."""


@final
class _Gathered:
    """What was written to the keys of one first byte, and is not below yet; None is deleted."""

    __slots__ = ("_new", "_order", "rows")

    def __init__(self) -> None:
        self.rows: dict[bytes, bytes | None] = {}
        self._order: list[bytes] | None = None
        """Sorted keys; some may be gone. None until somebody asks for an order."""
        self._new: list[bytes] = []

    def add(self, key: bytes, value: bytes | None) -> None:
        """A row that was not there."""
        if self._order is not None:
            self._new.append(key)
        self.rows[key] = value

    def forget(self, key: bytes) -> None:
        """As if it had never been written, and it never is again."""
        del self.rows[key]

    def between(self, start: bytes, stop: bytes) -> list[tuple[bytes, bytes | None]]:
        """Rows of `start <= key < stop`, ascending."""
        rows, order = self.rows, self._order
        if order is None or len(order) > 2 * len(rows) + 64:
            order = self._order = sorted(rows)
        elif self._new:
            order += self._new
            order.sort()  # two runs: as good as linear
        self._new.clear()
        keys = order[bisect_left(order, start) : bisect_left(order, stop)]
        return [(key, rows[key]) for key in keys if key in rows]


@final
class WriteBehind(Closing):
    """A database whose writes reach the floor later, many at once."""

    def __init__(
        self, floor: KeyValue, *, bytes_max: int, written_once: Iterable[int] = ()
    ) -> None:
        """`written_once`: first bytes of keys that are written once, and at most deleted later.

        What of these is deleted before it went down leaves no trace at all.
        """
        self._floor = floor
        self._bytes_max = bytes_max
        self._written_once = frozenset(written_once)
        self._gathered: dict[int, _Gathered] = {}
        self._bytes = 0
        self._writes = 0

    def get(self, key: bytes) -> bytes | None:
        """The value under `key`, or None."""
        gathered = self._gathered.get(key[0])
        if gathered is not None and key in gathered.rows:
            return gathered.rows[key]
        return self._floor.get(key)

    def iterate(self, *, start: bytes, stop: bytes) -> Iterator[tuple[bytes, bytes]]:
        """Keys and values of `start <= key < stop`, ascending, as they are now."""
        above = [
            row
            for first in sorted(self._gathered)
            if start[:1] <= bytes([first]) <= stop[:1]
            for row in self._gathered[first].between(start, stop)
        ]
        below = self._floor.iterate(start=start, stop=stop)
        return _merged(below, above) if above else below

    def write(self, batch: Batch) -> None:
        """Gather the batch; now and then, write all that was gathered."""
        size = self._bytes
        for key, value in batch.items():
            first = key[0]
            gathered = self._gathered.get(first)
            if gathered is None:
                gathered = self._gathered[first] = _Gathered()
            rows = gathered.rows
            if key in rows:
                old = rows[key]
                size -= len(key) + _ENTRY_BYTES + (len(old) if old is not None else 0)
                if value is None and old is not None and first in self._written_once:
                    gathered.forget(key)
                    continue
                rows[key] = value
            else:
                gathered.add(key, value)
            size += len(key) + _ENTRY_BYTES + (len(value) if value is not None else 0)
        self._bytes = size
        self._writes += 1
        if self._bytes > self._bytes_max:
            self.flush()

    def flush(self) -> None:
        """Write all that was gathered, in one batch.

        Raises:
            StorageFault: the write failed; the floor is as it was before or has all of it.
        """
        batch: dict[bytes, bytes | None] = {}
        for first in sorted(self._gathered):
            batch.update(self._gathered[first].rows)
        if batch:
            self._floor.write(batch)
        self._gathered.clear()
        self._bytes = 0

    @property
    def gathered_bytes(self) -> int:
        """Roughly the memory that waits for the floor."""
        return self._bytes

    def snapshot(self) -> "BehindSnapshot":
        """This moment, until the next write."""
        return BehindSnapshot(self)

    @property
    def writes(self) -> int:
        """How many batches it took."""
        return self._writes

    def size(self, *, start: bytes, stop: bytes) -> int:
        """Roughly the bytes that this range takes below."""
        return self._floor.size(start=start, stop=stop)

    def compact(self, *, start: bytes, stop: bytes) -> None:
        """Have the floor give back what this range no longer needs; what is gathered waits."""
        self._floor.compact(start=start, stop=stop)

    def close(self) -> None:
        """Let the floor go; what was gathered and not flushed is lost."""
        self._floor.close()


@final
class BehindSnapshot:
    """The moment between two writes."""

    __slots__ = ("_database", "_moment")

    def __init__(self, database: WriteBehind) -> None:
        self._database: WriteBehind | None = database
        self._moment = database.writes

    def get(self, key: bytes) -> bytes | None:
        """The value under `key`, or None."""
        return self._held().get(key)

    def iterate(self, *, start: bytes, stop: bytes) -> Iterator[tuple[bytes, bytes]]:
        """Keys and values of `start <= key < stop`, ascending."""
        return self._held().iterate(start=start, stop=stop)

    def close(self) -> None:
        """Nothing is read through it any more."""
        self._database = None

    def _held(self) -> WriteBehind:
        if self._database is None:
            raise StorageFault("this snapshot is closed")
        assert self._database.writes == self._moment, "a snapshot is read after the next write"
        return self._database


def _merged(
    below: Iterator[tuple[bytes, bytes]], above: list[tuple[bytes, bytes | None]]
) -> Iterator[tuple[bytes, bytes]]:
    """Rows of both, ascending; of a key in both, that of above, and none where it is deleted."""
    newest = {key for key, _ in above}
    old = ((key, value) for key, value in below if key not in newest)
    for key, value in heapq.merge(above, old, key=lambda row: row[0]):
        if value is not None:
            yield key, value
