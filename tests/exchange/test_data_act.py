"""Files A, B and C say what the books say, and keep the broker's rules."""

from __future__ import annotations

from decimal import Decimal

import pytest

from exchange.budget_figures import Books
from exchange.data_act import DataActFiles, data_act_files, fund_columns
from exchange.treasury_data import Names
from kit.data_act_rules import amount, broken, rows_of, ussgl
from kit.treasury_books import HEALTH, ROADS, Bookkeeper, two_years

NAMES = Names(programs={"BRDG": "Bridges", "HOSP": "Hospitals"})


def _files() -> DataActFiles:
    opening, before, now = two_years()
    return data_act_files(Books(now, opening), before, NAMES)


def _broken(files: DataActFiles) -> list[str]:
    return broken(files.appropriations, files.program_activity, files.award_financial)


def test_the_files_of_a_year_keep_every_rule() -> None:
    """Cuts of awards of the year before, refunds, rescissions and interest included."""
    assert _broken(_files()) == []


def test_file_a_has_each_fund_once_with_its_year() -> None:
    """What was ordered the year before and cut by 800.00 came back as a resource."""
    rows = rows_of(_files().appropriations)
    roads = next(row for row in rows if row["MainAccountCode"] == "1031")
    assert len(rows) == 2
    assert (roads["BeginningPeriodOfAvailability"], roads["EndingPeriodOfAvailability"]) == (
        "2026",
        "2027",
    )
    said = {
        "BudgetAuthorityUnobligatedBalanceBroughtForward_FYB": "7000.00",
        "BudgetAuthorityAppropriatedAmount_CPE": "1000.00",
        "AdjustmentsToUnobligatedBalanceBroughtForward_CPE": "800.00",
        "ObligationsIncurredTotalByTAS_CPE": "1501.23",
        "GrossOutlayAmountByTAS_CPE": "-701.23",
        "UnobligatedBalance_CPE": "7298.77",
        "TotalBudgetaryResources_CPE": "8800.00",
    }
    assert {column: roads[column] for column in said} == said


def test_money_without_an_end_has_an_x_and_no_years() -> None:
    """The availability type code of a Treasury Account Symbol."""
    assert fund_columns(HEALTH) == {
        "AgencyIdentifier": "075",
        "BeginningPeriodOfAvailability": "",
        "EndingPeriodOfAvailability": "",
        "AvailabilityTypeCode": "X",
        "MainAccountCode": "0512",
        "SubAccountCode": "000",
    }


def test_file_b_has_a_row_for_each_program_and_object_class() -> None:
    """With the account balances of the GSDM: credits are negative."""
    rows = rows_of(_files().program_activity)
    keyed = {(row["ProgramActivityName"], row["ObjectClass"]): row for row in rows}
    assert keyed.keys() == {("Bridges", "2520"), ("Bridges", "1110"), ("Hospitals", "3200")}
    works = keyed["Bridges", "2520"]
    assert ussgl(works, "4801", at="FYB") == Decimal("-1100.00")
    assert ussgl(works, "4901", at="FYB") == Decimal("-400.00")
    assert ussgl(works, "4871") == Decimal("600.00")
    assert ussgl(works, "4972") == Decimal("200.00")
    assert ussgl(works, "4902") == Decimal("-401.23")


def test_file_c_has_each_award_by_its_number_and_each_change_of_the_month() -> None:
    """Contracts have a PIID, grants a FAIN; what was obligated in the month is negative."""
    rows = rows_of(_files().award_financial)
    balances = [row for row in rows if not row["TransactionObligatedAmount"]]
    assert {row["PIID"] or row["FAIN"] for row in balances} == {
        "OLD-1",
        "NEW-1",
        "GRANT-1",
        "SALARY-4",
    }
    changes = {
        row["PIID"] or row["FAIN"]: row["TransactionObligatedAmount"]
        for row in rows
        if row["TransactionObligatedAmount"]
    }
    assert changes == {"OLD-1": "200.00", "NEW-1": "-1.23", "SALARY-4": "-300.00"}


def test_awards_add_up_to_their_program() -> None:
    """What file B says of a program is what its awards in file C sum to."""
    files = _files()
    rows = rows_of(files.program_activity)

    assert rows
    for row in rows:
        own = [
            each
            for each in rows_of(files.award_financial)
            if each["ObjectClass"] == row["ObjectClass"] and not each["TransactionObligatedAmount"]
        ]
        assert amount(row, "ObligationsIncurredByProgramObjectClass_CPE") == sum(
            amount(each, "ObligationsIncurredTotalByAward_CPE") for each in own
        )
        assert amount(row, "GrossOutlayAmountByProgramObjectClass_CPE") == sum(
            amount(each, "GrossOutlayAmountByAward_CPE") for each in own
        )


