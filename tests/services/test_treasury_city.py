"""Four years of a city's real payments as vouchers under budget lines: equal to the penny."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any, Final

import pytest

from kit.city_vouchers import FUND, City, rows_of
from kit.ledger import GBP, account_id
from kit.treasury import MINISTRY
from kit.tree import ROOT
from ledger import views
from ledger.query import Query
from services.treasury import queries, queries_awards, queries_payments

FILE: Final = ROOT.parent / "shared/data/gla-payments-2008-2011.csv"
OURS: Final = account_id(MINISTRY)


def all_of(city: City, query: type[Query], **given: Any) -> Iterator[Any]:  # noqa: ANN401
    """All rows, page by page."""
    left_out = dict.fromkeys(query.__struct_fields__)
    while True:
        page = query(**{**left_out, "treasury": OURS, **given}).answer(city.reading)
        yield from page.rows
        if page.next is None:
            return
        given["after"] = page.next


@pytest.mark.skipif(not FILE.exists(), reason="the city's file is not on this machine")
def test_every_total_of_a_city_s_vouchers_is_the_file_s_own() -> None:
    """In all, per line, per month, per vendor; each month is closed, and stays as it was then."""
    city = City(rows_of(FILE))
    city.book()
    assert len(city.rows) == 15_742

    total, spent, month, vendor = 0, Counter[str](), Counter[str](), Counter[str]()
    for row in city.rows:
        total += row.amount
        spent[city.line(row.description)] += row.amount
        month[row.month] += max(row.amount, 0)
        vendor[row.vendor] += row.amount
    received = Counter[str]()
    for row in city.received:
        received[city.line(row.description)] -= row.amount

    by_line = {row.line: row.outlaid_minor for row in all_of(city, queries.Lines, limit=1_000)}
    assert {code: by_line.get(code, 0) - received[code] for code in spent} == dict(spent)
    assert sum(by_line.values()) - received.total() == total == 196_521_046_53
    for name, amount in vendor.items():
        assert views.balance(city.chain.state, account_id(name), GBP) == amount
    (treasury,) = all_of(city, queries.Treasuries)
    assert treasury.balance_minor == 10**12 - total
    assert treasury.closed == max(month)

    closes = list(all_of(city, queries.Closes))
    assert [close.period for close in closes] == sorted(month)
    for period in ("2008-04", "2010-02", "2011-12"):
        (paid,) = all_of(city, queries_payments.Payments, period=period)
        assert (paid.fund, paid.paid_minor, paid.interest_minor) == (FUND, month[period], 0)
    vouchers = [*all_of(city, queries_awards.Vouchers, limit=1_000)]
    refunds = [*all_of(city, queries_awards.Refunds, limit=1_000)]
    assert len(vouchers) + len(refunds) + len(city.received) == len(city.rows)
    assert {voucher.status for voucher in vouchers} == {"paid"}
    until = sum(row.amount for row in city.rows if row.date < "2009-01-01")
    late = sum(row.amount for row in city.received if row.date < "2009-01-01")
    then = sum(row.outlaid_minor for row in all_of(city, queries.Lines, period="2008-12"))
    assert then == until - late
