"""What a chain costs on the disk, and what is left of it after pruning.

Blocks of a few payments between random accounts, each signed by its payer, committed to a LevelDB
as a node commits them, and compacted. Then everything but the last 1,000 heights is dropped, the
files are compacted again, and held against a node that was restored from a snapshot 1,000 heights
below the same head and executed the same blocks since: it never had what the other one dropped.
`disk.fresh/0 heights` is what a snapshot alone makes: one state, and no block. What lies between
the two is the history that is kept, most of it the state at each of the last 1,000 heights.

`python -m bench.disk 400` takes so many heights to drop instead.
"""

import sys
import tempfile
import time
from pathlib import Path
from typing import Final

from msgspec.structs import replace

from bench.report import Report
from bench.town import Town, signing
from node.retention import Policy, at_once, retire_due, sweep_some
from node.snapshot_check import open_snapshot
from node.snapshot_create import create
from node.snapshot_restore import restore
from node.stats import folder_bytes
from node.work import finish
from primitives import limits
from storage.chain import ChainStore
from storage.decision import Genesis
from storage.opening import create_database, open_database
from storage.schema import Region

ACCOUNTS: Final = 20_000
PAYMENTS: Final = 10
"""In a block."""
KEPT: Final = 1_000
DROPPED: Final = 1_000
EMPTY: Final = 200
"""Blocks without a payment, for what one costs by itself."""
GOAL: Final = 1.3
_POLICY: Final = Policy(bodies=KEPT, receipts=KEPT, index=KEPT, state=KEPT)
_NODE_KEY: Final = signing("node", 0)


def _begin(town: Town, folder: Path) -> ChainStore:
    """The chain in an empty folder."""
    execution = town.genesis.execution
    return create_database(
        folder,
        Genesis(
            header=town.genesis.header,
            state_writes=execution.state_writes,
            node_writes=execution.node_writes,
        ),
    )


def _extend(town: Town, store: ChainStore, *, blocks: int, payments: int) -> None:
    """Commit so many more blocks of so many payments each."""
    for _ in range(blocks):
        with store.state() as state:
            made = town.decision(store.head(), state, payments)
        store.commit(made)


def _settled(store: ChainStore, folder: Path) -> int:
    """Bytes of all files after compacting: LevelDB's log is then a table too."""
    for region in Region:
        store.compact(region)
    return folder_bytes(folder)


def _regions(report: Report, name: str, store: ChainStore, per: int) -> None:
    for region, size in store.sizes().items():
        if size >= per:
            report.fact(f"disk.{name}/{region}", size / per, "bytes")


def _grown(report: Report, town: Town, folder: Path, dropped: int) -> int:
    """A chain of payments, and what each costs; its bytes."""
    with _begin(town, folder) as store:
        first = _settled(store, folder)
        _extend(town, store, blocks=EMPTY, payments=0)
        after = _settled(store, folder)
        report.fact("disk.block/empty", (after - first) / EMPTY, "bytes")
        _extend(town, store, blocks=dropped + KEPT - EMPTY, payments=PAYMENTS)
        whole = _settled(store, folder)
        payments = (dropped + KEPT - EMPTY) * PAYMENTS
        report.fact(f"disk.payment/{PAYMENTS} in a block", (whole - after) / payments, "bytes")
        report.fact(
            f"disk.block/{PAYMENTS} payments", (whole - after) * PAYMENTS / payments, "bytes"
        )
        _regions(report, "payment", store, payments)
    return whole


def _pruned(report: Report, town: Town, folder: Path) -> tuple[int, int]:
    """What is left of it, and what with as little state as a policy may ask for."""
    with open_database(folder, town.genesis.chain) as store:
        begun = time.perf_counter()
        _prune(store, _POLICY)
        report.fact("disk.prune", time.perf_counter() - begun, "s")
        begun = time.perf_counter()
        left = _settled(store, folder)
        report.fact("disk.compact", time.perf_counter() - begun, "s")
        _regions(report, "pruned", store, 1)
        _prune(store, replace(_POLICY, state=limits.RETENTION_STATE_MIN))
        return left, _settled(store, folder)


def _prune(store: ChainStore, policy: Policy) -> None:
    retire_due(store, policy, _NODE_KEY, at_once)
    while sweep_some(store):
        pass


def _reborn(town: Town, home: Path, dropped: int) -> tuple[int, int]:
    """Restored `KEPT` heights below the head, and grown to it; and as it was restored."""
    with _begin(town, home / "first") as store:
        _extend(town, store, blocks=EMPTY, payments=0)
        _extend(town, store, blocks=dropped - EMPTY, payments=PAYMENTS)
        with store.state() as state:
            finish(create(store, state, home / "snapshot"), lambda _: None)
    restore(open_snapshot(home / "snapshot", town.genesis.chain), home / "again", lambda _: None)
    with open_database(home / "again", town.genesis.chain) as store:
        bare = _settled(store, home / "again")
        _extend(town, store, blocks=KEPT, payments=PAYMENTS)
        return _settled(store, home / "again"), bare


def run(report: Report, *, dropped: int = DROPPED) -> None:
    """Grow, prune, compact, compare."""
    town = Town(ACCOUNTS)
    with tempfile.TemporaryDirectory(prefix="mithaq-bench-") as name:
        home = Path(name)
        whole = _grown(report, town, home / "chain", dropped)
        left, least = _pruned(report, town, home / "chain")
        fresh, bare = _reborn(town, home, dropped)
        report.fact(f"disk.all/{dropped + KEPT} heights", whole / 1e6, "MB")
        report.fact(f"disk.pruned/{KEPT} heights", left / 1e6, "MB")
        state = limits.RETENTION_STATE_MIN
        report.fact(f"disk.pruned/state of {state} heights", least / 1e6, "MB")
        report.fact(f"disk.fresh/{KEPT} heights", fresh / 1e6, "MB")
        report.fact("disk.fresh/0 heights", bare / 1e6, "MB")
        report.fact("disk.kept height", (fresh - bare) / KEPT, "bytes")
        report.goal("disk.pruned to fresh", left / fresh, "times", at_most=GOAL)


if __name__ == "__main__":
    run(Report(), dropped=int(sys.argv[1]) if len(sys.argv) > 1 else DROPPED)
