"""Amounts for people: decimal places from genesis, and no field forgotten."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import pytest

from cli.amounts import MINOR_UNITS, OF_A_TREASURY, Amounts, is_of_a_treasury
from cli.conventions import money
from cli.field_kinds import fields_of
from cli.home import Home
from client.client import Client
from kit.commandline import mithaq
from services.table import OPERATIONS, Events, Refusals

COUNTED: frozenset[str] = frozenset({"line", "exponent", "period_ms"})
"""Whole numbers beside an asset that count something else."""

COUNTED_BY_TREASURIES: frozenset[str] = frozenset(
    {
        "actual",
        "days",
        "deliveries",
        "delivery",
        "expected",
        "expires_ms",
        "funds",
        "interest_bp",
        "life_months",
        "members",
        "modification",
        "number",
        "offsets",
        "payment_officers",
        "time_ms",
    }
)


@pytest.mark.parametrize(
    ("minor_units", "exponent", "text"),
    [
        (125_000, 2, "1,250.00 GBP"),
        (5, 2, "0.05 GBP"),
        (0, 2, "0.00 GBP"),
        (1_234_567, 0, "1,234,567 GBP"),
        (1, 8, "0.00000001 GBP"),
        (2**63 - 1, 2, "92,233,720,368,547,758.07 GBP"),
    ],
)
def test_an_amount_is_written_with_its_decimal_places(
    minor_units: int, exponent: int, text: str
) -> None:
    """Exact to the last of them."""
    assert money(minor_units, exponent, "GBP") == text


def test_every_amount_beside_an_asset_has_a_name_that_is_known() -> None:
    """A new event or refusal must not print minor units as if they were whole ones."""
    for struct in (*get_args(Events), *get_args(Refusals)):
        kinds = {name: kind for name, kind, _ in fields_of(struct)}
        if "asset" in kinds:
            numbers = {name for name, kind in kinds.items() if kind.core is int}
            names = OF_A_TREASURY if is_of_a_treasury(struct) else MINOR_UNITS
            assert numbers - COUNTED <= names, struct.__name__


def test_every_amount_of_a_treasury_has_a_name_that_is_known() -> None:
    """Its asset does not stand beside it; whatever else is counted is listed here."""
    for struct in (*get_args(Events), *get_args(Refusals), *OPERATIONS):
        if is_of_a_treasury(struct):
            numbers = {name for name, kind, _ in fields_of(struct) if kind.plain is int}
            assert numbers - OF_A_TREASURY <= COUNTED_BY_TREASURIES, struct.__name__


def test_without_genesis_minor_units_are_called_so(tmp_path: Path) -> None:
    """Nobody here knows the decimal places; a number without them would be read as whole units."""
    amounts = Amounts(Home(tmp_path), lambda: Client(()))

    assert amounts.number(125_000, "GBP") == "125,000 (minor units)"


def test_an_asset_that_genesis_does_not_know_is_shown_in_minor_units(tmp_path: Path) -> None:
    """The home of a network knows those of its own chain."""
    mithaq("testnet", "--home", tmp_path / "keys", "--output", tmp_path / "net")
    amounts = Amounts(Home(tmp_path / "net"), lambda: Client(()))

    assert amounts.number(125_000, "GBP") == "1,250.00"
    assert amounts.number(125_000, "XAU") == "125,000 (minor units)"
    assert amounts.written({"amount": 1, "line": 0}) == {"amount": 1, "line": 0}
