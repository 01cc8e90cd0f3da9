"""What the report of a month costs where a treasury has 100,000 invoices.

A ministry with 20 funds, 1,000 lines and as many awards, 100 invoices each, of which one in ten
waits to be paid. The rows are written straight into a store; half of the lines and awards were
changed since, so that their month is read from the history. Then all queries of the report are
asked as the command asks them, but for the sockets: named form, JSON, and back into Structs.
"""

import json
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from msgspec import structs
from msgspec.structs import replace

from bench import queries
from bench.report import Report
from cli.treasury_data import read_period
from exchange.period_report import PeriodData, disagreements, figures
from ledger.accounts import account_of_key
from ledger.genesis import genesis_block
from ledger.query import Query
from ledger.state import Slot, Table
from node.reports import QUERIES, Reports
from node.reports.page import QueryAnswer
from primitives.codec import encode
from primitives.crypto import SigningKey
from primitives.ids import AccountId, Height, TimeMs, TransactionId
from primitives.named import from_named, to_named
from services.treasury import chart
from services.treasury.awards import AWARD_BOOK, Award, AwardKind
from services.treasury.chart import Step
from services.treasury.funds import (
    APPORTIONMENTS,
    FUND_BOOK,
    Apportionment,
    ApportionmentKey,
    Fund,
)
from services.treasury.lines import LINE_BOOK, BudgetLine, line_code
from services.treasury.rolling import Book, Past
from services.treasury.treasuries import TREASURIES, Treasury, single_account
from services.treasury.vouchers import VOUCHERS, Voucher, VoucherKey, VoucherStatus
from storage.decision import Genesis
from storage.opening import create_database

FUNDS: Final = 20
LINES: Final = 1_000
INVOICES: Final = 100
"""Of each line's one award."""
GOAL_MS: Final = 5_000.0
_MONTH: Final = "2026-04"
_LATER: Final = "2026-05"
_APRIL_MS: Final = TimeMs(1_775_100_000_000)
_RUNS: Final = 3
_MINISTRY: Final = account_of_key(SigningKey(bytes(32)).public)
_OTHER: Final = AccountId(b"\1" * 32)


@dataclass
class _Books:
    """Rows as entries of the state, which add up."""

    writes: dict[Slot, bytes | None] = field(default_factory=dict)
    totals: dict[str, tuple[chart.Total, ...]] = field(default_factory=lambda: defaultdict(tuple))
    allotted: dict[str, int] = field(default_factory=lambda: defaultdict(int))

    def put(self, table: Table[Any, Any], key: Any, row: Any) -> None:  # noqa: ANN401 - of any
        self.writes[table.number, table.key(key)] = encode(row)

    def roll(self, book: Book[Any, Any], key: Any, row: Any, *, is_moved: bool) -> None:  # noqa: ANN401
        """A row of the month, as it is, or in the history with a later one above it."""
        if is_moved:
            self.put(book.history, Past(key, _MONTH), row)
            row = replace(row, period=_LATER, previous=_MONTH)
        self.put(book.rows, key, row)

    def post(self, fund: str, step: Step, amount: int) -> None:
        self.totals[fund] = chart.post(self.totals[fund], step, amount)


def _fund_code(number: int) -> str:
    return f"{number:03}-2026/2027-1000-000"


def _filled() -> _Books:
    books = _Books()
    for number in range(LINES):
        _add_line(books, number)
    for number in range(FUNDS):
        _add_fund(books, _fund_code(number))
    treasury = Treasury(
        asset="GBP",
        account=single_account(_MINISTRY),
        legislature=_OTHER,
        opened=_MONTH,
        closed=None,
        payment_threshold=10**9,
        payment_officers=2,
        interest_bp=800,
        funds=tuple(_fund_code(number) for number in range(FUNDS)),
    )
    books.put(TREASURIES, _MINISTRY, treasury)
    return books


def _add_line(books: _Books, number: int) -> None:
    fund = _fund_code(number % FUNDS)
    line, code = line_code(fund, "2026-q2", f"P{number:03}", "252"), f"AWARD-{number}"
    invoiced = paid = 0
    for each, voucher in enumerate(_vouchers(code, number)):
        payee = AccountId((number * INVOICES + each).to_bytes(32, "big"))
        books.put(VOUCHERS, VoucherKey(payee, f"INV-{each}"), voucher)
        invoiced += voucher.amount
        paid += voucher.amount if voucher.status is VoucherStatus.PAID else 0
    award = Award(
        period=_MONTH, previous=None, line=line, agency=_OTHER, kind=AwardKind.BLANKET,
        recipient=None, officer=_OTHER, amount=2 * invoiced, delivered=invoiced,
        vouchered=invoiced, paid=paid, interest=0, refunded=0, starts="2026-01-01",
        ends="2026-12-31", place=None, process=None, modification=0, deliveries=INVOICES,
        vouchers=INVOICES, terms=None, token=None, claimed=0,
    )  # fmt: skip
    row = BudgetLine(_MONTH, None, 3 * invoiced, 2 * invoiced, invoiced, paid)
    books.roll(AWARD_BOOK, code, award, is_moved=number % 2 == 0)
    books.roll(LINE_BOOK, line, row, is_moved=number % 2 == 0)
    books.allotted[fund] += row.allotted
    for step, amount in (
        (Step.ALLOT, row.allotted),
        (Step.OBLIGATE, row.obligated),
        (Step.DELIVER, row.delivered),
        (Step.PAY, row.outlaid),
    ):
        books.post(fund, step, amount)