def test_a_first_year_opens_with_nothing() -> None:
    """No books before: everything happened in this year."""
    _, _, now = two_years()
    files = data_act_files(Books(now, None), None, NAMES)
    assert _broken(files) == []
    roads = rows_of(files.appropriations)[0]
    assert roads["BudgetAuthorityUnobligatedBalanceBroughtForward_FYB"] == "0.00"
    assert roads["BudgetAuthorityAppropriatedAmount_CPE"] == "10000.00"


def test_a_fund_without_lines_is_in_both_files() -> None:
    """Rule A30.1; its row in file B is zero, program 0000, as rule B9 asks."""
    books = Bookkeeper()
    books.fund(ROADS)
    books.appropriate(ROADS, 5_000)
    files = data_act_files(Books(books.data(), None), None, NAMES)
    assert _broken(files) == []
    [row] = rows_of(files.program_activity)
    assert (row["ProgramActivityCode"], row["ProgramActivityName"]) == ("0000", "Unknown/Other")


def test_lines_that_differ_by_their_quarter_only_are_one_row() -> None:
    """Rule B19: a program and object class of a fund stands once, 252 and 2520 being the same."""
    books = Bookkeeper()
    books.fund(ROADS)
    books.appropriate(ROADS, 9_000)
    for part, object_class, award in (("2026-q1", "252", "A-1"), ("2026-q2", "2520", "A-2")):
        books.apportion(ROADS, part, 4_000)
        books.allot(f"{ROADS}:{part}:BRDG:{object_class}", 4_000)
        books.award(award, f"{ROADS}:{part}:BRDG:{object_class}", 1_000)
    files = data_act_files(Books(books.data(), None), None, NAMES)
    assert _broken(files) == []
    [row] = rows_of(files.program_activity)
    assert row["ObligationsIncurredByProgramObjectClass_CPE"] == "-20.00"


@pytest.mark.parametrize(
    ("file", "column", "rule"),
    [
        (0, "TotalBudgetaryResources_CPE", "A2"),
        (0, "UnobligatedBalance_CPE", "A4"),
        (0, "GrossOutlayAmountByTAS_CPE", "A18"),
        (0, "ObligationsIncurredTotalByTAS_CPE", "A19"),
        (0, "StatusOfBudgetaryResourcesTotal_CPE", "A24"),
        (1, "ObligationsUndeliveredOrdersUnpaidTotal_CPE", "3.2"),
        (1, "ObligationsDeliveredOrdersUnpaidTotal_FYB", "4.1"),
        (1, "GrossOutlayAmountByProgramObjectClass_CPE", "B5.2"),
        (1, "GrossOutlaysUndeliveredOrdersPrepaidTotal_CPE", "6.2"),
        (1, "GrossOutlaysDeliveredOrdersPaidTotal_CPE", "7.2"),
        (1, "ObligationsIncurredByProgramObjectClass_CPE", "B14"),
    ],
)
def test_the_rules_find_a_penny(file: int, column: str, rule: str) -> None:
    """A file with one amount that is a penny off breaks its rule: the rules are no decoration."""
    files = _files()
    contents = [files.appropriations, files.program_activity, files.award_financial]
    lines = contents[file].decode().split("\r\n")
    at = lines[0].split(",").index(column)
    cells = lines[1].split(",")
    cells[at] = str(Decimal(cells[at]) + Decimal("0.01"))
    lines[1] = ",".join(cells)
    contents[file] = "\r\n".join(lines).encode()
    assert any(each.startswith(rule) for each in broken(*contents)), broken(*contents)


def test_a_fund_that_stands_twice_and_one_that_is_missing_are_found() -> None:
    """Rules A32, A30.1 and A30.2 on files that were tampered with."""
    files = _files()
    lines = files.appropriations.split(b"\r\n")
    twice = b"\r\n".join([*lines[:2], *lines[1:]])
    found = broken(twice, files.program_activity, files.award_financial)
    assert any(each.startswith("A32") for each in found)
    less = b"\r\n".join([lines[0], *lines[2:]])
    found = broken(less, files.program_activity, files.award_financial)
    assert any(each.startswith("A30.2") for each in found)
    of_b = files.program_activity.split(b"\r\n")
    found = broken(files.appropriations, b"\r\n".join([*of_b[:1], *of_b[3:]]), b"PIID\r\n")
    assert any(each.startswith("A30.1") for each in found)
