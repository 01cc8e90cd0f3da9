"""A disk that is full under a command: one sentence, exit code 6, and no half of a file."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from cli.faults import ExitCode
from kit.commandline import mithaq
from kit.mounts import small_disk

PAGE = bytes(4_096)
PAGES = 16


@pytest.fixture
def full(tmp_path: Path) -> Iterator[Path]:
    """A folder on it, and the file that fills it."""
    with small_disk(tmp_path / "disk", size=str(PAGES * len(PAGE))) as disk:
        folder = disk / "folder"
        folder.mkdir()
        (disk / "hog").write_bytes(PAGE * PAGES)
        yield folder


@pytest.mark.parametrize(
    ("words", "file"),
    [
        (["init", "HERE", "--name", "finance"], "node.key"),
        (["keys", "new", "treasury", "--home", "HERE"], "keys/treasury.key"),
        (["testnet", "--output", "HERE"], "keys/treasury.key"),
    ],
)
def test_a_file_is_made_whole_or_not_at_all(full: Path, words: list[str], file: str) -> None:
    """A second attempt, with room, is not told that the file exists already."""
    asked = [word.replace("HERE", str(full)) for word in words]

    done = mithaq(*asked)

    assert done.code == ExitCode.LOCAL_FAULT
    assert done.err.count("\n") == 1
    assert str(full / file) in done.err
    assert "No space left on device" in done.err
    assert [path for path in full.rglob("*") if path.is_file()] == []
    (full.parent / "hog").unlink()
    if words[0] != "testnet":  # more than this disk holds
        assert mithaq(*asked).code == ExitCode.OK
