"""Writing a snapshot of one moment of the database, while the chain goes on.

Everything is read through one frozen view, so it is of one block. The folder has a name that says
"unfinished" until the last file is on disk; then it is renamed. Whatever happens between leaves a
folder that nobody takes for a snapshot, and that the next start clears away.

Every chunk is checked before it is written, as its reader will: where the entries of this node are
not those of its own tree, its disk is damaged, and nothing is written that others would refuse.

The state is gone through twice: into files by the first bits of the key hashes, then file by file,
sorted, into chunks. So memory holds a file and a chunk, whatever the size of the state.
"""

import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from operator import itemgetter
from pathlib import Path
from typing import Final, final

from ledger.membership import validators_at
from ledger.subtree import BITS, EVERYTHING, Entry, Part, Prefix, parts, siblings_of
from ledger.tree import StateTree, key_hash
from ledger.window import WINDOW_IDS, WindowIds, ids_hash
from node.lineage import Ancestry, quorum_of
from node.room import leave_room
from node.snapshot_buckets import Buckets, bits_for
from node.snapshot_format import (
    MANIFEST,
    Manifest,
    StateChunk,
    StateFile,
    WindowChunk,
    WindowFile,
    WindowRow,
    sha256,
    state_name,
    window_name,
)
from node.work import Progress, Work
from primitives import limits
from primitives.codec import encode
from primitives.errors import Malformed, OperatorFault, StorageFault
from primitives.ids import Height, TimeMs, TransactionId
from storage.chain import ChainStore
from storage.new_file import part_of, sync_folder
from storage.state import StateSnapshot

ROWS_A_STEP: Final = 200
"""Rows between two moments of rest: about a millisecond."""
_ENTRY_FRAMING: Final = 16
"""At most so many bytes tell table, lengths and kind of an entry in a file."""
_ID_BYTES: Final = 9 + 34 + 1
_ROW_FRAMING: Final = 64

_STATE_ROW: Final = struct.Struct(">32sHII")
_ID_ROW: Final = struct.Struct(">QQ32s")

_Row = tuple[bytes, int, bytes, bytes]
"""Key hash, table, key, value."""


@final
@dataclass(frozen=True, slots=True)
class _Moment:
    """What is written down: one view of the database."""

    store: ChainStore
    state: StateSnapshot
    tree: StateTree
    folder: Path
    chunk_bytes: int


def create(
    store: ChainStore,
    state: StateSnapshot,
    folder: Path,
    *,
    chunk_bytes: int = limits.SNAPSHOT_CHUNK_BYTES,
) -> Work[Manifest]:
    """Write the snapshot of a frozen state into a folder that does not exist yet.

    `state` is open until the work has ended. The folder is complete and on disk, or not there.
    Nodes that agree on `chunk_bytes` write the same chunks.

    Raises:
        OperatorFault: the folder exists, or cannot be written, or its disk is nearly full; or there
            is no block yet.
        StorageFault: the database contradicts itself.
    """
    if state.height == 0:
        raise OperatorFault("a chain without a block has no snapshot: genesis.json says it all")
    if folder.exists():
        raise OperatorFault(f"{folder} exists already")
    unfinished = part_of(folder)
    moment = _Moment(store, state, StateTree(state.node, state.height), unfinished, chunk_bytes)
    try:
        leave_room(unfinished)
        unfinished.parent.mkdir(parents=True, exist_ok=True)
        _begin(unfinished)
        try:
            manifest = yield from _write(moment)
            os.rename(unfinished, folder)
            sync_folder(folder.parent)
        except BaseException:
            remove_folder(unfinished)
            raise
    except OSError as error:
        raise OperatorFault(f"{folder} cannot be written: {error.strerror}") from error
    return manifest


def _begin(unfinished: Path) -> None:
    try:
        unfinished.mkdir()
    except FileExistsError as error:
        raise OperatorFault(
            f"{unfinished} is there: this snapshot is being written, or somebody ended while "
            "writing it; then remove the folder"
        ) from error


def remove_folder(folder: Path) -> None:
    """Remove a folder of files, where it is there."""
    if folder.is_dir():
        for path in folder.iterdir():
            path.unlink()
        folder.rmdir()


