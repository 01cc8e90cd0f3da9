"""The catalogue of mutants: rules of docs/protocol.md, each removed or weakened on purpose.

A mutant is one edit of one module of the product. It is data (tests/mutants/*.toml), so that who
states a rule can state beside it what would go wrong without it, and which tests would notice.
Nothing here imports the product: a mutant must be chosen before its module is loaded.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal, get_args

from kit.tree import ROOT

FOLDER: Final = ROOT / "tests/mutants"

Kind = Literal["safety", "liveness", "bound"]
"""What goes wrong: two truths, no progress, or no end of what strangers may cost."""

SIMULATION: Final = "mithaq sim run "
"""How a killer begins that is a run of the simulator; any other is a test."""

NETWORKS: Final = ("tests/sim/", "tests/node/test_engine_", "tests/consensus/test_laws")
"""Where tests begin that run a whole network in simulated time: scripted, or under seeds. Any other
is a unit test, of one part."""


def is_simulation(killer: str) -> bool:
    """Whether a killer is a network in simulated time, and no test of one part."""
    return killer.startswith((SIMULATION, *NETWORKS))


class BadMutant(Exception):
    """An entry of the catalogue that says nothing, with the reason."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mutant:
    """A rule that is broken, and who must notice."""

    rule: int
    name: str
    kind: Kind
    file: str
    old: str
    new: str
    why: str
    killers: tuple[str, ...] = ()
    """Tests (node ids of pytest) and runs of the simulator; each of them alone kills it."""
    law: str = ""
    """Which law of the simulator (sim/violations.py) its run must see broken."""
    schedules: int | None = None
    """How many schedules the search ran until one of the simulator's killed it."""
    only_simulation: bool = False
    """No unit test noticed when all of them were run: see NETWORKS."""
    equivalent: str = ""
    """Why nobody could notice; such a mutant does not count."""

    @property
    def module(self) -> str:
        """The dotted name of the module that is changed."""
        return self.file.removesuffix(".py").replace("/", ".")

    def source(self) -> str:
        """The module's text with the edit.

        Raises:
            BadMutant: the old text does not occur exactly once, or the new is no Python.
        """
        text = (ROOT / self.file).read_text(encoding="utf-8")
        found = text.count(self.old)
        if found != 1:
            raise BadMutant(
                f"R{self.rule} {self.name}: {self.old!r} occurs {found} times in {self.file}, "
                f"expected once: say again what the mutant changes"
            )
        changed = text.replace(self.old, self.new)
        try:
            compile(changed, self.file, "exec")
        except SyntaxError as error:
            raise BadMutant(f"R{self.rule} {self.name}: not Python: {error}") from error
        return changed


def catalogue(folder: Path = FOLDER) -> tuple[Mutant, ...]:
    """Every mutant, by rule and then as listed.

    Raises:
        BadMutant: an entry with an unknown, missing or wrong field, or two of one name.
    """
    mutants: list[Mutant] = []
    for path in sorted(folder.glob("*.toml")):
        with path.open("rb") as file:
            entries = tomllib.load(file)
        mutants += [_mutant(fields, path.name) for fields in entries.get("mutant", [])]
    names = [mutant.name for mutant in mutants]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise BadMutant(f"two mutants are called {twice[0]!r}")
    return tuple(sorted(mutants, key=lambda mutant: mutant.rule))


def _mutant(fields: dict[str, Any], where: str) -> Mutant:
    given = {**fields, "killers": tuple(fields.get("killers", ()))}
    if isinstance(rule := fields.get("rule"), str) and rule[:1] == "R" and rule[1:].isdigit():
        given["rule"] = int(rule[1:])
    try:
        mutant = Mutant(**given)
    except TypeError as error:
        raise BadMutant(f"{where}: {fields.get('name', 'a mutant')}: {error}") from error
    if not isinstance(mutant.rule, int):
        raise BadMutant(f"{where}: {mutant.name}: rule {mutant.rule!r}, expected R and a number")
    if mutant.kind not in get_args(Kind):
        raise BadMutant(f"{where}: {mutant.name}: kind {mutant.kind!r}, expected {get_args(Kind)}")
    return mutant
