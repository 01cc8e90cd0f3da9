"""Below a certified header: a receipt or an entry is what stood there, whole and in its place."""

from typing import Any

import msgpack
import msgspec
import pytest

from kit.certified import certify
from kit.proofs import (
    KEY,
    PAYER,
    TABLE,
    VALUE,
    account,
    executed,
    id_of,
    packed,
    small_chain,
    transaction_of,
    transfer,
)
from node.proof import EntrySubject, ProofFile, ReceiptSubject
from primitives.block import Header, block_id, transaction_hash
from primitives.codec import encode
from primitives.digest import digest, list_path, list_root
from primitives.domains import Domain
from primitives.ids import View
from verifier import Outcome, verify

CHAIN = small_chain()
OTHER_CHAIN = small_chain(network="x")
RECEIPT = CHAIN.receipt_proof()
ENTRY = CHAIN.entry_proof()

replace = msgspec.structs.replace


def refused(data: bytes, why: str) -> None:
    verdict = verify(data, CHAIN.pin)
    assert verdict.outcome is Outcome.INVALID, verdict.sentence
    assert why in verdict.sentence, verdict.sentence


def receipt_subject(proof: ProofFile = RECEIPT) -> ReceiptSubject:
    assert isinstance(proof.subject, ReceiptSubject)
    return proof.subject


SECOND = receipt_subject(CHAIN.receipt_proof(1))


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (
            {
                "transaction_path": receipt_subject().receipt_path,
                "receipt_path": receipt_subject().transaction_path,
            },
            "the transaction is not number 1 of 3",
        ),
        ({"receipt_path": receipt_subject().transaction_path}, "the receipt is not number 1 of 3"),
        ({"transaction_path": SECOND.transaction_path}, "the transaction is not number 1 of 3"),
        ({"index": 1}, "is not number 2 of 3"),
        ({"index": 3}, "index 3 in a list of 3"),
        ({"count": 4}, "is not number 1 of 4"),
        ({"count": 1}, "siblings too many"),
        ({"count": 0}, "index 0 in a list of 0"),
        ({"count": 2**63 - 1}, "too few siblings"),
        ({"transaction_path": receipt_subject().transaction_path[:-1]}, "too few siblings"),
        (
            {"transaction_path": (*receipt_subject().transaction_path, bytes(32))},
            "1 siblings too many",
        ),
        ({"receipt": SECOND.receipt}, "the receipt is of transaction"),
        ({"transaction": SECOND.transaction}, "the receipt is of transaction"),
        (
            {"transaction": SECOND.transaction, "receipt": SECOND.receipt},
            "the transaction is not number 1 of 3",
        ),
    ],
)
def test_an_attack_on_the_receipt(change: dict[str, Any], why: str) -> None:
    """A transaction, its receipt and their place belong together."""
    refused(encode(replace(RECEIPT, subject=replace(receipt_subject(), **change))), why)


def test_a_made_up_receipt_is_refused() -> None:
    """The outcome is certified too, not only the transaction."""
    better = packed([id_of(CHAIN.transactions[0]), "applied", None, []])
    refused(
        encode(replace(RECEIPT, subject=replace(receipt_subject(), receipt=better))),
        "the receipt is not number 1 of 3",
    )


def certified_with(transaction: bytes, receipt: bytes | None = None) -> bytes:
    """What a quorum of *dishonest* validators could certify."""
    receipt = executed(transaction) if receipt is None else receipt
    hashes, receipts = [transaction_hash(transaction)], [digest(Domain.RECEIPT, receipt)]
    header: Header = replace(
        CHAIN.header, transactions_root=list_root(hashes), receipts_root=list_root(receipts)
    )
    return encode(
        replace(
            RECEIPT,
            header=header,
            certificate=certify(
                CHAIN.keys,
                CHAIN.validators,
                chain=CHAIN.id,
                height=header.height,
                view=View(0),
                block=block_id(header),
            ),
            subject=ReceiptSubject(
                transaction=transaction,
                receipt=receipt,
                index=0,
                count=1,
                receipts=1,
                transaction_path=list_path(hashes, 0),
                receipt_path=list_path(receipts, 0),
            ),
        )
    )


GOOD = transaction_of(CHAIN.id, [transfer()])
BODY, SIGNATURES = msgpack.unpackb(GOOD)


