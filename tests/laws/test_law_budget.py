"""The law of the budget: whatever is done in whatever order, nothing exceeds what allows it.

Beside a real chain stands a schoolbook of sums. Every act is done or refused as the schoolbook
says, and after every block

- outlaid ≤ delivered ≤ obligated ≤ allotted on each line, the lines of an apportionment sum up to
  what it has allotted, which is at most what it has; the apportionments of a fund sum up to what is
  apportioned of it, which is at most what was appropriated;
- debits equal credits, and each ledger account of a fund says what the schoolbook says;
- what stood at the end of every month that is over still stands there, and a month is closed with
  that and nothing else.
"""

import enum
from collections.abc import Callable
from typing import Any, Final, Union, final

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from msgspec.structs import astuple

from kit.budget import MINISTRY, PARLIAMENT, begin, defining, opening
from kit.ledger import account_id
from kit.purses import DAY, applied, wait
from ledger.act import Act
from ledger.calls import Law
from ledger.operation import Operation
from ledger.receipt import Outcome
from ledger.state import Overlay
from ledger.transaction import Transaction
from primitives.ids import Digest, TimeMs
from services.table import DUTIES, OPERATIONS
from services.treasury import chart, funds, lines, rolling
from services.treasury.closing import ClosePeriod, digest_of, trial_balance
from services.treasury.funds import (
    APPORTIONMENT_BOOK,
    FUND_BOOK,
    Apportion,
    ApportionmentKey,
    Appropriate,
    LineCode,
    Rescind,
)
from services.treasury.lines import LINE_BOOK, Allot, TransferAllotment
from services.treasury.period import after, day_of, period_of

ENDING, ENDLESS = "019-2026/2026-1031-000", "019-X-1032-000"
LAST_DAY: Final = "2026-06-10"
FUNDS: Final = (ENDING, ENDLESS)
PARTS: Final = tuple((fund, quarter) for fund in FUNDS for quarter in ("q2", "q3"))
LINES: Final = tuple(
    lines.line_code(fund, quarter, program, "252")
    for fund, quarter in PARTS
    for program in ("BRDG", "ROAD")
)
TREASURY = account_id(MINISTRY)


@enum.unique
class Kind(enum.Enum):
    """What the rules of awards and vouchers do with a line."""

    OBLIGATE = "obligate"
    DELIVER = "deliver"
    PAY = "pay"
    INTEREST = "interest"


STEPS: Final[dict[Kind, Callable[[Act, LineCode, int], None]]] = {
    Kind.OBLIGATE: lines.obligate,
    Kind.DELIVER: lines.deliver,
    Kind.PAY: lines.pay,
    Kind.INTEREST: lines.accrue_interest,
}


@final
class DoWithLine(Operation, tag="test.do_with_line", frozen=True):
    """One step, without an award."""

    line: LineCode
    kind: Kind
    change: int

    def apply(self, act: Act) -> None:
        STEPS[self.kind](act, self.line, self.change)


_ALL: Any = Union[(*OPERATIONS, DoWithLine)]
LAW: Final = Law(_ALL, Union[DUTIES])  # noqa: UP007 - a union of a tuple
KIND: Any = Transaction[_ALL]

parts = st.sampled_from(PARTS)
named = st.sampled_from(LINES)
amounts = st.integers(1, 60)
changes = st.one_of(st.integers(1, 12), st.integers(1, 60), st.integers(-60, -1))


