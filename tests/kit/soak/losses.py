"""Losses of power in the soak: a life that was recorded once, cut off by another die each time."""

import shutil
from collections import Counter
from functools import partial
from itertools import product
from pathlib import Path
from random import Random
from typing import Final

from kit.crashes.losing import Crash, Names, Tail, crashes
from kit.crashes.recording import record
from kit.soak.acts import judge_chain
from kit.soak.forks import Say, told
from kit.wholeness import Twin
from primitives.errors import MithaqError

MODELS: Final = list(product(Names, Tail))
CUTS: Final = 8
"""Of one round."""


class Losses:
    """A recording, and what it may leave."""

    name = "lose power"

    def __init__(self, home: Path) -> None:
        self._home, self._folder = home, home / "recorded"
        self._folder.mkdir()
        words = ["-m", "kit.crashes.life", "validator", str(self._folder)]
        self._acts = record(words, self._folder, home / "recorded.trace")
        self._rounds = 0

    def play(self, chance: Random, seen: Counter[str]) -> list[str]:
        """Some losses under one model; what is strange afterwards."""
        names, tail = MODELS[self._rounds % len(MODELS)]
        self._rounds += 1
        every = len(self._acts) // CUTS
        found: list[str] = []
        for crash in crashes(self._acts, chance, names, tail, every=every):
            if not crash.said:
                continue
            left = self._home / "as the loss left it"
            crash.write(left, instead_of=self._folder)
            outcome, *reasons = told(partial(_judge, left, crash))
            always = (names, tail) == (Names.IN_ORDER, Tail.CUT)
            if outcome != "whole" and (always or outcome != "refused"):
                found = [outcome, *reasons]
            seen[f"{names.value} names, {tail.value} tails: {outcome}"] += 1
            if found:
                return [f"after act {crash.act}, {names}, {tail}: {one}" for one in found]
            shutil.rmtree(left)
        return []


def _judge(left: Path, crash: Crash, say: Say) -> None:
    shutil.copytree(left, judged := left.with_name("judged"))
    try:
        strange = judge_chain(judged, int(crash.said[-1]), Twin()).strange
    except MithaqError as error:
        say("refused")
        say(error)
    else:
        for one in strange or ["whole"]:
            say(one)
    finally:
        shutil.rmtree(judged)
