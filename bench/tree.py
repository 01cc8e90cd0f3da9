"""The state tree at a million entries: what an update costs, in memory and over LevelDB; proofs.

Blocks of 1,000 transactions with two writes each, to random entries that exist. The layouts are
measured in turn on the same blocks; all must come to the same roots. Over LevelDB the update reads
its nodes from files, and what it writes is committed; proofs are made at random heights of the
last 1,000. CPU of the thread that works, medians over the blocks.
"""

import gc
import random
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from pathlib import Path
from statistics import median
from typing import Final

from bench.report import Report
from bench.tree_layouts import Layout, Records
from ledger import tree
from ledger.tree import ReadNode, StateTree, key_hash, value_hash
from primitives import limits
from primitives.ids import Height
from storage import schema
from storage.leveldb import LevelDB, create_leveldb

ENTRIES: Final = 1_000_000
TRANSACTIONS: Final = 1_000
BLOCKS: Final = 12
DURABLE_BLOCKS: Final = 24
SMALL_BLOCK: Final = 20
"""Transactions in each of the many blocks that proofs go back through."""
PROOFS: Final = 2_000
VALUE_BYTES: Final = 40
GOAL_US: Final = 60
GOAL_PROOF_MS: Final = 50

Slot = tuple[int, bytes]
Update = Callable[[ReadNode, int, Mapping[Slot, bytes]], tuple[bytes, Records]]


def ours(read: ReadNode, height: int, writes: Mapping[Slot, bytes]) -> tuple[bytes, Records]:
    """The tree as it is."""
    updated = tree.update(read, Height(height), writes)
    return updated.root, dict(updated.nodes)


LAYOUTS: Final[Mapping[str, Update]] = {
    "packed": ours,
    "anew": Layout(1).update,
    "pages": Layout(32).update,
}


def entries_of(count: int) -> dict[Slot, bytes]:
    """So many entries; which, is the same each time."""
    chance = random.Random(count)
    return {
        (4, number.to_bytes(36, "big")): chance.randbytes(VALUE_BYTES) for number in range(count)
    }


def blocks_of(slots: list[Slot], count: int, transactions: int) -> Iterator[dict[Slot, bytes]]:
    """The writes of so many blocks."""
    chance = random.Random(1)
    for _ in range(count):
        chosen = chance.sample(slots, 2 * transactions)
        yield {slot: chance.randbytes(VALUE_BYTES) for slot in chosen}


def compared(report: Report, entries: dict[Slot, bytes]) -> None:
    """Each layout in memory."""
    slots, roots = list(entries), {}
    for name, update in LAYOUTS.items():
        before: Records = {}
        _, records = update(before.get, 0, entries)
        gc.freeze()  # a million dictionaries' worth of objects that no collection has to look at
        spent, written, number, height = [], 0, 0, 0
        for height, writes in enumerate(blocks_of(slots, BLOCKS, TRANSACTIONS), 1):
            started = time.thread_time()
            roots[name], made = update(records.get, height, writes)
            spent.append(time.thread_time() - started)
            written += sum(len(key) + len(record) for key, record in made.items())
            number += len(made)
            records.update(made)
        cost, total = median(spent) / TRANSACTIONS * 1e6, height * TRANSACTIONS
        if update is ours:
            report.goal("tree.update/1M", cost, "us per transaction", at_most=GOAL_US)
        else:
            report.fact(f"tree.update/1M/{name}", cost, "us per transaction")
        report.fact(f"tree.written/1M/{name}", written / total, "bytes per transaction")
        report.fact(f"tree.records/1M/{name}", number / total, "per transaction")
        records.clear()
        gc.unfreeze()
    assert len(set(roots.values())) == 1, "every layout has the same roots"


def durable(report: Report, entries: dict[Slot, bytes]) -> None:
    """Over LevelDB, as a node has it."""
    slots = list(entries)
    with tempfile.TemporaryDirectory() as folder, create_leveldb(Path(folder)) as database:

        def read(key: bytes) -> bytes | None:
            return database.get(schema.node_key(key))

        leaves = sorted((key_hash(*slot), value) for slot, value in entries.items())
        started = time.thread_time()
        rows: Records = {}
        tree.build(Height(0), leaves, rows.__setitem__)
        report.fact(
            "tree.build/1M", (time.thread_time() - started) / len(leaves) * 1e6, "us per entry"
        )
        del leaves
        _commit_in_parts(database, rows)
        del rows
        gc.freeze()
        updating, committing, height = [], [], 0
        for height, writes in enumerate(blocks_of(slots, DURABLE_BLOCKS, TRANSACTIONS), 1):
            started = time.thread_time()
            updated = tree.update(read, Height(height), writes)
            made = time.thread_time()
            database.write({schema.node_key(key): data for key, data in updated.nodes.items()})
            updating.append(made - started)
            committing.append(time.thread_time() - made)
            entries.update(writes)
        cost = median(updating) / TRANSACTIONS * 1e6
        report.fact("tree.update/1M/leveldb", cost, "us per transaction")
        cost = median(committing) / TRANSACTIONS * 1e6
        report.fact("tree.commit/1M/leveldb", cost, "us per transaction")
        past(report, database, read, slots, height)
        gc.unfreeze()


def _commit_in_parts(database: LevelDB, rows: Records) -> None:
    left = iter(sorted(rows.items()))
    while part := {schema.node_key(key): row for key, row in islice(left, 20_000)}:
        database.write(part)


def past(report: Report, database: LevelDB, read: ReadNode, slots: list[Slot], height: int) -> None:
    """Proofs at any of the last 1,000 heights."""
    kept = limits.STATE_HEIGHTS_KEPT
    for writes in blocks_of(slots, kept, SMALL_BLOCK):
        height += 1
        nodes = tree.update(read, Height(height), writes).nodes
        database.write({schema.node_key(key): data for key, data in nodes.items()})
    chance, making, checking, sizes = random.Random(2), [], [], []
    for _ in range(PROOFS):
        then = StateTree(read, Height(chance.randrange(height - kept + 1, height + 1)))
        slot = chance.choice(slots)
        started = time.perf_counter()
        path = then.prove(*slot)
        made = time.perf_counter()
        value, root = then.get(*slot), then.root
        assert value is not None, "nothing was deleted"
        hashed, what = key_hash(*slot), value_hash(value)
        begun = time.perf_counter()
        proved = path.proves(hashed, what, root)
        checking.append(time.perf_counter() - begun)
        assert proved, "what was proved verifies"
        making.append(made - started)
        sizes.append(sum(1 + len(sibling) for sibling in path.siblings))
    report.fact("tree.prove/last 1000/median", median(making) * 1e3, "ms")
    report.goal("tree.prove/last 1000/worst", max(making) * 1e3, "ms", at_most=GOAL_PROOF_MS)
    report.fact("tree.path/1M/median", median(sizes), "bytes")
    report.goal("tree.path/1M/longest", max(sizes), "bytes", at_most=1024)
    report.fact("tree.check a path", median(checking) * 1e6, "us")


def run(report: Report) -> None:
    """The layouts side by side, then ours on files."""
    entries = entries_of(ENTRIES)
    compared(report, entries)
    durable(report, entries)


def main() -> int:
    """By itself."""
    report = Report()
    run(report)
    return 1 if report.missed else 0


if __name__ == "__main__":
    raise SystemExit(main())
