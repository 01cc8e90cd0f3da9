"""Many schedules on all cores: plans by seed, outcomes as they come."""

import multiprocessing
import os
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from random import Random
from typing import Final

from sim.profiles import PROFILES
from sim.run import HEIGHTS, Outcome, Plan, run, size_of

NIGHTS: Final = 500
_CHUNK: Final = 20
"""Schedules that a process is given at a time."""


def profile_of(seed: int) -> str:
    """The profile of a seed if nobody says, by the shares; one schedule in NIGHTS is a night,
    because an hour of ticks costs as much as a hundred others."""
    random = Random(f"{seed} profile")
    if random.randrange(NIGHTS) == 0:
        return "night"
    names = list(PROFILES)
    return random.choices(names, [PROFILES[name].share for name in names])[0]


def plan(
    seed: int,
    *,
    profile: str | None = None,
    validators: int | None = None,
    heights: int = HEIGHTS,
) -> Plan:
    """The plan of a seed; what is not given follows from the seed."""
    return Plan(
        seed=seed,
        profile=profile if profile is not None else profile_of(seed),
        validators=validators if validators is not None else size_of(seed),
        heights=heights,
    )


def cores() -> int:
    """How many processes this machine is good for: of its cores those that are ours."""
    return len(os.sched_getaffinity(0))


def measured(one: Plan) -> tuple[Outcome, float]:
    """An outcome, and the seconds of a core that it took."""
    began = time.process_time()
    outcome = run(one)
    return outcome, time.process_time() - began


def sweep(plans: Iterable[Plan], *, processes: int) -> Iterator[tuple[Outcome, float]]:
    """Run and measure all; the outcomes come in the order of the plans."""
    if processes == 1:
        yield from map(measured, plans)
        return
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(processes, mp_context=context) as pool:
        yield from pool.map(measured, plans, chunksize=_CHUNK)
