"""Closing a month: every node makes the trial balance again."""

from collections import Counter
from typing import Any

import pytest
from msgspec.structs import replace

from kit.actors import give, moment
from kit.budget import (
    BRIDGE,
    ENDLESS,
    FUND,
    MINISTRY,
    PARLIAMENT,
    QUARTER,
    begin,
    defining,
    opening,
    with_lines,
)
from kit.ledger import Chain, account_id
from kit.purses import DAY, applied, wait
from ledger.operation import Operation, Refusal
from ledger.query import Reading, entry_name
from ledger.receipt import Outcome
from ledger.roles import MissingRole
from ledger.state import Overlay
from primitives.codec import encode
from primitives.errors import Rejected
from primitives.ids import AccountId, Digest
from services.treasury import chart, funds
from services.treasury.closing import (
    PERIOD_CLOSES,
    AuditorHasDuty,
    ClosePeriod,
    FundTotals,
    NotTheNextPeriod,
    OutOfBalance,
    OwnAuditor,
    PeriodClose,
    PeriodClosed,
    PeriodNotOver,
    TrialBalance,
    TrialBalanceDiffers,
    digest_of,
    trial_balance,
)
from services.treasury.funds import FUND_HISTORY, FUNDS, Apportion, Appropriate
from services.treasury.lines import Allot, line_code
from services.treasury.queries import CloseDigest
from services.treasury.rows import CloseDigestRow
from services.treasury.treasuries import TREASURIES, UnknownTreasury

TREASURY, ACCOUNTANT, AUDITOR = (account_id(name) for name in (MINISTRY, "accountant", "auditor"))
MAY, JUNE, JULY = "2026-05", "2026-06", "2026-07"


def digest_at(chain: Chain, period: str) -> Digest:
    return digest_of(trial_balance(Overlay(chain.state), TREASURY, period))


def closing(
    chain: Chain, period: str, *, given: Digest | None = None, auditor: AccountId = AUDITOR
) -> ClosePeriod:
    return ClosePeriod(TREASURY, period, given or digest_at(chain, period), auditor)


def close(chain: Chain, operation: Operation, *signers: str, actor: str = "accountant") -> Any:  # noqa: ANN401
    """The refusal of a close, or its event."""
    body = chain.body((actor, operation))
    (receipt,) = chain.block(chain.check(body, *(signers or ("accountant", "auditor"))))
    if receipt.outcome is Outcome.REFUSED:
        return receipt.refusal
    (event,) = receipt.events
    return event


def in_june() -> Chain:
    """A budget of May; June has begun."""
    chain = with_lines()
    wait(chain, 10 * DAY)
    return chain


def test_a_month_is_closed_by_the_accountant_with_the_auditor() -> None:
    """The entry keeps the digest, the height and both of them."""
    chain = in_june()
    digest = digest_at(chain, MAY)
    event = close(chain, closing(chain, MAY))

    treasury = TREASURIES.read(chain.state, TREASURY)
    assert event == PeriodClosed(TREASURY, MAY, digest, ACCOUNTANT, AUDITOR)
    assert PERIOD_CLOSES.read(chain.state, (TREASURY, MAY)) == PeriodClose(
        digest, chain.state.height, ACCOUNTANT, AUDITOR
    )
    assert treasury is not None
    assert treasury.closed == MAY


def test_the_trial_balance_is_that_of_the_months_end() -> None:
    """What happens afterwards does not change it, nor does a fund that is defined later."""
    chain = in_june()
    before = trial_balance(Overlay(chain.state), TREASURY, MAY)
    applied(chain, "allotter", Allot(BRIDGE, 50))
    applied(chain, "budgeter", defining(ENDLESS))
    wait(chain, 40 * DAY)
    applied(chain, "allotter", Allot(BRIDGE, 50))

    assert trial_balance(Overlay(chain.state), TREASURY, MAY) == before
    assert isinstance(close(chain, closing(chain, MAY)), PeriodClosed)
    assert isinstance(close(chain, closing(chain, JUNE)), PeriodClosed)
    of_june = trial_balance(Overlay(chain.state), TREASURY, JUNE)
    assert [each.fund for each in of_june.funds] == [FUND, ENDLESS]
    assert -chart.balance(of_june.funds[0].totals, "461000") == 650


def test_months_are_closed_in_order_and_when_they_are_over() -> None:
    """From the month on in which the treasury was opened; each once."""
    chain = in_june()

    assert close(chain, closing(chain, "2026-04")) == NotTheNextPeriod("2026-04", MAY)
    assert close(chain, closing(chain, JUNE)) == NotTheNextPeriod(JUNE, MAY)
    close(chain, closing(chain, MAY))
    assert close(chain, closing(chain, MAY)) == NotTheNextPeriod(MAY, JUNE)
    assert close(chain, closing(chain, JUNE)) == PeriodNotOver(JUNE, JUNE)
    wait(chain, 30 * DAY)
    assert isinstance(close(chain, closing(chain, JUNE)), PeriodClosed)


def test_another_digest_is_refused_with_the_one_that_every_node_has() -> None:
    """So whoever published something else sees it."""
    chain = in_june()
    given = Digest(bytes(32))

    refusal = close(chain, closing(chain, MAY, given=given))

    assert refusal == TrialBalanceDiffers(MAY, given, digest_at(chain, MAY))


def test_books_that_were_tampered_with_are_not_closed() -> None:
    """A row that no rule wrote: debits are no longer credits."""
    chain = in_june()
    fund = funds.need(Overlay(chain.state), FUND)
    first, *others = fund.totals
    damaged = replace(fund, totals=(replace(first, debits=first.debits + 7), *others))
    chain.state.rows[FUNDS.number, FUNDS.key(FUND)] = encode(damaged)

    assert close(chain, closing(chain, MAY)) == OutOfBalance(FUND, MAY, 0, 7)


