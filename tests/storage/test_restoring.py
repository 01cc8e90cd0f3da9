"""A database that is born with a history is whole, or refused."""

from collections.abc import Callable
from pathlib import Path

import pytest

from kit.disks import MortalDatabase
from kit.stored import (
    BLOCK_MS,
    BORN,
    EDGES,
    FORGOTTEN,
    born,
    bring,
    chain_of,
    contradictions,
    decisions,
    genesis,
    grow,
    next_decision,
    transaction_id,
)
from primitives.errors import OperatorFault, Rejected
from primitives.ids import Height
from storage import schema
from storage.chain import install_genesis
from storage.edges import HISTORY_PRUNED
from storage.memory import MemoryKeyValue
from storage.opening import begin_restore, check_database, open_database
from storage.restoring import Restoration
from storage.schema import Region

CHAIN = chain_of(genesis())


def test_a_chain_can_begin_at_a_height() -> None:
    """It opens with all checks, knows its head and state, and goes on."""
    database = MemoryKeyValue()
    born(database)
    store = check_database(database, Path("chain"), CHAIN)

    assert store.head().height == BORN
    assert store.edges() == EDGES
    grow(store, 3)
    assert [found for found in contradictions(store, genesis()) if "header" not in found] == []
    assert check_database(database, Path("chain"), CHAIN).head().height == BORN + 3


def test_what_lies_before_its_birth_is_refused_not_damaged() -> None:
    """Only the headers that lead to its validators are there, and block 0."""
    store = born(MemoryKeyValue())

    assert store.header(Height(2)).height == 2
    certificate = store.certificate(Height(2))
    assert certificate is not None
    assert certificate.height == 2
    assert store.header(Height(0)).height == 0
    assert store.block(Height(0)).transactions == ()
    for read in (store.header, store.certificate, store.block, store.receipts):
        with pytest.raises(Rejected) as caught:
            read(Height(3))
        assert caught.value.code == HISTORY_PRUNED
    with pytest.raises(Rejected):
        store.block(BORN)
    assert store.blocks_from(BORN, bytes_max=10_000, count_max=3) == []
    assert store.find_transaction(transaction_id(BORN, 0)) is None


def test_the_window_says_who_committed_what() -> None:
    """The heights come with the ids."""
    with born(MemoryKeyValue()).state() as state:
        found = list(state.window())

    assert len(found) == 2 * BORN
    assert {height for _, _, height in found} == set(range(1, BORN + 1))
    assert found == sorted(found)
    assert found[0][0] == BLOCK_MS + 5_000


@pytest.mark.parametrize("batch_bytes", [1, 200, 10**6])
def test_a_crash_at_any_write_leaves_what_is_refused(
    batch_bytes: int,
) -> None:
    """Every prefix of the writes is an unfinished restore; the last write makes it whole."""
    worlds: list[dict[bytes, bytes]] = []
    database = MortalDatabase()
    database.danger = lambda _: worlds.append(database.contents())

    born(database, batch_bytes=batch_bytes)

    for world in filter(None, worlds[:-1]):
        with pytest.raises(OperatorFault) as caught:
            check_database(MemoryKeyValue(world), Path("chain"), CHAIN)
        assert str(caught.value) == (
            "chain holds an unfinished restore of the snapshot of height 6: "
            "remove the folder and restore again"
        )
    assert check_database(MemoryKeyValue(worlds[-1]), Path("chain"), CHAIN).head().height == BORN


def test_a_copy_brings_its_rows_as_they_are() -> None:
    """All but the vote log, the head and what is under way."""
    source = MemoryKeyValue()
    original = install_genesis(source, genesis())
    grow(original, 4)
    copy = MemoryKeyValue()
    restore = Restoration(copy, "a backup")
    for key, value in source.contents().items():
        if key not in (schema.FORMAT_KEY, schema.HEAD_KEY):
            restore.row(key, value)

    store = restore.finish_copy(original.head().height, original.head().block_id)

    assert copy.contents() == source.contents()
    assert contradictions(store, genesis()) == []


def test_neither_votes_nor_the_head_are_rows_to_bring() -> None:
    """A restored validator that remembers half of its votes would be a liar."""
    restore = Restoration(MemoryKeyValue(), "a backup")

    for key in (bytes([Region.VOTE]) + b"x", bytes([Region.VOTE_BODY]) + b"x", schema.HEAD_KEY):
        with pytest.raises(AssertionError):
            restore.row(key, b"")


def test_a_restore_left_alone_is_refused_by_whoever_comes_next(tmp_path: Path) -> None:
    """To open, to begin a chain there, and to restore again."""
    folder = tmp_path / "data"
    with begin_restore(folder, "the snapshot of height 6") as restore:
        restore.chain(genesis().header)

    again: tuple[Callable[[], object], ...] = (
        lambda: open_database(folder, CHAIN),
        lambda: begin_restore(folder, "another"),
    )
    for attempt in again:
        with pytest.raises(OperatorFault, match="unfinished restore of the snapshot of height 6"):
            attempt()


def test_a_folder_with_a_chain_is_not_restored_over(tmp_path: Path) -> None:
    """Nothing is overwritten."""
    folder = tmp_path / "data"
    with begin_restore(folder, "the snapshot") as restore:
        chain = decisions()
        bring(restore, chain)
        head = chain[-1]
        restore.finish(
            head.block.header, head.certificate, forgotten=FORGOTTEN, edges=EDGES
        ).close()

    with pytest.raises(OperatorFault, match="already holds a chain"):
        begin_restore(folder, "the snapshot")
    with open_database(folder, CHAIN) as store:
        assert store.head().height == BORN
        assert next_decision(store.head(), CHAIN).block.header.height == BORN + 1
