"""`mithaq export holdings`: the register of an agency, out of a real node."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from kit.holdings import COUNT, TAG, a_finding, a_holding, property_document
from kit.ledger import account_id
from kit.treasury import AGENCY, FUND
from kit.treasury_desk import treasury_desk
from services.treasury.counts import OpenCount


def rows(file: Path) -> list[dict[str, str]]:
    with file.open(newline="") as text:
        return list(csv.DictReader(text))


def test_an_agency_hands_its_register_to_an_auditor(tmp_path: Path) -> None:
    """With a count, without one, of a month before there was anything, and of nobody's."""
    whole, before = tmp_path / "whole", tmp_path / "before"
    with treasury_desk(tmp_path / "home", property_document()) as office:
        office.does("custodian", a_holding(acquired=office.today))
        office.does("counter", OpenCount(account_id(AGENCY), COUNT), a_finding())
        done = office.desk.asking("export", "holdings", AGENCY, "--campaign", COUNT, "-o", whole)
        early = office.desk.asking(
            "export", "holdings", AGENCY, "--period", "2026-01", "-o", before, "--json"
        )
        wrong = office.desk.asking("export", "holdings", AGENCY, "--period", "May", "-o", before)
        listed = office.desk.asking("query", "treasury.holdings", "--agency", AGENCY)

    assert (done.code, early.code, listed.code) == (0, 0, 0), done.err + early.err + listed.err
    assert [row["holding"] for row in rows(whole / "register.csv")] == [TAG]
    assert [row["finding"] for row in rows(whole / "reconciliation.csv")] == ["seen"]
    assert [row["additions"] for row in rows(whole / "roll-forward.csv")] == ["1000.00"]
    assert json.loads((whole / "datapackage.json").read_text())["name"] == "holdings"
    assert early.result["holdings"] == 0
    assert rows(before / "register.csv") == []
    assert wrong.code != 0
    assert "1,000.00 GBP" in listed.out


@pytest.mark.parametrize(
    "words",
    [
        ("treasury.holdings", "--agency", AGENCY),
        ("treasury.roll_forward", "--fund", FUND),
        ("treasury.reconciliation", "--agency", AGENCY, "--campaign", COUNT),
    ],
)
def test_what_is_said_of_holdings_is_made_again_from_proofs(
    tmp_path: Path, words: tuple[str, ...]
) -> None:
    """Every entry that a row was made of is proved: also the book of its class."""
    folder = tmp_path / "proofs"
    with treasury_desk(tmp_path / "home", property_document()) as office:
        office.does("custodian", a_holding(acquired=office.today))
        office.does("counter", OpenCount(account_id(AGENCY), COUNT), a_finding())
        done = office.desk.asking("query", *words, "--proof", folder)
        checked = office.desk.mithaq("proof", "verify", folder)

    assert (done.code, checked.code) == (0, 0), done.err + checked.err
    assert "proofs written" in done.err
    assert "cannot be made again" not in done.err
    assert len(list(folder.glob("*.proof"))) > 1
