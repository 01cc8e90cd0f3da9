"""Which node a command asks, and what it says when nobody is at home."""

from __future__ import annotations

from pathlib import Path

import pytest

from cli.faults import ExitCode
from cli.home import reachable
from kit.commandline import mithaq, testnet
from kit.desk import desk


@pytest.mark.parametrize(
    "url", ["localhost:18000", "ftp://a", "http://", "http://a:b", "http://a:0", "http://a/v1", "", "http://a:99999"]
)  # fmt: skip
def test_an_address_that_is_none_is_a_usage_error(tmp_path: Path, url: str) -> None:
    """It says what an address looks like."""
    done = mithaq("status", "--node", url, "--home", tmp_path)

    assert done.code == ExitCode.USAGE
    assert f"expected http://host:port, found {url!r}" in done.err


def test_a_folder_without_nodes_says_so(tmp_path: Path) -> None:
    """There is nobody to ask, and two ways out."""
    for words in (["status"], ["block"]):
        done = mithaq(*words, "--home", tmp_path)

        assert done.code == ExitCode.LOCAL_FAULT
        assert "has no nodes: name one with --node URL" in done.err


def test_what_listens_everywhere_is_reached_on_this_machine() -> None:
    """0.0.0.0 is no place to go."""
    assert reachable("0.0.0.0:18000") == "127.0.0.1:18000"
    assert reachable("[::]:18000") == "[::1]:18000"
    assert reachable("10.1.2.3:18000") == "10.1.2.3:18000"


def test_commands_that_find_no_node_have_their_exit_code(tmp_path: Path) -> None:
    """4, one line, and one more with what to do next."""
    testnet(tmp_path, "--base-port", "1")

    for words in (["block"], ["account", "treasury"], ["tx", "show", "ab" * 32]):
        done = mithaq(*words, "--home", tmp_path)
        assert done.code == ExitCode.UNREACHABLE, words
        assert len(done.err.splitlines()) == 2
        assert "`mithaq localnet up` starts it" in done.err


def test_a_home_that_does_not_exist_is_one_line(tmp_path: Path) -> None:
    """With what makes one."""
    done = mithaq("status", "--home", tmp_path / "nowhere", "--json")

    assert done.code == ExitCode.LOCAL_FAULT
    assert done.error["code"] == "local"
    assert "`mithaq localnet up` makes a network" in done.error["message"]


def test_a_node_of_another_chain_does_not_count(tmp_path: Path) -> None:
    """Another network may have taken the port."""
    home = tmp_path / "ours"
    testnet(home, "--validators", "1")
    with desk(tmp_path / "theirs") as other:
        file = home / "localnet.json"
        address = other.url.removeprefix("http://")
        file.write_text(file.read_text().replace("127.0.0.1:18000", address))

        done = mithaq("status", "--home", home)

    assert done.code == ExitCode.UNREACHABLE
    assert f"a node of another chain answers: {other.chain.chain.hex()}" in done.out
    assert "the chain waits. Missing: finance." in done.out
