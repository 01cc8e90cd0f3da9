"""The named form: what it looks like, that nothing is lost in it, that nothing loose gets in."""

import json
from enum import Enum
from typing import Annotated, Any, Generic, NewType, TypeVar

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Meta, Struct

from primitives.codec import encode
from primitives.errors import Malformed
from primitives.ids import INTEGER_MAX, Natural, Sized32
from primitives.named import EXACT_MAX, from_named, named, to_named

Key = NewType("Key", bytes)
T = TypeVar("T")


class Colour(Enum):
    RED = "red"
    GREEN = "green"


class Deed(Struct, array_like=True, frozen=True, tag_field="deed"):
    """A deed."""


class Paint(Deed, tag="paint", frozen=True):
    """Paint something."""

    colour: Annotated[Colour, Meta(description="what it looks like then")]
    coats: Annotated[int, Meta(ge=1, le=3)]


class Move(Deed, tag="move", frozen=True):
    """Move something."""

    metres: Natural[int]
    why: Annotated[str, Meta(max_length=5)] | None


class Thing(Struct, array_like=True, frozen=True):
    """Nested things."""

    key: Sized32[Key]
    loose: bytes
    deeds: tuple[Paint | Move, ...]
    pair: tuple[bool, str]
    other: Key | None


class Box(Struct, Generic[T], array_like=True, frozen=True):
    """Holds one."""

    content: T


THING = Thing(
    key=Key(bytes(range(32))),
    loose=b"\xff\x00",
    deeds=(Paint(Colour.RED, 2), Move(EXACT_MAX, None), Move(EXACT_MAX + 1, "big")),
    pair=(True, "é"),
    other=None,
)
NAMED: dict[str, Any] = {
    "key": bytes(range(32)).hex(),
    "loose": "ff00",
    "deeds": [
        {"deed": "paint", "colour": "red", "coats": 2},
        {"deed": "move", "metres": 9007199254740992, "why": None},
        {"deed": "move", "metres": "9007199254740993", "why": "big"},
    ],
    "pair": [True, "é"],
    "other": None,
}


def changed(**fields: object) -> dict[str, Any]:
    return {**NAMED, **fields}


def test_a_value_is_shown_by_the_names_of_its_fields() -> None:
    """Bytes as hexadecimal, large integers as strings, the tag under its own name."""
    assert to_named(THING) == NAMED


def test_the_named_form_is_read_back() -> None:
    """From JSON bytes as from what a reader made of them."""
    assert from_named(NAMED, Thing) == THING
    assert from_named(json.dumps(NAMED).encode(), Thing) == THING


def test_a_generic_struct_has_a_twin_for_each_content() -> None:
    """The content's type is the alias's."""
    kind: Any = Box[Paint | Move]
    box = Box(Move(3, "far"))

    assert to_named(box) == {"content": {"deed": "move", "metres": 3, "why": "far"}}
    assert from_named(to_named(box), kind) == box
    with pytest.raises(Malformed, match="Expected `object`, got `str`"):
        from_named({"content": "far"}, kind)


def test_a_union_has_a_twin_too() -> None:
    """The tag chooses the member."""
    kind: Any = Paint | Move

    assert from_named({"deed": "paint", "colour": "green", "coats": 1}, kind) == Paint(
        Colour.GREEN, 1
    )


def test_the_schema_says_what_the_structs_say() -> None:
    """Docstrings, field descriptions, bounds and closed objects."""
    schema = msgspec.json.schema(named(Thing))["$defs"]

    assert schema["Paint"]["description"] == "Paint something."
    assert schema["Paint"]["properties"]["colour"]["description"] == "what it looks like then"
    assert schema["Paint"]["properties"]["coats"] == {"type": "integer", "minimum": 1, "maximum": 3}
    assert schema["Thing"]["properties"]["key"]["maxLength"] == 64
    assert schema["Thing"]["additionalProperties"] is False


