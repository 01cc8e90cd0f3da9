"""Builders for storage: a small chain whose every byte follows from the height.

Storage checks hashes and never signatures, so the seals here are only bytes. Because a block's
content follows from its height, whoever opens the database after a crash knows what must be there.
"""

from collections.abc import Callable, Sequence
from functools import partial

from kit.certified import genesis_header, named_digest, validator_keys, validator_set
from primitives import limits
from primitives.block import Block, Header, block_id, transaction_hash, transactions_root
from primitives.certificate import Certificate, Seal
from primitives.digest import digest, list_root
from primitives.domains import Domain
from primitives.errors import Rejected
from primitives.ids import (
    AccountId,
    BlockId,
    ChainId,
    Digest,
    Height,
    Seat,
    Signature,
    TimeMs,
    TransactionId,
    ValidatorKey,
    View,
)
from storage.chain import ChainStore, install_genesis
from storage.decision import Decision, Genesis, Head, TransactionPlace, VoteRecord, VoteStep
from storage.edges import HISTORY_PRUNED, Part, born_at
from storage.keyvalue import KeyValue
from storage.memory import MemoryKeyValue
from storage.restoring import Restoration
from storage.sweeping import ReadNode

VALIDATORS = validator_set(validator_keys(4))
BLOCK_MS = 1_000
"""Block h has the time h seconds; its transactions may be committed for WINDOW_MS more."""
WINDOW_MS = 5_000


def genesis(network: str = "test") -> Genesis:
    """Block 0 with two entries and one tree node; networks of other names are other chains."""
    header = genesis_header(
        VALIDATORS, time_ms=TimeMs(0), state_root=named_digest(network), empty_root=list_root(())
    )
    return Genesis(
        header=header,
        state_writes={(1, b"height"): b"0", (2, b"genesis"): b"stays"},
        node_writes={b"root 0": b"node 0"},
    )


def chain_of(begun: Genesis) -> ChainId:
    """The id of the chain that begins so."""
    return ChainId(block_id(begun.header))


def new_store() -> ChainStore:
    """A chain in memory that holds its genesis."""
    return install_genesis(MemoryKeyValue(), genesis())


def root_of_receipts(receipts: Sequence[bytes]) -> Digest:
    """The receipts root of a header."""
    return list_root([digest(Domain.RECEIPT, receipt) for receipt in receipts])


def certificate_over(identifier: BlockId, height: Height) -> Certificate:
    """Three seals that are only bytes."""
    seals = tuple(Seal(Seat(seat), Signature(bytes([seat]) * 64)) for seat in range(3))
    return Certificate(height, View(0), identifier, seals)


def transaction_id(height: int, index: int) -> TransactionId:
    """The id of a transaction of the chain."""
    return TransactionId(named_digest(f"transaction {height}/{index}"))


def account(name: str) -> AccountId:
    """The account of a name."""
    return AccountId(named_digest(f"account {name}"))


def touched(height: int, index: int) -> tuple[AccountId, ...]:
    """A transaction touches everybody's account, that of its place in a block, and its own."""
    return tuple(sorted(account(name) for name in ("all", f"at {index}", f"{height}/{index}")))


def moved(height: int, index: int) -> dict[AccountId, bytes]:
    """A transaction moves something of everybody's account, and nothing else."""
    return {account("all"): b"moved %d/%d" % (height, index)}


def next_decision(head: Head, chain: ChainId, *, transactions: int = 2) -> Decision:
    """The decision of the height after `head`."""
    height = Height(head.height + 1)
    time_ms = TimeMs(height * BLOCK_MS)
    bodies = tuple(b"transaction %d/%d" % (height, index) for index in range(transactions))
    receipts = tuple(b"receipt %d/%d" % (height, index) for index in range(transactions))
    header = Header(
        chain=chain,
        height=height,
        parent=head.block_id,
        time_ms=time_ms,
        proposer=ValidatorKey(VALIDATORS.primary(height, View(0))),
        transactions_root=transactions_root([transaction_hash(body) for body in bodies]),
        state_root=named_digest(f"state {height}"),
        receipts_root=root_of_receipts(receipts),
        validators_hash=VALIDATORS.hash,
        next_validators_hash=VALIDATORS.hash,
    )
    identifier = block_id(header)
    return Decision(
        block=Block(header, bodies),
        block_id=identifier,
        certificate=certificate_over(identifier, height),
        receipts=receipts,
        state_writes={
            (1, b"height"): b"%d" % height,
            (2, b"%d" % height): b"entry",
            (2, b"%d" % (height - 1)): None,
        },
        node_writes={b"root %d" % height: b"node %d" % height},
        done=(),
        committed=tuple(
            (TimeMs(time_ms + WINDOW_MS), transaction_id(height, index))
            for index in range(transactions)
        ),
        touched=tuple(touched(height, index) for index in range(transactions)),
        moved=tuple(moved(height, index) for index in range(transactions)),
        forget_before=TimeMs(max(0, time_ms - WINDOW_MS)),
    )


