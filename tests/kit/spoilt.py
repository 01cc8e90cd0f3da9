"""Every way to spoil a proof file that needs no key: bytes, lengths, order, spelling.

Each function gives copies of a file, each with one change; both verifiers must say the same of all.
"""

from collections.abc import Iterator
from typing import Any, Final

import msgpack

U63_MAX: Final = 2**63 - 1
_NESTED: Final = ("receipt", "event")
"""Subjects that hold MessagePack within bytes."""


def flipped(data: bytes) -> Iterator[bytes]:
    """One bit of each byte in turn, each time another bit."""
    for place, byte in enumerate(data):
        yield data[:place] + bytes([byte ^ 1 << place % 8]) + data[place + 1 :]


def truncated(data: bytes) -> Iterator[bytes]:
    """Every shorter beginning, every shorter end, and one byte more."""
    yield from (data[:length] for length in range(len(data)))
    yield from (data[start:] for start in range(1, len(data), 7))
    yield from (data + bytes([more]) for more in (0x00, 0xC0, 0x93))


def reordered(data: bytes) -> Iterator[bytes]:
    """For each array of the file: two neighbours swapped, one left out, one twice; all reversed."""
    whole = _opened(data)
    for place in _places(whole):
        items = _at(whole, place)
        if not isinstance(items, list):
            continue
        for number in range(len(items)):
            without = items[:number] + items[number + 1 :]
            yield _closed(_with(whole, place, without))
            yield _closed(_with(whole, place, [*items[: number + 1], *items[number:]]))
            if number:
                swapped = [*items[: number - 1], items[number], items[number - 1]]
                yield _closed(_with(whole, place, swapped + items[number + 1 :]))
        yield _closed(_with(whole, place, items[::-1]))


def replaced(data: bytes) -> Iterator[bytes]:
    """Each value of the file by one of another size, kind or amount."""
    whole = _opened(data)
    for place in _places(whole):
        for other in _others(_at(whole, place)):
            yield _closed(_with(whole, place, other))


def respelt(data: bytes) -> Iterator[bytes]:
    """Each value of the file in a longer form than the shortest: the same to a lenient reader."""
    whole = _opened(data)
    for place in _places(whole):
        longer = _closed(whole, longer=place)
        if longer != data:
            yield longer


def _others(value: Any) -> list[Any]:  # noqa: ANN401 - any plain value
    match value:
        case None:
            return [0, b"", [], [bytes(32)], False]
        case bool():
            return [not value]
        case int():
            return [value + 1, max(value - 1, 0), U63_MAX, U63_MAX + 1, -1, None, b"\x01", "1"]
        case str():
            return [value + "x", value.encode(), value.upper(), ""]
        case bytes():
            return [value[:-1], value + b"\0", bytes(len(value)), b"", value[::-1], None, "text"]
        case _:
            return [None, b"", 0, []]


class _Inner(list[Any]):
    """A record that stands as bytes in the file."""


def _opened(data: bytes) -> list[Any]:
    whole: list[Any] = msgpack.unpackb(data)
    subject = whole[7]
    if subject[0] in _NESTED:
        for number, item in enumerate(subject):
            if isinstance(item, bytes):
                subject[number] = _Inner(msgpack.unpackb(item))
    return whole


def _closed(value: Any, *, longer: tuple[int, ...] | None = None) -> bytes:  # noqa: ANN401
    """The bytes of a value; the one at the place `longer` in a longer form."""
    if isinstance(value, _Inner):
        inside = _closed(list(value), longer=longer or None)
        return _written(inside, spelt_long=longer == ())
    if not isinstance(value, list):
        return _written(value, spelt_long=longer == ())
    parts = [
        _closed(item, longer=longer[1:] if longer and longer[0] == number else None)
        for number, item in enumerate(value)
    ]
    return _array_head(len(value), spelt_long=longer == ()) + b"".join(parts)


def _array_head(length: int, *, spelt_long: bool) -> bytes:
    if spelt_long:
        return b"\xdc" + length.to_bytes(2, "big") if length < 16 else _array_32(length)
    head: bytes = msgpack.Packer().pack_array_header(length)
    return head


def _array_32(length: int) -> bytes:
    return b"\xdd" + length.to_bytes(4, "big")


def _written(value: Any, *, spelt_long: bool) -> bytes:  # noqa: ANN401 - any plain value
    plain: bytes = msgpack.packb(value, use_bin_type=True)
    if not spelt_long:
        return plain
    match value:
        case bool() | None:
            return plain
        case int():
            return _longer_integer(value)
        case str():
            return b"\xda" + len(value.encode()).to_bytes(2, "big") + value.encode()
        case _:
            return b"\xc6" + len(value).to_bytes(4, "big") + bytes(value)


def _longer_integer(value: int) -> bytes:
    for head, size in ((0xCC, 1), (0xCD, 2), (0xCE, 4), (0xCF, 8)):
        spelt = bytes([head]) + value.to_bytes(size, "big") if value < 256**size else b""
        if spelt and spelt != msgpack.packb(value):
            return spelt
    return b"\xd3" + value.to_bytes(8, "big")


def _places(value: Any, place: tuple[int, ...] = ()) -> Iterator[tuple[int, ...]]:  # noqa: ANN401
    yield place
    if isinstance(value, list):
        for number, item in enumerate(value):
            yield from _places(item, (*place, number))


def _at(value: Any, place: tuple[int, ...]) -> Any:  # noqa: ANN401 - any plain value
    for number in place:
        value = value[number]
    return value


def _with(value: Any, place: tuple[int, ...], other: Any) -> Any:  # noqa: ANN401 - any plain value
    if not place:
        return _Inner(other) if isinstance(value, _Inner) and isinstance(other, list) else other
    items = list(value)
    items[place[0]] = _with(items[place[0]], place[1:], other)
    return _Inner(items) if isinstance(value, _Inner) else items
