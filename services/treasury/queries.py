"""What can be asked about a treasury's budget: funds, apportionments, lines, trial balance, cash.

With a period every answer is as of the end of that month, whatever was changed later: a row that
changes in a new month leaves its old version in the history (`rolling`), and the way there is a
chain of single entries, each of which can be proved. So the books of a closed month can be told at
any time, and always the same.

Funds are looked up one by one as the treasury's own row lists them, so that an answer about funds
is whole, and provably so. Lines are as many as their apportionment's total says: whoever has
proofs of all of them adds them up (`mithaq report treasury.period --proof-pack`).
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Annotated, Final, TypeVar, final

from msgspec import Meta, Struct

from ledger import views
from ledger.query import After, Limit, Page, Query, Reading, entry_name
from primitives.ids import AccountId
from services.treasury import chart, closing, rolling
from services.treasury.closing import PERIOD_CLOSES, PeriodClose
from services.treasury.funds import (
    APPORTIONMENT_BOOK,
    APPORTIONMENTS,
    FUND_BOOK,
    FUNDS,
    Apportionment,
    ApportionmentKey,
    Fund,
    within,
)
from services.treasury.lines import BUDGET_LINES, LINE_BOOK, BudgetLine, parts_of
from services.treasury.period import Period, period_of
from services.treasury.rows import (
    ApportionmentRow,
    CashRow,
    CloseDigestRow,
    CloseRow,
    FundRow,
    LineRow,
    TreasuryRow,
    TrialBalanceRow,
)
from services.treasury.treasuries import TREASURIES, FundCode, Treasury

K = TypeVar("K")
V = TypeVar("V", bound=rolling.Rolled)
Row = TypeVar("Row", bound=Struct)

_CLAIM: Final = "101000"
_UNDELIVERED: Final = "480100"
_PAYABLE: Final = "490100"
"""Accounts of the chart that say what a fund has, has ordered, and owes."""

OneTreasury = Annotated[
    AccountId, Meta(min_length=32, max_length=32, description="the ministry; an account's id")
]
AsOf = Annotated[
    Period, Meta(description="as of the end of this month, YYYY-MM; as it is now if none")
]
ToClose = Annotated[Period, Meta(description="the month, YYYY-MM; the next to close if none")]
OneFund = Annotated[FundCode, Meta(description="only this fund")]


@final
@dataclass(frozen=True, slots=True)
class Books:
    """One treasury's books, as of the end of a month or as they are now."""

    reading: Reading
    ministry: AccountId
    treasury: Treasury
    exponent: int
    period: Period | None

    def funds(self, only: FundCode | None) -> Iterator[tuple[FundCode, Fund]]:
        """Its funds, or the one that is asked for; in the order of their codes."""
        for code in sorted(self.treasury.funds):
            if only in {None, code}:
                fund = rolling.at(self.reading.overlay, FUND_BOOK, code, self.period)
                if fund is not None:
                    yield code, fund

    def has(self, fund: FundCode) -> bool:
        """Whether a fund is of this treasury."""
        return fund in self.treasury.funds


def books_of(reading: Reading, ministry: AccountId, period: Period | None) -> Books | None:
    """The books of a ministry; None where it has no treasury."""
    treasury = TREASURIES.read(reading.state, ministry)
    return None if treasury is None else _books(reading, ministry, treasury, period)


def _books(
    reading: Reading, ministry: AccountId, treasury: Treasury, period: Period | None
) -> Books:
    asset = views.asset(reading.state, treasury.asset)
    assert asset is not None, "a treasury is opened in an asset that exists"
    return Books(reading, ministry, treasury, asset.exponent, period)


def told(
    reading: Reading,
    ministry: AccountId,
    period: Period | None,
    tell: Callable[[Books], Page[Row]],
) -> Page[Row]:
    """What is told of the books of a ministry; where it has none, that can be proved."""
    books = books_of(reading, ministry, period)
    if books is None:
        return Page([], None, [entry_name(TREASURIES, TREASURIES.key(ministry))])
    return tell(books)


@final
class Treasuries(Query, tag="treasury.treasuries", frozen=True, kw_only=True):
    """The treasuries, what is in their accounts, and who appropriates; in the order of their ids.

    `account` is the treasury single account, out of which only the rules of payment pay.
    """

    treasury: Annotated[OneTreasury, Meta(description="only this ministry's")] | None
    after: After | None
    limit: Limit | None

    def answer(self, reading: Reading) -> Page[TreasuryRow]:
        """List."""

        def row(key: bytes, treasury: Treasury) -> TreasuryRow:
            return treasury_row(_books(reading, AccountId(key), treasury, None))

        prefix = self.treasury or b""
        return reading.list(TREASURIES, row, prefix=prefix, after=self.after, limit=self.limit)


