"""`db compact`: deleted rows' space goes back to the disk, and nothing else changes."""

from __future__ import annotations

from pathlib import Path
from random import Random

from kit.api import ChainOfOne
from kit.specimen import checked, specimen_chain
from node.compact import Compacted, CompactRequest, compact
from node.work import Progress, finish
from primitives import limits
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
        assert {progress.what for progress in heard} == {"MiB compacted"}


def test_a_large_region_is_compacted_in_pieces(tmp_path: Path) -> None:
    """Of COMPACT_PIECE_BYTES at most: between two of them it can be stopped."""
    with create_leveldb(tmp_path / "data") as database:
        chain = specimen_chain(database, tmp_path)
        random = Random(7)
        size = limits.COMPACT_PIECE_BYTES // 16
        for number in range(40):
            key = bytes([Region.NODE]) + number.to_bytes(8, "big") + b"zz"
            database.write({key: random.randbytes(size)})
        heard: list[Progress] = []
        compacted(chain, heard)
        heard.clear()
        compacted(chain, heard)

        assert len(heard) >= len(Region) + 2
        assert [progress.done for progress in heard] == sorted(progress.done for progress in heard)
