"""Other people's judges of what a treasury publishes: each says what it finds wrong, or nothing.

They run without the network (`kit.offline`): what they need is beside the project.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Final

import frictionless

from kit.data_act_rules import broken
from kit.offline import offline

_TESTS: Final = Path(__file__).parents[1]
STANDARD: Final = _TESTS.parents[1] / "shared/data/ocds/standard-1.1.5.zip"
"""Schema and codelists of OCDS 1.1.5."""


def ocds_faults(*packages: bytes) -> list[list[str]]:
    """What libcoveocds says of each release package or record package."""
    done = subprocess.run(
        [sys.executable, "-m", "kit.ocds_judge", str(STANDARD.resolve())],
        input=b"[" + b",".join(packages) + b"]",
        capture_output=True,
        check=True,
        env={**os.environ, "PYTHONPATH": str(_TESTS)},
        timeout=120,
    )
    found: list[list[str]] = json.loads(done.stdout)
    return found


def data_act_faults(folder: Path) -> list[str]:
    """Which of the broker's rules the files A, B and C of a folder break."""
    named = ("file-a.csv", "file-b.csv", "file-c.csv")
    a, b, c = ((folder / name).read_bytes() for name in named)
    return broken(a, b, c)


def fiscal_package_faults(folder: Path) -> list[str]:
    """What frictionless says of a data package: its descriptor, its tables, each cell."""
    with offline():
        report = frictionless.validate(str(folder / "datapackage.json"), type="package")
    return [str(each) for each in report.flatten(["rowNumber", "fieldName", "type", "note"])]
