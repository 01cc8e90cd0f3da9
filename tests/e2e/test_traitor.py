"""A validator that betrays on a real network: seen, kept, shown, proved offline, suspended."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from cli.faults import ExitCode
from kit.localnet import free_base_port
from kit.tree import ROOT

PATIENCE_S: Final = 180.0
"""Against hanging only."""


class Net:
    """A home with five validators, and the command line in it."""

    def __init__(self, home: Path) -> None:
        self.home = home

    def run(self, *words: str | Path, code: int = ExitCode.OK) -> str:
        done = subprocess.run(
            [sys.executable, "-P", "-m", "cli", *map(str, words), "--home", str(self.home)],
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            check=False,
        )
        assert done.returncode == code, f"{words}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done.stdout if code == ExitCode.OK else done.stderr

    def json(self, *words: str | Path) -> Any:  # noqa: ANN401 - JSON
        return json.loads(self.run(*words, "--json"))

    def pay(self, reference: str) -> None:
        line = f"to=agency-1,amount=1.00GBP,reference={reference}"
        words = ("tx", "send", "money.transfer", "--key", "treasury", "--asset", "GBP")
        self.run(*words, "--line", line, "--wait")

    def validators(self) -> set[str]:
        """Who decides the next block, as the first node says; nobody where it is silent."""
        said = self.json("status")["nodes"][0]["status"]
        return {each["name"] for each in said["validators"]} if said else set()

    def wait_for_validators(self, names: set[str]) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while (found := self.validators()) != names:
            assert time.monotonic() < deadline, found

    def betray(self, node: str, *, heard_by: int) -> int:
        """Two prepares of one view, from the folder of a node that is stopped; of what height."""
        height = int(self.json("block")["header"]["height"]) + 1
        folder = self.home / "nodes" / node
        path = os.pathsep.join([str(ROOT), str(ROOT / "tests")])
        subprocess.run(
            [sys.executable, "-P", "-m", "kit.traitor", str(folder), str(height), str(heard_by)],
            env={**os.environ, "PYTHONPATH": path},
            timeout=PATIENCE_S,
            check=True,
        )
        return height

    def cases(self, count: int) -> list[dict[str, Any]]:
        """What the first node has evidence of, as soon as it is so much."""
        deadline = time.monotonic() + PATIENCE_S
        while True:
            found: list[dict[str, Any]] = self.json("evidence", "list")["cases"]
            if len(found) == count:
                return found
            assert time.monotonic() < deadline, found


@pytest.fixture
def net(tmp_path: Path) -> Iterator[Net]:
    made = Net(tmp_path / "home")
    try:
        yield made
    finally:
        if (made.home / "localnet.json").exists():
            made.run("localnet", "down")


def test_who_signs_two_things_loses_its_vote_as_far_as_the_minimum_allows(
    net: Net, tmp_path: Path
) -> None:
    """R46-R49: of five validators the first traitor is removed, the second one marked."""
    net.run("localnet", "up", "--validators", "5", "--base-port", str(free_base_port(5)))
    net.run("localnet", "kill", "education")

    net.pay("zero")  # so that no heartbeat ends the height before it is betrayed
    height = net.betray("node4", heard_by=4)
    [case] = net.cases(1)
    file = tmp_path / "education.evidence"
    net.run("evidence", "export", case["id"][:12], "-o", file)

    assert (case["kind"], case["name"], case["height"]) == ("E2", "education", height)
    assert "VALID\n" in net.run("evidence", "verify", file)
    log = (net.home / "nodes/node0/node.log").read_text().splitlines()
    [alarm] = [one for one in map(json.loads, log) if one["event"] == "consensus.equivocation"]
    assert (alarm["level"], alarm["case"]) == ("warning", case["id"])

    sent = net.json("evidence", "submit", file, "--key", "agency-1", "--wait")
    assert sent["receipt"]["events"][0]["outcome"] == "removed"
    net.wait_for_validators({"education", "finance", "health", "interior", "justice"})
    net.pay("one")
    net.wait_for_validators({"finance", "health", "interior", "justice"})
    net.run("evidence", "submit", file, "--key", "agency-2", "--wait", code=ExitCode.REFUSED)

    net.run("localnet", "kill", "health")
    net.betray("node3", heard_by=3)
    second = next(one for one in net.cases(2) if one["name"] == "health")
    sent = net.json("evidence", "submit", second["id"], "--key", "agency-2", "--wait")
    assert sent["receipt"]["events"][0]["outcome"] == "marked"
    net.pay("two")
    net.wait_for_validators({"finance", "health", "interior", "justice"})
    listed = net.run("evidence", "list")
    assert "votes until a replacement joins" in listed
    other = tmp_path / "health.evidence"
    net.run("evidence", "export", second["id"], "-o", other)
    assert "VALID\n" in net.run("evidence", "verify", other), "the lineage holds the change"
