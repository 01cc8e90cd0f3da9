"""Clerks hold a payment until two ministries approve it, and look a licence up."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from cli.faults import ExitCode
from kit.desk import Desk, desk

POLICY = {
    "ways": [
        {"conditions": [{"condition": "signers", "least": 2, "accounts": ["treasury", "health"]}]}
    ]
}
PAPER = "11" * 32


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Desk]:
    with desk(tmp_path) as opened:
        yield opened


def sent(office: Desk, operation: str, key: str, *words: str | Path) -> str:
    done = office.asking("tx", "send", operation, "--key", key, *words, "--wait")
    assert done.code == 0, done.err
    return done.out


def test_a_payment_waits_for_two_approvals_and_is_told_in_words(
    office: Desk, tmp_path: Path
) -> None:
    """Names for accounts, times for milliseconds, and the calls from an unsigned transaction."""
    calls = tmp_path / "calls.json"
    line = ("--asset", "GBP", "--line", "to=works,amount=12.50GBP,reference=a")
    built = office.asking(
        "tx", "build", "money.transfer", "--actor", "treasury", *line, "--output", calls
    )
    assert built.code == 0, built.err

    asked = ("--calls", calls, "--policy", json.dumps(POLICY), "--expires-ms", "+2h")
    opened = sent(office, "consent.open_intent", "treasury", *asked)
    assert "it expires at 20" in opened
    listed = office.asking("query", "consent.intents", "--status", "open")
    assert listed.code == 0, listed.err
    assert "stance=approved" in listed.out
    found = json.loads(office.asking("query", "consent.intents", "--json").out)
    intent = found["rows"][0]["intent"]
    done = sent(office, "consent.approve_intent", "health", "--intent", intent)

    assert "treasury paid 12.50 GBP to works" in done
    assert "ran, with the authority of treasury, health." in done
    again = office.asking(
        "tx", "send", "consent.approve_intent", "--key", "health", "--intent", intent
    )
    assert again.code == ExitCode.REFUSED
    assert "is over: done" in again.err


def test_a_policy_that_is_none_is_explained_with_its_place(office: Desk, tmp_path: Path) -> None:
    """Path, what was expected, and what stands there."""
    calls = tmp_path / "calls.json"
    line = ("--asset", "GBP", "--line", "to=works,amount=1,reference=a")
    office.asking("tx", "build", "money.transfer", "--actor", "treasury", *line, "--output", calls)
    wrong = json.dumps(POLICY).replace("signers", "signer")

    words = ("--calls", calls, "--policy", wrong, "--expires-ms", "+2h")
    done = office.asking("tx", "send", "consent.open_intent", "--key", "treasury", *words)

    assert done.code == ExitCode.USAGE
    assert "ways[0] conditions[0]" in done.err
    assert "signers, holders" in done.err


def test_a_licence_is_issued_and_looked_up_and_its_absence_too(office: Desk) -> None:
    """A kind's public fields are typed as name=value."""
    rule = {
        "name": "class",
        "type": "code",
        "required": True,
        "least": 1,
        "most": 1,
        "choices": ["A", "B"],
    }
    kind = ("--kind", "pharmacy.licence", "--owner", "health", "--per-subject", "one")
    roles = ("--issuer-role", "notary", "--subject-consents", "false", "--content", "commitment")
    sent(office, "registry.define_kind", "registrar", *kind, *roles, "--field", json.dumps(rule))
    which = ("--kind", "pharmacy.licence", "--subject", "works")

    absent = office.asking("query", "registry.record", *which)
    issued = ("--commitment", PAPER, "--field", "name=class,value=B")
    said = sent(office, "registry.issue_record", "notary", *which, *issued)
    there = office.asking("query", "registry.record", *which)
    versions = office.asking("query", "registry.record_versions", *which)

    assert absent.err.startswith("0 rows")
    assert "notary issued the record pharmacy.licence number 0 of works, version 0" in said
    assert "valid" in there.out
    assert "name=class,value=B" in versions.out
    wrong = office.asking("tx", "send", "registry.issue_record", "--key", "notary", *which, *issued)
    assert wrong.code == ExitCode.REFUSED
    assert "has its one record pharmacy.licence already, and it is valid" in wrong.err
