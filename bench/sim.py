"""The simulator: deliveries checked against every law, per second of one core."""

import time
from typing import Final

from bench.report import Report
from sim.run import run as run_schedule
from sim.sweep import plan

PROFILES: Final = ("weather", "phases", "power", "clocks", "liars")
SCHEDULES: Final = 12
"""Of each profile: some seconds in all."""


def run_schedules(profile: str) -> tuple[int, float]:
    """Deliveries, and the seconds of a core that they took."""
    deliveries, began = 0, time.process_time()
    for seed in range(SCHEDULES):
        outcome = run_schedule(plan(seed, profile=profile, validators=4))
        assert outcome.violation is None, outcome.plan.command()
        deliveries += outcome.deliveries
    return deliveries, time.process_time() - began


def run(report: Report) -> None:
    """With ideal signatures, four validators, and all laws."""
    run_schedule(plan(0, profile="weather", validators=4))  # what is made once is made
    pairs = [run_schedules(profile) for profile in PROFILES]
    deliveries = sum(count for count, _ in pairs)
    seconds = sum(taken for _, taken in pairs)
    report.goal_at_least(
        "sim.deliveries", deliveries / seconds, "checked/s and core", at_least=5_000
    )
