"""Hypothesis strategies for every type that is decoded, taken from the type itself.

`values_of(kind)` builds sound values: each field within its bounds and often on them. What a type
declares to msgspec is all that is used, so a new message is fuzzed without another line here.
`spoilt` and `mutated` make of them what no honest node writes.
"""

from collections.abc import Callable
from typing import Any

import msgspec
from hypothesis import strategies as st
from msgspec import inspect

Strategy = st.SearchStrategy[Any]
LIST_MAX = 4
"""Elements of a list in a sound value; the bounds of long lists have tests of their own."""
BYTES_MAX = 80


def values_of(kind: Any) -> Strategy:  # noqa: ANN401 - a type, or a union or alias of types
    """Sound values of a type."""
    return _of(inspect.type_info(kind))


def _of(info: inspect.Type) -> Strategy:
    build = _BUILDERS.get(type(info))
    assert build is not None, f"no strategy for {info}"
    return build(info)


def _integers(info: Any) -> Strategy:  # noqa: ANN401 - msgspec's description of a type
    low = max(
        -(2**63) if info.ge is None else info.ge, -(2**63) if info.gt is None else info.gt + 1
    )
    high = min(2**63 - 1 if info.le is None else info.le, 2**63 if info.lt is None else info.lt - 1)
    near = range(max(low, -2), min(high, 8) + 1)
    edges = sorted({low, high, *near})
    return st.sampled_from(edges) | st.integers(low, high)


def _sized(info: Any, usual: int) -> tuple[int, int]:  # noqa: ANN401 - as above
    low = info.min_length or 0
    high = usual if info.max_length is None else info.max_length
    return low, max(low, min(high, usual))


def _binary(info: Any) -> Strategy:  # noqa: ANN401 - as above
    low, high = _sized(info, BYTES_MAX)
    plain = [bytes([fill]) * size for fill in (0, 1, 255) for size in {low, high}]
    return st.sampled_from(plain) | st.binary(min_size=low, max_size=high)


def _text(info: Any) -> Strategy:  # noqa: ANN401 - as above
    low, high = _sized(info, BYTES_MAX)
    if info.pattern is not None:
        matching = st.from_regex(info.pattern, fullmatch=True)
        return matching.filter(lambda text: low <= len(text) <= high)
    return st.text(min_size=low, max_size=high)


def _list(info: Any) -> Strategy:  # noqa: ANN401 - as above
    low, high = _sized(info, LIST_MAX)
    return st.lists(_of(info.item_type), min_size=low, max_size=high).map(tuple)


def _struct(info: Any) -> Strategy:  # noqa: ANN401 - as above
    fields = {field.name: _of(field.type) for field in info.fields}

    @st.composite
    def sound(draw: st.DrawFn) -> object:
        """Drawn and not built: Hypothesis would print every field of every type."""
        return info.cls(**{name: draw(values) for name, values in fields.items()})

    return sound()


_BUILDERS: dict[type, Callable[[Any], Strategy]] = {
    inspect.BoolType: lambda _info: st.booleans(),
    inspect.NoneType: lambda _info: st.none(),
    inspect.IntType: _integers,
    inspect.BytesType: _binary,
    inspect.StrType: _text,
    inspect.VarTupleType: _list,
    inspect.TupleType: lambda info: st.tuples(*map(_of, info.item_types)),
    inspect.StructType: _struct,
    inspect.UnionType: lambda info: st.one_of(*map(_of, info.types)),
    inspect.EnumType: lambda info: st.sampled_from(list(info.cls)),
    inspect.LiteralType: lambda info: st.sampled_from(info.values),
    inspect.Metadata: lambda info: _of(info.type),
}

ANYTHING = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.sampled_from([-1, 2**31 - 1, 2**31, 2**63 - 1, 2**63, 256])
    | st.binary(max_size=BYTES_MAX)
    | st.sampled_from([bytes(31), bytes(32), bytes(33), bytes(63), bytes(64), bytes(65)])
    | st.text(max_size=8)
    | st.floats(allow_nan=False),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=8,
)
"""What MessagePack can carry."""


@st.composite
def spoilt(draw: st.DrawFn, values: Strategy) -> bytes:
    """A sound value with one part of it, however deep, replaced, left out or doubled."""
    tree = msgspec.msgpack.decode(msgspec.msgpack.encode(draw(values)))
    return msgspec.msgpack.encode(_spoil(draw, tree))


def _spoil(draw: st.DrawFn, tree: Any) -> Any:  # noqa: ANN401 - lists and leaves
    path: list[tuple[list[Any], int]] = []
    part = tree
    while isinstance(part, list) and part and draw(st.integers(0, 3)):
        index = draw(st.integers(0, len(part) - 1))
        path.append((part, index))
        part = part[index]
    if not path:
        return draw(ANYTHING)
    parent, index = path[-1]
    match draw(st.sampled_from(["replace", "drop", "double", "add"])):
        case "replace":
            parent[index] = draw(ANYTHING)
        case "drop":
            del parent[index]
        case "double":
            parent.insert(index, parent[index])
        case "add":
            parent.insert(index, draw(ANYTHING))
    return tree


HEADERS = [
    b"\xdd\xff\xff\xff\xff",
    b"\xdc\xff\xff",
    b"\xc6\xff\xff\xff\xff",
    b"\xc5\xff\xff",
    b"\xdb\xff\xff\xff\xff",
    b"\xdf\xff\xff\xff\xff",
    b"\xc9\xff\xff\xff\xff\x01",
    b"\xc1",
    b"\x91" * 2_000,
]
"""Lists, bytes, texts and maps of four billion elements; a byte that means nothing; depth."""


@st.composite
def mutated(draw: st.DrawFn, values: Strategy) -> bytes:
    """The bytes of a sound value, and then a few mishaps."""
    data = bytearray(msgspec.msgpack.encode(draw(values)))
    for _ in range(draw(st.integers(1, 3))):
        place = draw(st.integers(0, len(data)))
        end = min(len(data), place + draw(st.integers(1, 8)))
        match draw(st.sampled_from(["flip", "insert", "remove", "repeat", "cut", "header"])):
            case "flip" if place < len(data):
                data[place] ^= draw(st.integers(1, 255))
            case "insert":
                data[place:place] = draw(st.binary(min_size=1, max_size=8))
            case "remove":
                del data[place:end]
            case "repeat":
                data[place:place] = data[place:end]
            case "cut":
                del data[place:]
            case "header":
                data[place : place + draw(st.integers(0, 1))] = draw(st.sampled_from(HEADERS))
            case _:
                data += b"\0"
    return bytes(data)
