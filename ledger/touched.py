"""Which accounts a transaction touches: every one that its calls and its events name.

That is the actor of each call and whatever field is an account id: payers, payees, holders of
roles. Storage keeps it as an index beside the state, so that an account's transactions are found
without reading every block. The index is under no root: it can be made again from the blocks.

The types say which fields are ids, so a new operation needs nothing here.
"""

import types
from collections.abc import Iterable
from functools import cache
from typing import Annotated, Any, Final, Union, get_args, get_origin, get_type_hints

from msgspec import Struct

from ledger.operation import Event
from ledger.transaction import CheckedTransaction
from primitives.ids import AccountId

_UNIONS: Final = (Union, types.UnionType)


def accounts_touched(tx: CheckedTransaction, events: Iterable[Event]) -> tuple[AccountId, ...]:
    """Every account that the transaction or one of its events names, ascending, none twice."""
    found: set[AccountId] = set()
    for call in tx.transaction.body.calls:
        found.add(call.actor)
        _gather(call.operation, found)
    for event in events:
        _gather(event, found)
    return tuple(sorted(found))


def _gather(value: Any, found: set[AccountId]) -> None:  # noqa: ANN401 - what a field may hold
    # As deep as the types are, whoever made the value.
    match value:
        case bytes():
            found.add(AccountId(value))
        case Struct():
            for name in _naming_fields(type(value)):
                _gather(getattr(value, name), found)
        case tuple():
            for item in value:
                _gather(item, found)


@cache
def _naming_fields(struct: type[Struct]) -> tuple[str, ...]:
    """The fields of a Struct in which an account id can stand, at any depth."""
    hints = get_type_hints(struct, include_extras=True)
    return tuple(name for name in struct.__struct_fields__ if _names(hints[name]))


def _names(annotation: Any) -> bool:  # noqa: ANN401 - a type
    if annotation is AccountId:
        return True
    origin = get_origin(annotation)
    if origin is Annotated:
        return _names(get_args(annotation)[0])
    if origin is tuple or origin in _UNIONS:
        return any(_names(member) for member in get_args(annotation))
    return (
        isinstance(annotation, type)
        and issubclass(annotation, Struct)
        and bool(_naming_fields(annotation))
    )
