"""Snapshots of a large state: writing, verifying and restoring one, and what an entry costs.

The state is made: accounts, and a balance for each, behind a genesis whose validators sign the one
block. `python -m bench.snapshots 100000` takes a smaller state; its goals are in proportion.

Then the same beside a network at work: four nodes that begin with such a state, a load of payments,
and one of them writes a snapshot.
"""

import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Final, TypeVar

import trio
from msgspec.structs import replace

from bench import bodies, network
from bench.report import Report
from bench.seed import Sign, make, seed
from ledger.genesis import Genesis, GenesisDocument, genesis_block
from ledger.parameters import DEFAULTS
from node.api.labour import drive
from node.app import SWITCH_S
from node.folder import load_genesis
from node.keys import Purpose, read_key
from node.snapshot_check import check_state_chunk, open_snapshot, verify
from node.snapshot_create import create
from node.snapshot_restore import restore
from node.work import finish
from primitives.certificate import Seal
from primitives.crypto import SigningKey
from primitives.domains import Domain
from primitives.ids import (
    BlockId,
    ChainId,
    Height,
    Seat,
    TimeMs,
    ValidatorKey,
    View,
)
from primitives.statements import vote_bytes
from storage.opening import open_database

ENTRIES: Final = 1_000_000
GOAL_S: Final = 60
BASE_PORT: Final = 23_900
LOAD_S: Final = 15.0
TICK_S: Final = 0.005
T = TypeVar("T")


def _voters() -> list[SigningKey]:
    keys = [SigningKey(sha256(b"bench vote %d" % number).digest()) for number in range(4)]
    return sorted(keys, key=lambda key: key.public)


def _genesis() -> Genesis:
    records = zip(bodies.records(), _voters(), strict=True)
    return genesis_block(
        GenesisDocument(
            format="mithaq.genesis",
            version=5,
            network="bench",
            time_ms=TimeMs(0),
            governor=None,
            parameters=DEFAULTS,
            validators=tuple(replace(r, key=ValidatorKey(key.public)) for r, key in records),
            observers=(),
            accounts=bodies.accounts(),
            bodies=(),
            role_definitions=(),
            roles=(),
            norms=(),
            assets=(),
            balances=(),
        )
    )


def _signed(begun: Genesis) -> Sign:
    def sign(identifier: BlockId) -> tuple[Seal, ...]:
        statement = vote_bytes(Domain.COMMIT, begun.chain, Height(1), View(0), identifier)
        keys = enumerate(_voters())
        return tuple(Seal(Seat(seat), key.sign(statement)) for seat, key in keys)

    return sign


def _timed(act: Callable[[], T]) -> tuple[T, float, float]:
    """What came of it, seconds, and seconds of the processor."""
    begun, spent = time.perf_counter(), time.process_time()
    result = act()
    return result, time.perf_counter() - begun, time.process_time() - spent


def _alone(report: Report, entries: int) -> None:
    with tempfile.TemporaryDirectory(prefix="mithaq-bench-") as name:
        home, begun = Path(name), _genesis()
        count = make(home / "data", begun, _signed(begun), entries)
        size, goal = f"{count:,} entries", GOAL_S * count / ENTRIES
        with open_database(home / "data", begun.chain) as store, store.state() as state:
            work = create(store, state, home / "snapshot")
            manifest, seconds, spent = _timed(lambda: finish(work, lambda _: None))
        report.goal(f"snapshots.create/{size}", seconds, "s", at_most=goal)
        report.fact("snapshots.create, processor", spent / count * 1e6, "µs per entry")
        report.fact("snapshots.size", manifest.bytes / count, "bytes per entry")
        report.fact("snapshots.chunks", len(manifest.state), "chunks")

        trio.run(_in_a_node, report, home, begun.chain)

        source = open_snapshot(home / "snapshot", begun.chain)
        _, seconds, _ = _timed(lambda: finish(verify(source), lambda _: None))
        report.fact(f"snapshots.verify/{size}", seconds, "s")
        chunk, _ = source.state(0)
        _, _, spent = _timed(lambda: check_state_chunk(chunk, manifest.header))
        report.fact("snapshots.check a chunk", spent / len(chunk.entries) * 1e6, "µs per entry")

        _, seconds, spent = _timed(lambda: restore(source, home / "restored", lambda _: None))
        report.goal(f"snapshots.restore/{size}", seconds, "s", at_most=goal)
        report.fact("snapshots.restore, processor", spent / count * 1e6, "µs per entry")
        on_disk = sum(path.stat().st_size for path in (home / "restored").iterdir())
        report.fact("snapshots.restored database", on_disk / count, "bytes per entry")


