"""`db compact`: deleted rows' space goes back to the disk, and nothing else changes."""

from __future__ import annotations

from pathlib import Path

from kit.api import ChainOfOne
from kit.specimen import checked, specimen_chain
from node.compact import Compacted, CompactRequest, compact
from node.work import Progress, finish
from storage.leveldb import create_leveldb
from storage.schema import Region


def compacted(chain: ChainOfOne, heard: list[Progress]) -> Compacted:
    return finish(compact(chain.premises, CompactRequest()), heard.append)


def test_deleted_rows_give_their_space_back(tmp_path: Path) -> None:
    """The tables hold them until somebody rewrites them; every other row is as it was."""
    with create_leveldb(tmp_path / "data") as database:
        chain = specimen_chain(database, tmp_path)
        filling = {bytes([Region.NODE]) + b"zz" + bytes([n]): bytes([n]) * 50_000 for n in range(9)}
        database.write(filling)
        heard: list[Progress] = []
        first = compacted(chain, heard)
        database.write(dict.fromkeys(filling))
        rows = dict(database.iterate(start=b"", stop=b"\xff"))
        second = compacted(chain, heard)

        assert first.tables_after > 0
        assert second.tables_after < first.tables_after
        assert dict(database.iterate(start=b"", stop=b"\xff")) == rows
        assert checked(chain.chain, rows).damage == 0
        assert [progress.done for progress in heard] == [*range(16), *range(16)]