def replaced(_read: ReadNode, height: Height) -> list[bytes]:
    """What the tree of a height no longer needs: the root before it."""
    return [b"root %d" % (height - 1)]


def sweep(store: ChainStore, *, rows_max: int = 1_000) -> None:
    """Take every row below the edges away."""
    while store.sweep(rows_max=rows_max, replaced=replaced):
        pass


def grow(store: ChainStore, count: int) -> list[Decision]:
    """Commit the next `count` decisions."""
    decisions = []
    for _ in range(count):
        decision = next_decision(store.head(), store.chain)
        store.commit(decision)
        decisions.append(decision)
    return decisions


def vote(
    height: int, view: int, step: VoteStep = VoteStep.PREPARE, data: bytes = b""
) -> VoteRecord:
    """A record of the vote log."""
    content = data or b"%s %d/%d" % (step.name.encode(), height, view)
    return VoteRecord(Height(height), View(view), step, content)


def contradictions(store: ChainStore, begun: Genesis) -> list[str]:
    """What in the store is not what its height says: empty for a sound one.

    Below an edge everything must be refused.
    """
    found: list[str] = []
    edges = store.edges()
    head = Head(Height(0), block_id(begun.header), begun.header)

    def expect(what: str, expected: object, actual: object) -> None:
        if expected != actual:
            found.append(f"{what}: expected {expected!r}, found {actual!r}")

    top = store.head().height
    last: Decision | None = None
    for number in range(1, top + 1):
        height = Height(number)
        last = next_decision(head, chain_of(begun))
        head = Head(height, last.block_id, last.block.header)
        block, receipts = partial(store.block, height), partial(store.receipts, height)
        for what, part, expected, read in (
            ("block", Part.BODIES, last.block, block),
            ("receipts", Part.RECEIPTS, last.receipts, receipts),
        ):
            wanted = expected if edges.keeps(part, height) else HISTORY_PRUNED
            expect(f"{what} {height}", wanted, _read_or_code(read))
        if edges.keeps(Part.HEADERS, height):
            expect(f"header {height}", last.block.header, store.header(height))
            expect(f"certificate {height}", last.certificate, store.certificate(height))
            expect(f"height of block {height}", height, store.height_of_block(last.block_id))
        for index, (_, identifier) in enumerate(last.committed):
            place = TransactionPlace(height, index) if edges.keeps(Part.INDEX, height) else None
            expect(f"place of {height}/{index}", place, store.find_transaction(identifier))
            own = account(f"{height}/{index}")
            expect(
                f"transactions of {height}/{index}",
                [] if place is None else [place],
                store.transactions_of(own, after=None, limit=2),
            )
    expect("head", head, store.head())
    with store.state() as state:
        expect("root", head.header.state_root, state.root)
        expect("height in the state", b"%d" % top, state.get(1, b"height"))
        kept = [b"root %d" % number for number in range(edges.state, top + 1)]
        nodes = [b"root %d" % n for n in range(top + 1) if state.node(b"root %d" % n) is not None]
        expect("tree nodes", kept, nodes[-len(kept) :])
        window = {identifier: height for _, identifier, height in state.window()}
        for number in range(1, top + 1):
            until = TimeMs(number * BLOCK_MS + WINDOW_MS)
            here = until >= top * BLOCK_MS - WINDOW_MS
            identifier = transaction_id(number, 0)
            expect(f"window of {number}", here, state.is_committed(until, identifier))
            expect(f"committed at {number}", number if here else None, window.get(identifier))
    return found


def _read_or_code(read: Callable[[], object]) -> object:
    try:
        return read()
    except Rejected as refused:
        return refused.code


BORN = Height(6)
FORGOTTEN = TimeMs(1_000)
EDGES = born_at(BORN)


def decisions() -> list[Decision]:
    """The chain that a snapshot is of."""
    return grow(install_genesis(MemoryKeyValue(), genesis()), BORN)


def bring(restore: Restoration, chain: list[Decision]) -> None:
    """What a snapshot brings: the second block is of the lineage."""
    restore.chain(genesis().header)
    restore.header(chain[1].block.header, chain[1].certificate)
    restore.entry(2, b"6", b"entry")
    restore.entry(1, b"height", b"6")
    restore.node(b"root 6", b"node 6")
    for decision in chain:
        for valid_until, identifier in decision.committed:
            restore.window(valid_until, identifier, decision.block.header.height)


def born(database: KeyValue, *, batch_bytes: int = limits.RESTORE_BATCH_BYTES) -> ChainStore:
    """A chain that begins at height 6."""
    chain = decisions()
    restore = Restoration(database, "the snapshot of height 6", batch_bytes=batch_bytes)
    bring(restore, chain)
    head = chain[-1]
    return restore.finish(head.block.header, head.certificate, forgotten=FORGOTTEN, edges=EDGES)
