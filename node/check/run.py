"""The whole check as one long work: what is asked, what is answered, and in which order.

A range of heights checks the blocks of these heights and what follows from them. Without one, the
state, the tree at every kept height, the window and the votes are checked as well: they are of the
head, not of a height.
"""

import struct
from collections.abc import Iterator
from typing import Final, final

import msgspec
from msgspec import Struct

from ledger.state import StateReader
from ledger.window import WINDOW_IDS
from node.check.blocks import Blocks, Chain
from node.check.findings import CarefulReader, Damage, Findings
from node.check.indexes import Indexes
from node.check.promises import Promises
from node.check.state import State
from node.check.tally import MISSING, SUPERFLUOUS, shown
from node.check.validators import Governors
from node.premises import Premises, Upkeep
from node.work import Progress, Work
from primitives.errors import Rejected, StorageFault
from primitives.ids import BlockId, ChainId, Height, Natural, Sized32, TimeMs
from storage import schema
from storage.decision import Head
from storage.edges import Part, read_edges, read_swept
from storage.keyvalue import Snapshot
from storage.reading import read_head
from storage.schema import Region
from storage.state import StateSnapshot

HEIGHT_UNKNOWN: Final = "check.heights"

META_ROWS: Final = frozenset(
    {
        schema.FORMAT_KEY,
        schema.CHAIN_KEY,
        schema.HEAD_KEY,
        schema.FORGOTTEN_KEY,
        schema.RECORDS_KEY,
        *(schema.edge_key(part.value) for part in Part),
        *(schema.swept_key(part.value) for part in Part),
    }
)
"""What must stand in META. SWEEP_KEY may."""


@final
class CheckRequest(Struct, frozen=True, kw_only=True):
    """Which heights, both included; null: from the first, to the head."""

    first: Natural[Height] | None
    last: Natural[Height] | None


@final
class CheckReport(Struct, frozen=True, kw_only=True):
    """What was looked at, and what is wrong."""

    chain: Sized32[ChainId]
    height: Natural[Height]
    block_id: Sized32[BlockId]
    first: Natural[Height]
    last: Natural[Height]
    whole: bool
    blocks: Natural[int]
    signatures: Natural[int]
    transactions: Natural[int]
    index_rows: Natural[int]
    entries: Natural[int]
    tree_records: Natural[int]
    tree_heights: Natural[int]
    promises: Natural[int]
    damage: Natural[int]
    """How many damages there are; the first of them are listed."""
    damages: tuple[Damage, ...]


def check(premises: Premises, asked: CheckRequest) -> Work[CheckReport]:
    """Verify everything again, on a snapshot of this moment."""
    snapshot = premises.freeze()
    try:
        return (yield from check_snapshot(snapshot, premises.node.genesis.chain, asked))
    finally:
        snapshot.close()


CHECK: Final = Upkeep("db/check", CheckRequest, CheckReport, check)


def check_snapshot(snapshot: Snapshot, chain_id: ChainId, asked: CheckRequest) -> Work[CheckReport]:
    """As `check`.

    Raises:
        StorageFault: it cannot be told what the database holds: there is no head to begin with.
        Rejected: heights that are not there.
    """
    findings = Findings()
    reader = CarefulReader(snapshot, findings)
    chain = _chain_of(snapshot, chain_id, asked)
    yield Progress(0, 0, "blocks")
    state = StateSnapshot(snapshot, chain.head.header, chain.edges)
    if chain.whole:
        _check_meta(reader, chain, state, findings)
    governors = Governors(state, findings)
    blocks = Blocks(reader, chain, governors, findings)
    yield from blocks.check()
    indexes = Indexes(reader, chain, blocks.derived, findings)
    yield from indexes.check(state)
    entries, promises = State(reader, chain, findings), Promises(reader, chain, governors, findings)
    if chain.whole:
        yield from entries.check()
        yield from promises.check()
    return CheckReport(
        chain=chain.id,
        height=chain.head.height,
        block_id=chain.head.block_id,
        first=chain.first,
        last=chain.last,
        whole=chain.whole,
        blocks=blocks.blocks,
        signatures=blocks.signatures,
        transactions=blocks.transactions,
        index_rows=indexes.rows,
        entries=entries.entries,
        tree_records=entries.records,
        tree_heights=entries.heights,
        promises=promises.rows,
        damage=findings.count,
        damages=tuple(findings.damages),
    )


def _chain_of(snapshot: Snapshot, chain_id: ChainId, asked: CheckRequest) -> Chain:
    if (found := snapshot.get(schema.FORMAT_KEY)) != schema.FORMAT:
        raise StorageFault(
            f"this is no database of the format {schema.FORMAT.decode()}, "
            f"found {'none' if found is None else found.decode(errors='replace')}"
        )
    try:
        head = read_head(snapshot)
        edges, swept = read_edges(snapshot), read_swept(snapshot)
        forgotten = schema.read_number(snapshot.get(schema.FORGOTTEN_KEY) or b"")
    except (struct.error, StorageFault) as error:
        raise StorageFault(
            f"nothing can be checked, because it cannot be told what the chain is: {error}"
        ) from error
    first, last = asked.first or Height(0), head.height if asked.last is None else asked.last
    if not first <= last <= head.height:
        raise Rejected(
            HEIGHT_UNKNOWN,
            f"heights {first} to {last}, expected within 0 and the head, {head.height}",
            {"expected": f"0 to {head.height}", "actual": f"{first} to {last}"},
        )
    return Chain(
        id=chain_id,
        head=Head(head.height, head.block_id, head.header),
        edges=edges,
        swept=swept,
        forgotten=TimeMs(forgotten),
        first=first,
        last=last,
        whole=asked.first is None and asked.last is None,
    )


def _check_meta(
    reader: CarefulReader, chain: Chain, state: StateReader, findings: Findings
) -> None:
    rows = dict(reader.rows(Region.META))
    for key, what in _meta_faults(rows, chain):
        findings.found(Region.META, what, key=key)
    try:
        newest = WINDOW_IDS.read(state, chain.head.height)
    except (msgspec.DecodeError, StorageFault):
        return  # said where the state is checked
    forgotten = 0 if newest is None else newest.forgotten
    if chain.forgotten != forgotten:
        what = f"forgotten: holds {chain.forgotten}, by the time of the head it is {forgotten}"
        findings.found(Region.META, what, key=schema.FORGOTTEN_KEY)


def _meta_faults(rows: dict[bytes, bytes], chain: Chain) -> Iterator[tuple[bytes, str]]:
    for key in sorted(META_ROWS - rows.keys()):
        yield key, f"{key[1:].decode()}: {MISSING}"
    for key in sorted(rows.keys() - META_ROWS - {schema.SWEEP_KEY}):
        yield key, f"{key[1:].decode(errors='replace')}: {SUPERFLUOUS}"
    found = rows.get(schema.CHAIN_KEY, chain.id)
    if found != chain.id:
        yield schema.CHAIN_KEY, f"chain: holds {shown(found)}, expected {shown(chain.id)}"
    for part in Part:
        edge, swept = chain.edges.of(part), chain.swept.of(part)
        if not swept <= edge <= chain.head.height + 1:
            key = schema.edge_key(part.value)
            what = f"edge.{part.value}: {edge}, swept.{part.value}: {swept}"
            yield key, f"{what}, head {chain.head.height}"
