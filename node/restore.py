"""A node's database from a backup: nothing of the file is believed.

The rows go into a folder beside the node's `data`, under a name that no node opens. There they are
checked as `mithaq db check` does, from the genesis document in the node's folder on: every link,
certificate, root, index row and record of the tree. Only then the folder takes the name `data`. A
restore that ended half-way is begun anew; the leftover is removed by the next one.

The signer's file is not touched: a validator without one starts fenced, one with a newer one than
the backup keeps silent as far as that reaches (rules R50 to R52).
"""

import shutil
from pathlib import Path
from typing import BinaryIO, Final, final

from msgspec import Struct

from node.backup import BackupReader, path_size
from node.check.run import CheckRequest, check_snapshot
from node.folder import LoadedNode
from node.work import Progress, Work
from primitives.errors import Malformed, OperatorFault
from primitives.ids import BlockId, ChainId, Height, Natural, Sized32, TimeMs
from storage.chain import ChainStore
from storage.new_file import part_of, sync_folder
from storage.opening import begin_restore, check_database
from storage.restoring import Restoration

_TOLD: Final = 3
"""Damages of a backup that are named in the refusal."""


@final
class Restored(Struct, frozen=True, kw_only=True):
    """A database that was made and checked."""

    database: str
    chain: Sized32[ChainId]
    height: Natural[Height]
    block_id: Sized32[BlockId]
    block_time_ms: Natural[TimeMs]
    rows: Natural[int]
    signatures: Natural[int]
    transactions: Natural[int]
    entries: Natural[int]


def restore(node: LoadedNode, path: Path) -> Work[Restored]:
    """Make the database of a node from a backup.

    Raises:
        OperatorFault: the node has a database already, or its genesis is of another chain; a file
            cannot be read or written.
        Malformed: the backup is damaged or wrong; nothing is left of the database.
        StorageFault: a write failed.
    """
    data = node.folder.data
    if data.exists() and (not data.is_dir() or any(data.iterdir())):
        raise OperatorFault(
            f"{data} is there already: a backup is restored where there is no database; "
            "move it away first"
        )
    try:
        with path.open("rb") as file:
            reader = BackupReader(file, path)
            if reader.chain != node.genesis.chain:
                raise OperatorFault(
                    f"{path} is a backup of chain {reader.chain.hex()}, {node.folder.genesis} "
                    f"defines chain {node.genesis.chain.hex()}"
                )
            return (yield from _made(node, reader, file, path))
    except OSError as error:
        raise OperatorFault(f"{error.filename or path}: {error.strerror}") from error


def _made(node: LoadedNode, reader: BackupReader, file: BinaryIO, path: Path) -> Work[Restored]:
    data = node.folder.data
    unfinished = part_of(data)
    try:
        if unfinished.exists():
            shutil.rmtree(unfinished)
        with begin_restore(unfinished, f"the backup {path.name}") as restoration:
            yield from _fill(restoration, reader, path_size(file))
            about = reader.about
            with restoration.finish_copy(about.height, about.block_id) as store:
                result = yield from _checked(node, store, reader, path)
        if data.exists():
            data.rmdir()
        unfinished.rename(data)
        sync_folder(data.parent)
    except BaseException:
        if unfinished.exists():
            shutil.rmtree(unfinished)
        raise
    return result


def _fill(restoration: Restoration, reader: BackupReader, total: int) -> Work[None]:
    for rows in reader.pieces():
        for key, value in rows:
            restoration.row(key, value)
        yield Progress(reader.size >> 20, total >> 20, "MiB restored")


def _checked(
    node: LoadedNode, store: ChainStore, reader: BackupReader, path: Path
) -> Work[Restored]:
    chain = node.genesis.chain
    snapshot = store.database.snapshot()
    try:
        report = yield from check_snapshot(snapshot, chain, CheckRequest(first=None, last=None))
    finally:
        snapshot.close()
    if report.damage:
        told = "; ".join(damage.in_words() for damage in report.damages[:_TOLD])
        raise Malformed(f"{path} has {report.damage} damages: {told}")
    check_database(store.database, node.folder.data, chain)
    return Restored(
        database=str(node.folder.data),
        chain=chain,
        height=report.height,
        block_id=report.block_id,
        block_time_ms=reader.about.block_time_ms,
        rows=reader.rows,
        signatures=report.signatures,
        transactions=report.transactions,
        entries=report.entries,
    )
