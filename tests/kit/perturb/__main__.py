"""Perturbation tests: `PYTHONPATH=.:tests python -m kit.perturb run tests/perturb/*.toml`.

    run MANIFEST… [--seeds FIRST..LAST]   play each, and one made from each seed
    sweep                                 remove what killed runs left

What fails keeps its folder; of a seed, the manifest goes to tests/perturb/regressions.

Exit code 0 when nothing was wrong.
"""

import argparse
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from kit.hosts.system import obstacle, sweep
from kit.perturb.generate import generate
from kit.perturb.judge import judge
from kit.perturb.manifest import Manifest, ManifestFault, load_manifest, manifest_text
from kit.perturb.report import report
from kit.perturb.run import play
from kit.tree import ROOT

KEPT: Final = ROOT / "tests/perturb/regressions"


def run(manifest: Manifest) -> bool:
    """Play one; whether nothing was wrong."""
    home = Path(tempfile.mkdtemp(prefix="mithaq-perturb-"))
    began = time.monotonic()
    _say(f"== {manifest.title}")
    try:
        record = play(manifest, home / "net", _say)
    except AssertionError as error:
        _say(f"  WRONG: {error}\n  the folder is kept: {home}")
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
    commands.add_parser("sweep")
    asked = parser.parse_args(arguments)
    if reason := obstacle():
        _say(f"skipped: {reason}")
        return 0
    if asked.command == "sweep":
        _say(f"removed: {', '.join(sweep()) or 'nothing was there'}")
        return 0
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


def _seeds(text: str) -> Sequence[int]:
    first, _, last = text.partition("..")
    return range(int(first), int(last or first) + 1)


if __name__ == "__main__":
    raise SystemExit(main())
