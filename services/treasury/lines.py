"""Lines: what an agency may spend on one program and one kind of thing, and what it did with it.

A line is an **allotment** from an apportionment. What is **obligated** against it never exceeds
what is allotted; what was **delivered**, never what is obligated; what was **paid out**, never what
was delivered. Each of these rules is judged here, on every act, whoever acts: the functions below
are the only ones that write a line, and each posts to the fund what it does.
"""

from typing import Annotated, Final, NamedTuple, final

from msgspec import Meta
from msgspec.structs import replace

from ledger import assets
from ledger.act import Act
from ledger.operation import Event, Operation, Refusal, Refused
from ledger.state import Overlay, Table
from primitives.ids import AccountId, Natural, Signed, Sized32
from services.treasury import funds, offices, rolling
from services.treasury.chart import Step
from services.treasury.funds import (
    ApportionmentCode,
    ApportionmentKey,
    Change,
    LineCode,
    require_change,
    shown,
)
from services.treasury.period import period_of
from services.treasury.rolling import Book, Past, Rolled, history_key
from services.treasury.treasuries import FundCode

ProgramCode = Annotated[str, Meta(pattern=r"^[A-Z0-9]{4}(?!\n)$", max_length=4)]
ObjectClass = Annotated[str, Meta(pattern=r"^[0-9]{3,4}(?!\n)$", max_length=4)]


@final
class BudgetLine(Rolled, array_like=True, frozen=True):
    """The row of a line: outlaid ≤ delivered ≤ obligated ≤ allotted, at every block."""

    allotted: Natural[int]
    obligated: Natural[int]
    delivered: Natural[int]
    outlaid: Natural[int]


class LineParts(NamedTuple):
    """What the code of a line says."""

    fund: FundCode
    apportionment: ApportionmentCode
    program: ProgramCode
    object_class: ObjectClass


def _line_key(line: LineCode) -> bytes:
    return line.encode("ascii")


BUDGET_LINES: Final = Table[LineCode, BudgetLine](69, "budget_lines", _line_key, BudgetLine)
BUDGET_LINE_HISTORY: Final = Table[Past[LineCode], BudgetLine](
    70, "budget_line_history", history_key(_line_key), BudgetLine
)
LINE_BOOK: Final = Book(BUDGET_LINES, BUDGET_LINE_HISTORY)


class UnknownLine(Refusal, tag="treasury.unknown_line", frozen=True):
    """There is no line {line}."""

    line: LineCode


class OverAllotment(Refusal, tag="treasury.over_allotment", frozen=True):
    """Line {line}: {obligated} would be obligated, of {allotted} allotted."""

    line: LineCode
    obligated: Signed[int]
    allotted: Signed[int]


class OverObligation(Refusal, tag="treasury.over_obligation", frozen=True):
    """Line {line}: {delivered} would be delivered, of {obligated} obligated."""

    line: LineCode
    delivered: Signed[int]
    obligated: Signed[int]


class OverDelivery(Refusal, tag="treasury.over_delivery", frozen=True):
    """Line {line}: {outlaid} would be paid out, of {delivered} delivered."""

    line: LineCode
    outlaid: Signed[int]
    delivered: Signed[int]


class NotOutlaid(Refusal, tag="treasury.not_outlaid", frozen=True):
    """Line {line}: {amount} would come back, of {outlaid} paid out."""

    line: LineCode
    outlaid: Natural[int]
    amount: assets.Amount


class OneApportionment(Refusal, tag="treasury.one_apportionment", frozen=True):
    """From {source} to {target} nothing is moved: only between two lines of one apportionment."""

    source: LineCode
    target: LineCode


@final
class Allotted(Event, tag="treasury.allotted", frozen=True):
    """{officer} changed what is allotted to {line} by {change}, to {allotted}."""

    officer: Sized32[AccountId]
    line: LineCode
    change: Change
    allotted: Natural[int]


@final
class AllotmentMoved(Event, tag="treasury.allotment_moved", frozen=True):
    """{officer} moved an allotment of {amount} from {source} to {target}."""

    officer: Sized32[AccountId]
    source: LineCode
    target: LineCode
    amount: assets.Amount


@final
class Allot(Operation, tag="treasury.allot", frozen=True):
    """Allot money of an apportionment to a line, or less, where the change is below zero.

    Needs the role allotment_officer for the fund's agency. Never more than was apportioned is
    allotted in all, nor less to a line than is obligated against it.
    """

    line: Annotated[LineCode, Meta(description="FUND:APPORTIONMENT:PROGRAM:OBJECT")]
    change: Annotated[Change, Meta(description="in minor units; below zero takes back")]

    def apply(self, act: Act) -> None:
        """Change it, and the apportionment's sum."""
        parts = parts_of(self.line)
        _require_officer(act, parts.fund)
        require_change(self.change)
        before = act.state[BUDGET_LINES].find(self.line) or _new(act)
        after = replace(before, allotted=before.allotted + self.change)
        _judge(self.line, after)
        key = ApportionmentKey(parts.fund, parts.apportionment)

        funds.change_allotted(act, key, self.change)
        rolling.write(act, LINE_BOOK, self.line, after)
        funds.post(act, parts.fund, Step.ALLOT, self.change, self.line)
        act.emit(Allotted(act.actor, self.line, self.change, after.allotted))


