"""Own records are durable before they are promises, and go when their height is decided."""

from collections.abc import Sequence

import pytest

from kit.certified import named_digest
from kit.stored import chain_of, genesis, grow, new_store, next_decision, vote
from primitives import limits
from primitives.block import block_id
from primitives.codec import encode
from primitives.ids import BlockId, Height, View
from storage import schema
from storage.chain import ChainStore, install_genesis
from storage.decision import Head, VoteStep
from storage.keyvalue import KeyValue
from storage.memory import MemoryKeyValue

ONE = BlockId(named_digest("one"))
TWO = BlockId(named_digest("two"))


def at_height(top: int, archived: Sequence[Height]) -> ChainStore:
    """A store whose head is of this height; below it are genesis and some archived heights."""
    begun = genesis()
    database = MemoryKeyValue()
    install_genesis(database, begun)
    below = Head(Height(top - 1), BlockId(chain_of(begun)), begun.header)
    decision = next_decision(below, chain_of(begun))
    header = decision.block.header
    contents: dict[bytes, bytes | None] = {
        schema.header_key(header.height): encode(header),
        schema.HEAD_KEY: schema.pack_head(header.height, block_id(header)),
    }
    database.write(contents)
    database.write({schema.archive_key(height, View(1)): b"why" for height in archived})
    return ChainStore(database)


def test_records_come_back_in_the_order_of_view_and_step(database: KeyValue) -> None:
    """Whatever the order in which they were written."""
    store = install_genesis(database, genesis())
    records = [vote(1, view, step) for view in (0, 1, 255, 256) for step in VoteStep]

    store.append(records[::-2], {})
    store.append(records[-2::-2], {})

    assert store.votes(Height(1)) == records
    assert ChainStore(database).votes(Height(1)) == records


def test_the_steps_stand_in_the_order_in_which_they_can_be_signed() -> None:
    """VC < PP < PR < CM, as the signer's memory has them (consensus.md §7)."""
    assert [step.name for step in sorted(VoteStep)] == [
        "VIEW_CHANGE",
        "PRE_PREPARE",
        "PREPARE",
        "COMMIT",
    ]


def test_bodies_are_kept_until_their_height_is_decided(database: KeyValue) -> None:
    """Also a body that came without a record."""
    store = install_genesis(database, genesis())

    store.append([vote(1, 0)], {ONE: b"body one"})
    store.append([], {TWO: b"body two"})

    assert store.kept_bodies(Height(1)) == {ONE: b"body one", TWO: b"body two"}
    grow(store, 1)
    assert store.kept_bodies(Height(1)) == {}


def test_a_decision_forgets_the_votes_of_its_height(database: KeyValue) -> None:
    """All steps of all views (R23)."""
    store = install_genesis(database, genesis())
    store.append([vote(1, view, step) for view in (0, 3) for step in VoteStep], {})

    grow(store, 1)

    assert store.votes(Height(1)) == []
    start, stop = schema.of_height(schema.Region.VOTE, Height(1))
    assert list(database.iterate(start=start, stop=stop)) == []


def test_justifications_of_later_views_go_to_the_archive(database: KeyValue) -> None:
    """The prepare records of every view > 0, and only they (consensus.md §10) (R23)."""
    store = install_genesis(database, genesis())
    records = [vote(1, view, step) for view in (0, 1, 7) for step in VoteStep]
    store.append(records, {ONE: b"body"})

    grow(store, 1)

    assert store.archive(Height(1)) == [
        (View(1), b"PREPARE 1/1"),
        (View(7), b"PREPARE 1/7"),
    ]


def test_the_archive_keeps_so_many_heights_and_no_more() -> None:
    """At ARCHIVE_HEIGHTS decisions later a justification goes, one earlier it is there."""
    old, newer = Height(0), Height(1)
    store = at_height(limits.ARCHIVE_HEIGHTS - 1, [old, newer])

    grow(store, 1)
    assert store.head().height == limits.ARCHIVE_HEIGHTS
    assert (store.archive(old), len(store.archive(newer))) == ([], 1)

    grow(store, 1)
    assert store.head().height == limits.ARCHIVE_HEIGHTS + 1
    assert store.archive(newer) == []


def test_records_are_of_the_height_that_is_being_decided() -> None:
    """Any other height is our bug."""
    store = new_store()
    grow(store, 1)

    for height in (1, 3):
        with pytest.raises(AssertionError, match=f"a record of {height} while at 2"):
            store.append([vote(height, 0)], {})


def test_a_record_is_never_changed() -> None:
    """The same bytes again are harmless; other bytes are our bug, and nothing is written."""
    store = new_store()
    store.append([vote(1, 0)], {})

    store.append([vote(1, 0)], {})
    with pytest.raises(AssertionError, match="PREPARE of 1/0 is already in the log, and differs"):
        store.append([vote(1, 0, VoteStep.COMMIT), vote(1, 0, data=b"other")], {})

    assert store.votes(Height(1)) == [vote(1, 0)]


def test_one_step_cannot_contradict_itself() -> None:
    """Two records of one place in one step differ as much as in two."""
    store = new_store()

    with pytest.raises(AssertionError, match="already in the log"):
        store.append([vote(1, 0), vote(1, 0, data=b"other")], {})
