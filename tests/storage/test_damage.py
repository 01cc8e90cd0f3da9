"""Damage to LevelDB's files is an error, never another answer, and nothing is repaired.

A refused folder holds what it held, byte for byte, but for LevelDB's own notes (LOG, LOG.old) and
its lock, which it writes at every attempt to open; where our own look at the list of files refuses
first, not even these.
"""

import hashlib
import shutil
from pathlib import Path

import pytest

from kit.stored import chain_of, genesis, grow
from primitives.errors import MithaqError, OperatorFault, StorageFault
from storage.decision import Genesis
from storage.leveldb import create_leveldb, open_leveldb
from storage.opening import begin_or_open, create_database, open_database

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

    with pytest.raises(StorageFault) as caught:
        open_database(in_the_log, CHAIN)

    assert str(caught.value) == (
        f"the database in {in_the_log} is damaged (Corruption: checksum mismatch); nothing is "
        "repaired here: move the folder away, then restore a backup or a snapshot, or let the node "
        "fetch the chain from its peers; the signer's file stays where it is"
    )


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


@pytest.mark.parametrize(
    ("pattern", "words"),
    [
        ("*.log", r"\d+\.log is missing, and what was written since the last table with it"),
        ("*.ldb", r"\d+\.ldb is missing, a table of \d+ bytes"),
        ("MANIFEST-*", "CURRENT points to a non-existent file"),
        ("CURRENT", r"CURRENT is missing, and \d+\.ldb is there"),
    ],
)
def test_a_missing_file_keeps_the_database_from_opening(
    in_a_table: Path, pattern: str, words: str
) -> None:
    """LevelDB would begin anew without CURRENT, and without a log go back to the last table."""
    the_file(in_a_table, pattern).unlink()
    before = contents(in_a_table)

    with pytest.raises(StorageFault, match=words):
        open_database(in_a_table, CHAIN)
    with pytest.raises(StorageFault, match=words):
        begin_or_open(in_a_table, genesis())

    assert contents(in_a_table) == before


@pytest.mark.parametrize(
    ("network", "pattern", "words"),
    [
        ("other", "*.log", r"block 5 is \w+, block 6 names \w+ as its parent"),
        ("other", "*.ldb", r"\d+\.ldb has \d+ bytes, expected \d+"),
        ("other", "MANIFEST-*", r"\d+\.ldb has \d+ bytes, expected \d+"),
        ("test", "*.ldb", r"\d+\.ldb has \d+ bytes, expected \d+"),
        ("test", "MANIFEST-*", r"\d+\.ldb has \d+ bytes, expected \d+"),
    ],
)
def test_a_file_of_another_database_keeps_it_from_opening(
    tmp_path: Path, network: str, pattern: str, words: str
) -> None:
    """Of another chain, or of an older copy of this one; its checksums are right."""
    mine = in_a_table_and_the_log(tmp_path / "mine", genesis(), 5)
    other = in_a_table_and_the_log(
        tmp_path / "other", genesis(network), 5 if network != "test" else 4
    )
    shutil.copy(the_file(other, pattern), the_file(mine, pattern))
    before = contents(mine)

    with pytest.raises(StorageFault, match=words):
        open_database(mine, CHAIN)

    # The log was read into a table before our own checks could see what was in it.
    assert pattern == "*.log" or contents(mine) == before


def in_a_table_and_the_log(folder: Path, begun: Genesis, blocks: int) -> Path:
    """A chain whose last two blocks are in the log, the others in a table."""
    with create_database(folder, begun) as store:
        grow(store, blocks)
    with open_database(folder, chain_of(begun)) as store:
        grow(store, 2)
    return folder


def test_a_database_that_was_begun_and_never_written_is_begun_again(tmp_path: Path) -> None:
    """Power was lost before the genesis was there: nothing was promised, nothing is lost."""
    create_leveldb(tmp_path / "chain").close()

    with pytest.raises(OperatorFault, match="holds no chain"):
        open_database(tmp_path / "chain", CHAIN)
    with begin_or_open(tmp_path / "chain", genesis()) as store:
        assert store.head().height == 0
        grow(store, 1)
    with begin_or_open(tmp_path / "chain", genesis()) as store:
        assert store.head().height == 1


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
