"""How far a long piece of work is: a bar that moves on a terminal, a line now and then elsewhere.

It goes to standard error, so that results stay clean.
"""

import sys
import time
from collections.abc import Callable
from typing import Final, TextIO, final

_BAR_WIDTH: Final = 24
_REDRAW_S: Final = 0.2
_LINE_S: Final = 5.0


@final
class Progress:
    """Counts what is done of a total; says the rate, and how long the rest will take.

    A total of 0 is one that nobody knows: then there is no bar, and no time that is left.
    """

    def __init__(
        self,
        total: int,
        what: str,
        *,
        stream: TextIO | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._total, self._what = total, what
        self._stream = sys.stderr if stream is None else stream
        self._moves = self._stream.isatty()
        self._clock = clock
        self._began = self._said = clock()
        self._drawn = False
        self.done = 0

    def advance(self) -> None:
        """One more is done."""
        self.reach(self.done + 1)

    def reach(self, done: int) -> None:
        """So many are done by now."""
        self.done = done
        now = self._clock()
        if now - self._said >= (_REDRAW_S if self._moves else _LINE_S):
            self._said = now
            self._say(now)

    def close(self) -> None:
        """Say how it stands in the end, where a bar stands half-drawn."""
        if self._drawn:
            self._say(self._clock())
            self._stream.write("\n")

    @property
    def seconds(self) -> float:
        """Since it began."""
        return self._clock() - self._began

    def _say(self, now: float) -> None:
        rate = self.done / max(now - self._began, 1e-9)
        if self._total:
            left = duration((self._total - self.done) / rate) if rate else "?"
            said = f"{self.done:,}/{self._total:,} {self._what}  {rate:,.0f}/s  {left} left"
        else:
            said = f"{self.done:,} {self._what}  {rate:,.0f}/s"
        if not self._moves:
            self._stream.write(said + "\n")
            return
        if self._total:
            filled = _BAR_WIDTH * min(self.done, self._total) // self._total
            bar = "█" * filled + "·" * (_BAR_WIDTH - filled)
            said = f"{bar} {self.done / self._total:4.0%}  {said}"
        self._stream.write(f"\r\x1b[K{said}")
        self._stream.flush()
        self._drawn = True


def duration(seconds: float) -> str:
    """75 seconds are 1:15."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
