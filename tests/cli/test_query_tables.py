"""Rows of queries as tables: whatever a row holds can be read by people."""

from __future__ import annotations

from cli.query import _table
from node.reports import QUERIES


def test_a_list_of_structs_is_shown_as_the_command_line_takes_it() -> None:
    """Allowances of a delegated key, and keys of a recovery."""
    allowance = {"asset": "GBP", "per_act": 5000, "per_period": 8000, "period_ms": 86_400_000}
    row = {
        "key": "ab" * 32,
        "operations": ["money.transfer", "registry.stamp_document"],
        "allowances": [allowance],
        "payees": None,
        "until_ms": 1_780_000_000_000,
    }

    text = _table(QUERIES["authority.delegated_keys"], {}, [row])

    assert text.split("\n")[0].split() == ["key", "operations", "allowances", "payees", "until"]
    assert "money.transfer, registry.stamp_document" in text
    assert "asset=GBP,per_act=5000,per_period=8000,period_ms=86400000" in text
    assert "2026-05-28 20:26:40.000 UTC" in text


def test_amounts_in_a_list_are_shown_as_money() -> None:
    """With the decimal places of their asset."""
    held = {"asset": "GBP", "amount": 125, "exponent": 2}
    query = QUERIES["ledger.accounts"]
    row = dict.fromkeys(query.row.__struct_fields__, None) | {"balances": [held]}

    assert "1.25 GBP" in _table(query, {}, [row])
