"""From the anchor down to the subject, one link after the other.

anchor ─► steps ─► the validators of a header ─► certificate over hash(header)
    header ─► transactions root and receipts root ─► transaction and its receipt, or an event
           └► state root ─► an entry, or that there is none
"""

from collections.abc import Callable, Sequence

from verifier import sentences
from verifier.hashes import key_hash, list_root, state_root, state_root_without, tag, tagged_hash
from verifier.judge import Finding, judge
from verifier.lineage import Trusted, after_header, follow
from verifier.pins import AgeLimit, Pin, check_asked, check_contradiction
from verifier.proof_file import (
    AbsentSubject,
    EntrySubject,
    EventSubject,
    ProofFile,
    ReceiptSubject,
    Transaction,
    read_proof_file,
)
from verifier.trust import Header, is_signed
from verifier.verdict import Invalid, Verdict, invalid


def verify(data: bytes, pin: Pin | None, *, age: AgeLimit | None = None) -> Verdict:
    """Judge a proof file for who asks about the chain of `pin`, if about any.

    A file of another chain is invalid.
    """
    pins = () if pin is None else (pin,)
    return _verify(data, pins, age, lambda proof: _check_asked(proof, pin))


def verify_under(data: bytes, pins: Sequence[Pin], *, age: AgeLimit | None = None) -> Verdict:
    """Judge a proof file for who trusts these chains and checkpoints.

    A file of another chain is valid, but not pinned.
    """
    return _verify(data, pins, age, lambda _: None)


def _check_asked(proof: ProofFile, pin: Pin | None) -> None:
    if pin is not None:
        check_asked(proof.anchor, pin)


def _verify(
    data: bytes,
    pins: Sequence[Pin],
    age: AgeLimit | None,
    check_first: Callable[[ProofFile], None],
) -> Verdict:
    try:
        proof = read_proof_file(data)
        check_first(proof)
        check_contradiction(proof.anchor, pins)
        voters = _check_certified(proof)
        _check_subject(proof)
    except Invalid as reason:
        return invalid(reason)
    header, chain = proof.header, proof.anchor.chain
    finding = Finding(
        proof.anchor,
        (*voters.judged, (voters.hash, header.height)),
        header.height,
        header.time_ms,
        sentences.sentence(proof, chain),
        sentences.details(proof, voters, tagged_hash("block", header.data)),
    )
    return judge(finding, pins, age)


def _check_certified(proof: ProofFile) -> Trusted:
    header, certificate, genesis = proof.header, proof.certificate, proof.anchor.genesis
    trusted = follow(proof.anchor, proof.steps)
    if header.height > 0:
        if certificate is None:
            raise Invalid(f"block {header.height} has no certificate")
        return after_header(trusted, header, certificate, proof.signers, proof.anchor.chain)
    if header != genesis:
        raise Invalid("the header of block 0 is not the genesis header")
    if certificate is not None or proof.signers is not None:
        raise Invalid("block 0 has a certificate or signers, but nobody votes on it")
    if proof.steps:
        raise Invalid("steps lead to block 0, where nothing is before")
    return trusted


def _check_subject(proof: ProofFile) -> None:
    header = proof.header
    match proof.subject:
        case ReceiptSubject():
            _check_receipt(header, proof.subject, proof.anchor.chain)
        case EventSubject():
            _check_event(header, proof.subject)
        case EntrySubject(table=table, key=key, value=value, siblings=siblings):
            if state_root(table, key, value, siblings) != header.state_root:
                raise Invalid("the entry does not lead to the state root of the header")
        case AbsentSubject(table=table, key=key, siblings=siblings, other=other):
            root = state_root_without(key_hash(table, key), other, siblings)
            if root != header.state_root:
                raise Invalid("the absence does not lead to the state root of the header")


def _check_receipt(header: Header, subject: ReceiptSubject, chain: bytes) -> None:
    transaction, receipt = subject.transaction, subject.receipt
    _check_transaction(transaction, chain)
    identifier = tagged_hash("transaction-id", transaction.body)
    if receipt.transaction_id != identifier:
        raise Invalid(
            f"the receipt is of transaction {receipt.transaction_id.hex()}, "
            f"the file holds {identifier.hex()}"
        )
    item = tagged_hash("transaction-hash", transaction.data)
    place = (subject.index, subject.count)
    _check_place(
        "transaction", header, item, place, subject.transaction_path, header.transactions_root
    )
    item = tagged_hash("receipt", receipt.data)
    place = (subject.index, subject.receipts)
    _check_place("receipt", header, item, place, subject.receipt_path, header.receipts_root)


def _check_event(header: Header, subject: EventSubject) -> None:
    receipt = subject.receipt
    if subject.event >= len(receipt.events):
        raise Invalid(f"event {subject.event} of a receipt with {len(receipt.events)} events")
    item = tagged_hash("receipt", receipt.data)
    place = (subject.index, subject.count)
    _check_place("receipt", header, item, place, subject.receipt_path, header.receipts_root)


def _check_place(
    what: str,
    header: Header,
    item: bytes,
    place: tuple[int, int],
    path: tuple[bytes, ...],
    root: bytes,
) -> None:
    if header.height == 0:
        raise Invalid("block 0 holds no transaction")
    index, count = place
    if list_root(item, index, count, path, f"{what} path") != root:
        raise Invalid(f"the {what} is not number {index + 1} of {count} in the block")


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
