"""The budget: from the law to the line, and who may do which step."""

from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from kit.actors import give as grant
from kit.actors import moment
from kit.budget import (
    BRIDGE,
    ENDLESS,
    FUND,
    MINISTRY,
    OFFICERS,
    PARLIAMENT,
    QUARTER,
    STAFF,
    begin,
    defining,
    opening,
    with_fund,
    with_lines,
)
from kit.governing import draft
from kit.ledger import GBP, Chain, account_id, pay
from kit.purses import DAY, applied, refusal_of, wait
from ledger import books
from ledger.accounts import ACCOUNTS, AccountKind, UnknownAccount
from ledger.assets import Purpose, UnknownAsset
from ledger.norms import UnknownNorm
from ledger.operation import Operation, Refusal, Refused
from ledger.roles import Incompatible, MissingRole
from ledger.state import Overlay
from primitives import treasury_limits
from primitives.errors import Rejected
from primitives.ids import INTEGER_MAX, TimeMs
from services.money import DefineAsset
from services.treasury import chart, funds, lines, offices, period, rolling, treasuries, warrants
from services.treasury.chart import Step, Total, TotalTooLarge
from services.treasury.funds import (
    APPORTIONMENTS,
    FUNDS,
    Apportion,
    Apportioned,
    ApportionmentKey,
    Appropriate,
    Appropriated,
    AvailabilityWrong,
    Fund,
    FundDefined,
    FundInUse,
    FundNotAvailable,
    LawNotInForce,
    NothingChanges,
    OverApportionment,
    OverAppropriation,
    Posted,
    Rescind,
    Rescinded,
    UnknownApportionment,
    UnknownFund,
)
from services.treasury.lines import (
    Allot,
    AllotmentMoved,
    Allotted,
    BudgetLine,
    NotOutlaid,
    OneApportionment,
    OverAllotment,
    OverDelivery,
    OverObligation,
    TransferAllotment,
    UnknownLine,
)
from services.treasury.period import NoSuchDay
from services.treasury.treasuries import (
    TREASURIES,
    MoneyIsBound,
    NotTheLegislature,
    OwnLegislature,
    SetTerms,
    TermsSet,
    TooManyFunds,
    TreasuryInUse,
    TreasuryOpened,
    UnknownTreasury,
)
from services.treasury.warrants import NoWarrant, OverWarrant, SetWarrant, WarrantSet

LAW = "law/2026/1"
TREASURY, WORKS = account_id(MINISTRY), account_id("works")


def fund_of(chain: Chain, fund: str = FUND) -> Fund:
    return funds.need(Overlay(chain.state), fund)


def line_of(chain: Chain, line: str = BRIDGE) -> BudgetLine:
    return lines.need(Overlay(chain.state), line)


def on(chain: Chain, account: str) -> int:
    """The balance of a ledger account: what was debited less what was credited."""
    return chart.balance(fund_of(chain).totals, account)


# treasuries


def test_a_ministry_opens_a_treasury_whose_money_nobody_signs_for() -> None:
    """Its single account follows from its id."""
    chain = begin()
    (event,) = applied(chain, MINISTRY, opening())

    single = treasuries.single_account(TREASURY)
    row = TREASURIES.read(chain.state, TREASURY)
    account = ACCOUNTS.read(chain.state, single)
    assert event == TreasuryOpened(TREASURY, single, GBP, account_id(PARLIAMENT))
    assert row is not None
    assert (row.account, row.opened, row.closed, row.funds) == (single, "2026-05", None, ())
    assert account is not None
    assert (account.kind, account.keys, account.keeper) == (AccountKind.ESCROW, (), None)


def test_money_comes_into_the_single_account_and_no_signature_moves_it() -> None:
    """It has no keys, so nothing reaches its threshold."""
    chain = with_fund()
    single = treasuries.single_account(TREASURY)
    act = moment(chain, MINISTRY, MINISTRY)
    taxes = pay(MINISTRY, 5, "taxes")
    applied(chain, MINISTRY, replace(taxes, lines=(replace(taxes.lines[0], to=single),)))

    assert books.balance_of(Overlay(chain.state), single, GBP) == 5
    with pytest.raises(Rejected):
        act.require_present(single)


