"""The register of an agency's holdings, as a data package (Frictionless Data, Data Package v1).

Three tables that a spreadsheet opens, and `datapackage.json`, which says what their columns are:
the **register**, the **roll-forward** of each class from one month's end to another's (what IPSAS
45 asks to be disclosed), and the **reconciliation** of a count with the register, if one is named.
Amounts are in whole units with their decimals, and beside them stands of what. Classes have the
titles of the Government Finance Statistics Manual 2014 (table 7.1).
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from enum import Enum
from typing import Any, Final, final

from msgspec import Struct

from exchange.tables import csv_bytes, longest_match
from primitives.ids import AccountId
from services.treasury.queries_holdings import HoldingRow, ReconciledRow, RollForwardRow

_MINOR: Final = "_minor"
_TIME: Final = "_ms"
_TYPES: Final[Mapping[str, str]] = {
    "acquired": "date",
    "disposed": "date",
    "life_months": "integer",
    "holdings": "integer",
    "moved": "boolean",
}
"""Of columns that are no text; amounts and times are known by their names."""
_CLASS: Final = "asset_class"


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class HoldingsData:
    """What an agency has; `period` is the month at whose end, None is now."""

    agency: AccountId
    period: str | None
    since: str | None
    register: Sequence[HoldingRow]
    roll_forward: Sequence[RollForwardRow]
    campaign: str | None
    reconciliation: Sequence[ReconciledRow]


def holdings_package(data: HoldingsData) -> dict[str, bytes]:
    """The files of the package, by their names."""
    tables: list[tuple[str, str, type[Struct], Sequence[Struct], tuple[str, ...]]] = [
        ("register", "Holdings and their worth", HoldingRow, data.register, ("holding",)),
        (
            "roll-forward",
            "Classes from one month's end to another's",
            RollForwardRow,
            data.roll_forward,
            ("fund", _CLASS),
        ),
    ]
    if data.campaign is not None:
        title = f"Count {data.campaign} against the register"
        tables.append(("reconciliation", title, ReconciledRow, data.reconciliation, ("holding",)))
    files = {f"{name}.csv": _table(kind, rows) for name, _, kind, rows, _ in tables}
    described = {
        "profile": "tabular-data-package",
        "name": "holdings",
        "title": f"Holdings of {data.agency.hex()}",
        "description": _span(data),
        "resources": [
            {
                "profile": "tabular-data-resource",
                "name": name,
                "title": title,
                "path": f"{name}.csv",
                "format": "csv",
                "mediatype": "text/csv",
                "encoding": "utf-8",
                "schema": {
                    "fields": [
                        {"name": column, "type": _type_of(column)} for column in _columns(kind)
                    ],
                    "primaryKey": list(key),
                },
            }
            for name, title, kind, _, key in tables
        ],
    }
    files["datapackage.json"] = json.dumps(described, indent=2).encode() + b"\n"
    return files


def _span(data: HoldingsData) -> str:
    until = "now" if data.period is None else f"the end of {data.period}"
    since = "the beginning" if data.since is None else data.since
    return f"As of {until}; the roll-forward begins with {since}."


def _columns(kind: type[Struct]) -> list[str]:
    """The fields of a row without the exponent, which its amounts have in them."""
    columns: list[str] = []
    for name in kind.__struct_fields__:
        if name != "exponent":
            columns.append(_plain(name))
        if name == _CLASS:
            columns.append("class_title")
    return columns


def _plain(name: str) -> str:
    return name.removesuffix(_MINOR).removesuffix(_TIME)


def _type_of(column: str) -> str:
    return _TYPES.get(column) or _KNOWN.get(column, "string")


_KNOWN: Final[Mapping[str, str]] = {
    _plain(name): "number" if name.endswith(_MINOR) else "datetime"
    for kind in (HoldingRow, RollForwardRow, ReconciledRow)
    for name in kind.__struct_fields__
    if name.endswith((_MINOR, _TIME))
}


def _table(kind: type[Struct], rows: Iterable[Struct]) -> bytes:
    return csv_bytes(_columns(kind), (_cells(row) for row in rows))


def _cells(row: Struct) -> dict[str, str]:
    exponent = getattr(row, "exponent", 0)
    cells = {
        _plain(name): _cell(name, getattr(row, name), exponent)
        for name in row.__struct_fields__
        if name != "exponent"
    }
    title = longest_match("holding_classes.csv", cells[_CLASS])
    return {**cells, "class_title": "" if title is None else title["title"]}


def _cell(name: str, value: Any, exponent: int) -> str:  # noqa: ANN401 - what a row may hold
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case int() if name.endswith(_MINOR):
            return f"{Decimal(value).scaleb(-exponent):.{exponent}f}"
        case int() if name.endswith(_TIME):
            return datetime.fromtimestamp(value // 1000, tz=UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        case bytes():
            return value.hex()
        case Enum():
            return str(value.value)
    return str(value)
