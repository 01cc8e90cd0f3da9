"""Reading a proof file: every array has its length, every value its type and size.

Limits hold before anything is hashed.
"""

from dataclasses import dataclass
from typing import Any, Final, final

import msgpack

from verifier.lineage import Anchor, Step, read_anchor, read_steps
from verifier.trust import (
    Certificate,
    Header,
    Keys,
    read_certificate,
    read_header,
    read_keys,
)
from verifier.values import INTEGER_MAX, array_of, bytes_of, list_of, natural, sized, unpack
from verifier.verdict import Invalid

FILE_BYTES_MAX: Final = 1024 * 1024
CALLS_MAX: Final = 64
SIGNATURES_MAX: Final = 64
EVENTS_MAX: Final = 65_536
LIST_DEPTH_MAX: Final = 63
STATE_DEPTH_MAX: Final = 256


@final
@dataclass(frozen=True, slots=True)
class Call:
    """One operation (tag and fields) and the account that performs it."""

    actor: bytes
    tag: str
    fields: tuple[Any, ...]


@final
@dataclass(frozen=True, slots=True)
class Transaction:
    """A signed list of calls: `body` are the bytes under its id and its signatures."""

    data: bytes
    body: bytes
    chain: bytes
    valid_until: int
    calls: tuple[Call, ...]
    signatures: tuple[tuple[bytes, bytes], ...]


@final
@dataclass(frozen=True, slots=True)
class Receipt:
    """What became of a transaction: a refusal, or events; each is a tag and its fields."""

    data: bytes
    transaction_id: bytes
    refusal: tuple[str, tuple[Any, ...]] | None
    events: tuple[tuple[str, tuple[Any, ...]], ...]


@final
@dataclass(frozen=True, slots=True)
class ReceiptSubject:
    """A transaction, its receipt, and the place of both in their block."""

    transaction: Transaction
    receipt: Receipt
    index: int
    count: int
    receipts: int
    """Of the block: those of its transactions, and then of what fell due by itself."""
    transaction_path: tuple[bytes, ...]
    receipt_path: tuple[bytes, ...]


@final
@dataclass(frozen=True, slots=True)
class EventSubject:
    """One event of a receipt, and the place of the receipt in its block."""

    receipt: Receipt
    event: int
    index: int
    count: int
    receipt_path: tuple[bytes, ...]


@final
@dataclass(frozen=True, slots=True)
class EntrySubject:
    """One entry of the state after a block."""

    table: int
    key: bytes
    value: bytes
    siblings: tuple[bytes, ...]


@final
@dataclass(frozen=True, slots=True)
class AbsentSubject:
    """A key without an entry in the state after a block.

    Its way through the state ends at `other`, the key hash and value hash of the only entry there,
    or at nothing.
    """

    table: int
    key: bytes
    siblings: tuple[bytes, ...]
    other: tuple[bytes, bytes] | None


Subject = ReceiptSubject | EventSubject | EntrySubject | AbsentSubject


@final
@dataclass(frozen=True, slots=True)
class ProofFile:
    """Everything that stands in a proof file."""

    anchor: Anchor
    steps: tuple[Step, ...]
    header: Header
    certificate: Certificate | None
    signers: Keys | None
    """Who signed the header, where these are not who is trusted after the last step."""
    subject: Subject


def read_proof_file(data: bytes) -> ProofFile:
    """The records of a proof file.

    Raises:
        Invalid: not a proof file of version 4, or one value of it breaks its rule.
    """
    if len(data) > FILE_BYTES_MAX:
        raise Invalid(f"the file has {len(data)} bytes, at most {FILE_BYTES_MAX} are allowed")
    outer = unpack(data, "the file")
    if not isinstance(outer, list) or outer[:1] != ["mithaq.proof"]:
        raise Invalid("this is not a Mithaq proof file")
    version = outer[1] if len(outer) > 1 else None
    if isinstance(version, bool) or version != 4:
        raise Invalid(f"this is a proof file of version {version!r}; this verifier knows version 4")
    _, _, anchor, steps, header, certificate, signers, subject = array_of(outer, 8, "the file")
    return ProofFile(
        anchor=read_anchor(anchor),
        steps=read_steps(steps),
        header=read_header(header, "header"),
        certificate=None if certificate is None else read_certificate(certificate),
        signers=None if signers is None else read_keys(signers, "signers"),
        subject=_subject(subject),
    )