@pytest.mark.parametrize(
    ("actor", "operation", "expected"),
    [
        ("works", opening(), MissingRole(WORKS, "treasurer", None)),
        (MINISTRY, opening(legislature=TREASURY), OwnLegislature(TREASURY)),
        (MINISTRY, opening(asset="XYZ"), UnknownAsset("XYZ")),
        (
            MINISTRY,
            opening(legislature=account_id("nobody")),
            UnknownAccount(account_id("nobody")),
        ),
    ],
)
def test_who_is_no_treasurer_opens_no_treasury(
    actor: str, operation: Operation, expected: Refusal
) -> None:
    """Nor for money that there is not, or with itself as legislature."""
    assert refusal_of(begin(), actor, operation) == expected


def test_a_ministry_has_one_treasury() -> None:
    """Funds of a second would have no money."""
    assert refusal_of(with_fund(), MINISTRY, opening()) == TreasuryInUse(TREASURY)


@pytest.mark.parametrize("bound", ["earmarked", "ending"])
def test_a_treasury_pays_with_money_that_is_free(bound: str) -> None:
    """Not with what may be spent on one thing only, nor with what ends."""
    chain = begin()
    earmark = (Purpose("works", None, None),) if bound == "earmarked" else ()
    ends = TimeMs(chain.time_ms + DAY) if bound == "ending" else None
    applied(
        chain, MINISTRY, DefineAsset("GRANT", 2, snapshots=False, earmark=earmark, expires_ms=ends)
    )

    assert refusal_of(chain, MINISTRY, opening(asset="GRANT")) == MoneyIsBound("GRANT")


def test_the_legislature_changes_how_a_treasury_pays() -> None:
    """And nobody else does."""
    chain = with_fund()
    before = treasuries.need(Overlay(chain.state), TREASURY)
    (event,) = applied(chain, PARLIAMENT, SetTerms(TREASURY, 5, 3, 100))

    after = replace(before, payment_threshold=5, payment_officers=3, interest_bp=100)
    assert event == TermsSet(TREASURY, 5, 3, 100)
    assert treasuries.need(Overlay(chain.state), TREASURY) == after
    assert refusal_of(chain, MINISTRY, SetTerms(TREASURY, 5, 3, 100)) == NotTheLegislature(
        TREASURY, TREASURY, account_id(PARLIAMENT)
    )
    assert refusal_of(chain, PARLIAMENT, SetTerms(WORKS, 5, 3, 100)) == UnknownTreasury(WORKS)


# funds


def test_a_budget_officer_defines_funds() -> None:
    """Listed with the treasury, in order."""
    chain = with_fund()
    (event,) = applied(chain, "budgeter", defining(ENDLESS))

    row = TREASURIES.read(chain.state, TREASURY)
    assert row is not None
    assert row.funds == (FUND, ENDLESS)
    assert event == FundDefined(TREASURY, ENDLESS, WORKS, "2026-01-01", None, "04.5.1")
    assert fund_of(chain, ENDLESS).totals == ()


@pytest.mark.parametrize(
    ("actor", "operation", "expected"),
    [
        ("works", defining(ENDLESS), MissingRole(WORKS, "budget_officer", TREASURY)),
        ("budgeter", defining(ENDLESS, treasury=WORKS), UnknownTreasury(WORKS)),
        ("budgeter", defining(FUND), FundInUse(FUND, WORKS)),
        (
            "budgeter",
            defining(ENDLESS, agency=account_id("nobody")),
            UnknownAccount(account_id("nobody")),
        ),
        ("budgeter", defining(ENDLESS, available_from="2026-02-30"), NoSuchDay("2026-02-30")),
        (
            "budgeter",
            defining("019-2026/2026-1031-000", available_until="2026-06-31"),
            NoSuchDay("2026-06-31"),
        ),
        (
            "budgeter",
            defining(ENDLESS, available_until="2026-12-31"),
            AvailabilityWrong(ENDLESS, "2026-01-01", "2026-12-31"),
        ),
        (
            "budgeter",
            defining("019-2026/2026-1031-000", available_until="2025-12-31"),
            AvailabilityWrong("019-2026/2026-1031-000", "2026-01-01", "2025-12-31"),
        ),
    ],
)
def test_a_fund_that_cannot_be_is_refused(
    actor: str, operation: Operation, expected: Refusal
) -> None:
    """Its officer, its days and its agency are judged."""
    assert refusal_of(with_fund(), actor, operation) == expected


