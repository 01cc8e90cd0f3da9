"""`mithaq db`: which node, where the work is done, and how it is drawn."""

from __future__ import annotations

import hashlib
import io
import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
import trio

from cli.faults import ExitCode
from cli.session import Session
from cli.upkeep import Drawn
from kit.api import ChainOfOne, administering
from kit.commandline import Done, mithaq, testnet
from kit.nets import in_trio
from kit.toil import failing, toil
from node.config import Address, ApiConfig, Config, NodeFolder, P2pConfig, config_text
from node.premises import premises_of
from primitives.errors import OperatorFault, Rejected
from primitives.ids import Height
from storage import schema
from storage.leveldb import create_leveldb, open_leveldb


@pytest.fixture
def home(tmp_path: Path) -> Path:
    testnet(tmp_path, "--validators", "2")
    return tmp_path


def begin(folder: Path) -> None:
    """What the first start of a node leaves."""
    from node.app import _open_store
    from node.folder import load_node

    _open_store(load_node(folder)).close()


async def asked(folder: Path, *words: str) -> Done:
    """A command about a running node in a folder."""
    config = Config(
        name="node0",
        p2p=P2pConfig(listen=Address("127.0.0.1:0")),
        api=ApiConfig(listen=Address("127.0.0.1:0")),
    )
    NodeFolder(folder).config.write_text(config_text(config))
    database = create_leveldb(NodeFolder(folder).data)
    chain = ChainOfOne(database, folder=folder)
    try:
        async with administering(chain, folder / "admin.sock"):
            return await trio.to_thread.run_sync(lambda: mithaq("db", *words, "--home", folder))
    finally:
        database.close()


def test_statistics_are_for_people_too(home: Path) -> None:
    """What a database holds, region by region and table by table."""
    begin(home / "nodes" / "node0")
    done = mithaq("db", "stats", "--home", home / "nodes" / "node0")

    assert done.code == ExitCode.OK, done.err
    assert "kept from        the beginning: everything is here" in done.out
    assert re.search(r"^header +1 +\d+ +- +0$", done.out, re.MULTILINE)
    assert re.search(r"^validators +1 +\d+ +- +0$", done.out, re.MULTILINE)


def test_the_files_of_a_stopped_node_are_used(home: Path) -> None:
    """By its name in the home, by its folder's name, or in its own folder."""
    begin(home / "nodes" / "node1")
    words = [
        ["--home", str(home), "--node", "interior"],
        ["--home", str(home), "--node", "node1"],
        ["--home", str(home / "nodes" / "node1")],
    ]

    results = [mithaq("db", "stats", "--json", *each) for each in words]

    assert [done.code for done in results] == [ExitCode.OK] * 3, results[0].err
    assert [done.result["height"] for done in results] == [0, 0, 0]
    assert len({done.result["chain"] for done in results}) == 1


@in_trio
async def test_a_running_node_is_asked(tmp_path: Path) -> None:
    """Its database is open in its own process, and stays so."""
    done = await asked(tmp_path, "stats", "--json")

    assert done.code == ExitCode.OK, done.err
    result = json.loads(done.out[done.out.index("\n{") :])  # behind the node's own log
    assert result["height"] == 0
    assert {share["name"] for share in result["tables"]} >= {"accounts", "validators"}


def test_a_database_in_use_is_left_alone(home: Path) -> None:
    """A node that starts has no socket yet, but the lock."""
    folder = home / "nodes" / "node0"
    begin(folder)

    with premises_of(folder):
        done = mithaq("db", "stats", "--home", folder)

    assert done.code == ExitCode.LOCAL_FAULT
    assert "is in use by another process" in done.err


def test_which_node_must_be_clear(home: Path) -> None:
    """Several, none, or another one than there is."""
    several = mithaq("db", "stats", "--home", home)
    unknown = mithaq("db", "stats", "--home", home, "--node", "nobody")
    none = mithaq("db", "stats", "--home", home / "nodes")
    empty = mithaq("db", "stats", "--home", home / "nodes" / "node0")

    assert (several.code, unknown.code, none.code) == (ExitCode.USAGE,) * 3
    assert "has 2 nodes: say which with --node NAME (finance, interior)" in several.err
    assert "there is no node 'nobody', expected one of finance, interior" in unknown.err
    assert "is no node's folder" in none.err
    assert empty.code == ExitCode.LOCAL_FAULT
    assert "holds no chain: start the node, or restore one" in empty.err


def drawn(*progress: tuple[int, int, str], machine: bool) -> str:
    with pytest.MonkeyPatch.context() as patch:
        stream = io.StringIO()
        patch.setattr("sys.stderr", stream)
        times = iter(range(0, 1_000, 10))
        with Drawn(Session(Path(), machine), clock=lambda: float(next(times))) as drawn:
            for done, total, what in progress:
                drawn.at(done, total, what)
        return stream.getvalue()


