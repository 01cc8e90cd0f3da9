"""Nodes of a real network that lack most of a chain: one new, one wiped, one killed meanwhile."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from kit.aged import age
from kit.localnet import Localnet
from kit.tree import ROOT

BLOCKS: Final = 700
HALF_WAY: Final = BLOCKS // 2
WIPED, OBSERVER = 3, 4
PATH: Final = os.pathsep.join([str(ROOT), str(ROOT / "tests")])


@pytest.fixture
def net(tmp_path: Path) -> Iterator[Localnet]:
    made = Localnet.create(tmp_path / "home", observers=1)
    try:
        yield made
    finally:
        made.stop()


def said(net: Localnet, index: int, event: str) -> list[dict[str, Any]]:
    """What a node logged under a name."""
    lines = (net.folder(index) / "node.log").read_text().splitlines()
    found = [json.loads(line) for line in lines if line.startswith("{")]
    return [line for line in found if line["event"] == event]


def pay(net: Localnet, at: int) -> None:
    status, answer = net.submit(at, net.payment())
    assert (status, answer["status"]) == (200, "final"), answer


def test_a_wiped_validator_and_a_new_observer_come_level_and_a_kill_costs_nothing(
    net: Localnet,
) -> None:
    """The chain goes on meanwhile; afterwards nothing is decided without the one that was wiped."""
    age(net, range(3), blocks=BLOCKS, payments=1)
    net.start(0, 1, 2)
    net.wait(lambda: all(net.get(index, "/v1/ready")[0] == 200 for index in range(3)))
    net.programs[WIPED] = ["kit.halfway", str(HALF_WAY)]
    net.environment[WIPED] = {"PYTHONPATH": PATH}
    net.start(WIPED, OBSERVER)
    seen: list[dict[str, int]] = []

    def is_half_way() -> bool:
        status, answer = net.get(WIPED, "/v1/status")
        if status == 200 and answer["sync"] is not None:
            seen.append(answer["sync"])
        return bool(seen) and seen[-1]["height"] >= HALF_WAY - 1

    net.wait(is_half_way)
    net.kill(WIPED)
    del net.programs[WIPED]
    pay(net, 0)
    net.start(WIPED)
    pay(net, 1)
    net.wait(lambda: net.height(WIPED) == net.height(OBSERVER) == net.height(0) > BLOCKS)
    net.kill(2)
    pay(net, OBSERVER)

    assert seen[-1]["height"] < BLOCKS <= seen[-1]["target"]
    begun = said(net, WIPED, "catchup.began")
    assert begun[0]["height"] < 50
    assert any(50 < one["height"] < BLOCKS for one in begun[1:]), "it began again where it was"
    for index in (WIPED, OBSERVER):
        assert said(net, index, "catchup.level")
        assert net.get(index, "/v1/status")[1]["sync"] is None
    for index in range(5):
        assert said(net, index, "catchup.lie") == []
        assert said(net, index, "peer.fault") == []
    for index in (0, 1, WIPED):
        assert net.get(index, "/v1/status")[1]["evidence"] == 0