def test_a_treasury_has_so_many_funds_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    """FUNDS_MAX of them can be; the next is refused."""
    monkeypatch.setattr(treasury_limits, "FUNDS_MAX", 2)
    chain = with_fund()
    applied(chain, "budgeter", defining(ENDLESS))

    refusal = refusal_of(chain, "budgeter", defining("019-X-1033-000"))

    assert refusal == TooManyFunds(TREASURY, 2)


def test_the_legislature_appropriates_and_the_books_say_so() -> None:
    """Authority that is not apportioned, and a claim on the single account."""
    chain = with_fund(norms=(draft(norm=LAW, binds=()),))
    events = applied(chain, PARLIAMENT, Appropriate(FUND, 1_000, LAW))

    assert events == (
        Posted(TREASURY, FUND, None, None, Step.APPROPRIATE, 1_000),
        Appropriated(account_id(PARLIAMENT), FUND, 1_000, LAW, 1_000),
    )
    assert fund_of(chain).appropriated == 1_000
    assert [on(chain, account) for account in ("445000", "101000")] == [-1_000, 1_000]


def test_what_is_not_apportioned_is_rescinded() -> None:
    """And nothing more."""
    chain = with_lines()
    too_much = refusal_of(chain, PARLIAMENT, Rescind(FUND, 201, None))
    events = applied(chain, PARLIAMENT, Rescind(FUND, 200, None))

    assert too_much == OverAppropriation(FUND, 800, 799)
    assert events[-1] == Rescinded(account_id(PARLIAMENT), FUND, 200, None, 800)
    assert (on(chain, "445000"), on(chain, "101000"), on(chain, "439200")) == (0, 800, -200)


@pytest.mark.parametrize("kind", [Appropriate, Rescind])
def test_nobody_but_the_legislature_appropriates(kind: Any) -> None:  # noqa: ANN401 - a class
    """Nor under a law that is none, or not in force; nor to a fund that there is not."""
    later = draft(norm="law/2027/1", binds=(), from_ms=INTEGER_MAX)
    chain = with_fund(norms=(later,))

    def refused(actor: str, operation: Operation) -> Refusal:
        return refusal_of(chain, actor, operation)

    not_it = NotTheLegislature(TREASURY, TREASURY, account_id(PARLIAMENT))
    assert refused(MINISTRY, kind(FUND, 1, None)) == not_it
    assert refused(PARLIAMENT, kind(ENDLESS, 1, None)) == UnknownFund(ENDLESS)
    assert refused(PARLIAMENT, kind(FUND, 1, "law/1")) == UnknownNorm("law/1")
    not_yet = LawNotInForce("law/2027/1", chain.time_ms + 1_000)
    assert refused(PARLIAMENT, kind(FUND, 1, "law/2027/1")) == not_yet


def test_more_than_can_be_counted_is_not_appropriated() -> None:
    """The totals of a ledger account are integers of 63 bits."""
    chain = with_fund()
    applied(chain, PARLIAMENT, Appropriate(FUND, INTEGER_MAX, None))

    refusal = refusal_of(chain, PARLIAMENT, Appropriate(FUND, 1, None))

    assert refusal == TotalTooLarge("411900", INTEGER_MAX, 1)


# apportionments


