"""`mithaq sim`: for operators and buyers, who run a seed and see what happens."""

from __future__ import annotations

import json

import pytest

from cli.main import main
from sim.faults import Faults, documentation
from sim.profiles import PROFILES
from sim.trace import LEGEND


def test_a_schedule_is_run_and_summed_up(capsys: pytest.CaptureFixture[str]) -> None:
    """All laws held: that is success."""
    assert main(["sim", "run", "--seed", "5", "--profile", "calm"]) == 0

    shown = capsys.readouterr().out
    assert "all held" in shown
    assert "trace " in shown


def test_the_trace_has_one_line_per_event_with_a_sign_of_the_legend(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Whatever happens, it is explained."""
    main(["sim", "run", "--seed", "5", "--profile", "power", "--trace"])

    lines = capsys.readouterr().out.splitlines()
    events = [line for line in lines if line[:9].strip().replace(".", "").isdecimal()]
    assert len(events) > 300
    assert {line[11] for line in events} <= set(LEGEND)


def test_a_range_ends_with_a_report(capsys: pytest.CaptureFixture[str]) -> None:
    """For programs too."""
    assert main(["sim", "run", "--seeds", "0..3", "--profile", "calm", "--json"]) == 0

    facts = json.loads(capsys.readouterr().out)
    assert facts["schedules"] == 4
    assert facts["violations"] == []


def test_profiles_and_the_legend_explain_themselves(capsys: pytest.CaptureFixture[str]) -> None:
    """Every profile, every sign, every fault."""
    assert main(["sim", "profiles"]) == 0
    shown = capsys.readouterr().out
    assert [name for name in PROFILES if name not in shown] == []

    assert main(["sim", "legend"]) == 0
    shown = capsys.readouterr().out
    assert [name for name in Faults.__struct_fields__ if name not in shown] == []
    assert documentation().keys() == set(Faults.__struct_fields__)


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ([], "either --seed"),
        (["--seed", "1", "--seeds", "1..2"], "either --seed"),
        (["--seeds", "5..2"], "A must not be above B"),
        (["--seeds", "one"], "not A..B"),
        (["--seeds", "1..2", "--trace"], "--trace is for one"),
        (["--seed", "1", "--profile", "sunny"], "sunny"),
    ],
)
def test_what_makes_no_sense_is_refused(
    capsys: pytest.CaptureFixture[str], arguments: list[str], named: str
) -> None:
    """In one line that says why."""
    assert main(["sim", "run", *arguments]) == 2

    assert named in capsys.readouterr().err
