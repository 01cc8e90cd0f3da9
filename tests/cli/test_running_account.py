"""A clerk opens a running account, books a credit note for its vendor, and sees what is owed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from cli.faults import ExitCode
from kit.desk import Desk, desk
from kit.ledger import account_id, key

VENDOR = "5e" * 32


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Desk]:
    with desk(tmp_path) as opened:
        yield opened


def open_vendor(office: Desk, *floor: str) -> None:
    words = ["tx", "send", "authority.open_account", "--key", "registrar", "--account", VENDOR]
    words += ["--kind", "organisation", "--threshold", "0", "--keeper", "health", *floor]
    opened = office.asking(*words, "--wait")
    assert opened.code == 0, opened.err


def credit_note(office: Desk, amount: str, reference: str) -> int:
    words = ["tx", "send", "money.transfer", "--key", "health", "--actor", VENDOR]
    line = f"to=health,amount={amount},reference={reference}"
    return office.asking(*words, "--asset", "GBP", "--line", line, "--wait").code


def test_what_a_vendor_owes_is_shown_below_zero(office: Desk) -> None:
    """With who signs for it, in place of keys."""
    open_vendor(office)

    assert credit_note(office, "12.50GBP", "CN-1") == 0
    shown = office.asking("account", VENDOR)

    facts = [" ".join(line.split()) for line in shown.out.splitlines()]
    assert f"keeper {account_id('health').hex()}" in facts
    assert "floor none" in facts
    assert "balance -12.50 GBP" in facts
    assert not [fact for fact in facts if fact.startswith(("threshold", "key of"))]


def test_a_floor_that_was_granted_holds(office: Desk) -> None:
    """To the penny."""
    open_vendor(office, "--floor", "-100")

    assert credit_note(office, "100", "CN-1") == 0
    assert credit_note(office, "1", "CN-2") == ExitCode.REFUSED
    assert "floor -100" in " ".join(office.asking("account", VENDOR).out.split())


def test_an_account_with_keys_is_opened_by_its_keys_alone(office: Desk) -> None:
    """Its id is made of the first; the keys are options that repeat."""
    words = ["tx", "send", "authority.open_account", "--key", "registrar", "--kind", "office"]
    words += ["--threshold", "2", "--name", "Land registry", "--floor", "0"]
    words += [w for n in "ab" for w in ("--signer", f"key={key(n).public.hex()},weight=1")]

    opened = office.asking(*words, "--wait")
    shown = office.asking("account", account_id("a").hex())

    assert opened.code == 0, opened.err
    assert "Land registry" in shown.out
    assert key("b").public.hex() in shown.out


def test_roles_and_money_are_ordinary_operations(office: Desk) -> None:
    """Define, grant, issue and retire from the command line, without a word of their own."""
    done = [
        office.asking("tx", "send", *words.split(), "--wait").code
        for words in (
            "authority.define_role --key registrar --role payer --grantor registrar",
            "authority.grant_role --key registrar --role payer --scope health --holder works",
            "authority.revoke_role --key registrar --role payer --scope health --holder works",
            "money.define_asset --key treasury --asset EUR --exponent 2 --snapshots false",
            "money.issue --key treasury --asset EUR --to treasury --amount 500 --reference mint",
            "money.retire --key treasury --asset EUR --amount 200 --reference burn",
        )
    ]
    shown = office.asking("account", "treasury")

    assert done == [0] * 6
    assert "3.00 EUR" in shown.out