def test_a_fund_is_apportioned_up_to_what_was_appropriated() -> None:
    """And less again, down to what is allotted."""
    chain = with_lines()

    def apportioning(change: int) -> Apportion:
        return Apportion(FUND, QUARTER, change)

    above = refusal_of(chain, "budgeter", apportioning(201))
    below = refusal_of(chain, "budgeter", apportioning(-201))
    assert above == OverAppropriation(FUND, 1_001, 1_000)
    assert below == OverApportionment(FUND, QUARTER, 600, 599)

    more = applied(chain, "budgeter", apportioning(200))
    applied(chain, "budgeter", apportioning(-400))
    key = ApportionmentKey(FUND, QUARTER)
    row = APPORTIONMENTS.read(chain.state, key)
    assert more[-1] == Apportioned(account_id("budgeter"), FUND, QUARTER, 200, 1_000)
    assert row is not None
    assert (row.amount, row.allotted, fund_of(chain).apportioned) == (600, 600, 600)
    assert (on(chain, "445000"), on(chain, "451000"), on(chain, "461000")) == (-400, 0, -600)


@pytest.mark.parametrize(
    ("actor", "operation", "expected"),
    [
        (
            "allotter",
            Apportion(FUND, "q3", 1),
            MissingRole(account_id("allotter"), "budget_officer", TREASURY),
        ),
        ("budgeter", Apportion(FUND, "q3", 0), NothingChanges()),
        ("budgeter", Apportion(ENDLESS, "q3", 1), UnknownFund(ENDLESS)),
        ("budgeter", Apportion(FUND, "q3", -1), OverApportionment(FUND, "q3", 0, -1)),
        (
            "budgeter",
            Apportion(FUND, "q3", INTEGER_MAX),
            OverAppropriation(FUND, INTEGER_MAX, 1_000),
        ),
    ],
)
def test_an_apportionment_that_cannot_be_is_refused(
    actor: str, operation: Operation, expected: Refusal
) -> None:
    """Of nothing, of no fund, below zero, or beyond counting."""
    assert refusal_of(with_lines(), actor, operation) == expected


# lines


def test_lines_are_allotted_up_to_what_was_apportioned() -> None:
    """And their sum is the apportionment's."""
    chain = with_lines()
    above = refusal_of(chain, "allotter", Allot(BRIDGE, 201))
    events = applied(chain, "allotter", Allot(BRIDGE, 200))
    applied(chain, "allotter", Allot(BRIDGE, -300))

    assert above == OverApportionment(FUND, QUARTER, 801, 800)
    assert events == (
        Posted(TREASURY, FUND, QUARTER, BRIDGE, Step.ALLOT, 200),
        Allotted(account_id("allotter"), BRIDGE, 200, 700),
    )
    assert line_of(chain).allotted == 400
    assert (on(chain, "451000"), on(chain, "461000")) == (-300, -500)


def test_an_allotment_moves_between_lines_of_one_apportionment() -> None:
    """The apportionment's sum stays; one line's allotment is taken back, the other's posted."""
    chain = with_lines()
    other = lines.line_code(FUND, QUARTER, "ROAD", "252")
    events = applied(chain, "allotter", TransferAllotment(BRIDGE, other, 300))
    applied(chain, "allotter", TransferAllotment(other, STAFF, 100))
    too_much = refusal_of(chain, "allotter", TransferAllotment(BRIDGE, STAFF, 201))

    assert events == (
        Posted(TREASURY, FUND, QUARTER, BRIDGE, Step.ALLOT, -300),
        Posted(TREASURY, FUND, QUARTER, other, Step.ALLOT, 300),
        AllotmentMoved(account_id("allotter"), BRIDGE, other, 300),
    )
    assert [line_of(chain, line).allotted for line in (BRIDGE, other, STAFF)] == [200, 200, 200]
    assert too_much == OverAllotment(BRIDGE, 0, -1)


