"""The repository as the tidy tests see it: its files, and what may be wrong with one of them.

Each function takes text and returns offences, so that a test can show it a bad example as well.
"""

from __future__ import annotations

import ast
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]

MODULE_LINES_MAX: Final = 500
FUNCTION_LINES_MAX: Final = 70

# Below the shell time is an event and chance a parameter, so none of these has business there.
CLOCKS_AND_DICE: Final = frozenset({"random", "secrets", "time", "uuid"})
CLOCK_AND_DICE_CALLS: Final = frozenset(
    {
        "date.today",
        "datetime.now",
        "datetime.today",
        "datetime.utcnow",
        "os.getrandom",
        "os.urandom",
        "SigningKey.generate",
        "PrivateKey.generate",
        "utils.random",
    }
)

# Put together here, so that this file does not contain what it looks for.
_MACHINE_PATH: Final = re.compile(
    r"(?<![\w.])/(?:" + "|".join(("root", "work", r"home/\w+", r"Users/\w+")) + r")/"
)


def files() -> Iterator[Path]:
    """Every file that belongs to the repository: no environment, no cache, no network's home."""
    for folder, folders, names in os.walk(ROOT):
        folders[:] = sorted(name for name in folders if _belongs(name))
        yield from (Path(folder, name) for name in sorted(names) if _belongs(name))


def _belongs(name: str) -> bool:
    if name in {"__pycache__", "build", "dist", "htmlcov"} or name.endswith(".egg-info"):
        return False
    return not name.startswith(".") or name in {".ci", ".gitignore"}


def packages() -> list[str]:
    """The product's import packages: the folders at the root that have an __init__.py."""
    return sorted(init.parent.name for init in ROOT.glob("*/__init__.py"))


def product_modules() -> list[Path]:
    """Every module of the product."""
    return sorted(module for package in packages() for module in (ROOT / package).rglob("*.py"))


def oversized(source: str) -> list[str]:
    """What is too long in a module: itself, or functions of it."""
    offences = []
    if (lines := len(source.splitlines())) > MODULE_LINES_MAX:
        offences.append(f"{lines} lines, at most {MODULE_LINES_MAX}")
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            lines = (node.end_lineno or node.lineno) - node.lineno + 1
            if lines > FUNCTION_LINES_MAX:
                offences.append(f"{node.name} has {lines} lines, at most {FUNCTION_LINES_MAX}")
    return offences


def clocks_and_dice(source: str) -> list[str]:
    """Where a module reads a clock or a random source."""
    offences = []
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Import(names=names):
                found = [name.name for name in names if name.name in CLOCKS_AND_DICE]
            case ast.ImportFrom(module=module, names=names):
                qualified = [f"{module}.{name.name}" for name in names]
                found = [name for name in qualified if name in CLOCK_AND_DICE_CALLS]
                found += [module] if module in CLOCKS_AND_DICE else []
            case ast.Attribute(attr=attr, value=ast.Name(id=owner) | ast.Attribute(attr=owner)):
                found = [name for name in [f"{owner}.{attr}"] if name in CLOCK_AND_DICE_CALLS]
            case _:
                continue
        offences += [f"line {node.lineno}: {name}" for name in found]
    return offences


def machine_paths(text: str) -> list[str]:
    """Paths that exist on the machine of whoever wrote the text, and nowhere else."""
    return _MACHINE_PATH.findall(text)


def public_names(source: str) -> list[str]:
    """The public constants that a module defines."""
    names = []
    for node in ast.parse(source).body:
        match node:
            case ast.AnnAssign(target=ast.Name(id=name)) | ast.Assign(targets=[ast.Name(id=name)]):
                names.append(name)
    return [name for name in names if not name.startswith("_")]