async def _lateness_ms(until: trio.Event) -> list[float]:
    """How late a loop wakes that wants to every TICK_S."""
    late: list[float] = []
    while not until.is_set():
        due = time.perf_counter() + TICK_S
        await trio.sleep(TICK_S)
        late.append((time.perf_counter() - due) * 1_000)
    return late


async def _in_a_node(report: Report, home: Path, chain: ChainId) -> None:
    """How late a node's loop is while a thread beside it writes a snapshot, as a node has it."""
    alone = trio.Event()
    async with trio.open_nursery() as nursery:
        late: list[float] = []

        async def tick(until: trio.Event) -> None:
            late.extend(await _lateness_ms(until))

        nursery.start_soon(tick, alone)
        await trio.sleep(2)
        alone.set()
    report.fact("snapshots.loop late p99, alone", statistics.quantiles(late, n=100)[98], "ms")
    late.clear()
    done = trio.Event()
    sys.setswitchinterval(SWITCH_S)
    with open_database(home / "data", chain) as store, store.state() as state:
        work = create(store, state, home / "beside")
        async with trio.open_nursery() as nursery:
            nursery.start_soon(tick, done)
            began = time.perf_counter()
            await trio.to_thread.run_sync(lambda: drive(work, lambda _: None))
            done.set()
        report.fact("snapshots.create beside a loop", time.perf_counter() - began, "s")
    report.fact("snapshots.loop late p99, writing", statistics.quantiles(late, n=100)[98], "ms")
    report.fact("snapshots.loop late at most, writing", max(late), "ms")


def _network(home: Path, entries: int) -> network.Network:
    """Four nodes that begin at height 1 with so many entries."""
    command = [sys.executable, "-m", "cli"]
    words = ["testnet", "--output", str(home), "--base-port", str(BASE_PORT)]
    subprocess.run([*command, *words], check=True, capture_output=True)
    begun = genesis_block(load_genesis(home / "genesis.json"))
    seed(home, entries)
    up = ["localnet", "up", "--home", str(home)]
    subprocess.run([*command, *up], check=True, capture_output=True)
    return network.Network(
        home=home,
        base_port=BASE_PORT,
        chain=begun.chain,
        treasury=read_key(home / "keys" / "treasury.key", Purpose.ACCOUNT).signing(),
        payee=read_key(home / "keys" / "agency-1.key", Purpose.ACCOUNT).signing(),
        first_block_s=0.0,
    )


def _beside(report: Report, entries: int) -> None:
    """What a load notices of a snapshot at one of four nodes."""
    with tempfile.TemporaryDirectory(prefix="mithaq-bench-") as name:
        net = _network(Path(name) / "home", entries)
        try:
            nodes = list(range(network.VALIDATORS))
            for what in ("before", "while one node writes", "after"):
                writing = _writer(net) if what.startswith("while") else None
                load = trio.run(network.put_load, net, nodes, LOAD_S)
                assert not load.failed, f"{len(load.failed)} payments failed: {load.failed[:3]}"
                cuts = statistics.quantiles(load.latencies_ms, n=100)
                report.fact(f"snapshots.final p50, {what}", cuts[49], "ms")
                report.fact(f"snapshots.final p99, {what}", cuts[98], "ms")
                if writing is not None:
                    seconds = float(writing.communicate(timeout=300)[0])
                    report.fact("snapshots.create beside blocks", seconds, "s")
        finally:
            net.mithaq("localnet", "down")


def _writer(net: network.Network) -> "subprocess.Popen[str]":
    """The command that asks a node for a snapshot; it prints the seconds that this took."""
    program = (
        "import subprocess, sys, time; began = time.perf_counter(); "
        "subprocess.run(sys.argv[1:], check=True, capture_output=True); "
        "print(time.perf_counter() - began)"
    )
    command = [sys.executable, "-m", "cli", "snapshot", "create", "--home", str(net.home)]
    words = [sys.executable, "-c", program, *command, "--node", "node0"]
    return subprocess.Popen(words, stdout=subprocess.PIPE, text=True)


def run(report: Report, entries: int = ENTRIES) -> None:
    """Write, verify and restore the snapshot of one state; then one beside a network at work."""
    _alone(report, entries)
    _beside(report, entries // 4)


if __name__ == "__main__":
    run(Report(), int(sys.argv[1]) if len(sys.argv) > 1 else ENTRIES)
