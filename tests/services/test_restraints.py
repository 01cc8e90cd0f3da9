"""Freezes and limits: what they stop, for how long, and who may order them."""

import pytest

from kit.ledger import GBP, Chain, account_id, line, pay
from kit.purses import DAY, HOUR, applied, begin, give, placed, promise, purse, refusal_of, wait
from ledger import restraints
from ledger.accounts import UnknownAccount
from ledger.assets import UnknownAsset
from ledger.books import Balance
from ledger.restraints import (
    ActLimit,
    CourtsFreeze,
    EndInThePast,
    Frozen,
    FrozenLately,
    NeedsCourt,
    NoLimit,
    NotFrozen,
    PeriodBound,
    PeriodLimit,
    TooManyLimits,
)
from ledger.roles import INVESTIGATOR, SUPERVISOR, MissingRole
from ledger.state import Overlay
from primitives import kernel_limits
from primitives.codec import decode, encode
from primitives.errors import Malformed
from primitives.ids import Digest, TimeMs
from services.money import DefineAsset, Retire, Transfer
from services.money.holds import CaptureHold, ReleaseHold
from services.money.restraints import (
    AccountFrozen,
    AccountThawed,
    FreezeAccount,
    LimitSet,
    SetLimit,
    ThawAccount,
)

HEALTH, WORKS, TREASURY = (account_id(name) for name in ("health", "works", "treasury"))
POLICE, JUDGE = account_id("police"), account_id("judge")
ORDER = Digest(b"o" * 32)


@pytest.fixture
def chain() -> Chain:
    """Health has 1,000."""
    chain = begin()
    give(chain, "health", 1_000)
    return chain


def order(chain: Chain, *, for_ms: int | None = None, account: str = "health") -> FreezeAccount:
    """A freeze for so long from the next block on; none is for ever."""
    until = None if for_ms is None else TimeMs(chain.time_ms + 1_000 + for_ms)
    return FreezeAccount(account_id(account), "laundering", ORDER, until)


def limit(
    *, per_act: int | None = None, per_period: PeriodBound | None = None, account: str = "health"
) -> SetLimit:
    return SetLimit(account_id(account), GBP, per_act, per_period)


def daily(amount: int) -> PeriodBound:
    return PeriodBound(amount, DAY)


def test_nothing_leaves_a_frozen_account_and_it_still_receives(chain: Chain) -> None:
    """No payment, no hold, no capture of an earlier hold; a release goes."""
    hold = placed(chain, "health", promise(chain, "works", 100))
    operation = order(chain)

    events = applied(chain, "judge", operation)

    assert events == (AccountFrozen(HEALTH, JUDGE, "court", "laundering", ORDER, None),)
    frozen = Frozen(HEALTH, "laundering", None)
    assert refusal_of(chain, "health", pay("works", 1, "r")) == frozen
    assert refusal_of(chain, "health", promise(chain, "works", 1)) == frozen
    assert refusal_of(chain, "works", CaptureHold(hold, 1)) == frozen
    give(chain, "health", 5)
    applied(chain, "works", ReleaseHold(hold))
    assert purse(chain, "health") == Balance(1_005, 0)


def test_an_issuer_that_is_frozen_retires_nothing(chain: Chain) -> None:
    """That leaves its account too."""
    applied(chain, "judge", order(chain, account="treasury"))

    assert refusal_of(chain, "treasury", Retire(GBP, 1, "r")) == Frozen(
        TREASURY, "laundering", None
    )


def test_a_freeze_ends_in_the_millisecond_that_it_says(chain: Chain) -> None:
    """No duty is needed for it."""
    operation = order(chain, for_ms=10_000)
    applied(chain, "police", operation)
    wait(chain, 8_000)

    assert refusal_of(chain, "health", pay("works", 1, "r")) == Frozen(
        HEALTH, "laundering", operation.until_ms
    )
    applied(chain, "health", pay("works", 1, "r"))


def test_an_investigator_freezes_for_72_hours_and_not_longer(chain: Chain) -> None:
    """A court may freeze for as long as it says."""
    for for_ms in (kernel_limits.FREEZE_WITHOUT_COURT_MS + 1, None):
        latest = TimeMs(chain.time_ms + 1_000 + kernel_limits.FREEZE_WITHOUT_COURT_MS)
        assert refusal_of(chain, "police", order(chain, for_ms=for_ms)) == NeedsCourt(
            HEALTH, latest
        )
    applied(chain, "police", order(chain, for_ms=kernel_limits.FREEZE_WITHOUT_COURT_MS))
    applied(chain, "judge", order(chain, for_ms=400 * DAY))


