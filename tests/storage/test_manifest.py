"""LevelDB's list of its files, read as LevelDB reads it."""

import shutil
from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest

from kit.soak.acts import SMALL_BUFFER_BYTES
from storage import leveldb
from storage.leveldb import create_leveldb, open_leveldb
from storage.manifest import lacks


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database that has merged tables and was opened twice."""
    data, chance = tmp_path_factory.mktemp("leveldb") / "data", Random(4)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(leveldb._OPTIONS, "write_buffer_size", SMALL_BUFFER_BYTES)
        with create_leveldb(data) as database:
            for number in range(80):
                database.write({b"%d" % number: chance.randbytes(40_000)})
        with open_leveldb(data) as database:
            database.write({b"last": b"one"})
            database.compact(start=b"", stop=b"\xff")
    return data


@pytest.fixture
def folder(made: Path, tmp_path: Path) -> Path:
    """A copy of it."""
    shutil.copytree(made, tmp_path / "data")
    return tmp_path / "data"


def manifest(folder: Path) -> Path:
    return folder / (folder / "CURRENT").read_text().strip()


def test_a_sound_database_lacks_nothing(folder: Path) -> None:
    """Tables that were merged away are not asked for."""
    assert len(list(folder.glob("*.ldb"))) > 1
    assert lacks(folder) is None


def test_every_table_and_the_log_are_missed(folder: Path) -> None:
    """Each by its name; a table also by its size."""
    for path in [*folder.glob("*.ldb"), *folder.glob("*.log")]:
        aside = path.rename(folder.parent / "aside")
        assert str(lacks(folder)).startswith(f"{path.name} is missing")
        if path.suffix == ".ldb":
            size = aside.stat().st_size
            path.write_bytes(bytes(size + 1))
            assert lacks(folder) == f"{path.name} has {size + 1} bytes, expected {size}"
        shutil.move(aside, path)
    assert lacks(folder) is None


@pytest.mark.parametrize(
    "spoil",
    [
        lambda data: data[:0],
        lambda data: data[:-1],
        lambda data: data[:20],
        lambda data: data[:7] + b"\x63" + data[8:],
        lambda data: data[:6] + b"\x09" + data[7:],
        lambda data: bytes(len(data)),
    ],
)
def test_a_list_that_cannot_be_read_is_left_to_leveldb(
    folder: Path, spoil: Callable[[bytes], bytes]
) -> None:
    """Empty, cut off, of an unknown tag or type, zeros: no complaint of ours, and no crash."""
    path = manifest(folder)
    path.write_bytes(spoil(path.read_bytes()))

    found = lacks(folder)

    assert found is None or "is missing" in found


def test_a_folder_without_a_list_is_left_to_leveldb(tmp_path: Path) -> None:
    """No CURRENT, or one that names nothing."""
    assert lacks(tmp_path) is None
    (tmp_path / "CURRENT").write_bytes(b"\xff\xfe")
    assert lacks(tmp_path) is None
    (tmp_path / "CURRENT").write_bytes(b"MANIFEST-000009\n")
    assert lacks(tmp_path) is None
