"""`mithaq worklist`: a case from its file to the desks of those who deal with it."""

from __future__ import annotations

from pathlib import Path

import pytest

from cli.faults import ExitCode
from cli.nested import with_placeholders
from kit.commandline import mithaq
from kit.desk import desk, write_home
from kit.ledger import genesis_document
from kit.licensing import applied
from ledger.placeholders import placeholder


def test_a_case_is_found_on_the_desks_of_those_who_deal_with_it(tmp_path: Path) -> None:
    """The notary may move it; health waits, and sees until when; when it is over, nobody does."""
    with desk(tmp_path / "home") as at:
        name = applied(at, tmp_path)
        clerks = at.asking("worklist", "notary")
        mine = at.asking("worklist", "health", "--json").result["rows"]
        everybodys = at.asking("worklist", "--json").result["rows"]
        ways = at.asking("query", "casework.ways", "--case", name, "--json").result["rows"]
        moved = at.asking("tx", "send", "casework.move_case", "--key", "notary", "--case", name,
                          "--transition", "grant", "--wait")  # fmt: skip
        nothing = at.asking("worklist", "notary")

    titles, row = clerks.out.splitlines()
    assert titles.split() == ["due", "task", "what", "id", "account", "as"]
    cells = [cell.strip() for cell in row.split("  ") if cell]
    assert cells[1:] == ["case", "licence: open", name, "notary", "notary"]
    assert clerks.err.endswith(f"query casework.ways --case {name}\n")
    assert [(each["task"], each["role"], each["due_ms"] is None) for each in mine] == [
        ("awaited", None, False)
    ]
    assert [each["task"] for each in everybodys] == ["awaited", "case"]
    assert [(each["transition"], each["who"]) for each in ways] == [
        ("grant", "holder notary"),
        ("lapse", "silence"),
    ]
    assert moved.code == 0, moved.err
    assert nothing.out == "nothing waits\n"


def test_a_flow_is_asked_for_with_its_ways(tmp_path: Path) -> None:
    """Of its latest version; of one that nobody published there is nothing."""
    with desk(tmp_path / "home") as at:
        applied(at, tmp_path)
        words = ("query", "casework.flow", "--owner", "works", "--json", "--flow")
        rows = at.asking(*words, "licence").result["rows"]
        none = at.asking(*words, "permit").result["rows"]
        other = at.asking("query", "casework.cases", "--state", "granted", "--json").result["rows"]
        unknown = at.asking("query", "casework.ways", "--case", "00" * 32, "--json").result
        absent = at.asking("query", "casework.case", "--case", "00" * 32, "--json").result

    ways = [(row["state"], row["transition"], row["to"], row["after_s"]) for row in rows]
    assert ways == [
        ("door", "apply", "open", 0),
        ("open", "grant", "granted", 0),
        ("open", "lapse", "lapsed", 864_000),
    ]
    assert none == other == unknown["rows"] == absent["rows"] == []


def test_a_home_without_keys_has_no_worklist_of_its_own(tmp_path: Path) -> None:
    """Whose desk should it be?"""
    write_home(tmp_path, genesis_document())
    for path in (tmp_path / "keys").iterdir():
        path.unlink()

    done = mithaq("worklist", "--home", tmp_path, "--node", "http://127.0.0.1:9")

    assert done.code == ExitCode.LOCAL_FAULT
    assert "name an account" in done.err


@pytest.mark.parametrize("word", ["$applicant", "$CASE", "$a1"])
def test_placeholders_are_written_by_their_names(word: str) -> None:
    """Wherever an id stands in JSON; other texts stay what they are."""
    assert with_placeholders({"a": [word]}) == {"a": [placeholder(word[1:]).hex()]}


@pytest.mark.parametrize("word", ["$", "$5", "US$", "$" + "a" * 25, "$a-b", "a"])
def test_what_is_no_placeholder_stays(word: str) -> None:
    """An amount in dollars, for instance."""
    assert with_placeholders([word, 5, None]) == [word, 5, None]
