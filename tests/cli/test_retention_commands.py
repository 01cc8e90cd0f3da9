"""`mithaq db prune`, `db log` and `db verify-log`, on files and on a running node."""

import json
from pathlib import Path

import pytest
import trio

from cli.faults import ExitCode
from kit.api import ChainOfOne, administering
from kit.commandline import mithaq
from kit.nets import in_trio
from node.config import Address, ApiConfig, Config, NodeFolder, P2pConfig, config_text
from node.premises import Premises
from node.prune import PruneRequest, plan, prune
from node.retention import Policy
from node.retention_report import LogAnswer, LogRequest, show
from node.work import finish
from primitives import limits
from primitives.errors import OperatorFault
from primitives.ids import Height, NodeKey
from primitives.named import to_named
from storage.edges import Part
from storage.schema import retention_key

BLOCKS = 8
WANTED = Policy(bodies=3, receipts=4, state=2)


def premises(tmp_path: Path) -> Premises:
    """A node with a few blocks and a policy that no file would be allowed to have."""
    chain = ChainOfOne(folder=tmp_path)
    for _ in range(BLOCKS):
        chain.make_block()
    made = chain.premises
    object.__setattr__(made.node, "config", _with_policy(made.node.config))
    return made


def _with_policy(config: Config) -> Config:
    return Config(name=config.name, p2p=config.p2p, api=config.api, retention=WANTED)


def shown(at: Premises, *, file: Path | None = None, last: int = 20) -> LogAnswer:
    asked = LogRequest(last=last, file=None if file is None else str(file))
    return finish(show(at, asked), lambda _: None)


def test_a_plan_says_what_pruning_then_does(tmp_path: Path) -> None:
    """And changes nothing."""
    at = premises(tmp_path)
    planned = finish(plan(at, PruneRequest()), lambda _: None)
    assert at.store.edges().bodies == 1
    done = finish(prune(at, PruneRequest()), lambda _: None)
    again = finish(prune(at, PruneRequest()), lambda _: None)

    assert planned.parts == done.parts
    assert (planned.rows, done.height) == (0, BLOCKS)
    assert done.rows > 0
    assert [(one.part, one.kept_from, one.dropped, one.policy) for one in done.parts] == [
        (Part.BODIES, 6, 5, 3),
        (Part.RECEIPTS, 5, 4, 4),
        (Part.INDEX, 1, 0, None),
        (Part.STATE, 7, 7, 2),
    ]
    assert [one.dropped for one in again.parts] == [0] * 4
    assert at.store.edges().state == 7


def test_the_log_is_shown_from_its_end_and_verified_whole(tmp_path: Path) -> None:
    """Two of three records; the edges are those of the database."""
    at = premises(tmp_path)
    finish(prune(at, PruneRequest()), lambda _: None)

    answer = shown(at, last=2)

    assert (answer.count, answer.fault) == (3, None)
    assert answer.keys == (NodeKey(at.node.node_key.public),)
    assert [(one.sequence, one.part, one.first, one.last) for one in answer.entries] == [
        (1, Part.RECEIPTS, 1, 4),
        (2, Part.STATE, 0, 6),
    ]
    assert to_named(answer.kept_from) == {
        "headers": 0,
        "bodies": 6,
        "receipts": 5,
        "index": 1,
        "state": 7,
    }


def test_a_log_that_was_changed_is_shown_with_what_is_wrong(tmp_path: Path) -> None:
    """Up to the record that is not the node's."""
    at = premises(tmp_path)
    finish(prune(at, PruneRequest()), lambda _: None)
    record = bytearray(at.store.record(1))
    record[-1] ^= 1
    at.database.write({retention_key(1): bytes(record)})

    answer = shown(at)

    assert answer.count == 1
    assert answer.fault is not None
    assert answer.fault.startswith("record 1 of the retention log: ")


