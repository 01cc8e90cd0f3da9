"""The harness itself: what it takes for a kill, and what it refuses."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Final

import pytest

from kit.mutants.catalogue import BadMutant, Mutant, catalogue
from kit.mutants.page import PAGE, page
from kit.mutants.runner import run_one
from kit.mutants.verdicts import cited, complaints
from kit.tree import ROOT

QUORUM: Final = next(m for m in catalogue() if m.name == "a quorum is 2f + 1")
NOTICES: Final = "tests/consensus/test_transcripts.py::test_dialogue[five_validators]"
SLEEPS: Final = "tests/consensus/test_transcripts.py::test_dialogue[jump]"
ELSEWHERE: Final = "tests/primitives/test_block_ids.py"


def with_killers(*killers: str) -> Mutant:
    return replace(QUORUM, killers=killers)


def entry(**fields: str) -> str:
    given = {"rule": "R1", "name": "x", "kind": "safety", "file": "f", "old": "o", "new": "n"}
    given |= {"why": "w", **fields}
    return "[[mutant]]\n" + "".join(f"{key} = '{value}'\n" for key, value in given.items())


def test_who_fails_by_an_assertion_has_noticed() -> None:
    """And the tree is as it was."""
    before = (ROOT / QUORUM.file).read_bytes()
    mutant = with_killers(NOTICES)

    outcome = run_one(mutant, mutant.killers)

    assert outcome.of(NOTICES)[0] == "noticed"
    assert complaints(outcome) == []
    assert (ROOT / QUORUM.file).read_bytes() == before


def test_a_mutant_that_survives_a_recorded_killer_is_a_complaint() -> None:
    """One killer that does not notice is one too many."""
    mutant = with_killers(NOTICES, SLEEPS)

    found = complaints(run_one(mutant, mutant.killers))

    assert found == [f"{SLEEPS}: survived "]


def test_a_crash_is_no_kill() -> None:
    """An exception that no test asked for says nothing about the rule."""
    broken = replace(QUORUM, new="return n.no_such_thing", killers=(NOTICES,))

    outcome = run_one(broken, broken.killers)

    assert outcome.of(NOTICES)[0] == "crashed"


def test_nobody_is_a_test_that_does_not_exist() -> None:
    """A killer that was renamed must be recorded anew."""
    gone = "tests/consensus/test_transcripts.py::test_dialogue[no_such]"

    assert run_one(with_killers(gone), [gone]).of(gone)[0] == "crashed"


def test_a_killer_that_never_loads_the_module_says_nothing() -> None:
    """It would pass whatever stands there."""
    verdict, _ = run_one(QUORUM, [ELSEWHERE]).of(ELSEWHERE)

    assert verdict in ("untouched", "survived")


def test_without_a_mutant_the_killers_pass() -> None:
    """The product as it stands has nothing to be noticed."""
    assert complaints(run_one(None, [NOTICES, SLEEPS])) == []


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"rule": "1"}, "expected R and a number"),
        ({"kind": "style"}, "kind 'style'"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_an_entry_that_says_nothing_is_refused(
    tmp_path: Path, fields: dict[str, str], why: str
) -> None:
    """With the name of the field."""
    (tmp_path / "x.toml").write_text(entry(**fields), encoding="utf-8")

    with pytest.raises(BadMutant, match=why):
        catalogue(tmp_path)


def test_two_mutants_of_one_name_are_refused(tmp_path: Path) -> None:
    """Whoever reads a report must know which one it was."""
    (tmp_path / "x.toml").write_text(entry() + entry(), encoding="utf-8")

    with pytest.raises(BadMutant, match="two mutants are called 'x'"):
        catalogue(tmp_path)


@pytest.mark.parametrize(("old", "times"), [("no such text", 0), ("return", 2)])
def test_the_old_text_must_occur_once(old: str, times: int) -> None:
    """Not never, and not more often: else nobody knows what was tried."""
    with pytest.raises(BadMutant, match=rf"occurs \d+ times in {QUORUM.file}, expected once"):
        replace(QUORUM, old=old).source()
    assert ((ROOT / QUORUM.file).read_text(encoding="utf-8").count(old) >= times) is True


def test_rules_are_read_from_what_a_killer_says() -> None:
    """One by one, and in ranges."""
    assert cited("R1, R3-R5 and R39 to R41, not ER9") == {1, 3, 4, 5, 39, 40, 41}


def test_the_published_page_is_what_the_catalogue_says() -> None:
    """`PYTHONPATH=.:tests python -m kit.mutants page` writes it."""
    assert PAGE.read_text(encoding="utf-8") == page(catalogue())
