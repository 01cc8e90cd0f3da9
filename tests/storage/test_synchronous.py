"""Nothing returns before the disk has it. A kill cannot show that: the kernel survives it."""

import os
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import plyvel
import pytest

from kit.soak.acts import SMALL_BUFFER_BYTES
from kit.stored import genesis, grow, vote
from storage import leveldb
from storage.durable_file import DiskFile
from storage.leveldb import create_leveldb
from storage.opening import create_database


def test_every_write_is_one_synchronous_transaction(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Genesis, votes and decisions: one batch each, all with the options of consensus.md §7."""
    opened: list[dict[str, object]] = []
    batches: list[dict[str, object]] = []

    class Watched:
        """LevelDB itself, with a note of each option that it was given."""

        def __init__(self, *folder: str, **options: object) -> None:
            opened.append(options)
            self._db = real(*folder, **options)

        def write_batch(self, **options: object) -> object:
            batches.append(options)
            return self._db.write_batch(**options)

        def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever plyvel has there
            assert name in {"get", "iterator", "snapshot", "close"}, f"{name} goes past the watch"
            return getattr(self._db, name)

    real: Callable[..., Any] = plyvel.DB
    monkeypatch.setattr(plyvel, "DB", Watched)
    with create_database(tmp_path / "chain", genesis()) as store:
        store.append([vote(1, 0), vote(1, 1)], {})
        grow(store, 2)

    assert batches == [{"transaction": True, "sync": True}] * 4
    [options] = opened
    assert options["paranoid_checks"] is True
    assert options["write_buffer_size"] == 64 * 1024 * 1024


def test_a_batch_that_raises_half_way_writes_nothing(tmp_path: Path) -> None:
    """plyvel's default would write the first half."""
    with create_leveldb(tmp_path / "database") as database:
        wrong: Any = {b"a": b"1", b"b": 2}
        with pytest.raises(TypeError):
            database.write(wrong)

        assert list(database.iterate(start=b"", stop=b"\xff")) == []


@pytest.mark.parametrize("act", ["create", "replace"])
def test_a_new_version_is_synced_before_it_has_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, act: str
) -> None:
    """The file, then its name, then the folder that holds the name."""
    file = DiskFile(tmp_path / "memory")
    if act == "replace":
        file.create(b"first")
    deeds: list[str] = []

    def watch(name: str) -> None:
        real: Callable[..., Any] = getattr(os, name)

        def watched(*arguments: Any) -> Any:  # noqa: ANN401 - passed on as they are
            what = name
            if name == "fsync":
                what += " " + Path(f"/proc/self/fd/{arguments[0]}").readlink().name
            deeds.append(what)
            return real(*arguments)

        monkeypatch.setattr(os, name, watched)

    for name in ("fsync", "link", "replace"):
        watch(name)
    getattr(file, act)(b"second")

    named = "link" if act == "create" else "replace"
    assert deeds == ["fsync .memory.new", named, f"fsync {tmp_path.name}"]
    assert file.read() == b"second"


def test_new_folders_are_synced_into_the_folders_above(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A database in a folder that is gone after a loss of power is gone itself."""
    synced: list[str] = []
    real = os.fsync

    def watched(descriptor: int) -> None:
        synced.append(Path(f"/proc/self/fd/{descriptor}").readlink().name)
        real(descriptor)

    monkeypatch.setattr(os, "fsync", watched)
    create_leveldb(tmp_path / "home" / "chain").close()
    create_leveldb(tmp_path / "home" / "chain").close()

    # Each time also the folder of the database itself: CURRENT was put in its place.
    assert sorted(synced) == sorted([tmp_path.name, "home", "chain", "chain"])


def test_a_new_log_is_synced_into_its_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """LevelDB syncs what it writes into a log, and not the folder that names it."""
    synced: list[int] = []
    real = os.fsync

    def watched(descriptor: int) -> None:
        synced.append(len(list(tmp_path.glob("*.log"))))
        real(descriptor)

    monkeypatch.setitem(leveldb._OPTIONS, "write_buffer_size", SMALL_BUFFER_BYTES)
    with create_leveldb(tmp_path) as database:
        monkeypatch.setattr(os, "fsync", watched)
        for number in range(16):
            database.write({b"%d" % number: Random(number).randbytes(10_000)})
        logs = (tmp_path / "LOG").read_text().count("Level-0 table")

    # Each write is a seventh of the buffer: the eighth begins a new log, and so does the fifteenth,
    # which waits until the buffer of the first is a table.
    assert len(synced) == 2
    assert logs > 0


def test_a_log_that_is_merged_away_while_it_is_looked_for_costs_a_sync(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`mithaq db compact` on a running node: its writes go on, each in a log that is synced, and
    synced after it was found."""
    real, deeds = Path.glob, list[str]()

    with create_leveldb(tmp_path) as database:

        def glob(folder: Path, pattern: str) -> Any:  # noqa: ANN401 - what pathlib gives
            deeds.append("looked")
            found = list(real(folder, pattern))
            database.compact(start=b"", stop=b"\xff")
            return found if deeds == ["looked"] else []

        database.write({b"1": b"in the first log"})
        database.compact(start=b"", stop=b"\xff")
        monkeypatch.setattr(leveldb, "sync_folder", lambda _: deeds.append("synced"))
        monkeypatch.setattr(Path, "glob", glob)
        for number in (2, 3, 4):
            database.write({b"%d" % number: b"in another"})
        monkeypatch.setattr(Path, "glob", real)
        database.write({b"5": b"in a log that is found"})
        database.write({b"6": b"in the same"})
        rows = len(list(database.iterate(start=b"", stop=b"\xff")))

    assert rows == 6
    assert deeds == ["looked", "synced"] * 3 + ["synced"]
