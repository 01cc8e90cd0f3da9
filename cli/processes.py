"""Nodes as processes of their own: started, found again, and ended, without touching any other.

node.pid holds the process id and when that process started; the kernel gives an id again, but not
with the same start. A signal goes through a descriptor of the process that was looked at, so that
it cannot reach one that took its place a moment later.
"""

import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final, final

import msgspec
from msgspec import Struct

from node.config import NodeFolder
from primitives.errors import OperatorFault

_BOOT: Final = Path("/proc/sys/kernel/random/boot_id")
_LOG_TAIL_BYTES: Final = 16 * 1024


@final
class _Record(Struct, frozen=True, forbid_unknown_fields=True):
    """The file node.pid."""

    pid: int
    started: int
    """Clock ticks after boot."""
    boot: str


def record_own(folder: NodeFolder) -> None:
    """Say that this process is the folder's node.

    Raises:
        OperatorFault: another process is.
    """
    other = running(folder)
    if other is not None and other != os.getpid():
        raise OperatorFault(f"{folder.path}: its node runs already, as process {other}")
    _record(folder, os.getpid())


def forget_own(folder: NodeFolder) -> None:
    """Take back what `record_own` said."""
    if running(folder) == os.getpid():
        folder.pid.unlink(missing_ok=True)


def running(folder: NodeFolder) -> int | None:
    """The process id of the folder's node, if it lives."""
    record = _recorded(folder)
    return record.pid if record is not None and _lives(record) else None


def launch(folder: NodeFolder) -> int:
    """Start the folder's node in the background; its output goes to node.log."""
    with folder.log.open("ab") as log:
        # -P: the current folder must not lend the node its modules.
        process = subprocess.Popen(  # noqa: S603 - our own program
            [sys.executable, "-P", "-m", "cli", "start", str(folder.path.absolute())],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd=folder.path,
            start_new_session=True,
        )
    _record(folder, process.pid)
    process.returncode = 0  # it outlives this command, on purpose
    return process.pid


def signal_node(folder: NodeFolder, number: signal.Signals) -> bool:
    """Send a signal to the folder's node; false where none lives."""
    with _held(folder) as descriptor:
        if descriptor is None:
            return False
        signal.pidfd_send_signal(descriptor, number)
        return True


def wait_for_end(folder: NodeFolder, *, timeout_s: float) -> bool:
    """Whether the folder's node has ended, now or before the time is over."""
    with _held(folder) as descriptor:
        if descriptor is None:
            return True
        waiting = select.poll()
        waiting.register(descriptor, select.POLLIN)
        return bool(waiting.poll(timeout_s * 1000))


def last_words(folder: NodeFolder) -> str:
    """The last line that a node wrote before it ended."""
    with suppress(OSError), folder.log.open("rb") as log:
        log.seek(max(0, log.seek(0, os.SEEK_END) - _LOG_TAIL_BYTES))
        lines = log.read().decode(errors="replace").split("\n")
        said = [line for line in lines if line.strip()]
        if said:
            return said[-1].strip()
    return "it wrote nothing"


@contextmanager
def _held(folder: NodeFolder) -> Iterator[int | None]:
    """A descriptor of the folder's living node, which names that process and no later one."""
    record = _recorded(folder)
    if record is None:
        yield None
        return
    try:
        descriptor = os.pidfd_open(record.pid)
    except ProcessLookupError:
        yield None
        return
    try:
        yield descriptor if _lives(record) else None
    finally:
        os.close(descriptor)


def _recorded(folder: NodeFolder) -> _Record | None:
    try:
        return msgspec.json.decode(folder.pid.read_bytes(), type=_Record)
    except (FileNotFoundError, NotADirectoryError, msgspec.DecodeError):
        return None  # a file that another program left there names no node of ours


def _record(folder: NodeFolder, pid: int) -> None:
    started = _started(pid)
    if started is None:
        return  # it ended at once; node.log says why
    record = _Record(pid, started, _BOOT.read_text().strip())
    beside = folder.pid.with_name(f".{folder.pid.name}.{os.getpid()}")
    try:
        beside.write_bytes(msgspec.json.encode(record) + b"\n")
        beside.replace(folder.pid)
    except OSError as error:
        raise OperatorFault(f"{folder.path} cannot be written: {error.strerror}") from error


def _lives(record: _Record) -> bool:
    return _BOOT.read_text().strip() == record.boot and _started(record.pid) == record.started


def _started(pid: int) -> int | None:
    """When a living process started; a zombie no longer lives."""
    try:
        return started_in(Path(f"/proc/{pid}/stat").read_text())
    except (FileNotFoundError, ProcessLookupError):
        return None


def started_in(stat: str) -> int | None:
    """The same, as /proc/PID/stat says it.

    A process that is killed dies thread by thread. Where the first is a zombie before the others,
    they still hold the ports and the lock of the database.
    """
    # The name of the program, in parentheses, may hold anything; the fields after it do not.
    state, *rest = stat.rpartition(")")[2].split()
    threads = int(rest[16])
    is_over = state == "X" or (state == "Z" and threads <= 1)
    return None if is_over else int(rest[18])


def is_stopped(folder: NodeFolder) -> bool:
    """Whether the folder's node lives and is kept from running (SIGSTOP, or a debugger)."""
    record = _recorded(folder)
    if record is None or not _lives(record):
        return False
    with suppress(OSError):
        text = Path(f"/proc/{record.pid}/stat").read_text()
        return text.rpartition(")")[2].split()[0] in "Tt"
    return False