@pytest.mark.parametrize(
    ("actor", "signers", "auditor", "expected"),
    [
        (
            "budgeter",
            ("budgeter", "auditor"),
            AUDITOR,
            MissingRole(account_id("budgeter"), "chief_accountant", TREASURY),
        ),
        ("accountant", ("accountant",), ACCOUNTANT, OwnAuditor(ACCOUNTANT)),
        (
            "accountant",
            ("accountant", "budgeter"),
            account_id("budgeter"),
            MissingRole(account_id("budgeter"), "auditor", TREASURY),
        ),
    ],
)
def test_nobody_closes_a_month_alone(
    actor: str, signers: tuple[str, ...], auditor: AccountId, expected: Refusal
) -> None:
    """The accountant does not audit himself, and the auditor has the role."""
    chain = in_june()

    refusal = close(chain, closing(chain, MAY, auditor=auditor), *signers, actor=actor)

    assert refusal == expected


def test_an_auditor_has_no_duty_in_what_is_audited_for_whomever() -> None:
    """The roles of an agency are another scope than those of a treasury; the close asks of both."""
    chain = in_june()
    applied(chain, "registrar", give("receiving_officer", account_id("health"), AUDITOR))

    assert close(chain, closing(chain, MAY)) == AuditorHasDuty(AUDITOR, "receiving_officer")


def test_without_the_auditors_signature_a_close_stands_in_no_block() -> None:
    """As with every threshold that is not reached."""
    chain = in_june()
    run = chain.run()
    transaction = chain.check(chain.body(("accountant", closing(chain, MAY))), "accountant")

    with pytest.raises(Rejected, match="weigh 0"):
        run.apply(transaction)


def test_no_month_is_closed_of_what_is_no_treasury() -> None:
    """It says so."""
    chain = begin()
    operation = ClosePeriod(TREASURY, MAY, Digest(bytes(32)), AUDITOR)

    assert close(chain, operation) == UnknownTreasury(TREASURY)


def test_a_month_in_which_nothing_happened_is_closed_too() -> None:
    """With the totals of the month before; without funds, with none."""
    chain = begin()
    applied(chain, MINISTRY, opening())
    wait(chain, 70 * DAY)
    for period in (MAY, JUNE, JULY):
        assert trial_balance(Overlay(chain.state), TREASURY, period).funds == ()
        assert isinstance(close(chain, closing(chain, period)), PeriodClosed)


def test_the_digest_says_which_treasury_which_month_and_which_totals() -> None:
    """No two trial balances have one digest."""
    chain = with_lines()
    balance = trial_balance(Overlay(chain.state), TREASURY, MAY)
    (only,) = balance.funds
    others = [
        TrialBalance(AUDITOR, MAY, balance.funds),
        TrialBalance(TREASURY, JUNE, balance.funds),
        TrialBalance(TREASURY, MAY, ()),
        TrialBalance(TREASURY, MAY, (FundTotals(ENDLESS, only.totals),)),
        TrialBalance(TREASURY, MAY, (FundTotals(FUND, only.totals[1:]),)),
    ]

    assert len({digest_of(each) for each in (balance, *others)}) == 6


def test_a_budget_of_the_next_month_is_told_from_that_of_this() -> None:
    """Appropriated in June is not in the books of May."""
    chain = in_june()
    of_may = digest_at(chain, MAY)
    applied(chain, PARLIAMENT, Appropriate(FUND, 5, None))
    applied(chain, "budgeter", Apportion(FUND, QUARTER, 5))

    assert digest_at(chain, MAY) == of_may
    assert digest_at(chain, JUNE) != of_may


def test_an_accountant_asks_for_the_digest_that_a_close_must_give() -> None:
    """Of the next month to close, or of any; and whether it can change yet."""
    chain = in_june()

    def asked(period: str | None) -> CloseDigestRow:
        reading = Reading(chain.state, chain.time_ms)
        (row,) = CloseDigest(treasury=TREASURY, period=period).answer(reading).rows
        assert isinstance(row, CloseDigestRow)
        return row

    of_may = asked(None)
    assert (of_may.period, of_may.over, of_may.funds) == (MAY, True, 1)
    assert asked(JUNE).over is False
    assert isinstance(close(chain, closing(chain, MAY, given=of_may.trial_balance)), PeriodClosed)
    assert asked(None).period == JUNE


def test_of_what_is_no_treasury_there_is_no_digest() -> None:
    """And that can be proved."""
    chain = begin()
    page = CloseDigest(treasury=TREASURY, period=MAY).answer(Reading(chain.state, chain.time_ms))

    assert page.rows == []
    assert page.proved_by == [entry_name(TREASURIES, TREASURY)]


def test_a_close_reads_each_fund_once_or_twice_and_no_line() -> None:
    """However many lines, awards and vouchers there are: they are in other tables."""
    chain = in_june()
    for number in range(20):
        line = line_code(FUND, QUARTER, f"P{number:03}", "252")
        applied(chain, "allotter", Allot(line, 1))
    act = moment(chain, "accountant", "accountant", "auditor", state=Overlay(chain.state))
    act.perform(closing(chain, MAY))

    read = Counter(number for number, _ in act.state.seen)
    books = {number: read[number] for number in read if number >= 64}
    assert books == {
        TREASURIES.number: 1,
        FUNDS.number: 1,
        FUND_HISTORY.number: 1,
    }