@final
class TransferAllotment(Operation, tag="treasury.transfer_allotment", frozen=True):
    """Move what is allotted to one line, and not obligated, to another of the same apportionment.

    Needs the role allotment_officer for the fund's agency. The other line may be a new one.
    """

    source: Annotated[LineCode, Meta(description="line that it is taken from")]
    target: Annotated[LineCode, Meta(description="line that gets it")]
    amount: Annotated[assets.Amount, Meta(description="in minor units")]

    def apply(self, act: Act) -> None:
        """Change both lines."""
        from_, to = parts_of(self.source), parts_of(self.target)
        _require_officer(act, from_.fund)
        alike = from_[:2] == to[:2] and self.source != self.target
        act.require(alike, OneApportionment(self.source, self.target))
        source = need(act.state, self.source)
        target = act.state[BUDGET_LINES].find(self.target) or _new(act)
        left = replace(source, allotted=source.allotted - self.amount)
        _judge(self.source, left)

        rolling.write(act, LINE_BOOK, self.source, left)
        more = replace(target, allotted=target.allotted + self.amount)
        rolling.write(act, LINE_BOOK, self.target, more)
        funds.post(act, from_.fund, Step.ALLOT, -self.amount, self.source)
        funds.post(act, to.fund, Step.ALLOT, self.amount, self.target)
        act.emit(AllotmentMoved(act.actor, self.source, self.target, self.amount))


def parts_of(line: LineCode) -> LineParts:
    """What a line's code says."""
    return LineParts(*line.split(":"))


def line_code(
    fund: FundCode,
    apportionment: ApportionmentCode,
    program: ProgramCode,
    object_class: ObjectClass,
) -> LineCode:
    """The code of a line."""
    return ":".join((fund, apportionment, program, object_class))


def need(state: Overlay, line: LineCode) -> BudgetLine:
    """The line of a code.

    Raises:
        Refused: there is none.
    """
    return state[BUDGET_LINES].need(line, UnknownLine(line))


def obligate(act: Act, line: LineCode, change: int) -> None:
    """Obligate an amount against a line; below zero, set it free again.

    Raises:
        Refused: no such line; more than is allotted, or less than was delivered; more, on a day
            when the fund is not available.
    """
    row = need(act.state, line)
    fund = parts_of(line).fund
    if change > 0:
        funds.require_available(act, fund, funds.need(act.state, fund))
    _write(act, line, replace(row, obligated=row.obligated + change))
    funds.post(act, fund, Step.OBLIGATE, change, line)


def deliver(act: Act, line: LineCode, change: int) -> None:
    """An amount of what is obligated was delivered; below zero, it was not after all.

    Raises:
        Refused: no such line; more than is obligated, or less than was paid out.
    """
    row = need(act.state, line)
    _write(act, line, replace(row, delivered=row.delivered + change))
    funds.post(act, parts_of(line).fund, Step.DELIVER, change, line)


def pay(act: Act, line: LineCode, change: int) -> None:
    """An amount of what was delivered is paid out; below zero, it came back.

    Raises:
        Refused: no such line; more than was delivered, or more comes back than was paid out.
    """
    row = need(act.state, line)
    if row.outlaid + change < 0:
        raise Refused(NotOutlaid(line, row.outlaid, -change))
    _write(act, line, replace(row, outlaid=row.outlaid + change))
    funds.post(act, parts_of(line).fund, Step.PAY, change, line)


def accrue_interest(act: Act, line: LineCode, change: int) -> None:
    """Interest is due for late payment: it is obligated and delivered at once; paid it is by `pay`.

    Also of a fund that is not available any more: interest follows what it is due on. Below zero,
    it was not due.

    Raises:
        Refused: no such line, or it has no room for it.
    """
    row = need(act.state, line)
    fund = parts_of(line).fund
    obligated, delivered = row.obligated + change, row.delivered + change
    _write(act, line, replace(row, obligated=obligated, delivered=delivered))
    funds.post(act, fund, Step.OBLIGATE, change, line)
    funds.post(act, fund, Step.INTEREST, change, line)


def _require_officer(act: Act, fund: FundCode) -> None:
    act.require_role(offices.ALLOTMENT_OFFICER, funds.need(act.state, fund).agency)


def _new(act: Act) -> BudgetLine:
    return BudgetLine(period_of(act.time_ms), None, allotted=0, obligated=0, delivered=0, outlaid=0)


def _write(act: Act, line: LineCode, row: BudgetLine) -> None:
    _judge(line, row)
    rolling.write(act, LINE_BOOK, line, row)


def _judge(line: LineCode, row: BudgetLine) -> None:
    """Every inequality of a line, as it would be.

    Raises:
        Refused: one of them would not hold.
    """
    if row.obligated > row.allotted:
        raise Refused(OverAllotment(line, shown(row.obligated), row.allotted))
    if row.delivered > row.obligated:
        raise Refused(OverObligation(line, shown(row.delivered), row.obligated))
    if row.outlaid > row.delivered:
        raise Refused(OverDelivery(line, shown(row.outlaid), row.delivered))
