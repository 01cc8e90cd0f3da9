"""`mithaq events`: what a person follows, and what a program reads line by line."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from cli.faults import ExitCode
from kit.desk import Desk, desk


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Desk]:
    with desk(tmp_path / "home") as made:
        for reference in ("a", "b"):
            line = f"to=health,amount=100,reference={reference}"
            assert made.pay("--wait", line=line).code == 0
        words = ["--key", "works", "--commitment", "01" * 32, "--act", "timestamp", "--wait"]
        assert made.asking("tx", "send", "registry.stamp_document", *words).code == 0
        yield made


def test_events_are_sentences_with_names_of_keys(office: Desk) -> None:
    """From a cursor on, and as many as were asked for."""
    done = office.asking("events", "--after", "0.0", "--count", "3")

    assert done.code == 0, done.err
    first, second, third = done.out.splitlines()
    assert first.startswith("1.0  ")
    assert first.endswith(
        "UTC  money.transferred: Line 0 of treasury paid 100 GBP to health, reference a."
    )
    assert second.startswith("2.0  ")
    assert "registry.document_stamped: Account works stamped 0101" in third


@pytest.mark.parametrize(
    ("words", "cursors"),
    [
        (("--type", "registry.*"), ["3.0"]),
        (("--type", "registry.document_stamped", "--about", "01" * 32), ["3.0"]),
        (("--about", "health"), ["1.0", "2.0"]),
        (("--type", "registry.*", "--type", "money.*", "--about", "treasury"), ["1.0", "2.0"]),
    ],
)
def test_filters_name_types_and_whom_it_is_about(
    office: Desk, words: tuple[str, ...], cursors: list[str]
) -> None:
    """A line of JSON for each."""
    count = str(len(cursors))

    done = office.asking("events", "--after", "0.0", "--count", count, "--json", *words)

    assert [json.loads(line)["cursor"] for line in done.out.splitlines()] == cursors


def test_the_query_shows_the_same_sentences(office: Desk) -> None:
    """Newest first."""
    done = office.asking("query", "chain.events", "--limit", "1")

    assert done.code == 0, done.err
    assert "registry.document_stamped  Account works stamped 0101" in done.out
    assert "there are more" in done.err


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("--type", "money"), ExitCode.REFUSED, "type"),
        (("--after", "yesterday"), ExitCode.REFUSED, "after"),
        (("--about", "nobody"), ExitCode.REFUSED, "nobody"),
        (("--count", "0"), ExitCode.USAGE, "--count"),
    ],
)
def test_what_is_no_filter_is_said_so(
    office: Desk, words: tuple[str, ...], code: ExitCode, said: str
) -> None:
    """Before anything is printed."""
    done = office.asking("events", *words)

    assert (done.code, done.out) == (code, "")
    assert said in done.err
