"""Children of a process that has everything loaded: begun in milliseconds, killed at any moment.

The parent never opens a database: LevelDB's thread does not live on in a child. What a child says
is a line of its pipe; what it has said has happened.
"""

import os
import signal
import sys
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from threading import Event
from typing import BinaryIO, Final

DELAY_S_MAX: Final = 0.03
"""From the last line that is waited for to the kill: several blocks, or one compaction."""

Say = Callable[[object], None]


@dataclass(frozen=True)
class Killed:
    """What a child had said when it was killed, and how it ended before that, if it did."""

    said: list[str]
    ended: str | None


def _fork(work: Callable[[Say], None]) -> tuple[int, BinaryIO]:
    reading, writing = os.pipe()
    sys.stdout.flush()
    child = os.fork()
    if child:
        os.close(writing)
        return child, os.fdopen(reading, "rb")
    os.close(reading)

    def say(what: object) -> None:
        os.write(writing, f"{what}\n".encode())

    status = 1
    try:
        work(say)
        status = 0
    except Exception:  # noqa: BLE001 - a child says how it ended, whatever it was
        say("!" + traceback.format_exc().replace("\n", "\\n"))
    finally:
        os._exit(status)


def killed(work: Callable[[Say], None], chance: Random, *, lines_max: int) -> Killed:
    """Let a child work, and kill it at a random moment."""
    child, pipe = _fork(work)
    said: list[bytes] = []
    for _ in range(chance.randint(0, lines_max)):
        line = pipe.readline()
        if not line:
            break
        said.append(line)
    Event().wait(chance.uniform(0, DELAY_S_MAX))  # the random moment itself
    os.kill(child, signal.SIGKILL)
    said += pipe.readlines()
    pipe.close()
    _, status = os.waitpid(child, 0)
    # A line that the kill cut off was not said.
    whole = [line.decode().rstrip("\n") for line in said if line.endswith(b"\n")]
    words = [line for line in whole if not line.startswith("!")]
    if os.WIFSIGNALED(status):
        return Killed(words, None)
    return Killed(words, "".join(line for line in whole if line.startswith("!")) or "by itself")


def told(work: Callable[[Say], None]) -> list[str]:
    """What a child says that ends by itself."""
    child, pipe = _fork(work)
    with pipe:
        said = pipe.read().decode().splitlines()
    os.waitpid(child, 0)
    return said
