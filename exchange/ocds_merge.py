"""Releases of one contracting process become its compiled release (OCDS 1.1, *Merging*).

Later releases say what changed: a value replaces a value, null takes one away, and lists whose
items have an `id` are merged item by item. Lists of anything else are replaced whole, and so are
the two that the schema marks `wholeListMerge`.
"""

import datetime
from collections.abc import Iterable
from typing import Any, Final

from primitives.errors import Malformed

Json = dict[str, Any]

_OMITTED: Final = frozenset({"id", "date", "tag"})
"""What is about a release and not about the process (`omitWhenMerged`)."""
_WHOLE: Final = frozenset({"additionalIdentifiers", "additionalClassifications"})
"""Lists that the schema marks `wholeListMerge`."""


def moment_of(release: Json) -> datetime.datetime:
    """When a release was published; a date without a zone is UTC's.

    Raises:
        Malformed: its date is none.
    """
    try:
        found = datetime.datetime.fromisoformat(str(release["date"]))
    except ValueError as error:
        raise Malformed(f"release {release['id']}: {release['date']} is no date") from error
    return found if found.tzinfo is not None else found.replace(tzinfo=datetime.UTC)


def compiled_release(releases: Iterable[Json]) -> Json:
    """What is known after all releases of a process, which come in any order.

    Raises:
        Malformed: as `moment_of`.
    """
    ordered = sorted(releases, key=moment_of)
    merged: Json = {}
    for release in ordered:
        told = {name: value for name, value in release.items() if name not in _OMITTED}
        merged = _merged_object(merged, told)
    last = ordered[-1]
    # In the order in which people read a release.
    head = {"ocid": last["ocid"], "id": f"{last['ocid']}-{last['date']}", "date": last["date"]}
    return head | {"tag": ["compiled"]} | merged


def _merged_object(before: Json, now: Json) -> Json:
    merged = dict(before)
    for name, value in now.items():
        if value is None:
            merged.pop(name, None)
        else:
            merged[name] = _merged(merged.get(name), value, whole=name in _WHOLE)
    return merged


def _merged(before: Any, now: Any, *, whole: bool) -> Any:  # noqa: ANN401 - JSON
    if isinstance(now, dict):
        return _merged_object(before if isinstance(before, dict) else {}, now)
    if isinstance(now, list) and not whole and _have_ids(now):
        return _merged_list(before if isinstance(before, list) and _have_ids(before) else [], now)
    return now


def _merged_list(before: list[Json], now: list[Json]) -> list[Json]:
    merged = {str(item["id"]): item for item in before}
    for item in now:
        key = str(item["id"])
        merged[key] = _merged_object(merged.get(key, {}), item)
    return list(merged.values())


def _have_ids(items: list[Any]) -> bool:
    return bool(items) and all(isinstance(item, dict) and "id" in item for item in items)
