"""What several nodes say, put together."""

from __future__ import annotations

from cli.second_opinion import Opinion, Witness
from client.connection import Node
from kit.situations import MINISTRIES, Situation
from node.diagnosis import diagnose
from node.facts import Trouble
from node.roll_call import LINKS_MS
from node.status import BEHIND_MAX
from primitives.ids import NO_VIEW, BlockId, Height

SILENT = Trouble.SILENT


def witness(situation: Situation) -> Witness:
    """A node that answers; it is called as its validator."""
    facts = situation.facts
    return Witness(Node(facts.name, "http://127.0.0.1:1"), diagnose(facts))


def silent(name: str, why: str = "127.0.0.1:2 does not answer") -> Witness:
    return Witness(Node(name, "http://127.0.0.1:2"), None, why, mute=True)


def split(seat: int, near: int) -> Witness:
    """Of seven, from one side of a cut behind the first so many."""
    side = range(near) if seat < near else range(near, 7)
    lost = [name for number, name in enumerate(MINISTRIES) if number not in side]
    return witness(
        Situation(7, seat=seat).loses(*lost, trouble=SILENT).waits(40_000, entered=NO_VIEW)
    )


def codes(found: Opinion) -> list[str]:
    return [told.finding.code for told in found.findings]


def test_those_who_agree_speak_once() -> None:
    """Nothing is said twice, and nobody is named who says what all say."""
    three = [witness(Situation(4, seat=seat).loses("Health")) for seat in range(3)]
    found = Opinion((*three, silent("Health")))

    assert found.verdict == "slow"
    assert codes(found) == ["validator.missing"]
    assert "says" not in found.text()
    assert found.contradictions == ()
    assert "Health    127.0.0.1:2 does not answer" in found.text()


def test_who_alone_finds_something_is_named() -> None:
    """One of two."""
    late = Situation(4, seat=1).machine(lag_ms=2_000)
    found = Opinion((witness(Situation(4)), witness(late)))

    assert found.verdict == "slow"
    assert "loop.lagging  (says Interior)" in found.text()
    assert found.words.startswith("Slow at height 1,203")


def test_both_ends_of_a_cut_prove_it() -> None:
    """At 3/4 none has a quorum; what one side sees of the other is no finding any more."""
    found = Opinion((split(0, 3), split(1, 3), split(4, 3)))

    assert found.verdict == "halted"
    assert len(found.sides) == 2
    [words] = found.contradictions
    assert words.startswith(
        "The network is cut. The validators stand on 2 sides: Finance, Interior, Justice | "
        "Culture, Energy, Health, Labour; none has the 5 that it takes to decide."
    )
    assert codes(found) == []


def test_who_is_cut_off_does_not_speak_for_the_chain() -> None:
    """At 2/5 the five go on, though the two say that the chain is halted."""
    five = witness(Situation(7, seat=3).loses("Finance", "Interior", trouble=SILENT))
    found = Opinion((split(0, 2), five))

    assert found.verdict == "slow"
    assert "can go on, the others cannot" in found.contradictions[0]
    assert "halted" in found.text()


def test_who_is_down_on_every_side_stays_named() -> None:
    """Beside a cut, a machine that is really off."""
    one = split(0, 3)
    three = Situation(7, seat=4).loses("Finance", "Interior", "Justice", trouble=SILENT)
    three.loses("Culture", trouble=Trouble.DOWN)

    found = Opinion((one, witness(three)))

    assert ("validator.missing", ("Culture",)) in {
        (told.finding.code, told.finding.validators) for told in found.findings
    }


def test_a_cut_within_a_side_is_a_line() -> None:
    """Both answer us and reach others; only the two do not reach each other."""
    one = Situation(4, seat=0).loses("Interior", trouble=SILENT)
    found = Opinion((witness(one), witness(Situation(4, seat=1)), witness(Situation(4, seat=2))))

    assert len(found.sides) == 1
    [words] = found.contradictions
    assert words == (
        "Interior answers here, and Finance cannot reach it: no machine is down there, the line "
        "between them is cut or closed."
    )


def test_two_blocks_of_one_height_are_said_first() -> None:
    """The worst there is; equal heights only."""
    other = Situation(4, seat=1).alter(block_id=BlockId(b"\1" * 32))
    found = Opinion((witness(Situation(4)), witness(other)))

    assert found.verdict == "slow"
    assert found.contradictions[0].startswith("Two blocks of height 1,203: Finance 00000000…;")
    later = other.alter(height=Height(1204))
    assert Opinion((witness(Situation(4)), witness(later))).contradictions == ()


def test_who_is_far_behind_is_named() -> None:
    """From one block to the next."""
    height = Situation(4).facts.height
    for behind, said in ((BEHIND_MAX, 0), (BEHIND_MAX + 1, 1)):
        late = Situation(4, seat=1).alter(height=Height(height - behind))
        assert len(Opinion((witness(Situation(4)), witness(late))).contradictions) == said


def test_where_nobody_answers_nothing_is_known() -> None:
    """But what the folders say."""
    found = Opinion((silent("Finance", "127.0.0.1:2 says nothing; its process has ended"),))

    assert found.verdict == "unknown"
    assert "its process has ended" in found.text()
    assert found.named()["nodes"][0]["why"] is None


def test_programs_get_it_all() -> None:
    """Each finding with who has it, and each node's whole diagnosis."""
    found = Opinion((witness(Situation(4).loses("Health")), silent("Health")))

    named = found.named()

    assert named["findings"][0]["code"] == "validator.missing"
    assert named["findings"][0]["by"] == ["Finance"]
    assert named["nodes"][0]["why"]["facts"]["height"] == 1203


def test_no_line_is_longer_than_a_terminal() -> None:
    """Whatever is said."""
    found = Opinion((split(0, 3), silent("Health", "127.0.0.1:2 does not answer; " + "x " * 90)))

    assert max(map(len, found.text().splitlines())) <= 80


def test_who_started_a_moment_ago_proves_no_cut() -> None:
    """It has not found the others yet; from one moment to the next."""
    for up_ms, said in ((LINKS_MS, 0), (LINKS_MS + 1, 1)):
        young = Situation(4, seat=0).loses("Interior", trouble=Trouble.LOST).machine(up_ms=up_ms)
        found = Opinion((witness(young), witness(Situation(4, seat=1))))
        assert len(found.contradictions) == said
