"""A node's snapshots: `snapshots/HEIGHT-ROOT` in its folder, made by hand or every N heights.

A name that ends in `.part` is one under way, or one that is being removed: whatever ended there,
the next start of the node clears it away.
"""

from pathlib import Path
from typing import Final, final

from msgspec import Struct

from node.premises import Premises, Upkeep
from node.snapshot_create import create, remove_folder
from node.snapshot_format import MANIFEST, Manifest, folder_name, read_manifest
from node.work import Work
from primitives.ids import ChainId, Digest, Height, Natural, Sized32, TimeMs
from storage.chain import ChainStore
from storage.new_file import part_of
from storage.state import StateSnapshot

UNFINISHED: Final = ".part"


@final
class SnapshotRequest(Struct, frozen=True, kw_only=True):
    """Where it goes: a folder that holds snapshots, as an absolute path; null is the node's own."""

    into: str | None


@final
class Snapshot(Struct, frozen=True, kw_only=True):
    """A snapshot as its manifest describes it; nothing of that is checked."""

    folder: str
    chain: Sized32[ChainId]
    height: Natural[Height]
    block_time_ms: Natural[TimeMs]
    state_root: Sized32[Digest]
    entries: Natural[int]
    ids: Natural[int]
    chunks: Natural[int]
    bytes: Natural[int]


def described(folder: Path, manifest: Manifest) -> Snapshot:
    """What a manifest says."""
    return Snapshot(
        folder=str(folder),
        chain=manifest.chain,
        height=manifest.height,
        block_time_ms=manifest.header.time_ms,
        state_root=manifest.header.state_root,
        entries=manifest.entries,
        ids=manifest.ids,
        chunks=len(manifest.state) + len(manifest.window),
        bytes=manifest.bytes,
    )


def write_snapshot(store: ChainStore, state: StateSnapshot, into: Path) -> Work[Snapshot]:
    """The snapshot of a frozen state, in a folder that holds snapshots; closes the state.

    Raises:
        OperatorFault: there is one of this height already, or the folder cannot be written.
        StorageFault: the database contradicts itself.
    """
    with state:
        folder = into / folder_name(state.height, state.header.state_root)
        manifest = yield from create(store, state, folder)
    return described(folder, manifest)


def _create(premises: Premises, asked: SnapshotRequest) -> Work[Snapshot]:
    own = premises.node.folder.snapshots
    into = Path(asked.into) if asked.into is not None else own
    store = premises.store
    if not premises.running:
        clear_unfinished(own)  # nobody else is at work here: the database is ours
    return (yield from write_snapshot(store, store.state(), into))


SNAPSHOT = Upkeep("snapshot/create", SnapshotRequest, Snapshot, _create)


def snapshots_in(folder: Path) -> list[Snapshot]:
    """The snapshots of a folder, by height; unfinished ones are none.

    Raises:
        OperatorFault, Malformed: a manifest cannot be read.
    """
    if not folder.is_dir():
        return []
    found = [
        described(path, read_manifest(path))
        for path in folder.iterdir()
        if path.suffix != UNFINISHED and (path / MANIFEST).exists()
    ]
    return sorted(found, key=lambda one: (one.height, one.folder))


def clear_unfinished(folder: Path) -> list[Path]:
    """Remove what a process left that ended in the middle; what was removed."""
    if not folder.is_dir():
        return []
    left = sorted(path for path in folder.iterdir() if path.suffix == UNFINISHED)
    for path in left:
        remove_folder(path)
    return left


def keep_newest(folder: Path, count: int, spared: Path | None = None) -> list[Path]:
    """Remove all but the newest snapshots of a folder, and one that is spared; what was removed."""
    assert count > 0, "the newest is always kept"
    past = [Path(one.folder) for one in snapshots_in(folder)][:-count]
    past = [path for path in past if path != spared]
    for path in past:
        unfinished = part_of(path)
        path.rename(unfinished)
        remove_folder(unfinished)
    return past
