"""The chain on disk: one batch per decision, one batch per step of voting.

Invariants, after every write that returned and after every crash:

1. Every height from an edge (storage/edges.py) to the head has that part: header and commit
   certificate, body, receipts, its rows in both indexes, its state tree. There is never a block
   without its state, nor a state without its block. Block 0 has header, body and receipts always.
2. The index of accounts holds, for every transaction that it names, each account that it touched.
3. The window holds exactly the ids whose valid_until has not been forgotten, each with the height
   that committed it.
4. The vote log and its bodies are of height head + 1, all of them.
5. What lies below an edge is refused (`history.pruned`), whether its rows are gone or not yet; for
   each edge that was ever moved the retention log has the record, written in the same batch.

`commit`, `append`, `keep_evidence`, `retire` and `sweep` are the only ways to write after genesis;
each write is one batch of the floor below. `retire` and `sweep` may run in any thread: one at a
time, and none of their rows is written by the others. Nothing here decides anything: what
contradicts an invariant is the caller's bug and an assertion; what contradicts itself on disk is a
StorageFault.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from threading import Lock
from typing import Final, final

from primitives import limits
from primitives.block import Block, Header, block_id
from primitives.certificate import Certificate
from primitives.codec import encode
from primitives.errors import Rejected
from primitives.ids import (
    AccountId,
    BlockId,
    ChainId,
    Height,
    NodeKey,
    TimeMs,
    TransactionId,
    View,
)
from storage import schema
from storage.closing import Closing
from storage.decision import (
    CertifiedBlock,
    Decision,
    Genesis,
    Head,
    KeptEvidence,
    TransactionPlace,
    VoteRecord,
    VoteStep,
)
from storage.edges import (
    EVERYTHING,
    Edges,
    Part,
    Retirement,
    WriteRecord,
    edge_rows,
    read_edges,
)
from storage.keyvalue import KeyValue
from storage.reading import decoded, need, present, read_forgotten, read_head
from storage.schema import Region
from storage.state import StateSnapshot
from storage.sweeping import Replaced, Sweeper

_BLOCK_ARRAY: Final = b"\x92"
"""MessagePack for "an array of two": a block is its header's bytes and its body's bytes behind."""


@final
class ChainStore(Closing):
    """Blocks, certificates, receipts, state, votes. One writer; readers from any thread."""

    def __init__(self, database: KeyValue) -> None:
        """`database` holds a chain: see `install_genesis` and `storage.opening`."""
        self._database = database
        self._head = read_head(database)
        self._forgotten = read_forgotten(database)
        self._edges = read_edges(database)
        self._sweeper = Sweeper(database)
        self._retiring = Lock()

    @property
    def database(self) -> KeyValue:
        """The floor: for reading all of it, and for measuring it. Nobody else writes to it."""
        return self._database

    # the chain

    @property
    def chain(self) -> ChainId:
        """Id of block 0."""
        return ChainId(need(self._database, schema.CHAIN_KEY, "the chain's id"))

    def head(self) -> Head:
        """The newest decided block."""
        return self._head

    def edges(self) -> Edges:
        """From which height on each part is kept. Every read below raises Rejected."""
        return self._edges

    def header(self, height: Height) -> Header:
        """The header of a height up to the head."""
        data = self._at(Part.HEADERS, schema.header_key(height), "header", height)
        return decoded(data, Header, f"header of height {height}")

    def block(self, height: Height) -> Block:
        """The block of a height up to the head."""
        return decoded(self.block_bytes(height), Block, f"block {height}")

    def block_bytes(self, height: Height) -> bytes:
        """The canonical bytes of `block(height)`, put together without decoding."""
        body = self._at(Part.BODIES, schema.body_key(height), "body", height)
        header = self._at(Part.HEADERS, schema.header_key(height), "header", height)
        return _BLOCK_ARRAY + header + body

    def certificate(self, height: Height) -> Certificate | None:
        """The commit certificate of a height up to the head; None for block 0 alone."""
        if height == 0:
            return None
        data = self._at(Part.HEADERS, schema.certificate_key(height), "certificate", height)
        return decoded(data, Certificate, f"certificate of height {height}")

    def receipts(self, height: Height) -> tuple[bytes, ...]:
        """Canonical receipts of a height up to the head, in the order of its transactions."""
        data = self._at(Part.RECEIPTS, schema.receipts_key(height), "receipts", height)
        return decoded(data, tuple[bytes, ...], f"receipts of height {height}")

    def height_of_block(self, identifier: BlockId) -> Height | None:
        """The height of a decided block, or None."""
        value = self._database.get(schema.height_key(identifier))
        return None if value is None else Height(schema.read_number(value))

    def find_transaction(self, identifier: TransactionId) -> TransactionPlace | None:
        """Where a committed transaction stands, or None; none below the edge of the index.

        It may stand below the edges of bodies and receipts: then it can be named, but not shown.
        """
        value = self._database.get(schema.transaction_key(identifier))
        if value is None:
            return None
        place = TransactionPlace(*schema.read_place(value))
        return place if self._edges.keeps(Part.INDEX, place.height) else None

    def transactions_of(
        self, account: AccountId, *, after: TransactionPlace | None, limit: int
    ) -> list[TransactionPlace]:
        """At most `limit` places of transactions that touched an account, oldest first.

        With `after`, those that stand behind it; it need not be one of them. None below the edge of
        the index: who counts says so.
        """
        found = self.movements_of(account, after=after, limit=limit)
        return [place for place, _ in found]

    def movements_of(
        self, account: AccountId, *, after: TransactionPlace | None, limit: int
    ) -> list[tuple[TransactionPlace, bytes]]:
        """The same places, each with what was moved there to and from the account."""
        assert limit >= 0, f"a limit of {limit}"
        start, stop = schema.account_txs(account, self._edges.index)
        if after is not None:
            start = max(start, schema.account_tx_key(account, after.height, after.index) + b"\0")
        rows = islice(self._database.iterate(start=start, stop=stop), limit)
        return [(TransactionPlace(*schema.read_account_tx_key(key)), moved) for key, moved in rows]

    def blocks_from(
        self, height: Height, *, bytes_max: int, count_max: int
    ) -> list[CertifiedBlock]:
        """Certified blocks in a row from `height` on, for a peer that catches up.

        Their bytes together stay within `bytes_max`, except that a first block goes alone however
        large it is: else nobody could ever pass it. Block 0 is never among them; everybody has it.
        Below the edge of the bodies there are none.
        """
        found: list[CertifiedBlock] = []
        total = 0
        for number in range(max(height, 1), self._head.height + 1):
            if len(found) == count_max:
                break
            try:
                data = self.block_bytes(Height(number))
            except Rejected:
                break
            certificate = self.certificate(Height(number))
            assert certificate is not None, "only block 0 has none"
            total += len(data) + limits.CERTIFICATE_BYTES_MAX
            if found and total > bytes_max:
                break
            found.append(CertifiedBlock(data, certificate))
        return found

    def sizes(self) -> dict[str, int]:
        """Roughly the bytes of each region, by its name in lower case."""
        return {
            region.name.lower(): self._database.size(
                start=bytes([region]), stop=bytes([region + 1])
            )
            for region in Region
        }

    def state(self) -> StateSnapshot:
        """The state at the head, frozen. Use it in a `with` statement, or close it."""
        snapshot = self._database.snapshot()
        try:
            return StateSnapshot(snapshot, read_head(snapshot).header, read_edges(snapshot))
        except BaseException:
            snapshot.close()
            raise

    # the one batch of a decision

    def commit(self, decision: Decision) -> None:
        """Make a decided block durable with all that follows from it, in one batch.

        Raises:
            StorageFault: the write failed; the process must end, and finds out at its next start
                whether the decision is there.
        """
        header, height = decision.block.header, decision.block.header.height
        self._check_follows(decision)
        batch: dict[bytes, bytes | None] = {
            schema.header_key(height): encode(header),
            schema.height_key(decision.block_id): schema.pack_number(height),
            schema.body_key(height): encode(decision.block.transactions),
            schema.certificate_key(height): encode(decision.certificate),
            schema.receipts_key(height): encode(decision.receipts),
            schema.HEAD_KEY: schema.pack_head(height, decision.block_id),
        }
        for (table, key), value in decision.state_writes.items():
            batch[schema.state_key(table, key)] = value
        for key, value in decision.node_writes.items():
            batch[schema.node_key(key)] = value
        for index, (_, identifier) in enumerate(decision.committed):
            batch[schema.transaction_key(identifier)] = schema.pack_place(height, index)
        for index, identifier in enumerate(decision.done, len(decision.committed)):
            batch[schema.transaction_key(identifier)] = schema.pack_place(height, index)
        for index, accounts in enumerate(decision.touched):
            moved = decision.moved[index]
            for account in accounts:
                batch[schema.account_tx_key(account, height, index)] = moved.get(account, b"")
        forgotten = self._move_window(batch, decision)
        self._settle_votes(batch, height)
        self._database.write(batch)
        self._forgotten = forgotten
        self._head = Head(height, decision.block_id, header)

    def _check_follows(self, decision: Decision) -> None:
        head, header, certificate = self._head, decision.block.header, decision.certificate
        count = len(decision.block.transactions)
        assert header.height == head.height + 1, f"block {header.height} after {head.height}"
        assert header.parent == head.block_id, "the block's parent is not the head"
        assert block_id(header) == decision.block_id, "the block does not hash to its id"
        assert certificate.height == header.height, "a certificate of another height"
        assert certificate.block_id == decision.block_id, "a certificate of another block"
        acts = count + len(decision.done)
        assert len(decision.committed) == count, f"{len(decision.committed)} ids for {count}"
        assert len(decision.receipts) == acts, f"{len(decision.receipts)} receipts for {acts}"
        assert len(decision.touched) == acts, f"accounts of {len(decision.touched)} for {acts}"
        assert len(decision.moved) == acts, f"movements of {len(decision.moved)} for {acts}"

    def _move_window(self, batch: dict[bytes, bytes | None], decision: Decision) -> TimeMs:
        # The range begins where the last one ended: the deleted keys below stay in LevelDB until
        # it compacts, and walking over them at every decision would cost more each time.
        forgotten = max(self._forgotten, decision.forget_before)
        past = self._database.iterate(
            start=schema.window_start(self._forgotten), stop=schema.window_start(forgotten)
        )
        for key, _ in past:
            batch[key] = None
        for valid_until, identifier in decision.committed:
            if valid_until >= forgotten:
                height = decision.block.header.height
                batch[schema.window_key(valid_until, identifier)] = schema.pack_number(height)
        batch[schema.FORGOTTEN_KEY] = schema.pack_number(forgotten)
        return forgotten

    def _settle_votes(self, batch: dict[bytes, bytes | None], height: Height) -> None:
        for record in self.votes(height):
            batch[schema.vote_key(height, record.view, record.step)] = None
            if record.step == VoteStep.PREPARE and record.view > 0:
                batch[schema.archive_key(height, record.view)] = record.data
        start, stop = schema.of_height(Region.VOTE_BODY, height)
        for key, _ in self._database.iterate(start=start, stop=stop):
            batch[key] = None
        if height >= limits.ARCHIVE_HEIGHTS:
            past = Height(height - limits.ARCHIVE_HEIGHTS)
            for view, _ in self.archive(past):
                batch[schema.archive_key(past, view)] = None

    # the vote log

    def append(self, records: Sequence[VoteRecord], bodies: Mapping[BlockId, bytes]) -> None:
        """Make all records of one step durable, with the bodies they are about, in one batch.

        Records and bodies are of height head + 1. A record is written once: a promise that is
        changed afterwards is not a promise.

        Raises:
            StorageFault: the write failed; nothing of the step may be signed.
        """
        height = Height(self._head.height + 1)
        batch: dict[bytes, bytes | None] = {}
        for record in records:
            assert record.height == height, f"a record of {record.height} while at {height}"
            key = schema.vote_key(height, record.view, record.step)
            known = batch.get(key, self._database.get(key))
            assert known is None or known == record.data, (
                f"{record.step.name} of {height}/{record.view} is already in the log, and differs"
            )
            batch[key] = record.data
        for identifier, body in bodies.items():
            batch[schema.vote_body_key(height, identifier)] = body
        if batch:
            self._database.write(batch)

    def votes(self, height: Height) -> list[VoteRecord]:
        """Our own records of a height, by view and step; none of a height that is decided."""
        start, stop = schema.of_height(Region.VOTE, height)
        records: list[VoteRecord] = []
        for key, data in self._database.iterate(start=start, stop=stop):
            _, view, step = schema.read_vote_key(key)
            records.append(VoteRecord(height, view, VoteStep(step), data))
        return records

    def kept_bodies(self, height: Height) -> dict[BlockId, bytes]:
        """Every block that the vote log keeps of a height, as canonical bytes."""
        start, stop = schema.of_height(Region.VOTE_BODY, height)
        rows = self._database.iterate(start=start, stop=stop)
        return {schema.read_vote_body_key(key)[1]: body for key, body in rows}

    def archive(self, height: Height) -> list[tuple[View, bytes]]:
        """Our prepare records of every view > 0 of a decided height, with their justification.

        Kept for ARCHIVE_HEIGHTS heights (consensus.md §10).
        """
        start, stop = schema.of_height(Region.ARCHIVE, height)
        rows = self._database.iterate(start=start, stop=stop)
        return [(schema.read_archive_key(key)[1], data) for key, data in rows]

    # evidence against validators

    def keep_evidence(self, kept: KeptEvidence, *, instead_of: Sequence[KeptEvidence] = ()) -> None:
        """Make evidence durable, and forget other evidence in the same batch.

        Raises:
            StorageFault: the write failed.
        """
        batch: dict[bytes, bytes | None] = {
            schema.evidence_key(old.height, old.case): None for old in instead_of
        }
        batch[schema.evidence_key(kept.height, kept.case)] = kept.data
        self._database.write(batch)

    def evidence(self) -> list[KeptEvidence]:
        """Everything that is kept, by height. At most limits.EVIDENCE_CASES_MAX."""
        start, stop = bytes([Region.EVIDENCE]), bytes([Region.EVIDENCE + 1])
        rows = self._database.iterate(start=start, stop=stop)
        return [KeptEvidence(*schema.read_evidence_key(key), data) for key, data in rows]

    # where other nodes are

    def keep_addresses(self, pages: Mapping[NodeKey, bytes | None]) -> None:
        """Make what nodes said of their addresses durable; None forgets a node's.

        Raises:
            StorageFault: the write failed.
        """
        self._database.write({schema.addresses_key(key): data for key, data in pages.items()})

    def addresses(self) -> list[tuple[NodeKey, bytes]]:
        """Everything that is kept, by node key."""
        start, stop = bytes([Region.ADDRESSES]), bytes([Region.ADDRESSES + 1])
        rows = self._database.iterate(start=start, stop=stop)
        return [(schema.read_addresses_key(key), data) for key, data in rows]

    # what is kept no longer

    def retire(self, part: Part, edge: Height, write_record: WriteRecord) -> bool:
        """Move an edge up, with its record in the retention log: one batch.

        From then on everything below is refused; `sweep` takes the rows away. False, and nothing
        happens, where the edge is there already.

        Raises:
            StorageFault: the write failed.
        """
        assert part is not Part.HEADERS, "headers are kept for ever"
        with self._retiring:
            old, head = self._edges.of(part), self._head
            if edge <= old:
                return False
            assert edge <= head.height, f"an edge of {edge}, the head is {head.height}"
            count = self.records()
            retirement = Retirement(
                chain=self.chain,
                part=part,
                first=old,
                edge=edge,
                head=head,
                sequence=count,
                previous=self.record(count - 1) if count else None,
            )
            self._database.write(
                {
                    schema.edge_key(part.value): schema.pack_number(edge),
                    schema.retention_key(count): write_record(retirement),
                    schema.RECORDS_KEY: schema.pack_number(count + 1),
                }
            )
            self._edges = replace(self._edges, **{part.value: edge})
            return True

    def sweep(self, *, rows_max: int, replaced: Replaced) -> int:
        """Take rows below the edges away, in one batch; 0 when none is left.

        Looks at `rows_max` rows at most, and says at how many it looked. `replaced` is the rule of
        the state tree.

        Raises:
            StorageFault: the write failed, or what says which rows to take is missing.
        """
        with self._retiring:
            return self._sweeper.sweep(self._edges, rows_max=rows_max, replaced=replaced)

    def records(self) -> int:
        """How many records the retention log has."""
        value = need(self._database, schema.RECORDS_KEY, "the length of the retention log")
        return schema.read_number(value)

    def record(self, sequence: int) -> bytes:
        """A record of the retention log: they are counted from 0."""
        key = schema.retention_key(sequence)
        return need(self._database, key, f"record {sequence} of the retention log")

    def retention_log(self) -> Iterator[tuple[int, bytes]]:
        """Every record, with its sequence number."""
        start, stop = bytes([Region.RETENTION]), bytes([Region.RETENTION + 1])
        for key, data in self._database.iterate(start=start, stop=stop):
            yield schema.read_retention_key(key), data

    def compact(self, region: Region) -> None:
        """Give the space of deleted rows of a region back. Takes long; reads and writes go on.

        Raises:
            StorageFault: the disk failed.
        """
        self._database.compact(start=bytes([region]), stop=bytes([region + 1]))

    # the store itself

    def close(self) -> None:
        """Let the database go, when no other thread reads any more. Twice is harmless."""
        self._database.close()

    def _at(self, part: Part, key: bytes, what: str, height: Height) -> bytes:
        assert 0 <= height <= self._head.height, f"height {height}, the head is {self._head.height}"
        if part is not Part.HEADERS:  # single ones lie below their edge
            self._edges.need(part, height)
        value = self._database.get(key)
        if value is None:
            # The edge may have moved since; what is missing above it is damage.
            self._edges.need(part, height)
        return present(value, f"{what} of height {height}")


def install_genesis(database: KeyValue, genesis: Genesis) -> ChainStore:
    """Begin a chain in an empty database, in one batch."""
    header = genesis.header
    assert header.height == 0, f"a genesis of height {header.height}"
    assert database.get(schema.FORMAT_KEY) is None, "the database holds a chain"
    identifier = block_id(header)
    empty = encode(())
    batch: dict[bytes, bytes | None] = {
        schema.FORMAT_KEY: schema.FORMAT,
        schema.CHAIN_KEY: identifier,
        **edge_rows(EVERYTHING),
        schema.FORGOTTEN_KEY: schema.pack_number(0),
        schema.HEAD_KEY: schema.pack_head(Height(0), identifier),
        schema.header_key(Height(0)): encode(header),
        schema.height_key(identifier): schema.pack_number(0),
        schema.body_key(Height(0)): empty,
        schema.receipts_key(Height(0)): empty,
    }
    for (table, key), value in genesis.state_writes.items():
        batch[schema.state_key(table, key)] = value
    for key, value in genesis.node_writes.items():
        batch[schema.node_key(key)] = value
    database.write(batch)
    return ChainStore(database)
