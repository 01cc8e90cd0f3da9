"""An edge moves in one write; below it everything is refused, and its rows go step by step."""

import pytest

from kit.stored import account, contradictions, genesis, grow, new_store, replaced, sweep
from primitives.errors import Rejected
from primitives.ids import Height
from storage.chain import ChainStore, install_genesis
from storage.decision import TransactionPlace
from storage.edges import EVERYTHING, HISTORY_PRUNED, Edges, Part, Retirement, WriteRecord
from storage.memory import MemoryKeyValue
from storage.schema import Region
from storage.sweeping import ReadNode

PRUNABLE = [Part.BODIES, Part.RECEIPTS, Part.INDEX, Part.STATE]


def says(words: str) -> WriteRecord:
    """A record of these words."""
    return lambda _: words.encode()


def heights_left(database: MemoryKeyValue, region: Region) -> list[int]:
    """The heights that a region still has rows of."""
    keys = [key for key in database.contents() if key[0] == region]
    return sorted(int.from_bytes(key[1:9], "big") for key in keys)


def rows_of(database: MemoryKeyValue, region: Region) -> int:
    """How many rows a region has."""
    return sum(1 for key in database.contents() if key[0] == region)


def test_a_node_begins_with_everything() -> None:
    """Nothing is dropped that was not retired."""
    store = new_store()
    grow(store, 5)

    assert store.edges() == EVERYTHING
    assert store.sweep(rows_max=10, replaced=replaced) == 0
    assert store.records() == 0


@pytest.mark.parametrize("part", PRUNABLE)
def test_below_an_edge_everything_is_refused_at_once(part: Part) -> None:
    """Before a single row is gone; block 0 stays."""
    store = new_store()
    grow(store, 8)

    store.retire(part, Height(5), says("a record"))

    assert store.edges().of(part) == 5
    assert contradictions(store, genesis()) == []
    assert store.block(Height(0)).transactions == ()
    assert store.receipts(Height(0)) == ()


def test_the_refusal_says_from_where_on() -> None:
    """In words and in facts, for people and programs."""
    store = new_store()
    grow(store, 8)
    store.retire(Part.BODIES, Height(5), says(""))

    with pytest.raises(Rejected) as caught:
        store.block(Height(4))

    assert caught.value.code == HISTORY_PRUNED
    assert caught.value.message == "the body of height 4 is not kept here: kept from 5 on"
    assert caught.value.facts == {"part": "bodies", "expected": "at least 5", "actual": 4}
    assert store.block(Height(5)).header.height == 5
    assert store.header(Height(4)).height == 4


def test_bodies_and_receipts_go_and_headers_stay() -> None:
    """So do certificates, of every height."""
    database = MemoryKeyValue()
    store = install_genesis(database, genesis())
    grow(store, 8)
    store.retire(Part.BODIES, Height(5), says(""))
    store.retire(Part.RECEIPTS, Height(7), says(""))

    sweep(store)

    assert heights_left(database, Region.BODY) == [0, 5, 6, 7, 8]
    assert heights_left(database, Region.RECEIPTS) == [0, 7, 8]
    assert heights_left(database, Region.HEADER) == list(range(9))
    assert heights_left(database, Region.CERTIFICATE) == list(range(1, 9))
    assert contradictions(store, genesis()) == []


def test_the_index_forgets_transactions_and_accounts() -> None:
    """Each row below the edge, and no other."""
    database = MemoryKeyValue()
    store = install_genesis(database, genesis())
    grow(store, 8)
    store.retire(Part.INDEX, Height(6), says(""))
    everybody = account("all")
    assert store.transactions_of(everybody, after=None, limit=1) == [TransactionPlace(Height(6), 0)]
    before = TransactionPlace(Height(2), 0)
    assert store.transactions_of(everybody, after=before, limit=1)[0].height == 6

    sweep(store, rows_max=3)

    assert rows_of(database, Region.TRANSACTION) == 3 * 2
    assert rows_of(database, Region.ACCOUNT_TX) == 3 * 2 * 3
    assert contradictions(store, genesis()) == []


def test_the_trees_below_the_edge_go() -> None:
    """What the tree says that only they need."""
    database = MemoryKeyValue()
    store = install_genesis(database, genesis())
    grow(store, 8)
    store.retire(Part.STATE, Height(6), says(""))

    sweep(store, rows_max=1)

    assert rows_of(database, Region.NODE) == 3
    assert contradictions(store, genesis()) == []


def test_a_step_over_heights_that_changed_nothing_is_bounded_too() -> None:
    """Each of them is asked for its rows, whether it has some or not."""
    store = new_store()
    grow(store, 8)
    store.retire(Part.STATE, Height(7), says(""))
    asked: list[int] = []

    def nothing(_read: ReadNode, height: Height) -> list[bytes]:
        asked.append(height)
        return []

    assert [store.sweep(rows_max=3, replaced=nothing) for _ in range(4)] == [1, 1, 1, 0]
    assert asked == [1, 2, 3, 4, 5, 6, 7]


