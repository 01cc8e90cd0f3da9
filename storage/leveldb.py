"""LevelDB: the only door to plyvel.

The options are those of consensus.md §7, each for a reason that was seen and not guessed:

- `paranoid_checks`: opened with defaults, one flipped bit silently drops synced records.
- every write is `write_batch(transaction=True, sync=True)`: plyvel's default writes a half-filled
  batch when the block raises, and at a rotation of the log an unsynced write is lost while a later
  synced one survives.
- every read verifies checksums: `paranoid_checks` alone does not cover reads, and a wrong balance
  is worse than an error.
- `write_buffer_size` 64 MiB: the vote log and the kept bodies are deleted at the decision; with a
  large buffer most of them die in memory and are never written to a table.

Nothing is ever repaired: `repair_db` keeps what it can read and forgets the rest, which for a vote
is worse than an empty disk. What does not open is moved away by the operator and restored, or
fetched again from the other nodes; the signer's file stays (consensus.md §8).

Two things LevelDB leaves to the file system, and not every file system does them: it never syncs
the folder after putting CURRENT in its place, nor after beginning a new log. Journals keep the
order of names, so that the next sync of a file brings them along; POSIX promises nothing. The
folder is synced here instead: after opening, and after a write that went into a new log.

And three things it does not notice: that CURRENT is gone (it would begin a new database and delete
the files of the old one), that a log is gone, and that a table is another one. All are looked for
before it opens anything.
"""

from collections.abc import Iterator
from pathlib import Path
from threading import Lock
from typing import Any, Final, Protocol, final

import plyvel

from primitives.errors import OperatorFault, StorageFault
from storage.closing import Closing
from storage.keyvalue import Batch
from storage.manifest import lacks
from storage.new_file import sync_folder
from storage.remedies import damaged, failed_opening, failed_write, unwritable

WRITE_BUFFER_BYTES: Final = 64 * 1024 * 1024
"""Twice this at most is in memory: one buffer goes to a table while the next one fills."""
CACHE_BYTES: Final = 32 * 1024 * 1024
"""Uncompressed blocks: the upper levels of the state tree and the accounts in daily use fit, and
four nodes on one machine of 2 GiB still do."""
BLOOM_BITS: Final = 10
"""Bits per key: 1 % of the lookups of absent keys touch a table. Nearly every transaction is looked
up once as "already committed?", and nearly always it is not."""

_OPTIONS: Final[dict[str, Any]] = {
    "paranoid_checks": True,
    "write_buffer_size": WRITE_BUFFER_BYTES,
    "lru_cache_size": CACHE_BYTES,
    "bloom_filter_bits": BLOOM_BITS,
}


_OF_A_DATABASE: Final = frozenset({".log", ".ldb", ".sst"})
"""Files that hold something; a MANIFEST alone is all that a crash in the first moment leaves."""


class _Rows(Protocol):
    """plyvel's iterator. Closing it lets its data go."""

    def __iter__(self) -> Iterator[tuple[bytes, bytes]]: ...
    def close(self) -> None: ...


class _Source(Protocol):
    """What plyvel's DB and Snapshot have in common. Closed, they raise RuntimeError."""

    def get(self, key: bytes, *, verify_checksums: bool) -> bytes | None: ...
    def iterator(self, *, start: bytes, stop: bytes, verify_checksums: bool) -> _Rows: ...
    def close(self) -> None: ...


class _Writing(Protocol):
    """plyvel's write batch."""

    def __enter__(self) -> "_Writing": ...
    def __exit__(self, *reason: object) -> None: ...
    def put(self, key: bytes, value: bytes) -> None: ...
    def delete(self, key: bytes) -> None: ...


class _Database(_Source, Protocol):
    def write_batch(self, *, transaction: bool, sync: bool) -> _Writing: ...
    def snapshot(self) -> _Source: ...
    def approximate_size(self, start: bytes, stop: bytes) -> int: ...
    def compact_range(self, *, start: bytes, stop: bytes) -> None: ...


def holds_database(folder: Path) -> bool:
    """Whether there is a database, or what is left of one."""
    return (folder / "CURRENT").exists() or _remains(folder) is not None


