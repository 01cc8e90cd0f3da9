"""Imports: every block through the door of catching up, and on from wherever one ended."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from kit import exports
from kit.api import ChainOfOne
from kit.exports import done, write_export
from kit.ledger import genesis_document, pay
from kit.other_ledger import OtherChain, skims
from ledger.transaction import check_transaction
from ledger.tree import StateTree
from node import importing
from node.folder import LoadedNode
from node.importing import ImportResult, import_chain
from node.snapshot_check import open_snapshot
from node.snapshot_restore import restore
from node.snapshots import write_snapshot
from primitives.errors import BadBlock, Malformed, RemoteFault
from primitives.ids import Height
from services.table import TRANSACTION
from storage.chain import ChainStore
from storage.leveldb import create_leveldb
from storage.opening import open_database

HEIGHTS = 5


@pytest.fixture
def other() -> OtherChain:
    made = OtherChain.begin()
    for _ in range(HEIGHTS):
        made.block()
    return made


@pytest.fixture
def node(other: OtherChain, tmp_path: Path) -> LoadedNode:
    """A node's folder that has no database yet."""
    return ChainOfOne(document=other.chain.genesis, folder=tmp_path / "node").premises.node


@pytest.fixture
def file(other: OtherChain, tmp_path: Path) -> Path:
    return write_export(other.chain, tmp_path / "c.export")


def imported(node: LoadedNode, file: Path) -> ImportResult:
    result: ImportResult = done(import_chain(node, file))
    return result


def rows(store: ChainStore) -> Iterator[tuple[bytes, bytes]]:
    return store._database.iterate(start=b"\0", stop=b"\xff")


def test_an_import_leaves_what_the_chain_itself_left(
    other: OtherChain, node: LoadedNode, file: Path
) -> None:
    """Byte for byte: blocks, certificates, receipts, state, tree, window and indexes."""
    result = imported(node, file)

    assert (result.first, result.last, result.blocks) == (1, HEIGHTS, HEIGHTS)
    assert (result.transactions, result.already) == (2 * HEIGHTS, 0)
    with open_database(node.folder.data, other.chain.chain) as store:
        assert list(rows(store)) == list(rows(other.chain.store))


def test_an_import_goes_on_where_the_folder_ends(
    other: OtherChain, node: LoadedNode, tmp_path: Path
) -> None:
    """What is here is compared, what is new is executed; said twice it does nothing."""
    imported(node, write_export(other.chain, tmp_path / "1.export", last=2))
    file = write_export(other.chain, tmp_path / "2.export")
    result = imported(node, file)
    again = imported(node, file)

    assert (result.first, result.last, result.already) == (3, HEIGHTS, 2)
    assert (again.blocks, again.last, again.already) == (0, HEIGHTS, HEIGHTS)


def test_an_import_that_is_stopped_anywhere_can_be_given_again(
    other: OtherChain, node: LoadedNode, file: Path
) -> None:
    """Closed after any height, what was executed stays, and the rest follows."""
    for steps in range(1, HEIGHTS + 1):
        work = import_chain(node, file)
        for _ in range(steps):
            next(work)
        work.close()
        with open_database(node.folder.data, other.chain.chain) as store:
            assert store.head().height == steps
    assert imported(node, file).blocks == 0


@pytest.mark.parametrize("gathered", [1, 15_000, importing.GATHERED_BYTES])
@pytest.mark.parametrize("steps", [1, 3, HEIGHTS])
def test_a_killed_import_leaves_a_whole_height(
    other: OtherChain, node: LoadedNode, file: Path, gathered: int, steps: int
) -> None:
    """What it had gathered is lost, whole; the same command does it again."""
    killed = os.fork()
    if killed == 0:
        try:
            importing.GATHERED_BYTES = gathered  # type: ignore[misc] # in that process alone
            work = import_chain(node, file)
            for _ in range(steps):
                next(work)
        finally:  # whatever happened: a second run of the tests must not go on in here
            os.kill(os.getpid(), signal.SIGKILL)
    assert os.waitstatus_to_exitcode(os.waitpid(killed, 0)[1]) == -signal.SIGKILL

    with open_database(node.folder.data, other.chain.chain) as store:
        height = store.head().height
        assert height <= steps
        assert height == {1: steps, importing.GATHERED_BYTES: 0}.get(gathered, height)
        with store.state() as state:
            assert StateTree(state.node, height).root == store.head().header.state_root
    assert imported(node, file).blocks == HEIGHTS - height
    with open_database(node.folder.data, other.chain.chain) as store:
        assert list(rows(store)) == list(rows(other.chain.store))