@pytest.mark.parametrize(
    ("transaction", "why"),
    [
        (transaction_of(OTHER_CHAIN.id, [transfer()]), "made for chain"),
        (packed([BODY, [[PAYER.public, bytes(64)]]]), "transaction's signature of key"),
        (packed([BODY, []]), "0 items, expected 1 to 64"),
        (packed([BODY, SIGNATURES * 2]), "signers are not in ascending order, each once"),
        (packed([BODY, SIGNATURES * 65]), "65 items, expected 1 to 64"),
        (packed([[*BODY[:3], []], SIGNATURES]), "0 items, expected 1 to 64"),
        (packed([[*BODY[:3], BODY[3] * 65], SIGNATURES]), "65 items, expected 1 to 64"),
        (packed([[*BODY[:2], bytes(15), BODY[3]], SIGNATURES]), "salt has 15 bytes"),
        (packed([[*BODY[:2], bytes(33), BODY[3]], SIGNATURES]), "salt has 33 bytes"),
        (packed([[*BODY[:3], [[account(PAYER), 7]]], SIGNATURES]), "begins with its name"),
        (packed([[*BODY[:3], [[account(PAYER), []]]], SIGNATURES]), "begins with its name"),
        (packed([[*BODY[:3], [[bytes(31), transfer()]]], SIGNATURES]), "31 bytes, expected 32"),
        (b"\xdc\x00\x02" + GOOD[1:], "not written canonically"),
        (GOOD + b"\0", "cannot be read"),
    ],
)
def test_even_a_certified_transaction_is_read_strictly(transaction: bytes, why: str) -> None:
    """Its form and its signatures are checked again, whoever certified it."""
    refused(certified_with(transaction, packed([bytes(32), "applied", None, []])), why)


@pytest.mark.parametrize(
    ("receipt", "why"),
    [
        ([id_of(GOOD), "applied", None], "expected an array of 4 values, found 3"),
        ([id_of(GOOD), "applied", None, [], 1], "expected an array of 4 values, found 5"),
        ([id_of(GOOD), 0.5, None, []], "a float has no place in a proof"),
        ([id_of(GOOD), "applied", None, [{}]], "a dict has no place in a proof"),
        ([id_of(GOOD), "applied", None, None], "expected an array, found NoneType"),
        ([id_of(GOOD), "applied", None, [[1]]], "begins with its name"),
        ([id_of(GOOD), "applied", ["books.overdraft"], []], "neither applied without refusal"),
        ([id_of(GOOD), "refused", ["books.overdraft"], [["x"]]], "nor refused with one"),
        ([id_of(GOOD), "refused", None, []], "begins with its name"),
        ([id_of(GOOD), 0, None, []], "neither applied without refusal nor refused with one"),
    ],
)
def test_even_a_certified_receipt_is_read_strictly(receipt: list[Any], why: str) -> None:
    """A receipt is four values."""
    refused(certified_with(GOOD, packed(receipt)), why)


def entry_subject() -> EntrySubject:
    assert isinstance(ENTRY.subject, EntrySubject)
    return ENTRY.subject


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"table": TABLE + 1}, "does not lead to the state root"),
        ({"key": KEY + b"\0"}, "does not lead to the state root"),
        ({"value": VALUE + b"\0"}, "does not lead to the state root"),
        ({"siblings": CHAIN.siblings[::-1]}, "does not lead to the state root"),
        ({"siblings": CHAIN.siblings[:-1]}, "does not lead to the state root"),
        ({"siblings": (*CHAIN.siblings, b"")}, "does not lead to the state root"),
        ({"siblings": (bytes(32), CHAIN.siblings[1])}, "written as no bytes, not as 32 zeros"),
        ({"siblings": (bytes(31), CHAIN.siblings[1])}, "31 bytes, expected 32"),
        ({"siblings": (b"\1" * 32,) * 257}, "257 items, expected 0 to 256"),
        ({"table": 2**16}, "65536 is not between 0 and 65535"),
    ],
)
def test_an_attack_on_the_entry(change: dict[str, Any], why: str) -> None:
    """Table, key, value and path all stand under the root."""
    refused(encode(replace(ENTRY, subject=replace(entry_subject(), **change))), why)
