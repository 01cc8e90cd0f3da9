"""A share of the schedules that `make sim` runs by the thousands."""

from __future__ import annotations

import pytest

from sim.profiles import PROFILES
from sim.report import Report
from sim.run import run
from sim.sweep import plan

EACH = 5


@pytest.mark.parametrize("profile", [name for name in PROFILES if name != "night"])
def test_no_schedule_breaks_a_law(profile: str) -> None:
    """Five of each profile, each with its heights and its incidents."""
    for seed in range(EACH):
        outcome = run(plan(seed, profile=profile))

        assert outcome.violation is None, f"{outcome.message}\n{outcome.plan.command()}"
        assert outcome.heights >= 5
        assert outcome.incidents >= 3
        assert outcome.recovery_ms is not None


@pytest.mark.parametrize("validators", [1, 2, 3, 4, 5, 6, 7, 10])
def test_networks_of_every_small_size_hold_the_laws(validators: int) -> None:
    """Also those for development, which withstand no liar."""
    report = Report()
    for seed in range(3):
        report.add(run(plan(seed, profile="phases", validators=validators)), 1.0)

    assert report.missed == []


def test_an_hour_without_a_quorum_costs_at_most_two_timeouts() -> None:
    """Nobody restarts anything by hand: the lights go on, and blocks come (R33)."""
    outcome = run(plan(0, profile="night", validators=4))

    assert outcome.violation is None
    assert outcome.simulated_ms > 3_600_000
    assert outcome.recovery_ms is not None
    assert outcome.recovery_ms <= 20_000
