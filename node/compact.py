"""Giving deleted rows' space back to the disk: LevelDB rewrites its tables, one region at a time.

LevelDB does this by itself in the course of time; a node that has just dropped years of history
need not wait for it. Reads and writes go on meanwhile.
"""

from pathlib import Path
from typing import Final, final

from msgspec import Struct

from node.premises import Premises, Upkeep
from node.work import Progress, Work
from primitives.ids import Natural
from storage.schema import Region


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
    """Every region, one after the other."""
    folder = premises.node.folder.data
    premises.store.head()  # a database that does not open as a chain is left as it is
    before = _sizes(folder)
    for done, region in enumerate(Region):
        yield Progress(done, len(Region), "regions")
        premises.database.compact(start=bytes([region]), stop=bytes([region + 1]))
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
