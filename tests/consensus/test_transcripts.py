"""Dialogues with one replica. `REWRITE=1 pytest tests/consensus` writes what it answers today."""

import os
import re
from pathlib import Path

import pytest

from kit.transcript import replayed

SCRIPTS = sorted((Path(__file__).parent / "scripts").glob("*.txt"))


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
def test_dialogue(path: Path) -> None:
    """Each event has exactly the effects that stand below it."""
    script = path.read_text(encoding="utf-8")

    answered = replayed(script)

    if os.environ.get("REWRITE"):
        path.write_text(answered, encoding="utf-8")
    else:
        assert answered == script


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
def test_a_dialogue_says_which_rules_it_shows(path: Path) -> None:
    """Its first line cites them by number."""
    first = path.read_text(encoding="utf-8").split("\n")[0]

    assert re.match(r"# R\d+(, R\d+)*: [A-Z].*\.$", first), first


def test_a_wrong_answer_would_be_seen() -> None:
    """A dialogue whose effects are not the replica's is not equal to its replay."""
    assert replayed("start n=4 seat=0\n----\ncast prepare v=0 A\n") == (
        "start n=4 seat=0\n----\nafter 100 interval\n"
    )
