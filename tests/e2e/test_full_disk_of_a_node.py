"""A validator of a real network whose disk fills up, or may not be written."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from cli.faults import ExitCode
from kit.localnet import START_S, Localnet
from kit.mounts import remount, small_disk
from primitives import limits

ROOM_BYTES = 64 * 1024 * 1024
"""What the validator's disk has beside the reserve."""


@pytest.fixture
def net(tmp_path: Path) -> Iterator[Localnet]:
    """The first validator has its database on a disk of its own."""
    made = Localnet.create(tmp_path / "net")
    size = str(limits.DISK_FREE_BYTES_MIN + ROOM_BYTES)
    with small_disk(made.folder(0) / "data", size=size):
        try:
            yield made
        finally:
            made.stop()


def last_words(net: Localnet) -> list[str]:
    return (net.folder(0) / "node.log").read_text().splitlines()


def without_figures(words: str) -> str:
    """How much is free depends on how much of the disk was filled at that moment."""
    return re.sub(r"[\d,]+ bytes are free", "… bytes are free", words)


def test_a_full_disk_ends_one_validator_in_order_and_nothing_is_lost(net: Localnet) -> None:
    """It says what is full and what to do, before a write fails; the others go on without it."""
    data = net.folder(0) / "data"
    net.start()
    net.wait(lambda: all(net.get(index, "/v1/ready")[0] == 200 for index in range(4)))
    status, first = net.submit(0, net.payment())
    assert (status, first["status"]) == (200, "final")

    (data / "hog").write_bytes(bytes(ROOM_BYTES))
    ended = net.processes.pop(0).wait(timeout=START_S)
    status, second = net.submit(1, net.payment())

    *log, said = last_words(net)
    assert ended == ExitCode.LOCAL_FAULT
    assert "disk.full" in [json.loads(line)["event"] for line in log]
    assert said.startswith(f"mithaq: the disk of {data} is nearly full: ")
    assert said.endswith(
        "bytes are free, a node needs 201,326,592; nothing is lost: make room, then start the "
        "node again"
    )
    assert (status, second["status"]) == (200, "final")

    net.start(0)
    assert net.processes.pop(0).wait(timeout=START_S) == ExitCode.LOCAL_FAULT
    *earlier, again = last_words(net)
    assert len(earlier) > len(log), "it said so once more"
    assert without_figures(again) == without_figures(said)

    (data / "hog").unlink()
    net.start(0)
    net.wait(lambda: net.height(0) >= net.height(1) > 0)
    status, third = net.submit(0, net.payment())
    assert (status, third["status"]) == (200, "final")
    net.wait(lambda: net.height(3) >= third["height"])
    for index, answer in ((0, first), (0, second), (3, third)):
        assert net.get(index, f"/v1/transactions/{answer['id']}")[1]["status"] == "final"


def test_a_read_only_disk_is_said_and_left_alone(net: Localnet) -> None:
    """Of the database, and of the whole folder."""
    folder = net.folder(0)
    net.start(0)
    net.wait(lambda: net.height(0) >= 0)
    net.kill(0)
    before = {path: path.read_bytes() for path in (folder / "data").iterdir()}

    remount(folder / "data", "ro")
    done = subprocess.run(
        [sys.executable, "-P", "-m", "cli", "start", str(folder)],
        capture_output=True,
        text=True,
        timeout=START_S,
        check=False,
    )

    assert (done.returncode, done.stdout) == (ExitCode.LOCAL_FAULT, "")
    assert done.stderr == (
        f"mithaq: {folder / 'data'} is on a file system that is mounted read-only: "
        "mount it for writing\n"
    )
    assert {path: path.read_bytes() for path in (folder / "data").iterdir()} == before
