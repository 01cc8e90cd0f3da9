"""The validators' accounts pass a motion, and the network of processes goes by it."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from kit.localnet import free_base_port
from kit.ministries import PATIENCE_S, Ministries

TEXT = "07" * 32


@pytest.fixture
def net(tmp_path: Path) -> Iterator[Ministries]:
    made = Ministries(tmp_path / "home")
    made.run("localnet", "up", "--base-port", str(free_base_port(4)))
    try:
        yield made
    finally:
        made.run("localnet", "down")


def parameter(net: Ministries, name: str) -> int:
    rows = net.run("query", "authority.parameters").result["rows"]
    return int(next(row["value"] for row in rows if row["name"] == name))


def height(net: Ministries) -> int:
    said = [node["status"] for node in net.status()["nodes"]]
    return max((int(status["height"]) for status in said if status), default=-1)


def test_a_motion_of_the_validators_changes_the_heartbeat(net: Ministries) -> None:
    """From one empty block a minute to one a second, without a restart."""
    governor = json.loads((net.home / "genesis.json").read_text())["governor"]
    calls, option = net.home / "calls.json", net.home / "option.json"
    change = json.dumps({"name": "heartbeat_ms", "value": 1_000})
    words = ("tx", "build", "authority.set_parameters", "--change", change)
    net.run(*words, "--actor", governor, "-o", calls)
    option.write_text(json.dumps({"code": "yes", "calls": str(calls)}))
    assert parameter(net, "heartbeat_ms") == 60_000

    opening = ("assembly.open_motion", "--key", "finance", "--body", governor, "--text", TEXT)
    more = ("--procedure", "law", "--option", option, "--closes-ms", "+15s", "--wait")
    opened = net.run("tx", "send", *opening, *more).result
    (motion,) = [event["motion"] for event in opened["receipt"]["events"]]
    for body in ("finance", "interior", "justice"):
        vote = ("assembly.vote", "--key", body, "--motion", motion, "--choice", "yes", "--wait")
        net.run("tx", "send", *vote)

    deadline = time.monotonic() + PATIENCE_S
    while parameter(net, "heartbeat_ms") != 1_000:
        assert time.monotonic() < deadline, "the motion was not carried out"
    before = height(net)
    while height(net) < before + 3:  # nobody pays: these blocks are empty
        assert time.monotonic() < deadline, "the heartbeat is the old one"
