"""What may be wrong with a mutant's end: it survived, it only crashed something, or it was killed
by somebody who says nothing about its rule.

A test speaks about the rules that its module or its own docstring cites, a dialogue about those of
its first line, a law of the simulator about those that it names (sim/violations.py).
"""

from __future__ import annotations

import ast
import re
from functools import cache

from kit.mutants.catalogue import SIMULATION, Mutant
from kit.mutants.runner import Outcome
from kit.mutants.worker import NOTICED, SURVIVED
from kit.tree import ROOT


def complaints(outcome: Outcome) -> list[str]:
    """Why this outcome is not what the catalogue promises; nothing when all is well."""
    mutant = outcome.job.mutant
    if mutant is None:
        return [
            f"{killer}: the product itself: {verdict} {reason}"
            for killer in outcome.job.killers
            for verdict, reason in [outcome.of(killer)]
            if verdict != SURVIVED
        ]
    found = [] if mutant.killers else ["nobody is recorded who kills it"]
    for killer in mutant.killers:
        verdict, reason = outcome.of(killer)
        if verdict != NOTICED:
            found.append(f"{killer}: {verdict} {reason}")
        elif killer.startswith(SIMULATION) and not reason.startswith(f"{mutant.law}:"):
            found.append(f"{killer}: {reason}, expected {mutant.law or 'a law to be recorded'}")
    if mutant.killers and not any(mutant.rule in spoken_of(one, mutant) for one in mutant.killers):
        found.append(f"no killer says anything about R{mutant.rule}")
    return found


def spoken_of(killer: str, mutant: Mutant) -> set[int]:
    """The rules that a killer says it is about."""
    if killer.startswith(SIMULATION):
        return laws().get(mutant.law, set())
    path, _, name = killer.partition("::")
    dialogue = re.fullmatch(r"test_dialogue\[(\w+)\]", name)
    if dialogue:
        script = ROOT / f"tests/consensus/scripts/{dialogue[1]}.txt"
        return cited(script.read_text(encoding="utf-8").split("\n")[0])
    module, functions = _docstrings(path)
    return cited(module) | cited(functions.get(name.rpartition("::")[2].partition("[")[0], ""))


def cited(text: str) -> set[int]:
    """R1, R2-R4 and R7 to R9 in a text."""
    pairs = re.findall(r"(?<![A-Za-z0-9])R(\d{1,2})\b(?:(?:[-–]| to )R(\d{1,2})\b)?", text)
    return {number for first, last in pairs for number in range(int(first), int(last or first) + 1)}


@cache
def _docstrings(path: str) -> tuple[str, dict[str, str]]:
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    functions = {
        node.name: ast.get_docstring(node) or ""
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.ClassDef)
    }
    return ast.get_docstring(tree) or "", functions


@cache
def laws() -> dict[str, set[int]]:
    """The laws of the simulator, and the rules that each guards."""
    path = ROOT / "sim/violations.py"
    if not path.exists():
        return {}
    found: dict[str, set[int]] = {}
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.ClassDef):
            found[node.name] = {
                constant.value
                for part in node.body
                if isinstance(part, ast.Assign | ast.AnnAssign)
                for constant in ast.walk(part)
                if isinstance(constant, ast.Constant) and isinstance(constant.value, int)
            }
    return found
