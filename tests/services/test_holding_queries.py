"""The register, counts against it and the roll-forward, as people and auditors ask for them."""

from __future__ import annotations

from typing import Any

from kit.holdings import (
    BRIDGES,
    COST,
    COUNT,
    LIFE,
    TAG,
    Estate,
    a_disposal,
    a_finding,
    a_holding,
    a_move,
    a_sale,
    an_impairment,
)
from kit.ledger import account_id
from kit.treasury import AGENCY, FUND
from ledger.query import Query, Reading
from primitives.ids import AccountId
from services.treasury.counts import Finding
from services.treasury.holdings import DisposalMethod, HoldingStatus
from services.treasury.queries_holdings import (
    Counts,
    Holdings,
    OneHolding,
    Reconciliation,
    RollForward,
)

HEALTH = account_id(AGENCY)


def ask(world: Estate, query: Query) -> list[Any]:
    return list(query.answer(Reading(world.chain.state, world.chain.time_ms)).rows)


def register(world: Estate, **asked: Any) -> list[Any]:  # noqa: ANN401 - parameters
    fields = dict.fromkeys(("period", "status", "custodian", "asset_class", "after", "limit"))
    return ask(world, Holdings(**{"agency": HEALTH, **fields, **asked}))


def rolled(world: Estate, since: str | None = None, period: str | None = None) -> list[Any]:
    return ask(world, RollForward(fund=FUND, since=since, period=period, after=None, limit=None))