def _vouchers(award: str, number: int) -> Iterator[Voucher]:
    for each in range(INVOICES):
        waits = each % 10 == 0
        certified = TimeMs(_APRIL_MS + (number * INVOICES + each) * 20)
        yield Voucher(
            award=award, delivery=each + 1, amount=1_000 + each, due="2026-03-15",
            certifier=_OTHER, certified_ms=certified,
            status=VoucherStatus.CERTIFIED if waits else VoucherStatus.PAID, interest=0,
            offsets=(), certified_in=TransactionId(bytes(32)),
            paid_in=None if waits else TransactionId(bytes(32)),
            paid_ms=None if waits else TimeMs(certified + 1_000), officers=(_OTHER,),
            period=_MONTH, reason=None, attempt=1, number=each + 1,
        )  # fmt: skip


def _add_fund(books: _Books, code: str) -> None:
    allotted = books.allotted[code]
    books.post(code, Step.APPROPRIATE, 2 * allotted)
    books.post(code, Step.APPORTION, allotted)
    fund = Fund(
        period=_MONTH, previous=None, treasury=_MINISTRY, agency=_OTHER,
        available_from="2026-01-01", available_until="2027-12-31", function="04.5.1",
        appropriated=2 * allotted, apportioned=allotted, totals=books.totals[code],
    )  # fmt: skip
    books.roll(FUND_BOOK, code, fund, is_moved=True)
    key = ApportionmentKey(code, "2026-q2")
    books.put(APPORTIONMENTS, key, Apportionment(_MONTH, None, allotted, allotted))


@dataclass
class _Asked:
    """A node's reports, asked through JSON as a client does; `took_ms` by query."""

    reports: Reports
    height: Height
    time_ms: TimeMs
    took_ms: dict[str, float] = field(default_factory=lambda: defaultdict(float))

    def rows(self, query: Query) -> tuple[Any, ...]:
        name = str(query.__struct_config__.tag)
        begun = time.perf_counter()
        found: list[Any] = []
        given = {
            field: value.hex() if isinstance(value, bytes) else str(value)
            for field, value in structs.asdict(query).items()
            if value is not None
        }
        kind: Any = QueryAnswer[QUERIES[name].row]  # type: ignore[misc] # built at run time
        while True:
            data = json.dumps(to_named(self.reports.answer(name, given)))
            answer: QueryAnswer[Any] = from_named(json.loads(data), kind)
            found += answer.rows
            if answer.next is None:
                self.took_ms[name] += (time.perf_counter() - begun) * 1_000
                return tuple(found)
            given["after"] = answer.next


def _report(asked: _Asked) -> tuple[PeriodData, float]:
    begun = time.perf_counter()
    data = read_period(asked, _MINISTRY, _MONTH)
    assert not disagreements(data), disagreements(data)[0]
    json.dumps(figures(data))
    return data, (time.perf_counter() - begun) * 1_000


def run(report: Report) -> None:
    """The whole report, and its dearest queries; the best of three."""
    document = queries.document()
    begun = genesis_block(document)
    genesis = Genesis(
        header=begun.header,
        state_writes={**begun.execution.state_writes, **_filled().writes},
        node_writes=begun.execution.node_writes,
    )
    with (
        tempfile.TemporaryDirectory(prefix="mithaq-bench-") as name,
        create_database(Path(name) / "chain", genesis) as store,
    ):
        runs = []
        for _ in range(_RUNS):
            asked = _Asked(Reports(store, document), Height(0), begun.header.time_ms)
            data, took_ms = _report(asked)
            payments = sum(row.paid for row in data.payments)
            assert payments == LINES * INVOICES * 9 // 10, f"{payments} payments are reported"
            runs.append((took_ms, asked.took_ms))
        took_ms, by_query = min(runs, key=lambda each: each[0])
        name_of = f"treasury.report, {LINES * INVOICES:,} invoices"
        report.goal(name_of, took_ms, "ms", at_most=GOAL_MS)
        for query, figure in sorted(by_query.items(), key=lambda each: -each[1])[:4]:
            report.fact(f"treasury.report: {query}", figure, "ms")
