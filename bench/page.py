"""docs/benchmarks.md: how much a network takes and where the time goes, with the machine named."""

import argparse
import os
import platform
import statistics
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from bench import catchup, links, network
from bench.load import (
    BATCH,
    GOAL_RATE,
    KINDS,
    RUNS,
    SINGLES_S,
    SUSTAINED_S,
    Round,
    Task,
    best_of,
    ceilings,
    median_of,
    stages,
)


def page(
    rounds: Sequence[Round],
    costs: Mapping[str, float],
    checks: float,
    behind: catchup.Figures,
    carried: links.Figures,
) -> str:
    """docs/benchmarks.md, with the machine named."""
    medians = [median_of([best_of(tried, *kind) for tried in rounds]) for kind in KINDS]
    whole = medians[0].cpu_us
    rows = [
        f"| {_kind(r.task)} | {r.task.under_way} | {r.outcome.rate:,.0f} "
        f"| {r.outcome.percentile(50):,.0f} | {r.outcome.percentile(90):,.0f} "
        f"| {r.outcome.percentile(99):,.0f} | {r.cpu_us:,.0f} | {r.memory_mb:,.0f} "
        f"| {100 * r.others:.0f} % |"
        for r in medians
    ]
    spread = ", ".join(f"{best_of(tried, *KINDS[0]).outcome.rate:,.0f}" for tried in rounds)
    rest = whole - sum(costs.values())
    stage_rows = [
        f"| {stage} | {us:,.0f} | {100 * us / whole:.0f} % |"
        for stage, us in [*costs.items(), ("gossip, agreement, and all the rest", rest)]
    ]
    return PAGE.format(
        machine=machine(),
        checks=f"{checks:,.0f}",
        runs=len(rounds),
        batch=BATCH,
        sustained=f"{SUSTAINED_S:.0f}",
        singles=f"{SINGLES_S:.0f}",
        rows="\n".join(rows),
        spread=spread,
        goal=f"{GOAL_RATE:,}",
        verdict="met" if medians[0].outcome.rate >= GOAL_RATE else "missed",
        stages="\n".join(stage_rows),
        whole=f"{whole:,.0f}",
        blocks=f"{catchup.BLOCKS:,}",
        payments=catchup.PAYMENTS,
        catching_up="\n".join(_catching_up(behind)),
        carrying="\n".join(_carrying(carried)),
        disk=f"{statistics.median(tried.disk_bytes for tried in rounds):,.0f}",
    )


def _catching_up(behind: catchup.Figures) -> Iterator[str]:
    yield _row("an import", behind.imported, "–")
    for peers, (rate, lag_ms) in behind.caught_up.items():
        yield _row(f"{peers} peer" + "s" * (peers > 1), rate, f"{lag_ms:,.0f}")


def _row(source: str, rate: float, lag_ms: str) -> str:
    return f"| {source} | {rate:,.0f} | {rate * catchup.PAYMENTS:,.0f} | {lag_ms} |"


def _carrying(found: links.Figures) -> Iterator[str]:
    for name, value, unit, goal in (
        ("a vote of 200 bytes that shares its write", found.together_us, "us", links.TOGETHER_US),
        ("a vote of 200 bytes that travels alone", found.alone_us, "us", links.ALONE_US),
        ("a block of 10 KB by gossip, each of four nodes", found.gossip_us, "us", links.GOSSIP_US),
        (
            "a connection with its handshake and its end",
            found.handshake_us,
            "us",
            links.HANDSHAKE_US,
        ),
        ("100 peers that are gone, of a core", 100 * found.dead_share, "%", 100 * links.DEAD_SHARE),
        ("a vote behind an answer of 8 MiB", 100 * found.wait_share, "%", 100 * links.WAIT_SHARE),
    ):
        verdict = "met" if value <= goal else "missed"
        yield f"| {name} | {_short(value)} {unit} | {goal:,g} {unit} | {verdict} |"


def _short(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.2g}"


def _kind(task: Task) -> str:
    together = f"batches of {task.batch}" if task.batch > 1 else "one by one"
    return f"{together}, {task.mode}"


def machine() -> str:
    """What this ran on."""
    known = Path("/proc/cpuinfo").read_text()
    model = known.partition("model name")[2].partition(":")[2].partition("\n")[0].strip()
    memory = int(Path("/proc/meminfo").read_text().split()[1]) / 1024 / 1024
    return (
        f"{os.cpu_count()} cores ({model or platform.machine()}), {memory:.0f} GB of memory, "
        f"{platform.platform()}, Python {platform.python_version()}"
    )


def main() -> int:
    """Write the page."""
    options = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    options.add_argument("file", type=Path, help="where to write the page")
    options.add_argument("--runs", type=int, default=RUNS, help="networks; the median counts")
    given = options.parse_args()
    costs = stages()
    rounds = [ceilings(24_000 + 10 * number) for number in range(given.runs)]
    text = page(
        rounds, costs, network.signature_checks_per_second(), catchup.measure(), links.measure()
    )
    given.file.write_text(text, encoding="utf-8")
    return 0


PAGE: Final = """\
# Benchmarks

Measured with `python -m bench.page docs/benchmarks.md`. Other figures come from
`make bench`, which runs this too.

**The machine:** {machine}. It carries four validators and the load together, and checks {checks}
signatures per second on one core.

## How much a network takes

A payment is one transaction of one line with a signature of its own. Every node checks every
signature, writes its votes durably and keeps the state root. The load is a process apart that
speaks through `client`; so many hand-overs are under way at a time, each until its block is final,
for {sustained} seconds (batches signed before) or {singles} seconds (the others). The level with
the highest rate counts. Networks measured: {runs}; the one in the middle counts.

| Load | Under way | Final per second | p50 ms | p90 ms | p99 ms | CPU us | Memory MB | Others |
| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |
{rows}

- **p50, p90, p99:** from handing over to final, of a whole batch in the rows with batches.
- **CPU:** for one payment at one node. **Memory:** the largest node's after the load, on a network
  that had the loads above it before.
- **Others:** the share of the cores that neither the nodes nor the load used meanwhile, but other
  work on the machine. Rates with much of it are too low, times too high; CPU per payment stands.
- A payment takes {disk} bytes of a node's disk, its state and its place in every index included.
- Payments that are signed on the way are signed on the same cores.

The goal for batches of {batch} that were signed before is {goal} per second: {verdict} (each
network: {spread}).

## Where the time goes

CPU of one node for one payment, in batches that were signed before: {whole} us in all, as the
operating system counts it. The stages above the last line were measured alone, in a process of
their own, so that they may be cheaper than within a node that does everything at once; the last
line is what remains.

| Stage | CPU us | Share |
| --- | ---: | ---: |
{stages}

## Catching up

{blocks} blocks of {payments} payments over loopback, into the LevelDB of a node: one synchronous
batch for each block, as at every decision. An import of the same chain from a file writes many
blocks at a time. **Lag:** of the node's loop, in 99 of 100 samples.

| From | Blocks per second | Payments per second | Lag ms |
| --- | ---: | ---: | ---: |
{catching_up}

## What carrying costs

CPU of each side, over loopback. In the last row a vote comes while an answer of 8 MiB is under way
on a line of 4 Mbit/s behind a router with a large buffer: what it waits, of the time that the
answer takes.

| What | Measured | At most | |
| --- | ---: | ---: | --- |
{carrying}
"""

if __name__ == "__main__":
    raise SystemExit(main())