def test_the_register_says_what_each_holding_still_stands_for() -> None:
    """Its sums are the ledger accounts of the fund."""
    world = Estate.with_holding()
    world.does("custodian", a_holding("B-2", cost=500, life_months=0, asset_class="6141"))
    world.months_pass(2)

    rows = {row.holding: row for row in register(world)}
    used_up = 2 * (COST // LIFE)
    assert (rows[TAG].used_up_minor, rows[TAG].carrying_minor) == (used_up, COST - used_up)
    assert (rows["B-2"].used_up_minor, rows["B-2"].carrying_minor) == (0, 500)
    assert sum(row.cost_minor for row in rows.values()) == world.property_at_cost()
    assert sum(row.used_up_minor for row in rows.values()) == world.accumulated()
    assert (rows[TAG].asset, rows[TAG].exponent) == ("GBP", 2)


def test_the_register_of_a_month_that_is_over_can_be_made_again() -> None:
    """Whatever became of the holding since."""
    world = Estate.with_holding()
    first = world.month
    world.months_pass(2)
    before, second = register(world), world.month
    world.months_pass(1)
    world.does("custodian", a_move(), with_=("custodian-2",))
    world.does("member", a_disposal("member-2"), with_=("member-2",))

    assert register(world, period=second) == before
    assert [row.used_up_minor for row in register(world, period=first)] == [0]
    assert register(world, period="2026-01") == []
    (now,) = register(world)
    assert (now.status, now.method) == (HoldingStatus.DISPOSED, DisposalMethod.SCRAPPED)
    assert now.carrying_minor == 0


def test_the_register_is_filtered() -> None:
    """By what became of a holding, by who keeps it, and by class."""
    world = Estate.with_count()
    world.does("custodian", a_holding("B-2", cost=5, asset_class="6141"))
    world.does("custodian", a_move(), with_=("custodian-2",))
    world.does("counter", a_finding(Finding.MISSING))

    def tags(**asked: Any) -> list[str]:  # noqa: ANN401 - parameters
        return [row.holding for row in register(world, **asked)]

    assert tags() == ["B-2", TAG]
    assert tags(status=HoldingStatus.MISSING) == [TAG]
    assert tags(custodian=account_id("custodian")) == ["B-2"]
    assert tags(asset_class="6141", status=HoldingStatus.IN_USE) == ["B-2"]


def test_one_holding_is_found_or_proved_absent() -> None:
    """By its tag."""
    world = Estate.with_holding()
    absent = OneHolding(agency=HEALTH, holding="B-9")

    assert [row.holding for row in ask(world, OneHolding(agency=HEALTH, holding=TAG))] == [TAG]
    page = absent.answer(Reading(world.chain.state, world.chain.time_ms))
    assert (page.rows, page.proved_by) == ([], [f"state/holdings/{(HEALTH + b'B-9').hex()}"])


def test_a_count_is_reconciled_with_the_register() -> None:
    """Found, found elsewhere, not found, not looked for; what went before is not in it."""
    world = Estate.with_count()
    world.does("custodian", *(a_holding(tag, cost=5) for tag in ("B-2", "B-3", "B-4")))
    world.does("custodian", a_holding("B-5", cost=5, place="GB-MAN"))
    world.does("member", a_disposal("member-2", tag="B-4"), with_=("member-2",))
    world.does("counter", a_finding(), a_finding(Finding.MISSING, "B-2"), a_finding(tag="B-5"))

    rows = ask(world, Reconciliation(agency=HEALTH, campaign=COUNT, after=None, limit=None))
    (count,) = ask(world, Counts(agency=HEALTH, after=None, limit=None))

    assert [(row.holding, row.finding, row.moved) for row in rows] == [
        ("B-2", Finding.MISSING, False),
        ("B-3", None, False),
        ("B-5", Finding.SEEN, True),
        (TAG, Finding.SEEN, False),
    ]
    assert (count.campaign, count.seen, count.missing) == (COUNT, 2, 1)
    unknown = Reconciliation(agency=HEALTH, campaign="other", after=None, limit=None)
    page = unknown.answer(Reading(world.chain.state, world.chain.time_ms))
    assert page.proved_by == [f"state/holding_counts/{(HEALTH + b'other').hex()}"]


def test_the_roll_forward_reconciles_two_ends_of_months() -> None:
    """Opening and what happened make the closing, and that is what the register sums to."""
    world = Estate.with_holding()
    world.months_pass(1)
    since = world.month
    opened = register(world, period="2026-05")
    world.does("custodian", a_holding("B-2", cost=90, acquired=world.today, life_months=3))
    world.months_pass(1)
    world.does("member", an_impairment(30, "member-2", tag="B-2"), with_=("member-2",))
    world.does("member", a_sale(7, "member-2"), with_=("member-2", "buyer"))

    (row,) = rolled(world, since=since)

    assert (row.fund, row.asset_class, row.holdings) == (FUND, BRIDGES, 1)
    assert row.opening_cost_minor == sum(each.cost_minor for each in opened) == COST
    assert (row.additions_minor, row.disposals_minor, row.closing_cost_minor) == (90, COST, 90)
    assert row.opening_accumulated_minor == 0
    assert row.depreciation_minor == 2 * (COST // LIFE) + 30
    assert (row.impairment_minor, row.written_off_minor) == (30, 2 * (COST // LIFE))
    assert row.closing_accumulated_minor == 60 == world.used_up("B-2")
    assert row.closing_carrying_minor == 30
    assert (row.opening_carrying_minor, row.proceeds_minor) == (COST, 7)


def test_the_roll_forward_ends_where_it_is_asked_to() -> None:
    """And begins with nothing, if no month is named."""
    world = Estate.with_holding()
    world.months_pass(3)

    (whole,) = rolled(world)
    (first,) = rolled(world, period="2026-06")

    assert (whole.opening_cost_minor, whole.additions_minor) == (0, COST)
    assert (whole.depreciation_minor, first.depreciation_minor) == (
        3 * (COST // LIFE),
        COST // LIFE,
    )
    assert rolled(world, period="2026-04") == []
    unknown = RollForward(fund="019-X-9999-000", since=None, period=None, after=None, limit=None)
    page = unknown.answer(Reading(world.chain.state, world.chain.time_ms))
    assert page.proved_by == [f"state/funds/{b'019-X-9999-000'.hex()}"]


def test_another_agency_has_a_register_of_its_own() -> None:
    """Nothing of this one is in it."""
    world = Estate.with_holding()
    works: AccountId = account_id("works")

    assert register(world, agency=works) == []
