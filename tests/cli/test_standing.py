"""Who answers, who is missing, and whether the chain can proceed."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from cli.standing import Report, Standing, judge, overview
from client.connection import Node
from kit.api import AT_WORK, ChainOfOne
from node.standing import SigningState
from primitives.ids import Height
from primitives.validators import quorum

NAMES = ("finance", "interior", "justice", "health")


def standing(present: int, validators: int = 4) -> Standing:
    names = [f"v{index}" for index in range(validators)]
    return Standing((), tuple(names[:present]), tuple(names[present:]))


def test_the_sentence_of_a_waiting_chain_names_who_is_missing() -> None:
    """By ministry."""
    found = Standing((), ("finance", "interior"), ("justice", "health"))

    assert found.sentence() == (
        "2 of 4 validators answer; 3 are needed: the chain waits. Missing: justice, health."
    )


def test_the_sentence_of_a_chain_that_proceeds_names_them_too() -> None:
    """One is missing, and none."""
    assert Standing((), NAMES[:3], NAMES[3:]).sentence() == (
        "3 of 4 validators answer; 3 are needed: the chain proceeds. Missing: health."
    )
    assert Standing((), NAMES, ()).sentence() == (
        "All 4 validators answer; 3 are needed: the chain proceeds."
    )


@pytest.mark.parametrize("validators", range(1, 12))
def test_a_chain_proceeds_exactly_with_a_quorum(validators: int) -> None:
    """For every number of validators."""
    for present in range(validators + 1):
        found = standing(present, validators)
        assert found.can_proceed == (present >= quorum(validators))
        assert ("the chain waits" in found.sentence()) != found.can_proceed


def test_where_nobody_answers_nobody_says_who_the_validators_are() -> None:
    """Unless the home has their names."""
    silent = [Report(Node("n", "http://127.0.0.1:1"), None, "does not answer")]

    assert "nobody says" in judge(silent).sentence()
    assert judge(silent, NAMES).missing == NAMES
    assert not judge(silent).can_proceed


def report(name: str, *, missing: set[str]) -> Report:
    chain = ChainOfOne()
    chain.disconnected = missing
    status = chain.status()
    [key] = [one.key for one in status.validators if one.name == name]
    return Report(Node(name, "http://127.0.0.1:1"), replace(status, name=name, key=key))


def test_who_is_asked_and_silent_is_missing_whatever_others_say() -> None:
    """A link may outlive a process by a moment."""
    silent = Report(Node("Ministry 1", "http://127.0.0.1:2"), None, "does not answer")

    found = judge([report("Ministry 0", missing=set()), silent])

    assert found.missing == ("Ministry 1",)


def test_validators_stand_in_the_order_of_genesis_and_newcomers_behind_them() -> None:
    """Not in that of their keys, which says nothing to people."""
    known = ("Ministry 3", "Ministry 1", "Ministry 0")

    found = judge([report("Ministry 0", missing=set())], known)

    assert found.present == ("Ministry 3", "Ministry 1", "Ministry 0", "Ministry 2")


def test_who_is_not_asked_is_present_where_one_who_answers_is_connected() -> None:
    """A home of one node sees the others through it."""
    found = judge([report("Ministry 0", missing={"Ministry 2", "Ministry 3"})])

    assert set(found.present) == {"Ministry 0", "Ministry 1"}
    assert set(found.missing) == {"Ministry 2", "Ministry 3"}


MUTED = replace(AT_WORK, state=SigningState.MUTED, reason="its memory is lost")
ASLEEP = replace(AT_WORK, state=SigningState.ASLEEP)


@pytest.mark.parametrize(
    ("changed", "state"),
    [
        ({"halted": "its state differs"}, "halted: its state differs"),
        ({"signing": MUTED}, "follows, signs nothing: its memory is lost"),
        ({"signing": ASLEEP}, "listening, since its start: 3 of 2 others answered"),
        ({"signing": None}, "at work"),
        ({"clock_ahead_ms": -10_800_210}, "at work; its clock is 180 min behind"),
        ({"clock_ahead_ms": 6_100}, "at work; its clock is 6.1 s ahead"),
        ({}, "at work"),
    ],
)
def test_a_node_that_signs_nothing_says_why_and_is_missing(
    changed: dict[str, object], state: str
) -> None:
    """Halted and muted are two things; a validator that only listens will vote soon."""
    one = report("Ministry 0", missing=set())
    assert one.status is not None

    found = judge([Report(one.node, replace(one.status, **changed))])

    assert overview(found).splitlines()[2].endswith(state)
    assert ("Ministry 0" in found.missing) == (
        "halted" in changed or changed.get("signing") is MUTED
    )


def test_who_says_that_it_signs_nothing_is_missing_though_it_is_connected() -> None:
    """A home of one node hears it through that node."""
    one = report("Ministry 0", missing=set())
    assert one.status is not None
    told = tuple(replace(v, signs=v.name != "Ministry 2") for v in one.status.validators)

    found = judge([Report(one.node, replace(one.status, validators=told))])

    assert found.missing == found.silent == ("Ministry 2",)
    assert found.sentence().endswith(
        "Missing: Ministry 2. Answering, but signing nothing: Ministry 2."
    )


@pytest.mark.parametrize(("fenced", "stuck"), [(1, False), (2, True)])
def test_more_than_f_fenced_ones_are_their_operators_business(*, fenced: int, stuck: bool) -> None:
    """Who has a height to sign from comes back by itself."""
    signing = replace(AT_WORK, state=SigningState.FENCED, reason="its memory is lost")
    reports = []
    for number in range(4):
        one = report(f"Ministry {number}", missing=set())
        assert one.status is not None
        state = signing if number < fenced else AT_WORK
        if number == 3:
            state = replace(signing, sign_from=Height(9))
        reports.append(Report(one.node, replace(one.status, signing=state)))

    words = judge(reports).sentence()

    advice = "More than 1 is fenced: each comes back by its operator's `mithaq unfence` only."
    assert words.endswith(advice) is stuck


def test_the_overview_has_a_line_for_each_node() -> None:
    """And one for the network, and the sentence."""
    silent = Report(Node("Ministry 1", "http://127.0.0.1:2"), None, "does not answer")

    text = overview(judge([report("Ministry 0", missing=set()), silent]))

    lines = text.splitlines()
    assert lines[0].startswith("network Test network, chain ")
    assert lines[1].split()[:4] == ["NODE", "ROLE", "HEIGHT", "BLOCK"]
    assert lines[2].split()[:3] == ["Ministry", "0", "validator"]
    assert lines[3].endswith("does not answer (127.0.0.1:2)")
    assert lines[4].startswith("3 of 4 validators answer")


def test_who_broke_a_promise_is_not_overlooked() -> None:
    """Whom the minimum needs votes on; who holds evidence is named, and how to see it."""
    plain = report("Ministry 0", missing=set())
    assert plain.status is not None
    marked = tuple(
        replace(each, suspended=each.name == "Ministry 1") for each in plain.status.validators
    )
    telling = replace(plain.status, validators=marked, evidence=2)

    clean, told = overview(judge([plain])), overview(judge([Report(plain.node, telling)]))

    assert "suspended" not in clean
    assert told.endswith(
        "Ministry 1 is suspended, and votes until a replacement joins.\n"
        "Evidence of equivocation at Ministry 0: mithaq evidence list"
    )
