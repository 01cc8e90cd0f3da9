"""What a long run is judged by: slopes, descriptors, and reasons for late blocks."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

from kit.perturb.manifest import Manifest
from kit.perturb.record import Record, Seen, Weight
from kit.perturb.soak import counted, growth_of, leaks, reasons_in, unexplained
from kit.perturb.table import ROWS, Row, on_page
from kit.tree import ROOT


def weights(
    *,
    mb_per_hour: float,
    pieces: int = 0,
    more_after_s: int = 4_000,
    more: int = 0,
) -> list[Weight]:
    """An hour that begins with a leap, as every process does."""
    return [
        Weight(
            float(at),
            1,
            100 + (50 if at > 600 else 0) + mb_per_hour * at / 3_600,
            40 + (more if at > more_after_s else 0),
            at / 10,
            # At work, objects come and go; each seventh time a node does not answer.
            None if at % 140 == 0 else 700_000 + (pieces if at > 2_700 else 0) + at % 60,
        )
        for at in range(0, 3_600, 20)
    ]


def test_a_slope_is_that_of_the_second_half() -> None:
    """The leap in the beginning is none; a leak is."""
    steady, leaking = growth_of(weights(mb_per_hour=0.5)), growth_of(weights(mb_per_hour=40))

    assert round(steady.mb_per_hour, 3) == 0.5
    assert round(leaking.mb_per_hour, 3) == 40
    assert leaks({"steady": steady, "leaking": leaking}) == ["leaking grows by 40.0 MB/h"]


def test_objects_that_become_more_are_a_leak_however_light() -> None:
    """As many as Python keeps of freed tuples are none."""
    steady = growth_of(weights(mb_per_hour=20, pieces=40_000))
    leaking = growth_of(weights(mb_per_hour=1, pieces=40_001))

    assert leaks({"steady": steady, "leaking": leaking}) == [
        "leaking: Python's objects took 40,001 pieces more than before"
    ]


def test_a_sawtooth_is_judged_by_its_lows() -> None:
    """Teeth of 160 MB that come down again are no growth; lows that rise are."""
    teeth = [160.0 * (at % 7) / 7 for at in range(180)]

    def over(mb_per_hour: float) -> list[Weight]:
        pairs = zip(weights(mb_per_hour=mb_per_hour), teeth, strict=True)
        return [replace(weight, memory_mb=weight.memory_mb + tooth) for weight, tooth in pairs]

    assert leaks({"steady": growth_of(over(0))}) == []
    assert len(leaks({"leaking": growth_of(over(40))})) == 1


def test_descriptors_that_become_more_are_told() -> None:
    """A few are a client's; those that stay and grow are not."""
    few = growth_of(weights(mb_per_hour=0, more_after_s=2_700, more=4))
    many = growth_of(weights(mb_per_hour=0, more_after_s=2_700, more=9))

    assert leaks({"few": few, "many": many}) == ["many has 9 descriptors more than before"]


def test_a_late_block_needs_a_reason_in_some_log(tmp_path: Path) -> None:
    """The first that was given counts; what is missing is told by its height."""
    said = [
        ("one", {"height": 3, "proposal": "none came", "prepares": 0, "needed": 3}),
        ("two", {"height": 3, "proposal": "good", "prepares": 1, "needed": 3}),
        ("two", {"height": 5, "proposal": "good", "prepares": 2, "needed": 3}),
        ("two", {"height": 6, "proposal": "good", "prepares": 3, "needed": 3}),
    ]
    for name, facts in said:
        with (tmp_path / f"{name}.log").open("a") as log:
            log.write(json.dumps({"event": "view.given_up", **facts}) + "\n")
            log.write('{"event": "block.decided", "height": 9}\nmithaq: not JSON\n')
    record = Record(Manifest(title="made up"))
    record.seen = [
        Seen(0.0, height, "id", view, ())
        for height, view in enumerate([0, 0, 1, 0, 2, 1, 1], start=1)
    ]

    reasons = reasons_in(sorted(tmp_path.glob("*.log")))

    assert reasons == {3: "proposal (none came)", 5: "prepares", 6: "commits"}
    assert unexplained(record, reasons) == [7]
    assert counted(record, reasons) == (
        "4 of 7 blocks late: 1 for want of proposal (none came), 1 for want of prepares, "
        "1 for want of commits, 1 for want of no reason"
    )


def test_a_measured_row_replaces_that_of_the_page() -> None:
    """Every row of the table has a place there; what was missed says so."""
    page = (ROOT / "docs/resilience.md").read_text(encoding="utf-8")
    rows = {name: Row(f"case {name}", "goal", f"result {name}", name != "flood") for name in ROWS}

    written = on_page(page, rows)

    assert on_page(written, rows) == written
    for name in ROWS:
        missed = "**missed**: " if name == "flood" else ""
        row = f"| case {name} | goal | {missed}result {name} | `kit.perturb table {name}` |"
        assert written.count(row) == 1
    assert len(written.splitlines()) == len(page.splitlines())
