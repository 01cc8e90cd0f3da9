"""Depreciation: what a holding costs is used up over its life, a little each month, by itself.

A **schedule** spreads an amount over a number of months in equal parts; what does not divide is in
the last one, so that its parts sum to the amount exactly. It begins with the month after the
holding was acquired, and the month in which the holding goes is still charged.

A duty per month and holding would write every row of a register every month. Here the holdings of
a fund in one class make a **class book** with one **rate**: the sum of their monthly parts. Who
enters a holding notes in the **plan** in which month the rate rises, in which it falls again, and
what its last month has in addition; who takes one out notes the opposite. At the first moment of
each month the agenda posts the rate and follows the plan: one act a month for a class, however many
holdings it has. What a single holding has been charged follows from its schedule and from the month
that its class charges next, so a register and the ledger accounts cannot disagree.

The book also keeps what was entered, impaired and disposed of. It remembers the ends of months, so
the reconciliation of two dates that IPSAS 45 asks for is the difference of two of its rows.
"""

from typing import Annotated, Final, NamedTuple, final

from msgspec import Meta, Struct
from msgspec.structs import replace

from ledger.act import Act
from ledger.agenda import AgendaKey
from ledger.operation import Duty, Event, Refused
from ledger.state import Overlay, Table
from primitives import treasury_limits
from primitives.ids import Natural, Signed
from services.treasury import chart, funds, rolling
from services.treasury.chart import Happened, property_step
from services.treasury.period import (
    Period,
    after,
    first_moment,
    later,
    months_between,
    period_of,
)
from services.treasury.rolling import Book, Past, Rolled, history_key
from services.treasury.treasuries import FundCode

HoldingClass = Annotated[str, Meta(pattern=r"^61[1-4][0-9]{0,3}(?!\n)$", max_length=6)]
"""A class of non-financial assets (IMF, Government Finance Statistics Manual 2014, table 7.1)."""
LifeMonths = Annotated[int, Meta(ge=0, le=treasury_limits.LIFE_MONTHS_MAX)]


@final
class Schedule(Struct, array_like=True, frozen=True):
    """An amount that is used up in equal monthly parts, from a month on."""

    start: Period
    months: Annotated[int, Meta(ge=1, le=treasury_limits.LIFE_MONTHS_MAX)]
    base: Natural[int]

    @property
    def part(self) -> int:
        """What each month is charged."""
        return self.base // self.months

    @property
    def rest(self) -> int:
        """What the last month is charged in addition."""
        return self.base % self.months

    @property
    def end(self) -> Period:
        """The month after the last."""
        return later(self.start, self.months)

    def passed(self, coming: Period) -> int:
        """How many of its months come before a month."""
        return min(max(months_between(self.start, coming), 0), self.months)

    def charged(self, coming: Period) -> int:
        """What was charged before a month."""
        passed = self.passed(coming)
        return self.part * passed + (self.rest if passed == self.months else 0)


@final
class ClassBook(Rolled, array_like=True, frozen=True):
    """The row of a class of a fund's holdings. All sums are since it began.

    `coming` is the month that is charged next, at `rate` unless the plan changes it; `last` is the
    last month of the plan, when the last schedule is over. Cost is entered − disposed; what has
    accumulated is charged + impaired − written_off, the last being that of holdings that went.
    """

    coming: Period
    last: Period
    rate: Natural[int]
    duty: AgendaKey | None
    holdings: Natural[int]
    entered: Natural[int]
    disposed: Natural[int]
    charged: Natural[int]
    impaired: Natural[int]
    written_off: Natural[int]
    proceeds: Natural[int]


class ClassKey(NamedTuple):
    """What a class book is found by."""

    fund: FundCode
    asset_class: HoldingClass


@final
class PlanRow(Struct, array_like=True, frozen=True):
    """The row of a month to come: by how much the rate changes, and what it is charged once."""

    rate: Signed[int]
    once: Signed[int]


class PlanKey(NamedTuple):
    """What a month of the plan is found by."""

    fund: FundCode
    asset_class: HoldingClass
    month: Period


