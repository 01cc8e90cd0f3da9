"""The floor under everything durable: ordered bytes, atomic synchronous batches, snapshots.

Two implementations, held to one contract by the same tests: `storage.leveldb` keeps a node's chain
on disk, `storage.memory` is the twin for tests and for the simulator.

The contract:

1. Keys are ordered as bytes. A range is half open: `start` is in it, `stop` is not.
2. A batch is applied whole or not at all. When `write` returns, the batch survives a loss of power;
   there is no other way to write.
3. A snapshot, and an iteration from the moment it is asked for, never sees a later write.
4. A write that failed is the last one: every later write is refused (`StorageFault`), because
   nobody knows any more what the disk holds. The process must end and open the database again.
5. After `close` everything is refused (`StorageFault`).
"""

from collections.abc import Iterator, Mapping
from types import TracebackType
from typing import Protocol, Self

Batch = Mapping[bytes, bytes | None]
"""What one write does: a value to put under each key, or None to delete the key."""


class Reader(Protocol):
    """Reads from one moment of the database, or from its newest."""

    def get(self, key: bytes) -> bytes | None:
        """The value under `key`, or None."""
        ...

    def iterate(self, *, start: bytes, stop: bytes) -> Iterator[tuple[bytes, bytes]]:
        """Keys and values of `start <= key < stop`, ascending, as they are now."""
        ...


class Snapshot(Reader, Protocol):
    """The database as it was when the snapshot was taken. Close it: it holds old data alive."""

    def close(self) -> None:
        """Let the data go. Closing twice is harmless."""
        ...


class KeyValue(Reader, Protocol):
    """A database, open. One writer; readers may come from other threads."""

    def write(self, batch: Batch) -> None:
        """Apply the batch, whole and durable, before returning."""
        ...

    def snapshot(self) -> Snapshot:
        """Freeze this moment for reading."""
        ...

    def size(self, *, start: bytes, stop: bytes) -> int:
        """Roughly the bytes that this range takes; what was just written may be missing."""
        ...

    def compact(self, *, start: bytes, stop: bytes) -> None:
        """Give back the space of what was deleted or written anew in this range.

        Takes as long as it takes; from other threads reads and writes go on.
        """
        ...

    def close(self) -> None:
        """Let the files go. Closing twice is harmless."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...
