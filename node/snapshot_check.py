"""Judging a snapshot: the manifest by the chain's id, every chunk by the state root alone.

What stands in a snapshot is believed in this order, and nothing before it was checked:

1. The manifest: its genesis header hashes to the chain's id; from the validators of genesis each
   step leads to the next ones; those of its height signed its header (rule R45).
2. A chunk of the state: its entries are all that stand under its prefix (`ledger.subtree`). The
   prefixes of the manifest hold every key hash once, so the chunks are the whole state.
3. A chunk of the window: each row is an entry of the state, and the ids hash to what it says.
4. What only the whole state can tell: that no row of the window is left out whose ids could still
   matter, and that the steps are all changes of the validators that the state knows of. A node
   that begins here can then prove to others what was proved to it.

It says nothing about the blocks below: what happened before, only what came of it.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TypeVar, final

from ledger.membership import VALIDATORS
from ledger.subtree import BITS, Entry, Prefix, check, check_cover, fold
from ledger.tree import key_hash, leaf_hash, value_hash
from ledger.window import WINDOW_IDS, WindowIds, ids_hash
from node.snapshot_format import (
    MANIFEST,
    ChunkFile,
    Manifest,
    StateChunk,
    WindowChunk,
    WindowRow,
    index_of,
    is_of_state,
    read_file,
    read_manifest,
    sha256,
    state_name,
    window_name,
)
from node.work import Progress, Work
from primitives import limits
from primitives.block import Header, block_id
from primitives.certificate import Certificate
from primitives.codec import decode, encode
from primitives.crypto import ED25519, Scheme, check_certificate
from primitives.domains import Domain
from primitives.errors import Malformed, RemoteFault
from primitives.ids import ChainId, Height, TimeMs, ValidatorKey
from primitives.validators import ValidatorSet

C = TypeVar("C", StateChunk, WindowChunk)
Leaves = list[tuple[bytes, bytes]]
"""Key hashes and values, ascending."""
ReadState = Callable[[bytes, Manifest, int], tuple[StateChunk, Leaves]]
"""What a chunk of the state holds, by its bytes, the manifest and its number there."""


@final
@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A reader's word: the validators of this height have this hash."""

    height: Height
    validators_hash: bytes


def check_manifest(
    manifest: Manifest,
    chain: ChainId,
    *,
    checkpoints: Sequence[Checkpoint] = (),
    scheme: Scheme = ED25519,
) -> None:
    """That a quorum of the chain's validators signed the header, and that no chunk is left out.

    Checkpoints above its height say nothing of it.

    Raises:
        Malformed: it contradicts itself or a checkpoint, or is of another chain.
        BadSignature: a signature that does not verify.
    """
    if manifest.chain != chain:
        raise Malformed(f"the snapshot is of chain {manifest.chain.hex()}, expected {chain.hex()}")
    if manifest.genesis.height != 0 or manifest.height == 0:
        raise Malformed(
            f"heights {manifest.genesis.height} and {manifest.height}, expected 0 and one above"
        )
    periods = _check_lineage(manifest, scheme)
    for checkpoint in checkpoints:
        if checkpoint.height <= manifest.height:
            governing = [those for first, those in periods if first <= checkpoint.height][-1]
            if governing.hash != checkpoint.validators_hash:
                raise Malformed(
                    f"the validators of height {checkpoint.height} are {governing.hash.hex()}, "
                    f"you have pinned {checkpoint.validators_hash.hex()}"
                )
    check_cover(file.prefix for file in manifest.state)
    _check_heights(manifest)


def _check_lineage(manifest: Manifest, scheme: Scheme) -> list[tuple[Height, ValidatorSet]]:
    """From which height on which validators signed; the last ones signed the header."""
    chain, trusted, reached = manifest.chain, ValidatorSet(manifest.validators), Height(0)
    _check_named("genesis names the validators", manifest.genesis.validators_hash, trusted)
    periods = [(reached, trusted)]
    for step in manifest.steps:
        height = step.header.height
        if not reached < height < manifest.height:
            raise Malformed(
                f"a step of height {height} between those of {reached} and {manifest.height}"
            )
        _check_certified(step.header, step.certificate, chain, trusted, scheme)
        following = ValidatorSet(step.keys)
        what = f"header {height} names the next validators"
        _check_named(what, step.header.next_validators_hash, following)
        if following == trusted:
            raise Malformed(f"the step of height {height} changes nothing")
        trusted, reached = following, height
        periods.append((Height(height + 1), trusted))
    _check_certified(manifest.header, manifest.certificate, chain, trusted, scheme)
    return periods


def _check_certified(
    header: Header,
    certificate: Certificate,
    chain: ChainId,
    validators: ValidatorSet,
    scheme: Scheme,
) -> None:
    if header.chain != chain:
        raise Malformed(
            f"header {header.height} is of chain {header.chain.hex()}, expected {chain.hex()}"
        )
    _check_named(f"header {header.height} names its validators", header.validators_hash, validators)
    named, actual = (certificate.height, certificate.block_id), (header.height, block_id(header))
    if named != actual:
        raise Malformed(
            f"a certificate of block {named[1].hex()} at height {named[0]}, "
            f"the header is of {actual[1].hex()} at {actual[0]}"
        )
    check_certificate(certificate, Domain.COMMIT, chain, validators, scheme)


