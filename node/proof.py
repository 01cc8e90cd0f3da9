"""Proof files: everything somebody needs to check one fact about the chain without any node.

The exact bytes are docs/proof-format.md; `verifier/` reads them with code of its own. A file is a
lineage (`node.lineage`), which ends in a certified header, and a subject, which its roots prove:
a transaction with its receipt, one event, an entry of the state, or that there is none. These are
pure functions: whoever has the blocks, the receipts and the tree's siblings makes the file.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Final, Literal, final

from msgspec import Meta, Struct

from ledger.tree import Path
from node.lineage import Anchor, Keys, Lineage, Steps
from primitives import limits
from primitives.block import Header, transaction_hash
from primitives.certificate import Certificate
from primitives.codec import decode, encode
from primitives.digest import ListTree, digest
from primitives.domains import Domain
from primitives.errors import Rejected
from primitives.ids import Natural, Sized32

TOO_LARGE: Final = "proof.too_large"

ListPath = Annotated[tuple[Sized32[bytes], ...], Meta(max_length=limits.LIST_DEPTH_MAX)]
Sibling = Annotated[bytes, Meta(max_length=32)]
StatePath = Annotated[tuple[Sibling, ...], Meta(max_length=limits.STATE_DEPTH_MAX)]
TableNumber = Annotated[int, Meta(ge=0, le=2**16 - 1)]
EventNumber = Annotated[int, Meta(ge=0, le=limits.PROOF_EVENTS_MAX - 1)]


@final
class ReceiptSubject(Struct, array_like=True, frozen=True, tag="receipt"):
    """A whole transaction and its receipt, both at `index` in their block.

    The block has `count` transactions, and `receipts` receipts: what fell due comes behind them.
    """

    transaction: bytes
    receipt: bytes
    index: Natural[int]
    count: Natural[int]
    receipts: Natural[int]
    transaction_path: ListPath
    receipt_path: ListPath


@final
class EventSubject(Struct, array_like=True, frozen=True, tag="event"):
    """One event of a receipt, which is at `index` of `count` in its block."""

    receipt: bytes
    event: EventNumber
    index: Natural[int]
    count: Natural[int]
    receipt_path: ListPath


@final
class EntrySubject(Struct, array_like=True, frozen=True, tag="entry"):
    """One entry of the state; siblings from the root down, an empty one as no bytes."""

    table: TableNumber
    key: bytes
    value: bytes
    siblings: StatePath


@final
class AbsentSubject(Struct, array_like=True, frozen=True, tag="absent"):
    """A key without an entry: its way ends at `other`, a key hash and a value hash, or at none."""

    table: TableNumber
    key: bytes
    siblings: StatePath
    other: tuple[Sized32[bytes], Sized32[bytes]] | None


Subject = ReceiptSubject | EventSubject | EntrySubject | AbsentSubject


@final
class ProofFile(Struct, array_like=True, frozen=True):
    """The chain of trust from an anchor to the subject."""

    format: Literal["mithaq.proof"]
    version: Literal[4]
    anchor: Anchor
    steps: Steps
    header: Header
    certificate: Certificate | None
    signers: Keys | None
    subject: Subject


@final
@dataclass(frozen=True, slots=True)
class BlockLists:
    """A block's transactions and receipts with both their trees, to take paths from."""

    transactions: tuple[bytes, ...]
    receipts: tuple[bytes, ...]
    transaction_tree: ListTree
    receipt_tree: ListTree

    @classmethod
    def of(cls, transactions: Sequence[bytes], receipts: Sequence[bytes]) -> "BlockLists":
        """Both lists in the order of the block."""
        assert len(transactions) <= len(receipts), "each transaction has a receipt"
        return cls(
            tuple(transactions),
            tuple(receipts),
            ListTree([transaction_hash(transaction) for transaction in transactions]),
            ListTree([digest(Domain.RECEIPT, receipt) for receipt in receipts]),
        )


def receipt_subject(block: BlockLists, index: int) -> ReceiptSubject:
    """Transaction `index` of a block and what became of it."""
    return ReceiptSubject(
        transaction=block.transactions[index],
        receipt=block.receipts[index],
        index=index,
        count=len(block.transactions),
        receipts=len(block.receipts),
        transaction_path=block.transaction_tree.path(index),
        receipt_path=block.receipt_tree.path(index),
    )


def event_subject(block: BlockLists, index: int, event: int) -> EventSubject:
    """Event number `event` of the receipt at `index`, both from 0."""
    return EventSubject(
        receipt=block.receipts[index],
        event=event,
        index=index,
        count=len(block.receipts),
        receipt_path=block.receipt_tree.path(index),
    )


def state_subject(
    table: int, key: bytes, value: bytes | None, path: Path
) -> EntrySubject | AbsentSubject:
    """What the state held under (`table`, `key`): this value, or none."""
    if value is not None:
        return EntrySubject(table, key, value, path.siblings)
    return AbsentSubject(table, key, path.siblings, path.leaf)


def proof_file(lineage: Lineage, subject: Subject) -> ProofFile:
    """The file of a subject that stands under the header at the end of a lineage."""
    return ProofFile(
        format="mithaq.proof",
        version=4,
        anchor=lineage.anchor,
        steps=lineage.steps,
        header=lineage.header,
        certificate=lineage.certificate,
        signers=lineage.signers,
        subject=subject,
    )


def write_proof(proof: ProofFile) -> bytes:
    """The bytes of the file.

    Raises:
        Rejected: larger than a proof file may be.
    """
    data = encode(proof)
    if len(data) > limits.PROOF_BYTES_MAX:
        raise Rejected(
            TOO_LARGE,
            f"the proof has {len(data)} bytes, a file holds at most {limits.PROOF_BYTES_MAX}",
            {"bytes": len(data), "limit": limits.PROOF_BYTES_MAX},
        )
    return data


def read_proof(data: bytes) -> ProofFile:
    """What stands in a proof file, unjudged: `verifier` says what it proves.

    Raises:
        Malformed: not a canonical proof file of version 4.
    """
    return decode(data, ProofFile, limit=limits.PROOF_BYTES_MAX)