def test_an_investigator_freezes_an_account_once_in_30_days(chain: Chain) -> None:
    """Whether the first freeze ended by itself or was thawed; a court is not bound."""
    applied(chain, "police", order(chain, for_ms=HOUR))
    since = chain.time_ms
    again = TimeMs(since + kernel_limits.FREEZE_AGAIN_MS)
    lately = FrozenLately(HEALTH, since, again)
    assert refusal_of(chain, "police", order(chain, for_ms=HOUR)) == lately
    applied(chain, "police", ThawAccount(HEALTH, "error"))
    wait(chain, kernel_limits.FREEZE_AGAIN_MS - 3_001)

    assert refusal_of(chain, "police", order(chain, for_ms=HOUR)) == lately
    chain.time_ms = TimeMs(again - 1_000)
    applied(chain, "police", order(chain, for_ms=HOUR))


def test_only_a_court_changes_what_a_court_froze(chain: Chain) -> None:
    """A later order of a court replaces its earlier one."""
    applied(chain, "judge", order(chain))

    assert refusal_of(chain, "police", order(chain, for_ms=HOUR)) == CourtsFreeze(HEALTH)
    assert refusal_of(chain, "police", ThawAccount(HEALTH, "error")) == CourtsFreeze(HEALTH)
    applied(chain, "judge", order(chain, for_ms=DAY))
    events = applied(chain, "judge", ThawAccount(HEALTH, "acquitted"))

    assert events == (AccountThawed(HEALTH, JUDGE, "acquitted"),)
    applied(chain, "health", pay("works", 1, "r"))
    applied(chain, "police", order(chain, for_ms=HOUR))


def test_only_who_has_the_role_freezes_and_thaws(chain: Chain) -> None:
    """And what is not frozen is not thawed."""
    missing = MissingRole(WORKS, INVESTIGATOR, HEALTH)
    assert refusal_of(chain, "works", order(chain)) == missing
    assert refusal_of(chain, "works", ThawAccount(HEALTH, "error")) == missing
    assert refusal_of(chain, "judge", ThawAccount(HEALTH, "error")) == NotFrozen(HEALTH)
    applied(chain, "police", order(chain, for_ms=1_000))
    assert refusal_of(chain, "police", ThawAccount(HEALTH, "error")) == NotFrozen(HEALTH)


def test_a_freeze_is_of_an_account_that_exists_and_ends_later(chain: Chain) -> None:
    """In the next millisecond at the earliest."""
    assert refusal_of(chain, "judge", order(chain, account="stranger")) == UnknownAccount(
        account_id("stranger")
    )
    operation = order(chain, for_ms=0)
    until = TimeMs(chain.time_ms + 1_000)
    assert refusal_of(chain, "judge", operation) == EndInThePast(until, until)
    applied(chain, "judge", order(chain, for_ms=1))


def test_a_call_is_bound_by_the_limit_of_one_call(chain: Chain) -> None:
    """All its lines together; what the account receives is not."""
    events = applied(chain, "supervisor", limit(per_act=100))
    assert events == (LimitSet(HEALTH, account_id("supervisor"), GBP, 100, None, None),)

    over = Transfer(GBP, (line("works", 60, "a"), line("treasury", 41, "b")))
    assert refusal_of(chain, "health", over) == ActLimit(HEALTH, GBP, 101, 100)
    exact = Transfer(GBP, (line("works", 60, "a"), line("treasury", 40, "b")))
    applied(chain, "health", exact)
    assert refusal_of(chain, "health", promise(chain, "works", 101)) == ActLimit(
        HEALTH, GBP, 101, 100
    )
    give(chain, "health", 5_000)


