"""Room on the disks of a node: it ends in order before a write fails for want of it.

A write that failed would end it too, and nothing final would be lost. But a disk that is full to
the last byte lets the node not even start: LevelDB makes a table of its log before it opens, and
merges tables into new ones before it removes the old.
"""

from pathlib import Path

from primitives import limits
from primitives.errors import OperatorFault
from storage.remedies import free_bytes


def require_room(*paths: Path) -> None:
    """That enough is free on the disk of each path, which may be still to be made.

    Raises:
        OperatorFault: it is not.
    """
    for path in paths:
        free = free_bytes(path)
        if free < limits.DISK_FREE_BYTES_MIN:
            raise OperatorFault(
                f"the disk of {path} is nearly full: {free:,} bytes are free, a node needs "
                f"{limits.DISK_FREE_BYTES_MIN:,}; nothing is lost: make room, then start the node "
                "again"
            )


def leave_room(path: Path) -> None:
    """That what is written there can wait: it leaves a node more than it needs.

    Raises:
        OperatorFault: it does not.
    """
    free = free_bytes(path)
    if free < limits.DISK_FREE_BYTES_LEFT:
        raise OperatorFault(
            f"the disk of {path} has {free:,} bytes free, and nothing that can wait is written "
            f"where fewer than {limits.DISK_FREE_BYTES_LEFT:,} are: make room, or write elsewhere"
        )
