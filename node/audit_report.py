"""An audit's report: what was executed again, what came out, and whose word that is.

```
SignedReport = (report, key, signature)
signature over AUDIT_REPORT ‖ canonical report          the chain id is in the report
```

The report is a function of the files that were audited, of how often roots are listed, and of the
auditor: no time of the audit and no duration is in it, so two runs give the same bytes. Block ids
name everything below them, so two reports that agree at a height agree on all that led there.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum, unique
from typing import Annotated, Final, Literal, final

from msgspec import Meta, Struct

from node.history import TABLE_OF_NUMBER
from primitives import limits
from primitives.codec import decode, encode
from primitives.crypto import Key, check_signature
from primitives.domains import Domain
from primitives.errors import BadSignature, Malformed
from primitives.ids import (
    BlockId,
    ChainId,
    Digest,
    Height,
    Natural,
    PublicKey,
    Signature,
    Signed,
    Sized32,
    Sized64,
    TimeMs,
    TransactionId,
)
from primitives.named import to_named

FORMAT: Final = "mithaq.audit"
VERSION: Final = 1

Words = Annotated[str, Meta(max_length=limits.AUDIT_WORDS_MAX)]
Count = Annotated[int, Meta(ge=0)]


@unique
class DivergenceKind(Enum):
    """What the chain says and our execution does not."""

    BLOCK = "block"
    """The block does not follow from its parent."""
    TRANSACTION = "transaction"
    """It holds a transaction that can stand in no block."""
    RECEIPT = "receipt"
    """A transaction came out differently."""
    STATE = "state"
    """Every receipt is the same, and the state is not."""


@final
class Entry(Struct, array_like=True, frozen=True):
    """One entry of the state that differs; None is no such entry."""

    table: Words
    key: Annotated[bytes, Meta(max_length=limits.AUDIT_VALUE_BYTES_MAX)]
    expected: Annotated[bytes, Meta(max_length=limits.AUDIT_VALUE_BYTES_MAX)] | None
    """What the chain's state holds, proved under its state root."""
    actual: Annotated[bytes, Meta(max_length=limits.AUDIT_VALUE_BYTES_MAX)] | None
    """What our execution gives."""
    transaction: Annotated[int, Meta(ge=0)] | None
    """Index of the transaction that wrote it last in our execution; none if none did."""


@final
class Touched(Struct, array_like=True, frozen=True):
    """A table that our execution of the block changed, and in how many entries."""

    table: Words
    entries: Count


@final
class Divergence(Struct, array_like=True, frozen=True):
    """The first height at which the chain is not what its transactions make of it."""

    kind: DivergenceKind
    height: Natural[Height]
    block_id: Sized32[BlockId]
    index: Count | None
    """Of the transaction, where one can be named."""
    transaction: Sized32[TransactionId] | None
    expected: Words
    """What the chain says."""
    actual: Words
    """What our execution gives."""
    tables: Annotated[tuple[Touched, ...], Meta(max_length=limits.AUDIT_ENTRIES_MAX)]
    entries: Annotated[tuple[Entry, ...], Meta(max_length=limits.AUDIT_ENTRIES_MAX)]
    compared_with: Words
    """Where the chain's entries came from; empty where nothing could be compared."""


@final
class RootAt(Struct, array_like=True, frozen=True):
    """What the chain was after a block."""

    height: Natural[Height]
    block_id: Sized32[BlockId]
    state_root: Sized32[Digest]


@final
class AssetTotal(Struct, array_like=True, frozen=True):
    """An asset after the last block."""

    asset: Annotated[str, Meta(max_length=12)]
    exponent: Count
    supply: Count
    """The row that says what exists of it."""
    balances: Signed[int]
    """The sum of all balances, added up by the auditor."""
    holders: Count


@final
class InputFile(Struct, array_like=True, frozen=True):
    """A file that the audit read."""

    name: Words
    bytes: Count
    sha256: Sized32[Digest]


