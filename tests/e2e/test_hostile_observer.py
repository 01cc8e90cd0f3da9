"""An admitted observer does its worst to four validators; the chain goes on as before."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from kit.localnet import Localnet
from kit.tree import ROOT
from node.folder import load_node
from p2p.peers import peer_id_of
from primitives.ids import NodeKey

OBSERVER = 4
PAYMENTS = 10
SLACK_S = 2.0
"""Four nodes, their load and the attack share the cores of this machine: a view may pass."""


@pytest.fixture
def net(tmp_path: Path) -> Iterator[Localnet]:
    made = Localnet.create(tmp_path / "home", observers=1)
    try:
        made.start(*range(OBSERVER))
        made.wait(lambda: all(made.get(index, "/v1/ready")[0] == 200 for index in range(OBSERVER)))
        yield made
    finally:
        made.stop()


@contextmanager
def attacked(net: Localnet) -> Iterator[subprocess.Popen[str]]:
    """All floods at once, from the observer's own folder."""
    process = subprocess.Popen(
        [sys.executable, "-m", "kit.hostile_observer", str(net.folder(OBSERVER))],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "tests")])},
        stderr=subprocess.PIPE,
        text=True,
    )
    with process:
        try:
            while tally(process).get("comings", 0) == 0:  # it is at work, on every node
                pass
            yield process
        finally:
            process.kill()


def tally(process: subprocess.Popen[str]) -> dict[str, int]:
    """What the attack got through until its next second."""
    assert process.stderr is not None
    found: dict[str, int] = json.loads(process.stderr.readline())
    return found


def paces_s(net: Localnet) -> list[float]:
    """From a payment's submission to its finality, one after the other."""
    paces = []
    for number in range(PAYMENTS):
        began = time.monotonic()
        status, answer = net.submit(number % OBSERVER, net.payment())
        assert (status, answer["status"]) == (200, "final"), answer
        paces.append(time.monotonic() - began)
    return paces


def memory_mb(net: Localnet, index: int) -> int:
    lines = Path(f"/proc/{net.processes[index].pid}/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmRSS")).split()[1]) // 1024


def descriptors(net: Localnet, index: int) -> int:
    return len(os.listdir(f"/proc/{net.processes[index].pid}/fd"))


def log_of(net: Localnet, index: int) -> str:
    return (net.folder(index) / "node.log").read_text()


def test_the_chain_keeps_its_pace_under_every_flood_of_an_admitted_observer(net: Localnet) -> None:
    """Pace, memory, descriptors and logs stay where they were, and no honest link breaks."""
    calm = statistics.median(paces_s(net))
    held = [(memory_mb(net, index), descriptors(net, index)) for index in range(OBSERVER)]
    logged = [len(log_of(net, index)) for index in range(OBSERVER)]

    with attacked(net) as process:
        flooded = statistics.median(paces_s(net))
        assert tally(process)["comings"] > 0
        assert process.poll() is None
    calm = max(calm, statistics.median(paces_s(net)))  # others may have begun to use the machine
    assert flooded <= 3 * calm + SLACK_S, (calm, flooded)

    net.wait(
        lambda: all(descriptors(net, index) <= held[index][1] + 2 for index in range(OBSERVER))
    )
    for index in range(OBSERVER):
        assert memory_mb(net, index) <= held[index][0] + 64
        said = log_of(net, index)[logged[index] :]
        assert len(said) < 400_000
        assert "Traceback" not in said
        lines = [json.loads(line) for line in said.splitlines()]
        blamed = {line["peer"] for line in lines if line["event"] in {"peer.fault", "link.down"}}
        assert blamed <= {the_observer(net)}


def the_observer(net: Localnet) -> str:
    """Its peer id, as the nodes name it."""
    return peer_id_of(NodeKey(load_node(net.folder(OBSERVER)).node_key.public))
