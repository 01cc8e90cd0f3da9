"""A validator whose clock is set back by hours, and ahead, on a real network."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kit.clocks import WrongClock
from kit.localnet import Localnet

HOURS = 3
PAYMENTS = 4
"""Each is a block, and each validator the primary of one."""


@pytest.fixture
def net(tmp_path: Path) -> Iterator[Localnet]:
    made = Localnet.create(tmp_path / "net")
    try:
        yield made
    finally:
        made.stop()


def status(net: Localnet, index: int) -> Any:  # noqa: ANN401 - JSON
    code, answer = net.get(index, "/v1/status")
    assert code == 200
    return answer


def pay(net: Localnet, count: int) -> None:
    for _ in range(count):
        code, answer = net.submit(0, net.payment())
        assert (code, answer["status"]) == (200, "final")


def pay_until_it_says(net: Localnet, hours: int) -> None:
    """So far ahead the last node's clock is, or right if 0."""
    ahead_ms = 0
    for _ in range(5 * PAYMENTS):
        pay(net, 1)
        net.wait(lambda: net.height(3) >= net.height(0))
        ahead_ms = status(net, 3)["clock_ahead_ms"] or 0
        if abs(ahead_ms - hours * 3_600_000) < 60_000:
            return
    raise AssertionError(f"after {5 * PAYMENTS} payments it says {ahead_ms} ms")


def test_a_clock_that_is_set_back_and_ahead_by_hours_stops_nobody(
    net: Localnet, tmp_path: Path
) -> None:
    """The chain's time goes on with the others', the node says that its clock is off, and why.

    R16 and R44: its vote is missing while it is behind, its proposals while it is ahead. When its
    clock is right again it votes, and takes payments, as before.
    """
    clock = WrongClock(tmp_path / "clock")
    net.environment[3] = clock.environment
    net.start()
    net.wait(lambda: all(net.get(index, "/v1/ready")[0] == 200 for index in range(4)))
    pay(net, PAYMENTS)
    assert status(net, 3)["clock_ahead_ms"] is None

    for hours in (-HOURS, HOURS):
        clock.set(hours * 3_600)
        pay_until_it_says(net, hours)
        pay(net, PAYMENTS)
        ready, answer = net.get(3, "/v1/ready")
        words = f"its clock is 180 min {'ahead' if hours > 0 else 'behind'}"
        assert ready == 503
        assert words in [reason[: len(words)] for reason in answer["reasons"]]
        assert all(status(net, index)["clock_ahead_ms"] is None for index in range(3))
        net.wait(lambda: net.height(3) >= net.height(0))

    clock.set(0)
    pay_until_it_says(net, 0)
    code, answer = net.submit(3, net.payment())
    assert (code, answer["status"]) == (200, "final")
    net.kill(1)  # now it needs the vote of the one whose clock was wrong
    pay(net, PAYMENTS)

    heights = range(1, net.height(0) + 1)
    headers = [net.get(0, f"/v1/blocks/{height}")[1]["header"] for height in heights]
    times = [header["time_ms"] for header in headers]
    assert times == sorted(set(times))
    assert abs(times[-1] - time.time() * 1_000) < 60_000
    log = [json.loads(line) for line in (net.folder(3) / "node.log").read_text().splitlines()]
    assert [line["event"] for line in log if line["event"].startswith("clock.")][
        -1
    ] == "clock.right"
    assert not [line for line in log if line["event"] in {"peer.fault", "consensus.equivocation"}]
