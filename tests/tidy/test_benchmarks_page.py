"""docs/benchmarks.md is what `bench.page` writes: nobody edits figures by hand."""

from __future__ import annotations

import re
from typing import Final

from bench.catchup import Figures
from bench.load import BATCH, BEFORE, KINDS, Outcome, Round, Run, Task, best_of, median_of
from bench.page import PAGE, page
from kit.tree import ROOT

PUBLISHED: Final = ROOT / "docs/benchmarks.md"


def pattern() -> re.Pattern[str]:
    """The page with anything in the place of its figures."""
    return re.compile(re.sub(r"\\\{[a-z_]+\\\}", "(?s:.+?)", re.escape(PAGE)))


def run(rate: int, mode: str = BEFORE, batch: int = BATCH) -> Run:
    task = Task("", (), mode, batch, 4, 1.0)
    outcome = Outcome(rate, 1.0, 0.5, [float(ms) for ms in range(1, 101)])
    return Run(task, outcome, 200.0, 150.0, 0.1)


def rounds(*rates: int) -> list[Round]:
    return [Round(tuple(run(rate, *kind) for kind in KINDS), 1_700.0) for rate in rates]


def test_the_published_page_was_written_by_the_benchmark() -> None:
    """Word for word, but for the figures."""
    assert pattern().fullmatch(PUBLISHED.read_text(encoding="utf-8"))


def test_the_network_in_the_middle_counts() -> None:
    """And says whether the goal was met."""
    behind = Figures(400.0, {1: (200.0, 20.0), 3: (240.0, 30.0)})
    slow = page(rounds(900, 1_600, 1_000), {"execution": 30.0}, 7_000.0, behind)
    fast = page(rounds(1_600, 900, 1_700), {"execution": 30.0}, 7_000.0, behind)

    assert pattern().fullmatch(slow)
    assert "| batches of 250, signed before | 4 | 1,000 |" in slow
    assert "1,500 per second: missed" in slow
    assert "1,500 per second: met" in fast
    assert "| 1 peer | 200 | 1,000 | 20 |" in slow
    assert "| gossip, agreement, and all the rest | 170 | 85 % |" in slow


def test_the_fastest_level_of_its_own_kind_counts() -> None:
    """A faster load of another kind does not."""
    tried = Round((run(10), run(30), run(20), run(99, batch=1)), 0.0)

    assert best_of(tried, BEFORE, BATCH).outcome.rate == 30
    assert median_of([run(3), run(1), run(2)]).outcome.rate == 2
