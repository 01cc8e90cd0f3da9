"""Giving deleted rows' space back to the disk: LevelDB rewrites its tables, piece by piece.

LevelDB does this by itself in the course of time; a node that has just dropped years of history
need not wait for it. Reads and writes go on meanwhile.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Final, final

from msgspec import Struct

from node.premises import Premises, Upkeep
from node.work import Progress, Work
from primitives import limits
from primitives.ids import Natural
from storage.keyvalue import KeyValue
from storage.schema import Region

_KEY_BYTES: Final = 16


@final
class CompactRequest(Struct, frozen=True, kw_only=True):
    """Nothing can be chosen."""


@final
class Compacted(Struct, frozen=True, kw_only=True):
    """Bytes of LevelDB's files, before and after."""

    tables_before: Natural[int]
    tables_after: Natural[int]
    logs_before: Natural[int]
    logs_after: Natural[int]


def compact(premises: Premises, _asked: CompactRequest) -> Work[Compacted]:
    """Everything, a piece at a time: nothing can be stopped within one."""
    folder, database = premises.node.folder.data, premises.database
    premises.store.head()  # a database that does not open as a chain is left as it is
    before = _sizes(folder)
    total = database.size(start=b"\0", stop=b"\xff")
    done = 0
    for region in Region:
        for start, stop in _pieces(database, bytes([region]), bytes([region + 1])):
            yield Progress(min(done, total) >> 20, total >> 20, "MiB compacted")
            done += database.size(start=start, stop=stop)
            database.compact(start=start, stop=stop)
    after = _sizes(folder)
    return Compacted(
        tables_before=before[0],
        tables_after=after[0],
        logs_before=before[1],
        logs_after=after[1],
    )


COMPACT: Final = Upkeep("db/compact", CompactRequest, Compacted, compact)


def _sizes(folder: Path) -> tuple[int, int]:
    """Bytes of tables, and of LevelDB's own logs and lists."""
    tables = others = 0
    for path in folder.iterdir():
        try:
            size = path.stat().st_size
        except FileNotFoundError:  # it went in the meantime
            continue
        if path.suffix in {".ldb", ".sst"}:
            tables += size
        else:
            others += size
    return tables, others


def _pieces(database: KeyValue, start: bytes, stop: bytes) -> Iterator[tuple[bytes, bytes]]:
    """A range in parts of at most COMPACT_PIECE_BYTES, as far as 16 bytes of a key tell apart."""
    if database.size(start=start, stop=stop) <= limits.COMPACT_PIECE_BYTES:
        yield start, stop
        return
    low, high = (int.from_bytes(key.ljust(_KEY_BYTES, b"\0"), "big") for key in (start, stop))
    middle = ((low + high) // 2).to_bytes(_KEY_BYTES, "big")
    if not low < int.from_bytes(middle, "big") < high:
        yield start, stop
        return
    yield from _pieces(database, start, middle)
    yield from _pieces(database, middle, stop)
