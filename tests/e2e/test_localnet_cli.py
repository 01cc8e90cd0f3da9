"""The README's walk, with the commands that it names: four ministries, a payment, two failures."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from cli import processes
from cli.faults import ExitCode
from kit.localnet import free_base_port
from node.config import NodeFolder

PATIENCE_S: Final = 180.0
"""For what takes a second on an idle machine."""


class Net:
    """A home, and the command line in it, each command a process of its own."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.references = 0

    def run(self, *words: str | Path, code: int = ExitCode.OK) -> str:
        done = subprocess.run(
            [sys.executable, "-P", "-m", "cli", *map(str, words), "--home", str(self.home)],
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            check=False,
        )
        assert done.returncode == code, f"{words}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done.stdout if code in (ExitCode.OK, ExitCode.NOT_PINNED) else done.stderr

    def json(self, *words: str | Path) -> Any:  # noqa: ANN401 - JSON
        return json.loads(self.run(*words, "--json"))

    def pay(self, *more: str | Path, code: int = ExitCode.OK) -> str:
        self.references += 1
        line = f"to=agency-1,amount=1250.00GBP,reference=INV-{self.references}"
        words = ("tx", "send", "money.transfer", "--key", "treasury", "--asset", "GBP")
        return self.run(*words, "--line", line, "--wait", *more, code=code)

    def wait_until(self, **expected: object) -> dict[str, Any]:
        """The status as soon as it says this."""
        deadline = time.monotonic() + PATIENCE_S
        while True:
            status: dict[str, Any] = self.json("status")
            if {name: status[name] for name in expected} == expected:
                return status
            assert time.monotonic() < deadline, status

    def wait_for_balance(self, name: str, amount: int) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while True:
            balances = self.json("account", name)["balances"]
            if [(held["asset"], held["amount"]) for held in balances] == [("GBP", amount)]:
                return
            assert time.monotonic() < deadline, balances

    def wait_for_words(self, words: str) -> None:
        """Until the status says so to people."""
        deadline = time.monotonic() + PATIENCE_S
        while words not in (said := self.run("status")):
            assert time.monotonic() < deadline, said

    def signing_when(self, name: str, holds: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """What a node says of its signing, as soon as this holds of it."""
        deadline = time.monotonic() + PATIENCE_S
        while True:
            [node] = [each for each in self.json("status")["nodes"] if each["name"] == name]
            signing = node["status"] and node["status"]["signing"]
            if signing and holds(signing):
                found: dict[str, Any] = signing
                return found
            assert time.monotonic() < deadline, node


@pytest.fixture
def net(tmp_path: Path) -> Iterator[Net]:
    made = Net(tmp_path / "home")
    try:
        yield made
    finally:
        if (made.home / "localnet.json").exists():
            made.run("localnet", "down")


def test_a_network_pays_proves_loses_two_and_comes_back(net: Net, tmp_path: Path) -> None:
    """Payment, offline proof, one stopped (continues), two (halts), one back (continues)."""
    base = free_base_port(5)
    up = net.run("localnet", "up", "--observers", "1", "--base-port", str(base))

    assert f"http://127.0.0.1:{base + 1000}" in up
    assert "is final" in up
    assert "treasury" in up
    status = net.wait_until(present=["finance", "interior", "justice", "health"])
    assert status["summary"] == "All 4 validators answer; 3 are needed: the chain proceeds."

    paid = net.pay("--proof", tmp_path / "payment.proof")
    assert "applied" in paid
    assert "VALID\n" in net.run("proof", "verify", tmp_path / "payment.proof")
    chain = status["nodes"][0]["status"]["chain"]
    net.run("proof", "verify", tmp_path / "payment.proof", "--chain", chain)

    net.run("localnet", "kill", "justice")
    net.pay()
    assert net.wait_until(can_proceed=True)["missing"] == ["justice"]

    net.run("localnet", "kill", "3")
    net.pay("--timeout", "1", code=ExitCode.TIMED_OUT)
    status = net.wait_until(can_proceed=False)
    assert status["summary"] == (
        "2 of 4 validators answer; 3 are needed: the chain waits. Missing: justice, health."
    )

    net.run("localnet", "start", "justice")
    net.pay()
    status = net.wait_until(can_proceed=True)
    assert status["missing"] == ["health"]

    net.run("localnet", "up")
    net.wait_until(missing=[])
    net.wait_for_balance("agency-1", 4 * 125_000)  # the one that timed out is final by now, or soon

    down = net.json("localnet", "down")
    assert down == {
        "stopped": ["finance", "interior", "justice", "health", "observer-0"],
        "killed": [],
    }
    net.run("status", code=ExitCode.UNREACHABLE)
    folders = [NodeFolder(path) for path in (net.home / "nodes").iterdir()]
    assert [processes.running(folder) for folder in folders] == [None] * 5


def test_a_wiped_node_comes_back_and_one_without_its_memory_from_a_new_height_on(net: Net) -> None:
    """Data can be fetched again from the others; what a key has promised cannot, only outlived."""
    net.run("localnet", "up", "--base-port", str(free_base_port(4)))
    paid = [net.pay() for _ in range(3)]
    justice, health = (net.home / "nodes" / name for name in ("node2", "node3"))

    net.run("localnet", "kill", "health")
    shutil.rmtree(health / "data")
    net.run("localnet", "start", "health")
    net.wait_until(missing=[])
    net.run("localnet", "kill", "finance")
    paid.append(net.pay())  # not without the vote of the one that was wiped
    net.run("localnet", "start", "finance")
    net.wait_until(missing=[])

    net.run("localnet", "kill", "justice")
    (justice / "signer.state").unlink()
    net.run("localnet", "start", "justice")
    fenced = net.signing_when("justice", lambda signing: signing["sign_from"] is not None)
    paid.append(net.pay())
    net.wait_for_words(f"fenced, signs from height {fenced['sign_from']} on: 3 others answered")
    while net.json("status")["height"] < fenced["sign_from"]:
        paid.append(net.pay())
    signing = net.signing_when("justice", lambda signing: signing["state"] == "signing")
    net.run("localnet", "kill", "finance")
    paid.append(net.pay())  # not without the vote of the one that was fenced

    assert all("applied" in each for each in paid)
    assert fenced["state"] == "fenced"
    assert "before: the signer's memory is missing" in fenced["reason"]
    assert signing["sign_from"] is None
    assert (justice / "signer.state").stat().st_mode & 0o777 == 0o600
    for folder in (justice, health):
        for line in (folder / "node.log").read_text().splitlines():
            assert json.loads(line)["event"], "the log is one JSON object a line"


def test_a_single_validator_that_lost_its_memory_needs_its_operators_word(net: Net) -> None:
    """Nobody else could answer; a height that is decided is refused, a new one is taken."""
    net.run("localnet", "up", "--validators", "1", "--base-port", str(free_base_port(1)))
    net.pay()
    [node] = (net.home / "nodes").iterdir()
    net.run("localnet", "kill", "finance")
    (node / "signer.state").unlink()
    net.run("localnet", "start", "finance")
    stuck = net.wait_until(can_proceed=False, silent=["finance"])
    words = ("unfence", node, "--by", "a.operator", "--yes")

    refused = net.run(*words, "--height", str(stuck["height"]), code=ExitCode.REFUSED)
    net.run(*words, "--height", str(stuck["height"] + 1))
    paid = net.pay()

    assert "More than 0 are fenced" in stuck["summary"]
    assert f"expected a height of at least {stuck['height'] + 1}" in refused
    assert "applied" in paid
    assert '"by": "a.operator"' in (node / "node.log").read_text()


def test_the_three_commands_that_up_prints_can_be_pasted(net: Net) -> None:
    """They run as they stand, from any folder, with the home in them."""
    up = net.json("localnet", "up", "--base-port", str(free_base_port(4)))

    assert len(up["try"]) == 3
    for command in up["try"]:
        done = subprocess.run(  # noqa: S602 - a pasted line is read by a shell
            command,
            shell=True,
            cwd=net.home,
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            check=False,
        )
        assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"


def test_another_network_s_options_are_refused(net: Net) -> None:
    """A network is what it was made; reset makes room and keeps the keys."""
    base = free_base_port(2)
    net.run("localnet", "up", "--validators", "1", "--base-port", str(base))
    keys = net.json("keys", "list")

    refused = net.run("localnet", "up", "--validators", "2", code=ExitCode.USAGE)
    unconfirmed = net.run("localnet", "reset", code=ExitCode.USAGE)
    net.run("localnet", "reset", "--yes")

    assert "--validators: this network was made with 1, found 2" in refused
    assert "say --yes" in unconfirmed
    assert net.json("keys", "list") == keys
    assert sorted(path.name for path in net.home.iterdir()) == ["keys"]


def test_a_port_that_is_taken_is_named_before_anything_is_made(net: Net) -> None:
    """With the option that chooses others."""
    import socket

    base = free_base_port(4)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", base + 1002))
        taken.listen()
        refused = net.run("localnet", "up", "--base-port", str(base), code=ExitCode.LOCAL_FAULT)

    assert f"justice cannot listen on 127.0.0.1:{base + 1002}" in refused
    assert "--base-port" in refused
    assert not (net.home / "localnet.json").exists()


def test_a_node_that_cannot_start_is_named_with_its_last_words(net: Net) -> None:
    """`up` does not wait for what will never come."""
    net.run("testnet", "--base-port", str(free_base_port(4)))
    (net.home / "nodes" / "node1" / "node.key").unlink()

    refused = net.run("localnet", "up", code=ExitCode.LOCAL_FAULT)

    assert "interior has ended: mithaq: " in refused
    assert "node.key is missing" in refused


def test_logs_are_printed_by_node_and_for_all(net: Net) -> None:
    """The last lines, with the node's name where there are several."""
    net.run("localnet", "up", "--validators", "2", "--base-port", str(free_base_port(2)))

    one = net.run("localnet", "logs", "1", "-n", "1000")
    every = net.run("localnet", "logs", "-n", "1")
    machine = [json.loads(line) for line in net.run("localnet", "logs", "--json").splitlines()]
    unknown = net.run("localnet", "logs", "treasury", code=ExitCode.USAGE)

    assert "node.started" in one
    assert [line.partition(":")[0] for line in every.splitlines()] == ["finance", "interior"]
    assert {line["node"] for line in machine} == {"finance", "interior"}
    assert "expected 0 to 1 or one of finance, interior, found 'treasury'" in unknown
