"""What nodes say to each other: the replicas' messages, with bodies where they carry one.

One closed union, one decoder. A proposal carries its block whole up to INLINE_BODY_BYTES_MAX, and
above that the header and the hashes of its transactions, which the receivers mostly hold.
"""

from typing import Annotated, Final, final, get_args

from msgspec import Meta, Struct

from consensus.messages import Commit, Prepare, PrePrepare, Status, ViewChange
from node.about import About
from node.addresses import SignedAddress
from primitives import limits
from primitives.block import Block, Header, TransactionBytes
from primitives.certificate import Certificate
from primitives.codec import decode, encode
from primitives.ids import BlockId, NodeKey, Sized32, TransactionHash

Hashes = Annotated[
    tuple[Sized32[TransactionHash], ...], Meta(max_length=limits.BLOCK_TRANSACTIONS_MAX)
]


@final
class FullBody(Struct, array_like=True, frozen=True, tag=20):
    """A block."""

    block: Block


@final
class CompactBody(Struct, array_like=True, frozen=True, tag=21):
    """A block to be put together from the receiver's mempool."""

    header: Header
    hashes: Hashes


@final
class Proposed(Struct, array_like=True, frozen=True, tag=22):
    """A pre-prepare and its body; None where the sender relays it without having the body."""

    pre_prepare: PrePrepare
    body: FullBody | CompactBody | None


@final
class Decided(Struct, array_like=True, frozen=True, tag=23):
    """A decided block: accepted in any state (rule R22)."""

    block: Block
    certificate: Certificate


@final
class Fetch(Struct, array_like=True, frozen=True, tag=24):
    """A request for the body of a block of the current height."""

    block_id: Sized32[BlockId]


@final
class Body(Struct, array_like=True, frozen=True, tag=25):
    """The answer to Fetch."""

    block: Block


@final
class Transactions(Struct, array_like=True, frozen=True, tag=26):
    """Transactions for the mempool."""

    transactions: Annotated[
        tuple[TransactionBytes, ...], Meta(max_length=limits.BLOCK_TRANSACTIONS_MAX)
    ]


@final
class Offer(Struct, array_like=True, frozen=True, tag=27):
    """Hashes of transactions that wait here without progress."""

    hashes: Hashes


@final
class Want(Struct, array_like=True, frozen=True, tag=28):
    """The offered ones that the sender lacks."""

    hashes: Hashes


@final
class Addresses(Struct, array_like=True, frozen=True, tag=30):
    """Where nodes can be reached, each in its own signed words."""

    nodes: Annotated[tuple[SignedAddress, ...], Meta(max_length=limits.ADDRESSES_MESSAGE_MAX)]


@final
class WantAddresses(Struct, array_like=True, frozen=True, tag=31):
    """Nodes whose addresses the sender lacks."""

    nodes: Annotated[tuple[Sized32[NodeKey], ...], Meta(max_length=limits.ADDRESSES_MESSAGE_MAX)]


Wire = (
    Proposed
    | Prepare
    | Commit
    | ViewChange
    | Status
    | Decided
    | Fetch
    | Body
    | Transactions
    | Offer
    | Want
)
"""What the engine hears."""
Aside = About | Addresses | WantAddresses
"""What nodes tell each other beside: the shell keeps it, and the engine hears none of it."""
WITH_BODY: Final = (Proposed, Body, Decided)
"""Kinds that may carry a block; on a link they yield to votes."""
BULK: Final = (Transactions, Offer, Want, Addresses, WantAddresses)
"""Kinds that yield to all others."""


_TAGS: Final = frozenset(kind.__struct_config__.tag for kind in get_args(Wire | Aside))
_ARRAYS: Final = range(0x90, 0xA0)
_NUMBERS: Final = range(0x80)


def is_foreign(data: bytes) -> bool:
    """Whether this names a kind that this version does not know.

    A later version may have more to say. That is no fault of its node: who speaks of faults here
    would have two versions silence each other while a network is upgraded, node by node.
    """
    return len(data) > 1 and data[0] in _ARRAYS and data[1] in _NUMBERS and data[1] not in _TAGS


def write(message: Wire | Aside) -> bytes:
    """Canonical bytes."""
    return encode(message)


def read(data: bytes) -> Wire | Aside:
    """One message.

    Raises:
        Malformed: too large, no known kind, a field outside its bounds, or not canonical.
    """
    message: Wire | Aside = decode(data, Wire | Aside, limit=limits.MESSAGE_BYTES_MAX)  # type: ignore[arg-type]  # mypy has no type for a union as a value
    return message
