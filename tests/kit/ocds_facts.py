"""What a contracting process comes to, told apart from how our exporter merges releases.

`facts` flattens releases into paths, with an item's id for its place, and lets later ones win: the
merge of OCDS by another way. Of the paths, those are kept that anybody would compare: ids, parties,
amounts, dates and statuses.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from decimal import Decimal
from typing import Any, Final

STAGES: Final = ("parties", "buyer", "planning", "tender", "awards", "contracts")
_KEPT: Final = frozenset({"id", "awardID", "amount", "currency", "status", "roles", "name"})
Path = tuple[str, ...]


def facts(releases: Iterable[dict[str, Any]]) -> dict[Path, Any]:
    """Path → value, after all releases in the order of their dates."""
    known: dict[Path, Any] = {}
    for release in sorted(releases, key=lambda each: str(each["date"])):
        for stage in STAGES:
            if stage in release:
                known.update(_flat((stage,), release[stage]))
    return {path: _said(value) for path, value in known.items() if _is_compared(path)}


def _flat(path: Path, value: Any) -> Iterator[tuple[Path, Any]]:  # noqa: ANN401 - JSON
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from _flat((*path, name), inner)
    elif isinstance(value, list) and all(isinstance(item, dict) for item in value):
        for item in value:
            yield from _flat((*path, str(item["id"])), item)
    else:
        yield path, value


def _is_compared(path: Path) -> bool:
    return path[-1] in _KEPT or "date" in path[-1].lower()


def _said(value: Any) -> Any:  # noqa: ANN401 - JSON
    """Numbers are equal whether or not they have decimal places."""
    return Decimal(str(value)) if isinstance(value, int | float) else value
