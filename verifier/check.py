"""From the pinned chain id down to the subject, one link after the other.

    pinned id ═ hash(genesis header) ─► validators ─► certificate over hash(header)
        header ─► transactions root and receipts root ─► transaction and its receipt
               └► state root ─► entry

Membership: version 1 of the format carries no lineage of validator sets. The set that signed must
be the set of the genesis header; where it has changed since, the proof is refused, not believed.
"""

import struct

from nacl.bindings import crypto_sign_open
from nacl.exceptions import CryptoError

from verifier import sentences
from verifier.hashes import empty_list_root, list_root, state_root, tag, tagged_hash
from verifier.proof_file import (
    EntrySubject,
    Header,
    ProofFile,
    ReceiptSubject,
    Transaction,
    read_proof_file,
)
from verifier.verdict import Invalid, Outcome, Verdict


def verify(data: bytes, pinned_chain: bytes | None) -> Verdict:
    """Judge a proof file. `pinned_chain` is the id of the chain that the reader trusts, if any."""
    try:
        proof = read_proof_file(data)
        chain = _check_chain(proof, pinned_chain)
        block_id = _check_header(proof, chain)
        _check_certificate(proof, chain, block_id)
        match proof.subject:
            case ReceiptSubject():
                _check_receipt(proof.header, proof.subject, chain)
            case EntrySubject():
                _check_entry(proof.header, proof.subject)
    except Invalid as reason:
        return Verdict(Outcome.INVALID, f"This file proves nothing: {reason}.")
    return Verdict(
        Outcome.NOT_PINNED if pinned_chain is None else Outcome.VALID,
        sentences.sentence(proof, chain),
        sentences.details(proof, chain, block_id),
        chain,
    )


def quorum(validators: int) -> int:
    """q = n − ⌊(n − 1) / 3⌋: fewer than a third of the validators may lie."""
    return validators - (validators - 1) // 3


def _check_chain(proof: ProofFile, pinned_chain: bytes | None) -> bytes:
    genesis, zero = proof.genesis, bytes(32)
    chain = tagged_hash("block", genesis.data)
    if pinned_chain is not None and chain != pinned_chain:
        raise Invalid(f"it is of chain {chain.hex()}, you pinned {pinned_chain.hex()}")
    if genesis.height != 0:
        raise Invalid(f"the genesis header has height {genesis.height}, expected 0")
    if not genesis.chain == genesis.parent == genesis.proposer == zero:
        raise Invalid("the genesis header names a chain, a parent or a proposer")
    if not genesis.transactions_root == genesis.receipts_root == empty_list_root():
        raise Invalid("the genesis header has transactions or receipts")
    if genesis.validators_hash != genesis.next_validators_hash:
        raise Invalid("the genesis header names two sets of validators")
    return chain


def _check_header(proof: ProofFile, chain: bytes) -> bytes:
    header, keys = proof.header, proof.validators
    if header.height == 0:
        if header != proof.genesis:
            raise Invalid("the header of block 0 is not the genesis header")
    elif header.chain != chain:
        raise Invalid(
            f"the header is of chain {header.chain.hex()}, the genesis header of {chain.hex()}"
        )
    if list(keys) != sorted(set(keys)):
        raise Invalid("the validators are not in ascending order, each once")
    named = tagged_hash("validators", _packed_keys(keys))
    if named != header.validators_hash:
        raise Invalid("the validators listed are not those that the header names")
    if named != proof.genesis.validators_hash:
        raise Invalid(
            "the validators have changed since genesis, and this version of the format cannot "
            "prove how"
        )
    return tagged_hash("block", header.data)


def _packed_keys(keys: tuple[bytes, ...]) -> bytes:
    count = len(keys)
    opening = bytes([0x90 | count]) if count < 16 else b"\xdc" + count.to_bytes(2, "big")
    return opening + b"".join(b"\xc4\x20" + key for key in keys)


def _check_certificate(proof: ProofFile, chain: bytes, block_id: bytes) -> None:
    header, certificate, keys = proof.header, proof.certificate, proof.validators
    if header.height == 0:
        if certificate is not None:
            raise Invalid("block 0 has a certificate, but nobody votes on it")
        return
    if certificate is None:
        raise Invalid(f"block {header.height} has no certificate")
    if certificate.height != header.height:
        raise Invalid(
            f"the certificate is of height {certificate.height}, the header of {header.height}"
        )
    if certificate.block_id != block_id:
        raise Invalid("the certificate is of another block than the header")
    seats = [seat for seat, _ in certificate.seals]
    if seats != sorted(set(seats)):
        raise Invalid(f"the signers' seats are not in ascending order, each once: {seats}")
    if seats and seats[-1] >= len(keys):
        raise Invalid(f"seat {seats[-1]} signed, but there are {len(keys)} validators")
    if len(seats) < quorum(len(keys)):
        raise Invalid(
            f"{len(seats)} of {len(keys)} validators signed, a quorum is {quorum(len(keys))}"
        )
    statement = tag("commit") + struct.pack(
        ">32sQI32s", chain, certificate.height, certificate.view, block_id
    )
    for seat, signature in certificate.seals:
        if not _signed(keys[seat], statement, signature):
            raise Invalid(f"the signature of validator {seat} does not verify")


def _check_receipt(header: Header, subject: ReceiptSubject, chain: bytes) -> None:
    transaction, receipt = subject.transaction, subject.receipt
    if header.height == 0:
        raise Invalid("block 0 holds no transaction")
    _check_transaction(transaction, chain)
    identifier = tagged_hash("transaction-id", transaction.body)
    if receipt.transaction_id != identifier:
        raise Invalid(
            f"the receipt is of transaction {receipt.transaction_id.hex()}, "
            f"the file holds {identifier.hex()}"
        )
    for what, domain, data, path, root in (
        (
            "transaction",
            "transaction-hash",
            transaction.data,
            subject.transaction_path,
            header.transactions_root,
        ),
        ("receipt", "receipt", receipt.data, subject.receipt_path, header.receipts_root),
    ):
        item = tagged_hash(domain, data)
        if list_root(item, subject.index, subject.count, path, f"{what} path") != root:
            raise Invalid(
                f"the {what} is not number {subject.index + 1} of {subject.count} in the block"
            )


def _check_transaction(transaction: Transaction, chain: bytes) -> None:
    if transaction.chain != chain:
        raise Invalid(f"the transaction is made for chain {transaction.chain.hex()}")
    keys = [key for key, _ in transaction.signatures]
    if keys != sorted(set(keys)):
        raise Invalid("the transaction's signers are not in ascending order, each once")
    message = tag("transaction-signature") + transaction.body
    for key, signature in transaction.signatures:
        if not _signed(key, message, signature):
            raise Invalid(f"the transaction's signature of key {key.hex()} does not verify")


def _check_entry(header: Header, subject: EntrySubject) -> None:
    root = state_root(subject.table, subject.key, subject.value, subject.siblings)
    if root != header.state_root:
        raise Invalid("the entry does not lead to the state root of the header")


def _signed(key: bytes, message: bytes, signature: bytes) -> bool:
    try:
        crypto_sign_open(signature + message, key)
    except CryptoError:
        return False
    return True