@pytest.mark.parametrize(
    ("actor", "operation", "expected"),
    [
        (
            "budgeter",
            Allot(BRIDGE, 1),
            MissingRole(account_id("budgeter"), "allotment_officer", WORKS),
        ),
        (
            "budgeter",
            TransferAllotment(BRIDGE, STAFF, 1),
            MissingRole(account_id("budgeter"), "allotment_officer", WORKS),
        ),
        ("allotter", Allot(BRIDGE, 0), NothingChanges()),
        ("allotter", Allot(BRIDGE, -501), OverAllotment(BRIDGE, 0, -1)),
        (
            "allotter",
            Allot(BRIDGE, INTEGER_MAX),
            OverApportionment(FUND, QUARTER, INTEGER_MAX, 800),
        ),
        ("allotter", Allot(f"{ENDLESS}:q:ROAD:252", 1), UnknownFund(ENDLESS)),
        ("allotter", Allot(f"{FUND}:q3:ROAD:252", 1), UnknownApportionment(FUND, "q3")),
        (
            "allotter",
            TransferAllotment(BRIDGE, f"{FUND}:q3:BRDG:252", 1),
            OneApportionment(BRIDGE, f"{FUND}:q3:BRDG:252"),
        ),
        ("allotter", TransferAllotment(BRIDGE, BRIDGE, 1), OneApportionment(BRIDGE, BRIDGE)),
        (
            "allotter",
            TransferAllotment(f"{FUND}:{QUARTER}:ROAD:252", STAFF, 1),
            UnknownLine(f"{FUND}:{QUARTER}:ROAD:252"),
        ),
    ],
)
def test_an_allotment_that_cannot_be_is_refused(
    actor: str, operation: Operation, expected: Refusal
) -> None:
    """Of nothing, below zero, beyond counting, or from one apportionment to another."""
    assert refusal_of(with_lines(), actor, operation) == expected


# what is done with a line, by the rules of awards and vouchers


def test_each_step_of_a_line_stays_within_the_one_before_it() -> None:
    """One more than the step above allows is refused, up and down."""
    chain = with_lines()
    act = moment(chain, "buyer", state=Overlay(chain.state))

    def refused(step: Any, change: int) -> Refusal:  # noqa: ANN401 - a function
        with pytest.raises(Refused) as caught:
            step(act, BRIDGE, change)
        return caught.value.refusal

    assert refused(lines.obligate, 501) == OverAllotment(BRIDGE, 501, 500)
    lines.obligate(act, BRIDGE, 400)
    assert refused(lines.deliver, 401) == OverObligation(BRIDGE, 401, 400)
    lines.deliver(act, BRIDGE, 300)
    assert refused(lines.obligate, -101) == OverObligation(BRIDGE, 300, 299)
    assert refused(lines.pay, 301) == OverDelivery(BRIDGE, 301, 300)
    lines.pay(act, BRIDGE, 200)
    assert refused(lines.deliver, -101) == OverDelivery(BRIDGE, 200, 199)
    assert refused(lines.pay, -201) == NotOutlaid(BRIDGE, 200, 201)
    assert refused(lines.accrue_interest, 101) == OverAllotment(BRIDGE, 501, 500)
    lines.accrue_interest(act, BRIDGE, 100)

    row = lines.need(act.state, BRIDGE)
    assert (row.allotted, row.obligated, row.delivered, row.outlaid) == (500, 500, 400, 200)
    totals = funds.need(act.state, FUND).totals
    assert chart.imbalance(totals) == (0, 0)
    assert {each.account: each.debits - each.credits for each in totals} == {
        "101000": 800,
        "211000": -200,
        "310100": -1_000,
        "310700": 400,
        "411900": 1_000,
        "445000": -200,
        "451000": -200,
        "461000": -100,
        "480100": -100,
        "490100": -200,
        "490200": -200,
        "570000": -400,
        "610000": 300,
        "633000": 100,
    }


