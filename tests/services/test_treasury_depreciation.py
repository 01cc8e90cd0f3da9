"""Depreciation: schedules that sum to the cost exactly, and a class that is charged by itself."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from kit.holdings import ACQUIRED, BRIDGES, COST, LIFE, Estate, a_disposal, a_holding
from kit.treasury import FUND
from ledger.agenda import AGENDA
from primitives import kernel_limits, treasury_limits
from services.treasury.chart import TotalTooLarge
from services.treasury.depreciation import (
    PLAN,
    Depreciated,
    Schedule,
    schedule_of,
)
from services.treasury.period import first_moment, later, months_between

MONTHS = st.integers(1, treasury_limits.LIFE_MONTHS_MAX)


@given(st.integers(0, 10**15), MONTHS)
def test_the_parts_of_a_schedule_sum_to_what_it_spreads(base: int, months: int) -> None:
    """Equal parts, the last one with what does not divide; before the first nothing is charged."""
    schedule = Schedule("2026-03", months, base)

    parts = [
        schedule.charged(later("2026-03", each + 1)) - schedule.charged(later("2026-03", each))
        for each in range(months)
    ]

    assert sum(parts) == base == schedule.charged("9999-12")
    assert set(parts[:-1]) <= {base // months}
    assert parts[-1] == base // months + base % months
    assert schedule.charged("2026-03") == schedule.charged("2020-01") == 0
    assert schedule.end == later("2026-03", months)


@given(st.integers(0, 2500), st.integers(0, 2500))
def test_months_are_counted_across_years(first: int, more: int) -> None:
    """The month so many months later is so many months away."""
    start = later("1900-01", first)

    assert months_between(start, later(start, more)) == more
    assert later(later(start, more), -more) == start
    assert (later(start, more) > start) == (more > 0)


def test_what_is_for_no_time_or_nothing_has_no_schedule() -> None:
    """Land, and what has lost all its worth."""
    assert schedule_of("2026-03", 0, 5) is None
    assert schedule_of("2026-03", 5, 0) is None
    assert schedule_of("2026-12", 5, 7) == Schedule("2027-01", 5, 7)


def test_every_month_is_charged_at_its_first_moment() -> None:
    """From the month after it was acquired, until its cost is used up; then the agenda is empty."""
    world = Estate.with_holding()
    part = COST // LIFE
    expected = [part] * (LIFE - 1) + [COST - part * (LIFE - 1)]
    charged = []

    for number, amount in enumerate(expected, start=1):
        world.months_pass(1)
        assert world.chain.time_ms == first_moment(later(ACQUIRED[:7], number))
        events = [event for receipt in world.chain.done for event in receipt.events]
        charged += [each for each in events if isinstance(each, Depreciated)]
        assert charged[-1] == Depreciated(FUND, BRIDGES, later(ACQUIRED[:7], number), amount)
        assert world.used_up() == -world.on("174900") == sum(expected[:number])
    world.months_pass(1)

    assert len(charged) == LIFE
    assert world.used_up() == COST
    assert world.book().rate == 0
    assert list(AGENDA.scan(world.chain.state, limit=9)) == []
    assert list(PLAN.scan(world.chain.state, limit=9)) == []


def test_a_class_is_charged_once_a_month_however_many_holdings_it_has() -> None:
    """Their parts are summed; each keeps its own schedule."""
    world = Estate.with_holding()
    world.does(
        "custodian",
        *(a_holding(f"B-{life}", cost=100 + life, life_months=life) for life in range(1, 6)),
    )

    world.months_pass(1)

    (receipt,) = world.chain.done
    tags = ["BRIDGE-7", *(f"B-{life}" for life in range(1, 6))]
    assert world.book().charged == sum(map(world.used_up, tags)) == -world.on("174900")
    assert sum(isinstance(event, Depreciated) for event in receipt.events) == 1


def test_a_late_network_catches_up_month_by_month() -> None:
    """After half a year without a block, each missed month is charged, in a block of its own."""
    world = Estate.with_holding()
    world.chain.time_ms = first_moment(later(ACQUIRED[:7], 4))

    for number in range(1, 5):
        world.chain.block()
        assert world.used_up() == number * (COST // LIFE)
    world.chain.block()

    assert world.used_up() == 4 * (COST // LIFE) == -world.on("174900")


def test_no_charge_to_come_is_ever_too_large_to_be_counted() -> None:
    """A fund takes over no more than that; with all of it used up, each class is still charged."""
    world, most = Estate.with_holding(), treasury_limits.HOLDINGS_COST_MAX
    old = {"award": None, "asset_class": "61132", "acquired": "1990-01-01", "life_months": 12}

    beyond = world.refused("custodian", a_holding("B-1", cost=most + 1, **old))
    world.does("custodian", a_holding("B-1", cost=most, **old))
    full = world.refused("custodian", a_holding("B-2", cost=1, award=None))
    world.months_pass(LIFE)

    assert beyond == TotalTooLarge("572000", 0, most + 1)
    assert full == TotalTooLarge("572000", most, 1)
    assert world.used_up() == COST == -world.on("174900")


def test_a_class_that_rested_begins_with_the_month_that_comes() -> None:
    """Years after its last holding was used up, a new one is charged from the next month on."""
    world = Estate.with_holding(life_months=1)
    world.months_pass(12)
    world.does("custodian", a_holding("B-2", cost=24, acquired=world.today, life_months=2))

    assert world.book().coming == later(world.month, 1)
    world.months_pass(1)
    assert world.used_up("B-2") == 12
    world.months_pass(1)
    assert world.used_up("B-2") == 24


def test_the_month_in_which_a_holding_goes_is_charged_and_no_other() -> None:
    """The plan forgets it at once."""
    world = Estate.with_holding()
    world.months_pass(2)
    world.does("member", a_disposal("member-2"), with_=("member-2",))

    world.months_pass(1)

    assert world.book().rate == 0
    assert world.on("671000") == 2 * (COST // LIFE)
    assert list(PLAN.scan(world.chain.state, limit=9)) == []


def test_the_books_of_a_class_remember_the_ends_of_months() -> None:
    """What IPSAS 45 reconciles: the opening and the closing of a year."""
    world = Estate.with_holding()
    opening = later(ACQUIRED[:7], 0)
    world.months_pass(3)
    closing = world.month
    world.months_pass(2)

    assert world.book(period=opening).charged == 0
    assert world.book(period=closing).charged == 3 * (COST // LIFE)
    assert world.book().charged == 5 * (COST // LIFE)


def test_the_longest_life_ends_before_a_transaction_must_follow() -> None:
    """LIFE_MONTHS_MAX months are fewer than what one transaction may set off."""
    assert treasury_limits.LIFE_MONTHS_MAX < kernel_limits.ECHOES_MAX
    world = Estate.with_holding(life_months=treasury_limits.LIFE_MONTHS_MAX)

    schedule = world.holding().schedule

    assert schedule is not None
    assert schedule.charged(schedule.end) == COST
