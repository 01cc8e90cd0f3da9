"""One encoding per value: whatever would not encode to the same bytes again is refused."""

import struct

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Struct

from kit.certified import sample_header
from primitives.block import Header
from primitives.codec import decode, encode
from primitives.errors import Malformed
from primitives.named import from_named


class Small(Struct, array_like=True, frozen=True):
    number: int
    data: bytes
    items: tuple[int, ...]


class Texted(Struct, array_like=True, frozen=True):
    text: str


class One(Struct, array_like=True, frozen=True, tag="one"):
    pass


class Two(Struct, array_like=True, frozen=True, tag="two"):
    pass


TaggedTwice = tuple[One | Two, ...]


class Defaulted(Struct, array_like=True, frozen=True):
    first: int
    second: int = 2


class Left(Struct, array_like=True, frozen=True, tag="left"):
    number: int


class Right(Struct, array_like=True, frozen=True, tag="right"):
    number: int


class Nested(Struct, array_like=True, frozen=True):
    inner: "Nested | None"


SMALL = Small(number=5, data=b"ab", items=(1, 2))
CANONICAL = b"\x93\x05\xc4\x02ab\x92\x01\x02"


def test_a_struct_is_an_array_of_its_fields() -> None:
    """The sample's bytes, written by hand from the MessagePack specification."""
    assert encode(SMALL) == CANONICAL
    assert decode(CANONICAL, Small, limit=100) == SMALL


@pytest.mark.parametrize(
    ("why", "data"),
    [
        ("u8 where a fixint does", b"\x93\xcc\x05\xc4\x02ab\x92\x01\x02"),
        ("u16 where a fixint does", b"\x93\xcd\x00\x05\xc4\x02ab\x92\x01\x02"),
        ("u64 where a fixint does", b"\x93\xcf" + struct.pack(">Q", 5) + b"\xc4\x02ab\x92\x01\x02"),
        ("signed where a fixint does", b"\x93\xd0\x05\xc4\x02ab\x92\x01\x02"),
        ("float for an integer", b"\x93\xcb" + struct.pack(">d", 5) + b"\xc4\x02ab\x92\x01\x02"),
        ("bin16 where bin8 does", b"\x93\x05\xc5\x00\x02ab\x92\x01\x02"),
        ("bin32 where bin8 does", b"\x93\x05\xc6\x00\x00\x00\x02ab\x92\x01\x02"),
        ("text for bytes", b"\x93\x05\xa2ab\x92\x01\x02"),
        ("outer array16", b"\xdc\x00\x03\x05\xc4\x02ab\x92\x01\x02"),
        ("inner array16", b"\x93\x05\xc4\x02ab\xdc\x00\x02\x01\x02"),
        ("inner array32", b"\x93\x05\xc4\x02ab\xdd\x00\x00\x00\x02\x01\x02"),
        ("an array of four", b"\x94\x05\xc4\x02ab\x92\x01\x02\xc0"),
        ("an array of two", b"\x92\x05\xc4\x02ab"),
        ("a map", b"\x83\xa6number\x05\xa4data\xc4\x02ab\xa5items\x92\x01\x02"),
        ("an extension type", b"\x93\xd4\x01\x05\xc4\x02ab\x92\x01\x02"),
        ("nil for a field", b"\x93\xc0\xc4\x02ab\x92\x01\x02"),
        ("a trailing byte", CANONICAL + b"\x00"),
        ("twice", CANONICAL * 2),
        ("nothing", b""),
        ("a length that is not there", b"\x93\x05\xc4\x02ab\xdd\xff\xff\xff\xff"),
        ("a reserved byte", b"\xc1"),
    ],
)
def test_another_spelling_is_refused(why: str, data: bytes) -> None:
    """Not minimal, not of the type, too long, too short: all Malformed, nothing else (R5)."""
    with pytest.raises(Malformed):
        decode(data, Small, limit=100)
    assert why


