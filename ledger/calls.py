"""Calls that are kept now and performed later: in an intent, a motion, a flow.

They are kept as canonical bytes, so that what holds them needs no operation to be known; `Calls` is
the type of such a field, and the named form shows the calls themselves. Kept calls may hold calls
that keep calls, to a depth. They are read, and so judged, where they are kept: what could never be
performed is refused when it is said, not when it is due.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Annotated, Any, Final, final, get_args, get_origin

import msgspec
from msgspec import Meta, Struct

from ledger.operation import Refusal, Refused
from ledger.transaction import Call
from primitives import kernel_limits, limits
from primitives.codec import decode, encode
from primitives.errors import Malformed
from primitives.ids import AccountId, Natural, Sized32
from primitives.named import EMBEDS

CALLS_FORM: Final = "calls"
"""How the named form calls what `Calls` embeds."""

Calls = Annotated[
    bytes,
    Meta(max_length=kernel_limits.CALLS_BYTES_MAX, extra={EMBEDS: CALLS_FORM}),
]
NO_CALLS: Final = encode(())


class Unreadable(Refusal, tag="calls.unreadable", frozen=True):
    """The calls that are to be kept are no list of calls in canonical form."""


class NoneGiven(Refusal, tag="calls.none_given", frozen=True):
    """There are no calls to keep."""


class TooDeep(Refusal, tag="calls.too_deep", frozen=True):
    """Kept calls hold calls that hold calls: more than {most} deep."""

    most: Natural[int]


class TooMany(Refusal, tag="calls.too_many", frozen=True):
    """One transaction or duty performs kept calls of at most {most} bytes."""

    most: Natural[int]


class SaysTooMuch(Refusal, tag="calls.says_too_much", frozen=True):
    """The receipt would have {actual} bytes, at most {most} are kept: do less at a time."""

    actual: Natural[int]
    most: Natural[int]


class NestedTooDeep(Refusal, tag="calls.nested_too_deep", frozen=True):
    """Kept calls perform kept calls that perform kept calls: more than {most} deep."""

    most: Natural[int]


class NotAuthorised(Refusal, tag="calls.not_authorised", frozen=True):
    """Account {account} did not authorise these calls."""

    account: Sized32[AccountId]


class RejectedWhenKept(Refusal, tag="calls.rejected_when_kept", frozen=True):
    """A kept call asked for what only signatures give: it was rejected with {code}."""

    code: Annotated[str, Meta(max_length=kernel_limits.CODE_BYTES_MAX)]


@final
@dataclass(frozen=True)
class Law:
    """The operations and duties that a chain knows; services/table.py lists them."""

    operations: Any
    """A union of Operation classes."""
    duties: Any
    """A union of Duty classes."""

    @property
    def calls(self) -> Any:  # noqa: ANN401 - a type
        """The kind of what `Calls` embeds."""
        calls = tuple[Call[self.operations], ...]  # type: ignore[name-defined] # built at run time
        return Annotated[calls, Meta(max_length=limits.CALLS_MAX)]


@cache
def _kind(law: Law) -> Any:  # noqa: ANN401 - a type; the codec keeps a decoder for each
    return law.calls


def read_calls(law: Law, data: bytes) -> tuple[Call[Any], ...]:
    """What was kept as calls, all the way down.

    Raises:
        Refused: not canonical, none, or too deep.
    """
    return _read(law, data, kernel_limits.CALLS_DEPTH_MAX)


def _read(law: Law, data: bytes, depth: int) -> tuple[Call[Any], ...]:
    if depth == 0:
        raise Refused(TooDeep(kernel_limits.CALLS_DEPTH_MAX))
    try:
        calls: tuple[Call[Any], ...] = decode(data, _kind(law), limit=kernel_limits.CALLS_BYTES_MAX)
    except Malformed:
        raise Refused(Unreadable()) from None
    if not calls:
        raise Refused(NoneGiven())
    for call in calls:
        for kept in kept_in(call.operation):
            if kept != NO_CALLS:
                _read(law, kept, depth - 1)
    return calls


def kept_in(value: Any) -> Iterator[bytes]:  # noqa: ANN401 - what a field may hold
    """The calls that stand, as bytes, anywhere in an operation."""
    if isinstance(value, Struct):
        for name, holds in _keeping_fields(type(value)):
            found = getattr(value, name)
            if holds:
                yield found
            else:
                yield from kept_in(found)
    elif isinstance(value, tuple):
        for item in value:
            yield from kept_in(item)


@cache
def _keeping_fields(struct: type[Struct]) -> tuple[tuple[str, bool], ...]:
    """The fields that are `Calls` (True), and those that may have such a field inside (False)."""
    found = []
    for field in msgspec.structs.fields(struct):
        if is_calls(field.type):
            found.append((field.name, True))
        elif _may_keep(field.type):
            found.append((field.name, False))
    return tuple(found)


def is_calls(annotation: Any) -> bool:  # noqa: ANN401 - a type
    """Whether a field is of the type `Calls`, perhaps with a description."""
    if get_origin(annotation) is not Annotated:
        return False
    return any(
        isinstance(note, Meta) and (note.extra or {}).get(EMBEDS) == CALLS_FORM
        for note in get_args(annotation)[1:]
    )


def _may_keep(annotation: Any) -> bool:  # noqa: ANN401 - a type
    if is_calls(annotation):
        return True
    if isinstance(annotation, type) and issubclass(annotation, Struct):
        return bool(_keeping_fields(annotation))
    return any(_may_keep(part) for part in get_args(annotation) if part is not Ellipsis)
