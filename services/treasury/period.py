"""Months: what a period of the books is. A month is that of block time, in UTC."""

import calendar
import datetime
from functools import lru_cache
from typing import Annotated, Final

from msgspec import Meta

from ledger.books import ValueDate
from ledger.operation import Refusal, Refused
from primitives.ids import TimeMs

Period = Annotated[str, Meta(pattern=r"^[0-9]{4}-(0[1-9]|1[0-2])(?!\n)$", max_length=7)]
"""A month: 2026-04. As text it stands in the order of time."""
Day = ValueDate
"""YYYY-MM-DD. As text it stands in the order of time."""
_FIRST_DAY: Final = datetime.date(1970, 1, 1)
_DAY_MS: Final = 86_400_000


class NoSuchDay(Refusal, tag="treasury.no_such_day", frozen=True):
    """There is no day {day}."""

    day: Day


def day_of(time_ms: TimeMs) -> Day:
    """The day of a moment."""
    return _day(time_ms // _DAY_MS)


@lru_cache(maxsize=64)  # an act asks many times for the day of its block
def _day(since_1970: int) -> Day:
    return (_FIRST_DAY + datetime.timedelta(days=since_1970)).isoformat()


def period_of(time_ms: TimeMs) -> Period:
    """The month of a moment."""
    return day_of(time_ms)[:7]


def after(period: Period) -> Period:
    """The month after one."""
    year, month = int(period[:4]), int(period[5:])
    return f"{year + month // 12:04}-{month % 12 + 1:02}"


def later(period: Period, months: int) -> Period:
    """The month so many months after one; before it, if they are below zero."""
    year, month = divmod(_number(period) + months, 12)
    return f"{year:04}-{month + 1:02}"


def months_between(first: Period, second: Period) -> int:
    """How many months one is after another; below zero, if it is before."""
    return _number(second) - _number(first)


def first_moment(period: Period) -> TimeMs:
    """When a month begins."""
    first = datetime.datetime(int(period[:4]), int(period[5:]), 1, tzinfo=datetime.UTC)
    return TimeMs(int(first.timestamp()) * 1_000)


def _number(period: Period) -> int:
    return int(period[:4]) * 12 + int(period[5:]) - 1


def last_day(period: Period) -> Day:
    """The last day of a month."""
    year, month = int(period[:4]), int(period[5:])
    return f"{period}-{calendar.monthrange(year, month)[1]:02}"


def judge_day(day: Day) -> None:
    """Whether there is such a day.

    Raises:
        Refused: there is none.
    """
    try:
        datetime.date.fromisoformat(day)
    except ValueError:
        raise Refused(NoSuchDay(day)) from None
