"""Files that a person names: read within bounds, and written whole or not at all."""

import os
from functools import partial
from pathlib import Path

from primitives.errors import OperatorFault


def read_file(file: Path, most: int) -> bytes:
    """A file, or so much of it that it is too long.

    Raises:
        OperatorFault: it cannot be read.
    """
    try:
        with file.open("rb") as opened:
            return opened.read(most + 1)
    except OSError as error:
        raise OperatorFault(f"{file} cannot be read: {error.strerror}") from error


def replace_file(path: Path, data: bytes, *, mode: int = 0o666) -> None:
    """Write a file whole or not at all; what was there stays until the new one is complete.

    Raises:
        OperatorFault: it cannot be written.
    """
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with open(beside, "xb", opener=partial(os.open, mode=mode)) as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    except OSError as error:
        beside.unlink(missing_ok=True)
        raise OperatorFault(f"{path} cannot be written: {error.strerror}") from error
