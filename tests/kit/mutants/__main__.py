"""Mutants by hand: `PYTHONPATH=.:tests python -m kit.mutants run | survey | page`."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from typing import get_args

from kit.mutants.catalogue import (
    SIMULATION,
    BadMutant,
    Kind,
    Mutant,
    catalogue,
    is_simulation,
)
from kit.mutants.page import PAGE, page
from kit.mutants.runner import Job, Outcome, run_all
from kit.mutants.verdicts import complaints
from kit.tree import ROOT

ROOMS = ("consensus", "node", "primitives", "storage", "ledger", "verifier")


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit code: 0 when every mutant that was tried is killed as recorded."""
    parser = argparse.ArgumentParser(prog="kit.mutants", description=__doc__)
    parser.add_argument("command", choices=["run", "survey", "page"])
    parser.add_argument("names", nargs="*", help="parts of the names of mutants; all by default")
    parser.add_argument("--kind", action="append", choices=get_args(Kind))
    parser.add_argument("--workers", type=int, default=2)
    asked = parser.parse_args(arguments)
    try:
        mutants = catalogue()
        chosen = [mutant for mutant in mutants if _is_chosen(mutant, asked.names, asked.kind)]
        for mutant in chosen:
            mutant.source()
    except BadMutant as error:
        _say(str(error))
        return 2
    if asked.command == "page":
        PAGE.write_text(page(mutants), encoding="utf-8")
        return 0
    if asked.command == "survey":
        return _survey(chosen, asked.workers)
    return _run(chosen, asked.workers)


def _is_chosen(mutant: Mutant, names: Sequence[str], kinds: Sequence[str] | None) -> bool:
    named = not names or any(name in mutant.name for name in names)
    return named and (kinds is None or mutant.kind in kinds)


def _run(mutants: Sequence[Mutant], workers: int) -> int:
    """Each against the killers that are recorded, and their simulations against the product."""
    began = time.monotonic()
    counted = [mutant for mutant in mutants if not mutant.equivalent]
    found: list[str] = []

    def told(outcome: Outcome) -> None:
        wrong = complaints(outcome)
        found.extend(wrong)
        mutant = outcome.job.mutant
        name = "the product" if mutant is None else f"R{mutant.rule} {mutant.name}"
        _say(f"{'NOT ' if wrong else ''}killed in {outcome.seconds:5.1f} s  {name}")
        for line in wrong:
            _say(f"    {line}")

    jobs = [Job(mutant, mutant.killers) for mutant in counted]
    seeds = {one for mutant in counted for one in mutant.killers if one.startswith(SIMULATION)}
    jobs += [Job(None, (seed,)) for seed in sorted(seeds)]
    run_all(jobs, workers=workers, told=told)
    _say(f"{len(counted)} mutants in {time.monotonic() - began:.0f} s, {len(found)} complaints")
    return 1 if found else 0


def _survey(mutants: Sequence[Mutant], workers: int) -> int:
    """Each against every unit test: who notices it?"""

    def told(outcome: Outcome) -> None:
        assert outcome.job.mutant is not None
        noticed, crashed = outcome.noticed(), outcome.crashed()
        _say(
            f"R{outcome.job.mutant.rule} {outcome.job.mutant.name}: of {len(outcome.found)} tests "
            f"{len(noticed)} notice it, {len(crashed)} crash ({outcome.seconds:.0f} s)"
        )
        for name in noticed[:20]:
            _say(f"    {name}")

    run_all([Job(mutant, _unit_tests()) for mutant in mutants], workers=workers, told=told)
    return 0


def _unit_tests() -> tuple[str, ...]:
    """Every test file of the rooms that take part in voting, but those that run networks."""
    files = [path for room in ROOMS for path in sorted((ROOT / "tests" / room).glob("test_*.py"))]
    names = [str(path.relative_to(ROOT)) for path in files]
    return tuple(name for name in names if not is_simulation(name))


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
