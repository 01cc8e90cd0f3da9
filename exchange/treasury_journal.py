"""Posts a treasury's journal again: what the entries of its transactions add up to.

Each step that was posted says its fund, its line and its amount; the chart of accounts says what
the step debits and credits. So from the entries alone come the trial balance of every fund and the
sums of every line, and whether they are those that a report states.
"""

from collections import defaultdict
from collections.abc import Iterator
from typing import Any, NamedTuple, final

from exchange.period_report import Amounts, PeriodData, amounts_of
from ledger.receipt import Receipt
from services.treasury import chart
from services.treasury.chart import Step, Total
from services.treasury.funds import Posted


@final
class JournalEntry(NamedTuple):
    """What one event posted, or moved."""

    entry: int
    """Number of the event in its transaction, from 0."""
    fund: str
    apportionment: str | None
    line: str | None
    step: Step
    amount: int


def entries_of(receipt: Receipt[Any, Any]) -> Iterator[JournalEntry]:
    """What a transaction, or what fell due, posted to funds."""
    for number, event in enumerate(receipt.events):
        if isinstance(event, Posted):
            yield JournalEntry(
                number, event.fund, event.apportionment, event.line, event.step, event.amount
            )


@final
class Posting:
    """The sums of what was posted so far."""

    def __init__(self) -> None:
        self.totals: defaultdict[str, tuple[Total, ...]] = defaultdict(tuple)
        """By fund: the totals of its accounts."""
        self.lines: defaultdict[str, Amounts] = defaultdict(Amounts)
        self.appropriated: defaultdict[str, int] = defaultdict(int)
        self.apportioned: defaultdict[tuple[str, str | None], int] = defaultdict(int)

    def post(self, entry: JournalEntry) -> None:
        """Add an entry."""
        totals = self.totals[entry.fund]
        self.totals[entry.fund] = chart.post(totals, entry.step, entry.amount)
        match entry.step:
            case Step.APPROPRIATE:
                self.appropriated[entry.fund] += entry.amount
            case Step.RESCIND:
                self.appropriated[entry.fund] -= entry.amount
            case Step.APPORTION:
                self.apportioned[entry.fund, entry.apportionment] += entry.amount
        if entry.line is not None:
            more = _of_line(entry.step, entry.amount)
            self.lines[entry.line] = Amounts.sum((self.lines[entry.line], more))

    def differences(self, data: PeriodData) -> Iterator[str]:
        """What the entries do not add up to, though the report says so."""
        for fund in data.funds:
            found = self.appropriated[fund.fund]
            yield from _differing(f"{fund.fund}: appropriated", fund.appropriated_minor, found)
        for row in data.apportionments:
            found = self.apportioned[row.fund, row.apportionment]
            yield from _differing(f"{row.fund}, {row.apportionment}", row.amount_minor, found)
        for line in data.lines:
            yield from _differing(line.line, amounts_of(line), self.lines[line.line])
        for code in sorted(self.lines.keys() - {line.line for line in data.lines}):
            yield f"{code}: its transactions post to this line, and the report has no such line"
        parts = {(row.fund, row.apportionment) for row in data.apportionments}
        for fund_code, part in sorted(self.apportioned.keys() - parts, key=str):
            yield f"{fund_code}: its transactions apportion to {part}, and the report does not"
        said = {
            (row.fund, row.ussgl): (row.debits_minor, row.credits_minor)
            for row in data.trial_balance
        }
        posted = {
            (fund, total.account): (total.debits, total.credits)
            for fund, totals in self.totals.items()
            for total in totals
        }
        for key in sorted(said.keys() | posted.keys()):
            name = f"{key[0]}: debits and credits of {key[1]}"
            yield from _differing(name, said.get(key, (0, 0)), posted.get(key, (0, 0)))


def _of_line(step: Step, amount: int) -> Amounts:
    match step:
        case Step.ALLOT:
            return Amounts(allotted=amount)
        case Step.OBLIGATE:
            return Amounts(obligated=amount)
        case Step.DELIVER | Step.INTEREST:
            return Amounts(delivered=amount)
        case Step.PAY:
            return Amounts(outlaid=amount)
    return Amounts()


def _differing(name: str, said: object, found: object) -> Iterator[str]:
    if said != found:
        yield f"{name}: the report says {said}, its transactions {found}"
