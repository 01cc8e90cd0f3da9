"""Following a real network: metrics are scraped, and a stream outlives its nodes."""

from __future__ import annotations

import http.client
import json
import time
from pathlib import Path
from typing import Final

import pytest

from kit.localnet import ANSWER_S, START_S, Localnet

PAYMENTS: Final = 12


def scrape(net: Localnet, index: int) -> dict[str, float]:
    connection = http.client.HTTPConnection("127.0.0.1", net.base + 1000 + index, timeout=ANSWER_S)
    connection.request("GET", "/metrics")
    lines = connection.getresponse().read().decode().splitlines()
    connection.close()
    rows = (line.rpartition(" ") for line in lines if not line.startswith("#"))
    return {name: float(value) for name, _, value in rows}


def follow(net: Localnet, index: int, cursor: str, seen: list[tuple[str, str]], goal: int) -> str:
    """Read events into `seen` until there are so many; the last cursor.

    A node may be late and refuse, or let us wait: then it is asked for the rest.
    """
    end = time.monotonic() + START_S
    while len(seen) < goal:
        assert time.monotonic() < end, f"{len(seen)} of {goal} events"
        cursor = read_on(net, index, cursor, seen, goal)
    return cursor


def read_on(net: Localnet, index: int, cursor: str, seen: list[tuple[str, str]], goal: int) -> str:
    """The same, until the stream ends."""
    connection = http.client.HTTPConnection("127.0.0.1", net.base + 1000 + index, timeout=ANSWER_S)
    try:
        connection.request("GET", f"/v1/events?after={cursor}")
        answer = connection.getresponse()
        while len(seen) < goal and (line := answer.readline()):
            if line.startswith(b"data: "):
                said = json.loads(line[6:])
                cursor = said["cursor"]
                seen.append((cursor, said["event"]["reference"]))
    except (OSError, http.client.HTTPException):
        pass
    finally:
        connection.close()
    return cursor


@pytest.fixture
def net(tmp_path: Path) -> object:
    made = Localnet.create(tmp_path / "net")
    yield made
    made.stop()


def test_a_reader_goes_from_node_to_node_and_misses_nothing(net: Localnet) -> None:
    """One node is killed, started again, and asked for the rest; all nodes tell the same."""
    net.start()
    net.wait(lambda: all(net.get(index, "/v1/ready")[0] == 200 for index in range(4)))
    seen: list[tuple[str, str]] = []
    cursor = "0.0"
    for number in range(PAYMENTS):
        if number == PAYMENTS // 2:
            net.kill(1)
        assert net.submit(0, net.payment())[0] == 200
        if number < PAYMENTS // 2:
            cursor = follow(net, 1, cursor, seen, number + 1)
    cursor = follow(net, 2, cursor, seen, PAYMENTS - 2)
    net.start(1)
    net.wait(lambda: net.height(1) == net.height(0))
    follow(net, 1, cursor, seen, PAYMENTS)

    everything: list[tuple[str, str]] = []
    follow(net, 3, "0.0", everything, PAYMENTS)
    net.wait(lambda: scrape(net, 0)["mithaq_peers_connected"] >= 2)
    before, page, after = net.height(0), scrape(net, 0), net.height(0)

    assert seen == everything
    assert len({reference for _, reference in seen}) == PAYMENTS
    assert before <= page["mithaq_height"] <= after
    assert page["mithaq_transactions_decided_total"] == PAYMENTS
    assert page['mithaq_signatures_checked_total{of="transaction"}'] >= PAYMENTS
    for phase in ("check", "commit"):
        assert page[f'mithaq_phase_seconds_count{{phase="{phase}"}}'] > 0
    assert page["mithaq_loop_lag_seconds_count"] > 0


def test_a_node_ends_whole_while_it_streams(net: Localnet) -> None:
    """SIGTERM: the last chunk comes, and the process ends with 0 without waiting for its reader."""
    net.start(0)
    net.wait(lambda: net.height(0) == 0)
    net.wait(lambda: net.get(0, "/v1/accounts/" + "00" * 32)[0] == 404)  # it takes questions
    connection = http.client.HTTPConnection("127.0.0.1", net.base + 1000, timeout=ANSWER_S)
    connection.request("GET", "/v1/events")
    answer = connection.getresponse()
    first = answer.readline()

    process = net.processes.pop(0)
    process.terminate()
    rest = answer.read()  # IncompleteRead without the last chunk
    ended = process.wait(timeout=ANSWER_S)
    connection.close()

    beats = (first + rest).split(b"\n\n")  # one, and one more after a while
    assert first == b": heartbeat\n"
    assert set(beats[:-1]) == {b": heartbeat\nid: 0.0"}
    assert beats[-1] == b""
    assert ended == 0