def test_an_array_without_its_default_is_refused() -> None:
    """msgspec fills in a default; the canonical form writes it."""
    assert decode(b"\x92\x01\x02", Defaulted, limit=10) == Defaulted(1, 2)
    with pytest.raises(Malformed, match="not the canonical encoding"):
        decode(b"\x91\x01", Defaulted, limit=10)


def test_a_tag_chooses_the_struct_and_an_unknown_one_is_refused() -> None:
    """Unions are told apart by their tag alone."""
    kind: type[Left | Right] = Left | Right  # type: ignore[assignment]  # a union is no type to mypy
    assert decode(encode(Right(3)), kind, limit=100) == Right(3)
    with pytest.raises(Malformed):
        decode(b"\x92\xa6middle\x03", kind, limit=100)
    with pytest.raises(Malformed):
        decode(b"\x91\x03", kind, limit=100)


def test_text_that_is_not_utf_8_is_malformed() -> None:
    """A stranger's broken text is the stranger's fault, not an exception of ours."""
    for text in (b"\xff", b"\xc0\x80", b"\xed\xa0\x80"):
        with pytest.raises(Malformed):
            decode(b"\x91" + bytes([0xA0 + len(text)]) + text, Texted, limit=100)


@pytest.mark.parametrize("tag", ["x\x1b[2J\x9b\n\u202ey", "z" * 5_000])
def test_what_a_stranger_wrote_is_told_so_that_no_terminal_obeys_it(tag: str) -> None:
    """The tag of an operation, say: the fault's words stand in `mithaq peers`, and are few."""
    data = msgspec.msgpack.encode([[tag]])

    with pytest.raises(Malformed) as caught:
        decode(data, TaggedTwice, limit=len(data))

    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 1_000
    with pytest.raises(Malformed) as caught:
        from_named([{"type": tag}], TaggedTwice)
    assert str(caught.value).isprintable()


def test_the_limit_counts_bytes_and_holds_at_one_more() -> None:
    """The limit itself is allowed."""
    assert decode(CANONICAL, Small, limit=len(CANONICAL)) == SMALL
    with pytest.raises(Malformed, match=f"{len(CANONICAL)} bytes where at most"):
        decode(CANONICAL, Small, limit=len(CANONICAL) - 1)


@pytest.mark.parametrize("opening", [b"\x91", b"\x94\x05\xc4\x02ab\x90\x91", b"\x81\x00"])
def test_deep_nesting_is_malformed(opening: bytes) -> None:
    """A million brackets cost a refusal, neither a crash nor the stack."""
    for kind in (Nested, Small):
        with pytest.raises(Malformed):
            decode(opening + b"\x91" * 1_000_000, kind, limit=2_000_000)


small_values = st.builds(
    Small,
    number=st.integers(-(2**63), 2**63 - 1),
    data=st.binary(max_size=300),
    items=st.lists(st.integers(-(2**63), 2**63 - 1), max_size=20).map(tuple),
)


@given(small_values)
def test_decoding_undoes_encoding(value: Small) -> None:
    """Every value survives the journey."""
    assert decode(encode(value), Small, limit=10_000) == value


@given(small_values, small_values)
def test_two_values_never_share_their_bytes(one: Small, other: Small) -> None:
    """The encoding is injective."""
    assert (encode(one) == encode(other)) == (one == other)


@given(st.binary(max_size=200))
def test_arbitrary_bytes_are_canonical_or_malformed(data: bytes) -> None:
    """There is no third way."""
    try:
        value = decode(data, Small, limit=200)
    except Malformed:
        return
    assert encode(value) == data


@given(st.data())
def test_a_damaged_header_is_another_header_or_malformed(data: st.DataObject) -> None:
    """No damage is read as the header that was sent."""
    good = encode(sample_header())
    position = data.draw(st.integers(0, len(good) - 1))
    value = data.draw(st.integers(0, 255).filter(lambda byte: byte != good[position]))
    damaged = good[:position] + bytes([value]) + good[position + 1 :]
    try:
        header = decode(damaged, Header, limit=1000)
    except Malformed:
        return
    assert header != sample_header()
    assert encode(header) == damaged