def _check_named(what: str, named: bytes, validators: ValidatorSet) -> None:
    if named != validators.hash:
        raise Malformed(f"{what} {named.hex()}, those listed are {validators.hash.hex()}")


def _check_heights(manifest: Manifest) -> None:
    following = manifest.window[0].first
    for file in manifest.window:
        if not following == file.first <= file.last:
            raise Malformed(
                f"a chunk of the window from {file.first} to {file.last}, expected one from "
                f"{following} on"
            )
        following = Height(file.last + 1)
    if following != manifest.height + 1:
        raise Malformed(f"the window ends at height {following - 1}, expected {manifest.height}")


def check_state_chunk(chunk: StateChunk, header: Header) -> Leaves:
    """That these are all entries under its prefix, in the state of a certified header.

    Raises:
        Malformed: they are not.
    """
    return check(chunk.prefix, chunk.entries, chunk.siblings, header.state_root)


def check_window_chunk(chunk: WindowChunk, header: Header) -> None:
    """That each row is in the state of a certified header, and that its ids are those of its block.

    Raises:
        Malformed: one is not.
    """
    for row in chunk.rows:
        key = key_hash(WINDOW_IDS.number, WINDOW_IDS.key(row.height))
        depth = len(row.siblings)
        start = int.from_bytes(key, "big") >> (BITS - depth) << (BITS - depth)
        leaf = leaf_hash(key, value_hash(encode(row.row)))
        root = fold(leaf, Prefix.at(start, depth), row.siblings)
        if root != header.state_root:
            raise Malformed(
                f"the row of height {row.height} leads to the root {root.hex()}, "
                f"expected {header.state_root.hex()}"
            )
        _check_ids(row)


def _check_ids(row: WindowRow) -> None:
    if any(a >= b for a, b in pairwise(row.ids)):
        raise Malformed(f"the ids of height {row.height} do not ascend")
    hashed = ids_hash(row.ids)
    if hashed != row.row.ids_hash:
        raise Malformed(
            f"{len(row.ids)} ids of height {row.height} hash to {hashed.hex()}, "
            f"the state says {row.row.ids_hash.hex()}"
        )


@final
class Whole:
    """What all chunks together say; filled while they go by."""

    def __init__(self) -> None:
        self._rows: dict[Height, WindowIds] = {}
        self._governs: dict[int, tuple[ValidatorKey, ...]] = {}

    def see(self, entries: Sequence[Entry]) -> None:
        """Keep what is asked about at the end, of a chunk that was checked."""
        for table, key, value in entries:
            if table == WINDOW_IDS.number:
                self._rows[Height(int.from_bytes(key, "big"))] = WINDOW_IDS.decode(value)
            elif table == VALIDATORS.number:
                keys = tuple(record.key for record in VALIDATORS.decode(value).validators)
                self._governs[int.from_bytes(key, "big")] = keys

    def check(self, manifest: Manifest) -> TimeMs:
        """That the window and the steps are whole; until when ids were valid that are not in it.

        Raises:
            Malformed: a row that still matters, or a step, is missing or too many.
        """
        newest = self._rows.get(manifest.height)
        if newest is None:
            raise Malformed(f"the state has no row of its own height, {manifest.height}")
        first = manifest.window[0].first
        if first < newest.oldest:
            raise Malformed(f"the window begins at {first}, the state knows {newest.oldest} on")
        if first > newest.oldest:
            before = self._rows[Height(first - 1)]
            if before.time_ms >= newest.forgotten:
                raise Malformed(f"the window begins at {first}, ids of {first - 1} still matter")
        rows = sorted(at for at in self._governs if at <= manifest.height)
        changes = [
            at - 1 for before, at in pairwise(rows) if self._governs[before] != self._governs[at]
        ]
        steps = [int(step.header.height) for step in manifest.steps]
        if steps != changes:
            raise Malformed(f"steps of the heights {steps}, the validators changed after {changes}")
        return newest.forgotten


def read_state_chunk(data: bytes, manifest: Manifest, index: int) -> tuple[StateChunk, Leaves]:
    """A chunk of the state that a manifest which was checked lists, checked, and its leaves.

    Raises:
        Malformed: the bytes are not what they must be.
    """
    file = manifest.state[index]
    chunk = _chunk(data, manifest, file, StateChunk)
    said, found = (file.prefix, file.entries), (chunk.prefix, len(chunk.entries))
    if said != found:
        raise Malformed(
            f"{found[1]} entries under {found[0]}, the manifest says {said[1]} under {said[0]}"
        )
    return chunk, check_state_chunk(chunk, manifest.header)


def read_proved_chunk(data: bytes, manifest: Manifest, index: int) -> tuple[StateChunk, Leaves]:
    """The same of bytes that were proved before: that they are still the ones is enough.

    Raises:
        Malformed: they are not.
    """
    chunk = _chunk(data, manifest, manifest.state[index], StateChunk)
    return chunk, [(key_hash(table, key), value) for table, key, value in chunk.entries]


