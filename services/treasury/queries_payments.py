"""Sums over invoices: what is due and not paid, and what was paid in a month, and how fast.

Each goes over every invoice of the network, and is refused beyond a bound instead of cut. What it
sums are the rows of `treasury.vouchers`, of which every one has its proof.
"""

import datetime
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Annotated, Final, final

from msgspec import Meta

from ledger.query import Page, Query, Reading
from services.treasury.lines import parts_of
from services.treasury.period import Day, Period, day_of, last_day, period_of
from services.treasury.queries import AsOf, Books, OneTreasury, told
from services.treasury.queries_awards import LinesOfAwards, attempts_of, key_of, voucher_then
from services.treasury.rows import Age, AgeingRow, PaymentsRow
from services.treasury.vouchers import (
    VOUCHERS,
    Voucher,
    VoucherStatus,
)

_AGES: Final = ((0, Age.NOT_DUE), (30, Age.DAYS_1_30), (60, Age.DAYS_31_60), (90, Age.DAYS_61_90))
"""Up to so many days after the day it was due, an invoice is so old."""


@final
@dataclass(slots=True)
class _Due:
    count: int = 0
    amount: int = 0
    oldest: Day = "9999-12-31"


@final
class Ageing(Query, tag="treasury.ageing", frozen=True, kw_only=True):
    """Invoices that are certified and not paid, fund by fund, by how long they have been due."""

    treasury: OneTreasury
    period: AsOf | None

    def answer(self, reading: Reading) -> Page[AgeingRow]:
        """Count the days from the day it was due to the end of the month, or to the last block."""

        def tell(books: Books) -> Page[AgeingRow]:
            today = day_of(reading.time_ms) if self.period is None else last_day(self.period)
            found: dict[tuple[str, Age], _Due] = {}
            for fund, voucher in _invoices(books):
                if voucher.status is VoucherStatus.CERTIFIED:
                    due = found.setdefault((fund, age_of(voucher.due, today)), _Due())
                    due.count += 1
                    due.amount += voucher.amount
                    due.oldest = min(due.oldest, voucher.due)
            order = list(Age)
            keys = sorted(found, key=lambda key: (key[0], order.index(key[1])))
            return Page([_ageing_row(books, *key, found[key]) for key in keys])

        return told(reading, self.treasury, self.period, tell)


def age_of(due: Day, today: Day) -> Age:
    """How long something has been due."""
    late = (datetime.date.fromisoformat(today) - datetime.date.fromisoformat(due)).days
    return next((age for days, age in _AGES if late <= days), Age.DAYS_OVER_90)


def _invoices(books: Books) -> Iterator[tuple[str, Voucher]]:
    """Every invoice of the treasury as it was then, and the fund that pays it."""
    lines, reading = LinesOfAwards(books), books.reading
    for key, newest in reading.every(VOUCHERS):
        then = voucher_then(reading.state, key_of(key), newest, books.period)
        line = None if then is None else lines.of(then.award)
        if then is not None and line is not None:
            yield parts_of(line).fund, then


def _ageing_row(books: Books, fund: str, age: Age, due: _Due) -> AgeingRow:
    return AgeingRow(
        fund=fund,
        age=age,
        count=due.count,
        amount_minor=due.amount,
        oldest_due=due.oldest,
        asset=books.treasury.asset,
        exponent=books.exponent,
    )


@final
@dataclass(slots=True)
class _Month:
    certified: int = 0
    certified_amount: int = 0
    paid_amount: int = 0
    interest: int = 0
    returned: int = 0
    returned_amount: int = 0
    took_ms: list[int] = field(default_factory=list)

    @property
    def is_busy(self) -> bool:
        """Whether anything happened."""
        return bool(self.certified or self.took_ms or self.returned)

    def count(self, voucher: Voucher, month: Period) -> None:
        """What happened to one certification of an invoice in a month."""
        if period_of(voucher.certified_ms) == month:
            self.certified += 1
            self.certified_amount += voucher.amount
        if voucher.paid_ms is not None and period_of(voucher.paid_ms) == month:
            self.paid_amount += voucher.amount
            self.interest += voucher.interest
            self.took_ms.append(voucher.paid_ms - voucher.certified_ms)
        if voucher.status is VoucherStatus.RETURNED and voucher.period == month:
            self.returned += 1
            self.returned_amount += voucher.amount


@final
class Payments(Query, tag="treasury.payments", frozen=True, kw_only=True):
    """What was certified, paid and returned in a month, and how long payments took.

    A payment takes from the block that certified the invoice to the block that paid it.
    """

    treasury: OneTreasury
    period: Annotated[Period, Meta(description="in this month, YYYY-MM")]

    def answer(self, reading: Reading) -> Page[PaymentsRow]:
        """Fund by fund; of invoices that were certified anew, each time counts."""

        def tell(books: Books) -> Page[PaymentsRow]:
            found: defaultdict[str, _Month] = defaultdict(_Month)
            lines = LinesOfAwards(books)
            for key, newest in reading.every(VOUCHERS):
                for voucher in attempts_of(reading.state, key_of(key), newest):
                    line = lines.of(voucher.award)
                    if line is not None:
                        found[parts_of(line).fund].count(voucher, self.period)
            moved = sorted(fund for fund, month in found.items() if month.is_busy)
            return Page([_payments_row(books, fund, found[fund]) for fund in moved])

        return told(reading, self.treasury, None, tell)


def _payments_row(books: Books, fund: str, month: _Month) -> PaymentsRow:
    took = sorted(month.took_ms)
    return PaymentsRow(
        fund=fund,
        certified=month.certified,
        certified_minor=month.certified_amount,
        paid=len(took),
        paid_minor=month.paid_amount,
        interest_minor=month.interest,
        returned=month.returned,
        returned_minor=month.returned_amount,
        median_ms=rank_of(took, 50),
        p90_ms=rank_of(took, 90),
        asset=books.treasury.asset,
        exponent=books.exponent,
    )


def rank_of(ascending: list[int], percent: int) -> int | None:
    """The least of some values that so many in a hundred of them are not above."""
    if not ascending:
        return None
    return ascending[-(-len(ascending) * percent // 100) - 1]
