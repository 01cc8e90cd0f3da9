"""A treasury's books as exporters read them: the rows of its queries as of the end of one month.

Every export is a function of this and of names: nothing is asked of a node while a file is written,
so the same books make the same file, byte for byte.
"""

import calendar
import datetime
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import final

from primitives.ids import AccountId
from services.treasury.rows import (
    ApportionmentRow,
    AwardRow,
    DeliveryRow,
    FundRow,
    LineRow,
    RefundRow,
    TreasuryRow,
    TrialBalanceRow,
    VoucherRow,
)


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class TreasuryData:
    """What a node said of a treasury, all read at one height."""

    treasury: TreasuryRow
    period: str | None
    """The month as of whose end the rows are; None is as of `time_ms`."""
    height: int
    time_ms: int
    """Of the block after which this was read."""
    funds: tuple[FundRow, ...]
    apportionments: tuple[ApportionmentRow, ...]
    lines: tuple[LineRow, ...]
    awards: tuple[AwardRow, ...]
    deliveries: tuple[DeliveryRow, ...]
    vouchers: tuple[VoucherRow, ...]
    refunds: tuple[RefundRow, ...]
    trial_balances: tuple[TrialBalanceRow, ...]

    @property
    def month(self) -> str:
        """The month that these books are of."""
        return self.period or day_of(self.time_ms)[:7]

    @property
    def last_day(self) -> str:
        """The last day that these books tell of: of the month, or of what there is of it yet."""
        read = day_of(self.time_ms)
        if self.period is None:
            return read
        year, month = int(self.period[:4]), int(self.period[5:])
        return min(read, f"{self.period}-{calendar.monthrange(year, month)[1]:02}")


def day_of(time_ms: int) -> str:
    """The day of a time, as UTC has it."""
    return datetime.datetime.fromtimestamp(time_ms // 1000, datetime.UTC).date().isoformat()


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Names:
    """What people call things; names are on this machine, never on chain.

    Who and what is not named here goes by its id or its code.
    """

    accounts: Mapping[AccountId, str] = field(default_factory=dict)
    programs: Mapping[str, str] = field(default_factory=dict)
    """By fund and program code, joined by a colon; or by the program's code alone."""

    def account(self, account: AccountId) -> str:
        """The name of an account, else its id."""
        return self.accounts.get(account, account.hex())

    def program(self, fund: str, code: str) -> str:
        """The name of a program, else its code."""
        return self.programs.get(f"{fund}:{code}") or self.programs.get(code, code)


def whole_units(minor: int, exponent: int) -> str:
    """An amount in whole units with all its decimal places: 1250, 2 is `12.50`."""
    sign, digits = "-" if minor < 0 else "", str(abs(minor)).rjust(exponent + 1, "0")
    cut = len(digits) - exponent
    return f"{sign}{digits[:cut]}.{digits[cut:]}" if exponent else f"{sign}{digits}"
