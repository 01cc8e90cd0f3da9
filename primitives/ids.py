"""Names for the numbers and bytes that cross package borders.

A bare `int` or `bytes` never crosses a border: mypy then refuses `height == view`. In Structs the
size is part of the type (`Sized32[BlockId]`, `Natural[Height]`), so that the decoder enforces it.
"""

from typing import Annotated, Final, NewType, TypeVar

from msgspec import Meta

Height = NewType("Height", int)
View = NewType("View", int)
TimeMs = NewType("TimeMs", int)
"""Milliseconds since 1970-01-01T00:00:00Z."""

ChainId = NewType("ChainId", bytes)
"""Id of block 0 of the chain, 32 bytes."""
BlockId = NewType("BlockId", bytes)
"""SHA-256 of the domain and the canonical header, 32 bytes. Contains neither view nor vote."""
TransactionId = NewType("TransactionId", bytes)
"""Names the act: SHA-256 of the domain and the canonical body, without signatures."""
TransactionHash = NewType("TransactionHash", bytes)
"""Names the bytes: SHA-256 of the domain and the whole transaction, signatures included."""
Digest = NewType("Digest", bytes)
"""Any other SHA-256 value: a root, the hash of a validator set, of a receipt, a commitment."""
AccountId = NewType("AccountId", bytes)
"""32 bytes that name an account; nothing can be read from them."""
ValidatorKey = NewType("ValidatorKey", bytes)
"""Ed25519 public key under which a validator votes, 32 bytes."""
NodeKey = NewType("NodeKey", bytes)
"""Ed25519 public key of a node's libp2p identity, 32 bytes. Never a voting key."""
PublicKey = NewType("PublicKey", bytes)
"""Ed25519 public key that signs transactions, 32 bytes."""
Signature = NewType("Signature", bytes)
"""Ed25519 signature, 64 bytes."""
Seat = NewType("Seat", int)
"""Index of a validator in the canonical order of its height."""

INTEGER_MAX: Final = 2**63 - 1
VIEW_MAX: Final = 2**31 - 1
NO_VIEW: Final = View(-1)
ZERO32: Final = bytes(32)
NOBODY: Final = AccountId(ZERO32)
"""Who acts where a duty falls due; no account has this id."""

_T = TypeVar("_T")
Sized32 = Annotated[_T, Meta(min_length=32, max_length=32)]
Sized64 = Annotated[_T, Meta(min_length=64, max_length=64)]
Natural = Annotated[_T, Meta(ge=0, le=INTEGER_MAX)]
Signed = Annotated[_T, Meta(ge=-INTEGER_MAX, le=INTEGER_MAX)]
ViewNumber = Annotated[_T, Meta(ge=0, le=VIEW_MAX)]
ClaimedView = Annotated[_T, Meta(ge=-1, le=VIEW_MAX)]
SeatNumber = Annotated[_T, Meta(ge=0, le=255)]


def short(identifier: bytes) -> str:
    """The first eight hexadecimal digits, for people and logs."""
    return identifier[:4].hex()
