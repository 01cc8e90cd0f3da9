"""Tables as CSV: those that are data, read from the files beside this module, and those we make."""

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from importlib import resources
from typing import Final

from exchange.treasury_data import whole_units
from exchange.workbook import Amount, Cell, Sheet

CRLF: Final = "\r\n"
"""The end of a line in CSV (RFC 4180)."""


@cache
def rows_of(name: str) -> tuple[Mapping[str, str], ...]:
    """The rows of a table of this package: column → cell."""
    text = resources.files("exchange").joinpath(name).read_text("utf-8")
    return tuple(csv.DictReader(io.StringIO(text), strict=True))


def longest_match(name: str, code: str) -> Mapping[str, str] | None:
    """The row of a table whose `prefix` is the longest that a code begins with."""
    fitting = [row for row in rows_of(name) if code.startswith(row["prefix"])]
    return max(fitting, key=lambda row: len(row["prefix"]), default=None)


def csv_bytes(columns: Sequence[str], rows: Iterable[Mapping[str, str]]) -> bytes:
    """A CSV file (RFC 4180, UTF-8, with a header). What a row does not name is left empty."""
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, restval="", lineterminator=CRLF)
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode("utf-8")


def sheet_csv(sheet: Sheet) -> bytes:
    """A table as CSV, amounts in whole units with all decimal places."""
    rows = (dict(zip(sheet.titles, map(_text, row), strict=True)) for row in sheet.rows)
    return csv_bytes(sheet.titles, rows)


def _text(cell: Cell) -> str:
    if isinstance(cell, Amount):
        return whole_units(cell.minor, cell.exponent)
    return "" if cell is None else str(cell)
