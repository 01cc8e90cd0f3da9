"""Counts of holdings: by whom, once, and what becomes of what is not found."""

from __future__ import annotations

import pytest

from kit.holdings import COUNT, TAG, Estate, a_disposal, a_finding, a_holding, a_move
from kit.ledger import account_id
from kit.treasury import AGENCY
from ledger.roles import MissingRole
from primitives import treasury_limits
from primitives.errors import Malformed
from services.authority.roles import GrantRole
from services.treasury import offices
from services.treasury.counts import (
    COUNTS,
    CountedAlready,
    CountInUse,
    CountKey,
    CountOpened,
    Finding,
    HoldingCounted,
    OpenCount,
    OwnHolding,
    UnknownCount,
)
from services.treasury.holdings import HoldingStatus, IsDisposedOf, UnknownHolding

HEALTH, COUNTER = account_id(AGENCY), account_id("counter")


def test_what_is_not_found_is_missing_until_it_is_found() -> None:
    """The next count finds it."""
    world = Estate.with_count()

    (counted,) = world.does("counter", a_finding(Finding.MISSING))

    assert isinstance(counted, HoldingCounted)
    assert (counted.finding, counted.custodian) == (Finding.MISSING, account_id("custodian"))
    assert world.holding().status is HoldingStatus.MISSING
    (opened,) = world.does("counter", OpenCount(HEALTH, "autumn"))
    assert opened == CountOpened(HEALTH, "autumn", COUNTER)
    world.does("counter", a_finding(count="autumn"))
    assert world.holding().status is HoldingStatus.IN_USE


def test_a_count_knows_how_much_was_found() -> None:
    """One seen, one missing."""
    world = Estate.with_count()
    world.does("custodian", a_holding("B-2", cost=5))
    world.does("counter", a_finding(), a_finding(Finding.MISSING, "B-2"))

    count = world.state[COUNTS].find(CountKey(HEALTH, COUNT))

    assert count is not None
    assert (count.opener, count.seen, count.missing) == (COUNTER, 1, 1)


def test_what_is_missing_is_written_off_by_the_board() -> None:
    """It can still be handed over until then: whoever keeps it answers for it."""
    world = Estate.with_count()
    world.does("counter", a_finding(Finding.MISSING))
    world.does("custodian", a_move(), with_=("custodian-2",))

    world.does("member", a_disposal("member-2"), with_=("member-2",))

    assert world.holding().status is HoldingStatus.DISPOSED


def test_nobody_counts_what_he_keeps() -> None:
    """Though a custodian may be a counter of other things."""
    world = Estate.with_count()
    grant = GrantRole(
        role=offices.STOCK_COUNTER, scope=HEALTH, holder=account_id("custodian"), until_ms=None
    )
    world.does("registrar", grant)
    assert world.refused("custodian", a_finding()) == OwnHolding(TAG, account_id("custodian"))
    world.does("custodian", a_move(), with_=("custodian-2",))

    world.does("custodian", a_finding())


def test_every_other_way_to_count_is_refused() -> None:
    """Without the office, without a count, twice, what is not there and what is gone."""
    world = Estate.with_count()
    role = MissingRole(account_id("vendor"), offices.STOCK_COUNTER, HEALTH)

    assert world.refused("vendor", OpenCount(HEALTH, "autumn")) == role
    assert world.refused("vendor", a_finding()) == role
    assert world.refused("counter", OpenCount(HEALTH, COUNT)) == CountInUse(HEALTH, COUNT)
    assert world.refused("counter", a_finding(count="other")) == UnknownCount(HEALTH, "other")
    assert world.refused("counter", a_finding(tag="B-9")) == UnknownHolding(HEALTH, "B-9")
    world.does("counter", a_finding())
    again = world.refused("counter", a_finding(Finding.MISSING))
    assert again == CountedAlready(COUNT, TAG, COUNTER, Finding.SEEN)
    world.does("member", a_disposal("member-2"), with_=("member-2",))
    assert world.refused("counter", a_finding()) == IsDisposedOf(HEALTH, TAG, "2026-05-28")


def test_the_code_of_a_count_is_as_long_as_it_may_be() -> None:
    """COUNT_CODE_LENGTH_MAX, and one more."""
    world = Estate.with_holding()
    longest = "c" * treasury_limits.COUNT_CODE_LENGTH_MAX
    world.does("counter", OpenCount(HEALTH, longest))

    with pytest.raises(Malformed, match="of length <= "):
        world.does("counter", OpenCount(HEALTH, longest + "c"))
