"""Rows of queries as workbooks: `mithaq query … --format xlsx`, and reports of several queries.

A column is what its field is: amounts are numbers in whole units with the asset beside them, times
are times, ids and texts are text. What a cell cannot hold, such as a list, is there as JSON.
"""

import json
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

import click
from msgspec import Struct

from cli.field_kinds import FieldKind, fields_of
from cli.language import is_right_to_left, label
from cli.query import Names, columns_of, with_names
from exchange.workbook import Amount, Cell, Sheet, workbook
from node.reports import QUERIES, QueryKind
from primitives.ids import TimeMs
from primitives.named import to_named

_MINOR: Final = "_minor"


def write_workbook(
    asked: QueryKind, columns: Sequence[str], rows: Sequence[Mapping[str, Any]]
) -> None:
    """Write one worksheet, named for the query.

    Raises:
        UsageError: a person's terminal would get it.
        OperatorFault: as `workbook`.
    """
    if sys.stdout.isatty():
        raise click.UsageError("--format xlsx is for a file: send it there, as in > rows.xlsx")
    click.echo(
        workbook([sheet_of(asked, columns, rows)], right_to_left=is_right_to_left()), nl=False
    )


def workbook_of(lists: Mapping[str, Sequence[Struct]], names: Names) -> bytes:
    """A workbook of the rows of several queries, a worksheet each.

    Raises:
        OperatorFault: as `workbook`.
    """
    sheets = []
    for name, rows in lists.items():
        asked = QUERIES[name]
        named = with_names(asked, {}, [to_named(row) for row in rows], names)
        sheets.append(sheet_of(asked, columns_of(asked, {}), named))
    return workbook(sheets, right_to_left=is_right_to_left())


def sheet_of(asked: QueryKind, columns: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> Sheet:
    """The rows of an answer, each column as what it is."""
    kinds = {name: kind for name, kind, _ in fields_of(asked.row)}
    return Sheet(
        name=asked.name,
        titles=[label(_title(column)) for column in columns],
        rows=[[_cell(row, column, kinds.get(column)) for column in columns] for row in rows],
    )


def _title(column: str) -> str:
    return column.removesuffix(_MINOR).removesuffix("_ms").replace("_", " ")


def _cell(row: Mapping[str, Any], column: str, kind: FieldKind | None) -> Cell:
    """`kind` is None in a column of names."""
    value = row[column]
    if value is None:
        return None
    if column.endswith(_MINOR) and "exponent" in row:
        return Amount(int(value), row["exponent"])
    if kind is not None and kind.core is TimeMs:
        return datetime.fromtimestamp(int(value) / 1000, tz=UTC)
    if kind is not None and kind.plain is int:
        return int(value)
    return json.dumps(value, ensure_ascii=False) if isinstance(value, list | dict) else str(value)
