"""Holds: promised, taken at once or in parts, given back, expired; and how each says no."""

from typing import Any

import pytest
from msgspec.structs import replace

from kit.ledger import (
    GBP,
    TREASURY_BALANCE,
    Chain,
    account_id,
    genesis_document,
    key,
    line,
    pay,
)
from kit.purses import (
    DAY,
    applied,
    begin,
    done,
    give,
    placed,
    promise,
    purse,
    refusal_of,
    wait,
)
from ledger.accounts import UnknownAccount
from ledger.assets import UnknownAsset
from ledger.books import Balance, BalanceTooLarge, DuplicateReference, Overdraft
from ledger.delegations import Allowance
from ledger.genesis import GenesisBalance
from ledger.holds import (
    HOLDS,
    HOLDS_OF,
    Captured,
    Expired,
    HeldTooMuch,
    HoldExpired,
    HoldExpiryOutOfRange,
    HoldId,
    HoldsForItself,
    HoldTooSmall,
    NotTheBeneficiary,
    Placed,
    Released,
    UnknownHold,
)
from primitives import kernel_limits
from primitives.errors import Rejected
from primitives.ids import INTEGER_MAX, TimeMs
from services.authority.delegations import DelegateKey
from services.money import Issue, Transfer
from services.money.holds import CaptureHold, ReleaseHold

TREASURY, HEALTH, WORKS = (account_id(name) for name in ("treasury", "health", "works"))
VENDOR = account_id("vendor")
HALF = TREASURY_BALANCE // 2


@pytest.fixture
def chain() -> Chain:
    return begin()


def rows_of_holds(chain: Chain) -> int:
    numbers = (HOLDS.number, HOLDS_OF.number)
    return len([slot for slot in chain.state.rows if slot[0] in numbers])


def test_what_is_held_stays_and_cannot_be_spent(chain: Chain) -> None:
    """The balance is as before; what is available is less."""
    operation = promise(chain, "works", HALF, reference="bond 1")

    (event,) = applied(chain, "treasury", operation)

    assert event == Placed(
        event.hold, TREASURY, GBP, HALF, WORKS, None, "bond 1", operation.expires_ms
    )
    assert purse(chain, "treasury") == Balance(TREASURY_BALANCE, HALF)
    assert refusal_of(chain, "treasury", pay("health", HALF + 1, "r")) == Overdraft(
        TREASURY, GBP, 0, HALF + 1, HALF, 0
    )
    applied(chain, "treasury", pay("health", HALF, "r"))
    assert refusal_of(chain, "treasury", promise(chain, "works", 1)) == Overdraft(
        TREASURY, GBP, 0, 1, 0, 0
    )


def test_a_hold_is_captured_in_parts_until_nothing_is_left(chain: Chain) -> None:
    """Each time it says what is left; then it is gone without a trace."""
    hold = placed(chain, "treasury", promise(chain, "works", 100, reference="inv 7"))

    first = applied(chain, "works", CaptureHold(hold, 60))
    assert first == (Captured(hold, TREASURY, WORKS, GBP, 60, 40, "inv 7"),)
    assert purse(chain, "treasury") == Balance(TREASURY_BALANCE - 60, 40)
    assert refusal_of(chain, "works", CaptureHold(hold, 41)) == HoldTooSmall(hold, 40, 41)

    applied(chain, "works", CaptureHold(hold, 40))
    assert purse(chain, "treasury") == Balance(TREASURY_BALANCE - 100, 0)
    assert purse(chain, "works") == Balance(100, 0)
    assert rows_of_holds(chain) == 0
    assert refusal_of(chain, "works", CaptureHold(hold, 1)) == UnknownHold(hold)


def test_the_beneficiary_gives_back_what_is_left(chain: Chain) -> None:
    """And nobody else, while it holds; not even who promised."""
    hold = placed(chain, "treasury", promise(chain, "works", 100))
    applied(chain, "works", CaptureHold(hold, 30))

    assert refusal_of(chain, "treasury", ReleaseHold(hold)) == NotTheBeneficiary(
        hold, TREASURY, WORKS
    )
    events = applied(chain, "works", ReleaseHold(hold))

    assert events == (Released(hold, TREASURY, WORKS, GBP, 70),)
    assert purse(chain, "treasury") == Balance(TREASURY_BALANCE - 30, 0)
    assert rows_of_holds(chain) == 0


