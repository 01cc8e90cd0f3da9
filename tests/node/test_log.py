"""The log: one JSON object a line, from a level that changes while the node runs."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest
import structlog

from node.config import LogLevel
from node.log import Log


def lines(capfd: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capfd.readouterr().out.splitlines()]


def say_everything(log: Log) -> None:
    log.write.debug("a.detail", number=1)
    log.write.info("block.decided", height=7, block=bytes([0xAB, 0xCD]))
    log.write.warning("peer.fault", reason="two\nlines")
    log.write.error("api.request_failed")


def test_a_line_is_one_object(capfd: pytest.CaptureFixture[str]) -> None:
    """With node, level, time in UTC, and the facts; bytes in hexadecimal."""
    say_everything(Log("finance", LogLevel.INFO))

    decided, fault, _ = lines(capfd)

    assert decided.pop("timestamp").endswith("Z")
    assert decided == {
        "node": "finance",
        "event": "block.decided",
        "level": "info",
        "height": 7,
        "block": "abcd",
    }
    assert fault["reason"] == "two\nlines"


def test_the_loggers_of_the_api_write_there_too(capfd: pytest.CaptureFixture[str]) -> None:
    """They were made before there was a node: same form, same level, failures included."""
    early = structlog.get_logger("api")
    log = Log("finance", LogLevel.INFO)
    log.for_all()
    try:
        early.debug("work.detail")
        early.info("work.began", work="db/check")
        try:
            raise ValueError("of ours")
        except ValueError as error:
            early.error("api.request_failed", exc_info=error)
    finally:
        structlog.reset_defaults()

    began, failed = lines(capfd)
    assert (began["node"], began["event"], began["work"]) == ("finance", "work.began", "db/check")
    assert (failed["level"], "of ours" in failed["exception"]) == ("error", True)


@pytest.mark.parametrize(
    ("level", "count"), [("debug", 4), ("info", 3), ("warning", 2), ("error", 1)]
)
def test_the_level_changes_at_run_time(
    level: str, count: int, capfd: pytest.CaptureFixture[str]
) -> None:
    """From the next line on, and back again."""
    log = Log("finance", LogLevel.ERROR)
    say_everything(log)
    log.level = LogLevel(level)
    say_everything(log)
    log.level = LogLevel.ERROR
    say_everything(log)

    assert len(lines(capfd)) == 1 + count + 1


def test_a_log_that_nobody_keeps_ends_no_node(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Lines are lost where standard output is on a full disk; the first after it counts them."""
    with open("/dev/full", "w") as full, (tmp_path / "node.log").open("w") as roomy:
        monkeypatch.setattr(sys, "stdout", full)
        log = Log("finance", LogLevel.INFO)

        say_everything(log)
        os.dup2(roomy.fileno(), full.fileno())
        log.write.info("chain.went_on")

    lost, after = [json.loads(line) for line in (tmp_path / "node.log").read_text().splitlines()]
    assert lost == {"node": "finance", "event": "log.lost", "level": "warning", "lines": 3}
    assert after["event"] == "chain.went_on"


def test_a_line_that_was_cut_off_spoils_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk may take half a line; the next one begins on its own."""
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    with os.fdopen(writing, "w") as narrow:
        monkeypatch.setattr(sys, "stdout", narrow)
        log = Log("finance", LogLevel.INFO)
        for number in range(20):
            log.write.info("block.decided", number=number, padding="x" * 5_000)
        taken = os.read(reading, 1_000_000)
        log.write.info("chain.went_on")
        taken += os.read(reading, 1_000_000)
    os.close(reading)

    *whole, torn, lost, after = taken.decode().splitlines()

    assert [json.loads(line)["number"] for line in whole] == list(range(len(whole)))
    assert torn.startswith('{"node": "finance"') or not whole
    assert json.loads(lost)["lines"] == 20 - len(whole)
    assert json.loads(after)["event"] == "chain.went_on"
