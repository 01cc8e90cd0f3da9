"""Each rule of the protocol is broken on purpose, and the recorded killers notice.

Safety and bounds here; what breaks liveness alone runs in `make sim` (python -m kit.mutants).
"""

from __future__ import annotations

import re
import resource
import time
from collections.abc import Iterator
from typing import Final

import pytest

from kit.mutants.catalogue import SIMULATION, Mutant, catalogue, is_simulation
from kit.mutants.runner import Job, Outcome, run_all
from kit.mutants.verdicts import complaints
from kit.tree import ROOT

MUTANTS: Final = catalogue()
TRIED: Final = [m for m in MUTANTS if m.kind != "liveness" and not m.equivalent]
SECONDS_MAX: Final = 1_200
"""On two cores of their own: work is counted, not waiting, so that a busy machine is no defect. On
this project's it is 90; cores that are some times slower are none either, a killer that runs away
is."""
WORKERS: Final = 2


@pytest.fixture(scope="module")
def outcomes(pytestconfig: pytest.Config) -> Iterator[dict[str, Outcome]]:
    """Every mutant's end, two at a time; then how long it took."""
    began, worked = time.monotonic(), _work_of_children()
    jobs = [Job(mutant, mutant.killers) for mutant in TRIED]
    ended = run_all(jobs, workers=WORKERS)
    took, seconds = time.monotonic() - began, (_work_of_children() - worked) / WORKERS
    yield {o.job.mutant.name: o for o in ended if o.job.mutant is not None}
    reporter = pytestconfig.pluginmanager.get_plugin("terminalreporter")
    capturing = pytestconfig.pluginmanager.get_plugin("capturemanager")
    assert reporter is not None
    assert capturing is not None
    with capturing.global_and_fixture_disabled():
        reporter.write_line(
            f"\n{len(jobs)} mutants in {took:.0f} s; {seconds:.0f} s of {WORKERS} cores, "
            f"at most {SECONDS_MAX}"
        )
    assert seconds <= SECONDS_MAX


def _work_of_children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


@pytest.mark.parametrize("mutant", TRIED, ids=lambda mutant: f"R{mutant.rule} {mutant.name}")
def test_a_broken_rule_is_noticed(mutant: Mutant, outcomes: dict[str, Outcome]) -> None:
    """By each of its killers, and not by a crash."""
    assert complaints(outcomes[mutant.name]) == []


def test_the_seeds_that_kill_are_clean_without_a_mutant() -> None:
    """Else they would kill anything."""
    seeds = {one for mutant in TRIED for one in mutant.killers if one.startswith(SIMULATION)}

    ended = run_all([Job(None, (seed,)) for seed in sorted(seeds)], workers=WORKERS)

    assert [line for outcome in ended for line in complaints(outcome)] == []


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: f"R{mutant.rule} {mutant.name}")
def test_a_mutant_changes_what_is_there(mutant: Mutant) -> None:
    """Its old text occurs once, the new one is Python, and somebody is recorded who kills it."""
    assert mutant.source()
    assert mutant.killers or mutant.equivalent


def test_some_mutants_die_in_simulation_alone() -> None:
    """Ten at least, each by networks only: what they break no part shows by itself."""
    alone = [mutant for mutant in MUTANTS if mutant.only_simulation]

    assert len(alone) >= 10
    assert [m.name for m in alone if not all(map(is_simulation, m.killers))] == []


def test_every_rule_has_a_mutant() -> None:
    """From R1 to the last."""
    page = (ROOT / "docs/protocol.md").read_text(encoding="utf-8")
    rules = {int(number) for number in re.findall(r"^\*\*R(\d+) ", page, re.MULTILINE)}

    assert rules - {mutant.rule for mutant in MUTANTS if not mutant.equivalent} == set()