def _write(moment: _Moment) -> Work[Manifest]:
    state_files = yield from _write_state(moment)
    window_files = yield from _write_window(moment)
    store, state = moment.store, moment.state
    founders, steps = Ancestry(store).every_change(state, state.height)
    certificate = store.certificate(state.height)
    assert certificate is not None, "only block 0 has none"
    manifest = Manifest(
        format="mithaq.snapshot",
        version=1,
        genesis=store.header(Height(0)),
        validators=founders,
        steps=steps,
        header=state.header,
        certificate=quorum_of(certificate, validators_at(state, state.height)),
        state=tuple(state_files),
        window=tuple(window_files),
    )
    data = encode(manifest)
    if len(data) > limits.SNAPSHOT_MANIFEST_BYTES_MAX:
        raise OperatorFault(
            f"a manifest of {len(data)} bytes, at most {limits.SNAPSHOT_MANIFEST_BYTES_MAX} are "
            "read: this state is too large for a snapshot"
        )
    _write_file(moment.folder / MANIFEST, data)
    sync_folder(moment.folder)
    return manifest


# --- the state ----------------------------------------------------------------------------------


def _write_state(moment: _Moment) -> Work[list[StateFile]]:
    files: list[StateFile] = []
    size = moment.store.sizes()["state"]
    with Buckets(moment.folder, "state", bits_for(size)) as buckets:
        shift = 16 - buckets.bits
        for read, (table, key, value) in enumerate(moment.state.entries(), 1):
            hashed = key_hash(table, key)
            row = _STATE_ROW.pack(hashed, table, len(key), len(value)) + key + value
            buckets.add(int.from_bytes(hashed[:2], "big") >> shift, row, _weight(key, value))
            if read % ROWS_A_STEP == 0:
                yield Progress(read, 0, "entries read")
        buckets.write()
        total, done = sum(buckets.counts), 0
        for found in _chunks(EVERYTHING, buckets, moment.chunk_bytes):
            if found is not None:
                prefix, rows = found
                part = Part(prefix)
                for _, table, key, value in rows:
                    part.add(table, key, value)
                    done += 1
                    if done % ROWS_A_STEP == 0:
                        yield Progress(done, total, "entries written")
                files.append(_write_chunk(moment, state_name(len(files)), found, part))
            yield Progress(done, total, "entries written")
    return files


def _weight(key: bytes, value: bytes) -> int:
    return len(key) + len(value) + _ENTRY_FRAMING


def _chunks(
    prefix: Prefix, buckets: Buckets, chunk_bytes: int
) -> Iterator[tuple[Prefix, list[_Row]] | None]:
    """The chunks under a prefix, in order: as `parts` cuts them, whatever files there are.

    None is a moment to rest, after a file was sorted.
    """
    width = 1 << (buckets.bits - prefix.depth)
    first = (prefix.start >> (BITS - prefix.depth)) * width
    stop = first + width
    several = sum(buckets.counts[first:stop]) > 1
    if prefix.depth < buckets.bits and several and sum(buckets.weights[first:stop]) > chunk_bytes:
        for half in prefix.halves():
            yield from _chunks(half, buckets, chunk_bytes)
        return
    rows: list[_Row] = []
    for data in buckets.take(range(first, stop)):
        rows += sorted(_state_rows(data), key=itemgetter(0))
        yield None
    numbers = [int.from_bytes(row[0], "big") for row in rows]
    weights = [_weight(row[2], row[3]) for row in rows]
    for part, begin, end in parts(numbers, weights, prefix, weight_max=chunk_bytes):
        yield part, rows[begin:end]


def _state_rows(data: bytes) -> Iterator[_Row]:
    at = 0
    while at < len(data):
        hashed, table, key_bytes, value_bytes = _STATE_ROW.unpack_from(data, at)
        key = at + _STATE_ROW.size
        value = key + key_bytes
        at = value + value_bytes
        yield hashed, table, data[key:value], data[value:at]


def _write_chunk(
    moment: _Moment, name: str, found: tuple[Prefix, list[_Row]], part: Part
) -> StateFile:
    """Write a chunk, if its entries, which are in `part`, are what the tree says of them."""
    header = moment.state.header
    prefix, rows = found
    entries: tuple[Entry, ...] = tuple(row[1:] for row in rows)
    try:
        siblings = siblings_of(moment.tree, prefix)
        part.check(siblings, header.state_root)
    except Malformed as error:
        raise StorageFault(
            f"the database is damaged: the state of height {header.height} is not that of its "
            f"tree: {error}"
        ) from error
    chunk = StateChunk(
        format="mithaq.snapshot.state",
        version=1,
        chain=moment.store.chain,
        height=header.height,
        prefix=prefix,
        siblings=siblings,
        entries=entries,
    )
    data = _chunk_bytes(chunk, name)
    _write_file(moment.folder / name, data)
    return StateFile(prefix, len(entries), len(data), sha256(data))


# --- the window ---------------------------------------------------------------------------------


