"""Payments out of a CSV file: each row becomes a payment, or a fault that says what is wrong.

Rows are read one at a time, in order, and a fault costs its own row only. A record is one line:
a quotation mark that is never closed would otherwise swallow the rest of the file, and no field
that enters a block may hold a line break anyway. Amounts are integers in minor units from the first
moment; nothing here is ever a float. A negative amount is a credit note.

Rows that look alike are two payments as long as each has its own reference. A file without such a
column gives each row the reference `FILE-LINE`, where FILE names its content.
"""

import csv
import datetime
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Annotated, BinaryIO, Final, final, get_args, get_origin

from msgspec import Meta

from exchange import limits as file_limits
from ledger.books import Description, Reference
from primitives import limits
from primitives.errors import Malformed
from primitives.ids import INTEGER_MAX

PRESETS: Final = {
    "gla": "vendor=Vendor,reference=Source,date=Date,amount=Amount,description=AccountDescription"
}
"""Mappings with a name: `gla` is the Greater London Authority's published payments."""
_FIELDS: Final = ("vendor", "reference", "date", "amount", "description")
_NEEDED: Final = ("vendor", "date", "amount")
_ACTUAL_LENGTH_MAX: Final = 80
_AMOUNT: Final = re.compile(r"(?P<sign>-?)(?P<whole>[0-9]{1,19})(?:\.(?P<part>[0-9]{1,8}))?")
_DATE: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


def _pattern(kind: object) -> re.Pattern[str]:
    """What the ledger's rule for a text says, so that both refuse the same."""
    while get_origin(kind) is Annotated:
        kind, *notes = get_args(kind)
        for note in notes:
            if isinstance(note, Meta) and note.pattern is not None:
                return re.compile(note.pattern)
    raise AssertionError("the ledger states a pattern")


_REFERENCE: Final = _pattern(Reference)
_DESCRIPTION: Final = _pattern(Description)


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Columns:
    """In which column of the file each field stands."""

    vendor: str
    date: str
    amount: str
    reference: str | None = None
    """None: a row is known by the file and its line."""
    description: str | None = None
    """None: payments have no description."""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Payment:
    """One row. `line` counts from 1, the header included."""

    line: int
    vendor: str
    reference: str
    value_date: str
    amount: int
    """Minor units; negative is a credit note; never zero."""
    description: str


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class RowFault:
    """Why a row is no payment."""

    line: int
    field: str
    expected: str
    actual: str
    row: str


class _Wrong(Exception):
    """Carries a fault out of the reading of one field."""

    def __init__(self, field: str, *, expected: str, actual: str) -> None:
        super().__init__(field)
        self.field, self.expected, self.actual = field, expected, actual


def columns_of(text: str) -> Columns:
    """Read `vendor=Name,date=Name,…` or the name of a preset.

    Raises:
        Malformed: an unknown or repeated field, or one that is needed is missing.
    """
    given: dict[str, str] = {}
    for part in PRESETS.get(text, text).split(","):
        field, equals, column = part.partition("=")
        if not equals or field not in _FIELDS or not column:
            known = ", ".join(_FIELDS)
            raise Malformed(
                f"expected FIELD=COLUMN with a field of {known}, or a preset of "
                f"{', '.join(PRESETS)}; found {part!r}"
            )
        if field in given:
            raise Malformed(f"{field} is given twice, expected once")
        given[field] = column
    missing = [field for field in _NEEDED if field not in given]
    if missing:
        raise Malformed(f"expected {', '.join(_NEEDED)}; {', '.join(missing)} is missing")
    return Columns(**given)


def lines_of(file: BinaryIO) -> Iterator[bytes]:
    """The lines of a file; of one that is too long, only as much as shows that it is."""
    bound = file_limits.IMPORT_LINE_BYTES_MAX + 2  # and its end of line
    while line := file.readline(bound):
        yield line
        rest = line
        while len(rest) == bound and not rest.endswith(b"\n"):
            rest = file.readline(bound)


def read_payments(
    lines: Iterable[bytes], columns: Columns, *, exponent: int, file_id: str
) -> Iterator[Payment | RowFault]:
    """Each row of a CSV file (RFC 4180, UTF-8, with a header) as a payment or a fault.

    `exponent` is the decimal places of the asset. Empty lines are no rows.

    Raises:
        Malformed: there is no header, or a column is not in it exactly once.
    """
    numbered = enumerate(lines, start=1)
    first = next(numbered, (1, b""))[1]
    reader = _Reader(_header(first), columns, exponent, file_id)
    for number, line in numbered:
        if line.rstrip(b"\r\n"):
            yield reader.row(number, line)


def _header(line: bytes) -> list[str]:
    try:
        return _cells(line.removeprefix(b"\xef\xbb\xbf"))
    except _Wrong as wrong:
        raise Malformed(f"line 1: expected {wrong.expected}, found {wrong.actual}") from wrong


