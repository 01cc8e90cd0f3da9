"""The DATA Act broker's rules, recomputed on files as anybody gets them.

Written from the texts of the rules (fedspendingtransparency/data-act-broker-backend,
dataactvalidator/config/sqlrules/sqlRules.csv), not from what makes the files: each rule reads
columns by their GSDM names and says which rows break it.
"""

from __future__ import annotations

import csv
import io
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Final

Row = Mapping[str, str]
TAS: Final = (
    "AllocationTransferAgencyIdentifier",
    "AgencyIdentifier",
    "BeginningPeriodOfAvailability",
    "EndingPeriodOfAvailability",
    "AvailabilityTypeCode",
    "MainAccountCode",
    "SubAccountCode",
)
ACCOUNTS: Final = (
    ("480100", ("4801", "4831", "4881"), "ObligationsUndeliveredOrdersUnpaidTotal"),
    ("490100", ("4901", "4931", "4981"), "ObligationsDeliveredOrdersUnpaidTotal"),
    ("480200", ("4802", "4832", "4882"), "GrossOutlaysUndeliveredOrdersPrepaidTotal"),
)


def rows_of(file: bytes) -> list[Row]:
    """A CSV file's rows."""
    return list(csv.DictReader(io.StringIO(file.decode("utf-8"), newline=""), strict=True))


def tas(row: Row) -> tuple[str, ...]:
    """Whose fund a row is of."""
    return tuple(row[column] for column in TAS)


def amount(row: Row, column: str) -> Decimal:
    """An amount; one that is not there is zero, as the broker has it."""
    return Decimal(row[column] or 0)


def ussgl(row: Row, *accounts: str, at: str = "CPE") -> Decimal:
    """The sum of the ledger accounts whose number begins so, at one moment."""
    wanted = [c for c in row if c.startswith("USSGL") and c[5:9] in accounts and c.endswith(at)]
    return sum((amount(row, column) for column in wanted), Decimal(0))


def broken_in_a(file_a: Iterable[Row]) -> list[str]:
    """A2, A3, A4, A24 and A32."""
    listed = list(file_a)
    found = [f"A32 {each}" for each, n in Counter(map(tas, listed)).items() if n > 1]
    for row in listed:
        resources = (
            "BudgetAuthorityAppropriatedAmount_CPE",
            "BudgetAuthorityUnobligatedBalanceBroughtForward_FYB",
            "AdjustmentsToUnobligatedBalanceBroughtForward_CPE",
            "OtherBudgetaryResourcesAmount_CPE",
        )
        other = (
            "ContractAuthorityAmountTotal_CPE",
            "BorrowingAuthorityAmountTotal_CPE",
            "SpendingAuthorityfromOffsettingCollectionsAmountTotal_CPE",
        )
        status = ("ObligationsIncurredTotalByTAS_CPE", "UnobligatedBalance_CPE")
        equal = {
            "A2": ("TotalBudgetaryResources_CPE", resources),
            "A3": ("OtherBudgetaryResourcesAmount_CPE", other),
            "A4": ("StatusOfBudgetaryResourcesTotal_CPE", status),
            "A24": ("StatusOfBudgetaryResourcesTotal_CPE", ("TotalBudgetaryResources_CPE",)),
        }
        for rule, (one, parts) in equal.items():
            if amount(row, one) != sum(amount(row, part) for part in parts):
                found.append(f"{rule} {tas(row)}")
    return found


def broken_in_b(file_b: Iterable[Row]) -> list[str]:
    """B3 to B7, B13 and B19; and that what was incurred is what the accounts moved by (B14)."""
    listed = list(file_b)
    keys = [
        (
            *tas(r),
            r["ObjectClass"].ljust(4, "0"),
            r["ProgramActivityCode"],
            r["ProgramActivityName"],
        )
        for r in listed
    ]
    found = [f"B19 {each}" for each, n in Counter(keys).items() if n > 1]
    for row in listed:
        found += [f"{rule} {tas(row)}" for rule in _broken_balances(row)]
        gross = "GrossOutlayAmountByProgramObjectClass"
        undelivered, paid = (
            "GrossOutlaysUndeliveredOrdersPrepaidTotal",
            "GrossOutlaysDeliveredOrdersPaidTotal",
        )
        year = sum(amount(row, f"{x}_CPE") - amount(row, f"{x}_FYB") for x in (undelivered, paid))
        incurred = amount(row, "ObligationsIncurredByProgramObjectClass_CPE")
        recovered = "DeobligationsRecoveriesRefundsdOfPriorYearByProgramObjectClass_CPE"
        rules = {
            "B5.1": amount(row, f"{gross}_FYB")
            == amount(row, f"{undelivered}_FYB") + amount(row, f"{paid}_FYB"),
            "B5.2": amount(row, f"{gross}_CPE") == year,
            "B13": amount(row, recovered) == ussgl(row, "4871", "4872", "4971", "4972"),
            "B14": incurred == _moved(row),
        }
        found += [f"{rule} {tas(row)}" for rule, holds in rules.items() if not holds]
    return found


