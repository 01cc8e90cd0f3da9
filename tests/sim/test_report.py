"""The report knows all rules, adds up, and is not content with less than it wants."""

from __future__ import annotations

import re

from msgspec.structs import replace

from kit.tree import ROOT
from sim.byzantine.deeds import Toll
from sim.report import FULL, RULE_COUNT_MIN, Report
from sim.rules import RULES
from sim.run import Outcome, Plan, run
from sim.sweep import measured, plan, profile_of, sweep

GOOD = Outcome(
    plan=Plan(seed=1, profile="calm", validators=4),
    violation=None,
    message="",
    heights=5,
    incidents=3,
    deliveries=500,
    simulated_ms=4_000,
    highest_view=2,
    reproposed=1,
    recovery_ms=400,
    trace="00",
    rules=dict.fromkeys(RULES, RULE_COUNT_MIN),
    kinds=("liar",),
    tolls={"liar: prepare: view +1": Toll(6, 2, 1), "liar: prepare: seat +1": Toll(3, 2, 0)},
)
BROKEN = replace(GOOD, violation="Stuck", message="v0 did not decide 6 within 20000 ms")


def reported(*outcomes: Outcome, schedules: int = 0) -> Report:
    report = Report()
    for outcome in outcomes:
        report.add(outcome, 0.1)
    report.schedules = schedules or report.schedules
    return report


_RULE = r"^\*\*R(\d+) "


def test_the_rules_are_those_of_the_protocol() -> None:
    """Who adds a rule says how the simulation counts it; no replica follows those for strangers."""
    page = (ROOT / "docs/protocol.md").read_text(encoding="utf-8")
    replicas, rest = page.split("### Proofs for strangers")
    strangers, _, _around = rest.partition("\n### ")

    assert [int(number) for number in re.findall(_RULE, replicas, re.MULTILINE)] == [*RULES]
    others = [int(number) for number in re.findall(_RULE, strangers, re.MULTILINE)]
    assert others == list(range(max(RULES) + 1, max(RULES) + 1 + len(others)))


def test_a_violation_is_shown_with_the_command_that_reproduces_it() -> None:
    """And is enough to fail, in the smallest run."""
    report = reported(GOOD, BROKEN)

    assert report.missed == ["Stuck: mithaq sim run --seed 1 --validators 4 --profile calm"]
    lines = "\n".join(report.lines())
    assert "v0 did not decide 6" in lines
    assert "mithaq sim run --seed 1 --validators 4 --profile calm" in lines


def test_what_byzantine_seats_did_is_added_up_by_kind() -> None:
    """How often they lied, and how often the view was lost: a seat without effect shows nothing."""
    report = reported(GOOD, GOOD)

    assert "  liar               18 deeds in 8 views, 25% of these lost" in report.lines()
    deeds = report.facts()["deeds"]
    assert isinstance(deeds, dict)
    assert deeds["liar: prepare: view +1"] == {"told": 12, "views": 4, "lost": 2}


def test_a_full_run_wants_every_rule_a_hundred_times() -> None:
    """A smaller one does not: chance alone decides there."""
    poor = replace(GOOD, rules={**GOOD.rules, 11: RULE_COUNT_MIN - 1})

    assert reported(poor).missed == []
    assert reported(poor, schedules=FULL).missed[0].startswith("R11 fired 99 times")


def test_a_full_run_wants_late_views_and_re_proposals() -> None:
    """Else it has looked at the normal case only."""
    easy = replace(GOOD, highest_view=1, reproposed=0)

    missed = reported(easy, schedules=FULL).missed

    assert [line.split(" ")[0] for line in missed] == ["view", "a"]


def test_slow_recoveries_fail() -> None:
    """The median may be two seconds at most."""
    report = reported(replace(GOOD, recovery_ms=2_001))

    assert report.missed == ["median recovery of 2001 ms"]


def test_processes_give_the_outcomes_of_one() -> None:
    """In the order of the plans."""
    plans = [plan(seed, profile="calm", validators=4) for seed in range(4)]

    found = [outcome for outcome, _ in sweep(plans, processes=2)]

    assert found == [run(one) for one in plans]


def test_a_schedule_costs_a_measured_time() -> None:
    """Of the core that ran it."""
    _, cpu_s = measured(plan(1, profile="calm", validators=4))

    assert cpu_s > 0


def test_profiles_are_drawn_by_their_shares() -> None:
    """All of them within a thousand seeds or so, a night now and then."""
    drawn = [profile_of(seed) for seed in range(4_000)]

    assert 0 < drawn.count("night") < 20
    assert drawn.count("phases") > drawn.count("calm")
