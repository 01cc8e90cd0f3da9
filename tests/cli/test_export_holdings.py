"""`mithaq export holdings`: the register of an agency, out of a real node."""

from __future__ import annotations

import csv
import json
from pathlib import Path

from kit.holdings import COUNT, TAG, a_finding, a_holding, property_document
from kit.ledger import account_id
from kit.treasury import AGENCY
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
