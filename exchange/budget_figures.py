"""What a budget came to in a fiscal year, out of two sets of books: its opening, and the month.

Books run on from year to year; reports tell a year. So each figure is a **movement** from the
**opening** (the end of the month before the fiscal year) to now. Where an award was cut below what
it was when the year began, the cut is an **adjustment of a prior year** and no negative obligation
of this one (OMB Circular A-11, section 20.5): it comes back as a resource, and the year's own
obligations stay as large as they were.

Each level is counted by itself: funds from what was posted to their accounts, lines from their
running totals, awards from theirs. That they agree is for the files' readers to check.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, NamedTuple, final

from exchange.treasury_data import TreasuryData
from services.treasury.rows import AwardRow, FundRow, LineRow

APPROPRIATED: Final = "411900"
REDUCED: Final = "439200"
UNAPPORTIONED: Final = "445000"
APPORTIONED: Final = "451000"
ALLOTTED: Final = "461000"
UNDELIVERED: Final = "480100"
UNPAID: Final = "490100"
PAID: Final = "490200"


class Position(NamedTuple):
    """How far obligations came, at one moment."""

    obligated: int = 0
    delivered: int = 0
    outlaid: int = 0

    @property
    def undelivered(self) -> int:
        """Ordered and not yet delivered (USSGL 4801)."""
        return self.obligated - self.delivered

    @property
    def unpaid(self) -> int:
        """Delivered and not yet paid (USSGL 4901)."""
        return self.delivered - self.outlaid


class Adjustments(NamedTuple):
    """What came back of obligations of earlier years: recovered, or refunded after payment."""

    undelivered: int = 0
    unpaid: int = 0
    paid: int = 0

    @property
    def total(self) -> int:
        """All of it."""
        return sum(self)


@final
@dataclass(frozen=True, slots=True)
class Movement:
    """From the opening of the year until now."""

    opening: Position
    closing: Position
    adjustments: Adjustments

    @property
    def incurred(self) -> int:
        """New obligations of the year, and upward adjustments."""
        grown = self.closing.obligated - self.opening.obligated
        return grown + self.adjustments.total

    @property
    def outlays(self) -> int:
        """Paid in the year, gross of what came back of earlier years."""
        return self.closing.outlaid - self.opening.outlaid + self.adjustments.paid


@final
@dataclass(frozen=True, slots=True)
class Books:
    """The books of a month, and those of the month before its fiscal year; None had nothing yet."""

    now: TreasuryData
    opening: TreasuryData | None


@final
@dataclass(frozen=True, slots=True)
class FundFigures:
    """A fund's year, from what was posted to its accounts."""

    fund: FundRow
    now: dict[str, int]
    """Account → balance, credits less debits."""
    opening: dict[str, int]
    adjustments: Adjustments

    def since(self, account: str) -> int:
        """How much more stands on an account's credit side than when the year opened."""
        return self.now.get(account, 0) - self.opening.get(account, 0)

    @property
    def brought_forward(self) -> int:
        """Unobligated when the year opened."""
        return _unobligated(self.opening)

    @property
    def unobligated(self) -> int:
        """Not obligated yet."""
        return _unobligated(self.now)

    @property
    def movement(self) -> Movement:
        """Its obligations."""
        return Movement(_position(self.opening), _position(self.now), self.adjustments)


def _unobligated(balances: dict[str, int]) -> int:
    return sum(balances.get(account, 0) for account in (UNAPPORTIONED, APPORTIONED, ALLOTTED))


def _position(balances: dict[str, int]) -> Position:
    undelivered, unpaid, paid = (balances.get(each, 0) for each in (UNDELIVERED, UNPAID, PAID))
    return Position(undelivered + unpaid + paid, unpaid + paid, paid)


class LineKey(NamedTuple):
    """A line of the budget."""

    fund: str
    apportionment: str
    program: str
    object_class: str


def key_of(row: LineRow | AwardRow) -> LineKey:
    """The line of a row."""
    return LineKey(row.fund, row.apportionment, row.program, row.object_class)


