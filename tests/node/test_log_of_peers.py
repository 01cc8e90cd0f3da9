"""What peers can make a node write: a bounded number of lines, and none of any length."""

from __future__ import annotations

import json
from typing import Any

import pytest

from node import log as node_log
from node.config import LogLevel
from node.log import Log
from primitives import limits


class Clock:
    """Seconds that pass when the test says so."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def lines(capfd: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capfd.readouterr().out.splitlines()]


def test_a_peer_causes_so_many_lines_and_then_a_few_each_minute(
    capfd: pytest.CaptureFixture[str],
) -> None:
    """LOG_LINES_AT_ONCE, then LOG_LINES_PER_MINUTE; the next line counts those left out."""
    clock = Clock()
    log = Log("node-1", LogLevel.INFO, clock)
    for _ in range(1_000):
        log.write.warning("peer.fault", peer="them", reason="bad")
    assert len(lines(capfd)) == limits.LOG_LINES_AT_ONCE

    clock.now += 60
    for _ in range(1_000):
        log.write.warning("peer.fault", peer="them", reason="bad")
    later = lines(capfd)
    assert len(later) == limits.LOG_LINES_PER_MINUTE
    assert later[0]["left_out"] == 1_000 - limits.LOG_LINES_AT_ONCE
    assert "left_out" not in later[1]


def test_each_peer_and_each_event_has_a_share_of_its_own(
    capfd: pytest.CaptureFixture[str],
) -> None:
    """A flood hides neither another peer's faults nor that the link went down."""
    log = Log("node-1", LogLevel.INFO)
    for _ in range(100):
        log.write.warning("peer.fault", peer="them")
    lines(capfd)

    log.write.warning("peer.fault", peer="another")
    log.write.info("link.down", peer="them")

    assert [one["event"] for one in lines(capfd)] == ["peer.fault", "link.down"]


def test_what_is_said_of_no_peer_is_always_said(
    capfd: pytest.CaptureFixture[str],
) -> None:
    """The chain's own transcript has no share."""
    log = Log("node-1", LogLevel.INFO)
    for height in range(500):
        log.write.info("block.decided", height=height)
    assert len(lines(capfd)) == 500


@pytest.mark.parametrize("event", ["block.refused", "transaction.poisonous"])
def test_what_anybody_can_bring_again_and_again_has_a_share_too(
    capfd: pytest.CaptureFixture[str], event: str
) -> None:
    """A proposal that is too early is refused at each delivery, whoever delivers it."""
    log = Log("node-1", LogLevel.INFO, Clock())
    for _ in range(1_000):
        log.write.warning(event, reason="7000 ms ahead")
    assert len(lines(capfd)) == limits.LOG_LINES_AT_ONCE


def test_a_reason_has_a_bounded_length(capfd: pytest.CaptureFixture[str]) -> None:
    """Whatever of a peer's bytes found its way into it: LOG_REASON_LENGTH_MAX and no more."""
    log = Log("node-1", LogLevel.INFO)
    for extra in (0, 1):
        reason = "x" * (limits.LOG_REASON_LENGTH_MAX + extra)
        log.write.warning("peer.fault", peer="them", reason=reason)
    assert [len(one["reason"]) for one in lines(capfd)] == [limits.LOG_REASON_LENGTH_MAX] * 2


def test_shares_that_are_remembered_are_bounded(
    capfd: pytest.CaptureFixture[str],
) -> None:
    """Peers that come and go fill no table."""
    log = Log("node-1", LogLevel.INFO)
    shares = next(one for one in log._processors if isinstance(one, node_log._PeerShares))
    for number in range(node_log._SHARES_MAX + 100):
        log.write.warning("peer.fault", peer=f"peer-{number}")
    lines(capfd)
    assert len(shares._shares) == node_log._SHARES_MAX
