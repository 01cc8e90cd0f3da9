"""What the plan promises about the tree itself: folders, pages, targets, strictness."""

from __future__ import annotations

import os
import re
import tomllib
from typing import Final

import pytest

from kit.tree import ROOT

PROJECT: Final = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
MAKEFILE: Final = (ROOT / "Makefile").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "folder", ["node", "consensus", "p2p", "storage", "cli", "tests", "configs"]
)
def test_the_folders_of_the_first_wish_stay(folder: str) -> None:
    """Under their own names, at the root, beside pyproject.toml."""
    assert (ROOT / folder).is_dir()


def test_the_licence_is_apache_2() -> None:
    """The file, and what the package says of itself."""
    text = (ROOT / "LICENSE").read_text(encoding="utf-8")

    assert "Apache License" in text
    assert "Version 2.0, January 2004" in text
    assert PROJECT["project"]["license"] == "Apache-2.0"


def test_every_target_builds_the_environment_that_it_needs() -> None:
    """A fresh clone needs no other command first."""
    needs = dict(re.findall(r"^(\w+): *(.*?) *## ", MAKEFILE, flags=re.MULTILINE))

    for target in ("install", "localnet", "bench"):
        assert needs[target] == "$(PROJECT)", target
    for target in ("test", "check", "coverage", "sim", "env"):
        assert needs[target] == "$(PROJECT) $(DEV)", target


def test_the_judgement_on_a_change_is_one_program() -> None:
    """Checks, a share of the simulation, then tests; nobody has to name an interpreter."""
    program = ROOT / ".ci/run"
    text = program.read_text(encoding="utf-8")

    assert os.access(program, os.X_OK)
    assert text.splitlines()[-4:] == [
        "patiently timed env",
        "timed check",
        "timed sim SEEDS=0..1499 MUTANTS=",
        "exec make --no-print-directory test",
    ]
    assert re.findall(r"^ *patiently (\w+ ?\w*)", text, flags=re.MULTILINE) == [
        "install_packages ",
        "timed env",
    ], "what fetches has another try, what judges has one"


def test_tests_and_types_are_strict() -> None:
    """A warning is an error, an unknown mark or setting too, and nothing goes without a type."""
    pytest_options = PROJECT["tool"]["pytest"]["ini_options"]

    assert pytest_options["filterwarnings"] == ["error"]
    assert {"--strict-markers", "--strict-config"} <= set(pytest_options["addopts"])
    assert pytest_options["xfail_strict"] is True
    assert PROJECT["tool"]["mypy"]["strict"] is True
    assert "ANN" in PROJECT["tool"]["ruff"]["lint"]["select"]


def test_every_decision_of_the_plan_is_written_up() -> None:
    """Numbered without a gap; each says what was decided."""
    pages = sorted((ROOT / "docs/decisions").glob("*.md"))

    assert [int(page.name[:4]) for page in pages] == list(range(1, len(pages) + 1))
    for page in pages:
        text = page.read_text(encoding="utf-8")
        assert text.startswith(f"# {int(page.name[:4])}. "), page.name
        assert "**Decision.**" in text, page.name
