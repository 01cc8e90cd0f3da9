"""Disks that fill up or turn read-only under a validator: one sentence, and nothing is lost."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from kit import alone
from kit.mounts import FaultyDisk, remount, small_disk
from kit.soak.acts import judge_chain
from kit.stored import vote
from kit.wholeness import Twin
from primitives.errors import OperatorFault, StorageFault
from storage.durable_file import DiskFile
from storage.leveldb import create_leveldb
from storage.opening import open_database

HEIGHTS_MAX = 500
"""More than a megabyte holds."""


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """Of one megabyte, with a validator's folder."""
    with small_disk(tmp_path / "disk", size="1m") as folder:
        alone.begin(folder)
        yield folder


def end_of(folder: Path) -> tuple[int, StorageFault]:
    """Decide until it fails: the last height that was durable, and why the next is not."""
    with alone.awake(folder) as validator:
        for _ in range(HEIGHTS_MAX):
            height = validator.height
            try:
                validator.decide()
            except StorageFault as fault:
                if "signer.state" not in str(fault):
                    with pytest.raises(StorageFault, match="takes no more writes"):
                        validator.store.append([vote(height + 1, 9)], {})
                return height, fault
    raise AssertionError(f"{HEIGHTS_MAX} blocks found room")


def test_a_disk_that_fills_up_ends_the_validator_and_loses_nothing(disk: Path) -> None:
    """Database and signer's file on one disk, whichever write is the first that fails."""
    promised, fault = end_of(disk)

    assert "No space left on device; nothing final is lost: " in str(fault)
    assert "bytes are free there; make room, then start the node again" in str(fault)
    with pytest.raises(OperatorFault, match="No space left on device; nothing final is lost"):
        open_database(disk / "data", alone.CHAIN)
    remount(disk, "size=8m")
    assert judge_chain(disk, promised, Twin()).strange == []


def test_a_full_disk_leaves_the_signers_file_as_it_was(tmp_path: Path) -> None:
    """The new version is written beside it, and fails there."""
    with small_disk(tmp_path / "disk", size="64k") as folder:
        file = DiskFile(folder / "memory")
        file.create(b"old")
        (folder / "hog").write_bytes(bytes(40_000))

        with pytest.raises(StorageFault) as caught:
            file.replace(bytes(40_000))
        (folder / "hog").unlink()

        assert str(caught.value).startswith(
            f"a write to {folder / 'memory'} failed: No space left on device; nothing final is lost"
        )
        assert file.read() == b"old"
        file.replace(b"new")
        assert file.read() == b"new"


def test_a_read_only_disk_is_named_before_anything_is_tried(disk: Path) -> None:
    """Not as a folder of another user, which is what the permissions look like."""
    with alone.awake(disk) as validator:
        promised = validator.decide()
    remount(disk, "ro")
    message = f"{disk / 'data'} is on a file system that is mounted read-only: mount it for writing"

    with pytest.raises(OperatorFault) as at_opening:
        open_database(disk / "data", alone.CHAIN)
    with pytest.raises(OperatorFault) as at_beginning:
        create_leveldb(disk / "data")

    assert str(at_opening.value) == str(at_beginning.value) == message
    remount(disk, "rw")
    assert judge_chain(disk, promised, Twin()).strange == []


def test_a_disk_that_fails_under_a_validator_ends_it_and_loses_nothing(tmp_path: Path) -> None:
    """The kernel makes it read-only at an error, as ext4 does it on most servers."""
    with FaultyDisk.mounted(tmp_path / "image", tmp_path / "disk") as faulty:
        folder = tmp_path / "disk"
        alone.begin(folder)
        with alone.awake(folder) as validator:
            promised = validator.decide()
            faulty.fail()
            with pytest.raises(StorageFault) as caught:
                validator.decide()
        with pytest.raises(OperatorFault, match="Read-only file system; nothing final is lost"):
            open_database(folder / "data", alone.CHAIN)
        faulty.repair()

        assert "Read-only file system; nothing final is lost: the system has made this file" in str(
            caught.value
        )
        assert judge_chain(folder, promised, Twin()).strange == []


@pytest.mark.parametrize("name", ["data", "signer.state"])
def test_a_folder_in_the_place_of_a_file_and_the_other_way_round(tmp_path: Path, name: str) -> None:
    """Said as what it is."""
    alone.begin(tmp_path)
    whole = tmp_path / name
    whole.rename(tmp_path / "aside")
    if name == "data":
        whole.write_bytes(b"")
    else:
        whole.mkdir()

    with pytest.raises(OperatorFault) as caught, alone.awake(tmp_path):
        pass

    assert str(caught.value) in {
        f"{whole} is not a folder",
        f"{whole} cannot be read: Is a directory",
    }