@pytest.mark.parametrize("step", [lines.obligate, lines.deliver, lines.pay, lines.accrue_interest])
def test_every_step_taken_back_leaves_the_line_as_it_was(step: Any) -> None:  # noqa: ANN401
    """And the balances of all ledger accounts."""
    chain = with_lines()
    act = moment(chain, "buyer", state=Overlay(chain.state))
    for done in (lines.obligate, lines.deliver, lines.pay):
        done(act, BRIDGE, 100)
    lines.obligate(act, BRIDGE, 100)
    lines.deliver(act, BRIDGE, 50)
    before = lines.need(act.state, BRIDGE), balances(act.state)

    step(act, BRIDGE, 20)
    assert (lines.need(act.state, BRIDGE), balances(act.state)) != before
    step(act, BRIDGE, -20)

    assert (lines.need(act.state, BRIDGE), balances(act.state)) == before


def test_all_that_was_paid_can_come_back_and_nothing_posts_nothing() -> None:
    """Down to zero; a change of nothing is no event, and needs no fund that is available."""
    chain = with_lines()
    act = moment(chain, "buyer", state=Overlay(chain.state), after_ms=3 * 366 * DAY)
    at_time = moment(chain, "buyer", state=act.state)
    for done in (lines.obligate, lines.deliver, lines.pay):
        done(at_time, BRIDGE, 7)
    for undone in (lines.pay, lines.deliver, lines.obligate):
        undone(act, BRIDGE, -7)
    for step in (lines.obligate, lines.deliver, lines.pay, lines.accrue_interest):
        step(act, BRIDGE, 0)

    row = lines.need(act.state, BRIDGE)
    assert (row.obligated, row.delivered, row.outlaid) == (0, 0, 0)
    assert act.events == [
        Posted(TREASURY, FUND, QUARTER, BRIDGE, step, -7)
        for step in (Step.PAY, Step.DELIVER, Step.OBLIGATE)
    ]


def test_a_fund_may_be_available_on_one_day() -> None:
    """The first day is the last."""
    one_day = "019-2026/2026-1050-000"
    operation = defining(one_day, available_from="2026-05-28", available_until="2026-05-28")
    chain = with_fund()
    applied(chain, "budgeter", operation)

    assert fund_of(chain, one_day).available_until == "2026-05-28"


def balances(state: Overlay) -> dict[str, int]:
    found = {each.account: each.debits - each.credits for each in funds.need(state, FUND).totals}
    return {account: amount for account, amount in found.items() if amount}


@pytest.mark.parametrize("step", [lines.obligate, lines.deliver, lines.pay, lines.accrue_interest])
def test_nothing_is_done_with_a_line_that_there_is_not(step: Any) -> None:  # noqa: ANN401
    """It says so."""
    with pytest.raises(Refused) as caught:
        step(moment(with_fund(), "buyer"), BRIDGE, 1)
    assert caught.value.refusal == UnknownLine(BRIDGE)


def test_sums_beyond_counting_are_refused_and_can_be_told() -> None:
    """The refusal says the largest integer, which a receipt can hold."""
    act = moment(with_lines(), "buyer")
    lines.obligate(act, BRIDGE, 1)
    with pytest.raises(Refused) as caught:
        lines.obligate(act, BRIDGE, INTEGER_MAX)
    assert caught.value.refusal == OverAllotment(BRIDGE, INTEGER_MAX, 500)


