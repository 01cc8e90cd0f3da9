"""Words with which any query can be asked, made from its parameters."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from cli.field_kinds import FieldKind, fields_of
from kit.ledger import account_id
from node.reports import QueryKind
from primitives.ids import AccountId

TREASURY: Final = account_id("treasury").hex()
_WORDS: Final[Mapping[str, str]] = {
    "asset": "GBP",
    "order": "newest",
    "bound": "money.issue",
    "award": "A",
    "period": "2026-04",
    "fund": "019-X-1031-000",
    "holding": "A",
    "from_": f"account:{TREASURY}",
}
"""What only a few words can be, by the name of the parameter."""


def words_for(query: QueryKind, **known: str) -> dict[str, str]:
    """A word for each parameter that must be given; `known` says some by their names."""
    return {
        name: (dict(_WORDS) | known).get(name) or _word(kind)
        for name, kind, _ in fields_of(query.parameters)
        if not kind.optional
    }


def _word(kind: FieldKind) -> str:
    if kind.is_enum:
        return str(next(iter(kind.core)).value)
    plain: Any = getattr(kind.core, "__supertype__", kind.core)
    return {AccountId: TREASURY, bytes: TREASURY, int: "1", str: "a"}[plain]
