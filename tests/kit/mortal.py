"""Processes that storage tests start in order to kill them, or to take something from them.

`python -m kit.mortal ACT FOLDER` prints a line whenever something it did has returned.
"""

import os
import resource
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

from kit.stored import chain_of, genesis, next_decision, vote
from kit.tree import ROOT
from primitives.codec import encode
from primitives.errors import MithaqError, StorageFault
from storage.decision import VoteStep
from storage.durable_file import DiskFile
from storage.leveldb import open_leveldb
from storage.opening import open_database

NOBODY: Final = 65_534
FILE_BYTES_MAX: Final = 50_000
"""What `fill` and `overwrite` may write before the disk is "full"."""


def start(act: str, folder: Path) -> "subprocess.Popen[str]":
    """A process that does `act` until it is killed."""
    paths = [str(ROOT), str(ROOT / "tests")]
    return subprocess.Popen(
        [sys.executable, "-m", "kit.mortal", act, str(folder)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
        stdout=subprocess.PIPE,
        text=True,
    )


def told(act: str, folder: Path) -> list[str]:
    """What a process prints that does `act` and ends by itself."""
    process = start(act, folder)
    output, _ = process.communicate(timeout=600)
    assert process.returncode == 0
    return output.splitlines()


def killed_after(act: str, folder: Path, *, lines: int) -> list[str]:
    """What a process had printed when it was killed, somewhere after so many lines."""
    with start(act, folder) as process:
        assert process.stdout is not None
        said = [process.stdout.readline() for _ in range(lines)]
        process.send_signal(signal.SIGKILL)
        # Not communicate(): it would pass over what readline() took from the pipe beforehand.
        said += process.stdout.readlines()
    assert process.returncode == -signal.SIGKILL, "it was alive until it was killed"
    # A line that the kill cut off was not said.
    return [line for line in said if line.endswith("\n")]


def version(number: int) -> bytes:
    """A content of the durable file; its parts betray a mixture of two versions."""
    return b"%08d" % number * 500


def say(what: object) -> None:
    """A line at once: what is printed has happened."""
    sys.stdout.write(f"{what}\n")
    sys.stdout.flush()


def commit(folder: Path) -> None:
    """Vote and decide for ever."""
    with open_database(folder, chain_of(genesis())) as store:
        while True:
            decision = next_decision(store.head(), store.chain)
            height = decision.block.header.height
            body = {decision.block_id: encode(decision.block)}
            if not store.votes(height):
                store.append([vote(height, 0), vote(height, 1)], body)
                store.append([vote(height, 1, VoteStep.COMMIT)], {})
            store.commit(decision)
            say(height)


def replace(folder: Path) -> None:
    """Put new versions into the durable file for ever."""
    file = DiskFile(folder / "memory")
    found = file.read()
    assert found is not None
    number = int(found[:8])
    while True:
        number += 1
        file.replace(version(number))
        say(number)


def hold(folder: Path) -> None:
    """Keep the chain open."""
    with open_database(folder, chain_of(genesis())):
        say("open")
        signal.pause()


def open_as_nobody(folder: Path) -> None:
    """Try to open the chain as a user who may not write there."""
    if os.geteuid() == 0:
        os.setuid(NOBODY)
    try:
        open_database(folder, chain_of(genesis()))
    except MithaqError as error:
        say(f"{type(error).__name__}: {error}")


def limit_file_size() -> None:
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (FILE_BYTES_MAX, FILE_BYTES_MAX))


def fill(folder: Path) -> None:
    """Write until the disk takes no more, and then once more."""
    with open_leveldb(folder) as database:
        limit_file_size()
        for number in range(FILE_BYTES_MAX):
            try:
                database.write({b"%08d" % number: bytes(1_000)})
            except StorageFault as error:
                say(error)
                break
            say(number)
        try:
            database.write({b"a small one": b""})
        except StorageFault as error:
            say(error)


def overwrite(folder: Path) -> None:
    """Try to put more into the durable file than the disk takes."""
    limit_file_size()
    try:
        DiskFile(folder / "memory").replace(bytes(2 * FILE_BYTES_MAX))
    except StorageFault as error:
        say(error)


ACTS: Final[dict[str, Callable[[Path], None]]] = {
    act.__name__: act for act in (commit, replace, hold, open_as_nobody, fill, overwrite)
}

if __name__ == "__main__":
    ACTS[sys.argv[1]](Path(sys.argv[2]))
