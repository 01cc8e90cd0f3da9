"""Workbooks: what a spreadsheet reads back is what was there, to the last digit and letter."""

from __future__ import annotations

import io
import sys
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
from openpyxl import load_workbook

from exchange.workbook import (
    ROWS_MAX,
    TEXT_LENGTH_MAX,
    TITLE_LENGTH_MAX,
    Amount,
    Cell,
    Sheet,
    workbook,
)
from primitives.errors import OperatorFault


def read(*sheets: Sheet) -> Any:  # noqa: ANN401 - openpyxl's own
    return load_workbook(io.BytesIO(workbook(sheets)))


def cell(value: Cell) -> Any:  # noqa: ANN401 - openpyxl's own
    """How one value is read back."""
    return read(Sheet(name="one", titles=["value"], rows=[[value]])).worksheets[0]["A2"]


def test_a_table_is_a_worksheet_with_bold_titles_that_stay_in_view() -> None:
    """Whoever scrolls or filters knows what a column is."""
    book = read(Sheet(name="payments", titles=["payee", "amount"], rows=[["Acme", Amount(5, 2)]]))

    [sheet] = book.worksheets
    assert sheet.title == "payments"
    assert [each.value for each in sheet[1]] == ["payee", "amount"]
    assert all(each.font.bold for each in sheet[1])
    assert (sheet.freeze_panes, sheet.auto_filter.ref) == ("A2", "A1:B2")


@pytest.mark.parametrize(
    ("minor", "exponent", "shown", "form"),
    [
        (123_456, 2, Decimal("1234.56"), "#,##0.00"),
        (-5, 2, Decimal("-0.05"), "#,##0.00"),
        (7, 0, Decimal(7), "#,##0"),
        (10**15 - 1, 3, Decimal("999999999999.999"), "#,##0.000"),
    ],
)
def test_an_amount_is_a_number_in_whole_units(
    minor: int, exponent: int, shown: Decimal, form: str
) -> None:
    """So that a reader can sum a column; with the decimal places of its asset."""
    found = cell(Amount(minor, exponent))

    assert (Decimal(str(found.value)), found.data_type, found.number_format) == (shown, "n", form)


def test_an_amount_of_sixteen_digits_is_text_to_the_last_of_them() -> None:
    """A number of a spreadsheet would be almost right."""
    found = cell(Amount(-(10**15), 2))

    assert (found.value, found.data_type) == ("-10000000000000.00", "s")
    assert cell(10**15).value == str(10**15)
    assert cell(10**15 - 1).value == 10**15 - 1


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "#REF!", "2026-01-01", "007"])
def test_text_stays_text(text: str) -> None:
    """Nobody's words are computed, and no number of a document loses its zeros."""
    found = cell(text)

    assert (found.value, found.data_type) == (text, "s")


def test_a_title_stays_text() -> None:
    """Titles may be somebody's words too."""
    sheet = read(Sheet(name="one", titles=["=1+1"], rows=[])).worksheets[0]

    assert (sheet["A1"].value, sheet["A1"].data_type) == ("=1+1", "s")


def test_what_xml_cannot_say_is_marked() -> None:
    """A control character does not spoil the file."""
    assert cell("a\x00b\x1fc\nd").value == "a\ufffdb\ufffdc\nd"


def test_a_text_that_is_too_long_for_a_cell_ends_in_an_ellipsis() -> None:
    """At the limit it is whole."""
    assert cell("x" * TEXT_LENGTH_MAX).value == "x" * TEXT_LENGTH_MAX
    assert cell("x" * (TEXT_LENGTH_MAX + 1)).value == "x" * (TEXT_LENGTH_MAX - 1) + "…"


def test_times_are_in_utc_and_days_have_no_zone() -> None:
    """Whatever the zone that a moment was given in."""
    east = timezone(timedelta(hours=3))

    assert cell(datetime(2026, 5, 1, 2, 30, tzinfo=east)).value == datetime(  # noqa: DTZ001
        2026, 4, 30, 23, 30
    )
    assert cell(datetime(2026, 5, 1, tzinfo=UTC)).number_format == 'yyyy-mm-dd hh:mm:ss" UTC"'
    assert cell(date(2026, 5, 1)).number_format == "yyyy-mm-dd"
    assert cell(None).value is None


def test_names_of_worksheets_are_allowed_and_their_own() -> None:
    """At most 31 characters, none of the seven that a formula needs."""
    long = "x" * TITLE_LENGTH_MAX
    names = ["a/b:c", "A b c", long, long + "y", "[]"]

    book = read(*(Sheet(name=name, titles=["t"], rows=[]) for name in names))

    assert book.sheetnames == ["a b c", "A b c 2", long, f"{long[:-2]} 2", "table"]


def test_the_same_tables_are_the_same_bytes() -> None:
    """So that two people can compare what they were given."""
    sheet = Sheet(name="one", titles=["value"], rows=[["a"], ["b"]])

    assert workbook([sheet]) == workbook([sheet])


def test_it_reads_from_the_right_where_people_do() -> None:
    """The first column stands on the right."""
    sheet = Sheet(name="one", titles=["value"], rows=[["a"]])

    [arabic] = load_workbook(io.BytesIO(workbook([sheet], right_to_left=True))).worksheets
    assert arabic.sheet_view.rightToLeft
    assert not read(sheet).worksheets[0].sheet_view.rightToLeft


def test_more_rows_than_a_worksheet_holds_are_refused() -> None:
    """With the numbers, and what to do."""
    row: list[Cell] = ["a"]
    sheet = Sheet(name="all", titles=["value"], rows=[row] * (ROWS_MAX + 1))

    with pytest.raises(OperatorFault, match=r"all: 1048576 rows of 1 columns, expected at most"):
        workbook([sheet])


def test_without_openpyxl_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """A node has no need of it."""
    monkeypatch.setitem(sys.modules, "openpyxl", None)

    with pytest.raises(OperatorFault, match=r"install requirements-exchange\.lock"):
        workbook([Sheet(name="one", titles=["value"], rows=[])])
