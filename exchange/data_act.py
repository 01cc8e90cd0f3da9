"""DATA Act files A, B and C: a treasury's year by fund, by program and object class, by award.

Columns have the names of the Governmentwide Spending Data Model (GSDM; the table is data in
gsdm_columns.csv). Signs are those of its USSGL columns: a credit balance is negative, so that
obligations and outlays of files B and C are, and the outlays of file A; everything else of file A
is positive. FYB is the opening of the fiscal year, CPE the end of the period.

File A comes from what was posted to each fund's accounts, B from the running totals of lines, C
from those of awards: that A18, A19 and the other rules hold between the files says that the books
agree, not that one column was copied from another.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from typing import Final, final

from exchange.budget_figures import (
    APPROPRIATED,
    REDUCED,
    Books,
    FundFigures,
    LineKey,
    Movement,
    added,
    award_movements,
    fund_figures,
    key_of,
    line_movements,
)
from exchange.tables import csv_bytes, rows_of
from exchange.treasury_data import Names, TreasuryData, whole_units
from services.treasury.rows import AwardRow

_FUND: Final = re.compile(
    r"(?P<agency>[0-9]{3})-(?:(?P<first>[0-9]{4})/(?P<last>[0-9]{4})|X)"
    r"-(?P<main>[0-9]{4})-(?P<sub>[0-9]{3})"
)
_FAIN_MAX: Final = 30
_DIRECT: Final = "D"
"""Out of appropriations, not for another agency's account."""
_NO_EMERGENCY: Final = "Q"
"""The Disaster Emergency Fund Code of what no emergency law appropriated."""
_NO_ADJUSTMENT: Final = "X"
"""Prior Year Adjustment: none."""


@final
@dataclass(frozen=True, slots=True)
class DataActFiles:
    """The three files, as CSV."""

    appropriations: bytes
    """File A."""
    program_activity: bytes
    """File B."""
    award_financial: bytes
    """File C."""


def data_act_files(books: Books, month_before: TreasuryData | None, names: Names) -> DataActFiles:
    """Files A, B and C of a month; transactions of file C are changes since `month_before`."""
    return DataActFiles(
        appropriations=csv_bytes(_columns("A"), map(_Writer(books).fund, fund_figures(books))),
        program_activity=csv_bytes(_columns("B"), _program_rows(books, names)),
        award_financial=csv_bytes(_columns("C"), _award_rows(books, month_before, names)),
    )


@cache
def _columns(file: str) -> list[str]:
    return [row["column"] for row in rows_of("gsdm_columns.csv") if row["file"] == file]


def fund_columns(fund: str) -> dict[str, str]:
    """The parts of a fund's code as a Treasury Account Symbol."""
    match = _FUND.fullmatch(fund)
    assert match is not None, f"the ledger has {fund} for a fund's code"
    return {
        "AgencyIdentifier": match["agency"],
        "BeginningPeriodOfAvailability": match["first"] or "",
        "EndingPeriodOfAvailability": match["last"] or "",
        "AvailabilityTypeCode": "" if match["first"] else "X",
        "MainAccountCode": match["main"],
        "SubAccountCode": match["sub"],
    }


def object_class_code(code: str) -> str:
    """With its fourth place, which is zero where nobody uses it (OMB Circular A-11, 83.6)."""
    return code.ljust(4, "0")


@final
class _Writer:
    """Writes amounts of one treasury's asset."""

    def __init__(self, books: Books) -> None:
        self._exponent = books.now.treasury.exponent

    def money(self, **amounts: int) -> dict[str, str]:
        """Columns with these amounts."""
        return {name: whole_units(each, self._exponent) for name, each in amounts.items()}

    def fund(self, year: FundFigures) -> dict[str, str]:
        """A row of file A."""
        movement, adjusted = year.movement, year.adjustments.total
        appropriated = -year.since(APPROPRIATED) - year.since(REDUCED)
        incurred = movement.incurred
        return fund_columns(year.fund.fund) | self.money(
            TotalBudgetaryResources_CPE=year.brought_forward + appropriated + adjusted,
            BudgetAuthorityAppropriatedAmount_CPE=appropriated,
            BudgetAuthorityUnobligatedBalanceBroughtForward_FYB=year.brought_forward,
            AdjustmentsToUnobligatedBalanceBroughtForward_CPE=adjusted,
            OtherBudgetaryResourcesAmount_CPE=0,
            ContractAuthorityAmountTotal_CPE=0,
            BorrowingAuthorityAmountTotal_CPE=0,
            SpendingAuthorityfromOffsettingCollectionsAmountTotal_CPE=0,
            StatusOfBudgetaryResourcesTotal_CPE=incurred + year.unobligated,
            ObligationsIncurredTotalByTAS_CPE=incurred,
            GrossOutlayAmountByTAS_CPE=-movement.outlays,
            UnobligatedBalance_CPE=year.unobligated,
            DeobligationsRecoveriesRefundsByTAS_CPE=adjusted,
        )

    def balances(self, movement: Movement) -> dict[str, str]:
        """The columns that files B and C share."""
        opening, closing, adjusted = movement.opening, movement.closing, movement.adjustments
        undelivered = -(closing.undelivered + adjusted.undelivered)
        unpaid = -(closing.unpaid + adjusted.unpaid)
        zeros = dict.fromkeys(_balance_columns(), 0)
        return self.money(
            **zeros
            | {
                "ObligationsUndeliveredOrdersUnpaidTotal_FYB": -opening.undelivered,
                "ObligationsUndeliveredOrdersUnpaidTotal_CPE": undelivered,
                "ObligationsDeliveredOrdersUnpaidTotal_FYB": -opening.unpaid,
                "ObligationsDeliveredOrdersUnpaidTotal_CPE": unpaid,
                "GrossOutlaysDeliveredOrdersPaidTotal_CPE": -movement.outlays,
                _ussgl("480100", "FYB"): -opening.undelivered,
                _ussgl("480100", "CPE"): undelivered,
                _ussgl("490100", "FYB"): -opening.unpaid,
                _ussgl("490100", "CPE"): unpaid,
                _ussgl("490200", "CPE"): -movement.outlays,
                _ussgl("487100", "CPE"): adjusted.undelivered,
                _ussgl("497100", "CPE"): adjusted.unpaid,
                _ussgl("497200", "CPE"): adjusted.paid,
            }
        )


