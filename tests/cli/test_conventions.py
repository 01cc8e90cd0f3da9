"""Amounts and dates as people write them here, and never so for programs."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from locale import CHAR_MAX
from pathlib import Path

import pytest

from cli.conventions import HOUSE, Conventions
from kit.desk import Desk, desk
from kit.tree import ROOT

GERMAN = Conventions(decimal=",", separator=".", day="%d.%m.%Y", clock="%T")
INDIAN = Conventions(grouping=(3, 2, 0))
SOURCES = Path("/usr/share/i18n/locales/de_DE")


@pytest.mark.parametrize(
    ("habits", "minor_units", "written"),
    [
        (HOUSE, 0, "0.00 GBP"),
        (HOUSE, 125_000, "1,250.00 GBP"),
        (HOUSE, -150, "-1.50 GBP"),
        (HOUSE, -5, "-0.05 GBP"),
        (HOUSE, 10**17 + 1, "1,000,000,000,000,000.01 GBP"),
        (GERMAN, 125_000_000, "1.250.000,00 GBP"),
        (INDIAN, 1_234_567_890, "1,23,45,678.90 GBP"),
        (Conventions(grouping=(3, CHAR_MAX)), 123_456_789_000, "1234567,890.00 GBP"),
        (Conventions(separator="", grouping=()), 125_000, "1250.00 GBP"),
    ],
)
def test_an_amount_is_grouped_as_people_here_do(
    habits: Conventions, minor_units: int, written: str
) -> None:
    """Pounds and pence, signs, lakhs and crores, and no groups at all."""
    assert habits.money(minor_units, 2, "GBP") == written


def test_an_asset_without_decimals_has_none() -> None:
    """Whole yen."""
    assert HOUSE.money(1_250, 0, "JPY") == "1,250 JPY"
    assert HOUSE.number(-1_250) == "-1,250"


def test_a_time_is_exact_in_the_house_s_form_and_local_in_another() -> None:
    """UTC in both."""
    assert HOUSE.time(1_780_000_001_234) == "2026-05-28 20:26:41.234 UTC"
    assert GERMAN.time(1_780_000_001_234) == "28.05.2026 20:26:41 UTC"


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Desk]:
    with desk(tmp_path / "home") as made:
        made.pay("--wait", line="to=health,amount=1250.00GBP,reference=a")
        yield made


def account_in(office: Desk, *more: str, **environment: str) -> str:
    words = ["account", "health", "--home", str(office.home), "--node", office.url, *more]
    return subprocess.run(
        [sys.executable, "-P", "-m", "cli", *words],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    ).stdout


def test_a_locale_that_this_machine_has_not_changes_nothing(office: Desk) -> None:
    """The house's conventions hold, and no traceback."""
    assert "1,250.00 GBP" in account_in(office, LC_ALL="xx_YY.UTF-8")
    assert "1,250.00 GBP" in account_in(office, LC_ALL="C")


@pytest.mark.skipif(
    shutil.which("localedef") is None or not SOURCES.exists(),
    reason="this machine has no sources of locales",
)
def test_people_read_their_own_locale_and_programs_never_do(office: Desk, tmp_path: Path) -> None:
    """With a locale made for this test."""
    made = tmp_path / "de_DE.UTF-8"
    subprocess.run(
        ["localedef", "-i", "de_DE", "-f", "UTF-8", str(made)], check=True, capture_output=True
    )
    german = {"LC_ALL": "de_DE.UTF-8", "LOCPATH": str(tmp_path)}

    for_people = account_in(office, **german)
    for_programs = account_in(office, "--json", **german)

    assert "1.250,00 GBP" in for_people
    assert json.loads(for_programs)["balances"][0]["amount"] == 125_000
