"""`mithaq snapshot`: of a running node and of a stopped one, listed, checked, and restored."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import trio

from cli.faults import ExitCode
from kit.api import ChainOfOne, administering
from kit.commandline import Done, mithaq
from kit.nets import in_trio
from kit.snapshots import chain_with_payments
from node.config import NodeFolder
from node.snapshot_format import read_manifest, state_name
from primitives.named import to_named
from storage.chain import ChainStore
from storage.leveldb import create_leveldb
from storage.opening import open_database


def copied(chain: ChainOfOne, folder: Path) -> ChainStore:
    """The chain on disk."""
    database = create_leveldb(folder)
    database.write(dict(chain.store.database.iterate(start=b"", stop=b"\xff")))
    return ChainStore(database)


def init(folder: Path, chain: ChainOfOne) -> Path:
    """The folder of an observer of a chain, without a database."""
    genesis = folder.with_suffix(".json")
    genesis.write_text(json.dumps(to_named(chain.genesis)))
    done = mithaq("init", folder, "--observer", "--name", folder.name, "--genesis", genesis)
    assert done.code == ExitCode.OK, done.err
    return folder


@pytest.fixture(scope="module")
def chain() -> ChainOfOne:
    return chain_with_payments(5)


@pytest.fixture
def node(tmp_path: Path, chain: ChainOfOne) -> Path:
    """A node that does not run, with five blocks."""
    folder = init(tmp_path / "stopped", chain)
    copied(chain, NodeFolder(folder).data).close()
    return folder


@pytest.fixture
def snapshot(node: Path) -> Path:
    done = mithaq("snapshot", "create", "--home", node, "--json")
    assert done.code == ExitCode.OK, done.err
    return Path(done.result["folder"])


def test_a_stopped_nodes_snapshot_is_made_from_its_files(
    node: Path, snapshot: Path, chain: ChainOfOne
) -> None:
    """In its own folder, under the height and the root; and is listed there."""
    root = chain.store.head().header.state_root
    listed = mithaq("snapshot", "list", "--home", node, "--json").result
    text = mithaq("snapshot", "list", "--home", node).out

    assert snapshot == node / "snapshots" / f"5-{root[:4].hex()}"
    assert [(one["height"], one["state_root"]) for one in listed] == [(5, root.hex())]
    assert text.splitlines()[0].split() == ["HEIGHT", "BLOCK", "TIME", *text.split()[3:7]]
    assert str(snapshot) in text


def test_where_there_are_none_none_are_listed(node: Path, tmp_path: Path) -> None:
    """In the node's folder or in another one."""
    (tmp_path / "other").mkdir()

    assert mithaq("snapshot", "list", "--home", node).out == "no snapshots\n"
    assert mithaq("snapshot", "list", "--home", node, "--in", tmp_path / "other").code == 0


@in_trio
async def test_a_running_node_makes_it_itself(tmp_path: Path) -> None:
    """Into whatever folder is said; the path is the command's, not the node's."""
    folder = tmp_path / "running"
    running = chain_with_payments(5, folder=folder)
    init(folder, running)

    def create() -> Done:
        words = ("--home", folder, "--into", tmp_path / "shelf", "--json")
        return mithaq("snapshot", "create", *words)

    async with administering(running, folder / "admin.sock"):
        done = await trio.to_thread.run_sync(create)
        refused = await trio.to_thread.run_sync(create)
        restoring = await trio.to_thread.run_sync(
            lambda: mithaq("snapshot", "restore", tmp_path / "shelf", "--home", folder)
        )

    assert done.code == ExitCode.OK, done.err
    result = json.loads(done.out[done.out.index("\n{") :])  # behind the node's own log
    assert Path(result["folder"]).parent == tmp_path / "shelf"
    assert (Path(result["folder"]) / "manifest").exists()
    assert "exists already" in refused.err
    assert refused.code == restoring.code == ExitCode.LOCAL_FAULT
    assert "stop it first" in restoring.err


