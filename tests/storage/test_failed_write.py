"""A write or a sync that fails is fatal: afterwards nobody knows what is on the disk (rule R38)."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from primitives.errors import StorageFault
from storage.durable_file import DiskFile

SCRIPT = """
import resource, sys
from pathlib import Path
from primitives.errors import StorageFault
from storage.leveldb import create_leveldb

with create_leveldb(Path(sys.argv[1])) as database:
    database.write({b"before": b"it is there"})
    resource.setrlimit(resource.RLIMIT_FSIZE, (4_096, resource.RLIM_INFINITY))
    for attempt in range(2):
        try:
            database.write({b"large": bytes(8_192)})
        except StorageFault as fault:
            print(fault)
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY,) * 2)
    print(database.get(b"before"), database.get(b"large"))
"""


def test_after_a_write_that_failed_a_database_takes_no_more(tmp_path: Path) -> None:
    """A real failure, of a file that may not grow: not even when there is room again."""
    words = [sys.executable, "-c", SCRIPT, str(tmp_path / "database")]

    done = subprocess.run(
        words,
        capture_output=True,
        text=True,
        timeout=600,
        check=True,
        cwd=Path(__file__).parents[2],
    )

    first, second, held = done.stdout.splitlines()
    assert first.startswith(f"a write failed: IO error: {tmp_path / 'database'}")
    assert second.startswith(f"{tmp_path / 'database'} takes no more writes: IO error")
    assert held == "b'it is there' None"


@pytest.mark.parametrize("failing", [1, 2])
def test_a_sync_of_the_signers_file_that_failed_goes_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failing: int
) -> None:
    """Of the new version, or of the folder that names it; what is read then is whole."""
    file = DiskFile(tmp_path / "memory")
    file.create(b"old")
    real, syncs = os.fsync, 0

    def failing_sync(descriptor: int) -> None:
        nonlocal syncs
        syncs += 1
        if syncs == failing:
            raise OSError(5, "Input/output error")
        real(descriptor)

    monkeypatch.setattr(os, "fsync", failing_sync)
    with pytest.raises(StorageFault, match="Input/output error"):
        file.replace(b"new")

    assert file.read() in (b"old", b"new")
