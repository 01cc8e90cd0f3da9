"""The table of numbers: seven validators, two observers, loaded; each row with goal and result.

    PYTHONPATH=.:tests python -m kit.perturb table [ROW…] [--minutes 10] [--write]

"Half" is half of what the network takes on this machine, measured first: all nodes and the clients
share its cores, so that the figure says more about the machine than about the network.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import inf
from typing import Final

from kit.perturb.judge import Outcome, Verdict, gap_s, judge, tops
from kit.perturb.manifest import Expect, Manifest, Perturbation
from kit.perturb.record import Record
from kit.perturb.watch import SIGHT_S

VALIDATORS: Final = 7
OBSERVERS: Final = 2
WARM_S: Final = 10.0
SATURATED_S: Final = 40.0
PATIENT: Final = Expect(block_s=20.0, first_block_s=20.0, level_s=20.0)
"""A row's own goal is judged by the row."""

Play = Callable[[Manifest], Record]


@dataclass(frozen=True)
class Row:
    """A case, what is wanted, what was measured."""

    case: str
    goal: str
    result: str
    held: bool

    def in_words(self) -> str:
        """For a terminal."""
        mark = "ok    " if self.held else "MISSED"
        return f"{mark}  {self.case}: {self.result}  (goal {self.goal})"


@dataclass(frozen=True)
class Bench:
    """How rows are measured."""

    play: Play
    half: int
    """Payments per second."""
    minutes: float
    """How long more than f are down."""

    def run(self, title: str, *ones: Perturbation) -> tuple[Record, Verdict]:
        """A network at half load, and what is done to it."""
        record = self.play(replace(network_at(self.half, title), perturbations=ones))
        return record, judge(record)


def network_at(rate: int | None, title: str, *, for_s: float = 0.0) -> Manifest:
    """The network of the table."""
    return Manifest(
        title=title,
        validators=VALIDATORS,
        observers=OBSERVERS,
        rate=rate,
        pays_s=for_s,
        expect=PATIENT,
    )


def saturated(play: Play) -> int:
    """Payments per second that become final while as many as possible are handed over."""
    manifest = network_at(None, "As many payments as the network takes", for_s=SATURATED_S)
    record = play(manifest)
    return round(rate_between(record, WARM_S, SATURATED_S))


def rate_between(record: Record, begin_s: float, end_s: float) -> float:
    """Final payments per second between two moments after the load began."""
    begin, end = record.loaded + begin_s, record.loaded + end_s
    final = sum(len(seen.final) for seen in record.seen if begin <= seen.at < end)
    return final / (end_s - begin_s)


def killed_primary(bench: Bench) -> Row:
    """Three times, the worst of them."""
    ones = [
        Perturbation(kind="kill", nodes=("primary",), at_s=at_s, for_s=10.0)
        for at_s in (WARM_S, WARM_S + 30, WARM_S + 60)
    ]
    record, verdict = bench.run("The primary is killed", *ones)
    nexts = [next_block_s(record, event.begun) for event in record.events]
    gaps = [gap_s(record, event.begun, event.ended) for event in record.events]
    result = (
        f"next block after {_list(nexts)}; longest gap in ten seconds with its turns coming: "
        f"{_list(gaps)}"
    )
    held = max(nexts) <= 2
    case, goal = "primary killed", "next block ≤ 2 s"
    return _row(case, goal, result, verdict, held=held)


def next_block_s(record: Record, at: float) -> float:
    """From a moment to the first block after it; what was decided just before is seen so late."""
    return min((top for top, _ in tops(record) if top > at + SIGHT_S), default=inf) - at


def faulty_down(bench: Bench) -> Row:
    """The same load before, on the same network."""
    lasts = 40.0
    down = Perturbation(kind="kill", nodes=("node0", "node1"), at_s=WARM_S + lasts, for_s=lasts)
    record, verdict = bench.run("f validators are down", down)
    [event] = record.events
    begun = event.begun - record.loaded
    before = rate_between(record, WARM_S, begun)
    during = rate_between(record, begun + 5, begun + lasts)
    share = during / before if before else 0.0
    result = f"{share:.0%} ({during:.0f}/s of {before:.0f}/s)"
    case, goal = "f down, at half load", "throughput ≥ 80 % of that with all up"
    return _row(case, goal, result, verdict, held=share >= 0.8)