def create_leveldb(folder: Path) -> "LevelDB":
    """Open the database in `folder`, making folder and database if there is none.

    Raises:
        OperatorFault: the folder cannot be used; the message says why.
        StorageFault: there is a database, and its files are damaged.
    """
    new = [path for path in (folder, *folder.parents) if not path.exists()]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for path in new:
            sync_folder(path.parent)
    except FileExistsError as error:
        raise OperatorFault(f"{folder} is not a folder") from error
    except OSError as error:
        raise OperatorFault(f"{folder} cannot be made: {error.strerror}") from error
    return _open(folder)


def open_leveldb(folder: Path) -> "LevelDB":
    """Open the database in `folder`.

    Raises:
        OperatorFault: there is none, or the folder cannot be used; the message says why.
        StorageFault: its files are damaged.
    """
    if folder.exists() and not folder.is_dir():
        raise OperatorFault(f"{folder} is not a folder")
    # LevelDB itself would leave a lock and a log behind where it found nothing.
    if not holds_database(folder):
        raise OperatorFault(f"{folder} holds no database")
    return _open(folder)


def _open(folder: Path) -> "LevelDB":
    if (reason := unwritable(folder)) is not None:
        raise OperatorFault(reason)
    exists = (folder / "CURRENT").exists()
    lost = lacks(folder) if exists else _remains(folder)
    if lost is not None:
        if _is_locked(folder / "LOCK"):  # files come and go under whoever has it open
            raise OperatorFault(f"{folder} is in use by another process")
        raise StorageFault(damaged(folder, lost))
    try:
        database = LevelDB(folder, plyvel.DB(str(folder), create_if_missing=not exists, **_OPTIONS))
    except plyvel.CorruptionError as error:
        raise StorageFault(damaged(folder, _text(error))) from error
    except plyvel.Error as error:
        text = _text(error)
        if f"lock {folder / 'LOCK'}" in text:
            raise OperatorFault(f"{folder} is in use by another process") from error
        raise OperatorFault(failed_opening(folder, text)) from error
    try:
        sync_folder(folder)
    except OSError as error:
        database.close()
        raise OperatorFault(failed_write(folder, str(error.strerror))) from error
    return database


def _remains(folder: Path) -> str | None:
    """What tells that a folder without CURRENT held more than a database that was just begun."""
    remains = sorted(path.name for path in folder.glob("*") if path.suffix in _OF_A_DATABASE)
    return f"CURRENT is missing, and {remains[0]} is there" if remains else None


def _is_locked(path: Path) -> bool:
    """Whether anybody holds a lock on a file. Asked of the kernel: to try would let go of ours."""
    try:
        number, locks = path.stat().st_ino, Path("/proc/locks").read_text()
    except OSError:
        return False
    return any(f":{number} " in line for line in locks.splitlines())