@pytest.mark.parametrize(
    ("spoil", "kind", "reason"),
    [
        (exports.without_a_seal, Malformed, "height 3: 2 signers, a quorum of 4 validators is 3"),
        (exports.with_a_forged_seal, Malformed, "height 3: signature of"),
        (exports.with_other_receipts, Malformed, "height 3: the file's receipts are not those"),
        (exports.with_another_time, BadBlock, "height 3: the header hashes to"),
        (exports.without_a_transaction, BadBlock, "height 3: the transactions have root"),
    ],
)
def test_a_forged_height_ends_the_import_and_what_came_before_stays(
    other: OtherChain,
    node: LoadedNode,
    tmp_path: Path,
    spoil: exports.Spoil,
    kind: type[RemoteFault],
    reason: str,
) -> None:
    """The folder is whole at the height below; the right file goes on from there."""
    forged = write_export(other.chain, tmp_path / "forged", spoil={3: spoil})
    with pytest.raises(kind, match=reason):
        imported(node, forged)

    assert imported(node, write_export(other.chain, tmp_path / "c.export")).first == 3


def test_a_height_that_is_missing_is_named(
    other: OtherChain, node: LoadedNode, tmp_path: Path
) -> None:
    """A file that begins above the folder's end; heights out of order within one."""
    with pytest.raises(Malformed, match="height 4: the folder ends with 0, so 1 must come first"):
        imported(node, write_export(other.chain, tmp_path / "late", first=4))

    third = next(exports.records(other.chain, 3))
    shuffled = write_export(other.chain, tmp_path / "shuffled", spoil={2: lambda _: third})
    with pytest.raises(Malformed, match="block of height 3 stands where 2 is expected"):
        imported(node, shuffled)


def test_another_chain_is_refused_before_anything_is_written(
    node: LoadedNode, tmp_path: Path
) -> None:
    """Its genesis document makes another chain id."""
    document = replace(genesis_document(), network="Another network")
    stranger = ChainOfOne(document=document)

    with pytest.raises(Malformed, match="this folder belongs to chain"):
        imported(node, write_export(stranger, tmp_path / "stranger"))
    assert not node.folder.data.exists()


def test_a_fork_is_refused(other: OtherChain, node: LoadedNode, file: Path, tmp_path: Path) -> None:
    """A folder and a file of one chain with different blocks of one height."""
    imported(node, file)
    fork = ChainOfOne(document=other.chain.genesis)
    for number in range(2):
        data = fork.signed("treasury", pay("works", 5, f"fork-{number}"))
        tx = check_transaction(data, fork.chain, TRANSACTION)
        fork.waiting[tx.id] = tx
        fork.make_block()

    with pytest.raises(BadBlock, match=r"height 1: the file has block .*, this folder has"):
        imported(node, write_export(fork, tmp_path / "fork"))


def test_a_certified_block_of_another_ledger_is_refused(
    other: OtherChain, node: LoadedNode, tmp_path: Path
) -> None:
    """A quorum stands behind it, and the folder stays where its own execution ends."""
    other.block(skims)

    with pytest.raises(Malformed, match=f"height {HEIGHTS + 1}: state root .*, execution gives"):
        imported(node, write_export(other.chain, tmp_path / "skimmed"))
    with open_database(node.folder.data, other.chain.chain) as store:
        assert store.head().height == Height(HEIGHTS)


def test_the_signers_memory_is_not_touched(node: LoadedNode, file: Path) -> None:
    """A validator's folder keeps what it remembers having signed, or that it has nothing."""
    imported(node, file)
    assert not node.folder.signer_state.exists()

    node.folder.signer_state.write_bytes(b"what it signed")
    imported(node, file)
    assert node.folder.signer_state.read_bytes() == b"what it signed"


def test_an_import_goes_on_in_a_database_that_has_not_even_a_genesis(
    other: OtherChain, node: LoadedNode, file: Path
) -> None:
    """It was killed, or lost power, right after LevelDB made its files."""
    create_leveldb(node.folder.data).close()

    assert imported(node, file).last == HEIGHTS
    with open_database(node.folder.data, other.chain.chain) as store:
        assert store.head().height == HEIGHTS


def test_an_import_goes_on_from_a_snapshot(
    other: OtherChain, node: LoadedNode, tmp_path: Path
) -> None:
    """What lies below the snapshot is in the file and not in the folder, and stays so."""
    chain = other.chain
    made = done(write_snapshot(chain.store, chain.store.state(), tmp_path / "snapshots"))
    node.folder.data.parent.mkdir(parents=True, exist_ok=True)
    restore(open_snapshot(Path(made.folder), chain.chain), node.folder.data, lambda _: None)
    other.block()
    result = imported(node, write_export(chain, tmp_path / "longer"))

    assert (result.first, result.last, result.already) == (HEIGHTS + 1, HEIGHTS + 1, HEIGHTS)
    with open_database(node.folder.data, chain.chain) as store:
        assert store.head().block_id == chain.store.head().block_id
        assert store.edges().bodies == HEIGHTS + 1
