"""An operator's work, killed in the middle: pruning, merging, backups, snapshots, exports, imports.

What the node has must stay whole, as after any other kill; what was being made is there whole under
its name, or is not there under it, and the next attempt succeeds over whatever was left.
"""

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from typing import Final, TypeVar

from kit import alone
from kit.ledger import genesis_document, key
from kit.soak.forks import Say
from kit.soak.verdict import Verdict
from kit.wholeness import Twin, rows_of, state_root, strange
from ledger.genesis import genesis_block
from ledger.tree import replaced
from node import importing
from node.backup import BackupRequest, backup, verified
from node.check.run import CheckRequest, check
from node.config import Address, ApiConfig, Config, NodeFolder, P2pConfig
from node.exporting import ExportRequest, export_chain
from node.folder import LoadedNode
from node.importing import import_chain
from node.keys import Purpose, StoredKey
from node.premises import Premises
from node.restore import restore
from node.retention import Policy, at_once, retire_due
from node.snapshot_check import open_snapshot
from node.snapshot_create import create
from node.snapshot_restore import restore as restore_snapshot
from node.work import Progress, Work, finish
from primitives.ids import Height
from storage.chain import ChainStore
from storage.leveldb import open_leveldb
from storage.opening import check_database

T = TypeVar("T")

POLICY: Final = Policy(bodies=8, receipts=9, index=10, state=8)
"""Fewer heights than a node's configuration may say; each part's edge is elsewhere."""
BLOCKS: Final = 25
"""Of the chain that is carried from place to place."""
GATHERED_BYTES: Final = 20_000
"""An import writes every two or three blocks, not every 32 MiB."""
CHUNK_BYTES: Final = 2_000
"""Of a snapshot's files: many of them."""


def _silent(_progress: Progress) -> None:
    """Nobody looks."""


def _node(folder: Path) -> LoadedNode:
    """A node's folder, as far as these works look at it."""
    secret = bytes(32)
    document = genesis_document(1, parameters=alone.PARAMETERS)
    return LoadedNode(
        folder=NodeFolder(folder),
        config=Config(
            name="node0",
            p2p=P2pConfig(listen=Address("127.0.0.1:0")),
            api=ApiConfig(listen=Address("127.0.0.1:0")),
        ),
        document=document,
        genesis=genesis_block(document),
        node_key=StoredKey("node0", Purpose.NODE, key("node 0").public, secret),
        validator_key=None,
        bootstrap=(),
    )


def premises_at(folder: Path, store: ChainStore) -> Premises:
    """What a work is done on."""
    return Premises(_node(folder), store.database, store)


def damages_in(premises: Premises) -> list[str]:
    """What `db check` finds."""
    report = finish(check(premises, CheckRequest(first=None, last=None)), _silent)
    return [damage.in_words() for damage in report.damages]


@contextmanager
def stored_in(data: Path) -> Iterator[ChainStore]:
    """A chain in a folder, after all checks of opening."""
    with open_leveldb(data) as database:
        yield check_database(database, data, alone.CHAIN)


# --- pruning and merging --------------------------------------------------------------------------


def prune_for_ever(folder: Path, say: Say) -> None:
    """Decide, drop what is old in small batches, and merge tables in another thread meanwhile."""
    with alone.awake(folder) as validator:
        store = validator.store
        Thread(target=_merge_for_ever, args=(store,), daemon=True).start()
        while True:
            say(validator.decide())
            retire_due(store, POLICY, key("node 0"), at_once)
            while store.sweep(rows_max=40, replaced=replaced):
                pass


def _merge_for_ever(store: ChainStore) -> None:
    while True:
        store.database.compact(start=b"", stop=b"\xff")


def judge_pruned(folder: Path, promised: int, twin: Twin) -> Verdict:
    """What the edges promise is there, checked row by row; the tree still has the signed root."""
    with stored_in(folder / "data") as store:
        height = store.head().height
        found = damages_in(premises_at(folder, store))
        rows = rows_of(store.database)
    if not promised <= height <= promised + 1:
        found.append(f"height {height}, promised were {promised}")
    if state_root(rows) != twin.header_at(height).state_root:
        found.append(f"another state than that of height {height}")
    with alone.awake(folder) as validator:
        after = validator.decide()
        found += damages_in(premises_at(folder, validator.store))
    return Verdict(after, found)


# --- from place to place ------------------------------------------------------------------------


def begin_with_a_chain(folder: Path) -> None:
    """A validator with a history, and one of each file that is made from it."""
    alone.begin(folder)
    with alone.awake(folder) as validator:
        while validator.height < BLOCKS:
            validator.decide()
        premises = premises_at(folder, validator.store)
        _done(backup(premises, BackupRequest(file=str(folder / "given.backup"))))
        _done(export_chain(premises, _everything(folder / "given.export")))
        _done(_snapshot(validator.store, folder / "given"))


