"""docs/benchmarks.md is what `bench.page` writes: nobody edits figures by hand."""

from __future__ import annotations

import re
from typing import Final

from bench import links
from bench.catchup import Figures
from bench.load import BATCH, BEFORE, KINDS, Outcome, Round, Run, Task, best_of, median_of
from bench.page import PAGE, page
from kit.tree import ROOT
from primitives import limits

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


def carried(*, alone_us: float) -> links.Figures:
    whole_ms = 1000 * limits.RESPONSE_BYTES_MAX / 500_000
    return links.Figures(
        together_us=7.0,
        alone_us=alone_us,
        gossip_us=800.0,
        handshake_us=7_500.0,
        dead_share=0.02,
        quiet_ms=1.5,
        behind_ms=whole_ms / 20,
    )


def test_the_published_page_was_written_by_the_benchmark() -> None:
    """Word for word, but for the figures."""
    assert pattern().fullmatch(PUBLISHED.read_text(encoding="utf-8"))


def test_the_network_in_the_middle_counts() -> None:
    """And says whether the goal was met."""
    behind = Figures(400.0, {1: (200.0, 20.0), 3: (240.0, 30.0)})
    costs = {"execution": 30.0}
    slow = page(rounds(900, 1_600, 1_000), costs, 7_000.0, behind, carried(alone_us=160.0))
    fast = page(rounds(1_600, 900, 1_700), costs, 7_000.0, behind, carried(alone_us=140.0))

    assert pattern().fullmatch(slow)
    assert "| batches of 250, signed before | 4 | 1,000 |" in slow
    assert "1,500 per second: missed" in slow
    assert "1,500 per second: met" in fast
    assert "| 1 peer | 200 | 1,000 | 20 |" in slow
    assert "| a vote of 200 bytes that travels alone | 160 us | 150 us | missed |" in slow
    assert "| a vote of 200 bytes that travels alone | 140 us | 150 us | met |" in fast
    assert "| a vote behind an answer of 8 MiB | 5 % | 10 % | met |" in slow
    assert "| gossip, agreement, and all the rest | 170 | 85 % |" in slow


def test_the_fastest_level_of_its_own_kind_counts() -> None:
    """A faster load of another kind does not."""
    tried = Round((run(10), run(30), run(20), run(99, batch=1)), 0.0)

    assert best_of(tried, BEFORE, BATCH).outcome.rate == 30
    assert median_of([run(3), run(1), run(2)]).outcome.rate == 2
