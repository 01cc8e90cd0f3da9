"""Header and block. Below the ledger a transaction is bytes.

block id = SHA-256(domain ‖ canonical header). The header commits to everything else: the whole
transactions with their signatures, the state and the receipts *after* the block, and the
validators of this height and the next. Nothing in it depends on a view or on a vote.
"""

from collections.abc import Sequence
from typing import Annotated, final

from msgspec import Meta, Struct

from primitives import limits
from primitives.codec import encode
from primitives.digest import digest, list_root
from primitives.domains import Domain
from primitives.ids import (
    BlockId,
    ChainId,
    Digest,
    Height,
    Natural,
    Sized32,
    TimeMs,
    TransactionHash,
    ValidatorKey,
)


@final
class Header(Struct, array_like=True, frozen=True):
    """What validators sign, by its hash. Block 0 (genesis) has chain, parent and proposer zero."""

    chain: Sized32[ChainId]
    height: Natural[Height]
    parent: Sized32[BlockId]
    time_ms: Natural[TimeMs]
    proposer: Sized32[ValidatorKey]
    transactions_root: Sized32[Digest]
    state_root: Sized32[Digest]
    receipts_root: Sized32[Digest]
    validators_hash: Sized32[Digest]
    next_validators_hash: Sized32[Digest]


TransactionBytes = Annotated[bytes, Meta(max_length=limits.TRANSACTION_BYTES_MAX)]


@final
class Block(Struct, array_like=True, frozen=True):
    """A header and the canonical bytes of its transactions, in order."""

    header: Header
    transactions: Annotated[
        tuple[TransactionBytes, ...], Meta(max_length=limits.BLOCK_TRANSACTIONS_MAX)
    ]


def block_id(header: Header) -> BlockId:
    """SHA-256(domain ‖ canonical header)."""
    return BlockId(digest(Domain.BLOCK, encode(header)))


def transaction_hash(transaction: bytes) -> TransactionHash:
    """SHA-256(domain ‖ the whole transaction, signatures included)."""
    return TransactionHash(digest(Domain.TRANSACTION_HASH, transaction))


def transactions_root(hashes: Sequence[TransactionHash]) -> Digest:
    """Merkle root over the transaction hashes in block order."""
    return list_root(hashes)


def body_bytes(transactions: Sequence[bytes]) -> int:
    """Size that the block limit counts: the sum of its transactions' bytes."""
    return sum(len(transaction) for transaction in transactions)
