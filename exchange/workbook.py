"""Tables as a workbook (Office Open XML, ISO/IEC 29500), for whoever reads with a spreadsheet.

A spreadsheet computes in binary floating point with fifteen digits (§18.17 leaves it so). An amount
within them is a number, shown with the decimal places of its asset; a larger one is text, to the
last digit, rather than a number that is almost right. Text is always text: a cell that begins with
an equals sign is somebody's words and never a formula that the reader's machine would compute.

The same tables give the same bytes: no clock and no machine enters the file.
"""

import io
import re
import zipfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, Final, final

from primitives.errors import OperatorFault

ROWS_MAX: Final = 1_048_575
"""What a worksheet holds below its titles (ISO/IEC 29500-1, §18.3.1.73 as every program has it)."""
COLUMNS_MAX: Final = 16_384
"""What a worksheet holds side by side."""
TEXT_LENGTH_MAX: Final = 32_767
"""Characters of one cell."""
TITLE_LENGTH_MAX: Final = 31
"""Characters of a worksheet's name."""
_EXACT_MAX: Final = 10**15 - 1
"""Fifteen decimal digits survive a binary floating point number."""
_WIDTH_MAX: Final = 60
_SAMPLED: Final = 200
"""Rows that are looked at to find how wide a column must be."""
_FOREIGN_TO_TITLES: Final = re.compile(r"[\[\]:*?/\\]")
_CONTROLS: Final = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")
"""What XML 1.0 (§2.2) has no place for."""
_STAMP: Final = (1980, 1, 1, 0, 0, 0)
"""The beginning of time in a ZIP archive."""
_CHANGED: Final = re.compile(rb"<dcterms:(created|modified)[^>]*>[^<]*</dcterms:\1>")


@final
@dataclass(frozen=True, slots=True)
class Amount:
    """So many minor units of an asset with so many decimal places."""

    minor: int
    exponent: int


Cell = str | int | Amount | date | datetime | None
"""A `datetime` knows its zone and is shown in UTC; a plain `date` has none."""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """One table: a name, the titles of its columns, and rows of as many cells."""

    name: str
    titles: Sequence[str]
    rows: Sequence[Sequence[Cell]]


def workbook(sheets: Iterable[Sheet], *, right_to_left: bool = False) -> bytes:
    """The file of some tables, the first one in front; `right_to_left` for those who read so.

    Raises:
        OperatorFault: openpyxl is missing, or a table is larger than a worksheet.
    """
    try:
        from openpyxl import Workbook
    except ImportError as error:
        raise OperatorFault(
            "a workbook needs the package openpyxl: install requirements-exchange.lock"
        ) from error
    book = Workbook(write_only=True)
    names: set[str] = set()
    for sheet in sheets:
        _check(sheet)
        name = _name(sheet.name, names)
        names.add(name.casefold())
        _fill(book.create_sheet(name), sheet, right_to_left=right_to_left)
    assert names, "a workbook has a table"
    raw = io.BytesIO()
    book.save(raw)
    return _timeless(raw)


def _check(sheet: Sheet) -> None:
    if len(sheet.rows) > ROWS_MAX or len(sheet.titles) > COLUMNS_MAX:
        raise OperatorFault(
            f"{sheet.name}: {len(sheet.rows)} rows of {len(sheet.titles)} columns, expected at "
            f"most {ROWS_MAX} of {COLUMNS_MAX}, which is what a worksheet holds; ask for a part, "
            "or for CSV"
        )


def _name(wanted: str, taken: set[str]) -> str:
    """A name that a worksheet may have and that no other has."""
    plain = _FOREIGN_TO_TITLES.sub(" ", wanted).strip(" '")[:TITLE_LENGTH_MAX] or "table"
    name, number = plain, 1
    while name.casefold() in taken:
        number += 1
        name = f"{plain[: TITLE_LENGTH_MAX - len(str(number)) - 1]} {number}"
    return name


def _fill(target: Any, sheet: Sheet, *, right_to_left: bool) -> None:  # noqa: ANN401 - openpyxl's own
    from openpyxl.styles import Font
    from openpyxl.utils import get_column_letter

    target.freeze_panes = "A2"
    target.sheet_view.rightToLeft = right_to_left
    for number, width in enumerate(_widths(sheet), start=1):
        target.column_dimensions[get_column_letter(number)].width = width
    if sheet.titles:
        last = get_column_letter(len(sheet.titles))
        target.auto_filter.ref = f"A1:{last}{len(sheet.rows) + 1}"
    bold = Font(bold=True)
    titles = [_written(target, title) for title in sheet.titles]
    for cell in titles:
        cell.font = bold
    target.append(titles)
    for row in sheet.rows:
        assert len(row) == len(sheet.titles), f"a row of {len(row)} under {len(sheet.titles)}"
        target.append([None if value is None else _written(target, value) for value in row])


def _written(target: Any, value: str | int | Amount | date) -> Any:  # noqa: ANN401 - openpyxl's own
    from openpyxl.cell import WriteOnlyCell

    cell = WriteOnlyCell(target)
    plain, cell.number_format = _plain(value)
    cell.value = plain
    if isinstance(plain, str):
        cell.data_type = "s"  # whatever it begins with
    return cell


def _plain(value: str | int | Amount | date) -> tuple[str | int | Decimal | date, str]:
    """The value as a worksheet has it, and how it is shown."""
    match value:
        case str():
            text = _CONTROLS.sub("\ufffd", value)
            cut = len(text) > TEXT_LENGTH_MAX
            return (f"{text[: TEXT_LENGTH_MAX - 1]}…" if cut else text), "@"
        case Amount(minor, exponent):
            exact = Decimal(minor).scaleb(-exponent)
            if abs(minor) > _EXACT_MAX:
                return f"{exact:f}", "@"
            return exact, f"#,##0.{'0' * exponent}" if exponent else "#,##0"
        case int():
            return (value, "0") if abs(value) <= _EXACT_MAX else (str(value), "@")
        case datetime():
            return value.astimezone(UTC).replace(tzinfo=None), 'yyyy-mm-dd hh:mm:ss" UTC"'
        case date():
            return value, "yyyy-mm-dd"


def _widths(sheet: Sheet) -> list[int]:
    shown = [sheet.titles, *sheet.rows[:_SAMPLED]]
    return [
        min(max(len(_text(row[place])) for row in shown) + 2, _WIDTH_MAX)
        for place in range(len(sheet.titles))
    ]


def _text(value: Cell) -> str:
    match value:
        case None:
            return ""
        case Amount(minor, exponent):
            return f"{Decimal(minor).scaleb(-exponent):,f}"
        case datetime():
            return "0000-00-00 00:00:00 UTC"
        case _:
            return str(value)


def _timeless(raw: io.BytesIO) -> bytes:
    """The archive without the moment at which it was written."""
    target = io.BytesIO()
    with (
        zipfile.ZipFile(raw) as source,
        zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as made,
    ):
        for entry in sorted(source.namelist()):
            data = source.read(entry)
            if entry == "docProps/core.xml":
                data = _CHANGED.sub(b"", data)
            kept = zipfile.ZipInfo(entry, _STAMP)
            kept.compress_type = zipfile.ZIP_DEFLATED
            made.writestr(kept, data)
    return target.getvalue()
