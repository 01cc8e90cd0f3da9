"""Placeholders: what stands in stored calls for an id that is not known yet (K7).

A placeholder is 32 bytes: `mithaq $`, its name in ASCII, and zero bytes. It stands where an id
will stand, or in a text as its 64 hexadecimal digits, where the digits of the id will. Both are as
long as what replaces them, so calls remain canonical bytes. All are replaced in one pass from left
to right: what was put in is not read again, so that nobody can choose an id that is a placeholder.
"""

from collections.abc import Iterator, Mapping
from typing import Annotated, Final, final

from msgspec import Meta

from ledger.operation import Refusal, Refused
from primitives import kernel_limits as limits

_MARK: Final = b"mithaq $"
_MARK_IN_TEXT: Final = _MARK.hex().encode("ascii")
_NAME: Final = limits.FLOW_PARTY_LENGTH_MAX
"""Bytes of a name: with the mark, as many as an id has."""


@final
class UnknownPlaceholder(Refusal, tag="placeholders.unknown", frozen=True):
    """The calls hold a placeholder {name} that nothing stands for."""

    name: Annotated[str, Meta(max_length=_NAME)]


def placeholder(name: str) -> bytes:
    """What stands for the id of a name."""
    written = name.encode("ascii")
    assert 0 < len(written) <= _NAME, f"a placeholder cannot be called {name}"
    return _MARK + written.ljust(_NAME, b"\0")


def names_in(calls: bytes) -> Iterator[str]:
    """The names of the placeholders that stand in calls, in order, those of texts first."""
    for piece in calls.split(_MARK_IN_TEXT)[1:]:
        yield _name_in_text(piece)
    for piece in calls.split(_MARK)[1:]:
        yield _name(piece[:_NAME])


def fill(calls: bytes, ids: Mapping[str, bytes]) -> bytes:
    """The calls with an id for each placeholder.

    Raises:
        Refused: there is none for one of them.
    """
    # Texts first: the digits that are put in never look like a mark of 8 bytes.
    first, *pieces = calls.split(_MARK_IN_TEXT)
    filled = [first]
    for piece in pieces:
        found = ids.get(name := _name_in_text(piece))
        if found is None:
            raise Refused(UnknownPlaceholder(name))
        filled += (found.hex().encode("ascii"), piece[2 * _NAME :])
    first, *pieces = b"".join(filled).split(_MARK)
    filled = [first]
    for piece in pieces:
        found = ids.get(name := _name(piece[:_NAME]))
        if found is None:
            raise Refused(UnknownPlaceholder(name))
        filled += (found, piece[_NAME:])
    return b"".join(filled)


def _name(written: bytes) -> str:
    return written.rstrip(b"\0").decode("ascii", "replace")


def _name_in_text(piece: bytes) -> str:
    try:
        return _name(bytes.fromhex(piece[: 2 * _NAME].decode("ascii")))
    except ValueError:  # a text that merely begins like a placeholder
        return "?"
