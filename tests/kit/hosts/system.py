"""The system's own programs, as hosts are made of them: ip, nft, tc, nsenter, mount.

Everything that is made carries the tag of its run, and a run holds a lock on a file of that name
for as long as it lives. Whatever carries the tag of a file that nobody locks was left by a run that
was killed: the next run removes it.
"""

import ctypes
import fcntl
import os
import secrets
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Final, TypeVar

PREFIX: Final = "mithaq-"
"""Of every network namespace and every file system that is ours."""
LOCKS: Final = Path("/run/mithaq-hosts")
NAMESPACES: Final = Path("/run/netns")
PROGRAMS: Final = {"ip": "iproute2", "tc": "iproute2", "nft": "nftables", "nsenter": "util-linux"}
_CLONE_NEWNET: Final = 0x40000000
_STEP_S: Final = 300.0

T = TypeVar("T")


class HostFault(AssertionError):
    """The system refused something; the message is its own."""


def run(*words: str, given: str | None = None) -> str:
    """Run a program of the system to its end; what it printed."""
    done = subprocess.run(
        words, input=given, capture_output=True, text=True, timeout=_STEP_S, check=False
    )
    if done.returncode != 0:
        raise HostFault(f"{' '.join(words)}: {done.stderr.strip() or done.returncode}")
    return done.stdout


def obstacle() -> str:
    """Why this machine can have no hosts; empty where it can."""
    if os.geteuid() != 0:
        return "hosts are network namespaces, and only root may make them"
    missing = {package for name, package in PROGRAMS.items() if shutil.which(name) is None}
    if missing:
        return f"hosts need the Debian packages {', '.join(sorted(missing))}"
    name = f"{PREFIX}{new_tag()}-probe"
    try:
        run("ip", "netns", "add", name)
        try:
            run("ip", "-n", name, "link", "add", "probe0", "type", "veth", "peer", "probe1")
            run("nsenter", f"--net={NAMESPACES / name}", "nft", "add table inet probe")
        finally:
            run("ip", "netns", "delete", name)
    except HostFault as error:
        return f"no hosts can be made here: {error}"
    return ""


def new_tag() -> str:
    """A name that no other run has."""
    return secrets.token_hex(3)


# --- what a run owns ------------------------------------------------------------------------------


@contextmanager
def owned(tag: str) -> Iterator[None]:
    """While this lasts, everything with this tag is ours; then it is removed, whatever happened."""
    LOCKS.mkdir(exist_ok=True)
    with _locked(LOCKS / tag):
        try:
            yield
        finally:
            with _undisturbed():
                remove(tag)
                (LOCKS / tag).unlink(missing_ok=True)


def _locked(path: Path) -> IO[str]:
    """A file of this name that we lock; whoever swept before we did has taken the name away."""
    while True:
        lock = path.open("w")
        fcntl.flock(lock, fcntl.LOCK_EX)
        with suppress(FileNotFoundError):
            if os.path.samestat(os.fstat(lock.fileno()), path.stat()):
                return lock
        lock.close()


def sweep() -> list[str]:
    """Remove what killed runs left; their tags."""
    LOCKS.mkdir(exist_ok=True)
    found = []
    for path in LOCKS.iterdir():
        with suppress(FileNotFoundError), path.open() as lock:
            if _is_free(lock):
                remove(path.name)
                path.unlink(missing_ok=True)
                found.append(path.name)
    return found


def _is_free(lock: IO[str]) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def remove(tag: str) -> None:
    """End every process in the namespaces of a tag, then remove them and its file systems."""
    mine = [path.name for path in _listed(NAMESPACES) if path.name.startswith(f"{PREFIX}{tag}-")]
    for name in mine:
        for pid in run("ip", "netns", "pids", name).split():
            with suppress(ProcessLookupError):
                os.kill(int(pid), signal.SIGKILL)
    for folder in mounted(tag):
        subprocess.run(["umount", "-l", folder], check=False, capture_output=True)
    for name in mine:
        with suppress(HostFault):
            run("ip", "netns", "delete", name)


def _listed(folder: Path) -> list[Path]:
    return sorted(folder.iterdir()) if folder.exists() else []


def mounted(tag: str) -> list[str]:
    """Where the file systems of a tag are mounted."""
    lines = Path("/proc/mounts").read_text().splitlines()
    found = [line.split(" ")[:2] for line in lines]
    return [
        folder.encode().decode("unicode_escape") for name, folder in found if name == PREFIX + tag
    ]


@contextmanager
def _undisturbed() -> Iterator[None]:
    """An impatient second Ctrl-C does not leave half of it behind."""
    try:
        before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    except ValueError:  # not in the main thread, which alone is interrupted
        yield
        return
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


# --- inside a namespace ---------------------------------------------------------------------------


def enter(namespace: str) -> None:
    """Move this thread into a network namespace; what it opens from now on lies there."""
    library = ctypes.CDLL(None, use_errno=True)
    with (NAMESPACES / namespace).open() as file:
        if library.setns(file.fileno(), _CLONE_NEWNET) != 0:
            number = ctypes.get_errno()
            raise HostFault(f"{namespace} cannot be entered: {os.strerror(number)}")


class Visitor:
    """A thread that goes into namespaces and brings back what it opens there: sockets stay where
    they were made, whoever uses them."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(max_workers=1)

    def bring(self, namespace: str, make: Callable[[], T]) -> T:
        """Make something inside a namespace."""

        def visit() -> T:
            enter(namespace)
            return make()

        return self._thread.submit(visit).result()

    def leave(self) -> None:
        """No more visits."""
        self._thread.shutdown()
