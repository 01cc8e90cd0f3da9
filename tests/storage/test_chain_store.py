"""A decision is one batch, and everything in it is found again."""

import dataclasses
from collections.abc import Iterator

import msgspec
import pytest

from kit.certified import named_digest
from kit.stored import (
    BLOCK_MS,
    WINDOW_MS,
    chain_of,
    contradictions,
    genesis,
    grow,
    new_store,
    next_decision,
    transaction_id,
    vote,
)
from primitives import limits
from primitives.block import Block, block_id
from primitives.codec import encode
from primitives.errors import StorageFault
from primitives.ids import BlockId, Height, TimeMs, View
from storage import schema
from storage.chain import ChainStore, install_genesis
from storage.closing import Closing
from storage.decision import CertifiedBlock, Head, TransactionPlace, VoteStep
from storage.keyvalue import Batch, KeyValue, Snapshot
from storage.memory import MemoryKeyValue


class Unplugged(Exception):
    """The power is gone."""


class LosingPower(Closing):
    """A database whose power goes at its next write: just before it is durable, or just after."""

    def __init__(self, database: MemoryKeyValue, *, after_the_write: bool) -> None:
        self.database = database
        self.after_the_write = after_the_write
        self.writes = 0

    def get(self, key: bytes) -> bytes | None:
        return self.database.get(key)

    def iterate(self, *, start: bytes, stop: bytes) -> Iterator[tuple[bytes, bytes]]:
        return self.database.iterate(start=start, stop=stop)

    def write(self, batch: Batch) -> None:
        self.writes += 1
        if self.after_the_write:
            self.database.write(batch)
        raise Unplugged

    def snapshot(self) -> Snapshot:
        return self.database.snapshot()

    def size(self, *, start: bytes, stop: bytes) -> int:
        return self.database.size(start=start, stop=stop)

    def compact(self, *, start: bytes, stop: bytes) -> None:
        self.database.compact(start=start, stop=stop)

    def close(self) -> None:
        self.database.close()


def everything(database: KeyValue) -> list[tuple[bytes, bytes]]:
    return list(database.iterate(start=b"", stop=b"\xff"))


def test_genesis_is_block_zero(database: KeyValue) -> None:
    """It has a state and neither transactions nor a certificate, and its id is the chain's."""
    begun = genesis()

    store = install_genesis(database, begun)

    assert store.chain == chain_of(begun)
    assert store.head() == Head(Height(0), BlockId(chain_of(begun)), begun.header)
    assert store.block(Height(0)) == Block(begun.header, ())
    assert store.certificate(Height(0)) is None
    assert store.receipts(Height(0)) == ()
    with store.state() as state:
        assert state.get(2, b"genesis") == b"stays"
        assert state.node(b"root 0") == b"node 0"
        assert state.root == begun.header.state_root


def test_a_decision_is_found_again_with_all_that_follows_from_it(database: KeyValue) -> None:
    """Also by a store that is made anew over the same database."""
    store = install_genesis(database, genesis())

    grow(store, 12)

    assert contradictions(store, genesis()) == []
    assert contradictions(ChainStore(database), genesis()) == []


def test_what_is_not_there_is_none(database: KeyValue) -> None:
    """An unknown block, an unknown transaction, an id that nobody committed."""
    store = install_genesis(database, genesis())
    grow(store, 1)

    assert store.height_of_block(BlockId(named_digest("nowhere"))) is None
    assert store.find_transaction(transaction_id(2, 0)) is None
    with store.state() as state:
        assert state.get(9, b"nothing") is None
        assert state.node(b"nothing") is None
        assert not state.is_committed(TimeMs(BLOCK_MS + WINDOW_MS), transaction_id(2, 0))
        assert not state.is_committed(TimeMs(BLOCK_MS), transaction_id(1, 0))


def test_block_bytes_are_the_canonical_encoding() -> None:
    """They are put together from header and body, and are the bytes that travel."""
    store = new_store()
    grow(store, 1)

    for height in (Height(0), Height(1)):
        assert store.block_bytes(height) == encode(store.block(height))


@pytest.mark.parametrize("after_the_write", [False, True])
def test_a_decision_is_there_whole_or_not_at_all(*, after_the_write: bool) -> None:
    """All that a decision changes is one write; the power goes before it or after it (R23)."""
    database = MemoryKeyValue()
    store = install_genesis(database, genesis())
    grow(store, 8)
    body = b"a block"
    store.append([vote(9, 1)], {BlockId(named_digest("b")): body})
    losing = LosingPower(database, after_the_write=after_the_write)
    running = ChainStore(losing)

    with pytest.raises(Unplugged):
        running.commit(next_decision(running.head(), running.chain))

    assert losing.writes == 1
    restarted = ChainStore(MemoryKeyValue(database.contents()))
    assert restarted.head().height == (9 if after_the_write else 8)
    assert contradictions(restarted, genesis()) == []
    assert len(restarted.votes(Height(9))) == (0 if after_the_write else 1)
    assert len(restarted.archive(Height(9))) == (1 if after_the_write else 0)


