"""Receipts: what became of a transaction that stands in a block.

receipt hash = SHA-256(RECEIPT ‖ canonical receipt); the receipts root of a header is the list root
over them, in the order of the transactions.
"""

from collections.abc import Sequence
from enum import Enum, unique
from typing import Annotated, Any, Generic, TypeVar, final

from msgspec import Meta, Struct

from ledger.operation import Event, Refusal
from primitives import limits
from primitives.codec import decode
from primitives.digest import digest, list_root
from primitives.domains import Domain
from primitives.ids import Digest, Sized32, TransactionId

F = TypeVar("F", bound=Refusal)
E = TypeVar("E", bound=Event)


@unique
class Outcome(Enum):
    """All calls stand, or none."""

    APPLIED = "applied"
    REFUSED = "refused"


@final
class Receipt(Struct, Generic[F, E], array_like=True, frozen=True):
    """The outcome of one transaction: a refusal, or the events of its calls in order."""

    transaction_id: Sized32[TransactionId]
    outcome: Outcome
    refusal: Annotated[F | None, Meta(description="why not; none if applied")]
    events: tuple[E, ...]


def read_receipt(data: bytes, kind: Any) -> Receipt[Any, Any]:  # noqa: ANN401 - a generic alias
    """A receipt in canonical form; `kind` is `Receipt[...]` over the known refusals and events.

    Raises:
        Malformed: too large, not canonical, an unknown refusal or event.
    """
    receipt: Receipt[Any, Any] = decode(data, kind, limit=limits.RECEIPT_BYTES_MAX)
    return receipt


def receipt_hash(receipt: bytes) -> Digest:
    """SHA-256(domain ‖ canonical receipt)."""
    return digest(Domain.RECEIPT, receipt)


def receipts_root(receipts: Sequence[bytes]) -> Digest:
    """Merkle root over the receipt hashes in block order."""
    return list_root([receipt_hash(receipt) for receipt in receipts])
