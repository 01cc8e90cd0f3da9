"""`--interactive`: each field is asked for, each answer is checked, and what was given is kept."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from cli.faults import ExitCode
from cli.transaction_file import read_transaction_file
from kit.commandline import Done
from kit.desk import Desk, desk
from kit.ledger import account_id
from kit.terminal import in_terminal
from services.money import Transfer

STOPPED = 130


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Desk]:
    with desk(tmp_path / "home") as made:
        yield made


def answered(monkeypatch: pytest.MonkeyPatch, *answers: str) -> None:
    """What a person types, a line for each question."""
    monkeypatch.setattr(sys, "stdin", io.StringIO("".join(f"{answer}\n" for answer in answers)))


def built(office: Desk, *more: str | Path) -> Done:
    return office.asking("tx", "build", "money.transfer", "--interactive", *more)


LINE = ("health", "1250.00GBP", "INV-1", "", "", "")
"""To, amount, reference, description, value date, lot."""


def test_every_field_is_asked_for_with_what_it_means(
    office: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The transaction goes to standard output, the questions do not."""
    answered(monkeypatch, "treasury", "GBP", *LINE, "n")

    done = built(office)

    assert done.code == 0, done.err
    [call] = json.loads(done.out)["transaction"]["body"]["calls"]
    [line] = call["operation"]["lines"]
    assert call["actor"] == account_id("treasury").hex()
    assert (line["to"], line["amount"]) == (account_id("health").hex(), 125_000)
    assert (line["description"], line["value_date"]) == ("", None)
    assert "asset: what is paid, such as GBP" in done.err
    assert "line 1 to: account that is paid" in done.err
    assert "line 1 reference: the payer's own; a payer uses it once" in done.err
    assert "(may be empty)" in done.err
    assert "(empty for none)" in done.err


def test_questions_and_answers_are_in_the_language_too(
    office: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is a field is said, and a yes is understood."""
    again = ("agency-x", *LINE[0:1], *LINE[1:])
    answered(monkeypatch, "treasury", "GBP", *again, "نعم", *LINE[:2], "INV-2", *LINE[3:], "لا")

    done = built(office, "--lang", "ar")

    assert done.code == 0, done.err
    [call] = json.loads(done.out)["transaction"]["body"]["calls"]
    assert len(call["operation"]["lines"]) == 2
    assert "ما يُدفع، مثل" in done.err
    assert "المتوقع معرف حساب" in done.err


def test_an_answer_that_cannot_be_is_asked_for_again(
    office: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With what was expected and what was found, for every kind of field."""
    answered(
        monkeypatch,
        *("nobody", "treasury"),
        *("pounds", "GBP"),
        *("Health", "health"),
        *("lots", "0", "1.005GBP", "1.00EUR", "1.00GBP"),
        *("", "INV-1"),
        "rent, March",
        *("March", "2026-03-31"),
        *("the grant", ""),
        "n",
    )  # fmt: skip

    done = built(office)

    assert done.code == 0, done.err
    for said in (
        "found 'nobody'",
        'found "pounds"',
        "found 'Health'",
        "found 'lots'",
        ">= 1, found 0",
        "GBP has 2 decimal places, found 3",
        "found EUR",
        "length >= 1",
        'found "March"',
        'found "the grant"',
    ):
        assert said in done.err, said
    [line] = json.loads(done.out)["transaction"]["body"]["calls"][0]["operation"]["lines"]
    assert line["amount"] == 100
    assert line["value_date"] == "2026-03-31"


def test_what_is_given_as_an_option_is_not_asked(
    office: Desk, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Two lines are asked for, the rest is there."""
    answered(monkeypatch, *LINE, "y", "works", "5", "INV-2", "", "", "", "n")
    file = tmp_path / "payment.json"

    done = built(office, "--actor", "treasury", "--asset", "GBP", "-o", file)

    assert done.code == 0, done.err
    [call] = read_transaction_file(file).body.calls
    assert isinstance(call.operation, Transfer)
    assert [line.amount for line in call.operation.lines] == [125_000, 5]
    assert "asset:" not in done.err
    assert "actor:" not in done.err


def test_a_list_may_be_empty_and_a_field_may_be_none(
    office: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A running account has no keys; its keeper signs for it, and it may go below zero."""
    answered(
        monkeypatch,
        *("ab" * 32, "vendor", "organisation", "0"),
        "n",  # no keys
        *("", "health", ""),
    )

    done = office.asking(
        "tx", "build", "authority.open_account", "--interactive", "--actor", "treasury"
    )

    assert done.code == 0, done.err
    assert "expected person, organisation, office, device, escrow, body, found 'vendor'" in done.err
    [call] = json.loads(done.out)["transaction"]["body"]["calls"]
    assert call["operation"] == {
        "operation": "authority.open_account",
        "account": "ab" * 32,
        "kind": "organisation",
        "threshold": 0,
        "signers": [],
        "name": "",
        "keeper": account_id("health").hex(),
        "floor": None,
    }


def test_answers_that_end_early_build_nothing(
    office: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The question that nobody answered is named."""
    answered(monkeypatch, "treasury", "GBP", "health")

    done = built(office)

    assert done.code == ExitCode.USAGE
    assert "the answers ended before this one: line 1 amount" in done.err
    assert done.out == ""


def test_without_interactive_nothing_is_asked(office: Desk) -> None:
    """A missing option is a usage error, as ever."""
    done = office.asking("tx", "build", "money.transfer")

    assert done.code == ExitCode.USAGE
    assert "Missing option" in done.err


def test_a_payment_is_sent_from_a_terminal_once_it_was_confirmed(office: Desk) -> None:
    """The person sees what will be signed, and says yes."""
    words = ["tx", "send", "money.transfer", "--interactive", "--wait"]
    with in_terminal(*words, "--node", office.url, "--home", office.home) as terminal:
        for question, answer in (
            ("key that signs", "treasury"),
            ("such as GBP", "GBP"),
            ("account that is paid", "health"),
            ("minor units", "1250.00GBP"),
            ("uses it once", "INV-1"),
            ("a person", "rent"),
            ("block's day", ""),
            ("PAYER/REFERENCE", ""),
            ("another line?", "n"),
            ("and submit?", "y"),
        ):
            terminal.wait_for(question)
            terminal.wait_for("> ")
            terminal.press(f"{answer}\n")
        assert terminal.ended() == ExitCode.OK
    assert "applied" in terminal.seen
    assert office.chain.store.head().height == 1


def test_who_does_not_confirm_signs_nothing(office: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """No is the answer of whoever just presses Enter."""
    answered(monkeypatch, "treasury", "GBP", *LINE, "n", "")

    done = office.asking("tx", "send", "money.transfer", "--interactive")

    assert done.code == STOPPED
    assert '"amount": 125000' in done.err
    assert "health" in done.err
    assert office.chain.store.head().height == 0
