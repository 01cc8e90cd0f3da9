"""The world that treasury tests begin with: each step of it stands on the one before."""

from __future__ import annotations

from kit.treasury import (
    ALLOTTED,
    APPORTIONED,
    AWARDED,
    DELIVERED,
    INVOICED,
    LINE,
    MONEY,
    World,
    a_payment,
    an_award,
)
from ledger.operation import code


def test_a_payment_has_all_that_stands_above_it() -> None:
    """Appropriated, apportioned, allotted, obligated, delivered, paid: each within the last."""
    world = World.with_payment()

    fund, line = world.fund(), world.line()
    assert (fund.appropriated, fund.apportioned) == (MONEY, APPORTIONED)
    assert line.allotted == ALLOTTED
    assert (line.obligated, line.delivered, line.outlaid) == (AWARDED, DELIVERED, INVOICED)
    assert world.purse("vendor") == INVOICED
    assert world.purse(world.treasury.account) == MONEY - INVOICED


def test_what_is_paid_is_not_paid_again() -> None:
    """And a refusal leaves no trace."""
    world = World.with_payment()
    assert code(world.refused("payer", a_payment())) == "treasury.wrong_status"
    assert world.purse("vendor") == INVOICED


def test_a_second_award_draws_on_what_the_first_has_left() -> None:
    """The line, not the officer, says how much there is."""
    world = World.with_award()
    left = ALLOTTED - AWARDED
    refusal = world.refused("contractor-2", an_award("ROAD-8", line=LINE, amount=left + 1))
    assert code(refusal) == "treasury.over_allotment"
    world.does("contractor-2", an_award("ROAD-8", line=LINE, amount=left))
    assert world.line().obligated == ALLOTTED


def test_the_next_month_comes() -> None:
    """What was the month is over."""
    world = World.begin()
    over = world.next_month()
    assert over < world.month
    assert world.line().period == over
