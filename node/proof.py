"""Proof files: everything somebody needs to check a receipt or a state entry without any node.

The exact bytes are docs/proof-format.md; `verifier/` reads them with code of its own. These are
pure functions: whoever has the blocks, the receipts and the tree's siblings makes the file.

Of a certificate only a quorum goes into the file, the first seats that signed: more signers prove
no more, and a payment's proof then fits one QR code (2,953 bytes) with seven validators.
"""

from collections.abc import Sequence
from typing import Annotated, Final, Literal, final

from msgspec import Meta, Struct

from primitives import limits
from primitives.block import Header, transaction_hash
from primitives.certificate import Certificate
from primitives.codec import decode, encode
from primitives.digest import digest, list_path
from primitives.domains import Domain
from primitives.errors import Rejected
from primitives.ids import Natural, Sized32, ValidatorKey
from primitives.validators import ValidatorSet

MEMBERSHIP_CHANGED: Final = "proof.membership_changed"
TOO_LARGE: Final = "proof.too_large"

ListPath = Annotated[tuple[Sized32[bytes], ...], Meta(max_length=limits.LIST_DEPTH_MAX)]
Sibling = Annotated[bytes, Meta(max_length=32)]
StatePath = Annotated[tuple[Sibling, ...], Meta(max_length=limits.STATE_DEPTH_MAX)]
TableNumber = Annotated[int, Meta(ge=0, le=2**16 - 1)]


@final
class ReceiptSubject(Struct, array_like=True, frozen=True, tag="receipt"):
    """A whole transaction and its receipt, both at `index` of `count` in their block."""

    transaction: bytes
    receipt: bytes
    index: Natural[int]
    count: Natural[int]
    transaction_path: ListPath
    receipt_path: ListPath


@final
class EntrySubject(Struct, array_like=True, frozen=True, tag="entry"):
    """One entry of the state; siblings from the root down, an empty one as no bytes."""

    table: TableNumber
    key: bytes
    value: bytes
    siblings: StatePath


@final
class ProofFile(Struct, array_like=True, frozen=True):
    """The chain of trust from genesis to the subject."""

    format: Literal["mithaq.proof"]
    version: Literal[1]
    genesis: Header
    validators: Annotated[tuple[Sized32[ValidatorKey], ...], Meta(max_length=limits.VALIDATORS_MAX)]
    header: Header
    certificate: Certificate | None
    subject: ReceiptSubject | EntrySubject


def receipt_proof(
    *,
    genesis: Header,
    validators: ValidatorSet,
    header: Header,
    certificate: Certificate,
    transactions: Sequence[bytes],
    receipts: Sequence[bytes],
    index: int,
) -> ProofFile:
    """Proves transaction `index` of a block and what became of it.

    `transactions` and `receipts` are all of the block's, in order; `validators` those of its
    height.

    Raises:
        Rejected: the validators are no longer those of genesis.
    """
    assert len(transactions) == len(receipts), "each transaction has one receipt"
    hashes = [transaction_hash(transaction) for transaction in transactions]
    receipt_hashes = [digest(Domain.RECEIPT, receipt) for receipt in receipts]
    subject = ReceiptSubject(
        transaction=transactions[index],
        receipt=receipts[index],
        index=index,
        count=len(transactions),
        transaction_path=list_path(hashes, index),
        receipt_path=list_path(receipt_hashes, index),
    )
    return _proof(genesis, validators, header, certificate, subject)


def entry_proof(
    *,
    genesis: Header,
    validators: ValidatorSet,
    header: Header,
    certificate: Certificate | None,
    table: int,
    key: bytes,
    value: bytes,
    siblings: Sequence[bytes],
) -> ProofFile:
    """Proves that the state after a block held `value` under (`table`, `key`).

    Only block 0 has no certificate.

    Raises:
        Rejected: the validators are no longer those of genesis.
    """
    subject = EntrySubject(table=table, key=key, value=value, siblings=tuple(siblings))
    return _proof(genesis, validators, header, certificate, subject)


def _proof(
    genesis: Header,
    validators: ValidatorSet,
    header: Header,
    certificate: Certificate | None,
    subject: ReceiptSubject | EntrySubject,
) -> ProofFile:
    assert (certificate is None) == (header.height == 0), "every block but the first is certified"
    if not validators.hash == header.validators_hash == genesis.validators_hash:
        raise Rejected(
            MEMBERSHIP_CHANGED,
            "the validators have changed since genesis; this version of the proof file cannot "
            "carry the lineage",
            {"height": header.height},
        )
    return ProofFile(
        format="mithaq.proof",
        version=1,
        genesis=genesis,
        validators=validators.keys,
        header=header,
        certificate=None if certificate is None else quorum_of(certificate, validators),
        subject=subject,
    )


def quorum_of(certificate: Certificate, validators: ValidatorSet) -> Certificate:
    """The first seals of a certificate, as many as prove it."""
    return Certificate(
        height=certificate.height,
        view=certificate.view,
        block_id=certificate.block_id,
        seals=certificate.seals[: validators.quorum],
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
        Malformed: not a canonical proof file of version 1.
    """
    return decode(data, ProofFile, limit=limits.PROOF_BYTES_MAX)
