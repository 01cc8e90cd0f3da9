"""Rows of a CSV file become payments to the penny, or faults that name what is wrong."""

import io
from collections import Counter
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exchange import limits as file_limits
from exchange.payments import Columns, Payment, RowFault, columns_of, lines_of, read_payments
from kit.payments_sample import ROWS, sample
from kit.tree import ROOT
from primitives import limits
from primitives.errors import Malformed
from primitives.ids import INTEGER_MAX

HEADER = b"Vendor,AccountDescription,Amount,Date,Source\n"
GLA_FILE = ROOT.parent / "shared/data/gla-payments-2008-2011.csv"
SAMPLE_FILE = ROOT / "configs/samples/payments-sample.csv"


def read(
    data: bytes, *, columns: str = "gla", exponent: int = 2, file_id: str = "file"
) -> list[Payment | RowFault]:
    lines = lines_of(io.BytesIO(data))
    return list(read_payments(lines, columns_of(columns), exponent=exponent, file_id=file_id))


def one(data: bytes, **how: int) -> Payment | RowFault:
    [found] = read(HEADER + data, **how)  # type: ignore[arg-type]  # exponent is the only one
    return found


def fault(data: bytes) -> tuple[str, str, str]:
    found = one(data)
    assert isinstance(found, RowFault), found
    assert found.line == 2
    return found.field, found.expected, found.actual


def test_a_row_is_a_payment_in_minor_units() -> None:
    """Every field by its column, wherever that stands."""
    assert one(b"Oak Ltd,Road repair,1390.11,2008-04-01,338-april\n") == Payment(
        line=2,
        vendor="Oak Ltd",
        reference="338-april",
        value_date="2008-04-01",
        amount=139011,
        description="Road repair",
    )


@pytest.mark.parametrize(
    ("text", "exponent", "amount"),
    [
        ("1", 2, 100),
        ("0.5", 2, 50),
        ("-0.01", 2, -1),
        ("007.10", 2, 710),
        ("12", 0, 12),
        ("0.00000001", 8, 1),
        ("92233720368547758.07", 2, INTEGER_MAX),
        ("-92233720368547758.07", 2, -INTEGER_MAX),
    ],
)
def test_an_amount_is_exact(text: str, exponent: int, amount: int) -> None:
    """Decimal text to an integer, never by way of a float; negative is a credit note."""
    found = one(f"V,,{text},2008-04-01,r\n".encode(), exponent=exponent)

    assert isinstance(found, Payment)
    assert found.amount == amount


@given(st.integers(-INTEGER_MAX, INTEGER_MAX).filter(bool), st.integers(0, 8))
def test_every_amount_comes_back_as_it_was_written(amount: int, exponent: int) -> None:
    """For every number of places."""
    text = f"{Decimal(amount).scaleb(-exponent):f}" if exponent else str(amount)

    found = one(f"V,,{text},2008-04-01,r\n".encode(), exponent=exponent)

    assert isinstance(found, Payment)
    assert found.amount == amount


@pytest.mark.parametrize(
    "text",
    ["", "1.234", "1,5", "1e3", "+1", " 1", ".5", "5.", "--1", "1 000", "£5", "NaN", "١"],
)
def test_what_is_no_amount_is_refused(text: str) -> None:
    """Line, field, expected and actual."""
    field, expected, actual = fault(f'V,,"{text}",2008-04-01,r\n'.encode())

    assert (field, expected) == ("amount", "a decimal number with at most 2 places")
    assert actual == repr(text)


@pytest.mark.parametrize("text", ["0", "0.00", "-0", "-0.0"])
def test_an_amount_of_zero_is_refused(text: str) -> None:
    """The ledger moves at least one minor unit."""
    assert fault(f"V,,{text},2008-04-01,r\n".encode())[:2] == (
        "amount",
        "an amount other than zero",
    )


def test_an_amount_above_the_largest_is_refused() -> None:
    """At limit + 1."""
    assert fault(b"V,,92233720368547758.08,2008-04-01,r\n")[:2] == (
        "amount",
        f"at most {INTEGER_MAX} minor units",
    )


