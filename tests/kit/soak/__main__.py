"""Kill again and again: `PYTHONPATH=.:tests python -m kit.soak --rounds 500 --seed 1`.

Each round lets one act live for a random while, kills it with SIGKILL, and judges what it left. The
acts take turns; each has a folder that goes through many kills, until its chain is long. Where
there is strace, one of the turns takes the power of a recorded life (kit/crashes). In the end
validators of a real network are killed, a round for each fifty before it.

The seed chooses what it can: after how many lines, how much later, which validators. The rest is up
to the machine, so that a finding cannot be repeated at will: its folder is kept, as the kill left
it.
"""

import argparse
import json
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import Final

from kit.soak import network
from kit.soak.acts import ACTS, Act, shrink_buffers
from kit.soak.forks import Say, killed, told
from kit.soak.losses import Losses
from kit.soak.verdict import Verdict
from kit.soak.watching import busy_with
from kit.wholeness import Twin

LINES_MAX: Final = 12
HEIGHTS_MAX: Final = 120
"""Then an act begins anew: what is compared grows with the chain."""
REPORT_EVERY: Final = 50
NETWORK_EVERY: Final = 50
"""A round in a network takes some seconds."""
SHOWN_BYTES_MAX: Final = 2_000


class Scene:
    """One act and its folder."""

    def __init__(self, name: str, act: Act, home: Path) -> None:
        self.name, self._act, self._home = name, act, home
        self._number = 0
        self._begin()

    def _begin(self) -> None:
        self._number += 1
        self.folder = self._home / f"{self.name}-{self._number}"
        self.folder.mkdir()
        self._promised = self._act.begun_at
        self._twin = Twin()
        told(lambda _say: self._act.begin(self.folder))

    def play(self, chance: Random, seen: Counter[str]) -> list[str]:
        """One life and its end; what is strange afterwards."""
        if self._act.grows and self._promised > HEIGHTS_MAX:
            shutil.rmtree(self.folder)
            self._begin()
        end = killed(lambda say: self._act.live(self.folder, say), chance, lines_max=LINES_MAX)
        if end.ended is not None:
            return [f"it ended before it was killed: {end.ended}"]
        self._promised = max([self._promised, *map(int, end.said)])
        seen[f"killed while LevelDB was at: {busy_with(self.folder / 'data' / 'LOG')}"] += 1
        kept = self._home / "as the kill left it"
        shutil.copytree(self.folder, kept)
        # The twin grows here, once: what a child learns dies with it.
        if self._act.grows:
            self._twin.grow(self._promised)

        def judge(say: Say) -> None:
            verdict = self._act.judge(self.folder, self._promised, self._twin)
            say(json.dumps([verdict.at, verdict.strange]))

        said = told(judge)
        if len(said) != 1 or not said[0].startswith("["):
            return [*said, "it could not be judged"]
        verdict = Verdict(*json.loads(said[0]))
        self._promised = verdict.at
        if not verdict.strange:
            shutil.rmtree(kept)
        return verdict.strange


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit code: 0 when nothing strange was found."""
    parser = argparse.ArgumentParser(prog="kit.soak", description=__doc__)
    parser.add_argument("--rounds", type=int, default=500)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--home", type=Path, help="where the folders lie")
    parser.add_argument("acts", nargs="*", help=f"of {', '.join(ACTS)}; all by default")
    asked = parser.parse_args(arguments)
    shrink_buffers()
    home = asked.home or Path(tempfile.mkdtemp(prefix="mithaq-soak-"))
    chance, seen = Random(asked.seed), Counter[str]()
    scenes: list[Scene | Losses] = [Scene(name, ACTS[name], home) for name in asked.acts or ACTS]
    if not asked.acts and shutil.which("strace"):
        scenes.append(Losses(home))
    begun = time.monotonic()
    for number in range(1, asked.rounds + 1):
        scene = scenes[number % len(scenes)]
        found = scene.play(chance, seen)
        for one in found:
            sys.stdout.write(f"round {number}, {scene.name}: {one[:SHOWN_BYTES_MAX]}\n")
        if found:
            sys.stdout.write(f"the folder is kept: {home}\n")
            return 1
        if number % REPORT_EVERY == 0 or number == asked.rounds:
            sys.stdout.write(f"{number} rounds in {time.monotonic() - begun:.0f} s\n")
            sys.stdout.flush()
    for what, count in seen.most_common():
        sys.stdout.write(f"{count:>6} {what}\n")
    sys.stdout.write(f"{asked.rounds} rounds, seed {asked.seed}: nothing is strange\n")
    if asked.home is None:
        shutil.rmtree(home)
    rounds = asked.rounds // NETWORK_EVERY
    return network.main(asked.seed, rounds) if rounds and not asked.acts else 0


if __name__ == "__main__":
    raise SystemExit(main())