def test_an_auditor_checks_the_file_of_a_log_without_the_node(tmp_path: Path) -> None:
    """The same verdict; a changed byte, a missing record and a missing file are told."""
    at = premises(tmp_path)
    finish(prune(at, PruneRequest()), lambda _: None)
    path = tmp_path / "log"
    written = shown(at, file=path)

    found = mithaq("db", "verify-log", path, "--json")
    in_words = mithaq("db", "verify-log", path, "--last", "1")
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    (tmp_path / "damaged").write_bytes(bytes(data))
    damaged = mithaq("db", "verify-log", tmp_path / "damaged")
    absent = mithaq("db", "verify-log", tmp_path / "absent")

    assert found.code == in_words.code == ExitCode.OK, found.err
    assert found.result["count"] == written.count == 3
    assert found.result["kept_from"] == to_named(written.kept_from)
    assert "whole" in in_words.out
    assert at.node.node_key.public.hex() in in_words.out
    assert in_words.out.count("receipts") == 1
    assert damaged.code == ExitCode.REFUSED
    assert absent.code == ExitCode.LOCAL_FAULT


def test_a_file_that_hides_its_last_record_is_not_whole(tmp_path: Path) -> None:
    """The edges in its head are further than its records."""
    at = premises(tmp_path)
    finish(prune(at, PruneRequest()), lambda _: None)
    count = at.store.records()
    at.database.write({retention_key(count - 1): None})
    path = tmp_path / "log"
    shown(at, file=path)

    found = mithaq("db", "verify-log", path)

    assert found.code == ExitCode.REFUSED
    assert "NOT WHOLE: the database keeps state from 7 on" in found.out


def test_a_log_is_written_to_a_new_file_alone(tmp_path: Path) -> None:
    """With its full path, since the node that writes it works elsewhere."""
    at = premises(tmp_path)
    (tmp_path / "taken").touch()
    with pytest.raises(OperatorFault, match="exists already"):
        shown(at, file=tmp_path / "taken")
    with pytest.raises(OperatorFault, match="expected a full path"):
        shown(at, file=Path("log"))


def test_at_most_so_many_records_are_shown() -> None:
    """RETENTION_SHOWN_MAX are asked for, one more is not."""
    most = limits.RETENTION_SHOWN_MAX
    assert mithaq("db", "verify-log", "--last", str(most + 1), "x").code == ExitCode.USAGE
    assert mithaq("db", "verify-log", "--last", str(most), "/no/x").code == ExitCode.LOCAL_FAULT


@in_trio
async def test_a_running_node_is_asked_for_both(tmp_path: Path) -> None:
    """Through its socket; its own configuration says what is kept."""
    config = Config(
        name="node0",
        p2p=P2pConfig(listen=Address("127.0.0.1:0")),
        api=ApiConfig(listen=Address("127.0.0.1:0")),
    )
    NodeFolder(tmp_path).config.write_text(config_text(config))
    chain = ChainOfOne(folder=tmp_path)
    for _ in range(limits.RETENTION_STATE_MIN // 25):
        chain.make_block()
    chain.store.retire(Part.STATE, Height(1), lambda _: b"not a record")
    async with administering(chain, tmp_path / "admin.sock"):

        def ask(*words: str) -> tuple[int, dict[str, object]]:
            done = mithaq("db", *words, "--json", "--home", tmp_path)
            assert "\n{" in done.out, done.err
            return done.code, json.loads(done.out[done.out.index("\n{") :])

        code, planned = await trio.to_thread.run_sync(ask, "prune", "--dry-run")
        _, done = await trio.to_thread.run_sync(ask, "prune")
        told, log = await trio.to_thread.run_sync(ask, "log")

    assert code == ExitCode.OK
    assert planned["parts"] == done["parts"]
    assert (told, log["count"]) == (ExitCode.REFUSED, 0)
    assert str(log["fault"]).startswith("record 0 of the retention log: ")
