"""The numbered rules of docs/protocol.md, the code, and the tests speak of the same things."""

import re
from pathlib import Path

import pytest

from kit.tree import ROOT

PAGE = (ROOT / "docs/protocol.md").read_text(encoding="utf-8")
RULES = re.findall(r"^\*\*R(\d+) ", PAGE, re.MULTILINE)
ELSEWHERE = {3, 16, 34, 36, 37, 38, 40, 44, 45, *range(47, 73)}
"""Rules of the rooms around the core, which test them; the core keeps all others."""


PRODUCT = ("primitives", "consensus", "ledger", "services", "storage", "p2p", "node", "verifier")


def cited(*patterns: str) -> set[int]:
    texts = (
        path.read_text(encoding="utf-8") for pattern in patterns for path in ROOT.glob(pattern)
    )
    found = {
        (int(first), int(last or first))
        for text in texts
        for first, last in re.findall(r"(?<![A-Za-z0-9])R(\d{1,2})\b(?:[-–]R(\d{1,2})\b)?", text)
    }
    return {number for first, last in found for number in range(first, last + 1)}


def test_the_rules_are_numbered_in_order() -> None:
    """From R1 on without a gap, each stated once."""
    assert [int(number) for number in RULES] == list(range(1, len(RULES) + 1))


@pytest.mark.parametrize(
    "rule", re.split(r"\n(?=\*\*R\d+ )", PAGE)[1:], ids=lambda rule: rule[2:5].strip()
)
def test_a_rule_names_its_source_and_where_it_is_kept(rule: str) -> None:
    """In brackets at its end: where it comes from, and files that exist."""
    sources = re.search(r"\*\((.+?)\)\*", rule, re.DOTALL)

    assert sources is not None
    paths = re.findall(r"`([a-z_0-9]+/[a-z_0-9/]+\.py)`", sources[1])
    assert paths
    assert [path for path in paths if not (ROOT / path).is_file()] == []


def test_code_and_tests_cite_rules_that_exist() -> None:
    """No number beyond the last rule."""
    rules = {int(number) for number in RULES}

    assert cited("consensus/*.py", "node/**/*.py", "tests/consensus/**/*.*") - rules == set()


def test_every_rule_of_the_core_is_shown_by_a_test() -> None:
    """By a dialogue or by a test that cites it."""
    shown = cited("tests/consensus/scripts/*.txt", "tests/consensus/test_[!r]*.py")

    assert {int(number) for number in RULES} - ELSEWHERE - shown == set()


def test_every_rule_is_cited_by_the_code_that_keeps_it_and_by_a_test() -> None:
    """In whatever room: who reads a rule finds both."""
    rules = {int(number) for number in RULES}

    assert rules - cited(*(f"{room}/**/*.py" for room in PRODUCT)) == set()
    tests = [
        path
        for path in ROOT.glob("tests/*/*")
        if path.suffix == ".py" and path.parent.name != "kit"
    ]
    shown = cited(*(str(path.relative_to(ROOT)) for path in tests if path != Path(__file__)))
    assert rules - shown - cited("tests/consensus/scripts/*.txt") == set()