def test_only_the_beneficiary_captures(chain: Chain) -> None:
    """Nobody can take what is promised to another, or what is promised to nobody."""
    hold = placed(chain, "treasury", promise(chain, "works", 100))

    assert refusal_of(chain, "health", CaptureHold(hold, 1)) == NotTheBeneficiary(
        hold, HEALTH, WORKS
    )
    none = HoldId(bytes(32))
    assert refusal_of(chain, "health", CaptureHold(none, 1)) == UnknownHold(none)
    assert refusal_of(chain, "health", ReleaseHold(none)) == UnknownHold(none)


def test_a_hold_expires_by_itself(chain: Chain) -> None:
    """In the first block that is not before its time; the money is available in that block."""
    hold = placed(chain, "treasury", promise(chain, "works", TREASURY_BALANCE, after_ms=DAY))
    applied(chain, "works", CaptureHold(hold, 1))

    chain.time_ms = TimeMs(chain.time_ms + DAY)
    (payment,) = chain.block(chain.act("treasury", pay("health", 5, "r")))
    (duty,) = chain.done

    assert duty.events == (Expired(hold, TREASURY, WORKS, GBP, TREASURY_BALANCE - 1),)
    assert payment.refusal is None
    assert purse(chain, "treasury") == Balance(TREASURY_BALANCE - 6, 0)
    assert rows_of_holds(chain) == 0


def test_nothing_is_captured_in_the_millisecond_of_the_expiry(chain: Chain) -> None:
    """One before, it is; and what is captured whole has nothing left to expire."""
    hold = placed(chain, "treasury", promise(chain, "works", 10, after_ms=5_000))
    wait(chain, 3_999)

    applied(chain, "works", CaptureHold(hold, 10))

    chain.block()
    assert chain.done == []
    late = placed(chain, "treasury", promise(chain, "works", 10, after_ms=5_000))
    wait(chain, 4_000)
    (receipt,) = chain.block(chain.act("works", CaptureHold(late, 10)))
    assert receipt.refusal == UnknownHold(late)
    assert len(chain.done) == 1, "its duty ran at the start of this block"


def test_an_expired_hold_whose_duty_waits_is_captured_by_nobody_and_released_by_anybody(
    chain: Chain,
) -> None:
    """A block does so many duties; the hold of the last one has expired all the same."""
    count = kernel_limits.AGENDA_DUTIES_MAX + 1
    until = TimeMs(chain.time_ms + DAY)
    operation = replace(promise(chain, "works", 1), expires_ms=until)
    events: list[Any] = []
    for start in range(0, count, 64):
        some = (operation for _ in range(start, min(start + 64, count)))
        (receipt,) = chain.block(chain.act("treasury", *some))
        events += receipt.events
    chain.time_ms = TimeMs(until - 1_000)
    run = chain.run()
    ended = {event.hold for receipt in run.done for event in receipt.events}
    (left,) = {event.hold for event in events} - ended

    taken = run.preview(chain.act("works", CaptureHold(left, 1)))
    freed = run.preview(chain.act("health", ReleaseHold(left)))

    assert taken.refusal == HoldExpired(left, until)
    assert freed.events == (Released(left, TREASURY, WORKS, GBP, 1),)
    chain.block()
    chain.block()
    assert purse(chain, "treasury") == Balance(TREASURY_BALANCE, 0)


def test_a_running_account_promises_down_to_its_floor(chain: Chain) -> None:
    """And one without a floor no more than can be counted."""
    over = refusal_of(chain, "limited", promise(chain, "works", 101), "health")
    assert over == Overdraft(account_id("limited"), GBP, 0, 101, 100, -100)
    hold = placed(chain, "limited", promise(chain, "works", 100), "health")
    assert purse(chain, "limited") == Balance(0, 100)
    applied(chain, "works", CaptureHold(hold, 100))
    assert purse(chain, "limited") == Balance(-100, 0)

    give(chain, "vendor", 2)
    placed(chain, "vendor", promise(chain, "works", INTEGER_MAX), "health")
    assert refusal_of(chain, "vendor", promise(chain, "works", 1), "health") == HeldTooMuch(
        VENDOR, GBP, INTEGER_MAX, 1
    )


