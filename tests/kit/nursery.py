"""Nodes that are there at once: forked from a process that has loaded what `mithaq start` loads.

    PYTHONPATH=.:tests python -m kit.nursery

For each folder on a line of its input it starts that folder's node, and prints its process id.
Where nodes are killed and started a hundred times, loading the same modules again is all the time
there is. Each node is a process of its own all the same, and SIGKILL leaves nothing of it behind.
"""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
from pathlib import Path
from typing import Final

from cli.main import main
from kit.tree import ROOT

PATH: Final = os.pathsep.join([str(ROOT), str(ROOT / "tests")])


class Nursling:
    """A node that a nursery started: the grandchild of whoever asked for it."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self._handle = os.pidfd_open(pid)

    def poll(self) -> int | None:
        """None as long as it lives; with what code it ended only its nursery hears."""
        return self._ended_within(0)

    def wait(self, timeout: float | None = None) -> int:
        """Until it has ended."""
        ended = self._ended_within(timeout)
        if ended is None:
            raise subprocess.TimeoutExpired([str(self.pid)], timeout or 0)
        return ended

    def send_signal(self, number: int) -> None:
        signal.pidfd_send_signal(self._handle, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def _ended_within(self, timeout_s: float | None) -> int | None:
        readable, _, _ = select.select([self._handle], [], [], timeout_s)
        return 1 if readable else None

    def __del__(self) -> None:
        os.close(self._handle)


class Nursery:
    """The process that starts them."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "kit.nursery"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": PATH},
        )

    def start(self, folder: Path) -> Nursling:
        """The node of a folder, on its way."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{folder}\n")
        self._process.stdin.flush()
        return Nursling(int(self._process.stdout.readline()))

    def close(self) -> None:
        """No more nodes; those that live go on."""
        self._process.communicate(timeout=30)


def _become(folder: str) -> None:
    """The node of a folder, with its log for all that it prints."""
    null = os.open(os.devnull, os.O_RDONLY)
    log = os.open(f"{folder}/node.log", os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    for number, stream in enumerate((null, log, log)):
        os.dup2(stream, number)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    code = 1
    try:
        code = int(main(["start", folder]))
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    import node.app  # noqa: F401 - what takes a node a second to load

    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody asks how a node ended
    for line in sys.stdin:
        born = os.fork()
        if born == 0:
            _become(line.rstrip("\n"))
        sys.stdout.write(f"{born}\n")
        sys.stdout.flush()
