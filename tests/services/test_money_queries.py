"""Queries about money that is held, restrained and remembered."""

import pytest

from kit.ledger import GBP, TREASURY_BALANCE, Chain, account_id, pay
from kit.purses import DAY, applied, begin, define, give, placed, promise
from ledger.holds import HOLDS_OF, PartyHold
from ledger.query import Reading, entry_name
from ledger.restraints import RESTRAINTS, PeriodBound
from primitives.ids import Digest, Height
from services.money import DefineAsset, Issue
from services.money.holds import (
    Available,
    AvailableRow,
    CaptureHold,
    HoldRow,
    Holds,
    PastBalance,
    PastBalanceRow,
)
from services.money.restraints import (
    FreezeAccount,
    FreezeRow,
    Freezes,
    LimitRow,
    Limits,
    SetLimit,
)

TREASURY, HEALTH, WORKS = (account_id(name) for name in ("treasury", "health", "works"))
ORDER = Digest(b"o" * 32)


@pytest.fixture
def chain() -> Chain:
    return begin()


def reading(chain: Chain) -> Reading:
    return Reading(chain.state, chain.time_ms)


def test_a_hold_is_listed_with_who_promised_and_with_the_beneficiary(chain: Chain) -> None:
    """With what is left of it, as long as it is there; each row names its entry."""
    operation = promise(chain, "works", 100, reference="bond")
    hold = placed(chain, "treasury", operation)
    applied(chain, "works", CaptureHold(hold, 30))

    for party in (TREASURY, WORKS):
        page = Holds(account=party, after=None, limit=None).answer(reading(chain))
        assert page.rows == [
            HoldRow(
                hold=hold,
                account=TREASURY,
                beneficiary=WORKS,
                asset=GBP,
                exponent=2,
                amount_minor=70,
                purpose=None,
                reference="bond",
                expires_ms=operation.expires_ms,
            )
        ]
        assert page.proved_by == [entry_name(HOLDS_OF, HOLDS_OF.key(PartyHold(party, hold)))]
    applied(chain, "works", CaptureHold(hold, 70))
    assert Holds(account=WORKS, after=None, limit=None).answer(reading(chain)).rows == []


def test_what_is_available_is_above_the_floor_and_not_held(chain: Chain) -> None:
    """Of an account without a floor there is no end to it."""
    placed(chain, "treasury", promise(chain, "works", 100))
    give(chain, "limited", 5)
    give(chain, "vendor", 7)

    def available(name: str) -> AvailableRow:
        (row,) = Available(account=account_id(name), asset=GBP).answer(reading(chain)).rows
        assert isinstance(row, AvailableRow)
        return row

    treasury = available("treasury")
    has = TREASURY_BALANCE - 12
    assert (treasury.balance_minor, treasury.held_minor) == (has, 100)
    assert treasury.available_minor == has - 100
    assert available("limited").available_minor == 105
    assert available("vendor").available_minor is None
    absent = Available(account=HEALTH, asset=GBP).answer(reading(chain))
    assert (absent.rows, len(absent.proved_by)) == ([], 1)


def test_the_past_is_told_of_assets_that_keep_it(chain: Chain) -> None:
    """Not of others, and not of a block that is not there yet."""
    applied(chain, "treasury", DefineAsset("SHARE", 0, snapshots=True, earmark=(), expires_ms=None))
    for number in range(3):
        applied(chain, "treasury", Issue("SHARE", HEALTH, 10, f"{number}"))

    def past(asset: str, height: int) -> list[PastBalanceRow]:
        asked = PastBalance(account=HEALTH, asset=asset, height=Height(height))
        return list(asked.answer(reading(chain)).rows)

    assert [(row.balance_minor, row.supply_minor) for row in past("SHARE", 2)] == [(10, 10)]
    assert [row.balance_minor for row in past("SHARE", chain.state.height)] == [30]
    assert past("SHARE", chain.state.height + 1) == past(GBP, 1) == past("XAU", 1) == []


def test_the_newest_freeze_is_told_whether_in_force_or_over(chain: Chain) -> None:
    """And that there is none, with the entry whose absence proves it."""
    asked = Freezes(account=HEALTH)
    entry = [entry_name(RESTRAINTS, HEALTH)]
    nothing = asked.answer(reading(chain))
    assert (list(nothing.rows), nothing.proved_by) == ([], entry)

    applied(chain, "judge", FreezeAccount(HEALTH, "fraud", ORDER, None))

    page = asked.answer(reading(chain))
    assert list(page.rows) == [
        FreezeRow(
            in_force=True,
            by=account_id("judge"),
            role="court",
            reason="fraud",
            order=ORDER,
            since_ms=chain.time_ms,
            until_ms=None,
        )
    ]
    assert page.proved_by == entry


def test_limits_are_told_with_what_is_spent(chain: Chain) -> None:
    """Each with its asset; of an account without a limit, none."""
    give(chain, "health", 100)
    asked = Limits(account=HEALTH)
    assert list(asked.answer(reading(chain)).rows) == []
    define(chain, "AID", ())
    applied(chain, "supervisor", SetLimit(HEALTH, GBP, 50, PeriodBound(90, DAY)))
    applied(chain, "supervisor", SetLimit(HEALTH, "AID", 7, None))
    applied(chain, "health", pay("works", 40, "r"))

    page = asked.answer(reading(chain))

    aid, gbp = page.rows
    assert aid == LimitRow(
        asset="AID",
        exponent=0,
        per_act_minor=7,
        per_period_minor=None,
        period_ms=None,
        spent_minor=0,
    )
    assert (gbp.per_act_minor, gbp.per_period_minor, gbp.spent_minor) == (50, 90, 40)
    assert page.proved_by == [entry_name(RESTRAINTS, HEALTH)] * 2
