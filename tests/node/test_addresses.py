"""Signed addresses: what can be told, what is believed, and what is newer (rule R65)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kit.ledger import key
from node import wire
from node.addresses import (
    REACHABLE,
    SignedAddress,
    check_address,
    is_reachable,
    next_sequence,
    sign_address,
)
from p2p.peers import parse_address
from primitives import limits
from primitives.codec import decode, encode
from primitives.errors import BadSignature, Malformed
from primitives.ids import ChainId, NodeKey, Signature, TimeMs

CHAIN, OTHER_CHAIN = ChainId(bytes(range(32))), ChainId(bytes(32))
LONGEST = "a" * 253 + ":65535"

addresses = st.lists(st.from_regex(REACHABLE, fullmatch=True), max_size=4).map(tuple)
sequences = st.integers(0, 2**63 - 1)


@given(st.from_regex(REACHABLE, fullmatch=True))
def test_what_may_be_told_can_be_dialled(text: str) -> None:
    """The network's own reader of addresses finds a host and a port in each."""
    host, port = parse_address(text)

    assert host
    assert 1 <= port <= 65535
    assert is_reachable(text)


@pytest.mark.parametrize(
    "text",
    ["", "host", "host:", ":1", "host:0", "host:65536", "host:017", "a b:1", "::1:17", "h:1\n",
     "host/path:1", "user@host:1", "[::1]", "a" * 254 + ":1"],
)  # fmt: skip
def test_nothing_else_may_be_told(text: str) -> None:
    """No port nobody listens on, no user, no path, no second line."""
    assert not is_reachable(text)


@given(addresses, sequences)
def test_what_a_node_says_of_itself_is_believed_on_its_chain(
    said: tuple[str, ...], sequence: int
) -> None:
    """By its signature alone, whoever brings it, and after a way over the wire."""
    page = sign_address(key("node"), CHAIN, said, sequence=sequence)
    sent = wire.read(wire.write(wire.Addresses((page,))))

    assert sent == wire.Addresses((page,))
    check_address(page, CHAIN)
    with pytest.raises(BadSignature):
        check_address(page, OTHER_CHAIN)


@given(addresses, sequences, st.integers(0, 511))
def test_nothing_of_it_can_be_changed(said: tuple[str, ...], sequence: int, bit: int) -> None:
    """Neither whose it is, nor its number, nor an address, nor the signature."""
    page = sign_address(key("node"), CHAIN, said, sequence=sequence)
    spoilt = bytearray(page.signature)
    spoilt[bit // 8] ^= 1 << bit % 8
    other = NodeKey(key("other node").public)

    for forged in (
        SignedAddress(other, sequence, said, page.signature),
        SignedAddress(page.node_key, sequence ^ 1, said, page.signature),
        SignedAddress(page.node_key, sequence, ("evil.example:1",), page.signature),
        SignedAddress(page.node_key, sequence, said, Signature(bytes(spoilt))),
    ):
        with pytest.raises(BadSignature):
            check_address(forged, CHAIN)


@given(st.integers(0, 2**42), st.none() | sequences)
def test_the_next_word_of_a_node_is_newer(now_ms: int, known: int | None) -> None:
    """Also with a clock that went back, and without a database at the time of the clock."""
    page = None if known is None else sign_address(key("node"), CHAIN, (), sequence=known)

    number = next_sequence(TimeMs(now_ms), page)

    assert now_ms <= number < 2**63
    assert known is None or number > known or number == known == 2**63 - 1


def test_a_page_and_a_message_have_their_largest_sizes() -> None:
    """ADDRESS_LENGTH_MAX, ADDRESSES_PER_PEER_MAX, ADDRESS_PAGE_BYTES_MAX, ADDRESSES_MESSAGE_MAX."""
    assert is_reachable(LONGEST)
    assert len(LONGEST) < limits.ADDRESS_LENGTH_MAX
    assert not is_reachable("a" + LONGEST)
    most = (LONGEST,) * limits.ADDRESSES_PER_PEER_MAX
    page = sign_address(key("node"), CHAIN, most, sequence=2**63 - 1)
    assert len(encode(page)) <= limits.ADDRESS_PAGE_BYTES_MAX
    wire.read(wire.write(wire.Addresses((page,) * limits.ADDRESSES_MESSAGE_MAX)))
    wire.read(wire.write(wire.WantAddresses((page.node_key,) * limits.ADDRESSES_MESSAGE_MAX)))

    for wrong in (
        wire.Addresses((page,) * (limits.ADDRESSES_MESSAGE_MAX + 1)),
        wire.WantAddresses((page.node_key,) * (limits.ADDRESSES_MESSAGE_MAX + 1)),
        wire.Addresses((sign_address(key("node"), CHAIN, (*most, LONGEST), sequence=1),)),
        wire.Addresses((sign_address(key("node"), CHAIN, ("host:0",), sequence=1),)),
    ):
        with pytest.raises(Malformed):
            wire.read(wire.write(wrong))
    with pytest.raises(Malformed):
        decode(encode(page) + b"\0", SignedAddress, limit=limits.ADDRESS_PAGE_BYTES_MAX)