def treasury_row(books: Books) -> TreasuryRow:
    """A treasury as people see it."""
    treasury = books.treasury
    return TreasuryRow(
        treasury=books.ministry,
        asset=treasury.asset,
        exponent=books.exponent,
        account=treasury.account,
        balance_minor=views.balance(books.reading.state, treasury.account, treasury.asset),
        legislature=treasury.legislature,
        funds=treasury.funds,
        opened=treasury.opened,
        closed=treasury.closed,
        payment_threshold_minor=treasury.payment_threshold,
        payment_officers=treasury.payment_officers,
        interest_bp=treasury.interest_bp,
    )


@final
class Funds(Query, tag="treasury.funds", frozen=True, kw_only=True):
    """The funds of a treasury: whose, for when, for what, and what was appropriated of them."""

    treasury: OneTreasury
    period: AsOf | None

    def answer(self, reading: Reading) -> Page[FundRow]:
        """List them all; a treasury has few."""

        def tell(books: Books) -> Page[FundRow]:
            rows, entries = [], []
            for code, fund in books.funds(None):
                rows.append(_fund_row(books, code, fund))
                entries.append(entry_name(FUNDS, FUNDS.key(code)))
            return Page(rows, None, entries)

        return told(reading, self.treasury, self.period, tell)


def _fund_row(books: Books, code: FundCode, fund: Fund) -> FundRow:
    return FundRow(
        fund=code,
        treasury=fund.treasury,
        agency=fund.agency,
        available_from=fund.available_from,
        available_until=fund.available_until,
        cofog=fund.function,
        period=fund.period,
        appropriated_minor=fund.appropriated,
        apportioned_minor=fund.apportioned,
        asset=books.treasury.asset,
        exponent=books.exponent,
    )


@final
class TrialBalance(Query, tag="treasury.trial_balance", frozen=True, kw_only=True):
    """What was posted to each account of each fund; debits equal credits in every fund.

    The accounts are those of the US Standard General Ledger: budgetary ones begin with 4.
    """

    treasury: OneTreasury
    period: AsOf | None
    fund: OneFund | None

    def answer(self, reading: Reading) -> Page[TrialBalanceRow]:
        """Fund by fund, account by account."""

        def tell(books: Books) -> Page[TrialBalanceRow]:
            rows, entries = [], []
            for code, fund in books.funds(self.fund):
                rows += _trial_balance_rows(books, code, fund)
                entries += [entry_name(FUNDS, FUNDS.key(code))] * len(fund.totals)
            return Page(rows, None, entries)

        return told(reading, self.treasury, self.period, tell)


def _trial_balance_rows(books: Books, code: FundCode, fund: Fund) -> list[TrialBalanceRow]:
    return [
        TrialBalanceRow(
            fund=code,
            ussgl=total.account,
            title=chart.ACCOUNTS[total.account].title,
            debits_minor=total.debits,
            credits_minor=total.credits,
            balance_minor=total.debits - total.credits,
            asset=books.treasury.asset,
            exponent=books.exponent,
        )
        for total in fund.totals
    ]


@final
class Apportionments(Query, tag="treasury.apportionments", frozen=True, kw_only=True):
    """What was apportioned, by quarter or project, and how much of that is allotted."""

    treasury: OneTreasury
    period: AsOf | None
    fund: OneFund | None
    after: After | None
    limit: Limit | None

    def answer(self, reading: Reading) -> Page[ApportionmentRow]:
        """List."""

        def tell(books: Books) -> Page[ApportionmentRow]:
            def row(key: bytes, now: Apportionment) -> ApportionmentRow | None:
                fund, _, code = key.decode("ascii").partition(":")
                if not books.has(fund):
                    return None
                then = version_of(books, APPORTIONMENT_BOOK, ApportionmentKey(fund, code), now)
                return None if then is None else _apportionment_row(books, fund, code, then)

            return reading.list(
                APPORTIONMENTS,
                row,
                prefix=b"" if self.fund is None else within(self.fund),
                after=self.after,
                limit=self.limit,
            )

        return told(reading, self.treasury, self.period, tell)


def _apportionment_row(
    books: Books, fund: FundCode, code: str, row: Apportionment
) -> ApportionmentRow:
    return ApportionmentRow(
        fund=fund,
        apportionment=code,
        period=row.period,
        amount_minor=row.amount,
        allotted_minor=row.allotted,
        asset=books.treasury.asset,
        exponent=books.exponent,
    )


