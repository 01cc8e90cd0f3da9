"""The one decoder: every kind out and back, and nothing else in."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from consensus.messages import Status
from kit import consensus as made
from kit.certified import named_digest, sample_header
from kit.situations import ABOUT
from node import wire
from primitives import limits
from primitives.block import Block
from primitives.codec import encode
from primitives.errors import Malformed
from primitives.ids import BlockId, Height, Seat, Signature, TransactionHash, View
from primitives.statements import Witness

BLOCK = Block(sample_header(), (b"one", b"two"))
HASHES = (TransactionHash(named_digest("a")), TransactionHash(named_digest("b")))
CHANGES = tuple(made.stripped(made.view_change(seat, 1)) for seat in range(3))
WITNESS = Witness(b"a statement", Signature(bytes(64)))
MESSAGES: dict[str, wire.Wire | wire.Aside] = {
    "proposal with its body": wire.Proposed(made.pre_prepare("X"), wire.FullBody(BLOCK)),
    "proposal with hashes": wire.Proposed(
        made.pre_prepare("X", view=1, changes=CHANGES, proof=made.prepared("X")),
        wire.CompactBody(BLOCK.header, HASHES),
    ),
    "proposal without": wire.Proposed(made.pre_prepare("X"), None),
    "prepare": made.prepare(1, "X"),
    "commit": made.commit(2, "X", view=2**31 - 1, height=2**63 - 1),
    "view change": made.view_change(3, 4, made.prepared("X", view=3)),
    "view change without a claim": made.view_change(3, 4),
    "status": Status(
        height=Height(1),
        wish=View(2),
        entered=View(-1),
        has_proposal=True,
        prepares=b"\x05",
        commits=b"",
        view_changes=(View(0), View(2)),
        newest_of_yours=WITNESS,
        signs=True,
    ),
    "decided": wire.Decided(BLOCK, made.committed("X")),
    "fetch": wire.Fetch(BlockId(bytes(32))),
    "body": wire.Body(BLOCK),
    "transactions": wire.Transactions((b"one", b"")),
    "offer": wire.Offer(HASHES),
    "want": wire.Want(()),
    "about": ABOUT,
}


@pytest.mark.parametrize("name", MESSAGES)
def test_each_kind_comes_back_as_it_was(name: str) -> None:
    """As the same kind, with the same bytes."""
    message = MESSAGES[name]

    read = wire.read(wire.write(message))

    assert type(read) is type(message)
    assert read == message
    assert wire.write(read) == wire.write(message)


@pytest.mark.parametrize("name", MESSAGES)
def test_what_stands_behind_a_message_spoils_it(name: str) -> None:
    """And so does what is missing at its end."""
    data = wire.write(MESSAGES[name])

    for bad in (data + b"\0", data + data, data[:-1], b""):
        with pytest.raises(Malformed):
            wire.read(bad)


def test_a_message_has_so_many_bytes() -> None:
    """One more is refused before it is looked at."""
    with pytest.raises(Malformed, match="at most"):
        wire.read(bytes(limits.MESSAGE_BYTES_MAX + 1))
    with pytest.raises(Malformed, match="not a"):
        wire.read(bytes(limits.MESSAGE_BYTES_MAX))


@pytest.mark.parametrize("tag", [0, 2, 7, 8, 19, 20, 21, 29, 127])
def test_a_kind_that_nobody_knows_is_malformed(tag: int) -> None:
    """Among them what stands only inside others, and what never leaves a node."""
    with pytest.raises(Malformed):
        wire.read(bytes([0x92, tag, 0xC4, 0x00]))
    with pytest.raises(Malformed):
        wire.read(bytes([0x91, tag]))


def test_other_encodings_of_the_same_message_are_refused() -> None:
    """A longer integer, a longer length: one message has one form."""
    data = wire.write(made.prepare(1, "X"))
    assert data[:4] == b"\x96\x04\x01\x00"

    longer_array = b"\xdc\x00\x06" + data[1:]
    longer_integer = data[:2] + b"\xcc\x01" + data[3:]
    extra_field = b"\x97" + data[1:] + b"\xc0"
    for bad in (longer_array, longer_integer, extra_field):
        with pytest.raises(Malformed):
            wire.read(bad)


def test_fields_outside_their_bounds_are_malformed() -> None:
    """Before anybody looks for a seat or a key."""
    vote, change = made.prepare(1, "X"), made.view_change(1, 1)
    for bad in (
        replace(vote, seat=Seat(256)),
        replace(vote, view=View(2**31)),
        replace(vote, view=View(-1)),
        replace(vote, height=Height(-1)),
        replace(vote, height=Height(2**63)),
        replace(vote, block_id=BlockId(bytes(31))),
        replace(vote, signature=Signature(bytes(65))),
        replace(change, view=View(0)),
        replace(change, prepared_view=View(-2)),
    ):
        with pytest.raises(Malformed):
            wire.read(wire.write(bad))


FIELDS = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.binary(max_size=70)
    | st.text(max_size=8)
    | st.floats(),
    lambda inner: st.lists(inner, max_size=8) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=12,
)


@settings(max_examples=300)
@given(data=st.binary(max_size=300))
def test_no_bytes_bring_the_decoder_down(data: bytes) -> None:
    """Whatever a peer sends is a message or malformed, and nothing else."""
    try:
        message = wire.read(data)
    except Malformed:
        return
    assert wire.write(message) == data


@settings(max_examples=300)
@given(tag=st.integers(1, 30), fields=st.lists(FIELDS, max_size=8))
def test_no_structure_brings_the_decoder_down(tag: int, fields: list[object]) -> None:
    """Well-formed MessagePack with a known tag and any fields at all."""
    try:
        data = encode([tag, *fields])
    except (OverflowError, UnicodeEncodeError):
        return
    try:
        message = wire.read(data)
    except Malformed:
        return
    assert wire.write(message) == data


@settings(max_examples=300)
@given(
    name=st.sampled_from(sorted(MESSAGES)),
    place=st.integers(0, 5_000),
    flip=st.integers(1, 255),
)
def test_no_flipped_byte_brings_the_decoder_down(name: str, place: int, flip: int) -> None:
    """A real message with one byte changed: another message, or malformed."""
    data = bytearray(wire.write(MESSAGES[name]))
    data[place % len(data)] ^= flip

    try:
        message = wire.read(bytes(data))
    except Malformed:
        return
    assert wire.write(message) == bytes(data)


def test_nested_arrays_without_end_are_malformed() -> None:
    """Depth is a stranger's too."""
    with pytest.raises(Malformed):
        wire.read(b"\x91" * 100_000)
    with pytest.raises(Malformed):
        wire.read(b"\x96\x04" + b"\x91" * 100_000)