def broken_in_c(file_c: Iterable[Row]) -> list[str]:
    """C3 to C7 (as B3 to B7, by award), and C1: one number for each award."""
    found = []
    for row in file_c:
        numbers = [row[column] for column in ("PIID", "FAIN", "URI") if row[column]]
        if len(numbers) != 1:
            found.append(f"C1 {numbers}")
        if row["TransactionObligatedAmount"]:
            continue
        found += [f"{rule} {numbers}" for rule in _broken_balances(row)]
        if amount(row, "ObligationsIncurredTotalByAward_CPE") != _moved(row):
            found.append(f"C14 {numbers}")
    return found


def broken_between(file_a: list[Row], file_b: list[Row], file_c: list[Row]) -> list[str]:
    """A18, A19, A30.1, A30.2, A35 and B20."""
    summed: defaultdict[tuple[str, ...], defaultdict[str, Decimal]]
    summed = defaultdict(lambda: defaultdict(Decimal))
    for row in file_b:
        for column in row:
            if column.endswith("_CPE"):
                summed[tas(row)][column] += amount(row, column)
    found = []
    for row in file_a:
        of_b = summed[tas(row)]
        pairs = {
            "A18": ("GrossOutlayAmountByTAS_CPE", "GrossOutlayAmountByProgramObjectClass_CPE", 1),
            "A19": (
                "ObligationsIncurredTotalByTAS_CPE",
                "ObligationsIncurredByProgramObjectClass_CPE",
                -1,
            ),
            "A35": (
                "DeobligationsRecoveriesRefundsByTAS_CPE",
                "DeobligationsRecoveriesRefundsdOfPriorYearByProgramObjectClass_CPE",
                1,
            ),
        }
        for rule, (one, other, sign) in pairs.items():
            if amount(row, one) != sign * of_b[other]:
                found.append(f"{rule} {tas(row)}")
    in_a, in_b = set(map(tas, file_a)), set(map(tas, file_b))
    found += [f"A30.1 {each}" for each in in_a - in_b] + [f"A30.2 {each}" for each in in_b - in_a]
    known = set(map(_classified, file_b))
    return found + [f"B20 {_classified(row)}" for row in file_c if _classified(row) not in known]


def broken(file_a: bytes, file_b: bytes, file_c: bytes) -> list[str]:
    """Every rule that the three files break; none in files that are right."""
    a, b, c = map(rows_of, (file_a, file_b, file_c))
    return [*broken_in_a(a), *broken_in_b(b), *broken_in_c(c), *broken_between(a, b, c)]


def _broken_balances(row: Row) -> list[str]:
    rules = {}
    for number, (account, accounts, total) in enumerate(ACCOUNTS):
        rule = ("3", "4", "6")[number]
        rules[f"{rule}.1"] = amount(row, f"{total}_FYB") == ussgl(row, account[:4], at="FYB")
        rules[f"{rule}.2"] = amount(row, f"{total}_CPE") == ussgl(row, *accounts)
    paid = "GrossOutlaysDeliveredOrdersPaidTotal"
    rules["7.1"] = amount(row, f"{paid}_FYB") == ussgl(row, "4908", at="FYB")
    rules["7.2"] = amount(row, f"{paid}_CPE") == ussgl(row, "4902", "4908", "4982")
    return [rule for rule, holds in rules.items() if not holds]


def _moved(row: Row) -> Decimal:
    """4801 and 4901 since the year began, and what was paid in it (the left side of B14)."""
    both = ("4801", "4802", "4901", "4908")
    return ussgl(row, *both, "4881", "4882", "4902", "4981", "4982") - ussgl(row, *both, at="FYB")


def _classified(row: Row) -> tuple[str, ...]:
    return (*tas(row), row["ProgramActivityCode"], row["ObjectClass"].ljust(4, "0"))
