"""Perturbation tests: `PYTHONPATH=.:tests python -m kit.perturb run tests/perturb/*.toml`.

    run MANIFEST… [--seeds FIRST..LAST]   play each, and one made from each seed
    table [ROW…] [--minutes M] [--write]  the numbers of docs/resilience.md, goal and result
    soak [--hours H]                      half load without trouble; nothing may grow
    sweep                                 remove what killed runs left

What fails keeps its folder; of a seed, the manifest goes to tests/perturb/regressions.

Exit code 0 when nothing was wrong. Where there can be no hosts it skips; under CI it fails.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from kit.hosts.system import obstacle, sweep
from kit.perturb.generate import generate
from kit.perturb.judge import gap_s, judge
from kit.perturb.manifest import Manifest, ManifestFault, load_manifest, manifest_text
from kit.perturb.record import Record
from kit.perturb.report import report
from kit.perturb.run import play
from kit.perturb.soak import counted, growth_of, leaks, reasons_in, unexplained
from kit.perturb.table import ROWS, WARM_S, Bench, Row, network_at, on_page, saturated
from kit.tree import ROOT

TABLE_SIGHT_S: Final = 0.4
"""Nine nodes are asked; more often would be a load of its own."""
PAGE: Final = ROOT / "docs/resilience.md"
SOAK_SIGHT_S: Final = 2.0
Play = Callable[[Manifest, Path, Callable[[str], None]], Record]
KEPT: Final = ROOT / "tests/perturb/regressions"


def run(manifest: Manifest, play: Play = play) -> bool:
    """Play one; whether nothing was wrong. What breaks on the way ends this one, not the suite."""
    home = Path(tempfile.mkdtemp(prefix="mithaq-perturb-"))
    began = time.monotonic()
    _say(f"== {manifest.title}")
    try:
        record = play(manifest, home / "net", _say)
    except (AssertionError, LookupError, OSError, subprocess.SubprocessError) as error:
        _say(f"  WRONG: {str(error) or type(error).__name__}\n  the folder is kept: {home}")
        return False
    verdict = judge(record)
    _say(report(record, verdict))
    _say(f"  {time.monotonic() - began:.0f} s")
    if verdict.wrong:
        _say(f"  the folder is kept: {home}")
        return False
    shutil.rmtree(home)
    return True


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit code."""
    parser = argparse.ArgumentParser(
        prog="kit.perturb", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", required=True)
    playing = commands.add_parser("run")
    playing.add_argument("manifests", nargs="*", type=Path)
    playing.add_argument("--seeds", type=_seeds, default=(), metavar="FIRST..LAST")
    numbers = commands.add_parser("table")
    numbers.add_argument("rows", nargs="*", metavar="ROW", help=f"of {', '.join(ROWS)}")
    numbers.add_argument("--write", action="store_true", help="into docs/resilience.md")
    numbers.add_argument("--minutes", type=float, default=10.0, help="that f + 1 are down")
    soaking = commands.add_parser("soak")
    soaking.add_argument("--hours", type=float, default=1.0)
    for parser_ in (numbers, soaking):
        parser_.add_argument("--half", type=int, help="payments per second; measured if not given")
    commands.add_parser("sweep")
    asked = parser.parse_args(arguments)
    if asked.command == "run" and not (asked.manifests or asked.seeds):
        parser.error("there is nothing to play")
    if reason := obstacle():
        _say(f"skipped: {reason}")
        return 1 if os.environ.get("CI") else 0
    if asked.command == "sweep":
        _say(f"removed: {', '.join(sweep()) or 'nothing was there'}")
        return 0
    if asked.command == "table":
        rows = _rows(asked.rows or list(ROWS), asked.half or _half(), asked.minutes)
        if asked.write:
            PAGE.write_text(on_page(PAGE.read_text("utf-8"), rows), "utf-8")
        return 0 if all(row.held for row in rows.values()) else 1
    if asked.command == "soak":
        return _soak(asked.half or _half(), asked.hours)
    try:
        manifests = [load_manifest(path) for path in asked.manifests]
    except ManifestFault as fault:
        _say(str(fault))
        return 2
    held = [run(manifest) for manifest in manifests]
    for seed in asked.seeds:
        manifest = generate(seed)
        held.append(run(manifest))
        if not held[-1]:
            KEPT.mkdir(exist_ok=True)
            kept = KEPT / f"seed_{seed}.toml"
            kept.write_text(manifest_text(manifest), encoding="utf-8")
            _say(f"  the manifest is kept: {kept.relative_to(ROOT)}")
    _say(f"{sum(held)} of {len(held)} manifests held")
    return 0 if all(held) else 1


def _half() -> int:
    most = saturated(_play)
    half = max(1, most // 2)
    _say(f"the network takes {most} payments per second; half of it is {half}")
    return half


def _soak(half: int, hours: float) -> int:
    home = Path(tempfile.mkdtemp(prefix="mithaq-perturb-"))
    manifest = network_at(half, f"{hours:g} h at half load", for_s=hours * 3600)
    record = play(manifest, home / "net", _say, sight_s=SOAK_SIGHT_S)
    verdict = judge(record)
    growths = {name: growth_of(weights) for name, weights in record.weights.items()}
    reasons = reasons_in(sorted(home.glob("net/nodes/*/node.log")))
    without = unexplained(record, reasons)
    _say(report(record, verdict))
    for name, growth in growths.items():
        descriptors = f"{growth.descriptors_before} → {growth.descriptors_after} descriptors"
        memory = f"{growth.memory_mb:.0f} MB, {growth.mb_per_hour:+.1f} MB/h"
        objects = f"Python's objects {growth.blocks_more:+,} pieces"
        _say(f"  {name:<12} {memory}, {objects}, {descriptors}")
    _say(f"  {counted(record, reasons)}; longest gap {gap_s(record, *_loaded(record)):.1f} s")
    wrong = [*leaks(growths), *(f"block {height} was late, no log says why" for height in without)]
    for one in wrong:
        _say(f"  WRONG: {one}")
    if wrong or verdict.wrong:
        _say(f"  the folder is kept: {home}")
        return 1
    shutil.rmtree(home)
    return 0


def _loaded(record: Record) -> tuple[float, float]:
    return record.loaded + WARM_S, record.over


def _rows(names: Sequence[str], half: int, minutes: float) -> dict[str, Row]:
    bench = Bench(_play, half, minutes)
    rows = {}
    for name in names:
        rows[name] = ROWS[name](bench)
        _say(rows[name].in_words())
    _say("\n" + "\n".join(row.in_words() for row in rows.values()))
    return rows


def _play(manifest: Manifest) -> Record:
    _say(f"== {manifest.title}")
    home = Path(tempfile.mkdtemp(prefix="mithaq-perturb-"))
    record = play(manifest, home / "net", _say, sight_s=TABLE_SIGHT_S)
    _say(report(record, verdict := judge(record)))
    if verdict.wrong:
        _say(f"  the folder is kept: {home}")
    else:
        shutil.rmtree(home)
    return record


def _seeds(text: str) -> Sequence[int]:
    first, _, last = text.partition("..")
    made = range(int(first), int(last or first) + 1)
    if not made:
        raise argparse.ArgumentTypeError(f"no seed is in {text}")
    return made


if __name__ == "__main__":
    raise SystemExit(main())
