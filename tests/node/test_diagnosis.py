"""Why a chain is slow or halted: a table of situations with the exact words, and laws.

The words stand in tests/vectors/diagnoses.json: they are for people, so a difference is read by one
before it is committed (`REWRITE=1`).
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import given, settings
from msgspec.structs import replace

from kit.golden import compare_or_rewrite
from kit.situations import SIGNING, Situation, decided, situations
from node.diagnosis import Diagnosis, diagnose
from node.facts import Facts, Trouble
from node.findings import RANK, Code, Weight
from node.plain_words import names, since, span
from node.roll_call import ATTEMPT_MS, LINKS_MS, TOGETHER_MS, Reach, RollCall
from node.standing import SigningState
from node.status import Syncing
from node.waiting_for import TURNS_LOST
from primitives import limits
from primitives.ids import NO_VIEW, Height, Seat, TimeMs, View
from primitives.named import from_named, to_named
from primitives.validators import quorum

GOLDEN: Final = Path(__file__).parents[1] / "vectors" / "diagnoses.json"
SILENT: Final = Trouble.SILENT
PROPOSED: Final = {"has_proposal": True, "has_body": True, "accepted": True}


def fenced(**changed: object) -> dict[str, object]:
    """Our own signer has lost its memory."""
    reason = "the signer's memory is missing"
    state = replace(SIGNING, state=SigningState.FENCED, reason=reason, answered=1)
    return {"signing": replace(state, **changed)}


def split(seat: int, *lost: str) -> Situation:
    """Of seven, some are on the other side of a line that was cut a minute ago."""
    made = Situation(7, seat=seat).loses(*lost, trouble=SILENT)
    near = tuple(v.seat for v in made.facts.validators if v.name not in lost)
    asked = tuple(View(1) if v.seat in near else View(0) for v in made.facts.validators)
    return made.waits(45_000, wish=View(1), views=asked)


def divided(first: int) -> Situation:
    """The first so many of seven, and the others: an observer hears all of them."""
    made = Situation(7, seat=None)
    for one in made.facts.validators:
        side = range(first) if one.seat < first else range(first, 7)
        made.word(one.name, reaches=tuple(side))
    return made


THREE: Final = ("Finance", "Interior", "Justice")
FOUR: Final = ("Health", "Labour", "Energy", "Culture")

TABLE: Final[dict[str, Callable[[], Situation]]] = {
    "healthy": lambda: Situation(4),
    "healthy, seen by an observer": lambda: Situation(4, seat=None),
    "idle": lambda: Situation(4).rests(),
    "started a moment ago": lambda: (
        Situation(4)
        .alter(block_ms=None, signing=replace(SIGNING, state=SigningState.ASLEEP, answered=1))
        .machine(up_ms=4_000)
    ),
    "f down": lambda: Situation(4).loses("Health"),
    "f + 1 down, a block under way": lambda: (
        Situation(4).loses("Justice", "Health").waits(prepares=(Seat(0), Seat(1)), **PROPOSED)
    ),
    "f + 1 down, no view can begin": lambda: (
        Situation(4)
        .loses("Justice", "Health", after_ms=720_000)
        .waits(700_000, wish=View(1), views=(View(1), View(1), View(0), View(0)))
    ),
    "f + 1 down, seen by an observer": lambda: (
        Situation(4, seat=None)
        .loses("Justice", "Health", after_ms=720_000)
        .waits(700_000, entered=NO_VIEW, views=(View(1), View(1), View(0), View(0)))
    ),
    "f + 1 down and nothing to decide": lambda: Situation(4).loses("Justice", "Health").rests(),
    "one commit is lacking": lambda: (
        Situation(4)
        .loses("Justice", "Health")
        .waits(prepares=(0, 1, 3), commits=(0, 1), **PROPOSED)
    ),
    "a process that is stopped": lambda: Situation(4).one("Health", heard_ms=14_000).waits(8_000),
    "a process that hangs": lambda: Situation(4).loses("Health", trouble=Trouble.HUNG),
    "a link that broke a moment ago": lambda: Situation(4).loses(
        "Health", after_ms=400, trouble=Trouble.LOST
    ),
    "the whole network starts": lambda: (
        Situation(4)
        .alter(block_ms=None, signing=replace(SIGNING, state=SigningState.ASLEEP, answered=1))
        .machine(up_ms=4_000)
        .word("Interior", standing="asleep")
        .word("Justice", standing="asleep")
        .word("Health", standing="asleep")
    ),
    "never heard of": lambda: (
        Situation(4)
        .loses("Health", trouble=SILENT)
        .one("Health", turned_ms=None, heard_ms=None, signed_ms=None, word=None)
    ),
    "no address": lambda: (
        Situation(4)
        .loses("Health", trouble=Trouble.UNKNOWN)
        .one("Health", turned_ms=None, heard_ms=None, signed_ms=None, word=None)
    ),
    "kept away": lambda: (
        Situation(4)
        .loses("Health", trouble=Trouble.PAUSED)
        .one("Health", error="a frame of 5000000 bytes; for 38 s more")
    ),
    "the disk was full": lambda: Situation(4).word("Health", disk_low=True).loses("Health"),
    "3/4, from the three": lambda: split(0, *FOUR),
    "3/4, from the four": lambda: split(3, *THREE),
    "2/5, from the two": lambda: split(0, *THREE[2:], *FOUR),
    "2/5, from the five": lambda: Situation(7, seat=2).loses(*THREE[:2], trouble=SILENT),
    "3/4, seen by an observer who hears both": lambda: divided(3),
    "2/5, seen by an observer who hears both": lambda: divided(2),
    "alone": lambda: Situation(4).loses("Interior", "Justice", "Health", trouble=SILENT).rests(),
    "an observer alone": lambda: Situation(4, seat=None).loses(
        "Finance", "Interior", "Justice", "Health", trouble=SILENT
    ),
    "one line is cut": lambda: (
        Situation(4).loses("Health", trouble=SILENT).word("Justice", reaches=(0, 1, 2, 3))
    ),
    "nobody admits this node": lambda: Situation(4, seat=None).loses(
        "Finance", "Interior", "Justice", "Health", trouble=Trouble.NOT_ADMITTED
    ),
    "one other is fenced": lambda: Situation(4).word("Health", standing="fenced"),
    "two others are fenced": lambda: (
        Situation(4).word("Health", standing="fenced").word("Justice", standing="fenced")
    ),
    "one other is cloned": lambda: Situation(4).word("Health", standing="cloned"),
    "one other has halted": lambda: Situation(4).word("Health", standing="halted"),
    "one other signs nothing": lambda: Situation(4).word("Health", standing="muted"),
    "one other starts": lambda: Situation(4).word("Health", standing="asleep", up_ms=3_000),
    "one other is behind": lambda: Situation(4).word("Health", behind=300, height=Height(903)),
    "one other is suspended": lambda: Situation(4).one("Health", suspended=True),
    "this node is fenced": lambda: Situation(4).alter(**fenced()),
    "this node is fenced and returns": lambda: Situation(4).alter(
        **fenced(sign_from=Height(1206), answered=3, needed=3)
    ),
    "this node has halted": lambda: Situation(4).alter(
        halted="block 1204 was decided and is bad in my state: state root"
    ),
    "this node is behind": lambda: (
        Situation(4)
        .word("Interior", height=Height(9_800))
        .word("Justice", height=Height(9_801))
        .word("Health", height=Height(9_801))
    ),
    "this node is behind and fetches": lambda: Situation(4).alter(
        sync=Syncing(
            from_height=Height(1000),
            height=Height(1203),
            target=Height(9801),
            peers=3,
            blocks_per_s=200,
        )
    ),
    "a primary that does not propose": lambda: (
        Situation(4, seat=1)
        .alter(block_ms=3_200)
        .step(for_ms=1_600, work_ms=3_000, timeout_ms=2_000, wish=View(2), entered=View(2))
    ),
    "a primary whose turns come to nothing": lambda: Situation(4).alter(
        decisions=tuple(
            decided(1203 - age, view=int((1203 - age) % 4 == 2), age_ms=1_000 * age + 400)
            for age in range(19, -1, -1)
        )
    ),
    "a body is lacking": lambda: Situation(4).waits(5_000, has_proposal=True),
    "a block is bad here": lambda: Situation(4).waits(
        5_000, has_proposal=True, has_body=True, refused=True, prepares=(1, 2)
    ),
    "everybody there and no block": lambda: Situation(4).waits(90_000, prepares=(0, 1), **PROPOSED),
    "late views, seen by an observer": lambda: Situation(4, seat=None).waits(
        30_000, views=(View(5),) * 4
    ),
    "the heartbeat is overdue": lambda: Situation(4, seat=None).rests(200_000),
    "one clock is wrong": lambda: Situation(4).word("Health", clock_ahead_ms=-10_800_000),
    "our clock is wrong": lambda: (
        Situation(4)
        .word("Interior", clock_ahead_ms=10_800_000)
        .word("Justice", clock_ahead_ms=10_800_004)
        .word("Health", clock_ahead_ms=10_799_800)
    ),
    "one of two clocks is wrong": lambda: Situation(2).word("Interior", clock_ahead_ms=90_000),
    "blocks say that our clock is wrong": lambda: Situation(4).machine(clock_ahead_ms=6_100),
    "our disk is nearly full": lambda: Situation(4).machine(disk_free_bytes=200 << 20),
    "the disk of another is nearly full": lambda: Situation(4).word("Health", disk_low=True),
    "the loop lags": lambda: Situation(4).machine(lag_ms=2_300),
    "the mempool is full": lambda: Situation(4).machine(mempool=49_000, mempool_bytes=12 << 20),
    "another version": lambda: Situation(4).word("Health", version="0.5.2"),
    "other parameters": lambda: Situation(4).word("Health", same_parameters=False),
}


def shown(found: Diagnosis) -> dict[str, Any]:
    """As a person reads it."""
    return {
        "verdict": found.verdict,
        "words": found.words,
        "findings": [
            [one.weight.value, one.code, ", ".join(one.validators), one.words, one.advice]
            for one in found.findings
        ],
    }


def codes(found: Diagnosis) -> list[str]:
    return [finding.code for finding in found.findings]


def test_the_words_of_each_situation() -> None:
    """Exactly."""
    made = {name: shown(diagnose(make().facts)) for name, make in TABLE.items()}

    compare_or_rewrite(GOLDEN, made)


def test_every_code_occurs_in_the_table() -> None:
    """Nobody is told what was never read by a person."""
    said = {code for make in TABLE.values() for code in codes(diagnose(make().facts))}

    assert said == {code.value for code in Code}


@pytest.mark.parametrize("name", TABLE)
def test_a_diagnosis_comes_back_from_its_named_form(name: str) -> None:
    """What a program reads is what the node said."""
    found = diagnose(TABLE[name]().facts)

    assert from_named(to_named(found), Diagnosis) == found


@pytest.mark.parametrize("name", TABLE)
def test_each_finding_ends_with_what_to_do(name: str) -> None:
    """One sentence, or nothing where there is nothing to be done."""
    for finding in diagnose(TABLE[name]().facts).findings:
        assert finding.words.endswith(".")
        assert finding.advice.endswith((".", "?")) or finding.code == Code.IDLE.value
        assert ".." not in finding.words + finding.advice


def test_of_two_clocks_a_difference_is_told_whichever_is_ahead() -> None:
    """In the same words; with the blocks of others it is known whose clock it is."""
    ahead, behind = (
        diagnose(Situation(2).word("Interior", clock_ahead_ms=off_ms).facts)
        for off_ms in (90_000, -90_000)
    )
    known = Situation(2).word("Interior", clock_ahead_ms=-90_000).machine(clock_ahead_ms=90_000)

    assert codes(ahead) == codes(behind) == ["clock.off"]
    assert ahead.findings[0].words == behind.findings[0].words
    [own] = diagnose(known.facts).findings
    assert own.validators == ("Finance",)


def test_both_sides_of_a_split_say_that_neither_can_decide() -> None:
    """At 3/4 of seven; at 2/5 the two say that the others may go on."""
    for seat, lost in ((0, FOUR), (3, THREE)):
        found = diagnose(split(seat, *lost).facts)
        assert found.verdict == "halted"
        [cut] = [one for one in found.findings if one.code == "partition"]
        assert set(cut.validators) == set(lost)
        assert "Neither side can decide anything: 5 of 7 are needed." in cut.words
    alone = diagnose(split(0, *THREE[2:], *FOUR).facts)
    assert "enough to go on without this side" in alone.findings[1].words


def test_what_is_lost_at_different_times_is_no_partition() -> None:
    """From one moment to the next; nor are processes that ended on machines that answer."""
    for apart_ms, told in ((TOGETHER_MS, True), (TOGETHER_MS + 1, False)):
        situation = Situation(7).loses("Health", after_ms=100_000, trouble=SILENT)
        situation.loses("Labour", after_ms=100_000 + apart_ms, trouble=SILENT)
        assert ("partition" in codes(diagnose(situation.facts))) is told
    down = Situation(7).loses("Health", "Labour", trouble=Trouble.DOWN)
    assert "partition" not in codes(diagnose(down.facts))


def test_an_observer_believes_in_a_cut_once_links_had_their_time() -> None:
    """A validator that started a moment ago reaches nobody yet; a word that is old counts not."""
    assert diagnose(divided(3).facts).verdict == "halted"
    assert diagnose(divided(2).facts).verdict == "slow"

    for changed in ({"up_ms": LINKS_MS}, {"age_ms": limits.QUIET_MS + 1}, {"reaches": None}):
        assert codes(diagnose(divided(3).word("Health", **changed).facts)) == []


@pytest.mark.parametrize(
    ("heard_ms", "reaches", "work_ms", "quiet"),
    [
        (5_001, (0, 1, 2), 5_001, True),
        (5_000, (0, 1, 2), 5_001, False),
        (5_001, (0, 1, 2), 5_000, False),
        (5_001, (0, 1, 2, 3), 5_001, False),
    ],
)
def test_an_observer_believes_those_who_hear_more(
    *, heard_ms: int, reaches: tuple[int, ...], work_ms: int, quiet: bool
) -> None:
    """Where the chain stands still validators hear of each other twice a second, it does not."""
    situation = Situation(4, seat=None).waits(work_ms).one("Health", heard_ms=heard_ms)
    for name in ("Finance", "Interior", "Justice"):
        situation.word(name, reaches=reaches)

    found = diagnose(situation.facts)
    assert ("validator.missing" in codes(found)) is quiet


def test_what_was_never_there_is_a_side_as_well() -> None:
    """A network that is divided when it starts."""
    situation = Situation(7)
    for name in FOUR:
        situation.loses(name, trouble=SILENT)
        situation.one(name, turned_ms=None, heard_ms=None, signed_ms=None, word=None)
    found = diagnose(situation.machine(up_ms=20_000).facts)

    assert [one.validators for one in found.findings if one.code == "partition"] == [FOUR]


def test_each_cause_is_told_once() -> None:
    """With all who went silent about the same time; another cause, and another time, apart."""
    situation = Situation(7).loses("Justice", "Health", after_ms=60_000)
    situation.loses("Labour", after_ms=60_000 + TOGETHER_MS + 1)
    situation.loses("Energy", trouble=SILENT)
    found = diagnose(situation.facts)

    missing = [one.validators for one in found.findings if one.code == "validator.missing"]
    assert missing == [("Justice", "Health"), ("Labour",), ("Energy",)]


@pytest.mark.parametrize("trouble", Trouble)
def test_a_cut_line_is_told_where_attempts_come_to_nothing(trouble: Trouble) -> None:
    """Who was refused a moment ago, and whom others reach again, has only just come back."""
    situation = Situation(4).loses("Health", trouble=trouble).word("Justice", reaches=(0, 1, 2, 3))

    told = "partition" in codes(diagnose(situation.facts))
    assert told == (trouble in {SILENT, Trouble.HUNG, Trouble.LOST})


def test_who_signs_on_through_others_is_not_missing() -> None:
    """Whom nobody says to reach either, but whose votes still come."""
    situation = Situation(4).loses("Health", after_ms=60_000, trouble=SILENT)
    assert "validator.missing" in codes(diagnose(situation.facts))

    situation.one("Health", signed_ms=800)

    [cut] = diagnose(situation.facts).findings
    assert (cut.code, cut.validators) == ("partition", ("Health",))
    assert "what they sign still comes by way of others" in cut.words


def test_an_attempt_that_nobody_saw_end_has_met_nobody() -> None:
    """Soon after a break it is not known; from one moment to the next it is silence."""
    for lost_ms, told in ((ATTEMPT_MS, False), (ATTEMPT_MS + 1, True)):
        names_ = ("Health", "Labour")
        lost = Situation(7).loses(*names_, after_ms=lost_ms, trouble=Trouble.LOST)
        assert ("partition" in codes(diagnose(lost.facts))) is told


@pytest.mark.parametrize(
    ("linked", "heard_ms", "age_ms", "counts"),
    [
        (True, 200, 2_000, True),
        (True, 200, 5_000, True),
        (True, 200, 5_001, False),
        (True, limits.QUIET_STALLED_MS + 1, 2_000, False),
        (False, 200, 2_000, False),
    ],
)
def test_who_is_dead_or_spoke_before_vouches_for_nobody(
    *, linked: bool, heard_ms: int, age_ms: int, counts: bool
) -> None:
    """A process that was stopped in the moment when another was killed still called it linked."""
    situation = Situation(4).loses("Health", after_ms=8_000).waits(7_000)
    situation.word("Justice", reaches=(0, 1, 2, 3), age_ms=age_ms)
    situation.one("Justice", linked=linked, heard_ms=heard_ms)

    health = situation.facts.validators[3]
    assert bool(RollCall(situation.facts).reached_by(health)) is counts


@pytest.mark.parametrize(("lag_ms", "said"), [(0, []), (1, ["loop.lagging"])])
def test_a_loop_may_be_so_late(lag_ms: int, said: list[str]) -> None:
    """At the limit, and one millisecond more."""
    found = diagnose(Situation(4).machine(lag_ms=limits.LOOP_LAG_MS_MAX + lag_ms).facts)

    assert codes(found) == said


def test_some_turns_may_be_lost() -> None:
    """One fewer than so many is no word worth; nor what was lost before it came back."""

    def lost(turns: int, **changed: object) -> list[str]:
        blocks = tuple(
            decided(4 * number, view=int(number < turns), age_ms=5_000) for number in range(10)
        )
        return codes(diagnose(Situation(4).alter(decisions=blocks, **changed).facts))

    assert lost(TURNS_LOST - 1) == []
    assert lost(TURNS_LOST) == ["primary.silent"]
    young = Situation(4).machine(up_ms=4_000).facts.machine
    assert lost(TURNS_LOST, machine=young) == []


# --- laws ---------------------------------------------------------------------------------------


@settings(deadline=None)
@given(situations())
def test_it_never_fails_and_is_the_same_for_the_same_facts(facts: Facts) -> None:
    """Always a verdict, its reasons in one order."""
    found = diagnose(facts)

    assert found == diagnose(facts)
    assert (found.verdict == "healthy") == all(
        one.weight is Weight.REMARK for one in found.findings
    )
    order = [(list(Weight).index(one.weight), RANK[one.code]) for one in found.findings]
    assert order == sorted(order)
    assert from_named(to_named(found), Diagnosis) == found


@settings(deadline=None)
@given(situations())
def test_nobody_is_called_missing_who_is_there(facts: Facts) -> None:
    """Not this node, nor who was heard a moment ago, whom others reach, or who signs on."""
    found, call = diagnose(facts), RollCall(facts)

    named = [one.validators for one in found.findings if one.code == "validator.missing"]
    missing = {name for some in named for name in some}
    for one in facts.validators:
        heard = one.linked and one.heard_ms is not None and one.heard_ms <= limits.QUIET_STALLED_MS
        signs_on = (
            one.signed_ms is not None
            and one.turned_ms is not None
            and one.signed_ms < 30_000
            and one.signed_ms + 3_000 < one.turned_ms
        )
        there = one.is_self or heard or (not one.linked and signs_on)
        assert not (there and one.name in missing)
        shut_out = not one.linked and one.trouble is Trouble.NOT_ADMITTED
        gone = call.reach(one) in {Reach.GONE, Reach.QUIET}
        assert (one.name in missing) == (gone and not shut_out)


@settings(deadline=None)
@given(situations())
def test_it_halts_where_no_quorum_is_at_work(facts: Facts) -> None:
    """And never says that a quorum is missing where there is one."""
    found, call = diagnose(facts), RollCall(facts)

    most = max(len(set(side) & set(call.able)) for side in call.sides)
    lacking = most < quorum(len(facts.validators))
    assert ("quorum.missing" in codes(found)) == lacking
    assert not lacking or found.verdict == "halted"


@settings(deadline=None)
@given(situations())
def test_whoever_is_awaited_has_not_signed(facts: Facts) -> None:
    """In the phase that waits."""
    for finding in diagnose(facts).findings:
        if finding.code == "phase.waiting" and "prepares that it takes" in finding.words:
            signed = {v.name for v in facts.validators if v.seat in facts.step.prepares}
            assert not signed & set(finding.validators)
        if finding.code == "phase.waiting" and "commits that it takes" in finding.words:
            signed = {v.name for v in facts.validators if v.seat in facts.step.commits}
            assert not signed & set(finding.validators)


# --- words --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("length_ms", "said"),
    [
        (0, "0.0 s"),
        (9_999, "10.0 s"),
        (10_000, "10 s"),
        (119_499, "119 s"),
        (120_000, "2 min"),
        (5_969_999, "99 min"),
        (6_000_000, "1.7 h"),
        (172_700_000, "48.0 h"),
        (172_800_000, "2 days"),
        (-6_100, "6.1 s"),
    ],
)
def test_lengths_of_time(length_ms: int, said: str) -> None:
    """As exact as it matters."""
    assert span(length_ms) == said


def test_moments_have_a_day_where_it_is_another() -> None:
    """In UTC, whatever the machine's zone."""
    now = TimeMs(1_790_035_200_000)  # midnight

    assert since(60_000, now + 120_000) == "since 00:01:00 UTC (60 s ago)"
    assert since(60_000, now) == "since 2026-09-21 23:59:00 UTC (60 s ago)"


def test_lists_of_names() -> None:
    """Nobody, one, some."""
    assert names([]) == "nobody"
    assert names(["A"]) == "A"
    assert names(["A", "B"], last="or") == "A or B"
    assert names(["A", "B", "C"]) == "A, B and C"
