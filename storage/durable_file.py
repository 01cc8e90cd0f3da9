"""A small file that is always one complete version: the signer's memory.

A replacement is written beside the file, synced, renamed over it, and the folder is synced. A crash
leaves the old version or the new one, never a mixture; a leftover beside it is removed the next
time. `create` is a separate act because the signer's file is made once, by the command that makes
the key: a running node that finds none must not make one (consensus.md §8).

On disk a SHA-256 stands in front of the data. A flipped bit in what a validator remembers having
signed could make it sign twice, so a file that does not match is refused, not used.
"""

import hashlib
import os
from pathlib import Path
from typing import Final, Protocol, final

from primitives.errors import OperatorFault, StorageFault
from storage.new_file import sync_folder
from storage.remedies import failed_write

_CHECKSUM_BYTES: Final = hashlib.sha256().digest_size
_OWNER_ONLY: Final = 0o600


class DurableFile(Protocol):
    """One value that survives everything that its disk survives."""

    def create(self, data: bytes) -> None:
        """Make the file.

        Raises:
            OperatorFault: it exists already, or its folder cannot be written.
        """
        ...

    def read(self) -> bytes | None:
        """The newest complete version, or None where there is no file.

        Raises:
            OperatorFault: it cannot be read.
            StorageFault: it is damaged.
        """
        ...

    def replace(self, data: bytes) -> None:
        """Put a new version in the place of the old one; durable when this returns.

        Raises:
            OperatorFault: there is no file to replace.
            StorageFault: the write failed; which version is there is known at the next read only.
        """
        ...


@final
class DiskFile:
    """A durable file on disk, readable by its owner only."""

    def __init__(self, path: Path) -> None:
        """`path` need not exist; its folder must when something is written."""
        self._path = path
        self._beside = path.with_name(f".{path.name}.new")

    def create(self, data: bytes) -> None:
        """Make the file; refused if it exists."""
        try:
            self._write_beside(data)
            # A link, unlike a rename, never takes the place of a file that is there.
            os.link(self._beside, self._path)
            os.unlink(self._beside)
            sync_folder(self._path.parent)
        except FileExistsError as error:
            os.unlink(self._beside)
            raise OperatorFault(f"{self._path} exists already; it is made once") from error
        except OSError as error:
            raise OperatorFault(f"{self._path} cannot be made: {error.strerror}") from error

    def read(self) -> bytes | None:
        """The newest complete version, or None where there is no file."""
        try:
            stored = self._path.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise OperatorFault(f"{self._path} cannot be read: {error.strerror}") from error
        checksum, data = stored[:_CHECKSUM_BYTES], stored[_CHECKSUM_BYTES:]
        if hashlib.sha256(data).digest() != checksum:
            raise StorageFault(f"{self._path} is damaged: its checksum does not match")
        return data

    def replace(self, data: bytes) -> None:
        """Put a new version in the place of the old one."""
        if not self._path.exists():
            raise OperatorFault(f"{self._path} is missing; it is not made here")
        try:
            self._write_beside(data)
            os.replace(self._beside, self._path)
            sync_folder(self._path.parent)
        except OSError as error:
            raise StorageFault(failed_write(self._path, str(error.strerror))) from error

    def _write_beside(self, data: bytes) -> None:
        # Away with a leftover, never into it: after a crash within `create` it may be a second name
        # of the file itself.
        self._beside.unlink(missing_ok=True)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
        descriptor = os.open(self._beside, flags, _OWNER_ONLY)
        with open(descriptor, "wb") as file:
            file.write(hashlib.sha256(data).digest() + data)
            file.flush()
            os.fsync(file.fileno())


@final
class MemoryFile:
    """The twin in memory, for tests and for the simulator."""

    def __init__(self, data: bytes | None = None) -> None:
        """Begin with what an earlier run left, or with no file."""
        self._data = data

    def create(self, data: bytes) -> None:
        """Make the file; refused if it exists."""
        if self._data is not None:
            raise OperatorFault("the file exists already; it is made once")
        self._data = data

    def read(self) -> bytes | None:
        """The newest version, or None where there is no file."""
        return self._data

    def replace(self, data: bytes) -> None:
        """Put a new version in the place of the old one."""
        if self._data is None:
            raise OperatorFault("the file is missing; it is not made here")
        self._data = data
