"""A command in a terminal of its own: what a person would see, and the keys that they press."""

from __future__ import annotations

import codecs
import os
import pty
import select
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from kit.tree import ROOT

PATIENCE_S = 120.0
COLUMNS, LINES = 160, 40
_PROGRAM = """
import fcntl, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)  # the controlling terminal, so that Ctrl-C is a signal
import cli.standing
from cli.main import main
cli.standing.ASK_S = 60.0  # a busy machine is no silent node
raise SystemExit(main())
"""


@dataclass
class Terminal:
    """The screen's side of a running command."""

    end: int
    process: subprocess.Popen[bytes]
    seen: str = ""
    _letters: codecs.IncrementalDecoder = field(
        default_factory=lambda: codecs.getincrementaldecoder("utf-8")("replace")
    )
    """Where one read ends within a letter, the next one completes it."""

    def wait_for(self, text: str) -> str:
        """All that was shown until this text; what follows it is kept for the next question."""
        deadline = time.monotonic() + PATIENCE_S
        while text not in self.seen:
            assert time.monotonic() < deadline, f"no {text!r} in {self.seen!r}"
            if select.select([self.end], [], [], 0.5)[0]:
                try:
                    self.seen += self._letters.decode(os.read(self.end, 65_536))
                except OSError as error:  # how Linux says that the other side has closed
                    raise AssertionError(f"no {text!r} in {self.seen!r}") from error
        before, _, self.seen = self.seen.partition(text)
        return before

    def press(self, keys: str) -> None:
        os.write(self.end, keys.encode())

    def ended(self) -> int:
        """Its exit code; reads on, so that it can end."""
        deadline = time.monotonic() + PATIENCE_S
        while self.process.poll() is None:
            assert time.monotonic() < deadline, f"it goes on: {self.seen!r}"
            if select.select([self.end], [], [], 0.1)[0]:
                try:
                    self.seen += self._letters.decode(os.read(self.end, 65_536))
                except OSError:
                    break
        return self.process.wait(PATIENCE_S)


@contextmanager
def in_terminal(*words: str | Path) -> Iterator[Terminal]:
    """Run a command in a terminal; it is ended with the context."""
    ours, theirs = pty.openpty()
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(ROOT),
        "TERM": "xterm",
        "COLUMNS": str(COLUMNS),
        "LINES": str(LINES),
    }
    process = subprocess.Popen(
        [sys.executable, "-P", "-c", _PROGRAM, *map(str, words)],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env=environment,
        start_new_session=True,
    )
    os.close(theirs)
    try:
        yield Terminal(ours, process)
    finally:
        if process.poll() is None:
            process.kill()
        process.wait(PATIENCE_S)
        os.close(ours)