def _cells(line: bytes) -> list[str]:
    stripped = line.rstrip(b"\r\n")
    if len(stripped) > file_limits.IMPORT_LINE_BYTES_MAX:
        expected = f"at most {file_limits.IMPORT_LINE_BYTES_MAX} bytes on a line"
        raise _Wrong("row", expected=expected, actual="more")
    try:
        text = stripped.decode("utf-8")
    except UnicodeDecodeError as error:
        actual = f"byte 0x{stripped[error.start]:02x} at {error.start + 1}"
        raise _Wrong("row", expected="UTF-8", actual=actual) from error
    try:
        [cells] = csv.reader([text], strict=True)
    except (csv.Error, ValueError) as error:
        expected = "one record on one line, quoted as in RFC 4180"
        raise _Wrong("row", expected=expected, actual=str(error)) from error
    return cells


@final
class _Reader:
    """Reads rows against one header, and remembers the references it met."""

    def __init__(self, header: list[str], columns: Columns, exponent: int, file_id: str) -> None:
        self._width = len(header)
        self._at = {
            field: _position(header, column)
            for field in _FIELDS
            if (column := getattr(columns, field)) is not None
        }
        self._exponent = exponent
        self._file_id = file_id
        self._lines: dict[str, int] = {}

    def row(self, number: int, line: bytes) -> Payment | RowFault:
        """One row."""
        try:
            cells = _cells(line)
            if len(cells) != self._width:
                expected = f"{self._width} fields as in the header"
                raise _Wrong("row", expected=expected, actual=str(len(cells)))
            said = {field: cells[position] for field, position in self._at.items()}
            return Payment(
                line=number,
                reference=self._reference(number, said),
                vendor=_vendor(said["vendor"]),
                value_date=_date(said["date"]),
                amount=_minor_units(said["amount"], self._exponent),
                description=_description(said.get("description", "")),
            )
        except _Wrong as wrong:
            return RowFault(
                line=number,
                field=wrong.field,
                expected=wrong.expected,
                actual=wrong.actual,
                row=line.rstrip(b"\r\n").decode("utf-8", errors="replace"),
            )

    def _reference(self, number: int, said: dict[str, str]) -> str:
        if "reference" not in said:
            return f"{self._file_id}-{number}"
        reference = said["reference"]
        longest = limits.REFERENCE_LENGTH_MAX
        if len(reference) > longest or not _REFERENCE.search(reference):
            expected = f"1 to {longest} printable ASCII characters without space at either end"
            raise _Wrong("reference", expected=expected, actual=_shown(reference))
        earlier = self._lines.setdefault(reference, number)
        if earlier != number:
            actual = f"{_shown(reference)}, which line {earlier} has"
            raise _Wrong("reference", expected="a reference of its own", actual=actual)
        return reference


def _position(header: list[str], column: str) -> int:
    found = header.count(column)
    if found != 1:
        listed = ", ".join(header)
        raise Malformed(
            f"line 1: expected the column {column!r} once, found it {found} times in: {listed:.400}"
        )
    return header.index(column)


def _vendor(text: str) -> str:
    if not text.strip():
        raise _Wrong("vendor", expected="a name", actual=_shown(text))
    return text


def _date(text: str) -> str:
    try:
        if not _DATE.fullmatch(text):
            raise ValueError
        datetime.date.fromisoformat(text)
    except ValueError:
        expected = "a day of the calendar, YYYY-MM-DD"
        raise _Wrong("date", expected=expected, actual=_shown(text)) from None
    return text


def _minor_units(text: str, exponent: int) -> int:
    found = _AMOUNT.fullmatch(text)
    part = (found["part"] or "") if found else ""
    if found is None or len(part) > exponent:
        expected = f"a decimal number with at most {exponent} places"
        raise _Wrong("amount", expected=expected, actual=_shown(text))
    amount = int(found["whole"] + part.ljust(exponent, "0"))
    if amount == 0:
        raise _Wrong("amount", expected="an amount other than zero", actual=_shown(text))
    if amount > INTEGER_MAX:
        expected = f"at most {INTEGER_MAX} minor units"
        raise _Wrong("amount", expected=expected, actual=_shown(text))
    return -amount if found["sign"] else amount


def _description(text: str) -> str:
    longest = limits.DESCRIPTION_LENGTH_MAX
    if len(text) > longest or not _DESCRIPTION.search(text):
        expected = f"at most {longest} characters, none of them a control character"
        raise _Wrong("description", expected=expected, actual=_shown(text))
    return text


def _shown(text: str) -> str:
    short = text if len(text) <= _ACTUAL_LENGTH_MAX else f"{text[:_ACTUAL_LENGTH_MAX]}…"
    return repr(short)