def _class_key(key: ClassKey) -> bytes:
    return ":".join(key).encode("ascii")


def _plan_key(key: PlanKey) -> bytes:
    return ":".join(key).encode("ascii")


CLASS_BOOKS: Final = Table[ClassKey, ClassBook](86, "holding_classes", _class_key, ClassBook)
CLASS_HISTORY: Final = Table[Past[ClassKey], ClassBook](
    87, "holding_class_history", history_key(_class_key), ClassBook
)
CLASS_BOOK: Final = Book(CLASS_BOOKS, CLASS_HISTORY)
PLAN: Final = Table[PlanKey, PlanRow](88, "depreciation_plan", _plan_key, PlanRow)


@final
class Depreciated(Event, tag="treasury.depreciated", frozen=True):
    """{amount} of the holdings of class {asset_class} in {fund} was used up in {month}."""

    fund: FundCode
    asset_class: HoldingClass
    month: Period
    amount: Natural[int]


@final
class Depreciation(Duty, tag="treasury.depreciation", frozen=True):
    """Charge the holdings of a class for the month that begins."""

    fund: FundCode
    asset_class: HoldingClass

    def fall_due(self, act: Act) -> None:
        """Post the rate as the plan has it for this month, and come again while there is more."""
        key = ClassKey(self.fund, self.asset_class)
        book = need(act.state, key)
        month, planned = book.coming, PlanKey(*key, book.coming)
        change = act.state[PLAN].find(planned) or _NOTHING
        rate = book.rate + change.rate
        charge = rate + change.once

        del act.state[PLAN][planned]
        _post(act, key, Happened.DEPRECIATE, charge)
        book = replace(
            book, coming=after(month), rate=rate, charged=book.charged + charge, duty=None
        )
        rolling.write(act, CLASS_BOOK, key, _armed(act, key, book))
        if charge:
            act.emit(Depreciated(*key, month, charge))


_NOTHING: Final = PlanRow(0, 0)


def need(state: Overlay, key: ClassKey) -> ClassBook:
    """The book of a class that has holdings, or had."""
    book = state[CLASS_BOOKS].find(key)
    assert book is not None, "a class with a holding has a book"
    return book


def schedule_of(acquired: Period, months: int, amount: int) -> Schedule | None:
    """How a holding is used up; None of what is not, such as land, or of nothing."""
    return Schedule(after(acquired), months, amount) if months and amount else None


def enter(act: Act, key: ClassKey, came: Happened, cost: int, schedule: Schedule | None) -> None:
    """A holding comes into a class: its months that passed already are charged at once.

    Raises:
        Refused: a total would be more than can be counted.
    """
    now = period_of(act.time_ms)
    book = act.state[CLASS_BOOKS].find(key) or _new(now)
    if book.duty is None:  # all schedules were over, so no month since was missed
        book = replace(book, coming=max(book.coming, after(now)))
    passed = 0 if schedule is None else schedule.charged(book.coming)
    _judge_cost(act, key, came, cost)

    _post(act, key, came, cost)
    _post(act, key, Happened.DEPRECIATE, passed)
    _plan(act, key, book.coming, schedule, sign=1)
    last = book.last if schedule is None else max(book.last, schedule.end)
    book = replace(
        book,
        last=last,
        rate=book.rate + _part_now(schedule, book.coming),
        holdings=book.holdings + 1,
        entered=book.entered + cost,
        charged=book.charged + passed,
    )
    rolling.write(act, CLASS_BOOK, key, _armed(act, key, book))


def impair(
    act: Act, key: ClassKey, amount: int, before: Schedule | None, schedule: Schedule | None
) -> None:
    """A holding of a class lost some of its worth: what is left of it is spread anew.

    Raises:
        Refused: a total would be more than can be counted.
    """
    book = need(act.state, key)

    _post(act, key, Happened.IMPAIR, amount)
    _plan(act, key, book.coming, before, sign=-1)
    _plan(act, key, book.coming, schedule, sign=1)
    rate = book.rate - _part_now(before, book.coming) + _part_now(schedule, book.coming)
    book = replace(book, rate=rate, impaired=book.impaired + amount)
    rolling.write(act, CLASS_BOOK, key, book)


