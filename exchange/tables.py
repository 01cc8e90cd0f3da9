"""Tables that are data: read from the CSV files beside this module, written as CSV."""

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from importlib import resources
from typing import Final

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
