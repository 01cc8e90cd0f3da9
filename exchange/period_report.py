"""The report of a month: how the budget was carried out, and whether the books agree.

Every figure is a sum that stands in the books as of the end of the month; what happened in the
month is the difference to the end of the month before. With the figures goes what must hold between
them: a fund's lines and its apportionments, debits and credits, the budget and the trial balance.
`disagreements` says what of that does not hold; a report whose books disagree is none.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final, NamedTuple, final

from exchange.treasury_data import TreasuryData
from primitives.ids import Height, TimeMs
from primitives.named import to_named
from services.treasury.rows import (
    AgeingRow,
    ApportionmentRow,
    AwardRow,
    CashRow,
    CloseRow,
    FundRow,
    LineRow,
    PaymentsRow,
    TreasuryRow,
    TrialBalanceRow,
)


@final
class Amounts(NamedTuple):
    """How far money came on its way: each is at most the one before."""

    allotted: int = 0
    obligated: int = 0
    delivered: int = 0
    outlaid: int = 0

    def minus(self, other: "Amounts") -> "Amounts":
        """What was added since."""
        return Amounts(*(a - b for a, b in zip(self, other, strict=True)))

    @classmethod
    def sum(cls, many: "Iterable[Amounts]") -> "Amounts":
        """All of them together."""
        return cls(*map(sum, zip(cls(), *many, strict=True)))


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class PeriodData:
    """What was read of a treasury as of the end of a month.

    `before` and `awards_before` are as of the end of the month before it.
    """

    treasury: TreasuryRow
    period: str
    height: Height
    time_ms: TimeMs
    """Of the block after which it was read."""
    close: CloseRow | None
    funds: tuple[FundRow, ...]
    apportionments: tuple[ApportionmentRow, ...]
    lines: tuple[LineRow, ...]
    before: tuple[LineRow, ...]
    awards: tuple[AwardRow, ...]
    awards_before: tuple[AwardRow, ...]
    trial_balance: tuple[TrialBalanceRow, ...]
    cash: tuple[CashRow, ...]
    ageing: tuple[AgeingRow, ...]
    payments: tuple[PaymentsRow, ...]


@final
class Execution(NamedTuple):
    """How a line or a fund was carried out: until the end of the month, and within it."""

    name: str
    until: Amounts
    within: Amounts


@final
class Disagreement(NamedTuple):
    """What should be equal, and is not."""

    claim: str
    expected: int
    actual: int


def amounts_of(line: LineRow) -> Amounts:
    """The four sums of a line."""
    return Amounts(
        line.allotted_minor, line.obligated_minor, line.delivered_minor, line.outlaid_minor
    )


def by_line(data: PeriodData) -> list[Execution]:
    """Each line, in the order of their codes."""
    before = {line.line: amounts_of(line) for line in data.before}
    return [
        Execution(
            line.line,
            amounts_of(line),
            amounts_of(line).minus(before.get(line.line, Amounts())),
        )
        for line in data.lines
    ]


def by_fund(data: PeriodData) -> list[Execution]:
    """Each fund, as the sum of its lines."""
    lines: defaultdict[str, list[Execution]] = defaultdict(list)
    for line in by_line(data):
        lines[line.name.partition(":")[0]].append(line)
    return [
        Execution(
            fund.fund,
            Amounts.sum(each.until for each in lines[fund.fund]),
            Amounts.sum(each.within for each in lines[fund.fund]),
        )
        for fund in data.funds
    ]


def figures(data: PeriodData) -> dict[str, Any]:
    """Everything that the report publishes, as plain values; amounts in minor units."""
    treasury = data.treasury
    return {
        "treasury": treasury.treasury.hex(),
        "period": data.period,
        "asset": treasury.asset,
        "exponent": treasury.exponent,
        "close": to_named(data.close),
        "balance_minor": treasury.balance_minor,
        "funds": [
            {**to_named(fund), **_amounts(execution)}
            for fund, execution in zip(data.funds, by_fund(data), strict=True)
        ],
        "apportionments": [to_named(row) for row in data.apportionments],
        "lines": [{"line": each.name, **_amounts(each)} for each in by_line(data)],
        "awards": [to_named(row) for row in data.awards],
        "trial_balance": [to_named(row) for row in data.trial_balance],
        "cash": [to_named(row) for row in data.cash],
        "ageing": [to_named(row) for row in data.ageing],
        "payments": [to_named(row) for row in data.payments],
    }


def _amounts(execution: Execution) -> dict[str, Any]:
    return {
        "until": {f"{name}_minor": amount for name, amount in execution.until._asdict().items()},
        "within": {f"{name}_minor": amount for name, amount in execution.within._asdict().items()},
    }


UNDELIVERED: Final = "480100"
UNPAID: Final = "490100"
PAID: Final = "490200"
"""Accounts of undelivered orders, of delivered and unpaid ones, and of paid ones."""


def disagreements(data: PeriodData) -> list[Disagreement]:
    """What should hold between the figures and does not; of good books, nothing."""
    return [each for each in _claims(data) if each.expected != each.actual]


def awards_agree(data: TreasuryData) -> bool:
    """Whether the awards of each line add up to what the line says."""
    return all(each.expected == each.actual for each in _of_awards(data.lines, data.awards))


def _of_awards(lines: Iterable[LineRow], awards: Iterable[AwardRow]) -> Iterator[Disagreement]:
    sums: defaultdict[str, list[int]] = defaultdict(lambda: [0, 0, 0])
    for award in awards:
        own = (award.amount_minor, award.delivered_minor, award.paid_minor)
        for place, amount in enumerate(own):
            sums[award.line][place] += amount + award.interest_minor
    for line in lines:
        said = (line.obligated_minor, line.delivered_minor, line.outlaid_minor)
        for what, one, other in zip(_OF_AWARDS, said, sums[line.line], strict=True):
            yield Disagreement(f"{line.line}: what is {what}, and its awards' sum", one, other)


_OF_AWARDS: Final = ("obligated", "delivered", "paid")


def _claims(data: PeriodData) -> Iterator[Disagreement]:
    apportioned, allotted = _sums(data)
    balances = {(row.fund, row.ussgl): row.balance_minor for row in data.trial_balance}
    for row in data.apportionments:
        name = (row.fund, row.apportionment)
        claim = f"{row.fund}, {row.apportionment}: what is allotted, and the lines' sum"
        yield Disagreement(claim, row.allotted_minor, allotted[name])
    executions = {fund.name: fund.until for fund in by_fund(data)}
    for fund in data.funds:
        code, until = fund.fund, executions[fund.fund]
        claim = f"{code}: what is apportioned, and the apportionments' sum"
        yield Disagreement(claim, fund.apportioned_minor, apportioned[code])
        for budgetary, what in ((True, "budgetary"), (False, "proprietary")):
            found = sum(
                balance
                for (of, account), balance in balances.items()
                if of == code and account.startswith("4") == budgetary
            )
            yield Disagreement(f"{code}: debits less credits of {what} accounts", 0, found)
        for account, what, amount in (
            (UNDELIVERED, "obligated and not delivered", until.obligated - until.delivered),
            (UNPAID, "delivered and not paid", until.delivered - until.outlaid),
            (PAID, "paid", until.outlaid),
        ):
            found = -balances.get((code, account), 0)
            yield Disagreement(f"{code}: what is {what}, and account {account}", amount, found)
    yield from _of_awards(data.lines, data.awards)
    yield from _of_invoices(data)
    closed = data.treasury.closed is not None and data.period <= data.treasury.closed
    is_closed = closed and data.period >= data.treasury.opened
    claim = f"{data.period}: closed by what the treasury says, and closes that there are"
    yield Disagreement(claim, int(is_closed), int(data.close is not None))
    for execution in by_line(data):
        excess = sum(
            max(0, later - earlier)
            for earlier, later in zip(execution.until, execution.until[1:], strict=False)
        )
        yield Disagreement(f"{execution.name}: what exceeds the sum before it", 0, excess)


def _of_invoices(data: PeriodData) -> Iterator[Disagreement]:
    due: defaultdict[str, int] = defaultdict(int)
    invoiced: defaultdict[str, int] = defaultdict(int)
    certified: defaultdict[str, int] = defaultdict(int)
    for row in data.ageing:
        due[row.fund] += row.amount_minor
    for award in data.awards:
        invoiced[award.fund] += award.vouchered_minor - award.paid_minor
        certified[award.fund] += award.vouchers
    for award in data.awards_before:
        certified[award.fund] -= award.vouchers
    counted = {row.fund: row.certified for row in data.payments}
    for fund in data.funds:
        claim = f"{fund.fund}: what is invoiced and not paid, and the invoices' sum"
        yield Disagreement(claim, invoiced[fund.fund], due[fund.fund])
        claim = f"{fund.fund}: invoices certified in {data.period} by its awards, and by themselves"
        yield Disagreement(claim, certified[fund.fund], counted.get(fund.fund, 0))


def _sums(data: PeriodData) -> tuple[dict[str, int], dict[tuple[str, str], int]]:
    """What the parts add up to: of each fund, and of each apportionment."""
    apportioned: defaultdict[str, int] = defaultdict(int)
    allotted: defaultdict[tuple[str, str], int] = defaultdict(int)
    for row in data.apportionments:
        apportioned[row.fund] += row.amount_minor
    for line in data.lines:
        allotted[line.fund, line.apportionment] += line.allotted_minor
    return apportioned, allotted