class Budget(RuleBasedStateMachine):
    """Acts in any order, each in a block of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.chain = begin()
        self.chain.law, self.chain.kind = LAW, KIND
        applied(self.chain, MINISTRY, opening())
        for fund in FUNDS:
            until = None if fund == ENDLESS else LAST_DAY
            applied(self.chain, "budgeter", defining(fund, available_until=until))
        self.appropriated = dict.fromkeys(FUNDS, 0)
        self.apportioned = dict.fromkeys(PARTS, 0)
        self.lines: dict[LineCode, list[int]] = {}
        self.months: dict[str, Any] = {}
        self.closed = 0
        # What rules meet on: there is money, on two lines of a part and one of another fund.
        for fund in FUNDS:
            self.appropriate(fund, 100)
            self.apportion((fund, "q2"), 80)
        for line in (LINES[0], LINES[1], LINES[4]):
            self.allot(line, 40)
        self.do(LINES[0], Kind.OBLIGATE, 25)
        self.do(LINES[0], Kind.DELIVER, 20)

    # the schoolbook

    def allotted(self, part: tuple[str, str]) -> int:
        return sum(row[0] for line, row in self.lines.items() if part_of(line) == part)

    def of_fund(self, fund: str) -> int:
        return sum(amount for part, amount in self.apportioned.items() if part[0] == fund)

    def sums(self, fund: str) -> list[int]:
        rows = [row for line, row in self.lines.items() if part_of(line)[0] == fund]
        return [sum(row[at] for row in rows) for at in range(4)]

    # what is done

    def does(self, actor: str, operation: Operation, *, expected: bool) -> None:
        before = dict(self.chain.state.rows)
        (receipt,) = self.chain.block(self.chain.act(actor, operation))
        assert (receipt.outcome is Outcome.APPLIED) == expected, receipt.refusal
        if not expected:
            changed = {slot for slot, _ in self.chain.state.rows.items() ^ before.items()}
            assert {number for number, _ in changed} <= {10}, "a refusal leaves no trace"

    @rule(fund=st.sampled_from(FUNDS), amount=amounts)
    def appropriate(self, fund: str, amount: int) -> None:
        self.does(PARLIAMENT, Appropriate(fund, amount, None), expected=True)
        self.appropriated[fund] += amount

    @rule(fund=st.sampled_from(FUNDS), amount=amounts)
    def rescind(self, fund: str, amount: int) -> None:
        may = self.of_fund(fund) <= self.appropriated[fund] - amount
        self.does(PARLIAMENT, Rescind(fund, amount, None), expected=may)
        self.appropriated[fund] -= amount * may

    @rule(part=parts, change=changes)
    def apportion(self, part: tuple[str, str], change: int) -> None:
        fits = self.of_fund(part[0]) + change <= self.appropriated[part[0]]
        may = fits and self.allotted(part) <= self.apportioned[part] + change
        self.does("budgeter", Apportion(*part, change), expected=may)
        self.apportioned[part] += change * may

    @rule(line=named, change=changes)
    def allot(self, line: LineCode, change: int) -> None:
        part, row = part_of(line), self.lines.get(line, [0, 0, 0, 0])
        # An apportionment that was cut to nothing is still there, one never made is none.
        fits = self.allotted(part) + change <= self.apportioned[part]
        known = rolling.at(self.state, APPORTIONMENT_BOOK, ApportionmentKey(*part), None)
        may = known is not None and fits and row[1] <= row[0] + change
        self.does("allotter", Allot(line, change), expected=may)
        if may:
            self.lines[line] = [row[0] + change, *row[1:]]

    @rule(source=named, to=named, amount=amounts)
    def move(self, source: LineCode, to: LineCode, amount: int) -> None:
        alike = source != to and part_of(source) == part_of(to)
        row = self.lines.get(source)
        may = alike and row is not None and row[1] <= row[0] - amount
        self.does("allotter", TransferAllotment(source, to, amount), expected=may)
        if may:
            self.lines[source][0] -= amount
            self.lines.setdefault(to, [0, 0, 0, 0])[0] += amount

    @rule(line=named, kind=st.sampled_from(Kind), change=changes)
    def do(self, line: LineCode, kind: Kind, change: int) -> None:
        row = self.lines.get(line)
        may = row is not None
        if row is not None:
            moved = {
                Kind.OBLIGATE: (0, change, 0, 0),
                Kind.DELIVER: (0, 0, change, 0),
                Kind.PAY: (0, 0, 0, change),
                Kind.INTEREST: (0, change, change, 0),
            }[kind]
            row = [was + more for was, more in zip(row, moved, strict=True)]
            over = kind is Kind.OBLIGATE and change > 0 and part_of(line)[0] == ENDING
            late = over and day_of(TimeMs(self.chain.time_ms + 1_000)) > LAST_DAY
            may = row == sorted(row, reverse=True) and row[3] >= 0 and not late
        self.does("buyer", DoWithLine(line, kind, change), expected=may)
        if may and row is not None:
            self.lines[line] = row

    @rule(change=st.integers(1, 3))
    def obligate_a_little(self, change: int) -> None:
        """Of the fund that ends, in time and too late."""
        self.do(LINES[0], Kind.OBLIGATE, change)

    @rule(days=st.sampled_from((20, 35, 70)))
    def time_passes(self, days: int) -> None:
        before = period_of(self.chain.time_ms)
        wait(self.chain, days * DAY)
        while before < period_of(self.chain.time_ms):
            self.months[before] = self.told(None)
            before = after(before)

    @rule(good=st.booleans())
    def close(self, good: bool) -> None:  # noqa: FBT001 - drawn
        months = sorted(self.months)
        over = self.closed < len(months)
        period = months[self.closed] if over else period_of(self.chain.time_ms)
        digest = digest_of(trial_balance(self.state, TREASURY, period))
        given = digest if good else Digest(digest[::-1])
        operation = ClosePeriod(TREASURY, period, given, account_id("auditor"))
        body = self.chain.body(("accountant", operation))
        (receipt,) = self.chain.block(self.chain.check(body, "accountant", "auditor"))
        assert (receipt.outcome is Outcome.APPLIED) == (over and good), receipt.refusal
        self.closed += over and good

    # the law

    @property
    def state(self) -> Overlay:
        return Overlay(self.chain.state)

    def told(self, period: str | None) -> Any:  # noqa: ANN401 - rows without their months
        """Every row as of the end of a month."""
        state = self.state
        found = [
            *(rolling.at(state, FUND_BOOK, fund, period) for fund in FUNDS),
            *(rolling.at(state, APPORTIONMENT_BOOK, ApportionmentKey(*p), period) for p in PARTS),
            *(rolling.at(state, LINE_BOOK, line, period) for line in LINES),
        ]
        return [None if row is None else astuple(row)[2:] for row in found]

    @invariant()
    def every_row_says_what_the_schoolbook_says(self) -> None:
        state = self.state
        for line, row in self.lines.items():
            found = lines.need(state, line)
            allotted, obligated, delivered, outlaid = astuple(found)[2:]
            assert [allotted, obligated, delivered, outlaid] == row
            assert 0 <= outlaid <= delivered <= obligated <= allotted
        for part, amount in self.apportioned.items():
            made = rolling.at(state, APPORTIONMENT_BOOK, ApportionmentKey(*part), None)
            has = (0, 0) if made is None else (made.amount, made.allotted)
            assert has == (amount, self.allotted(part))
            assert 0 <= has[1] <= has[0]
        for name, appropriated in self.appropriated.items():
            fund = funds.need(state, name)
            assert (fund.appropriated, fund.apportioned) == (appropriated, self.of_fund(name))
            assert 0 <= fund.apportioned <= fund.appropriated

    @invariant()
    def debits_equal_credits_and_accounts_say_how_far_money_went(self) -> None:
        for name in FUNDS:
            totals = funds.need(self.state, name).totals
            given, apportioned = self.appropriated[name], self.of_fund(name)
            allotted, obligated, delivered, outlaid = self.sums(name)

            def on(*accounts: str) -> int:
                return sum(chart.balance(totals, each) for each in accounts)  # noqa: B023 - used here

            assert chart.imbalance(totals) == (0, 0)
            assert on("411900", "439200") == given
            assert -on("445000") == given - apportioned
            assert -on("451000") == apportioned - allotted
            assert -on("461000") == allotted - obligated
            assert -on("480100") == obligated - delivered
            assert -on("490100") == -on("211000") == delivered - outlaid
            assert -on("490200") == outlaid
            assert on("101000") == given - outlaid
            assert on("610000", "633000") == on("310700") == -on("570000") == delivered

    @invariant()
    def a_month_that_is_over_stays_as_it_was(self) -> None:
        for period, was in self.months.items():
            assert self.told(period) == was


def part_of(line: LineCode) -> tuple[str, str]:
    """The apportionment of a line."""
    parts = lines.parts_of(line)
    return parts.fund, parts.apportionment


TestBudget = Budget.TestCase
TestBudget.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
