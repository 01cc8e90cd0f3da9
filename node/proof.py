"""Proof files: everything somebody needs to check a receipt or a state entry without any node.

The exact bytes are docs/proof-format.md; `verifier/` reads them with code of its own. These are
pure functions: whoever has the blocks, the receipts and the tree's siblings makes the file.

Of a certificate only a quorum goes into the file, the first seats that signed: more signers prove
no more, and a payment's proof then fits one QR code (2,953 bytes) with seven validators.
"""

from collections.abc import Sequence
from typing import Annotated, Final, Literal, final

from msgspec import Meta, Struct

from node.lineage import Keys, Lineage, Link, quorum_of
from primitives import limits
from primitives.block import Header, transaction_hash
from primitives.certificate import Certificate
from primitives.codec import decode, encode
from primitives.digest import digest, list_path
from primitives.domains import Domain
from primitives.errors import Rejected
from primitives.ids import Natural, Sized32
from primitives.validators import ValidatorSet

TOO_LARGE: Final = "proof.too_large"

_ARRAY_OF_EIGHT: Final = b"\x98"
"""How version 2 begins; version 1 has seven values."""

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
    validators: Keys
    header: Header
    certificate: Certificate | None
    subject: ReceiptSubject | EntrySubject


@final
class LineageProof(Struct, array_like=True, frozen=True):
    """The same where the validators have changed since genesis: `links` lead to those who signed.

    `validators` are those of genesis.
    """

    format: Literal["mithaq.proof"]
    version: Literal[2]
    genesis: Header
    validators: Keys
    links: Annotated[tuple[Link, ...], Meta(min_length=1)]
    header: Header
    certificate: Certificate
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
    lineage: Lineage | None = None,
) -> ProofFile | LineageProof:
    """Proves transaction `index` of a block and what became of it.

    `transactions` and `receipts` are all of the block's, in order; `validators` those of its
    height, and `lineage` what leads to them where they are not those of genesis.
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
    return _proof(genesis, validators, lineage, header, certificate, subject)


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
    lineage: Lineage | None = None,
) -> ProofFile | LineageProof:
    """Proves that the state after a block held `value` under (`table`, `key`).

    Only block 0 has no certificate. `lineage` as for a receipt.
    """
    subject = EntrySubject(table=table, key=key, value=value, siblings=tuple(siblings))
    return _proof(genesis, validators, lineage, header, certificate, subject)


def _proof(
    genesis: Header,
    validators: ValidatorSet,
    lineage: Lineage | None,
    header: Header,
    certificate: Certificate | None,
    subject: ReceiptSubject | EntrySubject,
) -> ProofFile | LineageProof:
    assert validators.hash == header.validators_hash, "the validators of the header's height"
    signed = None if certificate is None else quorum_of(certificate, validators)
    if validators.hash == genesis.validators_hash:
        assert (signed is None) == (header.height == 0), "every block but the first is certified"
        return ProofFile(
            format="mithaq.proof",
            version=1,
            genesis=genesis,
            validators=validators.keys,
            header=header,
            certificate=signed,
            subject=subject,
        )
    assert lineage is not None, "the validators have changed since genesis"
    assert signed is not None, "every block but the first is certified"
    return LineageProof(
        format="mithaq.proof",
        version=2,
        genesis=genesis,
        validators=lineage.founders,
        links=lineage.links,
        header=header,
        certificate=signed,
        subject=subject,
    )


def write_proof(proof: ProofFile | LineageProof) -> bytes:
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


def read_proof(data: bytes) -> ProofFile | LineageProof:
    """What stands in a proof file, unjudged: `verifier` says what it proves.

    Raises:
        Malformed: not a canonical proof file of version 1 or 2.
    """
    if data[:1] == _ARRAY_OF_EIGHT:
        return decode(data, LineageProof, limit=limits.PROOF_BYTES_MAX)
    return decode(data, ProofFile, limit=limits.PROOF_BYTES_MAX)