def _write_window(moment: _Moment) -> Work[list[WindowFile]]:
    rows = _window_rows(moment.state)
    first = moment.state.height - len(rows) + 1
    files: list[WindowFile] = []
    with Buckets(moment.folder, "window", bits_for(moment.store.sizes()["window"])) as buckets:
        width = -(-len(rows) >> buckets.bits)
        for read, (valid_until, identifier, height) in enumerate(moment.state.window(), 1):
            if height >= first:
                data = _ID_ROW.pack(height, valid_until, identifier)
                buckets.add((height - first) // width, data, len(data))
            if read % ROWS_A_STEP == 0:
                yield Progress(read, 0, "ids read")
        buckets.write()
        waiting: list[WindowRow] = []
        weight = 0
        for row in _rows_with_ids(moment, rows, buckets, width):
            if waiting and weight + _row_bytes(row) > moment.chunk_bytes:
                files.append(_write_rows(moment, window_name(len(files)), waiting))
                waiting, weight = [], 0
            waiting.append(row)
            weight += _row_bytes(row)
            yield Progress(row.height - first + 1, len(rows), "heights of the window written")
        files.append(_write_rows(moment, window_name(len(files)), waiting))
    return files


def _rows_with_ids(
    moment: _Moment, rows: list[WindowIds], buckets: Buckets, width: int
) -> Iterator[WindowRow]:
    first = moment.state.height - len(rows) + 1
    for number, data in enumerate(buckets.take(range(1 << buckets.bits))):
        ids = _by_height(data)
        begin = number * width
        for at, row in enumerate(rows[begin : begin + width], first + begin):
            yield _window_row(moment, Height(at), row, ids.get(at, []))


def _window_rows(state: StateSnapshot) -> list[WindowIds]:
    """The rows of the heights whose ids still matter, ascending up to the head."""
    rows: list[WindowIds] = []
    newest = _row_of(state, state.height)
    for height in range(state.height, newest.oldest - 1, -1):
        row = _row_of(state, Height(height))
        if row.time_ms < newest.forgotten:
            break
        rows.append(row)
    return rows[::-1]


def _row_of(state: StateSnapshot, height: Height) -> WindowIds:
    row = WINDOW_IDS.read(state, height)
    if row is None:
        raise StorageFault(
            f"the database is damaged: the state of height {state.height} has no row of the "
            f"window for height {height}"
        )
    return row


def _by_height(data: bytes) -> dict[int, list[tuple[TimeMs, TransactionId]]]:
    ids: dict[int, list[tuple[TimeMs, TransactionId]]] = {}
    for height, valid_until, identifier in _ID_ROW.iter_unpack(data):
        ids.setdefault(height, []).append((valid_until, identifier))
    return ids


def _window_row(
    moment: _Moment, height: Height, row: WindowIds, ids: list[tuple[TimeMs, TransactionId]]
) -> WindowRow:
    if ids_hash(ids) != row.ids_hash:
        raise StorageFault(
            f"the database is damaged: {len(ids)} ids of height {height} are not those of its state"
        )
    path = moment.tree.prove(WINDOW_IDS.number, WINDOW_IDS.key(height))
    return WindowRow(height, row, path.siblings, tuple(sorted(ids)))


def _row_bytes(row: WindowRow) -> int:
    siblings = sum(len(sibling) + 2 for sibling in row.siblings)
    return _ROW_FRAMING + siblings + len(row.ids) * _ID_BYTES


def _write_rows(moment: _Moment, name: str, rows: list[WindowRow]) -> WindowFile:
    chunk = WindowChunk(
        format="mithaq.snapshot.window",
        version=1,
        chain=moment.store.chain,
        height=moment.state.height,
        rows=tuple(rows),
    )
    data = _chunk_bytes(chunk, name)
    _write_file(moment.folder / name, data)
    ids = sum(len(row.ids) for row in rows)
    return WindowFile(rows[0].height, rows[-1].height, ids, len(data), sha256(data))


# --- files --------------------------------------------------------------------------------------


def _chunk_bytes(chunk: StateChunk | WindowChunk, name: str) -> bytes:
    data = encode(chunk)
    if len(data) > limits.SNAPSHOT_CHUNK_BYTES_MAX:
        raise OperatorFault(
            f"{name} would have {len(data)} bytes, at most {limits.SNAPSHOT_CHUNK_BYTES_MAX} are "
            "read: an entry of the state is too large for a snapshot"
        )
    return data


def _write_file(path: Path, data: bytes) -> None:
    leave_room(path)
    with path.open("xb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
