"""`mithaq why` as it is called: what it prints, and how it ends."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from cli.faults import ExitCode
from cli.home import Home
from cli.silence import WORDS_MAX, silence_of
from kit.commandline import mithaq, testnet
from kit.desk import Desk, desk
from kit.localnet import free_base_port


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Desk]:
    with desk(tmp_path / "home") as made:
        yield made


def test_a_healthy_chain_ends_with_0(office: Desk) -> None:
    """A sentence, and a line for the node; for programs the same as JSON."""
    done = office.asking("why")

    assert done.code == ExitCode.OK
    assert done.out.startswith("Healthy at height 0: block 0 came 0.4 s ago;")
    asked = office.asking("why", "--json")
    assert asked.result["verdict"] == "healthy"
    assert asked.result["nodes"][0]["why"]["findings"] == []


def test_where_none_answers_it_says_what_the_folders_say(tmp_path: Path) -> None:
    """And ends with 4."""
    home = tmp_path / "home"
    testnet(home, "--base-port", str(free_base_port(4)))

    done = mithaq("why", "--home", home)

    assert done.code == ExitCode.UNREACHABLE
    assert done.out.startswith("No node answers: nothing can be said of the chain from here.")
    assert done.out.count("its process does not run") == 4
    assert "none of 4 nodes answers" in done.err


def test_a_node_of_another_chain_says_nothing_of_this_one(office: Desk, tmp_path: Path) -> None:
    """As where another network took the ports meanwhile."""
    home = tmp_path / "other"
    testnet(home, "--base-port", str(free_base_port(4)))
    at = office.url.removeprefix("http://")
    file = home / "localnet.json"
    made = json.loads(file.read_text())
    made["nodes"] = [{**made["nodes"][0], "api": at}]
    file.write_text(json.dumps(made))

    done = mithaq("why", "--home", home)

    assert done.code == ExitCode.REFUSED
    assert "a node of another chain answers:" in done.out
    assert office.chain.chain.hex() in done.out


def test_a_home_without_nodes_is_no_question(tmp_path: Path) -> None:
    """As of every command."""
    assert mithaq("why", "--home", tmp_path / "nowhere").code == ExitCode.LOCAL_FAULT
    assert mithaq("why", "--node", "ftp://x").code == ExitCode.USAGE


def test_the_last_words_of_a_node_are_told_as_words(tmp_path: Path) -> None:
    """A line of its log, or whatever it printed in the end."""
    home = tmp_path / "home"
    testnet(home)
    name = Home(home).entries()[0].name
    log = home / "nodes" / "node0" / "node.log"

    def after(line: str) -> str | None:
        log.write_text(f"an older line\n{line}\n")
        return silence_of(Home(home), name)

    said = {"event": "disk.full", "level": "error", "reason": "no room", "timestamp": "T"}
    assert after(json.dumps(said)) == "its process has ended: disk.full at T: no room"
    assert after("mithaq: no port is free") == "its process has ended: mithaq: no port is free"
    assert after("7") == "its process has ended: 7"
    assert len(after("x" * 1_000) or "") == len("its process has ended: ") + WORDS_MAX
    assert after('{"event": "link.up", "level": "info", "timestamp": "T"}') == (
        "its process was killed, or its machine lost power; its last line: link.up at T"
    )


def test_nothing_is_known_of_a_node_elsewhere(tmp_path: Path) -> None:
    """Neither of one that the home does not have, nor of one without a folder here."""
    home = tmp_path / "home"
    testnet(home)
    name = Home(home).entries()[0].name
    os.rename(home / "nodes" / "node0", tmp_path / "elsewhere")

    assert silence_of(Home(home), "nobody") is None
    assert silence_of(Home(home), name) is None