@final
class LevelDB(Closing):
    """A LevelDB, open and locked, with the contract of `storage.keyvalue`."""

    def __init__(self, folder: Path, db: _Database) -> None:
        """Use `create_leveldb` or `open_leveldb`."""
        self._folder = folder
        self._db = db
        self._failed: str | None = None
        self._writing = Lock()
        """Held over a write and the look at its log: pruning writes from another thread."""
        self._log, self._log_bytes = folder, 0
        self._find_log()

    def get(self, key: bytes) -> bytes | None:
        """The value under `key`, or None."""
        return _get(self._db, key, self._folder)

    def iterate(self, *, start: bytes, stop: bytes) -> Iterator[tuple[bytes, bytes]]:
        """Keys and values of `start <= key < stop`, ascending, as they are now."""
        return _iterate(self._db, start, stop, self._folder)

    def write(self, batch: Batch) -> None:
        """Apply the batch whole and wait until the disk has it."""
        with self._writing:
            self._write(batch)

    def _write(self, batch: Batch) -> None:
        if self._failed is not None:
            raise StorageFault(f"{self._folder} takes no more writes: {self._failed}")
        try:
            with self._db.write_batch(transaction=True, sync=True) as writing:
                for key, value in batch.items():
                    if value is None:
                        writing.delete(key)
                    else:
                        writing.put(key, value)
            self._sync_new_log()
        except (plyvel.Error, RuntimeError) as error:
            self._failed = _text(error)
            raise StorageFault(failed_write(self._folder, self._failed)) from error
        except OSError as error:
            self._failed = str(error.strerror)
            raise StorageFault(failed_write(self._folder, self._failed)) from error

    def _sync_new_log(self) -> None:
        """Sync the folder if the write that returned went into another log than the one before."""
        try:
            size = self._log.stat().st_size
        except FileNotFoundError:
            size = self._log_bytes
        if size == self._log_bytes:
            self._find_log()
            sync_folder(self._folder)
        else:
            self._log_bytes = size

    def _find_log(self) -> None:
        """The newest log; merging in another thread may end it, and remove it, while we look.

        Then what is noted here is no file, and the next write is one into a new log again.
        """
        logs = (path for path in self._folder.glob("*.log") if path.stem.isdecimal())
        self._log = max(logs, key=lambda path: int(path.stem), default=self._folder / "no log")
        try:
            self._log_bytes = self._log.stat().st_size
        except FileNotFoundError:
            self._log_bytes = 0

    def snapshot(self) -> "LevelSnapshot":
        """Freeze this moment for reading."""
        try:
            return LevelSnapshot(self._folder, self._db.snapshot())
        except RuntimeError as error:
            raise StorageFault(f"{self._folder}: {_text(error)}") from error

    def size(self, *, start: bytes, stop: bytes) -> int:
        """Bytes of this range in the files; LevelDB's log and memory are not counted."""
        try:
            return self._db.approximate_size(start, stop)
        except (plyvel.Error, RuntimeError) as error:
            raise _read_fault(self._folder, error) from error

    def compact(self, *, start: bytes, stop: bytes) -> None:
        """Rewrite the files of this range without what is deleted or superseded."""
        try:
            self._db.compact_range(start=start, stop=stop)
        except (plyvel.Error, RuntimeError) as error:
            raise _read_fault(self._folder, error) from error

    def close(self) -> None:
        """Let the files and the lock go. No other thread may be reading: LevelDB would crash."""
        self._db.close()


@final
class LevelSnapshot:
    """A LevelDB snapshot."""

    __slots__ = ("_folder", "_snapshot")

    def __init__(self, folder: Path, snapshot: _Source) -> None:
        """Use `LevelDB.snapshot`."""
        self._folder = folder
        self._snapshot = snapshot

    def get(self, key: bytes) -> bytes | None:
        """The value under `key` at the snapshot's moment, or None."""
        return _get(self._snapshot, key, self._folder)

    def iterate(self, *, start: bytes, stop: bytes) -> Iterator[tuple[bytes, bytes]]:
        """Keys and values of `start <= key < stop`, ascending."""
        return _iterate(self._snapshot, start, stop, self._folder)

    def close(self) -> None:
        """Let the old data go."""
        self._snapshot.close()


def _get(source: _Source, key: bytes, folder: Path) -> bytes | None:
    try:
        value: bytes | None = source.get(key, verify_checksums=True)
    except (plyvel.Error, RuntimeError) as error:
        raise _read_fault(folder, error) from error
    return value


def _iterate(
    source: _Source, start: bytes, stop: bytes, folder: Path
) -> Iterator[tuple[bytes, bytes]]:
    # Made here and not at the first step: an iteration shows the moment it was asked for.
    try:
        rows = source.iterator(start=start, stop=stop, verify_checksums=True)
    except (plyvel.Error, RuntimeError) as error:
        raise _read_fault(folder, error) from error
    return _rows(rows, folder)


def _rows(rows: _Rows, folder: Path) -> Iterator[tuple[bytes, bytes]]:
    try:
        yield from rows
    except (plyvel.Error, RuntimeError) as error:
        raise _read_fault(folder, error) from error
    finally:
        rows.close()


def _read_fault(folder: Path, error: Exception) -> StorageFault:
    if isinstance(error, plyvel.CorruptionError):
        return StorageFault(damaged(folder, _text(error)))
    return StorageFault(f"{folder} cannot be read: {_text(error)}")


def _text(error: Exception) -> str:
    first = error.args[0] if error.args else error
    return first.decode(errors="replace") if isinstance(first, bytes) else str(first)
