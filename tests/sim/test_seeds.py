"""Seeds that once broke something, each with its story. None is excluded, ever."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from kit.tree import ROOT
from sim.profiles import PROFILES
from sim.run import HEIGHTS, Plan, run

SEEDS = sorted((ROOT / "tests/seeds").glob("*.toml"))


def story_of(path: Path) -> tuple[Plan, str]:
    known = tomllib.loads(path.read_text(encoding="utf-8"))
    story = known.pop("story")
    return Plan(**{"heights": HEIGHTS, **known}), story


@pytest.mark.parametrize("path", SEEDS, ids=lambda path: path.stem)
def test_a_seed_that_once_broke_a_law_holds_them_all(path: Path) -> None:
    """And will for ever: the file says what had happened."""
    plan, story = story_of(path)

    outcome = run(plan)

    assert len(story) > 40, "a seed has its story"
    assert plan.profile in PROFILES
    assert outcome.violation is None, f"{outcome.message}\n{plan.command()}"
