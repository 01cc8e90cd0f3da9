"""Every part of a proof file for people, in the order of the file."""

from collections.abc import Iterator, Sequence

from verifier.lineage import Anchor
from verifier.proof_file import (
    AbsentSubject,
    EntrySubject,
    EventSubject,
    ProofFile,
    Receipt,
    ReceiptSubject,
    Transaction,
)
from verifier.sentences import shown, shown_name, time_text
from verifier.trust import Certificate, Header, hash_of

Fields = list[tuple[str, str]]
Part = tuple[str, Fields]


def parts_of(proof: ProofFile, data: bytes) -> list[Part]:
    """Name and fields of each part; `data` are the bytes of the file."""
    parts: list[Part] = [
        ("file", [("format", "mithaq.proof, version 3"), ("bytes", f"{len(data)}")])
    ]
    parts.append(("anchor", _anchor(proof.anchor)))
    for number, step in enumerate(proof.steps, 1):
        parts.append((f"step {number}, header", _header(step.header)))
        parts.append((f"step {number}, certificate", _certificate(step.certificate)))
        parts.append((f"step {number}, keys", _keys(step.keys)))
    parts.append(("header", _header(proof.header)))
    if proof.certificate is not None:
        parts.append(("certificate", _certificate(proof.certificate)))
    if proof.signers is not None:
        parts.append(("signers", _keys(proof.signers)))
    parts.extend(_subject(proof.subject))
    return parts


def text_of(parts: Sequence[Part]) -> str:
    """As text, one part below the other."""
    blocks = []
    for name, fields in parts:
        width = max(len(label) for label, _ in fields) + 2
        lines = [name, *(f"  {label:<{width}}{value}".rstrip() for label, value in fields)]
        blocks.append("\n".join(lines))
    return "\n\n".join(blocks)


def _anchor(anchor: Anchor) -> Fields:
    kind = "genesis" if anchor.genesis is not None else "checkpoint"
    fields = [("kind", kind), ("chain", anchor.chain.hex()), ("height", str(anchor.height))]
    if anchor.genesis is not None:
        fields += [(f"genesis {label}", value) for label, value in _header(anchor.genesis)]
    return [*fields, *_keys(anchor.validators)]


def _header(header: Header) -> Fields:
    return [
        ("chain", header.chain.hex()),
        ("height", str(header.height)),
        ("parent", header.parent.hex()),
        ("time", f"{time_text(header.time_ms)} ({header.time_ms} ms)"),
        ("proposer", header.proposer.hex()),
        ("transactions root", header.transactions_root.hex()),
        ("state root", header.state_root.hex()),
        ("receipts root", header.receipts_root.hex()),
        ("validators", header.validators_hash.hex()),
        ("next validators", header.next_validators_hash.hex()),
    ]


def _certificate(certificate: Certificate) -> Fields:
    return [
        ("height", str(certificate.height)),
        ("view", str(certificate.view)),
        ("block", certificate.block_id.hex()),
        *((f"seat {seat}", signature.hex()) for seat, signature in certificate.seals),
    ]


def _keys(keys: Sequence[bytes]) -> Fields:
    listed = [(f"key of seat {seat}", key.hex()) for seat, key in enumerate(keys)]
    return [("hash of the keys", hash_of(tuple(keys)).hex()), *listed]


def _subject(
    subject: ReceiptSubject | EventSubject | EntrySubject | AbsentSubject,
) -> Iterator[Part]:
    match subject:
        case ReceiptSubject():
            yield "subject", [("kind", "receipt"), *_place(subject)]
            yield "transaction", _transaction(subject.transaction)
            yield "receipt", _receipt(subject.receipt)
            yield "transaction path", _path(subject.transaction_path)
            yield "receipt path", _path(subject.receipt_path)
        case EventSubject():
            kind = ("kind", f"event, number {subject.event + 1} of the receipt")
            yield "subject", [kind, *_place(subject)]
            yield "receipt", _receipt(subject.receipt)
            yield "receipt path", _path(subject.receipt_path)
        case EntrySubject():
            named = [("table", str(subject.table)), ("key", shown(subject.key))]
            yield "subject", [("kind", "entry"), *named, ("value", subject.value.hex())]
            yield "state path", _path(subject.siblings)
        case AbsentSubject():
            other = "none: an empty place"
            if subject.other is not None:
                other = f"key hash {subject.other[0].hex()}, value hash {subject.other[1].hex()}"
            named = [("table", str(subject.table)), ("key", shown(subject.key))]
            yield "subject", [("kind", "absent"), *named, ("entry in its place", other)]
            yield "state path", _path(subject.siblings)


def _place(subject: ReceiptSubject | EventSubject) -> Fields:
    return [("index", str(subject.index)), ("count", str(subject.count))]


def _transaction(transaction: Transaction) -> Fields:
    fields = [
        ("bytes", str(len(transaction.data))),
        ("chain", transaction.chain.hex()),
        ("valid until", time_text(transaction.valid_until)),
    ]
    for number, call in enumerate(transaction.calls, 1):
        fields.append((f"call {number}, actor", call.actor.hex()))
        fields.append((f"call {number}, {shown_name(call.tag)}", shown(list(call.fields))))
    for key, signature in transaction.signatures:
        fields.append((f"signature of {key.hex()[:16]}…", signature.hex()))
    return fields


def _receipt(receipt: Receipt) -> Fields:
    outcome = "applied"
    if receipt.refusal is not None:
        outcome = f"refused: {shown_name(receipt.refusal[0])} {shown(list(receipt.refusal[1]))}"
    return [
        ("bytes", str(len(receipt.data))),
        ("transaction", receipt.transaction_id.hex()),
        ("outcome", outcome),
        *(
            (f"event {number}, {shown_name(name)}", shown(list(fields)))
            for number, (name, fields) in enumerate(receipt.events, 1)
        ),
    ]


def _path(siblings: Sequence[bytes]) -> Fields:
    listed = [
        (f"sibling {depth}", sibling.hex() or "(empty)") for depth, sibling in enumerate(siblings)
    ]
    return listed or [("siblings", "none")]
