"""Scenarios of a doubled validator, played one after the other in a world, under all its laws."""

from __future__ import annotations

from collections import Counter
from typing import Final

from kit.tree import ROOT
from sim import twins
from sim.letters import Letter
from sim.spoken import Spoken, author_of, statements_in
from sim.twin_trials import Trials, in_turn
from sim.twins import Scenario
from sim.violations import Violation
from sim.watch import Watch

FOLDER: Final = ROOT / "tests/twins"


def scenarios(name: str) -> list[Scenario]:
    return twins.read((FOLDER / name).read_text(encoding="utf-8"))


class Ear(Watch):
    """Hears what the doubled seat signs."""

    def __init__(self) -> None:
        self.spoken = Spoken({})

    def listen_to(self, trials: Trials) -> None:
        self.name, self.members = trials.doubled, trials.world.members

    def sent(self, letter: Letter, delays: tuple[int, ...]) -> None:
        del delays
        if letter.sender == self.name:
            for statement in statements_in(letter.message):
                if author_of(statement, self.members) == self.members.keys[int(self.name[1:])]:
                    self.spoken.add(statement)


def play(waiting: list[Scenario], seed: int, *watches: Watch) -> Counter[int]:
    """All of them in one world, under its laws; in which views they were decided."""
    trials = Trials(seed=seed, watches=watches)
    for watch in watches:
        if isinstance(watch, Ear):
            watch.listen_to(trials)
    trials.begin()
    views: Counter[int] = Counter()
    for scenario in in_turn(waiting, seed=seed):
        try:
            views[trials.play(scenario).view] += 1
        except Violation as error:
            error.add_note(f"scenario {scenario} of world {seed}")
            raise
    return views


def share(name: str, world: int, worlds: int) -> Counter[int]:
    """What falls to one world, where the scenarios of a file are dealt over so many."""
    return play(scenarios(name)[world::worlds], seed=world)