@pytest.mark.parametrize("text", ["", "2008-02-30", "01/04/2008", "2008-4-1", "20080401", "x"])
def test_what_is_no_day_is_refused(text: str) -> None:
    """ISO 8601 in its extended form, and a day that exists."""
    assert fault(f"V,,1,{text},r\n".encode()) == (
        "date",
        "a day of the calendar, YYYY-MM-DD",
        repr(text),
    )


@pytest.mark.parametrize("text", ["", " r", "r ", "é", "x" * (limits.REFERENCE_LENGTH_MAX + 1)])
def test_what_is_no_reference_is_refused(text: str) -> None:
    """The ledger's own rule, at limit + 1."""
    assert fault(f"V,,1,2008-04-01,{text}\n".encode())[0] == "reference"


def test_the_longest_reference_and_description_pass() -> None:
    """At the limit."""
    reference, description = "x" * limits.REFERENCE_LENGTH_MAX, "é" * limits.DESCRIPTION_LENGTH_MAX

    assert isinstance(one(f"V,{description},1,2008-04-01,{reference}\n".encode()), Payment)


def test_a_description_that_is_too_long_is_refused() -> None:
    """At limit + 1, and it is not shown whole."""
    field, _, actual = fault(f"V,{'d' * 141},1,2008-04-01,r\n".encode())

    assert field == "description"
    assert len(actual) < 100


def test_a_row_without_a_vendor_is_refused() -> None:
    """Space is no name."""
    assert fault(b" ,,1,2008-04-01,r\n") == ("vendor", "a name", "' '")


def test_rows_alike_with_references_of_their_own_are_two_payments() -> None:
    """Two meals cost the same on one day."""
    rows = read(HEADER + b"V,Meal,5,2008-04-01,a\nV,Meal,5,2008-04-01,b\n")

    assert [type(row) for row in rows] == [Payment, Payment]


def test_a_reference_is_used_once_in_a_file() -> None:
    """The second row with it is refused and names the first."""
    rows = read(HEADER + b"V,,5,2008-04-01,a\nW,,6,2008-04-02,a\nW,,6,2008-04-02,b\n")

    assert [type(row) for row in rows] == [Payment, RowFault, Payment]
    assert isinstance(rows[1], RowFault)
    assert (rows[1].line, rows[1].actual) == (3, "'a', which line 2 has")


def test_without_a_reference_column_the_file_and_line_are_the_reference() -> None:
    """The same file gives the same references, another one gives others."""
    data = HEADER + b"V,,5,2008-04-01,\nV,,5,2008-04-01,\n"
    columns = "vendor=Vendor,date=Date,amount=Amount"

    assert [row.reference for row in read(data, columns=columns) if isinstance(row, Payment)] == [
        "file-2",
        "file-3",
    ]


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        (b"a,b\n", "5 fields as in the header"),
        (b"V,,1,2008-04-01,r,\n", "5 fields as in the header"),
        (b'"V,,1,2008-04-01,r\n', "one record on one line, quoted as in RFC 4180"),
        (b'"V"x,,1,2008-04-01,r\n', "one record on one line, quoted as in RFC 4180"),
        (b"V\xff,,1,2008-04-01,r\n", "UTF-8"),
        (b"V\rW,,1,2008-04-01,r\n", "one record on one line, quoted as in RFC 4180"),
    ],
)
def test_a_row_that_cannot_be_read_costs_only_itself(row: bytes, expected: str) -> None:
    """Even one whose quotation mark is never closed."""
    rows = read(HEADER + row + b"V,,1,2008-04-01,next\n")

    assert isinstance(rows[0], RowFault)
    assert (rows[0].field, rows[0].expected) == ("row", expected)
    assert isinstance(rows[1], Payment)


@pytest.mark.parametrize("end", [b"", b"\n", b"\r\n"])
def test_a_line_at_the_limit_is_read(end: bytes) -> None:
    """And with one byte more it is refused, and the rest goes on."""
    row = b"V,,1,2008-04-01,r"
    full = b"V" * (file_limits.IMPORT_LINE_BYTES_MAX - len(row)) + row

    assert isinstance(one(full + end), Payment)
    rows = read(HEADER + b"V" + full + (end or b"\n") + row)
    assert [type(found) for found in rows] == [RowFault, Payment]