def test_a_fund_is_obliged_between_its_days_only() -> None:
    """What is owed by then is delivered, paid and set free afterwards too."""
    chain = with_fund()
    until, first = "019-2026/2026-1040-000", "019-2027/2027-1041-000"
    applied(chain, "budgeter", defining(until, available_until="2026-05-28"))
    applied(
        chain,
        "budgeter",
        defining(first, available_from="2026-05-29", available_until="2026-12-31"),
    )
    early, late = (lines.line_code(fund, QUARTER, "ROAD", "252") for fund in (first, until))
    for fund, line in ((first, early), (until, late)):
        applied(chain, PARLIAMENT, Appropriate(fund, 100, None))
        applied(chain, "budgeter", Apportion(fund, QUARTER, 100))
        applied(chain, "allotter", Allot(line, 100))

    act = moment(chain, "buyer", state=Overlay(chain.state))
    lines.obligate(act, late, 50)
    with pytest.raises(Refused) as caught:
        lines.obligate(act, early, 50)
    assert caught.value.refusal == FundNotAvailable(first, "2026-05-28", "2026-05-29", "2026-12-31")

    act = moment(chain, "buyer", state=act.state, after_ms=DAY)
    lines.obligate(act, early, 50)
    with pytest.raises(Refused) as caught:
        lines.obligate(act, late, 1)
    assert caught.value.refusal == FundNotAvailable(until, "2026-05-29", "2026-01-01", "2026-05-28")
    lines.deliver(act, late, 20)
    lines.pay(act, late, 20)
    lines.accrue_interest(act, late, 1)
    lines.obligate(act, late, -30)


# the chart


def test_every_step_balances_and_posts_to_accounts_that_have_a_title() -> None:
    """Within the budgetary accounts, and within the others."""
    for step in Step:
        totals = chart.post((), step, 7)
        assert chart.imbalance(totals) == (0, 0)
        assert {total.account for total in totals} <= set(chart.ACCOUNTS)
        back = chart.post(totals, step, -7)
        assert all(total.debits == total.credits for total in back)
    assert len(chart.ACCOUNTS) <= treasury_limits.TOTALS_MAX


def test_a_total_is_counted_up_to_the_largest_integer() -> None:
    """One more is refused, with the account."""
    full = chart.post((Total("445000", INTEGER_MAX - 1, 0),), Step.APPORTION, 1)
    assert full[0].debits == INTEGER_MAX
    with pytest.raises(Refused) as caught:
        chart.post(full, Step.APPORTION, 1)
    assert caught.value.refusal == TotalTooLarge("445000", INTEGER_MAX, 1)


# what stood at the end of a month


def test_the_end_of_every_month_is_remembered() -> None:
    """A row is kept when it is first changed in a later month; months without changes cost none."""
    chain = with_lines()
    wait(chain, 40 * DAY)
    applied(chain, "allotter", Allot(BRIDGE, 10))
    applied(chain, "allotter", Allot(BRIDGE, 10))
    wait(chain, 100 * DAY)
    applied(chain, "allotter", Allot(BRIDGE, 10))

    state = Overlay(chain.state)
    found = {
        month: None if row is None else row.allotted
        for month in ("2026-04", "2026-05", "2026-06", "2026-07", "2026-08", "2026-10", None)
        for row in [rolling.at(state, lines.LINE_BOOK, BRIDGE, month)]
    }
    assert found == {
        "2026-04": None,
        "2026-05": 500,
        "2026-06": 500,
        "2026-07": 520,
        "2026-08": 520,
        "2026-10": 530,
        None: 530,
    }
    assert FUNDS.read(chain.state, FUND) is not None


# offices


@pytest.mark.parametrize(
    ("holder", "role"),
    [
        ("buyer", "receiving_officer"),
        ("receiver", "certifying_officer"),
        ("certifier", "disbursing_officer"),
        ("payer", "contracting_officer"),
        ("payer", "auditor"),
        ("storekeeper", "auditor"),
        ("debts", "auditor"),
        ("allotter", "auditor"),
    ],
)
def test_nobody_has_two_duties_of_a_payment_nor_audits_one(holder: str, role: str) -> None:
    """For one agency; who may be granted both could order from himself."""
    held, _ = OFFICERS[holder]
    granting = grant(role, WORKS, account_id(holder))

    assert refusal_of(begin(), "registrar", granting) == Incompatible(
        role, WORKS, account_id(holder), held
    )


@pytest.mark.parametrize("held", offices.AUDITED)
def test_an_auditor_of_the_network_has_no_duty_anywhere(held: str) -> None:
    """Each role that is audited is named."""
    chain = begin()
    applied(chain, "registrar", grant("auditor", None, account_id("health")))

    refusal = refusal_of(chain, "registrar", grant(held, WORKS, account_id("health")))

    assert refusal == Incompatible(held, WORKS, account_id("health"), "auditor")


