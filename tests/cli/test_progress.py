"""Progress: a bar on a terminal, now and then a line elsewhere."""

from __future__ import annotations

import io

import pytest

from cli.progress import Progress, duration


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def advance(progress: Progress, clock: Clock, *, steps: int, seconds: float) -> None:
    for _ in range(steps):
        clock.now += seconds / steps
        progress.advance()


def test_elsewhere_a_line_is_written_every_five_seconds() -> None:
    """With the rate and the time that is left."""
    stream, clock = io.StringIO(), Clock()
    progress = Progress(4_000, "rows", stream=stream, clock=clock)

    advance(progress, clock, steps=1_000, seconds=10.001)
    progress.close()

    assert stream.getvalue().splitlines() == [
        "500/4,000 rows  100/s  0:35 left",
        "1,000/4,000 rows  100/s  0:30 left",
    ]


def test_on_a_terminal_one_line_is_drawn_again() -> None:
    """It ends with a line of its own."""
    stream, clock = Terminal(), Clock()
    progress = Progress(10, "rows", stream=stream, clock=clock)

    advance(progress, clock, steps=5, seconds=5)
    progress.close()

    drawn = stream.getvalue()
    assert drawn.count("\n") == 1
    assert drawn.endswith(f"{'█' * 12}{'·' * 12}  50%  5/10 rows  1/s  0:05 left\n")
    assert drawn.count("\r") == 6


def test_nothing_is_drawn_for_what_is_done_at_once() -> None:
    """A bar that flashes by helps nobody."""
    stream = Terminal()
    progress = Progress(1, "rows", stream=stream, clock=lambda: 1.0)

    progress.advance()
    progress.close()

    assert (stream.getvalue(), progress.done, progress.seconds) == ("", 1, 0)


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0:00"), (59.6, "1:00"), (75, "1:15"), (3_725, "1:02:05")]
)
def test_a_duration_is_written_as_on_a_clock(seconds: float, text: str) -> None:
    """Hours only where there are any."""
    assert duration(seconds) == text
