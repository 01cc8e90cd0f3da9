"""What import-linter cannot see: clocks, dice, and the names that its contracts rely on."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Final

import pytest

from kit.tree import ROOT, clocks_and_dice

INNER_PACKAGES: Final = ("primitives", "consensus", "ledger", "services", "storage")
SHELL: Final = frozenset(
    {
        "api",
        "app",
        "backup",
        "bundle",
        "catchup",
        "catchup_listener",
        "check",
        "compact",
        "config",
        "events",
        "exporting",
        "folder",
        "importing",
        "incoming",
        "joining",
        "joining_fetch",
        "joining_offers",
        "joining_peers",
        "keys",
        "link_status",
        "log",
        "metrics",
        "notify",
        "observation",
        "peer_links",
        "peering",
        "premises",
        "proof",
        "prune",
        "queries",
        "reports",
        "restore",
        "retention_report",
        "retention_task",
        "shell",
        "snapshot_serve",
        "snapshot_shelf",
        "snapshot_task",
        "snapshots",
        "stats",
        "status",
        "supervision",
        "timers",
        "upkeep",
        "waiting",
        "watchdog",
    }
)
"""What the node has around its engine: tasks, sockets, threads, files and words."""
CONTRACTS: Final = {
    contract["id"]: contract
    for contract in tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"][
        "importlinter"
    ]["contracts"]
}
INNER_MODULES: Final = tuple(
    ROOT / f"{name.replace('.', '/')}.py"
    for name in CONTRACTS["inner-rings"]["source_modules"]
    if name.startswith("node.")
)


def inner_rings() -> list[Path]:
    modules = [module for name in INNER_PACKAGES for module in (ROOT / name).rglob("*.py")]
    return sorted([*modules, *INNER_MODULES])


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


def test_every_module_of_the_node_is_in_its_shell_or_under_the_contract() -> None:
    """A new one of the engine is forgotten by nobody: it stands in one of the two lists."""
    inner = {path.stem for path in INNER_MODULES}
    present = {path.stem for path in (ROOT / "node").iterdir() if path.suffix == ".py"}
    present |= {path.name for path in (ROOT / "node").iterdir() if (path / "__init__.py").exists()}

    assert inner & SHELL == set()
    assert (present - {"__init__"}) - inner == SHELL
    assert inner <= present


def test_the_inner_rings_are_kept_from_every_library_of_the_shell() -> None:
    """Architecture, section 2: no task, no socket, no peer, no command line."""
    assert set(CONTRACTS["inner-rings"]["forbidden_modules"]) == {
        *("trio", "asyncio", "libp2p", "litestar", "hypercorn", "p2p", "click")
    }
    assert CONTRACTS["inner-rings"].get("allow_indirect_imports") is None


def test_every_door_has_a_contract() -> None:
    """Each foreign library of the product is behind one package of ours, but the language."""
    forbidden = {name for each in CONTRACTS.values() for name in each.get("forbidden_modules", [])}
    language = {"msgspec", "trio", "structlog"}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    wanted = {re.split(r"[\[=]", name)[0] for name in project["project"]["dependencies"]}

    imported = {"pynacl": "nacl", "prometheus-client": "prometheus_client"}
    assert {imported.get(name, name) for name in wanted} - language <= forbidden