@pytest.mark.parametrize("rows_max", [1, 2, 5, 1_000])
def test_a_step_looks_at_so_many_rows(rows_max: int) -> None:
    """It says at how many, and the sum is the same whatever the step."""
    database = MemoryKeyValue()
    store = install_genesis(database, genesis())
    grow(store, 6)
    for part in PRUNABLE:
        store.retire(part, Height(6), says(""))

    steps = []
    while step := store.sweep(rows_max=rows_max, replaced=replaced):
        steps.append(step)

    assert max(steps) <= rows_max
    assert heights_left(database, Region.BODY) == [0, 6]
    assert rows_of(database, Region.TRANSACTION) == 2
    assert rows_of(database, Region.NODE) == 1


def test_a_walk_through_the_index_goes_on_after_a_crash() -> None:
    """From the row where it was; an edge that moved meanwhile has a walk of its own."""
    database = MemoryKeyValue()
    store = install_genesis(database, genesis())
    grow(store, 8)
    store.retire(Part.INDEX, Height(4), says(""))
    for _ in range(3):
        store.sweep(rows_max=2, replaced=replaced)
    assert rows_of(database, Region.TRANSACTION) > 5 * 2

    after = MemoryKeyValue(database.contents())
    restarted = ChainStore(after)
    grow(restarted, 1)
    restarted.retire(Part.INDEX, Height(7), says(""))
    sweep(restarted, rows_max=2)

    assert rows_of(after, Region.TRANSACTION) == 3 * 2
    assert contradictions(restarted, genesis()) == []
    with restarted.state() as state:
        assert state.edges.index == 7


def test_each_edge_that_moves_leaves_a_record() -> None:
    """In the same write, in order; a restart finds them."""
    database = MemoryKeyValue()
    store = install_genesis(database, genesis())
    grow(store, 8)
    store.retire(Part.BODIES, Height(3), says("first"))
    store.retire(Part.STATE, Height(4), says("second"))
    sweep(store)

    restarted = ChainStore(MemoryKeyValue(database.contents()))

    assert list(restarted.retention_log()) == [(0, b"first"), (1, b"second")]
    assert (restarted.records(), restarted.record(1)) == (2, b"second")
    assert restarted.edges() == Edges(
        headers=Height(0), bodies=Height(3), receipts=Height(1), index=Height(1), state=Height(4)
    )


def test_a_record_is_made_from_what_is_dropped() -> None:
    """Block 0 stays but for its state; a record knows the one before it."""
    store = new_store()
    grow(store, 8)
    asked: list[Retirement] = []

    def keep(retirement: Retirement) -> bytes:
        asked.append(retirement)
        return b"record %d" % len(asked)

    store.retire(Part.BODIES, Height(3), keep)
    store.retire(Part.BODIES, Height(5), keep)
    store.retire(Part.STATE, Height(5), keep)

    assert [(one.first, one.edge) for one in asked] == [(1, 3), (3, 5), (0, 5)]
    assert [one.sequence for one in asked] == [0, 1, 2]
    assert [one.previous for one in asked] == [None, b"record 1", b"record 2"]
    assert {one.head.height for one in asked} == {8}


def test_an_edge_never_moves_down_nor_above_the_head() -> None:
    """Nor do headers have one to move: that would be our bug."""
    store = new_store()
    grow(store, 3)
    store.retire(Part.BODIES, Height(2), says(""))

    assert not store.retire(Part.BODIES, Height(2), says(""))
    assert not store.retire(Part.BODIES, Height(1), says(""))
    for part, edge in ((Part.STATE, 4), (Part.HEADERS, 1)):
        with pytest.raises(AssertionError):
            store.retire(part, Height(edge), says(""))
    assert store.records() == 1


def test_a_peer_gets_no_block_from_below_the_edge() -> None:
    """An empty answer, not a hole."""
    store = new_store()
    grow(store, 6)
    store.retire(Part.BODIES, Height(4), says(""))

    assert store.blocks_from(Height(3), bytes_max=100_000, count_max=5) == []
    assert len(store.blocks_from(Height(4), bytes_max=100_000, count_max=5)) == 3


def test_a_state_knows_the_edges_of_its_moment() -> None:
    """A reader that began before the edge moved still has its rows."""
    store = new_store()
    grow(store, 6)
    with store.state() as state:
        store.retire(Part.STATE, Height(5), says(""))
        sweep(store)

        assert state.edges.state == 0
        assert state.node(b"root 1") == b"node 1"
        assert state.node(b"root 1") is not None
    with store.state() as state:
        assert state.edges.state == 5
        assert state.node(b"root 1") is None