def verified(snapshot: Path, *words: str | Path) -> Done:
    return mithaq("snapshot", "verify", snapshot, "--home", snapshot, *words)


def test_a_snapshot_is_checked_without_a_node(snapshot: Path, chain: ChainOfOne) -> None:
    """Valid under a pinned chain, by an option or by the home's genesis; else not pinned."""
    by_option = verified(snapshot, "--chain", chain.chain.hex())
    by_home = mithaq("snapshot", "verify", snapshot, "--home", snapshot.parents[1], "--json")
    unpinned = verified(snapshot)

    assert by_option.code == by_home.code == ExitCode.OK
    assert by_option.out.startswith("VALID\n")
    assert "The chain was pinned by --chain." in by_option.out
    assert by_home.result["verdict"] == "valid"
    assert by_home.result["pinned_by"] == str(snapshot.parents[1] / "genesis.json")
    assert unpinned.code == ExitCode.NOT_PINNED
    assert unpinned.out.startswith("NOT PINNED\n")


def test_a_checkpoint_above_a_snapshot_pins_nothing_of_it(
    snapshot: Path, chain: ChainOfOne
) -> None:
    """R59: at its height or below it does."""
    manifest = read_manifest(snapshot)
    hashed = manifest.header.validators_hash.hex()
    at, above = (f"{chain.chain.hex()}@{manifest.height + more}:{hashed}" for more in (0, 1))

    assert verified(snapshot, "--chain", at).code == ExitCode.OK
    assert verified(snapshot, "--chain", above).code == ExitCode.NOT_PINNED


def test_one_that_is_not_valid_says_which_file(snapshot: Path, chain: ChainOfOne) -> None:
    """Another chain, a spoilt chunk, a missing one: exit code 1. No snapshot at all is another."""
    other = verified(snapshot, "--chain", "00" * 32)
    path = snapshot / state_name(0)
    data = path.read_bytes()
    path.write_bytes(data[:-1])
    spoilt = verified(snapshot, "--chain", chain.chain.hex(), "--json")
    path.unlink()
    missing = verified(snapshot, "--chain", chain.chain.hex())
    nothing = verified(snapshot.parent, "--chain", chain.chain.hex())
    usage = verified(snapshot, "--chain", "00")

    assert other.code == spoilt.code == missing.code == ExitCode.REFUSED
    assert other.out.startswith("INVALID\n")
    assert "is of chain" in other.out
    assert spoilt.result["verdict"] == "invalid"
    assert spoilt.result["reason"].startswith(f"{path}: ")
    assert f"{path} is missing" in missing.out
    assert nothing.code == ExitCode.LOCAL_FAULT
    assert usage.code == ExitCode.USAGE


def test_a_node_without_a_database_begins_there(
    tmp_path: Path, snapshot: Path, chain: ChainOfOne
) -> None:
    """Once: what is there is never overwritten."""
    folder = init(tmp_path / "fresh", chain)

    done = mithaq("snapshot", "restore", snapshot, "--home", folder)
    again = mithaq("snapshot", "restore", snapshot, "--home", folder)

    assert done.code == ExitCode.OK, done.err
    assert str(NodeFolder(folder).data) in done.out
    with open_database(NodeFolder(folder).data, chain.chain) as store:
        assert store.head() == chain.store.head()
    assert again.code == ExitCode.LOCAL_FAULT
    assert "move it away first" in again.err


def test_a_node_of_another_chain_takes_none(tmp_path: Path, snapshot: Path) -> None:
    """Its genesis.json says which chain it is of."""
    folder = init(tmp_path / "stranger", ChainOfOne())

    done = mithaq("snapshot", "restore", snapshot, "--home", folder)

    assert done.code == ExitCode.REFUSED
    assert "is of chain" in done.err
    assert not NodeFolder(folder).data.exists()
