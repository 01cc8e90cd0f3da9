"""docs/attacks.md names dialogues and tests that exist, and rules that they show."""

import re

import pytest

from kit.tree import ROOT

ROWS = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in (ROOT / "docs/attacks.md").read_text(encoding="utf-8").splitlines()
    if line.startswith("|") and not line.startswith(("| attack", "|---"))
]


def _is(room: str, name: str) -> bool:
    """Whether a test stands in a room; one that stands in none is looked for with the engine's."""
    there = (ROOT / f"tests/{room}/{name}.py").is_file()
    return there or (room == "node" and not (ROOT / f"tests/sim/{name}.py").is_file())


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_an_attack_is_shown_by_what_its_row_names(row: list[str]) -> None:
    """Each rule of the row is cited by a dialogue or a test that stands beside it."""
    _, rules, dialogues, tests = row
    shown = [
        ROOT / f"tests/consensus/scripts/{name}.txt" for name in re.findall(r"`(\w+)`", dialogues)
    ]
    for name in re.findall(r"`(\w+)`", tests):
        shown += [ROOT / f"tests/{room}/{name}.py" for room in ("node", "sim") if _is(room, name)]
    if "model" in tests:
        shown.append(ROOT / "tests/consensus/test_model.py")

    assert shown
    text = "\n".join(path.read_text(encoding="utf-8") for path in shown)
    missing = [rule for rule in rules.split(", ") if not re.search(rf"\b{rule}\b", text)]
    assert missing == []
