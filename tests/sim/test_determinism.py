"""The same seed is the same world: on any day, in any process, under any salt of the hashes."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from kit.tree import ROOT
from sim.profiles import PROFILES
from sim.run import run
from sim.sweep import plan

SALTS = ("0", "1", "4294967295")


def traced(seed: int, profile: str, salt: str) -> dict[str, object]:
    """The facts of a schedule that ran in a process of its own."""
    command = [sys.executable, "-m", "cli", "sim", "run", "--json", "--seed", str(seed)]
    done = subprocess.run(
        [*command, "--profile", profile],
        cwd=ROOT,
        env={**os.environ, "PYTHONHASHSEED": salt, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
        timeout=600,
    )
    facts = json.loads(done.stdout)
    assert isinstance(facts, dict)
    return facts


@pytest.mark.parametrize("profile", ["turmoil", "power"])
def test_a_seed_gives_one_trace_whatever_hashes_are_salted_with(profile: str) -> None:
    """Three processes with three salts: one hash of all lines, and everything else equal."""
    found = [traced(7, profile, salt) for salt in SALTS]

    assert found[0] == found[1] == found[2]


@pytest.mark.parametrize("profile", [name for name in PROFILES if name != "night"])
def test_a_second_run_is_the_first_one(profile: str) -> None:
    """In one process too: nothing is left over from a run."""
    one = plan(11, profile=profile)

    assert run(one) == run(one)


def test_another_seed_is_another_world() -> None:
    """The hash is of what happened."""
    assert len({run(plan(seed, profile="calm")).trace for seed in range(5)}) == 5
