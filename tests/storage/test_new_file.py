"""A new file: whole under its name, or not there."""

from __future__ import annotations

from pathlib import Path

import pytest

from primitives.errors import OperatorFault
from storage.new_file import new_file, part_of


def test_it_has_its_name_when_it_is_whole(tmp_path: Path) -> None:
    """Until then it is NAME.part."""
    path = tmp_path / "node.backup"
    with new_file(path) as file:
        file.write(b"all of it")
        assert not path.exists()
        assert part_of(path).name == "node.backup.part"
        assert part_of(path).exists()

    assert path.read_bytes() == b"all of it"
    assert list(tmp_path.iterdir()) == [path]


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    """Neither what was there before, nor what came in the meantime."""
    path = tmp_path / "node.backup"
    path.write_bytes(b"older")

    with (
        pytest.raises(OperatorFault, match="exists already; nothing is overwritten"),
        new_file(path),
    ):
        pass
    path.unlink()
    with (
        pytest.raises(OperatorFault, match="exists already; nothing is overwritten"),
        new_file(path),
    ):
        path.write_bytes(b"somebody else's")

    assert path.read_bytes() == b"somebody else's"
    assert list(tmp_path.iterdir()) == [path]


def test_a_fault_leaves_nothing(tmp_path: Path) -> None:
    """Ours or the disk's."""
    path = tmp_path / "node.backup"
    with (
        pytest.raises(OperatorFault, match="cannot be written: No space left on device"),
        new_file(path),
    ):
        raise OSError(28, "No space left on device")
    with pytest.raises(KeyboardInterrupt), new_file(path):
        raise KeyboardInterrupt

    assert list(tmp_path.iterdir()) == []


def test_what_a_crash_left_is_begun_anew(tmp_path: Path) -> None:
    """It has no name that anybody would take for a whole file's."""
    path = tmp_path / "node.backup"
    part_of(path).write_bytes(b"half of")
    with new_file(path) as file:
        file.write(b"all of it")

    assert path.read_bytes() == b"all of it"


def test_a_folder_is_not_made(tmp_path: Path) -> None:
    """A wrong path is said at once, not after an hour's work."""
    with (
        pytest.raises(OperatorFault, match=r"missing is no folder: make it first"),
        new_file(tmp_path / "missing" / "node.backup"),
    ):
        pass