def read_window_chunk(data: bytes, manifest: Manifest, index: int) -> WindowChunk:
    """A chunk of the window that a manifest which was checked lists, checked.

    Raises:
        Malformed: the bytes are not what they must be.
    """
    file = manifest.window[index]
    chunk = _chunk(data, manifest, file, WindowChunk)
    heights = [row.height for row in chunk.rows]
    if heights != list(range(file.first, file.last + 1)):
        raise Malformed(
            f"rows of the heights {heights[0]} to {heights[-1]}, the manifest says "
            f"{file.first} to {file.last}"
        )
    ids = sum(len(row.ids) for row in chunk.rows)
    if ids != file.ids:
        raise Malformed(f"{ids} ids, the manifest says {file.ids}")
    check_window_chunk(chunk, manifest.header)
    return chunk


def check_chunk(data: bytes, manifest: Manifest, name: str) -> None:
    """That these bytes are the chunk with this name of a manifest which was checked.

    Raises:
        Malformed: they are not what they must be.
    """
    if is_of_state(name):
        read_state_chunk(data, manifest, index_of(name))
    else:
        read_window_chunk(data, manifest, index_of(name))


def _chunk(data: bytes, manifest: Manifest, file: ChunkFile, kind: type[C]) -> C:
    check_listed(data, file)
    chunk = decode(data, kind, limit=limits.SNAPSHOT_CHUNK_BYTES_MAX)
    said = (manifest.chain, manifest.height)
    if (chunk.chain, chunk.height) != said:
        raise Malformed(
            f"a chunk of height {chunk.height} of chain {chunk.chain.hex()}, expected "
            f"{said[1]} of {said[0].hex()}"
        )
    return chunk


def check_listed(data: bytes, file: ChunkFile) -> None:
    """That these are the bytes of which the manifest speaks; what they are worth is another matter.

    Raises:
        Malformed: they are not.
    """
    if (len(data), sha256(data)) != (file.bytes, file.sha256):
        raise Malformed(
            f"{len(data)} bytes with the SHA-256 {sha256(data).hex()}, the manifest says "
            f"{file.bytes} with {file.sha256.hex()}"
        )


@final
class Source:
    """A snapshot on disk whose manifest was checked. Chunks are read one at a time."""

    def __init__(
        self, folder: Path, manifest: Manifest, read_state: ReadState = read_state_chunk
    ) -> None:
        """Use `open_snapshot`. `read_state` is how chunks of the state are judged."""
        self.folder, self.manifest, self._read_state = folder, manifest, read_state

    def state(self, index: int) -> tuple[StateChunk, Leaves]:
        """A chunk of the state, checked, and its leaves.

        Raises:
            OperatorFault: its file cannot be read.
            Malformed: it is missing, or not what it must be; names the file.
        """
        path, data = self._read(state_name(index))
        with _naming(path):
            return self._read_state(data, self.manifest, index)

    def window(self, index: int) -> WindowChunk:
        """A chunk of the window, checked.

        Raises:
            OperatorFault: its file cannot be read.
            Malformed: it is missing, or not what it must be; names the file.
        """
        path, data = self._read(window_name(index))
        with _naming(path):
            return read_window_chunk(data, self.manifest, index)

    def _read(self, name: str) -> tuple[Path, bytes]:
        path = self.folder / name
        if not path.exists():
            raise Malformed(f"{path} is missing")
        return path, read_file(path, limits.SNAPSHOT_CHUNK_BYTES_MAX)


@contextmanager
def _naming(path: Path) -> Iterator[None]:
    """Put a file's name in front of what is wrong with it."""
    try:
        yield
    except RemoteFault as fault:
        raise type(fault)(f"{path}: {fault}") from fault


def open_snapshot(
    folder: Path,
    chain: ChainId,
    *,
    checkpoints: Sequence[Checkpoint] = (),
    scheme: Scheme = ED25519,
) -> Source:
    """A snapshot of a chain whose manifest holds.

    Raises:
        OperatorFault: there is none, or it cannot be read.
        RemoteFault: its manifest is wrong; says why.
    """
    manifest = read_manifest(folder)
    with _naming(folder / MANIFEST):
        check_manifest(manifest, chain, checkpoints=checkpoints, scheme=scheme)
    return Source(folder, manifest)


def verify(source: Source) -> Work[Manifest]:
    """Check every chunk, and that they are whole; names the first that is wrong.

    Raises:
        OperatorFault: a file cannot be read.
        Malformed: a file is not what it must be.
    """
    manifest, whole = source.manifest, Whole()
    total = len(manifest.state) + len(manifest.window)
    for index in range(len(manifest.state)):
        chunk, _ = source.state(index)
        whole.see(chunk.entries)
        yield Progress(index + 1, total, "chunks")
    for index in range(len(manifest.window)):
        source.window(index)
        yield Progress(len(manifest.state) + index + 1, total, "chunks")
    with _naming(source.folder):
        whole.check(manifest)
    return manifest
