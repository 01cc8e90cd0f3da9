"""Looking after a database: checking it, backing it up, restoring it; and what the blocks notice.

20,000 payments in blocks of 1,000 on a state of 100,000 entries, then the same work on one of four
nodes that carry a load of payments.
"""

import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Final, TypeVar

import trio

from bench import network
from bench.audit import ACCOUNTS, write_export
from bench.report import Report
from bench.town import Town
from node.backup import BackupRequest, backup
from node.check.run import CheckRequest, check
from node.config import Address, ApiConfig, Config, NodeFolder, P2pConfig
from node.folder import LoadedNode
from node.importing import import_chain
from node.keys import Purpose, create_key
from node.premises import Premises
from node.restore import restore
from node.work import Work, finish
from storage.leveldb import open_leveldb

BASE_PORT: Final = 23_940
LOAD_S: Final = 10.0
T = TypeVar("T")


def _timed(work: Work[T]) -> tuple[T, float, float]:
    """The result, seconds, and seconds of a processor."""
    began, spent = time.perf_counter(), time.process_time()
    result = finish(work, lambda _: None)
    return result, time.perf_counter() - began, time.process_time() - spent


def _node(town: Town, folder: Path) -> LoadedNode:
    folder.mkdir()
    listen = Address("127.0.0.1:0")
    return LoadedNode(
        folder=NodeFolder(folder),
        config=Config(name="bench", p2p=P2pConfig(listen=listen), api=ApiConfig(listen=listen)),
        document=town.document,
        genesis=town.genesis,
        node_key=create_key(folder / "node.key", name="bench", purpose=Purpose.NODE),
        validator_key=None,
        bootstrap=(),
    )


def _alone(report: Report) -> None:
    with tempfile.TemporaryDirectory(prefix="mithaq-bench-") as name:
        folder, town = Path(name), Town(ACCOUNTS)
        write_export(town, folder / "chain.export")
        node, other = _node(town, folder / "one"), _node(town, folder / "other")
        _timed(import_chain(node, folder / "chain.export"))
        with open_leveldb(node.folder.data) as database:
            premises = Premises(node, database, None)
            found, seconds, spent = _timed(check(premises, CheckRequest(first=None, last=None)))
            assert found.damage == 0, found.damages
            report.fact(f"upkeep.check/{found.transactions}", seconds, "s")
            report.fact("upkeep.check, processor", spent, "s")
            for what, count in (
                ("blocks", found.blocks),
                ("payments", found.transactions),
                ("entries", found.entries),
                ("records of the tree", found.tree_records),
            ):
                report.fact(f"upkeep.check, {what}", count / seconds, "per second")
            asked = BackupRequest(file=str(folder / "bench.backup"))
            made, seconds, _ = _timed(backup(premises, asked))
        size = made.bytes / 1e6
        report.fact("upkeep.backup, written and read again", size / seconds, "MB/s")
        _, seconds, _ = _timed(restore(other, folder / "bench.backup"))
        report.fact("upkeep.restore, checked", size / seconds, "MB/s")


def _beside(report: Report) -> None:
    """What a load of payments notices of the same work on one of four nodes."""
    net = network.start(BASE_PORT)
    try:
        nodes = list(range(network.VALIDATORS))
        trio.run(network.put_load, net, nodes, LOAD_S)  # something to work on
        for verb in ("", "check", "backup", "compact"):
            working = _again_and_again(net, verb) if verb else None
            load = trio.run(network.put_load, net, nodes, LOAD_S)
            assert not load.failed, f"{len(load.failed)} payments failed: {load.failed[:3]}"
            cuts = statistics.quantiles(load.latencies_ms, n=100)
            beside = f"beside {verb}" if verb else "alone"
            report.fact(f"upkeep.final p50, {beside}", cuts[49], "ms")
            report.fact(f"upkeep.final p99, {beside}", cuts[98], "ms")
            if working is not None:
                os.killpg(working.pid, signal.SIGTERM)
                working.wait(timeout=60)
    finally:
        net.mithaq("localnet", "down")


def _again_and_again(net: network.Network, verb: str) -> "subprocess.Popen[bytes]":
    """A process that asks a node for one work after the other, as soon as the last one ended."""
    program = (
        "import itertools, subprocess, sys\n"
        "for n in itertools.count():\n"
        "    words = [f'{sys.argv[1]}.{n}'] if sys.argv[2] == 'backup' else []\n"
        "    done = subprocess.run([*sys.argv[3:], *words], capture_output=True)\n"
        "    if b'is at work at' not in done.stderr and done.returncode:\n"
        "        sys.exit(done.stderr)\n"
    )
    command = [sys.executable, "-m", "cli", "db", verb, "--home", str(net.home), "--node", "node0"]
    words = [sys.executable, "-c", program, str(net.home / "bench.backup"), verb, *command]
    # A session of its own: the command that it waits for ends with it.
    return subprocess.Popen(words, start_new_session=True)


def run(report: Report) -> None:
    """The work alone, then beside blocks."""
    _alone(report)
    _beside(report)


if __name__ == "__main__":
    run(Report())
