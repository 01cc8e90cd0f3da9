"""Disks that lose power on cue, in front of the in-memory twins.

A test sets `danger`; it is called at "before" and "after" of every durable write and may raise
`PowerLoss`, which takes the process with it: whatever was not written then is gone.
"""

from collections.abc import Callable, Iterator, Mapping
from types import TracebackType
from typing import Self

from storage.durable_file import MemoryFile
from storage.keyvalue import Batch
from storage.memory import MemoryKeyValue, MemorySnapshot

Danger = Callable[[str], None]


class PowerLoss(Exception):
    """The machine went down at this point."""


def no_danger(_point: str) -> None:
    """The disk of a lucky machine."""


class MortalDatabase:
    """A `KeyValue` whose writes may be the last thing that happens."""

    def __init__(self, contents: Mapping[bytes, bytes] | None = None) -> None:
        self._inner = MemoryKeyValue(contents)
        self.danger: Danger = no_danger

    def get(self, key: bytes) -> bytes | None:
        return self._inner.get(key)

    def iterate(self, *, start: bytes, stop: bytes) -> Iterator[tuple[bytes, bytes]]:
        return self._inner.iterate(start=start, stop=stop)

    def write(self, batch: Batch) -> None:
        self.danger("before the database")
        self._inner.write(batch)
        self.danger("after the database")

    def snapshot(self) -> MemorySnapshot:
        return self._inner.snapshot()

    def size(self, *, start: bytes, stop: bytes) -> int:
        return self._inner.size(start=start, stop=stop)

    def contents(self) -> dict[bytes, bytes]:
        return self._inner.contents()

    def close(self) -> None:
        self._inner.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


class MortalFile:
    """A `DurableFile` whose replacements may be the last thing that happens."""

    def __init__(self, data: bytes | None = None) -> None:
        self._inner = MemoryFile(data)
        self.danger: Danger = no_danger
        self.replacements = 0

    def create(self, data: bytes) -> None:
        self._inner.create(data)

    def read(self) -> bytes | None:
        return self._inner.read()

    def replace(self, data: bytes) -> None:
        self.danger("before the signer's file")
        self._inner.replace(data)
        self.replacements += 1
        self.danger("after the signer's file")
