"""docs/mutants.md, written from the catalogue."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from kit.mutants.catalogue import SIMULATION, Mutant
from kit.tree import ROOT

PAGE: Final = ROOT / "docs/mutants.md"

_HEAD: Final = """# Mutants

Each rule of [the protocol](protocol.md) was removed or weakened on purpose, one at a time, and the
tests had to notice: {counted} mutants of {rules} rules, {kinds}. {alone} of them (◆) no test of a
single part notices: they die where a whole network runs in simulated time, scripted or under a
seed. A mutant that only makes something crash is not noticed; nor is one whose killer says nothing
about its rule ([why a catalogue of our own](decisions/{decision})).

The catalogue is `tests/mutants/*.toml`. With `PYTHONPATH=.:tests`, `python -m kit.mutants run`
tries every mutant and `python -m kit.mutants page` writes this page. CI tries those that break
safety or a bound, `make sim` those that break liveness. *Schedules* is how many schedules of the
simulator were run until the first that killed it.

| rule | mutant | breaks | what would go wrong | killed by | schedules |
|---|---|---|---|---|---:|
"""

_EQUIVALENT: Final = """
## Mutants that nobody can notice

They do not count.

| rule | mutant | why |
|---|---|---|
"""


def page(mutants: Sequence[Mutant]) -> str:
    """The whole page."""
    counted = [mutant for mutant in mutants if not mutant.equivalent]
    kinds = Counter(mutant.kind for mutant in counted)
    head = _HEAD.format(
        counted=len(counted),
        rules=len({mutant.rule for mutant in counted}),
        kinds=", ".join(f"{count} of {kind}" for kind, count in kinds.most_common()),
        alone=sum(mutant.only_simulation for mutant in counted),
        decision=_decision().name,
    )
    rows = [
        f"| R{mutant.rule} | {_plain(mutant.name)} | {mutant.kind} | {_plain(mutant.why)} "
        f"| {_killed_by(mutant)} | {mutant.schedules if mutant.schedules is not None else ''} |\n"
        for mutant in counted
    ]
    equals = [
        f"| R{mutant.rule} | {_plain(mutant.name)} | {_plain(mutant.equivalent)} |\n"
        for mutant in mutants
        if mutant.equivalent
    ]
    return head + "".join(rows) + (_EQUIVALENT + "".join(equals) if equals else "")


def _decision() -> Path:
    (found,) = (ROOT / "docs/decisions").glob("*-mutants-of-rules.md")
    return found


def _killed_by(mutant: Mutant) -> str:
    alone = "◆ " if mutant.only_simulation else ""
    return alone + "; ".join(_short(killer, mutant) for killer in mutant.killers)


def _short(killer: str, mutant: Mutant) -> str:
    if killer.startswith(SIMULATION):
        return f"`{killer}`" + (f" ({mutant.law})" if mutant.law else "")
    path, _, name = killer.partition("::")
    dialogue = re.fullmatch(r"test_dialogue\[(\w+)\]", name)
    if dialogue:
        return f"dialogue [{dialogue[1]}](../tests/consensus/scripts/{dialogue[1]}.txt)"
    test = name.rpartition("::")[2].removeprefix("test_").replace("_", " ")
    return f"[{_plain(test)}](../{path})"


def _plain(text: str) -> str:
    return re.sub(r"([|\[\]<>*])", r"\\\1", " ".join(text.split()))
