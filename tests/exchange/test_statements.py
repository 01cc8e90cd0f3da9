"""Trial balance, SF-133, COFOG and GFSM tables say what the books say, and add up."""

from __future__ import annotations

import csv
from collections import defaultdict
from decimal import Decimal
from pathlib import Path

import pytest

from exchange.budget_figures import Books, Position, adjustments_of, opening_period
from exchange.statements import cofog, functions_of, gfsm, gfsm_code, sf133, trial_balance
from exchange.tables import rows_of as table
from exchange.tables import sheet_csv
from kit.data_act_rules import rows_of
from kit.treasury_books import HEALTH, ROADS, Bookkeeper, two_years

COFOG = Path(__file__).parents[2] / ".." / "shared" / "data" / "cofog" / "cofog.csv"


def _books() -> Books:
    opening, _, now = two_years()
    return Books(now, opening)


def _lines(file: bytes, fund: str) -> dict[str, int]:
    """In minor units."""
    return {
        r["line"]: int(Decimal(r["amount"]).scaleb(2)) for r in rows_of(file) if r["fund"] == fund
    }


def test_the_trial_balance_of_each_fund_ends_in_equal_sums() -> None:
    """Debits are credits, fund by fund."""
    rows = rows_of(sheet_csv(trial_balance(_books().now)))
    totals = [row for row in rows if row["title"] == "Total"]
    assert [row["fund"] for row in totals] == [ROADS, HEALTH]
    assert all(row["debits"] == row["credits"] and row["balance"] == "0.00" for row in totals)
    paid = next(row for row in rows if (row["fund"], row["account"]) == (ROADS, "490200"))
    assert paid["balance"] == "-1001.23"


@pytest.mark.parametrize("fund", [ROADS, HEALTH])
def test_the_sf_133_keeps_the_identities_of_circular_a_11(fund: str) -> None:
    """Resources equal their status; unpaid obligations move by obligations, outlays, recoveries."""
    said = _lines(sheet_csv(sf133(_books())), fund)
    assert said["1910"] == said["2500"] == said["1051"] + said["1900"]
    assert said["1051"] == said["1000"] + said["1021"] + said["1033"]
    assert said["1160"] == said["1100"] + said["1130"]
    assert said["2500"] == said["2190"] + said["2490"]
    assert said["2490"] == said["2412"] + said["2413"] == said["2201"] + said["2401"]
    assert said["2190"] == said["2004"] == said["2001"] + said["2002"]
    unpaid = said["3000"] + said["3012"] + said["3013"] + said["3020"] + said["3040"]
    assert unpaid == said["3050"]
    assert said["4190"] == -said["3020"] - said["1033"]


def test_the_sf_133_has_every_line_of_each_fund() -> None:
    """Also those that are zero, and amounts of the scenario where it has some."""
    rows = rows_of(sheet_csv(sf133(_books())))
    assert len(rows) == 2 * len(table("sf133_lines.csv"))
    roads, health = (_lines(sheet_csv(sf133(_books())), fund) for fund in (ROADS, HEALTH))
    assert (roads["1000"], roads["1021"], roads["1033"]) == (700_000, 60_000, 20_000)
    assert (roads["2001"], roads["2002"]) == (150_123, 0)
    assert (health["2001"], health["2002"], health["1130"]) == (0, 300_000, -25_000)


def test_an_expired_fund_has_nothing_available() -> None:
    """What it has not obligated is expired, and its obligations are those of an expired account."""
    books = Bookkeeper(period="2028-01")
    books.fund(ROADS, until="2027-12-31")
    books.appropriate(ROADS, 500)
    said = _lines(sheet_csv(sf133(Books(books.data(), None))), ROADS)
    assert (said["2201"], said["2401"], said["2412"], said["2413"]) == (0, 0, 0, 500)
    said = _lines(sheet_csv(sf133(Books(books.data("2027-12"), None))), ROADS)
    assert (said["2401"], said["2412"], said["2413"]) == (500, 500, 0)


def test_each_division_of_cofog_is_the_sum_of_its_groups() -> None:
    """And all of them are the total; transport and hospitals have what their funds spent."""
    rows = {row["code"]: row for row in rows_of(sheet_csv(cofog(_books())))}
    for column in ("appropriated", "obligated", "delivered", "paid"):
        by_division: defaultdict[str, Decimal] = defaultdict(Decimal)
        for code, row in rows.items():
            if "." in code:
                by_division[code[:2]] += Decimal(row[column])
        assert all(Decimal(rows[code][column]) == each for code, each in by_division.items())
        assert Decimal(rows[""][column]) == sum(by_division.values())
    assert (rows["04.5"]["paid"], rows["07.3"]["delivered"]) == ("501.23", "1500.00")
    assert rows["07"]["appropriated"] == "-250.00"


