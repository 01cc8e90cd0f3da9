"""What is told of a treasury: as it is, and as it was at the end of any month."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from kit.ledger import GBP, Chain, account_id
from kit.treasury import (
    AGENCY,
    ALLOTTED,
    APPORTIONED,
    AWARD,
    AWARDED,
    DELIVERED,
    FUND,
    INVOICE,
    INVOICED,
    LINE,
    MINISTRY,
    MONEY,
    OTHER_LINE,
    QUARTER,
    World,
    a_delivery,
    a_fund,
    a_payment,
    a_voucher,
    a_warrant,
    an_award,
    treasury_document,
)
from ledger.genesis import GenesisRole
from ledger.query import Page, Query, Reading, entry_name
from primitives import limits
from primitives.errors import Rejected
from services.treasury import (
    closing,
    funds,
    lines,
    offices,
    queries,
    queries_awards,
    queries_payments,
    returns,
    treasuries,
)
from services.treasury.amendments import AmendAward
from services.treasury.awards import AWARDS
from services.treasury.rows import Age
from services.treasury.treasuries import TREASURIES
from services.treasury.vouchers import VOUCHERS, CancelVoucher, VoucherKey, VoucherStatus

OURS = account_id(MINISTRY)
VENDOR = account_id("vendor")


def ask(world: World, query: type[Query], **given: Any) -> Page[Any]:  # noqa: ANN401
    """An answer; parameters that are not given are left out."""
    left_out = dict.fromkeys(query.__struct_fields__)
    if "treasury" in left_out:
        left_out["treasury"] = OURS
    reading = Reading(world.chain.state, world.chain.time_ms)
    return query(**{**left_out, **given}).answer(reading)


def rows(world: World, query: type[Query], **given: Any) -> list[Any]:  # noqa: ANN401
    return list(ask(world, query, **given).rows)


def test_a_treasury_is_told_with_what_its_single_account_holds() -> None:
    """The money itself, not only the claims on it."""
    world = World.with_payment()
    (row,) = rows(world, queries.Treasuries)

    assert (row.treasury, row.asset, row.exponent) == (OURS, GBP, 2)
    assert row.balance_minor == MONEY - INVOICED == world.purse(row.account)
    assert (row.funds, row.opened, row.closed) == ((FUND,), "2026-05", None)
    assert rows(world, queries.Treasuries, treasury=VENDOR) == []


def test_funds_apportionments_and_lines_are_told_with_their_sums() -> None:
    """From the law down to the line."""
    world = World.with_payment()

    (fund,) = rows(world, queries.Funds)
    (apportionment,) = rows(world, queries.Apportionments)
    line, other = rows(world, queries.Lines)

    assert (fund.fund, fund.agency, fund.cofog) == (FUND, account_id(AGENCY), "04.5.1")
    assert (fund.appropriated_minor, fund.apportioned_minor) == (MONEY, APPORTIONED)
    assert (apportionment.fund, apportionment.apportionment) == (FUND, QUARTER)
    assert apportionment.amount_minor == APPORTIONED
    assert apportionment.allotted_minor == ALLOTTED + ALLOTTED // 5
    assert (line.line, other.line) == (LINE, OTHER_LINE)
    assert (line.program, line.object_class) == ("BRDG", "252")
    sums = (line.allotted_minor, line.obligated_minor, line.delivered_minor, line.outlaid_minor)
    assert sums == (ALLOTTED, AWARDED, DELIVERED, INVOICED)
    assert rows(world, queries.Lines, fund="019-X-0001-000") == []
    assert rows(world, queries.Lines, fund=FUND) == [line, other]


def test_the_trial_balance_has_every_account_that_was_posted_to() -> None:
    """Debits are credits, and cash is what the accounts say."""
    world = World.with_payment()
    balance = rows(world, queries.TrialBalance)
    (cash,) = rows(world, queries.Cash)

    assert sum(row.balance_minor for row in balance) == 0
    assert {row.ussgl: row.balance_minor for row in balance}["490200"] == -INVOICED
    assert {row.ussgl: row.title for row in balance}["101000"] == "Fund balance with Treasury"
    assert cash.claim_minor == MONEY - INVOICED
    assert (cash.undelivered_minor, cash.payable_minor) == (
        AWARDED - DELIVERED,
        DELIVERED - INVOICED,
    )
    assert cash.free_minor == MONEY - AWARDED
    assert rows(world, queries.TrialBalance, fund="019-X-0001-000") == []


def test_an_award_is_told_with_its_deliveries_and_invoices() -> None:
    """By its code, by its fund, by its recipient."""
    world = World.with_payment()
    (award,) = rows(world, queries_awards.Awards)
    (delivery,) = rows(world, queries_awards.Deliveries, award=AWARD)
    (voucher,) = rows(world, queries_awards.Vouchers, award=AWARD)

    assert (award.award, award.line, award.kind, award.recipient) == (
        AWARD,
        LINE,
        "contract",
        VENDOR,
    )
    sums = (award.amount_minor, award.delivered_minor, award.vouchered_minor, award.paid_minor)
    assert sums == (AWARDED, DELIVERED, INVOICED, INVOICED)
    assert (delivery.number, delivery.amount_minor, delivery.vouchered_minor) == (
        1,
        DELIVERED,
        INVOICED,
    )
    assert (voucher.invoice, voucher.amount_minor, voucher.status) == (INVOICE, INVOICED, "paid")
    assert rows(world, queries_awards.OneAwardQuery, award=AWARD) == [award]
    assert rows(world, queries_awards.Awards, fund=FUND, recipient=VENDOR) == [award]
    assert rows(world, queries_awards.Awards, fund="019-X-0001-000") == []
    assert rows(world, queries_awards.Awards, recipient=account_id("grantee")) == []
    assert rows(world, queries_awards.Deliveries) == [delivery]
    assert rows(world, queries_awards.Vouchers, payee=VENDOR) == [voucher]
    assert rows(world, queries_awards.Vouchers, payee=account_id("grantee")) == []
    assert rows(world, queries_awards.Vouchers, award=AWARD, payee=OURS) == []
    assert rows(world, queries_awards.Vouchers, status=VoucherStatus.PAID)
    assert not rows(world, queries_awards.Vouchers, status=VoucherStatus.CERTIFIED)


def test_an_invoice_is_looked_up_by_its_payee_and_number() -> None:
    """That it was never certified is the absence of one entry."""
    world = World.with_voucher()
    page = ask(world, queries_awards.OneVoucher, payee=VENDOR, invoice=INVOICE)
    never = ask(world, queries_awards.OneVoucher, payee=VENDOR, invoice="INV-9")

    assert [(row.status, row.line) for row in page.rows] == [("certified", LINE)]
    assert list(never.rows) == []
    key = VOUCHERS.key(VoucherKey(VENDOR, "INV-9"))
    assert never.proved_by == [entry_name(VOUCHERS, key)]


def test_what_there_is_not_can_be_proved() -> None:
    """A ministry without a treasury, an award that was never made."""
    world = World.begin()
    absent = [entry_name(TREASURIES, VENDOR)]

    for query in (
        queries.Funds,
        queries.Apportionments,
        queries.Lines,
        queries.TrialBalance,
        queries.Cash,
        queries_awards.Awards,
        queries_awards.Deliveries,
        queries_awards.Vouchers,
        queries_awards.Refunds,
        queries_payments.Ageing,
    ):
        page = ask(world, query, treasury=VENDOR)
        assert (list(page.rows), page.proved_by) == ([], absent)
    nothing = ask(world, queries_awards.OneAwardQuery, award="NONE")
    assert nothing.proved_by == [entry_name(AWARDS, b"NONE")]
    assert ask(world, queries_awards.Vouchers, award="NONE").proved_by == nothing.proved_by


def two_months() -> World:
    """In May something was paid; in June more was done with everything, and a payment came back."""
    world = World.with_payment()
    assert world.next_month() == "2026-05"
    world.does("allotter", lines.Allot(LINE, -1_000))
    world.does("contractor", AmendAward(AWARD, 5_000, 1, None))
    world.does("receiver", a_delivery(world.today, amount=7_000))
    world.does("vendor", returns.ReturnPayment(INVOICE, returns.ReturnReason.AC04))
    world.does("certifier", a_voucher(world.in_days(1), amount=9_000))
    return world


def test_a_month_that_is_over_is_told_as_it_was() -> None:
    """Whatever is done later; before the treasury was opened there is nothing."""
    world = World.with_payment()
    asked: tuple[type[Query], ...] = (
        queries.Funds,
        queries.Apportionments,
        queries.Lines,
        queries.TrialBalance,
        queries.Cash,
        queries_awards.Awards,
        queries_awards.Vouchers,
        queries_payments.Payments,
    )
    before = [rows(world, query, period="2026-05") for query in asked]
    now = [rows(world, query) for query in asked[:-1]]

    later = two_months()

    assert [rows(later, query, period="2026-05") for query in asked] == before
    assert now == before[:-1]
    assert all(rows(later, query) != told for query, told in zip(asked[:-1], now, strict=True))
    assert not any(rows(later, query, period="2026-04") for query in asked)


def test_an_invoice_is_told_as_it_stood_at_the_end_of_a_month() -> None:
    """Paid in May; returned and certified anew in June, and paid again in July."""
    world = two_months()
    world.next_month()
    world.does("payer", a_payment())

    def told(period: str | None) -> list[Any]:
        of_all = rows(world, queries_awards.Vouchers, period=period)
        assert [row.status for row in of_all] == [
            row.status
            for row in rows(world, queries_awards.Vouchers, period=period, award=AWARD)
            if row.status != "returned"
        ]
        return [
            (row.attempt, row.status, row.amount_minor, row.paid_in is None, row.period)
            for row in of_all
        ]

    assert told("2026-05") == [(1, "paid", INVOICED, False, "2026-05")]
    assert told("2026-06") == [(2, "certified", 9_000, True, "2026-06")]
    assert told(None) == told("2026-07") == [(2, "paid", 9_000, False, "2026-07")]
    everything = rows(world, queries_awards.Vouchers, award=AWARD)
    assert [(row.number, row.status) for row in everything] == [(1, "returned"), (2, "paid")]


@pytest.mark.parametrize(
    ("days", "age"),
    [
        (0, Age.NOT_DUE),
        (1, Age.DAYS_1_30),
        (30, Age.DAYS_1_30),
        (31, Age.DAYS_31_60),
        (60, Age.DAYS_31_60),
        (61, Age.DAYS_61_90),
        (90, Age.DAYS_61_90),
        (91, Age.DAYS_OVER_90),
    ],
)
def test_what_is_due_has_an_age(days: int, age: Age) -> None:
    """On the day itself it is not late yet."""
    world = World.with_delivery()
    due = world.today
    world.does("certifier", a_voucher(due))
    world.chain.time_ms += days * 24 * 60 * 60 * 1_000  # type: ignore[assignment] # a time

    (row,) = rows(world, queries_payments.Ageing)

    assert (row.fund, row.age, row.count, row.amount_minor) == (FUND, age, 1, INVOICED)
    assert row.oldest_due == due


def test_only_what_is_certified_and_not_paid_is_due() -> None:
    """As of the end of a month, too."""
    world = two_months()
    world.does("certifier", a_voucher(world.today, invoice="INV-2", amount=100))
    world.does("certifier", CancelVoucher(VENDOR, "INV-2", "error"))

    assert rows(world, queries_payments.Ageing, period="2026-05") == []
    (row,) = rows(world, queries_payments.Ageing)
    assert (row.count, row.amount_minor) == (1, 9_000)
    (at_the_end,) = rows(world, queries_payments.Ageing, period="2026-06")
    assert at_the_end.age is Age.DAYS_1_30


def test_the_payments_of_a_month_are_counted_with_how_long_they_took() -> None:
    """Each certification counts in its month, each payment and each return in its own."""
    world = two_months()
    (may,) = rows(world, queries_payments.Payments, period="2026-05")
    (june,) = rows(world, queries_payments.Payments, period="2026-06")

    assert (may.certified, may.paid, may.returned) == (1, 1, 0)
    assert (may.certified_minor, may.paid_minor) == (INVOICED, INVOICED)
    assert may.median_ms == may.p90_ms == 1_000
    assert (june.certified, june.certified_minor, june.paid) == (1, 9_000, 0)
    assert (june.returned, june.returned_minor, june.median_ms) == (1, INVOICED, None)
    assert rows(world, queries_payments.Payments, period="2026-07") == []


@pytest.mark.parametrize(
    ("took", "percent", "expected"),
    [([], 50, None), ([7], 90, 7), ([1, 2], 50, 1), ([1, 2, 3], 50, 2), (list(range(10)), 90, 8)],
)
def test_a_rank_is_the_least_that_so_many_are_not_above(
    took: list[int], percent: int, expected: int | None
) -> None:
    """Of nothing there is none."""
    assert queries_payments.rank_of(took, percent) == expected


def test_a_sum_over_too_many_invoices_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """At the limit it is told; never a part of it."""
    world = World.with_voucher()
    world.does("certifier", a_voucher(world.today, invoice="INV-2", amount=100))
    monkeypatch.setattr(limits, "QUERY_TRANSACTIONS_MAX", 2)
    assert rows(world, queries_payments.Ageing)[0].count == 2
    monkeypatch.setattr(limits, "QUERY_TRANSACTIONS_MAX", 1)
    for query in (queries_payments.Ageing, queries_payments.Payments):
        with pytest.raises(Rejected) as refusal:
            ask(world, query, period="2026-05")
        assert refusal.value.code == "query.too_wide"


def test_refunds_and_closes_are_listed() -> None:
    """What came back, and which months are closed."""
    world = World.with_payment()
    world.does("vendor", returns.RefundAward(AWARD, "CN-1", 500))
    (refund,) = rows(world, queries_awards.Refunds)
    world.next_month()
    found = closing.trial_balance(world.state, OURS, "2026-05")
    close = closing.ClosePeriod(OURS, "2026-05", closing.digest_of(found), account_id("auditor"))
    world.does("accountant", close, with_=("auditor",))

    assert (refund.payee, refund.credit_note, refund.award, refund.amount_minor) == (
        VENDOR,
        "CN-1",
        AWARD,
        500,
    )
    assert rows(world, queries_awards.Refunds, period="2026-04") == []
    (row,) = rows(world, queries.Closes)
    assert (row.period, row.trial_balance) == ("2026-05", closing.digest_of(found))
    assert (row.chief_accountant, row.auditor) == (account_id("accountant"), account_id("auditor"))


def two_ministries() -> World:
    """Each with a fund, a line, an award and an invoice of its own."""
    document = treasury_document()
    works = account_id("works")
    grants = (
        GenesisRole(offices.TREASURER, None, works),
        GenesisRole(offices.BUDGET_OFFICER, works, account_id("grantee")),
    )
    world = World(Chain.begin(replace(document, roles=(*document.roles, *grants))))
    for ministry, budgeter, fund, award in (
        (MINISTRY, "budgeter", FUND, AWARD),
        ("works", "grantee", OTHER_FUND, "OTHER-1"),
    ):
        line = lines.line_code(fund, QUARTER, "BRDG", "252")
        opened = treasuries.OpenTreasury(GBP, account_id("parliament"), 10**9, 1, 0)
        world.does(ministry, opened)
        world.does(budgeter, a_fund(fund, treasury=account_id(ministry)))
        world.does("parliament", funds.Appropriate(fund, MONEY, None))
        world.does(budgeter, funds.Apportion(fund, QUARTER, APPORTIONED))
        world.does("allotter", lines.Allot(line, ALLOTTED), a_warrant("contractor"))
        world.does("contractor", an_award(award, line=line))
        world.does("receiver", a_delivery(world.today, award=award))
        world.does("certifier", a_voucher(world.today, award=award, invoice=f"I-{award}"))
    return world


OTHER_FUND = "020-2026/2027-1031-000"


@pytest.mark.parametrize(
    "query",
    [
        queries.Funds,
        queries.Apportionments,
        queries.Lines,
        queries.TrialBalance,
        queries.Cash,
        queries_awards.Awards,
        queries_awards.Deliveries,
        queries_awards.Vouchers,
        queries_payments.Ageing,
        queries_payments.Payments,
    ],
)
def test_another_ministrys_books_are_not_told(query: type[Query]) -> None:
    """Each treasury has its own funds, lines, awards and invoices; together they are all."""
    world = two_ministries()
    told = [
        {str(row) for row in rows(world, query, treasury=account_id(name), period="2026-05")}
        for name in (MINISTRY, "works")
    ]

    assert all(told)
    assert not told[0] & told[1]
    assert OTHER_FUND not in str(told[0])
    assert not any(FUND in row for row in told[1])


def test_an_award_of_another_ministry_has_no_invoices_here() -> None:
    """Nor is its fund one of ours."""
    world = two_ministries()
    assert rows(world, queries_awards.Vouchers, award="OTHER-1") == []
    assert rows(world, queries_awards.Deliveries, award="OTHER-1") == []
    assert rows(world, queries.Lines, fund=OTHER_FUND) == []
    assert rows(world, queries_awards.OneAwardQuery, award="OTHER-1")


def test_awards_come_page_by_page() -> None:
    """In the order of their codes, each once."""
    world = World.begin()
    for number in (3, 1, 2):
        world.does("contractor", an_award(f"A-{number}", amount=1_000))
    first = ask(world, queries_awards.Awards, limit=2)
    second = ask(world, queries_awards.Awards, limit=2, after=first.next)

    assert [row.award for row in (*first.rows, *second.rows)] == ["A-1", "A-2", "A-3"]
    assert second.next is None