def quorum_lost(bench: Bench) -> Row:
    """Killed, and started again together."""
    lasts = bench.minutes * 60
    names = ("node0", "node1", "node2")
    down = Perturbation(kind="kill", nodes=names, at_s=WARM_S, for_s=lasts)
    _, verdict = bench.run("f + 1 validators are down", down)
    [outcome] = verdict.outcomes
    result = f"first block {_seconds(outcome.next_block_s)} after quorum, level {_level(outcome)}"
    held = outcome.next_block_s is not None and outcome.next_block_s <= 5
    case = f"f + 1 down for {bench.minutes:g} minutes, then back"
    goal = "first block ≤ 5 s after quorum"
    return _row(case, goal, result, verdict, held=held)


def divided(bench: Bench) -> Row:
    """2/5, 3/4, and one that is heard by nobody; `why` as tests/perturb/partitions.toml has it."""
    names = [f"node{index}" for index in range(VALIDATORS)]
    small = ("quorum.missing", "partition")
    large = ("validator.missing", "partition")
    ones = [
        Perturbation(
            kind="partition",
            sides=(tuple(names[:2]), tuple(names[2:])),
            at_s=WARM_S,
            for_s=30.0,
            why={name: small if name in names[:2] else large for name in names},
        ),
        Perturbation(
            kind="partition",
            sides=(tuple(names[:3]), tuple(names[3:])),
            at_s=WARM_S + 60,
            for_s=30.0,
            why=dict.fromkeys(names, small),
        ),
        Perturbation(
            kind="cut",
            nodes=("node5",),
            at_s=WARM_S + 120,
            for_s=30.0,
            why={"node0": ("validator.missing",)},
        ),
    ]
    _, verdict = bench.run("Partitions 2/5 and 3/4, a one-way cut", *ones)
    two, three, cut = verdict.outcomes
    result = (
        f"2/5: longest gap {two.gap_s:.1f} s, level {_level(two)}; "
        f"3/4: halted, first block {_seconds(three.next_block_s)} after, level {_level(three)}; "
        f"one-way cut: longest gap {cut.gap_s:.1f} s, level {_level(cut)}"
    )
    levels = [outcome.level_s for outcome in verdict.outcomes]
    held = all(level is not None and level <= 10 for level in levels)
    goal = "no fork; five go on, 3/4 halts and why says so; level ≤ 10 s"
    return _row("partitions and heal", goal, result, verdict, held=held)


def flooded(bench: Bench) -> Row:
    """By an observer whom the chain admits; all floods at once, upon every validator."""
    lasts = 30.0
    flood = Perturbation(kind="flood", nodes=("observer0",), at_s=WARM_S + lasts, for_s=lasts)
    record, verdict = bench.run("An admitted but hostile observer floods", flood)
    [event] = record.events
    calm = blocks_between(record, event.begun - lasts, event.begun)
    during = blocks_between(record, event.begun, event.begun + lasts)
    times = calm / during if during else float("inf")
    result = f"{times:.2f} × ({lasts / max(1, calm):.2f} s → {lasts / max(1, during):.2f} s)"
    case, goal = "flood by an admitted but hostile observer", "block interval ≤ 1.5 × normal"
    return _row(case, goal, result, verdict, held=times <= 1.5)


def blocks_between(record: Record, begin: float, end: float) -> int:
    """How many blocks came between two moments."""
    return sum(begin <= at < end for at, _ in tops(record))


ROWS: Final[dict[str, Callable[[Bench], Row]]] = {
    "primary": killed_primary,
    "down": faulty_down,
    "quorum": quorum_lost,
    "divided": divided,
    "flood": flooded,
}


def on_page(page: str, rows: Mapping[str, Row]) -> str:
    """The page with what was measured now, in the rows that name these commands."""
    lines = page.splitlines()
    for name, row in rows.items():
        command = f"`kit.perturb table {name}`"
        [at] = [at for at, line in enumerate(lines) if line.endswith(f"| {command} |")]
        missed = "" if row.held else "**missed**: "
        lines[at] = f"| {row.case} | {row.goal} | {missed}{row.result} | {command} |"
    return "\n".join(lines) + "\n"


def _row(case: str, goal: str, result: str, verdict: Verdict, *, held: bool) -> Row:
    if verdict.wrong:
        result = "; ".join([result, *verdict.wrong])
    return Row(case, goal, result, held and not verdict.wrong)


def _list(values: Sequence[float]) -> str:
    return ", ".join(f"{value:.1f} s" for value in values)


def _seconds(value: float | None) -> str:
    return "never" if value is None else f"{value:.1f} s"


def _level(outcome: Outcome) -> str:
    return "never" if outcome.level_s is None else f"after {outcome.level_s:.1f} s"
