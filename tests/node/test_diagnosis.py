"""Why a chain is slow or halted: a table of situations, each with the exact words."""

from __future__ import annotations

from kit.situations import Situation
from node.diagnosis import Diagnosis, diagnose
from node.facts import Trouble
from primitives import limits


def codes(found: Diagnosis) -> list[str]:
    return [finding.code for finding in found.findings]


def test_a_healthy_chain_has_no_findings() -> None:
    """A sentence, and nothing to do."""
    found = diagnose(Situation(4).facts)

    assert found.verdict == "healthy"
    assert found.findings == ()
    assert found.words == (
        "Healthy at height 1,203: block 1,203 came 0.4 s ago; 4 of 4 validators at work, 3 needed."
    )


def test_a_chain_that_rests_says_so() -> None:
    """Nothing to decide is no fault."""
    found = diagnose(Situation(4).rests().facts)

    assert found.verdict == "healthy"
    assert codes(found) == ["idle"]
    assert found.findings[0].words == (
        "Nothing waits to be decided; the next empty block is due in about 40 s."
    )


def test_two_of_four_that_are_down_halt_it() -> None:
    """Who, since when, and what would end the phase."""
    situation = Situation(4).loses("Justice", "Health").waits(prepares=(0, 1), has_proposal=True)
    situation.step(has_body=True, accepted=True)

    found = diagnose(situation.facts)

    assert found.verdict == "halted"
    assert codes(found) == [
        "quorum.missing",
        "phase.waiting",
        "validator.missing",
        "validator.missing",
    ]
    assert found.findings[0].validators == ("Justice", "Health")


def test_one_of_four_that_is_down_slows_it() -> None:
    """The chain goes on."""
    found = diagnose(Situation(4).loses("Health", trouble=Trouble.SILENT).facts)

    assert found.verdict == "slow"
    assert codes(found) == ["validator.missing"]


def test_a_loop_that_is_late_is_said() -> None:
    """At the limit it is not."""
    at_limit = Situation(4).machine(lag_ms=limits.LOOP_LAG_MS_MAX).facts
    above = Situation(4).machine(lag_ms=limits.LOOP_LAG_MS_MAX + 1).facts

    assert codes(diagnose(at_limit)) == []
    assert codes(diagnose(above)) == ["loop.lagging"]
