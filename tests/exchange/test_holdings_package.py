"""The register as a data package: frictionless reads it, and its sums are the ledger accounts."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from exchange.holdings import HoldingsData, holdings_package
from exchange.tables import longest_match, rows_of
from kit.data_act_rules import rows_of as cells_of
from kit.holdings import COUNT, TAG, Estate, a_finding, a_holding, a_sale
from kit.judges_open import fiscal_package_faults
from kit.ledger import account_id
from kit.offline import offline
from kit.treasury import AGENCY, FUND
from ledger.query import Query, Reading
from services.treasury.counts import Finding
from services.treasury.queries_holdings import Holdings, Reconciliation, RollForward

HEALTH = account_id(AGENCY)


def read(world: Estate, query: Query) -> list[Any]:
    return list(query.answer(Reading(world.chain.state, world.chain.time_ms)).rows)


def data_of(world: Estate, campaign: str | None = COUNT) -> HoldingsData:
    everything = dict.fromkeys(("period", "status", "custodian", "asset_class", "after", "limit"))
    paged = {"after": None, "limit": None}
    found = Reconciliation(agency=HEALTH, campaign=COUNT, **paged)
    rolled = RollForward(fund=FUND, since=None, period=None, **paged)
    return HoldingsData(
        agency=HEALTH,
        period=None,
        since=None,
        register=read(world, Holdings(agency=HEALTH, **everything)),
        roll_forward=read(world, rolled),
        campaign=campaign,
        reconciliation=read(world, found),
    )


@pytest.fixture(scope="module")
def world() -> Estate:
    """A bridge that is used up a little, land that is missing, and a van that was sold."""
    made = Estate.with_count()
    made.does(
        "custodian",
        a_holding("LAND-1", cost=70_05, asset_class="6141", life_months=0, place=None),
        a_holding("VAN-1", cost=90_00, asset_class="61121"),
    )
    made.months_pass(2)
    made.does("counter", a_finding(), a_finding(Finding.MISSING, "LAND-1"))
    made.does("member", a_sale(12_34, "member-2", tag="VAN-1"), with_=("member-2", "buyer"))
    return made


@pytest.fixture
def folder(world: Estate, tmp_path: Path) -> Path:
    for name, content in holdings_package(data_of(world)).items():
        (tmp_path / name).write_bytes(content)
    return tmp_path


def table(folder: Path, name: str) -> list[dict[str, str]]:
    return [dict(row) for row in cells_of((folder / f"{name}.csv").read_bytes())]


def test_frictionless_finds_nothing_wrong(folder: Path) -> None:
    """Descriptor, types, keys, and every cell of all three tables; nothing is fetched."""
    with offline():
        assert fiscal_package_faults(folder) == []
    assert [
        len(table(folder, name)) for name in ("register", "roll-forward", "reconciliation")
    ] == [*(3, 3, 2)]


@pytest.mark.parametrize(("good", "bad"), [(b"90.00", b"much"), (b"2026-05-20", b"in May")])
def test_frictionless_would_find_a_wrong_cell(folder: Path, good: bytes, bad: bytes) -> None:
    """The judge is awake: an amount and a day that are none."""
    register = folder / "register.csv"
    register.write_bytes(register.read_bytes().replace(good, bad, 1))

    assert any("type-error" in each for each in fiscal_package_faults(folder))


def test_the_register_says_what_each_holding_is_and_what_became_of_it(folder: Path) -> None:
    """In whole units, with the title of its class."""
    rows = {row["holding"]: row for row in table(folder, "register")}

    assert list(rows) == [TAG, "LAND-1", "VAN-1"]
    van, land = rows["VAN-1"], rows["LAND-1"]
    assert (van["class_title"], van["status"], van["method"], van["proceeds"]) == (
        *("Transport equipment", "disposed", "sold", "12.34"),
    )
    assert (land["class_title"], land["status"], land["cost"], land["carrying"]) == (
        *("Land", "missing", "70.05", "70.05"),
    )
    assert land["place"] == land["disposed"] == ""
    assert van["custodian"] == account_id("custodian").hex()


def test_the_sums_of_the_tables_are_the_ledger_accounts(world: Estate, folder: Path) -> None:
    """Property at cost, and what has accumulated of it."""

    def total(name: str, column: str) -> Decimal:
        return sum((Decimal(row[column]) for row in table(folder, name)), Decimal())

    assert total("roll-forward", "closing_cost") * 100 == world.property_at_cost()
    assert total("roll-forward", "closing_accumulated") * 100 == world.accumulated()
    assert total("roll-forward", "closing_carrying") == total("register", "carrying")
    assert total("roll-forward", "proceeds") * 100 == world.on("573000")


def test_the_reconciliation_says_what_was_found(folder: Path) -> None:
    """What was sold before anybody counted it is not in it."""
    rows = {row["holding"]: row for row in table(folder, "reconciliation")}

    assert {tag: row["finding"] for tag, row in rows.items()} == {TAG: "seen", "LAND-1": "missing"}
    assert rows[TAG]["counted"].endswith("Z")
    assert rows[TAG]["moved"] == "false"


def test_a_package_without_a_count_has_two_tables(world: Estate) -> None:
    """And says so."""
    files = holdings_package(data_of(world, None))

    described = json.loads(files["datapackage.json"])
    assert [each["path"] for each in described["resources"]] == ["register.csv", "roll-forward.csv"]
    assert set(files) == {"register.csv", "roll-forward.csv", "datapackage.json"}


def test_every_class_has_the_title_of_its_longest_prefix() -> None:
    """A country may divide classes further; each title stands once."""
    titles = rows_of("holding_classes.csv")

    def title(code: str) -> str:
        found = longest_match("holding_classes.csv", code)
        assert found is not None
        return found["title"]

    assert (title("61113"), title("611139"), title("6142")) == (
        *("Other structures", "Other structures", "Mineral and energy resources"),
    )
    assert len({row["prefix"] for row in titles}) == len(titles)


def test_an_agency_without_holdings_has_empty_tables(tmp_path: Path) -> None:
    """It is a package all the same."""
    nothing = HoldingsData(
        agency=HEALTH,
        period="2026-04",
        since="2026-01",
        register=(),
        roll_forward=(),
        campaign=None,
        reconciliation=(),
    )

    for name, content in holdings_package(nothing).items():
        (tmp_path / name).write_bytes(content)

    assert fiscal_package_faults(tmp_path) == []
    assert table(tmp_path, "register") == []