def test_one_kind_has_one_twin() -> None:
    """Otherwise a schema would name it twice."""
    assert named(Thing) is named(Thing)


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (changed(extra=1), "unknown field `extra`"),
        ({k: v for k, v in NAMED.items() if k != "pair"}, "missing required field `pair`"),
        (changed(key="ab"), r"length >= 64 - at `\$.key`, found \"ab\""),
        (changed(key="zz" * 32), r"matching regex .* - at `\$.key`, found \"zz"),
        (changed(key="AB" * 32), r"matching regex .* - at `\$.key`"),
        (changed(loose="abc"), r"matching regex .* - at `\$.loose`, found \"abc\""),
        (changed(loose="ab\n"), r"matching regex .* - at `\$.loose`"),
        (changed(loose=7), r"Expected `str`, got `int` - at `\$.loose`, found 7"),
        (changed(pair=[1, "é"]), r"Expected `bool`, got `int` - at `\$.pair\[0\]`, found 1"),
        (changed(pair=[True]), r"length 2, got 1 - at `\$.pair`"),
        (changed(pair=[True, "\ud800"]), "Expected Unicode text"),
        (changed(deeds=[{"deed": "sing"}]), r"Invalid value 'sing' - at `\$.deeds\[0\].deed`"),
        (changed(deeds=[{"deed": "paint", "colour": "blue", "coats": 1}]), 'found "blue"'),
        (changed(deeds=[{"deed": "paint", "colour": "red", "coats": 4}]), "<= 3 .* found 4"),
        (changed(deeds=[{"deed": "paint", "colour": "red", "coats": "2"}]), "Expected `int`"),
        (changed(deeds=[{"deed": "move", "metres": -1, "why": None}]), ">= 0 .* found -1"),
        (changed(deeds=[{"deed": "move", "metres": 1.0, "why": None}]), "found 1.0"),
        (changed(deeds=[{"deed": "move", "metres": EXACT_MAX + 1, "why": None}]), "<= 9007199"),
        (changed(deeds=[{"deed": "move", "metres": "01", "why": None}]), "matching regex"),
        (
            changed(deeds=[{"deed": "move", "metres": str(INTEGER_MAX + 1), "why": None}]),
            r"Expected `int` from 0 to 9223372036854775807 - at `\$.deeds\[0\].metres`, found '9",
        ),
        (
            changed(deeds=[{"deed": "move", "metres": "-1", "why": None}]),
            r"from 0 .* found '-1'",
        ),
        (changed(deeds=[{"deed": "move", "metres": 1, "why": "longer"}]), "length <= 5"),
        ([], r"Expected `object`, got `array`"),
        (7, r"got `int` - at `\$`, found 7"),
    ],
)
def test_what_is_wrong_is_named_with_its_place(bad: object, message: str) -> None:
    """Where, what was expected, what was found."""
    with pytest.raises(Malformed, match=message):
        from_named(bad, Thing)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"\xff", "not JSON"),
        (b"{", "not JSON"),
        (b"", "not JSON"),
        (b"[" * 100_000, "not JSON"),
        (b"1" * 5_000, "not JSON"),
        (b'{"key": 1, "key": 1}', "key twice"),
        (b'{"\\ud800": 1}', "no Unicode"),
    ],
)
def test_bytes_that_are_no_json_are_refused(data: bytes, message: str) -> None:
    """Nor a key twice in one object, of which readers would pick different ones."""
    with pytest.raises(Malformed, match=message):
        from_named(data, Thing)


def test_a_struct_with_defaults_has_no_named_form() -> None:
    """The codec's arrays leave nothing out, so neither do names."""

    class Lazy(Struct, array_like=True):
        """With a default."""

        field: int = 0

    with pytest.raises(TypeError, match="field has a default"):
        named(Lazy)


def test_a_union_whose_members_look_alike_has_no_named_form() -> None:
    """Hexadecimal bytes and a large integer are both strings in JSON."""

    class Ambiguous(Struct, array_like=True):
        """One or the other."""

        field: bytes | int

    with pytest.raises(TypeError, match="look alike"):
        named(Ambiguous)


def test_a_float_has_no_named_form() -> None:
    """There are no floats under a hash."""

    class Broken(Struct, array_like=True):
        """With a float."""

        field: float

    with pytest.raises(TypeError, match="has no named form"):
        named(Broken)
    with pytest.raises(TypeError, match="has no named form"):
        to_named(1.5)


deeds = st.one_of(
    st.builds(Paint, colour=st.sampled_from(Colour), coats=st.integers(1, 3)),
    st.builds(Move, metres=st.integers(0, INTEGER_MAX), why=st.none() | st.text(max_size=5)),
)
things = st.builds(
    Thing,
    key=st.binary(min_size=32, max_size=32).map(Key),
    loose=st.binary(max_size=9),
    deeds=st.lists(deeds, max_size=4).map(tuple),
    pair=st.tuples(st.booleans(), st.text(max_size=9)),
    other=st.none() | st.binary(max_size=3).map(Key),
)


@given(things)
def test_nothing_is_lost_by_name(thing: Thing) -> None:
    """There and back through JSON gives the same canonical bytes."""
    data = json.dumps(to_named(thing)).encode()

    assert encode(from_named(data, Thing)) == encode(thing)
