"""The in-memory twin of LevelDB, for tests and for the simulator.

Each write makes a new version, a dictionary and its sorted keys, and puts it in the old one's place
with one assignment. Versions never change, so a snapshot or an iteration simply holds the one it
began with. That costs a copy per write, which the few thousand keys of a test do not feel.

Every write of ours is synchronous, so a loss of power takes back nothing that returned: the world
"after the crash" is a new `MemoryKeyValue` over `contents()`.
"""

from bisect import bisect_left
from collections.abc import Iterator, Mapping
from typing import final

from primitives.errors import StorageFault
from storage.closing import Closing
from storage.keyvalue import Batch


@final
class _Version:
    __slots__ = ("keys", "values")

    def __init__(self, values: dict[bytes, bytes], keys: list[bytes]) -> None:
        self.values = values
        self.keys = keys

    def iterate(self, start: bytes, stop: bytes) -> Iterator[tuple[bytes, bytes]]:
        for index in range(bisect_left(self.keys, start), bisect_left(self.keys, stop)):
            yield self.keys[index], self.values[self.keys[index]]

    def after(self, batch: Batch) -> "_Version":
        values = self.values.copy()
        gone = False
        for key, value in batch.items():
            if value is None:
                gone |= values.pop(key, None) is not None
            else:
                values[key] = value
        # Sorting is nearly linear here: what was sorted before stays one run.
        keys = [key for key in self.keys if key in values] if gone else self.keys.copy()
        keys.extend(key for key in batch if key in values and key not in self.values)
        keys.sort()
        return _Version(values, keys)


@final
class MemorySnapshot:
    """One version, held."""

    __slots__ = ("_version",)

    def __init__(self, version: _Version) -> None:
        self._version: _Version | None = version

    def get(self, key: bytes) -> bytes | None:
        """The value under `key` at the snapshot's moment, or None."""
        return self._held().values.get(key)

    def iterate(self, *, start: bytes, stop: bytes) -> Iterator[tuple[bytes, bytes]]:
        """Keys and values of `start <= key < stop`, ascending."""
        return self._held().iterate(start, stop)

    def close(self) -> None:
        """Let the version go."""
        self._version = None

    def _held(self) -> _Version:
        if self._version is None:
            raise StorageFault("this snapshot is closed")
        return self._version


@final
class MemoryKeyValue(Closing):
    """A database in memory, with the contract of `storage.keyvalue`."""

    def __init__(self, contents: Mapping[bytes, bytes] | None = None) -> None:
        """Begin with `contents`: what an earlier one held when its process ended."""
        self._version = _Version({}, []).after(contents or {})
        self._closed = False

    def get(self, key: bytes) -> bytes | None:
        """The value under `key`, or None."""
        return self._open().values.get(key)

    def iterate(self, *, start: bytes, stop: bytes) -> Iterator[tuple[bytes, bytes]]:
        """Keys and values of `start <= key < stop`, ascending, as they are now."""
        return self._open().iterate(start, stop)

    def write(self, batch: Batch) -> None:
        """Apply the batch whole."""
        self._version = self._open().after(batch)

    def snapshot(self) -> MemorySnapshot:
        """Freeze this moment for reading."""
        return MemorySnapshot(self._open())

    def size(self, *, start: bytes, stop: bytes) -> int:
        """The bytes of the keys and values of this range."""
        return sum(len(key) + len(value) for key, value in self.iterate(start=start, stop=stop))

    def compact(self, *, start: bytes, stop: bytes) -> None:
        """Nothing: what was deleted takes no space."""

    def contents(self) -> dict[bytes, bytes]:
        """Everything it holds; also after `close`, as a disk holds it after its process."""
        return self._version.values.copy()

    def close(self) -> None:
        """Refuse everything from now on, except `contents`."""
        self._closed = True

    def _open(self) -> _Version:
        if self._closed:
            raise StorageFault("this database is closed")
        return self._version
