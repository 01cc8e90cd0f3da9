"""The Fiscal Data Package: frictionless reads it, and it says what the books say."""

from __future__ import annotations

import json
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest
from msgspec import structs

from exchange.budget_figures import Books
from exchange.fiscal_package import fiscal_package
from exchange.treasury_data import Names
from kit.data_act_rules import rows_of
from kit.judges_open import fiscal_package_faults
from kit.treasury_books import AGENCY, ROADS, VENDOR, two_years
from services.treasury.rows import OffsetRow

NAMES = Names(accounts={AGENCY: "Roads Agency", VENDOR: "Builders"}, programs={"BRDG": "Bridges"})


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    opening, _, now = two_years()
    for name, content in fiscal_package(Books(now, opening), 2026, NAMES).items():
        (tmp_path / name).write_bytes(content)
    return tmp_path


def test_frictionless_finds_nothing_wrong(folder: Path) -> None:
    """Descriptor, schema, keys, and every cell of both tables."""
    assert fiscal_package_faults(folder) == []


def test_frictionless_would_find_a_wrong_cell(folder: Path) -> None:
    """The judge is awake: an amount that is a word, and a line that stands twice."""
    budget = folder / "budget.csv"
    good = budget.read_bytes()
    budget.write_bytes(good.replace(b"601.23", b"much", 1))
    assert any("type-error" in each for each in fiscal_package_faults(folder))
    budget.write_bytes(good + good.splitlines(keepends=True)[-1])
    assert any("primary-key" in each for each in fiscal_package_faults(folder))


def test_the_budget_has_each_line_in_each_phase(folder: Path) -> None:
    """What was allotted, obligated, delivered and outlaid in the year, classified."""
    rows = rows_of((folder / "budget.csv").read_bytes())
    roads = {r["phase"]: r for r in rows if r["line"] == f"{ROADS}:2026-q1:BRDG:252"}
    assert len(rows) == 3 * 4
    assert {phase: row["amount"] for phase, row in roads.items()} == {
        "allotted": "0.00",
        "obligated": "401.23",
        "delivered": "601.23",
        "outlaid": "201.23",
    }
    said = roads["outlaid"]
    assert (said["cofog_group"], said["gfsm"], said["program_name"], said["agency_name"]) == (
        "04.5",
        "22",
        "Bridges",
        "Roads Agency",
    )


def test_the_spending_has_each_payment(folder: Path) -> None:
    """Also those of earlier years that stand; with the interest that was paid."""
    rows = rows_of((folder / "spending.csv").read_bytes())
    assert {row["invoice"]: row["amount"] for row in rows} == {
        "A-1": "500.00",
        "B-7": "401.23",
        "P-4": "300.00",
    }
    assert {row["payee_name"] for row in rows} == {"Builders"}
    assert sum(Decimal(row["amount"]) for row in rows) == Decimal("1201.23")


def test_what_came_back_is_no_spending() -> None:
    """Nor is what was certified only."""
    _, _, now = two_years()
    returned, open_, paid = now.vouchers
    vouchers = (
        structs.replace(returned, status="returned"),
        structs.replace(open_, status="certified", paid_ms=None, paid_in=None),
        paid,
    )
    files = fiscal_package(Books(replace(now, vouchers=vouchers), None), 2026, NAMES)
    assert [row["invoice"] for row in rows_of(files["spending.csv"])] == [paid.invoice]


def test_what_went_to_creditors_stands_though_the_rest_came_back() -> None:
    """So that payments sum to what the budget's lines say is outlaid."""
    _, _, now = two_years()
    first, *others = now.vouchers
    kept = OffsetRow(reference="tax", creditor=first.payee, amount_minor=7_00)
    back = structs.replace(first, status="returned", offsets=(kept,))
    files = fiscal_package(Books(replace(now, vouchers=(back, *others)), None), 2026, NAMES)

    amounts = {row["invoice"]: row["amount"] for row in rows_of(files["spending.csv"])}
    assert amounts[first.invoice] == "7.00"
    assert len(amounts) == len(now.vouchers)


def test_every_column_says_what_it_means(folder: Path) -> None:
    """No column without a type of the fiscal taxonomy, none twice in a table."""
    resources = json.loads((folder / "datapackage.json").read_text())["resources"]

    assert resources
    for resource in resources:
        types = [field["columnType"] for field in resource["schema"]["fields"]]
        assert types
        assert all(types)
        assert len(types) == len(set(types))