@final
class Counts(Struct, array_like=True, frozen=True):
    """What was executed again, and how much of it was checked."""

    blocks: Count
    transactions: Count
    applied: Count
    refused: Count
    signatures: Count
    """Of transactions."""
    seals: Count
    """Signatures of validators in commit certificates."""


@final
class AuditReport(Struct, array_like=True, frozen=True):
    """What an auditor found."""

    format: Literal["mithaq.audit"]
    version: Literal[1]
    program: Words
    auditor: Words
    network: Words
    chain: Sized32[ChainId]
    start: RootAt
    """Where it began: block 0, or that of a snapshot."""
    last: RootAt
    """The last block that came out as the chain says."""
    time_ms: Natural[TimeMs]
    """Of that block."""
    counts: Counts
    assets: tuple[AssetTotal, ...]
    every: Annotated[int, Meta(ge=1)]
    """Heights between two roots of the list."""
    roots: Annotated[tuple[RootAt, ...], Meta(max_length=limits.AUDIT_ROOTS_MAX)]
    inputs: tuple[InputFile, ...]
    divergence: Divergence | None


@final
class SignedReport(Struct, array_like=True, frozen=True):
    """The file: a report and the auditor's signature."""

    report: AuditReport
    key: Sized32[PublicKey]
    signature: Sized64[Signature]


def _signed_bytes(report: AuditReport) -> bytes:
    return Domain.AUDIT_REPORT.tag + encode(report)


def sign_report(report: AuditReport, key: Key) -> bytes:
    """The file of a report."""
    return encode(SignedReport(report, key.public, key.sign(_signed_bytes(report))))


def read_report(data: bytes) -> SignedReport:
    """A report whose signature holds.

    Raises:
        Malformed: no report of this version, too large, or not signed by the key that it names.
    """
    signed = decode(data, SignedReport, limit=limits.AUDIT_REPORT_BYTES_MAX)
    try:
        check_signature(signed.key, _signed_bytes(signed.report), signed.signature)
    except BadSignature as error:
        raise Malformed(
            f"the report is not signed by the key that it names, {signed.key.hex()}"
        ) from error
    heights = [root.height for root in signed.report.roots]
    if heights != sorted(set(heights)):
        raise Malformed("the roots of a report must be strictly ascending by height")
    return signed


@final
@dataclass(frozen=True, slots=True)
class Comparison:
    """Two reports of one chain, side by side."""

    agree: tuple[Height, ...]
    """Heights that both list with the same block and the same state."""
    differ: tuple[Height, ...]
    """Heights that both list, and not alike."""
    same_divergence: bool
    """Both found the same first divergence, or none where both went."""

    @property
    def agreed(self) -> bool:
        """Nothing that both say is contradicted by either."""
        return not self.differ and self.same_divergence


def compare(a: AuditReport, b: AuditReport) -> Comparison:
    """What two reports have in common.

    Raises:
        Malformed: they are about different chains.
    """
    if a.chain != b.chain:
        raise Malformed(f"one report is about chain {a.chain.hex()}, the other {b.chain.hex()}")
    ours, theirs = _listed(a), _listed(b)
    common = sorted(ours.keys() & theirs.keys())
    return Comparison(
        agree=tuple(height for height in common if ours[height] == theirs[height]),
        differ=tuple(height for height in common if ours[height] != theirs[height]),
        same_divergence=_same(a, b) and _same(b, a),
    )


def _listed(report: AuditReport) -> dict[Height, RootAt]:
    return {root.height: root for root in (report.start, *report.roots, report.last)}


def _same(a: AuditReport, b: AuditReport) -> bool:
    """What `a` found to diverge, `b` found so too, unless it did not execute that height."""
    found = a.divergence
    if found is None:
        return True
    other = b.divergence
    if other is not None and other.height == found.height:
        return (found.kind, found.block_id, found.index) == (
            other.kind,
            other.block_id,
            other.index,
        )
    return not b.start.height < found.height <= b.last.height