@final
class Lines(Query, tag="treasury.lines", frozen=True, kw_only=True):
    """The budget lines: what is allotted, obligated, delivered and outlaid on each.

    A line is FUND:APPORTIONMENT:PROGRAM:OBJECT CLASS. Each of its four totals is at most the one
    before it, in every block.
    """

    treasury: OneTreasury
    period: AsOf | None
    fund: OneFund | None
    after: After | None
    limit: Limit | None

    def answer(self, reading: Reading) -> Page[LineRow]:
        """List."""

        def tell(books: Books) -> Page[LineRow]:
            def row(key: bytes, now: BudgetLine) -> LineRow | None:
                line = key.decode("ascii")
                if not books.has(parts_of(line).fund):
                    return None
                then = version_of(books, LINE_BOOK, line, now)
                return None if then is None else _line_row(books, line, then)

            return reading.list(
                BUDGET_LINES,
                row,
                prefix=b"" if self.fund is None else within(self.fund),
                after=self.after,
                limit=self.limit,
            )

        return told(reading, self.treasury, self.period, tell)


def _line_row(books: Books, line: str, row: BudgetLine) -> LineRow:
    parts = parts_of(line)
    return LineRow(
        line=line,
        fund=parts.fund,
        apportionment=parts.apportionment,
        program=parts.program,
        object_class=parts.object_class,
        period=row.period,
        allotted_minor=row.allotted,
        obligated_minor=row.obligated,
        delivered_minor=row.delivered,
        outlaid_minor=row.outlaid,
        asset=books.treasury.asset,
        exponent=books.exponent,
    )


def version_of(books: Books, book: rolling.Book[K, V], key: K, now: V) -> V | None:
    """The version of a row that counts, given the newest."""
    if books.period is None or now.period <= books.period:
        return now
    return rolling.at(books.reading.overlay, book, key, books.period)


@final
class Closes(Query, tag="treasury.closes", frozen=True, kw_only=True):
    """The months that were closed: the digest of the trial balance, in which block, by whom."""

    treasury: OneTreasury
    after: After | None
    limit: Limit | None

    def answer(self, reading: Reading) -> Page[CloseRow]:
        """List, the oldest first."""

        def row(key: bytes, close: PeriodClose) -> CloseRow:
            return CloseRow(
                treasury=self.treasury,
                period=key[len(self.treasury) :].decode("ascii"),
                trial_balance=close.trial_balance,
                height=close.height,
                chief_accountant=close.chief_accountant,
                auditor=close.auditor,
            )

        return reading.list(
            PERIOD_CLOSES, row, prefix=self.treasury, after=self.after, limit=self.limit
        )


@final
class CloseDigest(Query, tag="treasury.close_digest", frozen=True, kw_only=True):
    """The digest of the trial balance of a month, as treasury.close_period must give it.

    As long as the month is not over, the digest still changes.
    """

    treasury: OneTreasury
    period: ToClose | None

    def answer(self, reading: Reading) -> Page[CloseDigestRow]:
        """Make it, as every node does when the month is closed."""

        def tell(books: Books) -> Page[CloseDigestRow]:
            period = self.period or closing.next_period(books.treasury)
            balance = closing.trial_balance(reading.overlay, self.treasury, period)
            row = CloseDigestRow(
                treasury=self.treasury,
                period=period,
                over=period < period_of(reading.time_ms),
                funds=len(balance.funds),
                trial_balance=closing.digest_of(balance),
            )
            return Page([row], None, [None])

        return told(reading, self.treasury, self.period, tell)


@final
class Cash(Query, tag="treasury.cash", frozen=True, kw_only=True):
    """Each fund's claim on the treasury single account, and how much of it is spoken for.

    `undelivered` is ordered and not received, `payable` received and not paid, `free` the rest.
    """

    treasury: OneTreasury
    period: AsOf | None

    def answer(self, reading: Reading) -> Page[CashRow]:
        """Fund by fund, out of the trial balance."""

        def tell(books: Books) -> Page[CashRow]:
            rows, entries = [], []
            for code, fund in books.funds(None):
                rows.append(_cash_row(books, code, fund))
                entries.append(entry_name(FUNDS, FUNDS.key(code)))
            return Page(rows, None, entries)

        return told(reading, self.treasury, self.period, tell)


def _cash_row(books: Books, code: FundCode, fund: Fund) -> CashRow:
    claim = chart.balance(fund.totals, _CLAIM)
    undelivered = -chart.balance(fund.totals, _UNDELIVERED)
    payable = -chart.balance(fund.totals, _PAYABLE)
    return CashRow(
        fund=code,
        claim_minor=claim,
        undelivered_minor=undelivered,
        payable_minor=payable,
        free_minor=claim - undelivered - payable,
        asset=books.treasury.asset,
        exponent=books.exponent,
    )
