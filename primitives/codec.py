"""One encoding, one decoder.

MessagePack of `msgspec` Structs written as arrays. Encoding is a function of the value; decoding
refuses whatever would not encode to the same bytes again: integers or lengths that are not minimal,
arrays that are too long or too short, unknown tags. msgspec alone accepts some of these, so the
comparison is not optional.
"""

from threading import RLock
from typing import Any, Final, TypeVar

import msgspec

from primitives import limits
from primitives.errors import Malformed

T = TypeVar("T")

TAKING_TYPES_APART: Final = RLock()
"""Held by whoever lets msgspec see a type for the first time.

msgspec notes what it learns of a Struct on the class before it has learned all of it, so that types
may refer to themselves. A second thread that meets such a class reads what is not there yet: wrong
answers, or the end of the process. Once a type was seen whole, threads may use it freely.
"""

_encoder = msgspec.msgpack.Encoder()
_decoders: dict[object, msgspec.msgpack.Decoder[Any]] = {}
"""One per type that is asked for; types are code, so strangers cannot make it grow."""


def _decoder(kind: object) -> msgspec.msgpack.Decoder[Any]:
    decoder = _decoders.get(kind)
    if decoder is None:
        with TAKING_TYPES_APART:
            decoder = _decoders[kind] = msgspec.msgpack.Decoder(kind)
    return decoder


def printable(text: str) -> str:
    """What a stranger wrote, for terminals to show and not to obey; msgspec quotes it raw."""
    return "".join(one if one.isprintable() else ascii(one)[1:-1] for one in text)


def encode(value: object) -> bytes:
    """The canonical bytes of a Struct, or of a tuple or union of them."""
    return _encoder.encode(value)


def decode(data: bytes, kind: type[T], *, limit: int) -> T:
    """Read exactly one canonical value of at most `limit` bytes.

    `kind` may also be a union of tagged Structs (mypy knows no type for that: annotate the result).

    Raises:
        Malformed: too long, not of this type, or not the canonical encoding.
    """
    if len(data) > limit:
        raise Malformed(f"{len(data)} bytes where at most {limit} are allowed")
    try:
        value: T = _decoder(kind).decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        said = printable(str(error)[: limits.LOG_REASON_LENGTH_MAX])
        raise Malformed(f"not a {_name(kind)}: {said}") from error
    if _encoder.encode(value) != data:
        raise Malformed(f"not the canonical encoding of a {_name(kind)}")
    return value


def _name(kind: object) -> str:
    return getattr(kind, "__name__", str(kind))
