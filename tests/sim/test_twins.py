"""Four validators, one of them doubled: every split of two views, and longer ones by lot.

Twins say two things to everything: R1, R12, R18, R20 and R26 stand against them.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from multiprocessing import get_context
from typing import Final

import pytest

from kit.twin_worlds import Ear, play, scenarios, share
from primitives.ids import Height
from sim import twins
from sim.letters import Phase
from sim.sweep import cores
from sim.twin_trials import Trials, in_turn
from sim.twins import Scenario

WORLDS: Final = 64
"""Worlds over which the scenarios of two views are dealt: some fifty heights each."""
SAMPLES: Final = ("four_views.txt", "six_views.txt")
SAMPLE_WORLDS: Final = 4

Played = dict[tuple[str, int], Future[Counter[int]]]


@pytest.fixture(scope="module")
def played() -> Iterator[Played]:
    """Every world, on all cores at once; in which views its heights were decided."""
    dealt = [("two_views.txt", WORLDS), *((name, SAMPLE_WORLDS) for name in SAMPLES)]
    pool = ProcessPoolExecutor(cores(), mp_context=get_context("spawn"))
    try:
        yield {
            (name, world): pool.submit(share, name, world, worlds)
            for name, worlds in dealt
            for world in range(worlds)
        }
    finally:
        pool.shutdown(cancel_futures=True)


@pytest.mark.parametrize("world", range(WORLDS))
def test_no_split_of_two_views_divides_the_honest_or_stops_them(world: int, played: Played) -> None:
    """All 3,376, under all laws: one chain, nobody honest contradicts himself, and it goes on."""
    assert played["two_views.txt", world].result().total() >= 52


@pytest.mark.parametrize("name", SAMPLES)
@pytest.mark.parametrize("world", range(SAMPLE_WORLDS))
def test_no_longer_split_of_the_sample_does_either(name: str, world: int, played: Played) -> None:
    """Drawn once, and kept: what is found in one of them stays found."""
    assert max(played[name, world].result()) >= 3


def test_the_twins_do_contradict_each_other() -> None:
    """Else the scenarios show nothing: two proposals, two votes, and views that are lost by it."""
    ear = Ear()
    views = play(scenarios("two_views.txt")[::WORLDS], 0, ear)

    kinds = Counter(found.split(":")[0] for found in ear.spoken.evidence())
    assert kinds["E1-E4"] >= 20
    assert kinds["E5"] >= 1
    assert views[1] + views[2] >= 20


# --- the list -----------------------------------------------------------------------------------


def test_the_list_of_two_views_is_complete() -> None:
    """What the file says is what the enumeration finds, and each is written once."""
    assert scenarios("two_views.txt") == twins.two_views()
    assert len(set(twins.two_views())) == 3_376


def test_each_pair_of_partitions_has_one_that_stands_for_it() -> None:
    """8,112 pairs; those that differ only by names fall together, as Burnside counts them."""
    splits = {doubled: twins.partitions(twins.nodes(doubled)) for doubled in "PQR"}
    fixed = 20  # partitions of five that look the same with two of them exchanged
    both = 12  # ... with two pairs exchanged

    assert {doubled: len(found) for doubled, found in splits.items()} == {"P": 52, "Q": 52, "R": 52}
    by_seat = Counter(scenario.doubled for scenario in twins.two_views())
    assert by_seat["R"] == (52**2 + fixed**2) // 2
    assert by_seat["P"] == by_seat["Q"] == (52**2 + 2 * fixed**2 + both**2) // 4


@pytest.mark.parametrize(("name", "views", "count"), [("four", 4, 160), ("six", 6, 80)])
def test_the_samples_are_those_that_were_drawn(name: str, views: int, count: int) -> None:
    """The same seed draws them again."""
    assert scenarios(f"{name}_views.txt") == twins.sampled(views, count, seed=1)


@pytest.mark.parametrize(
    "line", ["P: PQRS", "P: PQRSp|Q", "P: PQRSq", "P: PQ|RSp PQ|RS", "P: PQRSp/PQRS"]
)
def test_a_scenario_names_each_node_once_in_every_view(line: str) -> None:
    """Else it says nothing about somebody, or two things."""
    with pytest.raises(ValueError, match=re.escape(repr(line))):
        Scenario.parse(line)


def test_after_the_scripted_views_everybody_hears_everybody() -> None:
    """And inside them only those of one group do."""
    scenario = Scenario.parse("P: PQ|RSp PRS|Qp")

    assert scenario.hears(0, Phase.COMMIT, "P", "Q")
    assert not scenario.hears(0, Phase.PREPARE, "P", "p")
    assert not scenario.hears(1, Phase.VIEW_CHANGE, "P", "Q")
    assert scenario.hears(2, Phase.PREPARE, "P", "Q")
    assert str(scenario) == "P: PQ|RSp PRS|Qp"


def test_a_view_with_two_groupings_lets_view_changes_pass() -> None:
    """Proposals and prepares by the first, commits and decided blocks by the second."""
    scenario = Scenario.parse("P: PQRSp/PQ|RSp")

    assert scenario.hears(0, Phase.PREPARE, "P", "R")
    assert not scenario.hears(0, Phase.COMMIT, "P", "R")
    assert not scenario.hears(0, Phase.DECIDED, "P", "R")
    assert scenario.hears(0, Phase.VIEW_CHANGE, "P", "R")
    assert str(scenario) == "P: PQRSp/PQ|RSp"


def test_roles_come_round_with_the_heights() -> None:
    """A world needs a peaceful height only where no scenario is left for the role of its turn."""
    arranged = in_turn(twins.two_views()[:: WORLDS * 8], seed=0)
    trials = Trials(seed=0)
    trials.begin()
    height = Height(1)
    for scenario in arranged:
        height = trials.play(scenario).height
        assert trials.role(trials.doubled, height) == scenario.doubled

    assert height <= len(arranged) + 6
