"""The short suite: real processes on hosts of their own, and what is done to them."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import pytest

from kit.hosts.needed import needs_hosts
from kit.perturb.judge import judge
from kit.perturb.manifest import load_manifest
from kit.perturb.report import report
from kit.perturb.run import play
from kit.tree import ROOT

MINUTES_S = 180.0
"""That it may take."""


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
    assert took_s < MINUTES_S
