"""The end of a half-dead node: a thread that ends the process when its loop stands still.

A node whose loop no longer turns is worse than one that is down: its sockets stay open, peers wait,
and nothing starts it again. The thread counts turns of the loop. When there was none for so long,
it writes where every thread stands to the log and ends the process with an exit code of its own;
systemd starts it again, and the vote log and the signer's memory say how to go on.

The thread counts its own rounds and not the clock: after a pause of the whole process (SIGSTOP, a
machine that slept) it has counted one. What holds the interpreter so that not even this thread runs
is left to systemd (`WatchdogSec`, node/notify.py). Whatever runs before the loop does, as opening
the database, is not watched here; catching up goes on block by block, and the loop turns between.
"""

import os
import sys
import threading
import traceback
from collections.abc import Callable
from typing import Final, final

from node.log import Log

HALF_DEAD: Final = 7
"""The exit code, as `mithaq --help` and docs/operations.md explain it."""
ROUNDS: Final = 20
"""Into so many rounds the patience is cut."""
REPORT_S: Final = 5.0
"""So long the report may take: the disk of the log may be what hangs."""


@final
class Watchdog:
    """`turned` is called by the loop, everything else happens in the thread."""

    def __init__(
        self, log: Log, *, patience_s: float, end: Callable[[int], object] = os._exit
    ) -> None:
        self._log, self._patience_s, self._end = log, patience_s, end
        self._turns = 0
        self._over = threading.Event()

    def start(self) -> None:
        """Watch from now on."""
        threading.Thread(target=self._watch, name="watchdog", daemon=True).start()

    def turned(self) -> None:
        """The loop went around."""
        self._turns += 1

    def stop(self) -> None:
        """The loop ends in order, and what comes after it takes the time it takes."""
        self._over.set()

    def _watch(self) -> None:
        seen, rounds = self._turns, 0
        while not self._over.wait(self._patience_s / ROUNDS):
            if self._turns != seen:
                seen, rounds = self._turns, 0
                continue
            rounds += 1
            if rounds >= ROUNDS:
                report = threading.Thread(target=self._report, name="report", daemon=True)
                report.start()
                report.join(REPORT_S)
                self._end(HALF_DEAD)
                return

    def _report(self) -> None:
        self._log.write.error(
            "node.half_dead",
            reason=f"the loop did not turn for {self._patience_s:g} s; the process ends itself, "
            "and its supervisor starts it again",
            exit_code=HALF_DEAD,
            stacks=stacks(),
        )


def stacks() -> dict[str, list[str]]:
    """Where every thread of this process stands, innermost call last."""
    names = {thread.ident: thread.name for thread in threading.enumerate()}
    return {
        f"{names.get(ident, 'unknown')} ({ident})": [
            f"{frame.filename}:{frame.lineno} {frame.name}"
            for frame in traceback.extract_stack(frame_of)
        ]
        for ident, frame_of in sys._current_frames().items()
    }
