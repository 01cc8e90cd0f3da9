"""What import-linter cannot see: clocks, dice, and the names that its contracts rely on."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pytest

from kit.tree import ROOT, clocks_and_dice

INNER_PACKAGES: Final = ("primitives", "consensus", "ledger", "services", "storage")
INNER_MODULES: Final = tuple(
    ROOT / "node" / f"{name}.py" for name in ("engine", "signer", "mempool", "builder")
)


def inner_rings() -> list[Path]:
    modules = [module for name in INNER_PACKAGES for module in (ROOT / name).rglob("*.py")]
    engine = [module for path in INNER_MODULES for module in path.parent.glob(f"{path.stem}*.py")]
    return sorted(modules + engine)


def test_the_inner_rings_read_no_clock_and_no_random_source() -> None:
    """Timers are effects, their firing an event, block time a field; keys come from outside."""
    found = {
        str(module.relative_to(ROOT)): offences
        for module in inner_rings()
        if (offences := clocks_and_dice(module.read_text(encoding="utf-8")))
    }

    assert found == {}


@pytest.mark.parametrize(
    "line",
    [
        "import time",
        "from time import monotonic",
        "import random",
        "from secrets import token_bytes",
        "from os import urandom",
        "import os; os.urandom(8)",
        "import datetime; datetime.datetime.now(datetime.UTC)",
        "from nacl.signing import SigningKey; SigningKey.generate()",
        "import nacl.utils; nacl.utils.random(32)",
    ],
)
def test_a_clock_or_a_die_would_be_seen(line: str) -> None:
    """Each way to one is an offence."""
    assert len(clocks_and_dice(line)) == 1


@pytest.mark.skipif(not (ROOT / "node/app.py").exists(), reason="the node is not composed yet")
def test_the_modules_that_the_contracts_name_exist() -> None:
    """The contract `inner-rings` finds them by wildcard, which would pass over a renamed one."""
    assert [path.name for path in INNER_MODULES if not path.exists()] == []
