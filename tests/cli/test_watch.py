"""`status --watch`, and tables, in a terminal and outside of one."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cli.faults import ExitCode
from kit.desk import Desk, desk
from kit.terminal import in_terminal
from kit.tree import ROOT

CTRL_C = "\x03"


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Desk]:
    with desk(tmp_path / "home") as made:
        yield made


def test_a_terminal_shows_the_network_until_ctrl_c(office: Desk) -> None:
    """The view is drawn again in its place; a block made meanwhile shows; the exit code is 0."""
    words: list[str | Path] = [
        "status",
        "--watch",
        "--every",
        "0.1",
        "--node",
        office.url,
        "--home",
        office.home,
    ]
    with in_terminal(*words) as terminal:
        terminal.wait_for("HEIGHT")
        terminal.wait_for("Healthy at height")
        office.pay("--wait")
        block = office.chain.store.head().block_id.hex()[:8]
        terminal.wait_for(block)
        terminal.press(CTRL_C)

        assert terminal.ended() == ExitCode.OK
        assert "Traceback" not in terminal.seen


def test_a_program_reads_one_value_to_a_line(office: Desk) -> None:
    """Without a terminal nothing is drawn over."""
    words: list[str | Path] = [
        "status",
        "--watch",
        "--every",
        "0.1",
        "--json",
        "--node",
        office.url,
        "--home",
    ]
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", "cli", *words, str(office.home)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    with process:
        looks: list[Any] = []
        while len(looks) < 2:  # a busy machine may take longer than one look waits
            look = json.loads(process.stdout.readline())
            looks += [look] if look["present"] else []
        process.send_signal(signal.SIGINT)
        process.stdout.read()

        assert process.wait(30) == ExitCode.OK
    assert [look["height"] for look in looks] == [0, 0]
    assert looks[0]["nodes"][0]["answer_ms"] > 0


def test_a_table_has_colour_in_a_terminal_only(office: Desk) -> None:
    """The same words in both."""
    words: list[str | Path] = ["status", "--node", office.url, "--home", office.home]
    with in_terminal(*words) as terminal:
        assert terminal.ended() == ExitCode.OK
        drawn = terminal.seen
    plain = office.asking("status").out

    assert "\x1b[" in drawn
    assert "\x1b[" not in plain
    for word in ("NODE", "validator", "at work"):
        assert word in drawn
        assert word in plain


def test_a_terminal_that_can_only_write_gets_plain_text(
    office: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """TERM=dumb."""
    monkeypatch.setenv("TERM", "dumb")
    with in_terminal("keys", "list", "--home", office.home) as terminal:
        assert terminal.ended() == ExitCode.OK
    assert "treasury" in terminal.seen
