"""`mithaq state get`: an entry by the names that people use, now and as it was."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from cli.faults import ExitCode
from kit.desk import Desk, desk
from kit.ledger import account_id


@pytest.fixture(scope="module")
def at(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    home: Path = tmp_path_factory.mktemp("desk")
    with desk(home) as opened:
        opened.pay("--wait")
        yield opened


def test_a_balance_is_shown_as_it_is_and_as_it_was(at: Desk) -> None:
    """By the account's name and the asset's code."""
    before = at.asking("state", "get", "balances", "treasury/GBP", "--height", "0", "--json")
    after = at.asking("state", "get", "balances", "treasury/GBP", "--json")

    assert before.result["record"]["amount"] - after.result["record"]["amount"] == 100
    assert (before.result["height"], after.result["height"]) == (0, 1)
    assert before.result["state_root"] != after.result["state_root"]


def test_people_read_the_record_line_by_line(at: Desk) -> None:
    """With the block that it is the state after."""
    done = at.asking("state", "get", "accounts", "treasury")

    shown = dict(line.split(None, 1) for line in done.out.splitlines() if len(line.split()) > 1)
    assert shown["key"] == account_id("treasury").hex()
    assert shown["threshold"] == "1"
    assert "after block" in done.out


def test_what_was_not_there_yet_is_absent(at: Desk) -> None:
    """Exit code 1, and at which height."""
    done = at.asking("state", "get", "balances", "health/GBP", "--height", "0", "--json")

    assert done.code == ExitCode.REFUSED
    assert done.error["code"] == "state.absent"
    assert done.error["facts"]["height"] == 0
    assert at.asking("state", "get", "balances", "health/GBP").code == ExitCode.OK


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("roles", "xyz"), "KEY: expected hexadecimal, found 'xyz'"),
        (("roles", ""), "KEY: expected hexadecimal, found ''"),
        (("balances", "treasury/£"), "KEY: expected ACCOUNT/ASSET, found 'treasury/£'"),
        (("../genesis", "ab"), "TABLE: expected a name or a number, found '../genesis'"),
    ],
)
def test_what_is_no_entry_is_a_usage_error(at: Desk, words: tuple[str, str], said: str) -> None:
    """Before anybody is asked."""
    done = at.asking("state", "get", *words)

    assert done.code == ExitCode.USAGE
    assert said in done.err


def test_the_entry_of_a_table_that_has_but_one_is_read_and_proved(at: Desk, tmp_path: Path) -> None:
    """Under the key 00."""
    shown = at.asking("state", "get", "parameters", "00", "--json")
    proof = at.asking("proof", "get", "--state", "parameters", "00", "-o", tmp_path / "p", "--json")

    assert shown.result["key"] == "00"
    assert shown.result["record"]["window_ms"] > 0
    assert "table 8 (parameters) of the state held" in proof.result["sentence"]


def test_an_absent_entry_is_proved_absent_by_the_same_words(at: Desk, tmp_path: Path) -> None:
    """At the height at which it was asked for."""
    words = ("--state", "balances", "health/GBP", "--height", "0", "-o", tmp_path / "p")

    done = at.asking("proof", "get", *words, "--json")

    assert done.code == ExitCode.OK
    assert "held no GBP" in done.result["sentence"]


def test_a_height_above_the_newest_is_refused(at: Desk) -> None:
    """With what there is."""
    done = at.asking("state", "get", "accounts", "treasury", "--height", "99", "--json")

    assert done.code == ExitCode.REFUSED
    assert done.error["code"] == "block.unknown"
