"""docs/tutorial-service.md is played: its file becomes a service, and its commands run on a node.

The tree that it is installed in is a copy: `services` with the new file and the new line, all else
as it stands here. In what a command prints, `…` on the page is anything.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from kit.localnet import START_S, free_base_port
from kit.tree import ROOT

PAGE: Final = ROOT / "docs/tutorial-service.md"
LINES_MAX: Final = 60
"""Of the service, without its rows and refusals, blank lines and the marks between its parts."""
PARTS: Final = ("# rows", "# refusals", "# the law")


def block(kind: str) -> str:
    """The first block of a kind."""
    found = re.search(rf"^```{kind}\n(.*?)^```$", PAGE.read_text("utf-8"), re.MULTILINE | re.DOTALL)
    assert found is not None, f"the page has a block of {kind}"
    return found[1]


def installed(tree: Path) -> None:
    """The product with the page's service in it."""
    tree.mkdir()
    for package in ROOT.iterdir():
        if (package / "__init__.py").exists() and package.name != "services":
            (tree / package.name).symlink_to(package)
    shutil.copytree(
        ROOT / "services", tree / "services", ignore=shutil.ignore_patterns("__pycache__")
    )
    (tree / "services/lending.py").write_text(block("python"), "utf-8")
    table = tree / "services/table.py"
    table.write_text(patched(table.read_text("utf-8"), block("diff")), "utf-8")


def patched(text: str, change: str) -> str:
    """A text with the added lines of a change, each behind the line that it shows before them."""
    lines, at = text.splitlines(), 0
    for line in change.splitlines():
        if line.startswith("+"):
            at += 1
            lines.insert(at, line[1:])
        else:
            assert lines.count(line[1:]) == 1, f"{line[1:]!r} stands once in services/table.py"
            at = lines.index(line[1:])
    return "\n".join(lines) + "\n"


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tutorial") / "tree"
    installed(folder)
    return folder


def environment(tree: Path) -> dict[str, str]:
    """Where `mithaq` is the tree's."""
    commands = tree.parent / "bin"
    commands.mkdir(exist_ok=True)
    mithaq = commands / "mithaq"
    mithaq.write_text(f'#!/bin/sh\nexec {sys.executable} -P -m cli "$@"\n')
    mithaq.chmod(0o755)
    return {
        **os.environ,
        "PATH": f"{commands}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(tree),
        "MITHAQ_HOME": str(tree.parent / "home"),
        "LC_ALL": "C.UTF-8",
    }


@pytest.fixture
def network(tree: Path) -> Iterator[dict[str, str]]:
    """A network of one validator that knows the service."""
    known = environment(tree)
    base = free_base_port(1)
    words = ["mithaq", "localnet", "up", "--validators", "1", "--base-port", str(base)]
    subprocess.run(
        words, env=known, check=True, cwd=tree.parent, capture_output=True, timeout=START_S
    )
    try:
        yield known
    finally:
        subprocess.run(["mithaq", "localnet", "down"], env=known, check=True, timeout=START_S)


def commands() -> Iterator[tuple[str, str]]:
    """Each command of the page, and what it prints."""
    page = PAGE.read_text("utf-8")
    for shown in re.findall(r"^```console\n(.*?)^```$", page, re.MULTILINE | re.DOTALL):
        for part in re.split(r"^\$ ", shown, flags=re.MULTILINE)[1:]:
            lines = part.splitlines()
            last = next(i for i, line in enumerate(lines) if not line.endswith("\\"))
            yield "\n".join(lines[: last + 1]), "\n".join(lines[last + 1 :])


def is_so(expected: str, found: str) -> bool:
    """Whether an output is what the page says, with anything for each `…`; columns may be wider."""
    pattern = ".*?".join(map(re.escape, _spaced(expected).split("…")))
    return re.fullmatch(pattern, _spaced(found), re.DOTALL) is not None


def _spaced(text: str) -> str:
    return re.sub(r" +", " ", text).strip()


def test_the_commands_of_the_page_do_what_it_says(network: dict[str, str], tree: Path) -> None:
    """On a real node, one after the other; where one fails, the page shows its exit code."""
    assert len(list(commands())) > 10
    for command, expected in commands():
        done = subprocess.run(
            ["sh", "-c", f"exec 2>&1; {command}"],
            env=network,
            cwd=tree.parent,
            capture_output=True,
            text=True,
            timeout=START_S,
            check=False,
        )
        assert is_so(expected, done.stdout), f"$ {command}\n{done.stdout}"
        assert done.returncode == 0, f"$ {command}\n{done.stdout}"


def test_the_service_is_as_small_as_the_page_says() -> None:
    """A file of so many lines, and in the table one."""
    code = block("python")
    head, rows, refusals, law = (part.splitlines() for part in re.split("|".join(PARTS), code))

    assert len(rows) > 1
    assert len(refusals) > 1
    assert sum(bool(line.strip()) for line in (*head, *law)) <= LINES_MAX
    assert f"{LINES_MAX} lines" in PAGE.read_text("utf-8")


def test_an_output_that_is_not_so_would_be_seen() -> None:
    """`…` is anything; all else is itself."""
    assert is_so("a … c", "a b\nb c\n")
    assert not is_so("a … c", "a b d")
    assert not is_so("1 row", "2 rows")


def test_what_the_law_asks_of_every_service_holds_for_this_one(tree: Path) -> None:
    """The tests of the table, of named forms and of types, in the tree with the service in it."""
    words = [sys.executable, "-P", "-c", _SAME_LAW]
    done = subprocess.run(
        words, env=environment(tree), capture_output=True, text=True, timeout=START_S, check=False
    )

    assert done.returncode == 0, done.stderr
    assert "### lending.lend_copy" in done.stdout
    assert "[Refusals](../refusals.md): " in done.stdout
    assert "`lending.no_card`" in done.stdout


_SAME_LAW: Final = """
from cli.service_pages import generated_of
from services.table import SERVICES
[service] = [each for each in SERVICES if each.name == "lending"]
print(generated_of(service))
"""
