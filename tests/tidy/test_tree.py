"""The tree: sizes, names, and nothing that belongs to one machine only."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path
from typing import Final

import pytest

from kit.tree import (
    FUNCTION_LINES_MAX,
    MODULE_LINES_MAX,
    ROOT,
    files,
    machine_paths,
    oversized,
    product_modules,
    public_names,
)

LIMITS: Final = (
    ROOT / "primitives/limits.py",
    ROOT / "primitives/kernel_limits.py",
    ROOT / "exchange/limits.py",
    ROOT / "primitives/treasury_limits.py",
)


def by_path(found: dict[Path, list[str]]) -> dict[str, list[str]]:
    return {str(path.relative_to(ROOT)): offences for path, offences in found.items() if offences}


def text_of(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace")


def test_modules_and_functions_fit_in_a_head() -> None:
    """Longer ones are taken apart."""
    assert by_path({path: oversized(text_of(path)) for path in product_modules()}) == {}


def test_one_line_too_many_would_be_seen() -> None:
    """At the limit all is well; one line more is an offence."""
    body = "    pass\n"
    longest = "def longest() -> None:\n" + body * (FUNCTION_LINES_MAX - 1)

    assert oversized(longest) == []
    assert oversized(longest + body) == ["longest has 71 lines, at most 70"]
    assert oversized("\n" * MODULE_LINES_MAX) == []
    assert oversized("\n" * (MODULE_LINES_MAX + 1)) == ["501 lines, at most 500"]


def test_no_folder_of_tests_is_a_package() -> None:
    """tests/consensus/__init__.py would shadow the product's consensus."""
    assert list((ROOT / "tests").rglob("__init__.py")) == []


def test_every_test_file_has_a_name_of_its_own() -> None:
    """A failure's file name is enough to find it."""
    names = Counter(path.name for path in (ROOT / "tests").rglob("test_*.py"))

    assert [name for name, count in names.items() if count > 1] == []


def test_nothing_names_a_path_of_one_machine() -> None:
    """A path below somebody's home is of no use to anybody else."""
    assert by_path({path: machine_paths(text_of(path)) for path in files()}) == {}


@pytest.mark.parametrize("folder", ["root", "work", "home/somebody", "Users/somebody"])
def test_a_machine_path_would_be_seen(folder: str) -> None:
    """But a path in an address would not."""
    assert len(machine_paths(f"see /{folder}/notes")) == 1
    assert machine_paths(f"https://example.org/{folder}/notes") == []


def test_every_limit_is_named_by_a_test() -> None:
    """A limit that no test drives to its end is a wish."""
    tests = [path for path in (ROOT / "tests").rglob("*.py") if path != Path(__file__)]
    words = {word for path in tests for word in re.findall(r"\w+", text_of(path))}

    limits = [name for path in LIMITS for name in public_names(text_of(path))]

    assert limits
    assert [name for name in limits if name not in words] == []
