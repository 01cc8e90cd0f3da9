"""Rows that remember the ends of months.

A row of the books says in which month it was last changed. When it is first changed in a later
month, the row as it was is kept under that month in a table beside, its **history**; and the new
row says which month that is. So what stood at the end of any month is found by walking back from
today, by as many reads as there were months with changes since: also by a rule, which may not
search. A month that is over never changes any more, hence what is reported of it can be made again,
and proved, at any later time.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, NamedTuple, TypeVar, final

from msgspec import Struct
from msgspec.structs import replace

from ledger.act import Act
from ledger.state import Overlay, Table
from services.treasury.period import Period, period_of

K = TypeVar("K")


class Rolled(Struct, array_like=True, frozen=True):
    """What such rows have in common: the month of the last change, and that of the one before."""

    period: Period
    previous: Period | None


R = TypeVar("R", bound=Rolled)


class Past(NamedTuple, Generic[K]):
    """What a row as it was is found by: its key, and the last month in which it was changed."""

    key: K
    period: Period


@final
@dataclass(frozen=True, eq=False)
class Book(Generic[K, R]):
    """A table, and its history."""

    rows: Table[K, R]
    history: Table[Past[K], R]


def history_key(key: Callable[[K], bytes]) -> Callable[[Past[K]], bytes]:
    """How keys of a history are written, from how those of its table are."""

    def written(past: Past[K]) -> bytes:
        return key(past.key) + b"\0" + past.period.encode("ascii")

    return written


def write(act: Act, book: Book[K, R], key: K, row: R) -> None:
    """Write a row as of this month; if the last change was in an earlier one, keep that one's.

    It is made from a row that stood there, whose month it still has; or it is new, of this one.
    """
    now = period_of(act.time_ms)
    rows = act.state[book.rows]
    if row.period != now:
        before = rows.find(key)
        assert before is not None, "a new row is of this month"
        previous = before.previous
        if before.period != now:
            act.state[book.history][Past(key, before.period)] = before
            previous = before.period
        row = replace(row, period=now, previous=previous)
    rows[key] = row


def at(state: Overlay, book: Book[K, R], key: K, period: Period | None) -> R | None:
    """The row as it was at the end of a month, or as it is now; None if there was none."""
    row = state[book.rows].find(key)
    while row is not None and period is not None and row.period > period:
        if row.previous is None:
            return None
        row = state[book.history].find(Past(key, row.previous))
    return row
