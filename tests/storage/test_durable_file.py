"""A durable file is one complete version, on disk as in memory."""

import stat
from pathlib import Path

import pytest

from primitives.errors import OperatorFault, StorageFault
from storage.durable_file import DiskFile, DurableFile, MemoryFile


@pytest.fixture(params=["disk", "memory"])
def file(request: pytest.FixtureRequest, tmp_path: Path) -> DurableFile:
    return MemoryFile() if request.param == "memory" else DiskFile(tmp_path / "memory")


def test_a_new_file_has_what_it_was_made_with(file: DurableFile) -> None:
    """Empty data is data; before it is made there is nothing."""
    assert file.read() is None

    file.create(b"")

    assert file.read() == b""


def test_a_file_is_made_once(file: DurableFile) -> None:
    """The second attempt is refused and changes nothing."""
    file.create(b"first")

    with pytest.raises(OperatorFault, match="exists already"):
        file.create(b"second")

    assert file.read() == b"first"


def test_a_replacement_takes_the_place_of_the_old_version(file: DurableFile) -> None:
    """Longer or shorter, nothing of the old one is left."""
    file.create(b"first")

    for data in (b"longer than the first", b"short"):
        file.replace(data)
        assert file.read() == data


def test_what_is_missing_is_never_replaced(file: DurableFile) -> None:
    """A running node that finds no signer's file must not make one (consensus.md §8)."""
    with pytest.raises(OperatorFault, match="is missing"):
        file.replace(b"data")

    assert file.read() is None


def test_another_object_reads_the_same_file(tmp_path: Path) -> None:
    """What is durable is in the file and nowhere else."""
    DiskFile(tmp_path / "memory").create(b"first")
    DiskFile(tmp_path / "memory").replace(b"second")

    assert DiskFile(tmp_path / "memory").read() == b"second"
    assert [path.name for path in tmp_path.iterdir()] == ["memory"]


def test_leftovers_of_a_crash_are_harmless(tmp_path: Path) -> None:
    """A half-written version beside the file is not read, and gives way to the next."""
    file = DiskFile(tmp_path / "memory")
    (tmp_path / ".memory.new").write_bytes(b"half of a long ver")

    file.create(b"first")
    assert file.read() == b"first"

    (tmp_path / ".memory.new").write_bytes(b"half of a long ver")
    assert file.read() == b"first"
    file.replace(b"2")
    assert file.read() == b"2"
    assert [path.name for path in tmp_path.iterdir()] == ["memory"]


def test_a_crash_between_the_names_is_harmless(tmp_path: Path) -> None:
    """Creating gives the file its name before it takes the other one away."""
    file = DiskFile(tmp_path / "memory")
    file.create(b"first")
    (tmp_path / ".memory.new").hardlink_to(tmp_path / "memory")

    with pytest.raises(OperatorFault, match="exists already"):
        file.create(b"second")

    assert file.read() == b"first"


def test_every_flipped_bit_is_noticed(tmp_path: Path) -> None:
    """What a validator remembers having signed is used whole or not at all."""
    file = DiskFile(tmp_path / "memory")
    file.create(b"height 7")
    sound = (tmp_path / "memory").read_bytes()

    for position in range(len(sound)):
        damaged = bytearray(sound)
        damaged[position] ^= 0x10
        (tmp_path / "memory").write_bytes(damaged)
        with pytest.raises(StorageFault, match="memory is damaged"):
            file.read()


def test_a_truncated_file_is_noticed(tmp_path: Path) -> None:
    """Also an empty one."""
    file = DiskFile(tmp_path / "memory")
    file.create(b"height 7")
    sound = (tmp_path / "memory").read_bytes()

    for length in range(len(sound)):
        (tmp_path / "memory").write_bytes(sound[:length])
        with pytest.raises(StorageFault, match="memory is damaged"):
            file.read()


def test_a_file_that_cannot_be_read_says_so(tmp_path: Path) -> None:
    """It is there, so it is not None."""
    (tmp_path / "memory").mkdir()

    with pytest.raises(OperatorFault, match="memory cannot be read: Is a directory"):
        DiskFile(tmp_path / "memory").read()


def test_a_missing_folder_says_so(tmp_path: Path) -> None:
    """The folder is made by whoever makes the node."""
    with pytest.raises(OperatorFault, match="memory cannot be made: No such file"):
        DiskFile(tmp_path / "nowhere" / "memory").create(b"")


def test_only_the_owner_reads_it(tmp_path: Path) -> None:
    """Also after a replacement."""
    file = DiskFile(tmp_path / "memory")
    file.create(b"first")
    made = stat.S_IMODE((tmp_path / "memory").stat().st_mode)
    file.replace(b"second")
    replaced = stat.S_IMODE((tmp_path / "memory").stat().st_mode)

    assert (made, replaced) == (0o600, 0o600)