def test_after_a_failed_write_the_head_is_still_the_old_one() -> None:
    """What memory says is never ahead of the disk."""
    database = MemoryKeyValue()
    install_genesis(database, genesis())
    running = ChainStore(LosingPower(database, after_the_write=False))

    with pytest.raises(Unplugged):
        running.commit(next_decision(running.head(), running.chain))

    assert running.head().height == 0


def test_a_decision_that_does_not_follow_is_our_bug() -> None:
    """Height, parent, id, certificate, numbers of receipts and ids: nothing is written."""
    store = new_store()
    grow(store, 1)
    good = next_decision(store.head(), store.chain)
    header = good.block.header
    lower = msgspec.structs.replace(header, height=Height(1))
    stranger = msgspec.structs.replace(header, parent=BlockId(named_digest("stranger")))
    bad = {
        "block 1 after 1": dataclasses.replace(good, block=Block(lower, good.block.transactions)),
        "parent": dataclasses.replace(
            good, block=Block(stranger, good.block.transactions), block_id=block_id(stranger)
        ),
        "hash": dataclasses.replace(good, block_id=BlockId(named_digest("other"))),
        "another height": dataclasses.replace(
            good, certificate=msgspec.structs.replace(good.certificate, height=Height(1))
        ),
        "another block": dataclasses.replace(
            good,
            certificate=msgspec.structs.replace(
                good.certificate, block_id=BlockId(named_digest("other"))
            ),
        ),
        "1 receipts for 2": dataclasses.replace(good, receipts=good.receipts[:1]),
        "1 ids for 2": dataclasses.replace(good, committed=good.committed[:1]),
    }

    for words, decision in bad.items():
        with pytest.raises(AssertionError, match=words):
            store.commit(decision)

    assert store.head().height == 1
    store.commit(good)


def test_the_window_forgets_what_is_past_and_nothing_else(database: KeyValue) -> None:
    """An id whose valid_until is exactly the edge is still remembered."""
    store = install_genesis(database, genesis())
    until = [TimeMs(100), TimeMs(199), TimeMs(200), TimeMs(300)]
    first = next_decision(store.head(), store.chain, transactions=4)
    ids = [identifier for _, identifier in first.committed]
    store.commit(
        dataclasses.replace(
            first, committed=tuple(zip(until, ids, strict=True)), forget_before=TimeMs(0)
        )
    )

    second = next_decision(store.head(), store.chain, transactions=0)
    store.commit(dataclasses.replace(second, forget_before=TimeMs(200)))

    with store.state() as state:
        remembered = [state.is_committed(*pair) for pair in zip(until, ids, strict=True)]
    assert remembered == [False, False, True, True]


def test_an_id_that_is_past_at_once_is_not_remembered() -> None:
    """Nobody would ever forget it."""
    database = MemoryKeyValue()
    store = install_genesis(database, genesis())
    decision = next_decision(store.head(), store.chain)
    (_, one), (_, two) = decision.committed

    store.commit(
        dataclasses.replace(
            decision,
            committed=((TimeMs(99), one), (TimeMs(100), two)),
            forget_before=TimeMs(100),
        )
    )

    with store.state() as state:
        assert not state.is_committed(TimeMs(99), one)
        assert state.is_committed(TimeMs(100), two)


def test_the_window_never_opens_again() -> None:
    """An earlier edge than the last one changes nothing, before a restart or after it."""
    database = MemoryKeyValue()
    store = install_genesis(database, genesis())
    first = next_decision(store.head(), store.chain, transactions=1)
    [(_, identifier)] = first.committed
    committed = ((TimeMs(150), identifier),)
    store.commit(dataclasses.replace(first, committed=committed, forget_before=TimeMs(100)))

    for edge, expected in ((50, 100), (60, 100), (151, 151)):
        decision = next_decision(store.head(), store.chain, transactions=0)
        store.commit(dataclasses.replace(decision, forget_before=TimeMs(edge)))
        assert database.get(schema.FORGOTTEN_KEY) == schema.pack_number(expected)
        with store.state() as state:
            assert state.is_committed(TimeMs(150), identifier) == (expected <= 150)
        store = ChainStore(database)


def test_a_state_stays_as_it_was_while_the_chain_goes_on(database: KeyValue) -> None:
    """Entries, nodes, window, height and root are of one moment."""
    store = install_genesis(database, genesis())
    grow(store, 4)
    root = store.head().header.state_root

    with store.state() as state:
        grow(store, 4)

        assert (state.height, state.root) == (4, root)
        assert state.get(1, b"height") == b"4"
        assert state.get(2, b"4") == b"entry"
        assert state.node(b"root 2") == b"node 2"
        assert state.node(b"root 5") is None
        assert not state.is_committed(TimeMs(5 * BLOCK_MS + WINDOW_MS), transaction_id(5, 0))


