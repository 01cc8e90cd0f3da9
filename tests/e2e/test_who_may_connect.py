"""Who may connect follows from the chain, and nobody edits a list of peers (rules R63-R65).

A newcomer knows one validator. It is refused, admitted as an observer, finds the others and one
that moved, and gets a vote; another observer is revoked.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final
from urllib.request import urlopen

import pytest

from cli.faults import ExitCode
from kit.localnet import ANSWER_S, free_base_port
from kit.ministries import PATIENCE_S, Ministries
from node.config import NodeFolder

NOBODY_LISTENS: Final = "127.0.0.1:1"
MOVED, NEW = 20, 30
"""Beside the ports of the network."""


class Newcomer:
    """A node that is in no localnet.json: started and asked by hand."""

    def __init__(self, net: Ministries, base: int) -> None:
        self.net, self.folder = net, net.home / "nodes" / "newcomer"
        self.api = f"127.0.0.1:{base + 1000 + NEW}"
        document = net.home / "genesis.json"
        words: list[str | Path] = ["init", self.folder, "--observer", "--genesis", document]
        words += ["--name", "energy", "--bootstrap", f"finance@127.0.0.1:{base}"]
        # Others cannot dial it: a link with somebody proves that it knew where to dial.
        words += ["--listen", f"127.0.0.1:{base + NEW}", "--advertise", NOBODY_LISTENS]
        net.run(*words, "--api", self.api)
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with (self.folder / "node.log").open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-P", "-m", "cli", "start", str(self.folder)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    def stop(self) -> None:
        if self.process is not None:
            self.process.terminate()
            self.process.wait(timeout=PATIENCE_S)

    def status(self) -> dict[str, Any]:
        try:
            with urlopen(f"http://{self.api}/v1/status", timeout=ANSWER_S) as answer:
                found: dict[str, Any] = json.load(answer)
                return found
        except OSError:
            return {"height": -1, "role": "", "peers": []}

    def linked(self) -> set[str]:
        return {peer["name"] for peer in self.status()["peers"] if peer["connected"]}


def until(condition: Callable[[], bool], what: str) -> float:
    """Ask until it holds; returns how long that took."""
    began = time.monotonic()
    while not condition():
        assert time.monotonic() < began + PATIENCE_S, what
        time.sleep(0.1)
    return time.monotonic() - began


@pytest.fixture(scope="module")
def base() -> int:
    return free_base_port(5)


@pytest.fixture(scope="module")
def net(tmp_path_factory: pytest.TempPathFactory, base: int) -> Iterator[Ministries]:
    made = Ministries(tmp_path_factory.mktemp("who") / "home")
    made.run("localnet", "up", "--observers", "1", "--base-port", str(base))
    try:
        yield made
    finally:
        made.run("localnet", "down")


@pytest.fixture
def newcomer(net: Ministries, base: int) -> Iterator[Newcomer]:
    made = Newcomer(net, base)
    try:
        yield made
    finally:
        made.stop()


def links_of(net: Ministries, node: str) -> dict[str, dict[str, Any]]:
    """By the peers' names, as the operator of a node sees them."""
    found = net.run("peers", "--node", node).result["peers"]
    return {peer["name"]: peer for peer in found}


def test_a_revoked_observer_has_no_link_after_the_next_block_and_is_refused_from_then_on(
    net: Ministries,
) -> None:
    """By every validator, at the handshake: of later blocks it hears nothing."""
    observer, validators = "observer-0", ("finance", "interior", "justice", "health")
    level = net.pay()
    until(lambda: height_of(net, observer) >= level, "it follows")

    words = ("observer", "revoke", observer, "--key", "registrar", "--wait")
    revoked = int(net.run(*words).result["height"])
    net.pay()
    until(lambda: not any(observer in links_of(net, name) for name in validators), "all drop it")
    net.pay_until(revoked + 4)

    assert height_of(net, observer) <= revoked + 1
    until(lambda: is_refused(net, observer), "it is told what is the matter")
    assert not any(link["connected"] for link in links_of(net, observer).values())
    found = net.run("observer", "list", "--all").result["observers"]
    assert {row["name"]: row["until"] for row in found}[observer] == revoked


def test_a_newcomer_gets_a_link_then_a_vote_and_nobody_edits_a_list(
    net: Ministries, newcomer: Newcomer, base: int
) -> None:
    """One address of a bootstrap list is all that was ever written down about it or by it."""
    newcomer.start()
    until(lambda: newcomer.status()["height"] == 0, "the newcomer answers")
    said = "energy.observer.json"
    request = ("observer", "request", newcomer.folder, "--account", "agency-2")
    net.run(*request, "-o", net.home / said)
    net.pay()
    assert newcomer.linked() == set()
    assert newcomer.status()["height"] == 0
    assert "energy" not in links_of(net, "finance")

    net.run("observer", "admit", net.home / said, "--key", "registrar", "--wait")
    everybody = {"finance", "interior", "justice", "health"}
    until(lambda: newcomer.linked() == everybody, "it finds those that it was not told of")
    assert links_of(net, "justice")["energy"]["role"] == "observer"

    # interior moves to another port; only the newcomer can dial it there.
    folder = NodeFolder(net.home / "nodes" / "node1")
    net.run("localnet", "kill", "interior")
    until(lambda: "interior" not in newcomer.linked(), "the newcomer misses it")
    moved = f"127.0.0.1:{base + MOVED}"
    folder.config.write_text(folder.config.read_text().replace(f"127.0.0.1:{base + 1}", moved))
    net.run("localnet", "start", "interior")
    until(lambda: newcomer.linked() == everybody, "it is found where it is now")
    (interior,) = (one for one in newcomer.status()["peers"] if one["name"] == "interior")
    assert interior["addresses"] == [moved]

    # A vote: no configuration is touched, here or there.
    words = ("validator", "ready", newcomer.folder, "--account", "agency-2")
    ready = (*words, "-o", net.home / "ready.json")
    assert "start it again" in net.run(*ready, code=ExitCode.LOCAL_FAULT).error["message"]
    newcomer.stop()
    newcomer.start()
    net.run_until_it_works(*ready)
    bodies = ("finance", "interior", "justice")
    since = net.decide("--add", net.home / "ready.json", bodies=bodies)
    net.pay_until(since)
    until(lambda: newcomer.status()["role"] == "validator", "it votes")
    until(lambda: links_of(net, "health")["energy"]["role"] == "validator", "health knows")
    net.run("localnet", "kill", "health")  # four of five: the newcomer's votes are needed now
    net.pay_until(net.pay() + 1)
    net.run("localnet", "start", "health")


def height_of(net: Ministries, name: str) -> int:
    (found,) = (one for one in net.status()["nodes"] if one["name"] == name)
    return int(found["status"]["height"]) if found["status"] else -1


def is_refused(net: Ministries, name: str) -> bool:
    return all("does not admit" in one["last_error"] for one in links_of(net, name).values())
