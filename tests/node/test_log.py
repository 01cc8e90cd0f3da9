"""The log: one JSON object a line, from a level that changes while the node runs."""

from __future__ import annotations

import json
from typing import Any

import pytest

from node.config import LogLevel
from node.log import Log


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def say_everything(log: Log) -> None:
    log.write.debug("a.detail", number=1)
    log.write.info("block.decided", height=7, block=bytes([0xAB, 0xCD]))
    log.write.warning("peer.fault", reason="two\nlines")
    log.write.error("api.request_failed")


def test_a_line_is_one_object(capsys: pytest.CaptureFixture[str]) -> None:
    """With node, level, time in UTC, and the facts; bytes in hexadecimal."""
    say_everything(Log("finance", LogLevel.INFO))

    decided, fault, _ = lines(capsys)

    assert decided.pop("timestamp").endswith("Z")
    assert decided == {
        "node": "finance",
        "event": "block.decided",
        "level": "info",
        "height": 7,
        "block": "abcd",
    }
    assert fault["reason"] == "two\nlines"


@pytest.mark.parametrize(
    ("level", "count"), [("debug", 4), ("info", 3), ("warning", 2), ("error", 1)]
)
def test_the_level_changes_at_run_time(
    level: str, count: int, capsys: pytest.CaptureFixture[str]
) -> None:
    """From the next line on, and back again."""
    log = Log("finance", LogLevel.ERROR)
    say_everything(log)
    log.level = LogLevel(level)
    say_everything(log)
    log.level = LogLevel.ERROR
    say_everything(log)

    assert len(lines(capsys)) == 1 + count + 1