def facts(signed: SignedReport) -> Iterator[tuple[str, str]]:
    """What a report says, as labels and what they stand for."""
    report, counts = signed.report, signed.report.counts
    yield "network", report.network
    yield "chain", report.chain.hex()
    began = "genesis" if report.start.height == 0 else f"the snapshot of {report.start.height:,}"
    yield "executed from", began
    yield "to height", f"{report.last.height:,}"
    yield "block", report.last.block_id.hex()
    yield "state root", report.last.state_root.hex()
    yield "blocks", f"{counts.blocks:,}, with {counts.seals:,} signatures of validators"
    came_out = f"{counts.applied:,} applied, {counts.refused:,} refused"
    yield "transactions", f"{counts.transactions:,}: {came_out}; {counts.signatures:,} signatures"
    for total in report.assets:
        yield f"supply of {total.asset}", _amount(total.supply, total.exponent)
        sum_of_all = _amount(total.balances, total.exponent)
        yield "  sum of balances", f"{sum_of_all} in {total.holders:,} accounts"
    for file in report.inputs:
        yield "input", f"{file.name}, {file.bytes:,} bytes"
        yield "  SHA-256", file.sha256.hex()
    yield "program", report.program
    yield "auditor", f"{report.auditor}, key {signed.key.hex()}"


def _amount(minor_units: int, exponent: int) -> str:
    whole, part = divmod(abs(minor_units), 10**exponent)
    decimals = f".{part:0{exponent}d}" if exponent else ""
    return f"{'-' if minor_units < 0 else ''}{whole:,}{decimals}"


def sentences(divergence: Divergence) -> Iterator[str]:
    """A divergence for people, line by line."""
    where = f"At height {divergence.height:,}"
    match divergence.kind:
        case DivergenceKind.BLOCK:
            yield f"{where} the block does not follow from its parent: {divergence.actual}."
        case DivergenceKind.TRANSACTION:
            yield f"{where} the block holds what can stand in no block: {divergence.actual}."
        case DivergenceKind.RECEIPT:
            yield f"{where} transaction {divergence.index} came out differently."
        case DivergenceKind.STATE:
            yield f"{where} every receipt is the same, but the state is not."
    yield f"  block        {divergence.block_id.hex()}"
    if divergence.transaction is not None:
        yield f"  transaction  {divergence.transaction.hex()}"
    yield f"  the chain    {divergence.expected}"
    yield f"  execution    {divergence.actual}"
    if divergence.kind is DivergenceKind.STATE:
        yield from _state_sentences(divergence)


def _state_sentences(divergence: Divergence) -> Iterator[str]:
    for entry in divergence.entries:
        yield f"  table {entry.table}, key {entry.key.hex()}"
        yield f"    the chain  {_value(entry.table, entry.expected)}"
        yield f"    execution  {_value(entry.table, entry.actual)}"
        if entry.transaction is not None:
            yield f"    written last by transaction {entry.transaction}"
    if divergence.compared_with:
        yield f"  compared with {divergence.compared_with}"
    if not divergence.entries:
        tables = ", ".join(f"{one.table} ({one.entries:,})" for one in divergence.tables)
        yield f"  tables that the block changed, with how many entries: {tables}"
        yield (
            "  which entry differs is not in an export: give --node URL of a node that still "
            f"serves height {divergence.height:,}, or --against a snapshot of that height"
        )


def _value(table: str, value: bytes | None) -> str:
    """A row by its fields, as far as this program knows it."""
    if value is None:
        return "no such entry"
    kinds = {one.name: one.record for one in TABLE_OF_NUMBER.values()}
    try:
        row = decode(value, kinds[table], limit=len(value))
    except (KeyError, Malformed):
        return value.hex()
    return json.dumps(to_named(row), ensure_ascii=False)
