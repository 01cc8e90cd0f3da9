"""Sorting what does not fit into memory: rows go to files by their first bits, each file is sorted.

The database holds the state by table and key, a snapshot wants it by key hash; of the ids of the
window it knows when they end, a snapshot wants those of each height together. Rows are appended to
one of 2^n files by a number that they are sorted by, and read back file by file.

A running node has better uses for its descriptors and for its turn: no file stays open, rows are
gathered and written many at a time, and a file is small enough that sorting it is a matter of
milliseconds.
"""

from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Final, Self, final

from node.room import leave_room

BUCKET_BYTES: Final = 512 * 1024
"""What a file should hold: some thousand entries, sorted in 5 ms."""
BITS_MIN: Final = 4
"""What was just written is in no size that LevelDB tells of: up to 64 MiB."""
BITS_MAX: Final = 12
"""4,096 files: a state of 40 GB is sorted in pieces of 10 MB."""
GATHERED_BYTES: Final = 8 * 1024 * 1024
"""Rows in memory before they are written."""


def bits_for(size: int) -> int:
    """How many first bits tell files apart, for roughly so many bytes."""
    return min(BITS_MAX, max(BITS_MIN, (size // BUCKET_BYTES).bit_length()))


@final
class Buckets:
    """2^bits files in a folder, by number. Left, they are gone."""

    def __init__(self, folder: Path, name: str, bits: int) -> None:
        self.bits = bits
        self._folder = folder
        self.counts = [0] * (1 << bits)
        self.weights = [0] * (1 << bits)
        self._paths = [folder / f"{name}-{number:03x}.sort" for number in range(1 << bits)]
        self._gathered: list[list[bytes]] = [[] for _ in self._paths]
        self._bytes = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for path in self._paths:
            path.unlink(missing_ok=True)

    def add(self, number: int, row: bytes, weight: int) -> None:
        """Append a row to a file; what it weighs is its caller's affair."""
        self._gathered[number].append(row)
        self.counts[number] += 1
        self.weights[number] += weight
        self._bytes += len(row)
        if self._bytes >= GATHERED_BYTES:
            self.write()

    def write(self) -> None:
        """Have every row in its file.

        Raises:
            OperatorFault: the disk is nearly full.
        """
        leave_room(self._folder)
        for path, rows in zip(self._paths, self._gathered, strict=True):
            if rows:
                with path.open("ab") as file:
                    file.write(b"".join(rows))
                rows.clear()
        self._bytes = 0

    def take(self, numbers: range) -> Iterator[bytes]:
        """The rows of these files, one file after the other; each is removed."""
        assert self._bytes == 0, "rows that are taken are written before"
        for number in numbers:
            if self.counts[number]:
                yield self._paths[number].read_bytes()
                self._paths[number].unlink()
            else:
                yield b""
