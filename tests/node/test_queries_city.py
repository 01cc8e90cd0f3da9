"""Four years of a city's real payments: every total is the file's own, to the penny."""

from __future__ import annotations

import csv
from collections import Counter
from decimal import Decimal
from typing import Any, Final

import pytest

from kit.ledger import account_id
from kit.payments import AGENCY, Ledger, Payment
from kit.tree import ROOT
from node.reports import Reports
from services.money import Issue

FILE: Final = ROOT.parent / "shared/data/gla-payments-2008-2011.csv"
LINES: Final = 50
"""Payments of one transaction; a credit note is a transaction of its own."""
BLOCK: Final = 40


def rows() -> list[dict[str, str]]:
    with FILE.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def pence(row: dict[str, str]) -> int:
    exact = Decimal(row["Amount"]) * 100
    assert exact == int(exact)
    return int(exact)


def payment(row: dict[str, str]) -> Payment:
    amount, vendor = pence(row), row["Vendor"]
    payer, payee = (AGENCY, vendor) if amount > 0 else (vendor, AGENCY)
    return Payment(payer, payee, abs(amount), row["AccountDescription"], row["Date"])


def booked(payments: list[Payment]) -> Ledger:
    """A chain on which all of them stand, in the order of the file."""
    vendors = {name for each in payments for name in (each.payer, each.payee)} - {AGENCY}
    ledger = Ledger.begin(vendors=sorted(vendors))
    ledger.act(AGENCY, Issue("GBP", account_id(AGENCY), 10**13, "all of it"))
    ledger.block()
    lines: list[Payment] = []
    for each in payments:
        if each.payer != AGENCY or len(lines) == LINES:
            if lines:
                ledger.put(*lines)
            lines = []
        if each.payer != AGENCY:
            ledger.put(each)
        else:
            lines.append(each)
        if len(ledger.chain.waiting) == BLOCK:
            ledger.block()
    if lines:
        ledger.put(*lines)
    ledger.block()
    return ledger


@pytest.mark.skipif(not FILE.exists(), reason="the city's file is not on this machine")
def test_every_total_of_a_city_s_payments_is_the_file_s_own() -> None:
    """Per year, per vendor and per description; and the vendors that end below zero are below."""
    source = [row for row in rows() if pence(row)]
    ledger = booked([payment(row) for row in source])
    reports = Reports(ledger.chain.store, ledger.chain.genesis)

    def net(by: str) -> dict[str, int]:
        given = {"account": account_id(AGENCY).hex(), "by": by}
        return {row.key: row.net_minor for row in reports.answer("money.totals", given).rows}

    expected: dict[str, Counter[str]] = {"year": Counter(), "payee": Counter()}
    expected["description"] = Counter()
    for row in source:
        expected["year"][row["Date"][:4]] += pence(row)
        expected["payee"][account_id(row["Vendor"]).hex()] += pence(row)
        expected["description"][row["AccountDescription"]] += pence(row)
    for by, sums in expected.items():
        assert net(by) == dict(sums)
    owing = {payee for payee, total in expected["payee"].items() if total < 0}
    assert len(owing) == 35
    assert owing == below_zero(reports)


def below_zero(reports: Reports) -> set[str]:
    """Accounts that owe, out of all pages of the list."""
    found: set[str] = set()
    asked = {"limit": "1000"}
    while True:
        answer: Any = reports.answer("ledger.accounts", asked)
        found |= {row.id.hex() for row in answer.rows for held in row.balances if held.amount < 0}
        if answer.next is None:
            return found
        asked["after"] = answer.next
