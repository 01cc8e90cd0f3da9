"""The time of day of a story: of the process that tells it, and of the nodes that live it.

    python -m kit.story_clock CLOCK_FILE NODE_FOLDER

is `mithaq start NODE_FOLDER` by that clock. It stands still until the story moves it, so that what
happens on a day happens on that day, however slow this machine is; and the file is read each time,
so that a month passes for all at once. What measures durations (timeouts, the nodes' patience) goes
on as ever, and block times still grow: by a millisecond each while the clock stands.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path


class StoryClock:
    """What its file says, in nanoseconds."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def set(self, moment: datetime) -> None:
        """So late it is from now on."""
        beside = self._file.with_suffix(".new")
        beside.write_text(str(int(moment.timestamp()) * 1_000_000_000))
        beside.replace(self._file)

    def now(self) -> datetime:
        """What time it is in the story."""
        return datetime.fromtimestamp(self.time_ns() // 1_000_000_000, UTC)

    def time_ns(self) -> int:
        """The same, as `time.time_ns` says it."""
        return int(self._file.read_text())

    @contextmanager
    def shown(self) -> Iterator[None]:
        """This process asks this clock, until the end of the block."""
        before = time.time, time.time_ns
        time.time, time.time_ns = (lambda: self.time_ns() / 1e9), self.time_ns
        try:
            yield
        finally:
            time.time, time.time_ns = before


def main(file: str, folder: str) -> int:
    """Run a node by the clock of a file."""
    from cli.main import main as mithaq

    with StoryClock(Path(file)).shown():
        return int(mithaq(["start", folder]))


if __name__ == "__main__":
    raise SystemExit(main(*sys.argv[1:]))