@cache
def _balance_columns() -> list[str]:
    both = set(_columns("B")) & set(_columns("C"))
    return [column for column in _columns("B") if column in both and column[-4:] in _MOMENTS]


_MOMENTS: Final = ("_CPE", "_FYB")


@cache
def _ussgl(account: str, moment: str) -> str:
    """The column of a ledger account."""
    begins = f"USSGL{account}_"
    [found] = [
        each for each in _balance_columns() if each.startswith(begins) and each.endswith(moment)
    ]
    return found


def _program_rows(books: Books, names: Names) -> Iterable[dict[str, str]]:
    """File B. Lines that differ in their apportionment only are one row (rule B19)."""
    writer = _Writer(books)
    grouped: dict[tuple[str, str, str], list[Movement]] = {}
    for key, movement in line_movements(books).items():
        code = (key.fund, key.program, object_class_code(key.object_class))
        grouped.setdefault(code, []).append(movement)
    for fund in books.now.funds:
        if not any(code[0] == fund.fund for code in grouped):
            # Rules A30, B9 and B11: a fund without lines is there, with nothing in it.
            grouped[fund.fund, "0000", "0000"] = []
    for (fund_code, program, object_class), movements in sorted(grouped.items()):
        year = added(movements)
        named = "Unknown/Other" if program == "0000" else names.program(fund_code, program)
        yield (
            fund_columns(fund_code)
            | _classified(program, named, object_class)
            | writer.balances(year)
            | writer.money(
                ObligationsIncurredByProgramObjectClass_CPE=-year.incurred,
                GrossOutlayAmountByProgramObjectClass_CPE=-year.outlays,
                GrossOutlayAmountByProgramObjectClass_FYB=0,
                DeobligationsRecoveriesRefundsdOfPriorYearByProgramObjectClass_CPE=(
                    year.adjustments.total
                ),
            )
        )


def _classified(program: str, named: str, object_class: str) -> dict[str, str]:
    return {
        "ProgramActivityCode": program,
        "ProgramActivityName": named,
        "ObjectClass": object_class,
        "ByDirectReimbursableFundingSource": _DIRECT,
        "DisasterEmergencyFundCode": _NO_EMERGENCY,
        "PriorYearAdjustment": _NO_ADJUSTMENT,
    }


def _award_rows(
    books: Books, month_before: TreasuryData | None, names: Names
) -> Iterable[dict[str, str]]:
    """File C: for each award its balances; and what was obligated or set free in the month."""
    writer = _Writer(books)
    earlier = {row.award: _obligated(row) for row in month_before.awards} if month_before else {}
    for award, year in award_movements(books):
        key: LineKey = key_of(award)
        shared = fund_columns(key.fund) | award_columns(award)
        program = names.program(key.fund, key.program)
        shared |= _classified(key.program, program, object_class_code(key.object_class))
        yield (
            shared
            | writer.balances(year)
            | writer.money(
                ObligationsIncurredTotalByAward_CPE=-year.incurred,
                GrossOutlayAmountByAward_CPE=-year.outlays,
                GrossOutlayAmountByAward_FYB=0,
                DeobligationsRecoveriesRefundsOfPriorYearByAward_CPE=year.adjustments.total,
            )
        )
        if change := _obligated(award) - earlier.get(award.award, 0):
            # An amount of one month and balances of a year never share a row (rule B29.2).
            del shared["PriorYearAdjustment"]
            yield shared | writer.money(TransactionObligatedAmount=-change)


def _obligated(award: AwardRow) -> int:
    return award.amount_minor + award.interest_minor


def award_columns(award: AwardRow) -> dict[str, str]:
    """By which of its three numbers an award goes (rule C1): contracts have a PIID."""
    if award.kind == "contract":
        return {"PIID": award.award}
    if award.kind == "blanket" or len(award.award) > _FAIN_MAX:
        return {"URI": award.award}
    return {"FAIN": award.award}
