"""Reading a proof file: every array has its length, every value its type and size.

MessagePack is read by the `msgpack` package and must encode to the same bytes again, so that no
proof can be spelled in two ways. Limits hold before anything is hashed.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final, final

import msgpack

from verifier.verdict import Invalid

FILE_BYTES_MAX: Final = 1024 * 1024
INTEGER_MAX: Final = 2**63 - 1
VIEW_MAX: Final = 2**31 - 1
VALIDATORS_MAX: Final = 128
CALLS_MAX: Final = 64
SIGNATURES_MAX: Final = 64
EVENTS_MAX: Final = 65_536
LIST_DEPTH_MAX: Final = 63
STATE_DEPTH_MAX: Final = 256
NESTING_MAX: Final = 32
"""Deeper than any record; far below what would exhaust the stack of a reader."""


@final
@dataclass(frozen=True, slots=True)
class Header:
    """The ten fields of a block header, and the bytes under its hash."""

    chain: bytes
    height: int
    parent: bytes
    time_ms: int
    proposer: bytes
    transactions_root: bytes
    state_root: bytes
    receipts_root: bytes
    validators_hash: bytes
    next_validators_hash: bytes
    data: bytes


@final
@dataclass(frozen=True, slots=True)
class Certificate:
    """Signatures over (height, view, block id), each with the seat of its signer."""

    height: int
    view: int
    block_id: bytes
    seals: tuple[tuple[int, bytes], ...]


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
    transaction_path: tuple[bytes, ...]
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
class ProofFile:
    """Everything that stands in a proof file."""

    genesis: Header
    validators: tuple[bytes, ...]
    header: Header
    certificate: Certificate | None
    subject: ReceiptSubject | EntrySubject


def read_proof_file(data: bytes) -> ProofFile:
    """The records of a proof file.

    Raises:
        Invalid: not a proof file of version 1, or one value of it breaks its rule.
    """
    if len(data) > FILE_BYTES_MAX:
        raise Invalid(f"the file has {len(data)} bytes, at most {FILE_BYTES_MAX} are allowed")
    outer = unpack(data, "the file")
    if not isinstance(outer, list) or outer[:1] != ["mithaq.proof"]:
        raise Invalid("this is not a Mithaq proof file")
    if len(outer) > 1 and outer[1] != 1:
        raise Invalid(
            f"this is a proof file of version {outer[1]!r}; this verifier knows version 1"
        )
    _, version, genesis, validators, header, certificate, subject = _array(outer, 7, "the file")
    _natural(version, 1, "version")
    return ProofFile(
        genesis=_header(genesis, "genesis header"),
        validators=_sized(_list(validators, 1, VALIDATORS_MAX, "validators"), 32, "validators"),
        header=_header(header, "header"),
        certificate=None if certificate is None else _certificate(certificate),
        subject=_subject(subject),
    )


def unpack(data: bytes, what: str) -> Any:  # noqa: ANN401  # the shape is judged afterwards
    """One canonical MessagePack value of nil, booleans, integers, text, bytes and arrays."""
    try:
        value = msgpack.unpackb(data, raw=False, strict_map_key=True)
        _only_plain_values(value, NESTING_MAX, what)
        again = msgpack.packb(value, use_bin_type=True)
    except (ValueError, TypeError, OverflowError, RecursionError, msgpack.UnpackException) as error:
        raise Invalid(f"{what} cannot be read as MessagePack: {error}") from error
    if again != data:
        raise Invalid(f"{what} is not written canonically")
    return value


def _only_plain_values(value: object, depth: int, what: str) -> None:
    if isinstance(value, list):
        if depth == 0:
            raise Invalid(f"{what}: arrays nested deeper than {NESTING_MAX}")
        for item in value:
            _only_plain_values(item, depth - 1, what)
    elif not (value is None or isinstance(value, bool | int | str | bytes)):
        raise Invalid(f"{what}: a {type(value).__name__} has no place in a proof")


def _header(value: object, what: str) -> Header:
    fields = _array(value, 10, what)
    return Header(
        chain=_bytes(fields[0], 32, f"{what}, chain"),
        height=_natural(fields[1], INTEGER_MAX, f"{what}, height"),
        parent=_bytes(fields[2], 32, f"{what}, parent"),
        time_ms=_natural(fields[3], INTEGER_MAX, f"{what}, time"),
        proposer=_bytes(fields[4], 32, f"{what}, proposer"),
        transactions_root=_bytes(fields[5], 32, f"{what}, transactions root"),
        state_root=_bytes(fields[6], 32, f"{what}, state root"),
        receipts_root=_bytes(fields[7], 32, f"{what}, receipts root"),
        validators_hash=_bytes(fields[8], 32, f"{what}, validators"),
        next_validators_hash=_bytes(fields[9], 32, f"{what}, next validators"),
        data=msgpack.packb(fields, use_bin_type=True),
    )


def _certificate(value: object) -> Certificate:
    height, view, block_id, seals = _array(value, 4, "certificate")
    pairs = []
    for seal in _list(seals, 0, VALIDATORS_MAX, "certificate"):
        seat, signature = _array(seal, 2, "seal")
        pairs.append((_natural(seat, 255, "seat"), _bytes(signature, 64, "seal")))
    return Certificate(
        _natural(height, INTEGER_MAX, "certificate, height"),
        _natural(view, VIEW_MAX, "certificate, view"),
        _bytes(block_id, 32, "certificate, block id"),
        tuple(pairs),
    )


def _subject(value: object) -> ReceiptSubject | EntrySubject:
    match value:
        case ["receipt", *_]:
            _, transaction, receipt, index, count, transaction_path, receipt_path = _array(
                value, 7, "receipt subject"
            )
            return ReceiptSubject(
                _transaction(_bytes(transaction, None, "transaction")),
                _receipt(_bytes(receipt, None, "receipt")),
                _natural(index, INTEGER_MAX, "index"),
                _natural(count, INTEGER_MAX, "count"),
                _path(transaction_path, "transaction path"),
                _path(receipt_path, "receipt path"),
            )
        case ["entry", *_]:
            _, table, key, data, siblings = _array(value, 5, "entry subject")
            return EntrySubject(
                _natural(table, 2**16 - 1, "table"),
                _bytes(key, None, "key"),
                _bytes(data, None, "value"),
                _siblings(siblings),
            )
        case _:
            raise Invalid("the subject of the proof is neither a receipt nor an entry")


def _path(value: object, what: str) -> tuple[bytes, ...]:
    return _sized(_list(value, 0, LIST_DEPTH_MAX, what), 32, what)


def _siblings(value: object) -> tuple[bytes, ...]:
    siblings = []
    for sibling in _list(value, 0, STATE_DEPTH_MAX, "state path"):
        if sibling == bytes(32):
            raise Invalid("state path: an empty sibling is written as no bytes, not as 32 zeros")
        siblings.append(b"" if sibling == b"" else _bytes(sibling, 32, "state path"))
    return tuple(siblings)


def _transaction(data: bytes) -> Transaction:
    body, signatures = _array(unpack(data, "transaction"), 2, "transaction")
    chain, valid_until, salt, calls = _array(body, 4, "transaction body")
    salt_size = len(_bytes(salt, None, "salt"))
    if not 16 <= salt_size <= 32:
        raise Invalid(f"the transaction's salt has {salt_size} bytes, expected 16 to 32")
    pairs = []
    for entry in _list(signatures, 1, SIGNATURES_MAX, "signatures"):
        key, signature = _array(entry, 2, "signature")
        pairs.append((_bytes(key, 32, "signer"), _bytes(signature, 64, "signature")))
    return Transaction(
        data,
        body=msgpack.packb(body, use_bin_type=True),
        chain=_bytes(chain, 32, "transaction, chain"),
        valid_until=_natural(valid_until, INTEGER_MAX, "valid until"),
        calls=tuple(_call(call) for call in _list(calls, 1, CALLS_MAX, "calls")),
        signatures=tuple(pairs),
    )


def _call(value: object) -> Call:
    actor, operation = _array(value, 2, "call")
    return Call(_bytes(actor, 32, "actor"), *_tagged(operation, "operation"))


def _receipt(data: bytes) -> Receipt:
    transaction_id, outcome, refusal, events = _array(unpack(data, "receipt"), 4, "receipt")
    happened = _list(events, 0, EVENTS_MAX, "events")
    match outcome:
        case "applied" if refusal is None:
            reason = None
        case "refused" if not happened:
            reason = _tagged(refusal, "refusal")
        case _:
            raise Invalid("receipt: it is neither applied without refusal nor refused with one")
    return Receipt(
        data,
        _bytes(transaction_id, 32, "receipt, transaction id"),
        reason,
        tuple(_tagged(event, "event") for event in happened),
    )


def _tagged(value: object, what: str) -> tuple[str, tuple[Any, ...]]:
    match value:
        case [str(name), *fields]:
            return name, tuple(fields)
        case _:
            raise Invalid(f"{what}: expected an array that begins with its name")


def _array(value: object, length: int, what: str) -> list[Any]:
    if not isinstance(value, list) or len(value) != length:
        found = f"{len(value)} values" if isinstance(value, list) else type(value).__name__
        raise Invalid(f"{what}: expected an array of {length} values, found {found}")
    return value


def _list(value: object, least: int, most: int, what: str) -> list[Any]:
    if not isinstance(value, list):
        raise Invalid(f"{what}: expected an array, found {type(value).__name__}")
    if not least <= len(value) <= most:
        raise Invalid(f"{what}: {len(value)} items, expected {least} to {most}")
    return value


def _bytes(value: object, size: int | None, what: str) -> bytes:
    if not isinstance(value, bytes):
        raise Invalid(f"{what}: expected bytes, found {type(value).__name__}")
    if size is not None and len(value) != size:
        raise Invalid(f"{what}: {len(value)} bytes, expected {size}")
    return value


def _sized(values: Iterable[object], size: int, what: str) -> tuple[bytes, ...]:
    return tuple(_bytes(value, size, what) for value in values)


def _natural(value: object, maximum: int, what: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise Invalid(f"{what}: expected a number, found {type(value).__name__}")
    if not 0 <= value <= maximum:
        raise Invalid(f"{what}: {value} is not between 0 and {maximum}")
    return value
