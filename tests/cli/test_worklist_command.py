"""`mithaq worklist`: a case from its file to the desks of those who deal with it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from cli.faults import ExitCode
from cli.nested import with_placeholders
from kit.commandline import mithaq
from kit.desk import Desk, desk, write_home
from kit.flows import DAY
from kit.ledger import account_id, genesis_document
from ledger.placeholders import placeholder

FLOW: dict[str, Any] = {
    "parties": ["applicant"],
    "states": [
        {
            "state": "door",
            "transitions": [
                {
                    "transition": "apply",
                    "to": "open",
                    "who": {"who": "party", "party": "applicant"},
                    "rest_ms": 0,
                }
            ],
        },
        {
            "state": "open",
            "transitions": [
                {
                    "transition": "grant",
                    "to": "granted",
                    "who": {"who": "holder", "role": "notary", "scope": None},
                    "rest_ms": 0,
                    "needs": [{"need": "impartial"}],
                    "calls": [
                        {
                            "actor": "$OWNER",
                            "operation": {
                                "operation": "registry.stamp_document",
                                "commitment": "$DOCUMENT",
                                "act": "timestamp",
                            },
                        }
                    ],
                },
                {
                    "transition": "lapse",
                    "to": "lapsed",
                    "who": {"who": "silence", "after_ms": 10 * DAY},
                    "rest_ms": 0,
                    "calls": [],
                },
            ],
        },
        {"state": "granted", "transitions": []},
        {"state": "lapsed", "transitions": []},
    ],
}
FLOW["states"][0]["transitions"][0]["calls"] = []


def applied(at: Desk, folder: Path) -> str:
    """Works published a flow, and health applied; the id of the case."""
    file = folder / "licence.json"
    file.write_text(json.dumps(FLOW))
    sent = ("--wait", "--json")
    done = at.asking("tx", "send", "casework.define_flow", "--key", "works", "--flow", "licence",
                     "--definition", str(file), *sent)  # fmt: skip
    assert done.code == 0, done.err
    done = at.asking("tx", "send", "casework.open_case", "--key", "health", "--owner", "works",
                     "--flow", "licence", "--version", "1",
                     "--party", "party=applicant,account=health", "--transition", "apply",
                     "--document", "ab" * 32, *sent)  # fmt: skip
    assert done.code == 0, done.err
    (row,) = at.asking("query", "casework.cases", "--json").result["rows"]
    assert (row["state"], row["parties"]) == ("open", [f"applicant={account_id('health').hex()}"])
    name: str = row["case"]
    return name


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
