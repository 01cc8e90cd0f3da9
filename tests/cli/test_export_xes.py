"""`mithaq export xes`, and what people see of the times of procedures."""

from __future__ import annotations

from pathlib import Path

import pytest
from defusedxml.ElementTree import parse

from cli.times import span_text
from kit.desk import desk
from kit.ledger import account_id
from kit.licensing import applied


def test_the_moves_of_an_owner_become_an_event_log(tmp_path: Path) -> None:
    """Of one flow or of all; the node is asked page by page."""
    log, none = tmp_path / "log.xes", tmp_path / "none.xes"
    with desk(tmp_path / "home") as at:
        name = applied(at, tmp_path)
        moved = at.asking("tx", "send", "casework.move_case", "--key", "notary", "--case", name,
                          "--transition", "grant", "--wait")  # fmt: skip
        done = at.asking("export", "xes", "works", "-o", log)
        other = at.asking("export", "xes", "works", "--flow", "permit", "-o", none, "--json")
        unknown = at.asking("export", "xes", "nobody", "-o", tmp_path / "unknown.xes")

    assert (moved.code, done.code, other.code) == (0, 0, 0), done.err
    assert "2 moves of 1 cases" in done.out
    (trace,) = parse(log).findall("{*}trace")
    found = [
        {each.get("key"): each.get("value") for each in event}
        for event in trace.findall("{*}event")
    ]
    assert [(event["concept:name"], event["org:resource"]) for event in found] == [
        ("apply", account_id("health").hex()),
        ("grant", account_id("notary").hex()),
    ]
    assert other.result["moves"] == 0
    assert parse(none).findall("{*}trace") == []
    assert unknown.code != 0
    assert not (tmp_path / "unknown.xes").exists()


def test_people_see_spans_and_programs_seconds(tmp_path: Path) -> None:
    """The deadline of the example is ten days."""
    with desk(tmp_path / "home") as at:
        applied(at, tmp_path)
        people = at.asking("query", "casework.flow", "--owner", "works", "--flow", "licence")
        steps = at.asking("query", "casework.steps", "--owner", "works", "--flow", "licence",
                          "--json").result["rows"]  # fmt: skip

    titles, *rows = people.out.splitlines()
    assert "after" in titles.split()
    assert "10d" in rows[-1].split()
    assert [(row["state"], row["resting"], row["median_s"]) for row in steps] == [("open", 1, None)]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0s"), (59, "59s"), (60, "1m"), (3_661, "1h 1m"), (90_061, "1d 1h"), (86_400, "1d")],
)
def test_a_span_is_said_in_its_two_largest_units(seconds: int, text: str) -> None:
    """What is smaller does not matter to people."""
    assert span_text(seconds) == text
