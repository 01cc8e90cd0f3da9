"""A treasury's year as a Fiscal Data Package: two tables, and a descriptor that says what they are.

Fiscal Data Package 1.0 (frictionlessdata.io) is a Tabular Data Package whose columns say by their
`columnType` what they mean: function (COFOG), economic nature (GFSM), who spends, in which phase of
the budget. `budget.csv` has a row for each line and phase; `spending.csv` one for each payment.
Which column is of which type is data, in fiscal_columns.csv.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Final

from exchange.budget_figures import Books, line_movements
from exchange.statements import cofog_title, functions_of, gfsm_code
from exchange.tables import csv_bytes, rows_of
from exchange.treasury_data import Names, day_of, whole_units
from services.treasury.rows import FundRow

_PHASES: Final = ("allotted", "obligated", "delivered", "outlaid")
"""From the plan to the payment; each is contained in the one before."""
_EXPENDITURE: Final = "expenditure"


def fiscal_package(books: Books, fiscal_year: int, names: Names) -> dict[str, bytes]:
    """File name → content."""
    tables = {
        "budget": list(_budget_rows(books, fiscal_year, names)),
        "spending": list(_spending_rows(books, names)),
    }
    files = {
        f"{name}.csv": csv_bytes([row["column"] for row in _columns(name)], rows)
        for name, rows in tables.items()
    }
    descriptor = {
        "profile": "tabular-data-package",
        "name": f"budget-{fiscal_year}-{books.now.treasury.treasury.hex()[:12]}",
        "title": f"Budget and spending, fiscal year {fiscal_year}, until {books.now.last_day}",
        "resources": [_resource(name) for name in tables],
    }
    text = json.dumps(descriptor, indent=2, ensure_ascii=False) + "\n"
    return {"datapackage.json": text.encode("utf-8"), **files}


def _columns(table: str) -> list[Mapping[str, str]]:
    return [row for row in rows_of("fiscal_columns.csv") if row["table"] == table]


def _resource(name: str) -> dict[str, object]:
    keys = {"budget": ["line", "phase"], "spending": ["payee", "invoice"]}
    return {
        "profile": "tabular-data-resource",
        "name": name,
        "path": f"{name}.csv",
        "format": "csv",
        "mediatype": "text/csv",
        "encoding": "utf-8",
        "schema": {
            "fields": [
                {"name": row["column"], "type": row["type"], "columnType": row["columnType"]}
                for row in _columns(name)
            ],
            "primaryKey": keys[name],
        },
    }


def _budget_rows(books: Books, fiscal_year: int, names: Names) -> Iterator[dict[str, str]]:
    """A row for each line and phase: how much of it happened in the year."""
    exponent = books.now.treasury.exponent
    funds = {fund.fund: fund for fund in books.now.funds}
    opening = {row.line: row for row in books.opening.lines} if books.opening else {}
    for row, (key, movement) in zip(books.now.lines, line_movements(books).items(), strict=True):
        before = opening.get(row.line)
        allotted = row.allotted_minor - (before.allotted_minor if before else 0)
        used = (now - then for now, then in zip(movement.closing, movement.opening, strict=True))
        for phase, amount in zip(_PHASES, (allotted, *used), strict=True):
            yield (
                _classified(funds[key.fund], names)
                | {
                    "line": row.line,
                    "fiscal_year": str(fiscal_year),
                    "phase": phase,
                    "direction": _EXPENDITURE,
                    "program": key.program,
                    "program_name": names.program(key.fund, key.program),
                    "gfsm": gfsm_code(key.object_class)[:2],
                    "object_class": key.object_class,
                    "currency": books.now.treasury.asset,
                    "amount": whole_units(amount, exponent),
                }
            )


def _classified(fund: FundRow, names: Names) -> dict[str, str]:
    division, *groups = functions_of(fund.cofog)
    return {
        "fund": fund.fund,
        "agency": fund.agency.hex(),
        "agency_name": names.account(fund.agency),
        "cofog_division": division,
        "cofog_division_name": cofog_title(division),
        "cofog_group": groups[0] if groups else "",
    }


def _spending_rows(books: Books, names: Names) -> Iterator[dict[str, str]]:
    """A row for each payment that stands: with the interest for paying late, where there is any.

    Of one that came back stands what its payee's creditors got.
    """
    exponent = books.now.treasury.exponent
    funds = {fund.fund: fund for fund in books.now.funds}
    awards = {award.award: award for award in books.now.awards}
    for voucher in books.now.vouchers:
        if voucher.paid_ms is None or voucher.paid_in is None:
            continue
        stands = voucher.amount_minor + voucher.interest_minor
        if voucher.status != "paid":
            stands = sum(offset.amount_minor for offset in voucher.offsets)
        if not stands:
            continue
        award = awards[voucher.award]
        yield (
            _classified(funds[award.fund], names)
            | {
                "line": award.line,
                "date": day_of(voucher.paid_ms),
                "award": award.award,
                "place": award.place or "",
                "payee": voucher.payee.hex(),
                "payee_name": names.account(voucher.payee),
                "invoice": voucher.invoice,
                "transaction": voucher.paid_in.hex(),
                "direction": _EXPENDITURE,
                "currency": books.now.treasury.asset,
                "amount": whole_units(stands, exponent),
            }
        )
