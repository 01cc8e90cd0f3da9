"""SIGKILL at any moment: what had returned is there, and what is there is whole."""

import random
from pathlib import Path

from kit.mortal import killed_after, told, version
from kit.stored import chain_of, contradictions, genesis
from primitives.ids import Height
from storage.durable_file import DiskFile
from storage.leveldb import create_leveldb, open_leveldb
from storage.opening import create_database, open_database

KILLS = 20


def test_a_killed_node_finds_its_decisions_and_their_consequences(tmp_path: Path) -> None:
    """The head is at least the last height whose commit returned; nothing contradicts it."""
    folder, begun, chance = tmp_path / "chain", genesis(), random.Random(7)
    create_database(folder, begun).close()
    promised = 0

    for _ in range(KILLS):
        said = killed_after("commit", folder, lines=chance.randint(1, 12))
        promised = max(promised, *map(int, said))
        with open_database(folder, chain_of(begun)) as store:
            height = store.head().height
            assert promised <= height <= promised + 1
            promised = height
            assert store.votes(Height(height)) == []
            assert len(store.votes(Height(height + 1))) in {0, 2, 3}

    with open_database(folder, chain_of(begun)) as store:
        assert contradictions(store, begun) == []
        assert all(len(store.archive(Height(h))) == 1 for h in range(1, promised + 1))


def test_a_killed_signer_finds_one_complete_version(tmp_path: Path) -> None:
    """The last one whose replacement returned, or the one after it."""
    file, chance = DiskFile(tmp_path / "memory"), random.Random(8)
    file.create(version(0))

    for _ in range(KILLS):
        said = killed_after("replace", tmp_path, lines=chance.randint(1, 40))
        last = int(said[-1])
        assert file.read() in {version(last), version(last + 1)}


def test_a_full_disk_ends_all_writing(tmp_path: Path) -> None:
    """The write that failed is the last one, even if the next would fit; what returned is there."""
    create_leveldb(tmp_path / "database").close()

    *written, failure, refusal = told("fill", tmp_path / "database")

    assert failure == (
        f"a write failed: IO error: {tmp_path / 'database' / '000005.log'}: File too large; "
        "nothing final is lost: "
        "look into the system's log, then start the node again"
    )
    assert "takes no more writes" in refusal
    with open_leveldb(tmp_path / "database") as database:
        keys = [key for key, _ in database.iterate(start=b"", stop=b"\xff")]
    assert len(written) > 10
    assert keys == [b"%08d" % int(number) for number in written]


def test_a_full_disk_leaves_the_old_version(tmp_path: Path) -> None:
    """A replacement that failed is an error, and the file is what it was."""
    file = DiskFile(tmp_path / "memory")
    file.create(version(1))

    [said] = told("overwrite", tmp_path)

    assert said.startswith(
        f"a write to {tmp_path / 'memory'} failed: File too large; nothing final"
    )
    assert file.read() == version(1)
