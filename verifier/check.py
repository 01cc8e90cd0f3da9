"""From the pinned chain id down to the subject, one link after the other.

    pinned id ═ hash(genesis header) ─► validators ─► certificate over hash(header)
        header ─► transactions root and receipts root ─► transaction and its receipt
               └► state root ─► entry

Membership: version 1 of the format is signed by the validators of the genesis header. Where they
have changed, version 2 carries each change in a header that the validators until then certified.
"""

from verifier import sentences
from verifier.hashes import list_root, state_root, tag, tagged_hash
from verifier.proof_file import (
    EntrySubject,
    ProofFile,
    ReceiptSubject,
    Transaction,
    read_proof_file,
)
from verifier.trust import (
    Header,
    check_certificate,
    check_genesis,
    check_keys,
    check_links,
    is_signed,
)
from verifier.verdict import Invalid, Outcome, Verdict


def verify(data: bytes, pinned_chain: bytes | None) -> Verdict:
    """Judge a proof file. `pinned_chain` is the id of the chain that the reader trusts, if any."""
    try:
        proof = read_proof_file(data)
        chain = check_genesis(proof.genesis, pinned_chain)
        block_id = _check_header(proof, chain)
        _check_certified(proof, chain)
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


def _check_header(proof: ProofFile, chain: bytes) -> bytes:
    header, keys = proof.header, proof.validators
    if header.height == 0:
        if header != proof.genesis:
            raise Invalid("the header of block 0 is not the genesis header")
    elif header.chain != chain:
        raise Invalid(
            f"the header is of chain {header.chain.hex()}, the genesis header of {chain.hex()}"
        )
    if not proof.links:
        check_keys(keys, header.validators_hash, "the header")
    check_keys(keys, proof.genesis.validators_hash, "the genesis header")
    voters, _ = check_links(keys, proof.links, chain, below=header.height)
    check_keys(voters, header.validators_hash, "the header")
    return tagged_hash("block", header.data)


def _check_certified(proof: ProofFile, chain: bytes) -> None:
    header, certificate = proof.header, proof.certificate
    if header.height == 0:
        if certificate is not None:
            raise Invalid("block 0 has a certificate, but nobody votes on it")
        return
    if certificate is None:
        raise Invalid(f"block {header.height} has no certificate")
    check_certificate(header, certificate, proof.voters, chain)


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
        if not is_signed(key, message, signature):
            raise Invalid(f"the transaction's signature of key {key.hex()} does not verify")


def _check_entry(header: Header, subject: EntrySubject) -> None:
    root = state_root(subject.table, subject.key, subject.value, subject.siblings)
    if root != header.state_root:
        raise Invalid("the entry does not lead to the state root of the header")