class Going(NamedTuple):
    """A holding that goes: what it cost, what had accumulated of that, and what it brought in."""

    cost: int
    accumulated: int
    proceeds: int


def dispose(act: Act, key: ClassKey, going: Going, schedule: Schedule | None) -> None:
    """A holding leaves its class, and the ledger accounts of its fund.

    Raises:
        Refused: a total would be more than can be counted.
    """
    book = need(act.state, key)
    left = going.cost - going.accumulated - going.proceeds

    _post(act, key, Happened.DISPOSE, going.accumulated)
    _post(act, key, Happened.PROCEEDS, going.proceeds)
    _post(act, key, Happened.LOSS, max(left, 0))
    _post(act, key, Happened.GAIN, max(-left, 0))
    _plan(act, key, book.coming, schedule, sign=-1)
    book = replace(
        book,
        rate=book.rate - _part_now(schedule, book.coming),
        holdings=book.holdings - 1,
        disposed=book.disposed + going.cost,
        written_off=book.written_off + going.accumulated,
        proceeds=book.proceeds + going.proceeds,
    )
    rolling.write(act, CLASS_BOOK, key, book)


def _judge_cost(act: Act, key: ClassKey, came: Happened, cost: int) -> None:
    """What comes into a fund's books is no more than can be charged there, to the end of its life.

    Raises:
        Refused: it is more.
    """
    [entry] = chart.ENTRIES[property_step(came, key.asset_class)]
    before = chart.credits_of(funds.need(act.state, key.fund).totals, entry.credit)
    if before + cost > treasury_limits.HOLDINGS_COST_MAX:
        raise Refused(chart.TotalTooLarge(entry.credit, before, cost))


def _post(act: Act, key: ClassKey, happened: Happened, amount: int) -> None:
    funds.post(act, key.fund, property_step(happened, key.asset_class), amount)


def _new(now: Period) -> ClassBook:
    """A class without holdings: this month is over for it."""
    return ClassBook(
        period=now,
        previous=None,
        coming=after(now),
        last=now,
        rate=0,
        duty=None,
        holdings=0,
        entered=0,
        disposed=0,
        charged=0,
        impaired=0,
        written_off=0,
        proceeds=0,
    )


def _part_now(schedule: Schedule | None, coming: Period) -> int:
    """What a schedule has in the rate before the coming month: nothing before its first."""
    if schedule is None or schedule.start >= coming or schedule.end <= coming:
        return 0
    return schedule.part


def _plan(act: Act, key: ClassKey, coming: Period, schedule: Schedule | None, *, sign: int) -> None:
    """Note what a schedule does to the months to come, or (sign −1) that it does not after all."""
    if schedule is None or schedule.end <= coming:
        return
    if schedule.start >= coming:
        _note(act, PlanKey(*key, schedule.start), PlanRow(sign * schedule.part, 0))
    _note(act, PlanKey(*key, later(schedule.end, -1)), PlanRow(0, sign * schedule.rest))
    _note(act, PlanKey(*key, schedule.end), PlanRow(-sign * schedule.part, 0))


def _note(act: Act, key: PlanKey, change: PlanRow) -> None:
    before = act.state[PLAN].find(key) or _NOTHING
    row = PlanRow(before.rate + change.rate, before.once + change.once)
    if row == _NOTHING:
        del act.state[PLAN][key]
    else:
        act.state[PLAN][key] = row


def _armed(act: Act, key: ClassKey, book: ClassBook) -> ClassBook:
    """The book with its duty for the coming month; none, when all schedules are over.

    A duty that waits is replaced, so that each holding that comes in starts anew how many months
    may follow without a transaction (ledger/agenda.py).
    """
    if book.duty is not None:
        act.unschedule(book.duty)
    if book.coming > book.last:
        return replace(book, duty=None)
    duty = act.schedule(first_moment(book.coming), Depreciation(*key))
    return replace(book, duty=duty)
