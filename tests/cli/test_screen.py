"""One screen for the normal day, in eighty columns."""

from __future__ import annotations

from cli.screen import VALIDATORS_SHOWN, WIDTH, screen
from cli.second_opinion import Opinion, Witness
from client.connection import Node
from kit.situations import NOW, Situation, decided
from node.diagnosis import diagnose
from node.facts import Trouble


def opinion(*situations: Situation) -> Opinion:
    """Of the nodes that see these, and one that does not answer."""
    answering = [
        Witness(Node(made.facts.name, "http://127.0.0.1:1"), diagnose(made.facts))
        for made in situations
    ]
    dead = Witness(Node("node9", "http://127.0.0.1:9"), None, "127.0.0.1:9 does not answer")
    return Opinion((*answering, dead))


def test_it_shows_the_day() -> None:
    """The whole of it."""
    text = screen(opinion(Situation(4), Situation(4, seat=None)), NOW)

    assert text.splitlines() == [
        "Republic  02:00:00 UTC",
        "Healthy at height 1,203: block 1,203 came 0.4 s ago; 4 of 4 validators at work,",
        "3 needed.",
        "a block every 1.0 s, longest 1.0 s; final in 0.2 s, longest 0.9 s",
        "",
        "NODE       HEIGHT  BLOCK     VIEW  LINKS  WAITING  DISK FREE  STATE",
        "Finance    1,203   00000000  0     3/3    12       40 GiB     healthy",
        "observer0  1,203   00000000  0     4/4    12       40 GiB     healthy",
        "node9      -       -         -     -      -        -          127.0.0.1:9 does …",
        "",
        "VALIDATOR  STATE    HEIGHT  VIEW  CLOCK  UP      SIGNED  VERSION",
        "Finance    at work  1,203   0     -      24.0 h  1,203   0.6.0",
        "Interior   at work  1,203   0     -3 ms  24.0 h  1,203   0.6.0",
        "Justice    at work  1,203   0     -3 ms  24.0 h  1,203   0.6.0",
        "Health     at work  1,203   0     -3 ms  24.0 h  1,203   0.6.0",
    ]


def test_trouble_stands_above_the_tables() -> None:
    """By code and name; `mithaq why` has the words."""
    lines = screen(opinion(Situation(4).loses("Health")), NOW).splitlines()

    assert "! validator.missing (Health): mithaq why" in lines
    assert any(line.startswith("Health     missing") for line in lines)


def test_it_says_how_the_blocks_come() -> None:
    """What took a second view, and what was late."""
    late = Situation(4).alter(
        finality=None,
        decisions=(
            decided(1201, age_ms=9_000),
            decided(1202, age_ms=4_000, view=1),
            decided(1203, age_ms=3_000),
        ),
    )
    young = Situation(4).alter(finality=None, decisions=())

    assert (
        "a block every 3.0 s, longest 5.0 s; 1 of 3 took a second view"
        in screen(opinion(late), NOW).splitlines()
    )
    assert "no block yet since the node started" in screen(opinion(young), NOW)


def test_no_line_is_wider_than_eighty_columns() -> None:
    """In any situation."""
    situations = [
        Situation(7, seat=0).loses("Health", "Labour", "Energy", trouble=Trouble.SILENT),
        Situation(7, seat=5).loses("Finance", "Interior", "Justice", trouble=Trouble.SILENT),
        Situation(7, seat=6).machine(lag_ms=900_000).word("Health", clock_ahead_ms=-9_999_999),
    ]
    text = screen(opinion(*situations), NOW)

    assert max(map(len, text.splitlines())) <= WIDTH


def test_of_many_validators_those_in_trouble_have_a_line() -> None:
    """A screen has some twenty lines."""
    made = Situation(4)
    many = tuple(made.facts.validators) * (VALIDATORS_SHOWN // 4)
    assert screen(opinion(made.alter(validators=many)), NOW).count("at work  1,203") == len(many)

    more = made.alter(validators=(*many, many[-1]))
    assert "all 17 validators are at work" in screen(opinion(more), NOW)


def test_where_nobody_answers_there_is_only_that() -> None:
    """And no table of validators."""
    lines = screen(opinion(), NOW).splitlines()

    assert lines[0] == "02:00:00 UTC"
    assert lines[1] == "No node answers: nothing can be said of the chain from here."
    assert "VALIDATOR" not in screen(opinion(), NOW)