def test_each_part_of_a_work_has_its_own_line() -> None:
    """Without a terminal every few seconds; without a total there is no time that is left."""
    said = drawn((1, 4, "blocks"), (2, 4, "blocks"), (5, 0, "entries"), machine=False)

    assert [line.split("  ")[0] for line in said.splitlines()] == [
        "1/4 blocks",
        "2/4 blocks",
        "5 entries",
    ]
    assert "left" in said.splitlines()[0]
    assert "left" not in said.splitlines()[2]


def test_for_programs_there_is_one_object_a_line() -> None:
    """On standard error: the result stands alone on the other one."""
    said = drawn((1, 4, "blocks"), (2, 4, "blocks"), machine=True)

    told = [json.loads(line) for line in said.splitlines()]
    assert told == [{"progress": {"done": done, "total": 4, "what": "blocks"}} for done in (1, 2)]


async def worked(folder: Path, upkeep: Any) -> object:  # noqa: ANN401 - any kind of work
    """What the client's side makes of a work in a node."""
    from client.connection import Connection, operator_of

    chain = ChainOfOne(folder=folder)

    def ask() -> object:
        with Connection(operator_of(folder)) as connection:
            return connection.work("/v1/admin/db/toil", b'{"steps": 1}', print, timeout_s=20)

    async with administering(chain, folder / "admin.sock", [upkeep]):
        return await trio.to_thread.run_sync(ask)


@in_trio
async def test_the_result_comes_through(tmp_path: Path) -> None:
    """As JSON."""
    assert await worked(tmp_path, toil().upkeep) == {"steps": 1}


@pytest.mark.parametrize(
    "failure", [OperatorFault("the disk is full"), Rejected("history.pruned", "gone", {"a": 1})]
)
def test_a_fault_in_the_node_is_the_same_fault_here(tmp_path: Path, failure: Exception) -> None:
    """With the same exit code as if the work had been done here."""

    @in_trio
    async def run() -> None:
        with pytest.RaisesGroup(
            pytest.RaisesExc(type(failure), match=str(failure)), flatten_subgroups=True
        ):
            await worked(tmp_path, failing(failure).upkeep)

    run()


def test_damage_ends_with_one(home: Path) -> None:
    """Named, with what to do; where there is nothing to begin with as well."""
    folder = home / "nodes" / "node0"
    begin(folder)
    whole = mithaq("db", "check", "--home", folder)
    with open_leveldb(folder / "data") as database:
        database.write({schema.receipts_key(Height(0)): b"\x91\xa0"})
    receipts = mithaq("db", "check", "--home", folder)
    with open_leveldb(folder / "data") as database:
        database.write({schema.HEAD_KEY: None})
    head = mithaq("db", "check", "--home", folder, "--json")

    assert (whole.code, receipts.code, head.code) == (
        ExitCode.OK,
        ExitCode.REFUSED,
        ExitCode.REFUSED,
    )
    assert whole.out.rstrip().endswith("damage           none")
    assert "  receipts, height 0, key 050000000000000000: " in receipts.out
    assert "nothing is repaired here" in receipts.out
    assert "the head is missing" in head.result["reason"]


def test_damage_that_leveldb_tells_of_ends_with_one_too(home: Path) -> None:
    """A flipped bit in a table: it does not even open."""
    folder = home / "nodes" / "node0"
    begin(folder)
    assert mithaq("db", "compact", "--home", folder).code == ExitCode.OK
    table = max((folder / "data").glob("*.ldb"), key=lambda path: path.stat().st_size)
    data = bytearray(table.read_bytes())
    data[200] ^= 1
    table.write_bytes(data)

    done = mithaq("db", "check", "--home", folder)

    assert done.code == ExitCode.REFUSED
    assert "is damaged (Corruption" in done.out


def test_a_backup_is_written_read_and_restored(home: Path, tmp_path: Path) -> None:
    """By the command line; a validator without a memory is told that it starts fenced."""
    first, second = home / "nodes" / "node0", home / "nodes" / "node1"
    file = tmp_path / "node0.backup"
    begin(first)

    made = mithaq("db", "backup", file, "--home", first)
    twice = mithaq("db", "backup", file, "--home", first)
    read = mithaq("db", "verify", file)
    kept = mithaq("db", "restore", file, "--home", second)
    again = mithaq("db", "restore", file, "--home", second)
    (first / "signer.state").unlink()
    shutil.rmtree(first / "data")
    fenced = mithaq("db", "restore", file, "--home", first)
    missing = mithaq("db", "verify", tmp_path / "missing.backup")

    assert made.code == read.code == kept.code == fenced.code == ExitCode.OK, kept.err
    assert read.out.splitlines()[1:] == made.out.splitlines()[1:]
    assert hashlib.sha256(file.read_bytes()).hexdigest() in made.out
    assert "exists already; nothing is overwritten" in twice.err
    assert "is there already" in again.err
    assert "signer.state is kept as it is" in kept.out
    assert "this validator starts fenced" in fenced.out
    assert missing.code == twice.code == again.code == ExitCode.LOCAL_FAULT
