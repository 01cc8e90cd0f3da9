"""How people here write numbers, amounts and times: by the locale of LC_ALL, LC_NUMERIC and LANG.

Only what people read goes through here; JSON and CSV have one form everywhere. Without a locale
(C, POSIX) the house's own conventions hold: 1,250.00 GBP, and ISO dates. Times are UTC always.
"""

import locale
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Final, final

_VARIABLES: Final = ("LC_ALL", "LC_NUMERIC", "LC_TIME", "LANG")


@final
@dataclass(frozen=True, slots=True)
class Conventions:
    """How numbers and days are written."""

    decimal: str = "."
    separator: str = ","
    grouping: tuple[int, ...] = (3, 0)
    """Digits per group from the right, as `localeconv` has it: a final 0 repeats the last."""
    day: str = "%Y-%m-%d"
    clock: str = "%H:%M:%S"

    def number(self, value: int) -> str:
        """A whole number: 1,250."""
        return ("-" if value < 0 else "") + self._grouped(str(abs(value)))

    def amount(self, minor_units: int, exponent: int) -> str:
        """An amount without its asset: 1,250.00."""
        whole, part = divmod(abs(minor_units), 10**exponent)
        decimals = f"{self.decimal}{part:0{exponent}d}" if exponent else ""
        sign = "-" if minor_units < 0 else ""
        return f"{sign}{self._grouped(str(whole))}{decimals}"

    def money(self, minor_units: int, exponent: int, asset: str) -> str:
        """An amount with its asset: 1,250.00 GBP."""
        return f"{self.amount(minor_units, exponent)} {asset}"

    def time(self, time_ms: int) -> str:
        """A block time in UTC; to the millisecond in the house's own form."""
        moment = datetime.fromtimestamp(time_ms / 1000, tz=UTC)
        exact = f".{time_ms % 1000:03d}" if self.clock == HOUSE.clock else ""
        return moment.strftime(f"{self.day} {self.clock}") + f"{exact} UTC"

    def _grouped(self, digits: str) -> str:
        groups: list[str] = []
        for size in _sizes(self.grouping):
            if not self.separator or size >= len(digits):
                break
            groups.insert(0, digits[-size:])
            digits = digits[:-size]
        return self.separator.join([digits, *groups])


HOUSE: Final = Conventions()


def _sizes(grouping: Sequence[int]) -> Iterator[int]:
    last = 0
    for size in grouping:
        if size == 0:
            break
        if size == locale.CHAR_MAX:
            return
        last = size
        yield size
    while last:
        yield last


def conventions() -> Conventions:
    """Those of this process's environment."""
    return _of(tuple(os.environ.get(name, "") for name in _VARIABLES))


@lru_cache(maxsize=8)
def _of(environment: tuple[str, ...]) -> Conventions:  # noqa: ARG001 - what `setlocale` reads
    before = {kind: locale.setlocale(kind) for kind in (locale.LC_NUMERIC, locale.LC_TIME)}
    try:
        named = locale.setlocale(locale.LC_NUMERIC, "")
        dated = locale.setlocale(locale.LC_TIME, "")
        written = locale.localeconv()
        day, clock = locale.nl_langinfo(locale.D_FMT), locale.nl_langinfo(locale.T_FMT)
    except (locale.Error, UnicodeDecodeError):  # a locale that this machine has not
        return HOUSE
    finally:
        for kind, name in before.items():
            locale.setlocale(kind, name)
    return Conventions(
        decimal=HOUSE.decimal if _none(named) else str(written["decimal_point"]),
        separator=HOUSE.separator if _none(named) else str(written["thousands_sep"]),
        grouping=HOUSE.grouping if _none(named) else tuple(written["grouping"]),
        day=HOUSE.day if _none(dated) else day,
        clock=HOUSE.clock if _none(dated) else clock,
    )


def _none(name: str) -> bool:
    return name.partition(".")[0] in {"C", "POSIX"}


def number(value: int) -> str:
    """A whole number as people here write it."""
    return conventions().number(value)


def money(minor_units: int, exponent: int, asset: str) -> str:
    """An amount as people here write it."""
    return conventions().money(minor_units, exponent, asset)


def time_text(time_ms: int) -> str:
    """A block time as people here write it."""
    return conventions().time(time_ms)
