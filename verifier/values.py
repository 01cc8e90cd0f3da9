"""Plain values out of untrusted bytes: one canonical form, every array and number within bounds.

MessagePack is read by the `msgpack` package and must encode to the same bytes again, so that no
file can be spelled in two ways.
"""

from collections.abc import Iterable
from typing import Any, Final

import msgpack

from verifier.verdict import Invalid

INTEGER_MAX: Final = 2**63 - 1
NESTING_MAX: Final = 32
"""Deeper than any record; far below what would exhaust the stack of a reader."""


def unpack(data: bytes, what: str) -> Any:  # noqa: ANN401  # the shape is judged afterwards
    """One canonical MessagePack value of nil, booleans, integers, text, bytes and arrays."""
    try:
        value = msgpack.unpackb(data, raw=False, strict_map_key=True)
        _only_plain_values(value, NESTING_MAX, what)
        again = msgpack.packb(value, use_bin_type=True)
    except (ValueError, TypeError, OverflowError, RecursionError, msgpack.UnpackException) as error:
        reason = str(error).rstrip(".")
        raise Invalid(f"{what} cannot be read as MessagePack: {reason}") from error
    if again != data:
        raise Invalid(f"{what} is not written canonically")
    return value


def _only_plain_values(value: object, depth: int, what: str) -> None:
    if isinstance(value, list):
        if depth == 0:
            raise Invalid(f"{what}: arrays nested deeper than {NESTING_MAX}")
        for item in value:
            _only_plain_values(item, depth - 1, what)
    elif not (value is None or isinstance(value, bool | int | str | bytes)):
        raise Invalid(f"{what}: a {type(value).__name__} has no place in a proof")


def array_of(value: object, length: int, what: str) -> list[Any]:
    """An array of exactly so many values."""
    if not isinstance(value, list) or len(value) != length:
        found = f"{len(value)} values" if isinstance(value, list) else type(value).__name__
        raise Invalid(f"{what}: expected an array of {length} values, found {found}")
    return value


def list_of(value: object, least: int, most: int, what: str) -> list[Any]:
    """An array within its bounds."""
    if not isinstance(value, list):
        raise Invalid(f"{what}: expected an array, found {type(value).__name__}")
    if not least <= len(value) <= most:
        raise Invalid(f"{what}: {len(value)} items, expected {least} to {most}")
    return value


def bytes_of(value: object, size: int | None, what: str) -> bytes:
    """Bytes, of a size if there is one."""
    if not isinstance(value, bytes):
        raise Invalid(f"{what}: expected bytes, found {type(value).__name__}")
    if size is not None and len(value) != size:
        raise Invalid(f"{what}: {len(value)} bytes, expected {size}")
    return value


def sized(values: Iterable[object], size: int, what: str) -> tuple[bytes, ...]:
    """Bytes of one size each."""
    return tuple(bytes_of(value, size, what) for value in values)


def natural(value: object, maximum: int, what: str) -> int:
    """A number from 0 to a maximum."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise Invalid(f"{what}: expected a number, found {type(value).__name__}")
    if not 0 <= value <= maximum:
        raise Invalid(f"{what}: {value} is not between 0 and {maximum}")
    return value