def line_position(row: LineRow) -> Position:
    """How far a line came."""
    return Position(row.obligated_minor, row.delivered_minor, row.outlaid_minor)


def award_position(row: AwardRow) -> Position:
    """How far an award came, with the interest that was paid on top of it."""
    return Position(*(amount + row.interest_minor for amount in _ordered(row)))


def adjustments_of(opening: Position, closing: Position) -> Adjustments:
    """Of an award that shrank since the year opened: what was paid, delivered, neither."""
    shrunk = max(0, opening.obligated - closing.obligated)
    paid = min(shrunk, max(0, opening.outlaid - closing.outlaid))
    unpaid = min(shrunk - paid, max(0, opening.delivered - closing.delivered - paid))
    return Adjustments(shrunk - paid - unpaid, unpaid, paid)


def award_movements(books: Books) -> list[tuple[AwardRow, Movement]]:
    """Each award's year, in the order of the books."""
    before = {row.award: row for row in (books.opening.awards if books.opening else ())}
    return [(row, _award_movement(before.get(row.award), row)) for row in books.now.awards]


def _award_movement(before: AwardRow | None, now: AwardRow) -> Movement:
    if before is None:
        return Movement(Position(), award_position(now), Adjustments())
    # Interest is an obligation of the year in which it fell due: it hides no cut of the award.
    adjustments = adjustments_of(_ordered(before), _ordered(now))
    return Movement(award_position(before), award_position(now), adjustments)


def _ordered(row: AwardRow) -> Position:
    return Position(row.amount_minor, row.delivered_minor, row.paid_minor)


def line_movements(books: Books) -> dict[LineKey, Movement]:
    """Each line's year."""
    opening = books.opening.lines if books.opening else ()
    before = {key_of(row): line_position(row) for row in opening}
    adjusted: defaultdict[LineKey, list[Adjustments]] = defaultdict(list)
    for award, movement in award_movements(books):
        adjusted[key_of(award)].append(movement.adjustments)
    return {
        key: Movement(before.get(key, Position()), line_position(row), _sum(adjusted[key]))
        for row in books.now.lines
        for key in [key_of(row)]
    }


def fund_figures(books: Books) -> list[FundFigures]:
    """Each fund's year."""
    adjusted: defaultdict[str, list[Adjustments]] = defaultdict(list)
    for award, movement in award_movements(books):
        adjusted[award.fund].append(movement.adjustments)
    now, opening = _balances(books.now), _balances(books.opening)
    return [
        FundFigures(row, now[row.fund], opening[row.fund], _sum(adjusted[row.fund]))
        for row in books.now.funds
    ]


def added(movements: Iterable[Movement]) -> Movement:
    """Several movements as one."""
    listed = list(movements)
    return Movement(
        Position(*map(sum, zip(Position(), *(each.opening for each in listed), strict=True))),
        Position(*map(sum, zip(Position(), *(each.closing for each in listed), strict=True))),
        _sum(each.adjustments for each in listed),
    )


def _sum(adjustments: Iterable[Adjustments]) -> Adjustments:
    return Adjustments(*map(sum, zip(Adjustments(), *adjustments, strict=True)))


def _balances(data: TreasuryData | None) -> defaultdict[str, dict[str, int]]:
    found: defaultdict[str, dict[str, int]] = defaultdict(dict)
    for row in data.trial_balances if data else ():
        found[row.fund][row.ussgl] = -row.balance_minor
    return found


def fiscal_year(period: str, *, first_month: int) -> int:
    """The fiscal year of a month, by the calendar year in which it ends."""
    year, month = int(period[:4]), int(period[5:])
    return year + 1 if 1 < first_month <= month else year


def opening_period(period: str, *, first_month: int) -> str:
    """The month before the fiscal year of a month, which begins with `first_month`."""
    begins = fiscal_year(period, first_month=first_month) - (first_month > 1)
    return f"{begins - 1:04}-12" if first_month == 1 else f"{begins:04}-{first_month - 1:02}"
