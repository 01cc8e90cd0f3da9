"""Backups: every row of a node's database in one file, taken while the node runs.

A backup is a stream (storage/stream.py) of the rows of one snapshot, ascending by key, some at a
time in a record. It holds what a node must not lose and cannot make again by itself: the chain, the
state, the evidence, its word about what it dropped. It does not hold the vote log, whose votes are
of a height that is over when the backup comes back, and no key or memory of the signer's, which are
other files on purpose: a validator that comes back from a backup asks the others what it has said
(rules R50 to R52).

A file says of itself which chain and height it is of. It proves nothing by that: what is restored
from it is checked from genesis on before it has a database's name (node/restore.py).
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Final, final

from msgspec import Struct

from node.check.run import META_ROWS
from node.premises import Premises, Upkeep
from node.work import Progress, Work
from primitives import limits
from primitives.codec import decode, encode
from primitives.errors import Malformed, OperatorFault
from primitives.ids import BlockId, ChainId, Digest, Height, Natural, Sized32, TimeMs
from storage import schema
from storage.new_file import new_file
from storage.reading import read_head
from storage.schema import Region
from storage.stream import StreamHead, StreamReader, StreamWriter

NAME: Final = "mithaq.backup"
VERSION: Final = 1
LEFT_OUT: Final = frozenset({Region.VOTE, Region.VOTE_BODY})
META_KEPT: Final = (META_ROWS | {schema.SWEEP_KEY}) - {schema.FORMAT_KEY, schema.HEAD_KEY}
"""A restore writes the others itself, the head last of all."""


@final
class About(Struct, array_like=True, frozen=True):
    """What a backup says of itself in its first record."""

    storage: str
    height: Natural[Height]
    block_id: Sized32[BlockId]
    block_time_ms: Natural[TimeMs]


@final
class BackupRequest(Struct, frozen=True, kw_only=True):
    """Where to write it; the node does."""

    file: str


@final
class Backup(Struct, frozen=True, kw_only=True):
    """A backup file, read to its end."""

    file: str
    chain: Sized32[ChainId]
    height: Natural[Height]
    block_id: Sized32[BlockId]
    block_time_ms: Natural[TimeMs]
    rows: Natural[int]
    bytes: Natural[int]
    sha256: Sized32[Digest]
    """Over the whole file, as every tool for that gives it."""


def backup(premises: Premises, asked: BackupRequest) -> Work[Backup]:
    """Write a backup of this moment, and read it again."""
    path = Path(asked.file)
    if not path.is_absolute():
        raise OperatorFault(f"{path}: expected a full path, the node has another working folder")
    with new_file(path) as file:
        yield from _write(premises, file)
        file.flush()
        with Path(file.name).open("rb") as written:
            return (yield from verified(written, path))


BACKUP: Final = Upkeep("db/backup", BackupRequest, Backup, backup)


def _write(premises: Premises, file: BinaryIO) -> Work[None]:
    snapshot = premises.freeze()
    try:
        head = read_head(snapshot)
        about = About(
            schema.FORMAT.decode(), head.height, head.block_id, TimeMs(head.header.time_ms)
        )
        chain = ChainId(snapshot.get(schema.CHAIN_KEY) or b"")
        writer = StreamWriter(file, StreamHead(NAME, VERSION, chain, encode(about)))
        rows: list[bytes] = []
        size = synced = 0
        for region in Region:
            if region in LEFT_OUT:
                continue
            for key, value in snapshot.iterate(start=bytes([region]), stop=bytes([region + 1])):
                if region is Region.META and key not in META_KEPT:
                    continue
                rows += key, value
                size += len(key) + len(value)
                if size >= limits.BACKUP_PIECE_BYTES:
                    writer.write(encode(tuple(rows)))
                    rows.clear()
                    size = 0
                    if writer.size - synced >= limits.BACKUP_SYNC_BYTES:
                        file.flush()
                        os.fdatasync(file.fileno())
                        synced = writer.size
                    yield Progress(writer.size >> 20, 0, "MiB written")
        if rows:
            writer.write(encode(tuple(rows)))
        writer.end()
    finally:
        snapshot.close()


@final
class BackupReader:
    """Reads a backup, whoever wrote it: bounded, in order, only rows that may be in one."""

    def __init__(self, file: BinaryIO, path: Path) -> None:
        """Read the first record.

        Raises:
            Malformed: it is no backup, or of another format of the database.
            OperatorFault: it cannot be read.
        """
        self._stream = StreamReader(
            file,
            where=str(path),
            name=NAME,
            version=VERSION,
            record_bytes_max=limits.BACKUP_RECORD_BYTES_MAX,
        )
        self.chain = self._stream.head.chain
        try:
            self.about = decode(self._stream.head.about, About, limit=len(self._stream.head.about))
        except Malformed as error:
            raise self._stream.fault(str(error)) from error
        if self.about.storage != schema.FORMAT.decode():
            raise self._stream.fault(
                f"a backup of a database in format {self.about.storage}, "
                f"this version reads {schema.FORMAT.decode()}"
            )
        self.rows = 0

    @property
    def size(self) -> int:
        """Bytes read."""
        return self._stream.offset

    def pieces(self) -> Iterator[list[tuple[bytes, bytes]]]:
        """The rows, some at a time.

        Raises:
            Malformed: the file is damaged, or holds what no backup does.
            OperatorFault: it cannot be read.
        """
        last = b""
        chain = header = None
        for record in self._stream:
            flat = self._decoded(record)
            rows = list(zip(flat[::2], flat[1::2], strict=True))
            for key, value in rows:
                if key <= last:
                    raise self._stream.fault(f"key {key.hex()} comes after {last.hex()}")
                self._check(key)
                last = key
                if key == schema.CHAIN_KEY:
                    chain = value
                elif key == schema.header_key(self.about.height):
                    header = value
            self.rows += len(rows)
            yield rows
        if chain != self.chain or header is None:
            raise self._stream.fault(
                f"it has no header of height {self.about.height}, or not the id of its own chain"
            )

    def sha256(self) -> Digest:
        """Over the whole file, once it is read."""
        end = self._stream.end
        assert end is not None, "asked at the end"
        whole = self._stream.hash_so_far()
        whole.update(encode(end))
        return Digest(whole.digest())

    def _decoded(self, record: bytes) -> tuple[bytes, ...]:
        try:
            flat = decode(record, tuple[bytes, ...], limit=len(record))
        except Malformed as error:
            raise self._stream.fault(str(error)) from error
        if not flat or len(flat) % 2:
            raise self._stream.fault(f"{len(flat)} keys and values, expected pairs")
        return flat

    def _check(self, key: bytes) -> None:
        if not 2 <= len(key) <= limits.BACKUP_KEY_BYTES_MAX:
            raise self._stream.fault(
                f"a key of {len(key)} bytes, expected 2 to {limits.BACKUP_KEY_BYTES_MAX}"
            )
        if key[0] not in _REGIONS or (key[0] == Region.META and key not in META_KEPT):
            raise self._stream.fault(f"key {key.hex()} is of no region that a backup has")


_REGIONS: Final = frozenset(Region) - LEFT_OUT


def verified(file: BinaryIO, path: Path) -> Work[Backup]:
    """Read a backup to its end.

    Raises:
        Malformed: it is damaged or none; names the record and the byte.
        OperatorFault: it cannot be read.
    """
    reader = BackupReader(file, path)
    total = path_size(file)
    for _ in reader.pieces():
        yield Progress(reader.size >> 20, total >> 20, "MiB read again")
    about = reader.about
    return Backup(
        file=str(path),
        chain=reader.chain,
        height=about.height,
        block_id=about.block_id,
        block_time_ms=about.block_time_ms,
        rows=reader.rows,
        bytes=total,
        sha256=reader.sha256(),
    )


def path_size(file: BinaryIO) -> int:
    """How many bytes an open file has."""
    at = file.tell()
    size = file.seek(0, 2)
    file.seek(at)
    return size
