"""Sorting what does not fit into memory: rows go to files by their first bits, each file is sorted.

The database holds the state by table and key, a snapshot wants it by key hash; of the ids of the
window it knows when they end, a snapshot wants those of each height together. Rows are appended to
one of 2^n files by a number that they are sorted by, and read back file by file.
"""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Final, Self, final

BUCKET_BYTES: Final = 8 * 1024 * 1024
"""What a file should hold at most: sorted, it takes a few times as much of memory."""
BITS_MIN: Final = 4
"""What was just written is in no size that LevelDB tells of: up to 64 MiB."""
BITS_MAX: Final = 8
"""256 files are open at a time; a node of 2 GiB sorts 40 GB so."""
_BUFFER_BYTES: Final = 64 * 1024


def bits_for(size: int) -> int:
    """How many first bits tell files apart, for roughly so many bytes."""
    return min(BITS_MAX, max(BITS_MIN, (size // BUCKET_BYTES).bit_length()))


@final
class Buckets:
    """2^bits files in a folder, by number. Closed, they are gone."""

    def __init__(self, folder: Path, name: str, bits: int) -> None:
        self.bits = bits
        self.counts = [0] * (1 << bits)
        self.weights = [0] * (1 << bits)
        self._paths = [folder / f"{name}-{number:03x}.sort" for number in range(1 << bits)]
        self._open = ExitStack()
        self._files: list[BinaryIO] = []

    def __enter__(self) -> Self:
        self._files = [
            self._open.enter_context(path.open("wb", buffering=_BUFFER_BYTES))
            for path in self._paths
        ]
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._open.close()
        for path in self._paths:
            path.unlink(missing_ok=True)

    def add(self, number: int, row: bytes, weight: int) -> None:
        """Append a row to a file; what it weighs is its caller's affair."""
        self._files[number].write(row)
        self.counts[number] += 1
        self.weights[number] += weight

    def written(self) -> None:
        """No more rows come."""
        self._open.close()

    def take(self, numbers: range) -> Iterator[bytes]:
        """The rows of these files, one file after the other; each is removed."""
        for number in numbers:
            yield self._paths[number].read_bytes()
            self._paths[number].unlink()
