"""Disks that lose power on cue, in front of the in-memory twins.

`danger` is called "before" and "after" every durable write and may raise: `PowerLoss` takes the
process with it, and whatever was not written then is gone; a `StorageFault` is a sync that failed,
after which nobody knows what is there. There is no unsynced write in the contract of
storage/keyvalue.py, so "unsynced writes lost" is the danger before the write.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import final

from primitives.errors import StorageFault
from storage.closing import Closing
from storage.durable_file import MemoryFile
from storage.keyvalue import Batch
from storage.memory import MemoryKeyValue, MemorySnapshot

Danger = Callable[[str], None]


class PowerLoss(Exception):
    """The machine went down at this point."""


def no_danger(_point: str) -> None:
    """The disk of a lucky machine."""


def nobody_looks(_data: bytes) -> None:
    """Nobody wants to know."""


@final
class Fuse:
    """A danger that strikes once, at the `at`-th point that it is called at; counts from one."""

    def __init__(self, at: int, error: Callable[[str], Exception]) -> None:
        self._left, self._error = at, error

    def __call__(self, point: str) -> None:
        """Another point."""
        self._left -= 1
        if self._left == 0:
            raise self._error(point)


def power_loss(point: str) -> Exception:
    """What a fuse does when the lights go out."""
    return PowerLoss(f"power lost {point}")


def failed_sync(point: str) -> Exception:
    """What a fuse does when the disk gives up."""
    return StorageFault(f"sync failed {point}")


@final
class MortalDatabase(Closing):
    """A `KeyValue` whose writes may be the last thing that happens."""

    def __init__(self, contents: Mapping[bytes, bytes] | None = None) -> None:
        self._inner = MemoryKeyValue(contents)
        self.danger: Danger = no_danger

    def get(self, key: bytes) -> bytes | None:
        """The value under `key`, or None."""
        return self._inner.get(key)

    def iterate(self, *, start: bytes, stop: bytes) -> Iterator[tuple[bytes, bytes]]:
        """Keys and values of `start <= key < stop`."""
        return self._inner.iterate(start=start, stop=stop)

    def write(self, batch: Batch) -> None:
        """Whole, or not at all, or nobody can tell."""
        self.danger("before the database")
        self._inner.write(batch)
        self.danger("after the database")

    def snapshot(self) -> MemorySnapshot:
        """Freeze this moment for reading."""
        return self._inner.snapshot()

    def size(self, *, start: bytes, stop: bytes) -> int:
        """The bytes of this range."""
        return self._inner.size(start=start, stop=stop)

    def compact(self, *, start: bytes, stop: bytes) -> None:
        """Nothing."""

    def contents(self) -> dict[bytes, bytes]:
        """What is on the disk: what a backup copies, and what the next process finds."""
        return self._inner.contents()

    def close(self) -> None:
        """Refuse everything from now on, except `contents`."""
        self._inner.close()


@final
class MortalFile:
    """A `DurableFile` whose replacements may be the last thing that happens."""

    def __init__(self, data: bytes | None = None) -> None:
        self._inner = MemoryFile(data)
        self.danger: Danger = no_danger
        self.overwriting: Callable[[bytes], None] = nobody_looks
        """Told of a new version before it is there."""
        self.replacements = 0

    def create(self, data: bytes) -> None:
        """Make the file; refused if it exists."""
        self.danger("before the signer's file")
        self._inner.create(data)
        self.danger("after the signer's file")

    def read(self) -> bytes | None:
        """The newest version, or None where there is no file."""
        return self._inner.read()

    def replace(self, data: bytes) -> None:
        """The new version or the old one, never a mixture."""
        self.overwriting(data)
        self.danger("before the signer's file")
        self._inner.replace(data)
        self.replacements += 1
        self.danger("after the signer's file")