def _done(work: Work[T]) -> T:
    return finish(work, _silent)


def _everything(file: Path) -> ExportRequest:
    return ExportRequest(file=str(file), first=Height(1), last=Height(BLOCKS))


def _snapshot(store: ChainStore, folder: Path) -> Work[object]:
    with store.state() as state:
        return (yield from create(store, state, folder, chunk_bytes=CHUNK_BYTES))


def _works(folder: Path, premises: Premises) -> list[tuple[Path, Work[object]]]:
    """What is made of a node, and where."""
    file, out, snapshot = folder / "made.backup", folder / "made.export", folder / "made"
    return [
        (file, backup(premises, BackupRequest(file=str(file)))),
        (out, export_chain(premises, _everything(out))),
        (snapshot, _snapshot(premises.store, snapshot)),
    ]


def write_for_ever(folder: Path, say: Say) -> None:
    """Backup, export and snapshot in turn, with a block decided after every bit of each."""
    with alone.awake(folder) as validator:
        premises = premises_at(folder, validator.store)
        while True:
            for path, work in _works(folder, premises):
                _remove(path)
                for _ in work:
                    say(validator.decide())


def judge_written(folder: Path, promised: int, twin: Twin) -> Verdict:
    """The chain is whole; what has its name is whole; what has not is made over what was left."""
    with stored_in(folder / "data") as store:
        height = store.head().height
        found = strange(rows_of(store.database), twin.rows_at(height))
        if not promised <= height <= promised + 1:
            found.append(f"height {height}, promised were {promised}")
        premises = premises_at(folder, store)
        for path, work in _works(folder, premises):
            if not path.exists():
                finish(work, _silent)
            _read(path)
            _remove(path)
    return Verdict(height, found)


def _read(path: Path) -> None:
    """Read a file or a snapshot to its end; raises what is wrong with it."""
    if path.suffix == ".backup":
        with path.open("rb") as file:
            _done(verified(file, path))
    elif path.suffix == ".export":
        assert path.read_bytes() == path.with_stem("given").read_bytes(), f"{path} is another one"
    else:
        source = open_snapshot(path, alone.CHAIN)
        for index in range(len(source.manifest.state)):
            source.state(index)
        for index in range(len(source.manifest.window)):
            source.window(index)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _restore_backup(place: Path) -> None:
    _done(restore(_node(place), place.parent / "given.backup"))


def _restore_snapshot(place: Path) -> None:
    restore_snapshot(open_snapshot(place.parent / "given", alone.CHAIN), place / "data", _silent)


def _import(place: Path) -> None:
    importing.GATHERED_BYTES = GATHERED_BYTES  # type: ignore[misc] # a smaller one, in this process
    _done(import_chain(_node(place), place.parent / "given.export"))


WAYS: Final[dict[str, Callable[[Path], None]]] = {
    "by_backup": _restore_backup,
    "by_snapshot": _restore_snapshot,
    "by_import": _import,
}


def bring_for_ever(folder: Path, say: Say) -> None:
    """Make a node from each file in turn, and throw it away again."""
    number = 0
    while True:
        for name, bring in WAYS.items():
            place = folder / name
            place.mkdir(exist_ok=True)
            bring(place)
            say(number)
            number += 1
            _throw_away(place)


def judge_brought(folder: Path, promised: int, twin: Twin) -> Verdict:
    """A database is there whole or not at all, or goes on; over what was left it can be made."""
    found: list[str] = []
    for name, bring in WAYS.items():
        place = folder / name
        place.mkdir(exist_ok=True)
        if (place / "data").exists() and name != "by_import":
            found += _arrived(place, twin, name)
            _throw_away(place)
            place.mkdir()
        bring(place)
        found += _arrived(place, twin, name)
        _throw_away(place)
    return Verdict(promised, found)


def _throw_away(place: Path) -> None:
    """Under another name first: one that is killed over it leaves no half of a database."""
    away = place.with_name("thrown away")
    _remove(away)
    place.rename(away)
    _remove(away)


def _arrived(place: Path, twin: Twin, way: str) -> list[str]:
    with stored_in(place / "data") as store:
        found = damages_in(premises_at(place, store))
        if store.head().height != BLOCKS:
            found.append(f"height {store.head().height}, expected {BLOCKS}")
        elif way != "by_snapshot":
            found += strange(rows_of(store.database), twin.rows_at(Height(BLOCKS)))
    return [f"{way}: {one}" for one in found]