def _subject(value: object) -> Subject:
    match value:
        case ["receipt", *_]:
            return _receipt_subject(value)
        case ["event", *_]:
            _, receipt, event, index, count, path = array_of(value, 6, "event subject")
            return EventSubject(
                _receipt(bytes_of(receipt, None, "receipt")),
                natural(event, EVENTS_MAX - 1, "event"),
                natural(index, INTEGER_MAX, "index"),
                natural(count, INTEGER_MAX, "count"),
                _path(path, "receipt path"),
            )
        case ["entry", *_]:
            _, table, key, data, siblings = array_of(value, 5, "entry subject")
            return EntrySubject(
                natural(table, 2**16 - 1, "table"),
                bytes_of(key, None, "key"),
                bytes_of(data, None, "value"),
                _siblings(siblings),
            )
        case ["absent", *_]:
            _, table, key, siblings, other = array_of(value, 5, "absent subject")
            return AbsentSubject(
                natural(table, 2**16 - 1, "table"),
                bytes_of(key, None, "key"),
                _siblings(siblings),
                None if other is None else _other(other),
            )
        case _:
            raise Invalid("the subject is none of receipt, event, entry and absent")


def _receipt_subject(value: object) -> ReceiptSubject:
    _, transaction, receipt, index, count, receipts, transaction_path, receipt_path = array_of(
        value, 8, "receipt subject"
    )
    return ReceiptSubject(
        _transaction(bytes_of(transaction, None, "transaction")),
        _receipt(bytes_of(receipt, None, "receipt")),
        natural(index, INTEGER_MAX, "index"),
        natural(count, INTEGER_MAX, "count"),
        natural(receipts, INTEGER_MAX, "receipts"),
        _path(transaction_path, "transaction path"),
        _path(receipt_path, "receipt path"),
    )


def _other(value: object) -> tuple[bytes, bytes]:
    key_hash, value_hash = array_of(value, 2, "other entry")
    return (
        bytes_of(key_hash, 32, "other entry, key hash"),
        bytes_of(value_hash, 32, "other entry, value hash"),
    )


def _path(value: object, what: str) -> tuple[bytes, ...]:
    return sized(list_of(value, 0, LIST_DEPTH_MAX, what), 32, what)


def _siblings(value: object) -> tuple[bytes, ...]:
    siblings = []
    for sibling in list_of(value, 0, STATE_DEPTH_MAX, "state path"):
        if sibling == bytes(32):
            raise Invalid("state path: an empty sibling is written as no bytes, not as 32 zeros")
        siblings.append(b"" if sibling == b"" else bytes_of(sibling, 32, "state path"))
    return tuple(siblings)


def _transaction(data: bytes) -> Transaction:
    body, signatures = array_of(unpack(data, "transaction"), 2, "transaction")
    chain, valid_until, salt, calls = array_of(body, 4, "transaction body")
    salt_size = len(bytes_of(salt, None, "salt"))
    if not 16 <= salt_size <= 32:
        raise Invalid(f"the transaction's salt has {salt_size} bytes, expected 16 to 32")
    pairs = []
    for entry in list_of(signatures, 1, SIGNATURES_MAX, "signatures"):
        key, signature = array_of(entry, 2, "signature")
        pairs.append((bytes_of(key, 32, "signer"), bytes_of(signature, 64, "signature")))
    return Transaction(
        data,
        body=msgpack.packb(body, use_bin_type=True),
        chain=bytes_of(chain, 32, "transaction, chain"),
        valid_until=natural(valid_until, INTEGER_MAX, "valid until"),
        calls=tuple(_call(call) for call in list_of(calls, 1, CALLS_MAX, "calls")),
        signatures=tuple(pairs),
    )


def _call(value: object) -> Call:
    actor, operation = array_of(value, 2, "call")
    return Call(bytes_of(actor, 32, "actor"), *_tagged(operation, "operation"))


def _receipt(data: bytes) -> Receipt:
    transaction_id, outcome, refusal, events = array_of(unpack(data, "receipt"), 4, "receipt")
    happened = list_of(events, 0, EVENTS_MAX, "events")
    match outcome:
        case "applied" if refusal is None:
            reason = None
        case "refused" if not happened:
            reason = _tagged(refusal, "refusal")
        case _:
            raise Invalid("receipt: it is neither applied without refusal nor refused with one")
    return Receipt(
        data,
        bytes_of(transaction_id, 32, "receipt, transaction id"),
        reason,
        tuple(_tagged(event, "event") for event in happened),
    )


def _tagged(value: object, what: str) -> tuple[str, tuple[Any, ...]]:
    match value:
        case [str(name), *fields]:
            return name, tuple(fields)
        case _:
            raise Invalid(f"{what}: expected an array that begins with its name")
