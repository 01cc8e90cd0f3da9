"""A node's database from a snapshot: nothing is believed, and nothing looks like a chain too early.

Every chunk is checked before its entries are written (`node.snapshot_check`), and the tree that is
built from them must have the root that the chain's validators signed. The rows go into a folder
beside the node's `data`, which says that it is unfinished until its last batch; when all of it is
checked and on disk, it takes its name. A restore that ended half-way is begun anew: the leftover is
removed by the next one.

What the node then has: the state, its tree and the window of one height, the certified headers that
lead there from genesis, and the edges that say that nothing below is here (`storage.edges`). The
signer's file is not touched: a validator without a whole one starts fenced (R50).
"""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from ledger.tree import build
from node.snapshot_check import Source, Whole
from node.work import Progress
from primitives.errors import Malformed, OperatorFault
from primitives.ids import Height
from storage.edges import Edges
from storage.new_file import part_of, sync_folder
from storage.opening import begin_restore
from storage.restoring import Restoration

ENTRIES_A_STEP: Final = 1_000
"""Entries between two moments at which it is said how far it is: some hundredths of a second."""


def restore(source: Source, data: Path, hear: Callable[[Progress], None]) -> None:
    """Make the database `data` of a node from a snapshot whose manifest was checked.

    Raises:
        OperatorFault: `data` holds something already, or cannot be made; a file cannot be read.
        Malformed: a chunk is not what it must be; names the file. Nothing is left of the database.
        StorageFault: a write failed.
    """
    if data.exists() and (not data.is_dir() or any(data.iterdir())):
        raise OperatorFault(
            f"{data} is there already: a snapshot is restored where there is no database; "
            "move it away first"
        )
    unfinished = part_of(data)
    try:
        _remove(unfinished)
        try:
            with begin_restore(unfinished, f"the snapshot {source.manifest.name}") as restoration:
                _fill(restoration, source, hear)
            unfinished.rename(data)
            sync_folder(data.parent)
        except BaseException:
            _remove(unfinished)
            raise
    except OSError as error:
        raise OperatorFault(f"{data} cannot be made: {error.strerror}") from error


def _remove(folder: Path) -> None:
    if folder.exists():
        shutil.rmtree(folder)


def _fill(restoration: Restoration, source: Source, hear: Callable[[Progress], None]) -> None:
    manifest, whole = source.manifest, Whole()
    header, height = manifest.header, manifest.height
    restoration.chain(manifest.genesis)
    for step in manifest.steps:
        restoration.header(step.header, step.certificate)
    root = build(height, _leaves(restoration, source, whole, hear), restoration.node)
    if root != header.state_root:
        raise Malformed(
            f"the entries have the root {root.hex()}, the header says {header.state_root.hex()}"
        )
    heights = height - manifest.window[0].first + 1
    for index in range(len(manifest.window)):
        for row in source.window(index).rows:
            for valid_until, identifier in row.ids:
                restoration.window(valid_until, identifier, row.height)
            hear(Progress(heights - (height - row.height), heights, "heights of the window"))
    restoration.finish(
        header,
        manifest.certificate,
        forgotten=whole.check(manifest),
        edges=Edges(
            headers=height,
            bodies=Height(height + 1),
            receipts=Height(height + 1),
            index=Height(height + 1),
            state=height,
        ),
    ).close()


def _leaves(
    restoration: Restoration, source: Source, whole: Whole, hear: Callable[[Progress], None]
) -> Iterator[tuple[bytes, bytes]]:
    """Every leaf of the state; the entries are written on the way, once their chunk is checked."""
    total, done = source.manifest.entries, 0
    for index in range(len(source.manifest.state)):
        chunk, leaves = source.state(index)
        whole.see(chunk.entries)
        for entry, leaf in zip(chunk.entries, leaves, strict=True):
            restoration.entry(*entry)
            yield leaf
            done += 1
            if done % ENTRIES_A_STEP == 0:
                hear(Progress(done, total, "entries"))
