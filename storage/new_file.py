"""A new file that is there whole, or not at all.

It is written beside its name, as NAME.part, and takes its name when everything is on the disk. What
has the name already stays: nothing is overwritten. A fault removes NAME.part; a crash leaves it,
for the operator to see, and for the next attempt to begin anew.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from primitives.errors import OperatorFault


def part_of(path: Path) -> Path:
    """Where a file is written before it has its name."""
    return path.with_name(f"{path.name}.part")


def require_absent(path: Path) -> None:
    """Raises:
    OperatorFault: something is there already, or there is no folder for it.
    """
    if not path.parent.is_dir():
        raise OperatorFault(f"{path.parent} is no folder: make it first")
    if path.is_symlink() or path.exists():
        raise OperatorFault(f"{path} exists already; nothing is overwritten")


@contextmanager
def new_file(path: Path) -> Iterator[BinaryIO]:
    """Write a file; it has its name when the block ends well.

    Raises:
        OperatorFault: the name is taken, or it cannot be written.
    """
    require_absent(path)
    part = part_of(path)
    try:
        part.unlink(missing_ok=True)
        with part.open("xb") as file:
            yield file
            keep(file, path)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise OperatorFault(f"{path} cannot be written: {error.strerror}") from error
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def make_file(path: Path, data: bytes, *, mode: int) -> None:
    """Make a small file of which somebody may be making another at the same moment.

    Raises:
        FileExistsError: the name is taken.
        OSError: it cannot be made; nothing has the name.
    """
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    part.unlink(missing_ok=True)
    try:
        with open(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.link(part, path)  # unlike a rename, never in the place of a file that is there
    finally:
        part.unlink(missing_ok=True)
    sync_folder(path.parent)


def keep(file: BinaryIO, path: Path) -> None:
    """Give the part that was written its name, once all of it is on the disk.

    Raises:
        OperatorFault: the name was taken in the meantime.
        OSError: it cannot be.
    """
    file.flush()
    os.fsync(file.fileno())
    require_absent(path)
    part_of(path).rename(path)
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Have the disk keep which names the folder has.

    Raises:
        OSError: it does not.
    """
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