def test_a_period_is_bound_whatever_leaves_and_begins_anew(chain: Chain) -> None:
    """Payments and holds count; a capture does not count again, a release gives nothing back."""
    chain.time_ms = TimeMs(chain.time_ms // DAY * DAY + DAY)
    applied(chain, "supervisor", limit(per_period=daily(100)))
    applied(chain, "health", pay("works", 30, "a"))
    hold = placed(chain, "health", promise(chain, "works", 70))

    assert refusal_of(chain, "health", pay("works", 1, "b")) == PeriodLimit(
        HEALTH, GBP, 1, 100, 100, DAY
    )
    applied(chain, "works", CaptureHold(hold, 50))
    applied(chain, "works", ReleaseHold(hold))
    assert isinstance(refusal_of(chain, "health", pay("works", 1, "b")), PeriodLimit)
    chain.time_ms = TimeMs(chain.time_ms // DAY * DAY + DAY - 2_000)
    assert isinstance(refusal_of(chain, "health", pay("works", 1, "b")), PeriodLimit)
    applied(chain, "health", pay("works", 100, "b"))


def test_a_limit_is_changed_without_forgetting_what_was_spent(chain: Chain) -> None:
    """Unless the length of its period changes; and it is lifted."""
    chain.time_ms = TimeMs(chain.time_ms // DAY * DAY + DAY)
    applied(chain, "supervisor", limit(per_period=daily(100)))
    applied(chain, "health", pay("works", 80, "a"))
    applied(chain, "supervisor", limit(per_period=daily(90), per_act=50))
    assert refusal_of(chain, "health", pay("works", 11, "b")) == PeriodLimit(
        HEALTH, GBP, 11, 80, 90, DAY
    )
    applied(chain, "supervisor", limit(per_period=PeriodBound(90, HOUR)))
    applied(chain, "health", pay("works", 90, "c"))

    events = applied(chain, "supervisor", limit())

    assert events == (LimitSet(HEALTH, account_id("supervisor"), GBP, None, None, None),)
    applied(chain, "health", pay("works", 500, "d"))
    assert restraints.RESTRAINTS.read(chain.state, HEALTH) is None
    assert refusal_of(chain, "supervisor", limit()) == NoLimit(HEALTH, GBP)


def test_a_limit_is_of_one_asset_and_stays_beside_a_freeze(chain: Chain) -> None:
    """Other assets leave as they like; freezing and thawing does not touch it."""
    applied(chain, "treasury", DefineAsset("EUR", 2, snapshots=False, earmark=(), expires_ms=None))
    applied(chain, "supervisor", limit(per_act=1))
    applied(chain, "judge", order(chain))
    applied(chain, "judge", ThawAccount(HEALTH, "error"))

    assert refusal_of(chain, "health", pay("works", 2, "r")) == ActLimit(HEALTH, GBP, 2, 1)
    judged = restraints.RESTRAINTS.read(chain.state, HEALTH)
    assert judged is not None
    assert [each.asset for each in judged.limits] == [GBP]
    applied(chain, "supervisor", SetLimit(HEALTH, "EUR", 7, None))
    judged = restraints.RESTRAINTS.read(chain.state, HEALTH)
    assert judged is not None
    assert [each.asset for each in judged.limits] == ["EUR", GBP]


def test_an_account_has_so_many_limits_and_not_one_more(chain: Chain) -> None:
    """One of them can still be changed."""
    codes = [f"A{number:02}" for number in range(kernel_limits.ACCOUNT_LIMITS_MAX + 1)]
    for code in codes:
        applied(
            chain, "treasury", DefineAsset(code, 0, snapshots=False, earmark=(), expires_ms=None)
        )
    for code in codes[:-1]:
        applied(chain, "supervisor", SetLimit(HEALTH, code, 1, None))

    assert refusal_of(chain, "supervisor", SetLimit(HEALTH, codes[-1], 1, None)) == TooManyLimits(
        HEALTH, kernel_limits.ACCOUNT_LIMITS_MAX
    )
    applied(chain, "supervisor", SetLimit(HEALTH, codes[0], 2, None))


def test_only_a_supervisor_sets_limits(chain: Chain) -> None:
    """On accounts and in assets that exist."""
    assert refusal_of(chain, "health", limit(per_act=1)) == MissingRole(HEALTH, SUPERVISOR, HEALTH)
    assert refusal_of(chain, "supervisor", limit(per_act=1, account="stranger")) == UnknownAccount(
        account_id("stranger")
    )
    assert refusal_of(chain, "supervisor", SetLimit(HEALTH, "XAU", 1, None)) == UnknownAsset("XAU")


@pytest.mark.parametrize(
    "period_ms",
    [kernel_limits.LIMIT_PERIOD_MS_MIN - 1, kernel_limits.LIMIT_PERIOD_MS_MAX + 1],
)
def test_a_period_is_between_a_minute_and_a_year(period_ms: int) -> None:
    """Anything else is no period."""
    for well_formed in (kernel_limits.LIMIT_PERIOD_MS_MIN, kernel_limits.LIMIT_PERIOD_MS_MAX):
        bound = PeriodBound(1, well_formed)
        assert decode(encode(bound), PeriodBound, limit=99) == bound
    with pytest.raises(Malformed):
        decode(encode(PeriodBound(1, period_ms)), PeriodBound, limit=99)


@pytest.mark.parametrize("reason", ["a" * (kernel_limits.CODE_LENGTH_MAX + 1), "Fraud", "a b", ""])
def test_a_reason_is_a_code(reason: str) -> None:
    """It is public for ever, so there is no room for a sentence about a person."""
    longest = ThawAccount(HEALTH, "a" * kernel_limits.CODE_LENGTH_MAX)
    assert decode(encode(longest), ThawAccount, limit=99) == longest
    with pytest.raises(Malformed):
        decode(encode(ThawAccount(HEALTH, reason)), ThawAccount, limit=99)


def test_a_payment_of_an_unrestrained_account_writes_no_restraint(chain: Chain) -> None:
    """Its absence is the proof that an account is not frozen."""
    applied(chain, "health", pay("works", 1, "r"))

    assert restraints.RESTRAINTS.read(chain.state, HEALTH) is None
    assert Overlay(chain.state)[restraints.RESTRAINTS].find(WORKS) is None
