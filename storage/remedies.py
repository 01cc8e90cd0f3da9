"""What an operator is told when the disk, or what is on it, cannot be trusted.

One sentence each: where, what was found, and what to do. docs/operations.md has them in a table.
"""

import os
from pathlib import Path
from typing import Final

_DAMAGED: Final = (
    "nothing is repaired here: move the folder away, then restore a backup or a snapshot, or let "
    "the node fetch the chain from its peers; the signer's file stays where it is"
)


def damaged(folder: Path, what: str) -> str:
    """A database that contradicts itself."""
    return f"the database in {folder} is damaged ({what}); {_DAMAGED}"


def failed_write(path: Path, reason: str) -> str:
    """A write that failed is the last one; nobody knows what is on the disk (rule R38)."""
    where = "a write" if str(path) in reason else f"a write to {path}"
    return f"{where} failed: {reason}; nothing final is lost: {_next(path, reason)}"


def failed_opening(folder: Path, reason: str) -> str:
    """LevelDB writes when it opens, and reads."""
    if "No space left" in reason or "Read-only" in reason:
        return failed_write(folder, reason)
    return f"the database in {folder} does not open: {reason}"


def _next(path: Path, reason: str) -> str:
    if "No space left" in reason or "quota exceeded" in reason:
        return f"{free_bytes(path):,} bytes are free there; make room, then start the node again"
    if "Read-only" in reason:
        return (
            "the system has made this file system read-only, as after an error of the disk; "
            "look into the system's log, check the file system, then start the node again"
        )
    return "look into the system's log, then start the node again"


def unwritable(folder: Path) -> str | None:
    """Why nothing can be written into a folder that is there; None if it can."""
    if is_read_only(folder):
        return f"{folder} is on a file system that is mounted read-only: mount it for writing"
    if not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
        return f"{folder} cannot be written by this user"
    return None


def is_read_only(path: Path) -> bool:
    """Whether the file system of a path takes no writes from anybody."""
    return bool(os.statvfs(path).f_flag & os.ST_RDONLY)


def free_bytes(path: Path) -> int:
    """What this user may still write to the file system that a path is on, or would be on."""
    while not path.exists():
        path = path.parent
    found = os.statvfs(path)
    return found.f_bavail * found.f_frsize