def test_a_state_is_of_the_moment_of_its_snapshot() -> None:
    """A decision that becomes durable before the snapshot, and known after it, is in the state."""
    database = MemoryKeyValue()
    reading = install_genesis(database, genesis())

    grow(ChainStore(database), 1)

    with reading.state() as state:
        assert (state.height, state.get(1, b"height")) == (1, b"1")


def test_a_scan_walks_one_table_in_order(database: KeyValue) -> None:
    """Within a prefix, above a cursor, up to a limit; tables next to it are not seen."""
    keys = [b"", b"a", b"a\x00", b"ab", b"a\xff", b"a\xff\xff", b"b", b"\xff\xff"]
    begun = genesis()
    writes = {(7, key): b"value " + key for key in keys}
    writes |= {(6, b"\xff"): b"", (8, b""): b"", (65_535, b"\xff"): b"last"}
    store = install_genesis(database, dataclasses.replace(begun, state_writes=writes))

    with store.state() as state:
        assert list(state.scan(7, limit=99)) == [(key, b"value " + key) for key in keys]
        found = [key for key, _ in state.scan(7, prefix=b"a", limit=99)]
        assert found == [b"a", b"a\x00", b"ab", b"a\xff", b"a\xff\xff"]
        assert [key for key, _ in state.scan(7, prefix=b"a\xff", limit=99)] == keys[4:6]
        assert [key for key, _ in state.scan(7, after=b"ab", limit=2)] == keys[4:6]
        assert [key for key, _ in state.scan(7, prefix=b"b", after=b"a", limit=9)] == [b"b"]
        assert list(state.scan(7, prefix=b"a", after=b"b", limit=9)) == []
        assert list(state.scan(7, limit=0)) == []
        assert list(state.scan(65_535, limit=9)) == [(b"\xff", b"last")]


def test_a_range_of_blocks_comes_with_certificates() -> None:
    """In order, from the height that was asked for to the head."""
    store = new_store()
    decisions = grow(store, 5)

    found = store.blocks_from(Height(3), bytes_max=10**9, count_max=99)

    assert found == [
        CertifiedBlock(encode(decision.block), decision.certificate) for decision in decisions[2:]
    ]
    assert store.blocks_from(Height(6), bytes_max=10**9, count_max=99) == []


def test_a_range_never_has_block_zero() -> None:
    """Everybody has it, and it has no certificate."""
    store = new_store()
    grow(store, 2)

    assert len(store.blocks_from(Height(0), bytes_max=10**9, count_max=99)) == 2


def test_a_range_keeps_its_bounds_but_always_moves_on() -> None:
    """At most so many blocks and bytes; a first block that is too large goes alone."""
    store = new_store()
    grow(store, 5)
    size = len(store.block_bytes(Height(1))) + limits.CERTIFICATE_BYTES_MAX

    def count(*, bytes_max: int, count_max: int = 99) -> int:
        return len(store.blocks_from(Height(1), bytes_max=bytes_max, count_max=count_max))

    assert count(bytes_max=10**9, count_max=2) == 2
    assert count(bytes_max=10**9, count_max=0) == 0
    assert count(bytes_max=2 * size) == 2
    assert count(bytes_max=2 * size - 1) == 1
    assert count(bytes_max=0) == 1


def test_a_height_above_the_head_is_our_bug() -> None:
    """Whoever asks compares with the head first."""
    store = new_store()

    for read in (store.header, store.block, store.receipts, store.certificate):
        with pytest.raises(AssertionError, match="the head is 0"):
            read(Height(1))


def test_a_missing_part_is_a_damaged_database() -> None:
    """Up to the head everything must be there, and nothing stands in for it."""
    database = MemoryKeyValue()
    store = install_genesis(database, genesis())
    grow(store, 2)
    height = Height(1)
    database.write(
        dict.fromkeys(
            (
                schema.header_key(height),
                schema.body_key(height),
                schema.certificate_key(height),
                schema.receipts_key(height),
            )
        )
    )

    for read in (store.header, store.block, store.receipts, store.certificate):
        with pytest.raises(StorageFault, match="of height 1 is missing"):
            read(height)


def test_bytes_that_do_not_decode_are_a_damaged_database() -> None:
    """They are not passed on."""
    database = MemoryKeyValue()
    store = install_genesis(database, genesis())
    database.write({schema.header_key(Height(0)): b"\xc1"})

    with pytest.raises(StorageFault, match="damaged: header of height 0"):
        store.header(Height(0))


def test_views_and_steps_survive_a_round_trip() -> None:
    """Keys have room for the largest view of consensus.md §3."""
    store = new_store()
    record = vote(1, 2**31 - 1, VoteStep.COMMIT)

    store.append([record], {})

    assert store.votes(Height(1)) == [record]
    assert store.votes(Height(1))[0].view == View(2**31 - 1)


def test_a_transaction_is_placed_by_its_index() -> None:
    """In the order of its block."""
    store = new_store()
    grow(store, 3)

    assert store.find_transaction(transaction_id(3, 1)) == TransactionPlace(Height(3), 1)