# warrants


def test_an_allotment_officer_says_how_much_an_officer_may_award() -> None:
    """And takes it back."""
    chain = with_fund()
    buyer, allotter = account_id("buyer"), account_id("allotter")
    (event,) = applied(chain, "allotter", SetWarrant(WORKS, buyer, 500))
    act = moment(chain, "buyer")

    assert event == WarrantSet(WORKS, buyer, allotter, 500)
    warrants.judge(act, agency=WORKS, officer=buyer, amount=500)
    with pytest.raises(Refused) as caught:
        warrants.judge(act, agency=WORKS, officer=buyer, amount=501)
    assert caught.value.refusal == OverWarrant(buyer, 500, 501)

    applied(chain, "allotter", SetWarrant(WORKS, buyer, 0))
    with pytest.raises(Refused) as caught:
        warrants.judge(moment(chain, "buyer"), agency=WORKS, officer=buyer, amount=1)
    assert caught.value.refusal == NoWarrant(WORKS, buyer)


def test_only_a_contracting_officer_gets_a_warrant_and_only_from_the_agency() -> None:
    """Nor is one taken away that nobody gave."""
    chain = with_fund()
    buyer, payer = account_id("buyer"), account_id("payer")

    def refused(actor: str, operation: Operation) -> Refusal:
        return refusal_of(chain, actor, operation)

    assert refused("buyer", SetWarrant(WORKS, buyer, 5)) == MissingRole(
        buyer, "allotment_officer", WORKS
    )
    assert refused("allotter", SetWarrant(WORKS, payer, 5)) == MissingRole(
        payer, "contracting_officer", WORKS
    )
    assert refused("allotter", SetWarrant(WORKS, buyer, 0)) == NoWarrant(WORKS, buyer)


# what codes and terms look like


@pytest.mark.parametrize(
    ("kind", "longest", "wrong"),
    [
        (
            funds.ApportionmentCode,
            "q" * treasury_limits.APPORTIONMENT_LENGTH_MAX,
            "q" * (treasury_limits.APPORTIONMENT_LENGTH_MAX + 1),
        ),
        (
            funds.LineCode,
            f"{FUND}:{'q' * treasury_limits.APPORTIONMENT_LENGTH_MAX}:ROAD:2525",
            f"{FUND}:{'q' * (treasury_limits.APPORTIONMENT_LENGTH_MAX + 1)}:ROAD:252",
        ),
        (treasuries.FundCode, FUND, "019-2026-1031-000"),
        (treasuries.FundCode, ENDLESS, f"{ENDLESS}\n"),
        (
            treasuries.OfficerCount,
            treasury_limits.PAYMENT_OFFICERS_MAX,
            treasury_limits.PAYMENT_OFFICERS_MAX + 1,
        ),
        (treasuries.OfficerCount, 1, 0),
        (
            treasuries.InterestBp,
            treasury_limits.INTEREST_BP_MAX,
            treasury_limits.INTEREST_BP_MAX + 1,
        ),
        (funds.FunctionCode, "10.9.9", "11"),
        (lines.ProgramCode, "BR17", "brdg"),
        (lines.ObjectClass, "2525", "25"),
        (period.Period, "2026-12", "2026-13"),
    ],
)
def test_codes_and_terms_have_a_form_and_an_end(kind: Any, longest: Any, wrong: Any) -> None:  # noqa: ANN401
    """At the limit all is well; one more is not read."""
    assert msgspec.convert(longest, kind) == longest
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(wrong, kind)


def test_months_follow_each_other() -> None:
    """Over the year's end, and to the last day of each."""
    assert [period.after("2026-11"), period.after("2026-12")] == ["2026-12", "2027-01"]
    assert [period.last_day("2028-02"), period.last_day("2026-12")] == ["2028-02-29", "2026-12-31"]