def test_a_line_without_end_is_not_kept() -> None:
    """What shows that it is too long is enough."""
    kept = list(lines_of(io.BytesIO(b"x" * (5 * file_limits.IMPORT_LINE_BYTES_MAX) + b"\nnext")))

    assert [len(line) for line in kept] == [file_limits.IMPORT_LINE_BYTES_MAX + 2, 4]


def test_a_byte_order_mark_and_empty_lines_are_no_rows() -> None:
    """Spreadsheets write both."""
    rows = read(b"\xef\xbb\xbf" + HEADER + b"\r\nV,,1,2008-04-01,r\r\n\r\n")

    assert [row.line for row in rows] == [3]


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "the column 'Vendor' once, found it 0 times"),
        (b"Vendor,Amount,Date,Source\n", "'AccountDescription' once, found it 0 times"),
        (b"Vendor," + HEADER, "'Vendor' once, found it 2 times"),
        (b'"Vendor\n', "one record on one line"),
    ],
)
def test_a_file_without_its_columns_is_refused_whole(data: bytes, said: str) -> None:
    """Nothing can be read without them."""
    with pytest.raises(Malformed, match=said):
        read(data)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "FIELD=COLUMN"),
        ("vendor=V", "date, amount is missing"),
        ("vendor=V,date=D,amount=A,vendor=W", "vendor is given twice"),
        ("vendor=V,date=D,amount=A,colour=C", "found 'colour=C'"),
        ("vendor=,date=D,amount=A", "found 'vendor='"),
        ("usa", "a preset of gla"),
    ],
)
def test_a_mapping_that_cannot_be_used_is_refused(text: str, said: str) -> None:
    """Saying what is missing."""
    with pytest.raises(Malformed, match=said):
        columns_of(text)


def test_a_mapping_names_the_columns() -> None:
    """Reference and description may be absent."""
    assert columns_of("vendor=A,date=B,amount=C") == Columns(vendor="A", date="B", amount="C")


def test_the_sample_is_generated() -> None:
    """configs/samples/ holds invented names only: nobody edits it by hand."""
    assert SAMPLE_FILE.read_bytes() == sample()


def test_the_sample_has_what_real_files_have() -> None:
    """Credit notes, rows alike, and a vendor that ends below zero."""
    rows = [row for row in read(sample()) if isinstance(row, Payment)]
    totals: Counter[str] = Counter()
    for row in rows:
        totals[row.vendor] += row.amount

    assert len(rows) == ROWS
    assert sum(row.amount < 0 for row in rows) >= 3
    assert len({(row.vendor, row.value_date, row.amount) for row in rows}) < ROWS
    assert [vendor for vendor, total in totals.items() if total < 0]


@pytest.mark.skipif(not GLA_FILE.exists(), reason="the file of real payments is not here")
def test_the_real_payments_are_read_to_the_penny() -> None:
    """Totals per year and vendor equal those of an independent reading with decimals."""
    rows = read(GLA_FILE.read_bytes())
    payments = [row for row in rows if isinstance(row, Payment)]
    vendors: Counter[str] = Counter()
    years: Counter[int] = Counter()
    for payment in payments:
        vendors[payment.vendor] += payment.amount
        years[date.fromisoformat(payment.value_date).year] += payment.amount

    assert (len(rows), len(payments)) == (15_742, 15_742)
    assert (vendors, years) == _by_decimals(GLA_FILE)
    assert years == {
        2008: 40_147_745_88,
        2009: 42_806_633_90,
        2010: 46_413_104_76,
        2011: 67_153_561_99,
    }
    assert sum(total < 0 for total in vendors.values()) == 35


def _by_decimals(path: Path) -> tuple[Counter[str], Counter[int]]:
    import csv

    vendors: Counter[str] = Counter()
    years: Counter[int] = Counter()
    with path.open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            pence = int(Decimal(row["Amount"]) * 100)
            vendors[row["Vendor"]] += pence
            years[int(row["Date"][:4])] += pence
    return vendors, years