def test_lists_of_a_message_are_bounded() -> None:
    """At the limit it is read; one more is malformed."""
    hashes = (TransactionHash(bytes(32)),) * limits.BLOCK_TRANSACTIONS_MAX
    assert wire.read(wire.write(wire.Offer(hashes))) == wire.Offer(hashes)
    for bad in (
        wire.Offer((*hashes, hashes[0])),
        wire.Want((*hashes, hashes[0])),
        wire.Transactions((b"",) * (limits.BLOCK_TRANSACTIONS_MAX + 1)),
        wire.Transactions((bytes(limits.TRANSACTION_BYTES_MAX + 1),)),
        wire.Body(Block(sample_header(), (b"",) * (limits.BLOCK_TRANSACTIONS_MAX + 1))),
        wire.Proposed(
            made.pre_prepare("X", view=1, changes=CHANGES[:1] * (limits.VALIDATORS_MAX + 1)), None
        ),
    ):
        with pytest.raises(Malformed):
            wire.read(wire.write(bad))


def test_the_largest_message_fits() -> None:
    """A new-view of 128 validators with a full block of the smallest transactions."""
    seats = range(limits.VALIDATORS_MAX)
    proof = made.prepared("X", seats=seats)
    changes = tuple(made.stripped(made.view_change(seat, 1, proof)) for seat in seats)
    size = limits.BLOCK_BYTES_MAX // limits.BLOCK_TRANSACTIONS_MAX
    block = Block(sample_header(), (bytes(size),) * limits.BLOCK_TRANSACTIONS_MAX)
    message = wire.Proposed(
        made.pre_prepare("X", view=1, changes=changes, proof=proof), wire.FullBody(block)
    )

    data = wire.write(message)

    assert len(data) <= limits.MESSAGE_BYTES_MAX
    assert wire.read(data) == message


def test_a_kind_of_a_later_version_is_told_apart_from_what_is_wrong() -> None:
    """By its tag alone: every kind of ours is known, spoilt or not, and rubbish is of no kind."""
    assert not any(wire.is_foreign(wire.write(message)) for message in MESSAGES.values())
    assert not wire.is_foreign(wire.write(MESSAGES["fetch"])[:3])
    assert not any(wire.is_foreign(data) for data in (b"", b"\x91", b"rubbish", b"\x91\xff"))

    assert wire.is_foreign(encode([127, "what we do not know"]))
