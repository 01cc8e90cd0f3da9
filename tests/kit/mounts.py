"""File systems that are small, or fail: mounted for a test, and gone after it."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


@contextmanager
def small_disk(folder: Path, *, size: str) -> Iterator[Path]:
    """A tmpfs of this size on a folder, which is made."""
    folder.mkdir(parents=True, exist_ok=True)
    done = _run("mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder))
    if done.returncode != 0:
        reason = f"a small file system cannot be mounted: {done.stderr.strip()}"
        if os.environ.get("CI"):
            pytest.fail(f"{reason}; .ci/run does it as root")
        pytest.skip(reason)
    try:
        yield folder
    finally:
        _run("umount", "-l", str(folder))


def remount(folder: Path, options: str) -> None:
    """With other options: `ro`, `rw`, `size=2m`."""
    done = _run("mount", "-o", f"remount,{options}", str(folder))
    assert done.returncode == 0, done.stderr


class FaultyDisk:
    """An ext4 file system in a file. When it meets an error, the kernel makes it read-only."""

    def __init__(self, image: Path, folder: Path) -> None:
        self._image, self._folder = image, folder

    @classmethod
    @contextmanager
    def mounted(cls, image: Path, folder: Path) -> Iterator["FaultyDisk"]:
        """Make it and mount it; skips where the system has no such thing."""
        folder.mkdir(parents=True)
        with image.open("wb") as file:
            file.truncate(64 * 1024 * 1024)
        disk = cls(image, folder)
        made = _run("mkfs.ext4", "-q", str(image))
        problem = made.stderr or disk._mount()
        if problem:
            pytest.skip(f"no ext4 image can be mounted here: {problem.strip()}")
        try:
            yield disk
        finally:
            _run("umount", "-l", str(folder))

    def _mount(self) -> str:
        options = "loop,errors=remount-ro"
        return _run("mount", "-o", options, str(self._image), str(self._folder)).stderr

    def fail(self) -> None:
        """An error of the disk, as the kernel lets one be tried."""
        source = _run("findmnt", "-no", "SOURCE", str(self._folder)).stdout.strip()
        Path("/sys/fs/ext4", Path(source).name, "trigger_fs_error").write_text("1")

    def repair(self) -> None:
        """Check it, and mount it again: the work of the machine's operator."""
        _run("umount", str(self._folder))
        checked = _run("e2fsck", "-p", str(self._image))
        assert checked.returncode in {0, 1}, checked.stdout
        problem = self._mount()
        assert not problem, problem


def _run(*words: str) -> "subprocess.CompletedProcess[str]":
    try:
        return subprocess.run(words, capture_output=True, text=True, timeout=600, check=False)
    except FileNotFoundError as error:
        return subprocess.CompletedProcess(words, 127, "", str(error))
