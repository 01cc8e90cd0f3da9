"""Where a node can be reached, said and signed by the node itself (rule R65).

A `SignedAddress` names the node, its addresses, and a sequence number; of two by the same node the
higher number is right. It is signed with the node's key for one chain, so that it can be passed on
by anybody and believed by everybody, and nobody keeps lists of other bodies' addresses.

The sequence number is the time at which it was made, in milliseconds, or one more than the number
that was known before, if that is higher: a node that has lost its database still counts onwards.
"""

import re
from typing import Annotated, Final, final

from msgspec import Meta, Struct

from primitives import limits
from primitives.codec import encode
from primitives.crypto import SigningKey, check_signature
from primitives.domains import Domain
from primitives.ids import (
    INTEGER_MAX,
    ChainId,
    Natural,
    NodeKey,
    Signature,
    Sized32,
    Sized64,
    TimeMs,
)

_PORT: Final = (
    r"(?:[1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5])"
)
REACHABLE: Final = rf"^(?:\[[0-9A-Fa-f:.]{{2,45}}\]|[A-Za-z0-9._-]{{1,253}}):{_PORT}(?!\n)$"
"""`host:port` or `[v6]:port`, with a port that can be dialled."""

ReachableAddress = Annotated[str, Meta(pattern=REACHABLE, max_length=limits.ADDRESS_LENGTH_MAX)]
Addresses = Annotated[tuple[ReachableAddress, ...], Meta(max_length=limits.ADDRESSES_PER_PEER_MAX)]


def is_reachable(text: str) -> bool:
    """Whether others can be told this address."""
    return len(text) <= limits.ADDRESS_LENGTH_MAX and re.search(REACHABLE, text) is not None


@final
class SignedAddress(Struct, array_like=True, frozen=True):
    """A node's own word where it can be reached; without addresses, nobody need try."""

    node_key: Sized32[NodeKey]
    sequence: Natural[int]
    addresses: Addresses
    signature: Sized64[Signature]


def sign_address(
    key: SigningKey, chain: ChainId, addresses: tuple[str, ...], *, sequence: int
) -> SignedAddress:
    """Say where the node of this key can be reached."""
    node_key = NodeKey(key.public)
    signature = key.sign(_statement(chain, node_key, sequence, addresses))
    return SignedAddress(node_key, sequence, addresses, signature)


def check_address(signed: SignedAddress, chain: ChainId) -> None:
    """Raises:
    BadSignature: the node did not say this, or not for this chain.
    """
    statement = _statement(chain, signed.node_key, signed.sequence, signed.addresses)
    check_signature(signed.node_key, statement, signed.signature)


def next_sequence(now_ms: TimeMs, known: SignedAddress | None) -> int:
    """The number of the next word of the same node; behind the last number there is none."""
    return min(INTEGER_MAX, max(int(now_ms), 0 if known is None else known.sequence + 1))


def _statement(chain: ChainId, key: NodeKey, sequence: int, addresses: tuple[str, ...]) -> bytes:
    return Domain.ADDRESSES.tag + chain + encode((key, sequence, addresses))
