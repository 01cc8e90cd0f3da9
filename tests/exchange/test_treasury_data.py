"""How exporters write amounts and names."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exchange.treasury_data import Names, whole_units
from kit.treasury_books import Bookkeeper
from primitives.ids import AccountId


@pytest.mark.parametrize(
    ("minor", "exponent", "said"),
    [
        (0, 2, "0.00"),
        (5, 2, "0.05"),
        (-5, 2, "-0.05"),
        (1250, 2, "12.50"),
        (7, 0, "7"),
        (7, 3, "0.007"),
    ],
)
def test_an_amount_is_in_whole_units_with_all_its_places(
    minor: int, exponent: int, said: str
) -> None:
    """No float is ever near it."""
    assert whole_units(minor, exponent) == said


@given(st.integers(-(2**63), 2**63), st.integers(0, 8))
def test_an_amount_is_read_back_exactly(minor: int, exponent: int) -> None:
    """Whatever reads decimals reads what was meant."""
    assert Decimal(whole_units(minor, exponent)).scaleb(exponent) == minor


def test_whoever_has_no_name_goes_by_id_or_code() -> None:
    """A program of one fund may have another name than that of another fund."""
    account, other = AccountId(bytes(32)), AccountId(b"\1" * 32)
    names = Names(accounts={account: "Roads"}, programs={"BRDG": "Bridges", "F:BRDG": "Ferries"})
    assert (names.account(account), names.account(other)) == ("Roads", "01" * 32)
    assert names.program("F", "BRDG") == "Ferries"
    assert names.program("G", "BRDG") == "Bridges"
    assert names.program("G", "RAIL") == "RAIL"


@pytest.mark.parametrize(
    ("period", "month", "last_day"),
    [
        ("2026-02", "2026-02", "2026-02-28"),
        ("2026-04", "2026-04", "2026-04-17"),
        (None, "2026-04", "2026-04-17"),
    ],
)
def test_books_end_with_their_month_or_with_the_day_they_were_read(
    period: str | None, month: str, last_day: str
) -> None:
    """Read on 17 April: February is over, April is not."""
    read_ms = int(datetime(2026, 4, 17, 12, tzinfo=UTC).timestamp() * 1000)
    data = replace(Bookkeeper().data(), period=period, time_ms=read_ms)
    assert (data.month, data.last_day) == (month, last_day)
