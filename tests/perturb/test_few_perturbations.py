"""The short suite: real processes on hosts of their own, and what is done to them."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

import pytest

from kit.hosts.needed import needs_hosts
from kit.perturb.judge import CALM_S, judge
from kit.perturb.manifest import load_manifest
from kit.perturb.report import report
from kit.perturb.run import NoAnswer, play, told
from kit.tree import ROOT

MINUTES_S = 180.0
"""That it takes at most by its timetable; a machine that is busy with other things takes longer."""
BEFORE_S = 60.0
"""For a network that is founded and started."""


def test_a_small_network_gets_over_five_perturbations(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """No fork, nothing lost, nothing twice, progress where a quorum can speak, and `why` right."""
    needs_hosts()
    manifest = load_manifest(ROOT / "tests/perturb/few.toml")
    said: list[str] = []
    began = time.monotonic()

    verdict = judge(record := play(manifest, tmp_path / "net", said.append))

    took_s = time.monotonic() - began
    with capsys.disabled():
        sys.stdout.write(f"\n{report(record, verdict)}\n  {took_s:.0f} of {MINUTES_S:.0f} s\n")
    assert verdict.wrong == (), "\n".join(said)


class Voice:
    """A node's console that answers what it was told to, one status after the other."""

    def __init__(self, *statuses: int) -> None:
        self._statuses = list(statuses)

    def get(self, path: str, *, timeout_s: float) -> tuple[int, Any]:
        assert timeout_s > 0
        return self._statuses.pop(0), path


def test_a_node_that_is_too_busy_is_asked_again() -> None:
    """Its loop was late, as after a machine stood still; any other refusal is a fault."""
    assert told(Voice(503, 503, 200), "/v1/status") == "/v1/status"
    for statuses in ((404,), (503, 0), (503, 500)):
        with pytest.raises(NoAnswer, match=f"GET /v1/status: {statuses[-1]}"):
            told(Voice(*statuses), "/v1/status")


def test_the_short_suite_is_short() -> None:
    """Three minutes: the last perturbation is over in time for what follows it."""
    manifest = load_manifest(ROOT / "tests/perturb/few.toml")

    over_s = max(one.until_s for one in manifest.perturbations)

    assert BEFORE_S + over_s + CALM_S <= MINUTES_S