def test_a_function_is_known_with_and_without_its_points() -> None:
    """04.5.1 and 045 are transport; a division alone has no group."""
    assert functions_of("04.5.1") == functions_of("045") == ("04", "04.5")
    assert functions_of("10") == ("10",)


@pytest.mark.skipif(not COFOG.exists(), reason="the list of functions is not beside the project")
def test_the_functions_are_those_of_the_united_nations() -> None:
    """Every division and group has its code, and no code is ours alone."""
    with COFOG.open(encoding="utf-8") as file:
        listed = {row["Code"] for row in csv.DictReader(file)}
    theirs = {code for code in listed if code.count(".") < 2}
    assert {row["code"] for row in table("cofog.csv")} == theirs


def test_the_statement_of_operations_adds_up() -> None:
    """GFSM 2014: expense by nature, investment, and what was borrowed for both."""
    rows = {row["code"]: row for row in rows_of(sheet_csv(gfsm(_books())))}
    for column in ("accrued", "cash"):
        said = {code: Decimal(row[column]) for code, row in rows.items()}
        assert said["2"] == sum(said[c] for c in ("21", "22", "23", "24", "25", "26", "27", "28"))
        assert said["31"] == said["311"] == said["3111"] + said["3112"]
        assert said["NOB"] == said["1"] - said["2"]
        assert said["GOB"] == said["NOB"] + said["23"]
        assert said["2M"] == said["2"] + said["31"]
        assert said["NLB"] == said["1"] - said["2M"]
    accrued = {code: row["accrued"] for code, row in rows.items()}
    assert accrued["211"] == "300.00"
    assert accrued["22"] == "600.00"  # 800 delivered, 200 given back
    assert accrued["24"] == "1.23"
    assert accrued["23"] == "7.77"
    assert (accrued["3111"], accrued["3112"]) == ("1500.00", "-12.77")
    assert rows["3112"]["cash"] == "-5.00"
    assert rows["24"]["cash"] == "1.23"
    assert rows["22"]["cash"] == "200.00"


@pytest.mark.parametrize(
    ("object_class", "code"),
    [
        ("111", "211"),
        ("252", "22"),
        ("3110", "3112"),
        ("320", "3111"),
        ("410", "26"),
        ("777", "28"),
    ],
)
def test_an_object_class_has_an_economic_code(object_class: str, code: str) -> None:
    """The longest prefix decides; what no row knows is other expense."""
    assert gfsm_code(object_class) == code


def test_every_economic_code_has_its_line() -> None:
    """What a country maps its object classes to is in the statement, under one of its sums."""
    listed = {row["code"] for row in table("gfsm.csv")}
    mapped = {row["gfsm"] for row in table("gfsm_object_classes.csv")}
    assert mapped <= listed
    assert {code[:2] for code in mapped} <= listed


@pytest.mark.parametrize(
    ("period", "first", "opening"),
    [
        ("2026-04", 10, "2025-09"),
        ("2025-10", 10, "2025-09"),
        ("2025-09", 10, "2024-09"),
        ("2026-04", 1, "2025-12"),
        ("2026-01", 4, "2025-03"),
        ("2026-04", 4, "2026-03"),
    ],
)
def test_a_year_opens_at_the_end_of_the_month_before(period: str, first: int, opening: str) -> None:
    """Whatever month a country's fiscal year begins with."""
    assert opening_period(period, first_month=first) == opening


def test_what_came_back_is_told_by_how_far_it_had_come() -> None:
    """An award that shrank: paid and returned, delivered and taken back, or only ordered."""
    assert adjustments_of(Position(100, 60, 40), Position(70, 50, 35)) == (20, 5, 5)
    assert adjustments_of(Position(100, 60, 40), Position(90, 60, 40)) == (10, 0, 0)
    assert adjustments_of(Position(100, 60, 40), Position(100, 100, 100)) == (0, 0, 0)
    assert adjustments_of(Position(100, 100, 100), Position(80, 80, 80)) == (0, 0, 20)
