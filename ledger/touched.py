"""Which accounts a transaction touches: every one that its calls and its events name.

That is the actor of each call and whatever field is an account id: payers, payees, holders of
roles. Storage keeps it as an index beside the state, so that an account's transactions are found
without reading every block. The index is under no root: it can be made again from the blocks.

The types say which fields are ids, so a new operation needs nothing here.
"""

import types
from collections.abc import Iterable
from functools import cache
from typing import Any, Final, Union, get_args, get_origin, get_type_hints

from msgspec import Struct

from ledger.operation import Event
from ledger.transaction import Transaction
from primitives.ids import AccountId

_UNIONS: Final = (Union, types.UnionType)


def accounts_touched(
    transaction: Transaction[Any], events: Iterable[Event]
) -> tuple[AccountId, ...]:
    """Every account that the transaction or one of its events names, ascending, none twice."""
    found: set[AccountId] = set()
    for call in transaction.body.calls:
        found.add(call.actor)
        _gather(call.operation, found)
    return tuple(sorted(found.union(accounts_named(events))))


def accounts_named(events: Iterable[Event]) -> tuple[AccountId, ...]:
    """Every account that one of these events names, ascending, none twice."""
    found: set[AccountId] = set()
    for event in events:
        _gather(event, found)
    return tuple(sorted(found))


def _gather(struct: Struct, found: set[AccountId]) -> None:
    ids, others = _naming_fields(type(struct))
    for name in ids:
        account = getattr(struct, name)
        if account is not None:
            found.add(account)
    for name in others:
        _walk(getattr(struct, name), found)


def _walk(value: Any, found: set[AccountId]) -> None:  # noqa: ANN401 - what a field may hold
    # As deep as the types are, whoever made the value.
    if isinstance(value, Struct):
        _gather(value, found)
    elif isinstance(value, tuple):
        for item in value:
            _walk(item, found)
    elif value is not None:
        found.add(value)


@cache
def _naming_fields(struct: type[Struct]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The fields of a Struct that are account ids, and those that have one somewhere in them."""
    hints = get_type_hints(struct)
    ids = tuple(name for name in struct.__struct_fields__ if _is_id(hints[name]))
    others = (name for name in struct.__struct_fields__ if name not in ids and _names(hints[name]))
    return ids, tuple(others)


def _is_id(annotation: Any) -> bool:  # noqa: ANN401 - a type
    return annotation is AccountId or (
        get_origin(annotation) in _UNIONS
        and set(get_args(annotation)) == {AccountId, types.NoneType}
    )


def _names(annotation: Any) -> bool:  # noqa: ANN401 - a type
    if annotation is AccountId:
        return True
    origin = get_origin(annotation)
    if origin is tuple or origin in _UNIONS:
        return any(_names(member) for member in get_args(annotation))
    return (
        isinstance(annotation, type)
        and issubclass(annotation, Struct)
        and any(_naming_fields(annotation))
    )