def test_a_hold_must_expire_between_now_and_ten_years(chain: Chain) -> None:
    """Later than its block, by a millisecond; not by one more than the longest."""
    for after_ms in (1, kernel_limits.HOLD_MS_MAX):
        placed(chain, "treasury", promise(chain, "works", 1, after_ms=after_ms))
        chain.block()
    for after_ms in (0, kernel_limits.HOLD_MS_MAX + 1):
        operation = promise(chain, "works", 1, after_ms=after_ms)
        now = chain.time_ms + 1_000
        assert refusal_of(chain, "treasury", operation) == HoldExpiryOutOfRange(
            operation.expires_ms,
            TimeMs(now + 1),
            TimeMs(now + kernel_limits.HOLD_MS_MAX),
        )


def test_a_hold_is_for_another_account_that_exists(chain: Chain) -> None:
    """And of an asset that exists."""
    assert refusal_of(chain, "treasury", promise(chain, "treasury", 1)) == HoldsForItself(TREASURY)
    assert refusal_of(chain, "treasury", promise(chain, "stranger", 1)) == UnknownAccount(
        account_id("stranger")
    )
    assert refusal_of(chain, "treasury", promise(chain, "works", 1, asset="XAU")) == UnknownAsset(
        "XAU"
    )


def test_holds_and_transfers_share_the_references_of_an_account(chain: Chain) -> None:
    """An invoice is not both promised and paid."""
    applied(chain, "treasury", promise(chain, "works", 1, reference="inv 7"))

    for operation in (promise(chain, "works", 1, reference="inv 7"), pay("works", 1, "inv 7")):
        refusal = refusal_of(chain, "treasury", operation)
        assert isinstance(refusal, DuplicateReference)


def test_a_beneficiary_takes_no_more_than_it_can_hold() -> None:
    """The hold stays."""
    full = GenesisBalance(account_id("works"), GBP, INTEGER_MAX - TREASURY_BALANCE)
    chain = Chain.begin(genesis_document(balances=(full,)))
    hold = placed(chain, "treasury", promise(chain, "works", 10))
    lines = (line("works", TREASURY_BALANCE - 10, "r"),)
    applied(chain, "treasury", Transfer(GBP, lines))

    applied(chain, "works", CaptureHold(hold, 10))

    assert purse(chain, "works") == Balance(INTEGER_MAX, 0)


def test_a_capture_beyond_what_can_be_counted_is_refused(chain: Chain) -> None:
    """Where others owe, one account can come near the largest integer."""
    hold = placed(chain, "vendor", promise(chain, "works", INTEGER_MAX), "health")
    applied(chain, "treasury", pay("works", 1, "r"))

    assert refusal_of(chain, "works", CaptureHold(hold, INTEGER_MAX)) == BalanceTooLarge(
        WORKS, GBP, 0, INTEGER_MAX, 1
    )
    applied(chain, "works", CaptureHold(hold, INTEGER_MAX - 1))


def test_a_hold_that_a_delegated_key_places_is_charged_to_its_allowance(chain: Chain) -> None:
    """As a payment would be; capturing it is not charged again."""
    allowed = Allowance(GBP, per_act=50, per_period=80, period_ms=DAY)
    powers = ("money.place_hold",)
    until = TimeMs(chain.time_ms + 30 * DAY)
    applied(chain, "treasury", DelegateKey(key("till").public, powers, (allowed,), None, until))

    hold = placed(chain, "treasury", promise(chain, "works", 50), "till")

    applied(chain, "works", CaptureHold(hold, 50))
    with pytest.raises(Rejected):
        done(chain, "treasury", promise(chain, "works", 31), "till")
    placed(chain, "treasury", promise(chain, "works", 30), "till")


def test_what_is_held_is_part_of_the_supply_and_of_what_is_issued(chain: Chain) -> None:
    """An issuer cannot retire what it promised."""
    placed(chain, "treasury", promise(chain, "works", TREASURY_BALANCE))
    applied(chain, "treasury", Issue(GBP, TREASURY, 5, "more"))

    assert purse(chain, "treasury") == Balance(TREASURY_BALANCE + 5, TREASURY_BALANCE)
