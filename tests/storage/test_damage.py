"""A flipped byte in LevelDB's files is an error, never another answer, and nothing is repaired."""

import hashlib
import shutil
from pathlib import Path

import pytest

from kit.stored import chain_of, genesis, grow
from primitives.errors import MithaqError, OperatorFault, StorageFault
from storage.leveldb import open_leveldb
from storage.opening import create_database, open_database

CHAIN = chain_of(genesis())
OWN_NOTES = {"LOCK", "LOG", "LOG.old"}
"""What LevelDB writes at each attempt to open, without any data of ours."""


def contents(folder: Path) -> dict[str, str]:
    return {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.iterdir()
        if path.name not in OWN_NOTES
    }


def the_file(folder: Path, pattern: str) -> Path:
    return max(folder.glob(pattern), key=lambda path: path.stat().st_size)


def flip(file: Path, position: int) -> None:
    data = bytearray(file.read_bytes())
    data[position] ^= 0x01
    file.write_bytes(data)


@pytest.fixture
def in_the_log(tmp_path: Path) -> Path:
    """A chain whose blocks are still in LevelDB's log."""
    with create_database(tmp_path / "chain", genesis()) as store:
        grow(store, 5)
    return tmp_path / "chain"


@pytest.fixture
def in_a_table(in_the_log: Path) -> Path:
    """A chain whose blocks are in a table: opening writes what the log held into one."""
    open_database(in_the_log, CHAIN).close()
    return in_the_log


@pytest.mark.parametrize("pattern", ["*.log", "MANIFEST-*", "CURRENT"])
def test_a_flipped_byte_keeps_the_database_from_opening(in_the_log: Path, pattern: str) -> None:
    """The message names the folder, and what was there is there for whoever looks into it."""
    size = the_file(in_the_log, pattern).stat().st_size

    for position in {0, size // 3, size // 2, size - 1}:
        folder = in_the_log.parent / f"flipped {position}"
        shutil.copytree(in_the_log, folder)
        flip(the_file(folder, pattern), position)
        before = contents(folder)

        with pytest.raises(MithaqError) as caught:
            open_database(folder, CHAIN)

        assert isinstance(caught.value, StorageFault | OperatorFault)
        assert str(folder) in str(caught.value)
        assert contents(folder) == before


def test_the_operator_is_told_what_to_do(in_the_log: Path) -> None:
    """A repair would keep what it can read and forget the rest."""
    flip(the_file(in_the_log, "*.log"), 100)

    with pytest.raises(StorageFault, match=r"never repaired: move .* keep the signer's file"):
        open_database(in_the_log, CHAIN)


def test_a_flipped_byte_in_a_table_is_found_by_whoever_reads_it(in_a_table: Path) -> None:
    """At opening or at the first read of its block; no read ever gives other bytes."""
    with open_leveldb(in_a_table) as database:
        sound = list(database.iterate(start=b"", stop=b"\xff"))
    size = the_file(in_a_table, "*.ldb").stat().st_size
    told: list[str] = []

    for position in range(0, size, size // 40):
        folder = in_a_table.parent / f"flipped {position}"
        shutil.copytree(in_a_table, folder)
        flip(the_file(folder, "*.ldb"), position)
        try:
            with open_leveldb(folder) as database:
                single = [database.get(key) for key, _ in sound]
                assert single == [value for _, value in sound]
                assert list(database.iterate(start=b"", stop=b"\xff")) == sound
        except StorageFault as error:
            told.append(str(error))

    # Bytes between the blocks are of no use to LevelDB; a flip there changes no answer.
    assert len(told) > 30
    assert [message for message in told if str(in_a_table.parent) not in message] == []


def test_a_missing_table_is_noticed(in_a_table: Path) -> None:
    """LevelDB knows its files by name."""
    the_file(in_a_table, "*.ldb").unlink()

    with pytest.raises(StorageFault, match="missing files"):
        open_database(in_a_table, CHAIN)


def test_a_write_that_was_cut_off_never_happened(in_the_log: Path) -> None:
    """The end of the log as a loss of power leaves it: the head is an older, whole one."""
    log = the_file(in_the_log, "*.log")
    sound = log.read_bytes()
    heights = set()

    for length in range(len(sound) * 2 // 3, len(sound), len(sound) // 20):
        folder = in_the_log.parent / f"cut {length}"
        shutil.copytree(in_the_log, folder)
        (folder / log.name).write_bytes(sound[:length])
        with open_database(folder, CHAIN) as store:
            heights.add(store.head().height)

    assert heights <= {2, 3, 4}
    assert len(heights) > 1
