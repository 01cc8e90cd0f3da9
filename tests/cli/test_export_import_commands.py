"""`mithaq db export` and `mithaq db import`, over the files of nodes that do not run."""

from __future__ import annotations

from pathlib import Path

import pytest

from kit.api import ChainOfOne, administering
from kit.commandline import mithaq, testnet
from kit.exports import write_export
from kit.nets import in_trio
from node.app import _open_store
from node.folder import load_node


@pytest.fixture
def home(tmp_path: Path) -> Path:
    testnet(tmp_path, "--validators", "2")
    _open_store(load_node(tmp_path / "nodes" / "node0")).close()
    return tmp_path


def test_an_export_is_imported_into_another_folder(home: Path) -> None:
    """Both say what they did; nothing is overwritten, and nothing is imported twice."""
    file, words = home / "c.export", ("--home", home, "--node")
    done = mithaq("db", "export", file, *words, "node0", "--json")
    assert done.code == 0, done.err
    assert (done.result["first"], done.result["last"], done.result["kept"]) == (1, 0, 0)
    again = mithaq("db", "export", file, *words, "node0")
    assert again.code == 6
    assert "exists already" in again.err

    assert mithaq("db", "import", file, *words, "node1", "--json").result["blocks"] == 0
    told = mithaq("db", "import", file, *words, "node1")
    assert told.out == "nothing new: the folder has height 0\n"


def test_an_export_of_a_height_that_is_not_there_ends_with_1(home: Path) -> None:
    """It says which there are."""
    words = ("--home", home, "--node", "node0", "--to", "9")
    done = mithaq("db", "export", home / "c.export", *words)

    assert done.code == 1
    assert "this node has 1 to 0" in done.err


def test_a_file_of_another_chain_ends_with_1(home: Path) -> None:
    """The folder's genesis says which is meant."""
    file = write_export(ChainOfOne(), home / "other.export")
    done = mithaq("db", "import", file, "--home", home, "--node", "node1")

    assert done.code == 1
    assert "this folder belongs to chain" in done.err


def test_a_file_that_is_not_there_ends_with_6(home: Path) -> None:
    """It is this machine's affair."""
    done = mithaq("db", "import", home / "nothing", "--home", home, "--node", "node1")

    assert done.code == 6
    assert "cannot be read: No such file" in done.err


@in_trio
async def test_a_running_node_imports_nothing(tmp_path: Path) -> None:
    """It catches up from its peers; a second writer of its database would end both."""
    import trio

    testnet(tmp_path, "--validators", "2")
    folder = tmp_path / "nodes" / "node0"
    chain = ChainOfOne(folder=folder)
    async with administering(chain, folder / "admin.sock"):
        done = await trio.to_thread.run_sync(
            lambda: mithaq("db", "import", tmp_path / "x", "--home", tmp_path, "--node", "node0")
        )
    assert done.code == 6
    assert "runs, and catches up from its peers: stop it" in done.err
