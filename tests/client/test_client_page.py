"""docs/client.md tells the truth: its examples run in order, and what they print is compared."""

from __future__ import annotations

import contextlib
import io
import re
from pathlib import Path
from typing import Any, Final

import pytest

from kit.desk import desk
from kit.tree import ROOT

PAGE: Final = ROOT / "docs/client.md"
_BLOCK: Final = re.compile(r"^```(python|text)\n(.*?)^```$", re.DOTALL | re.MULTILINE)


def played(page: str, folder: Path) -> list[tuple[str, str]]:
    """Each example with what it printed."""
    names: dict[str, Any] = {}
    found: list[tuple[str, str]] = []
    home = folder / "home"
    with desk(home) as office:
        keys = home / "keys"
        (keys / "agency-1.key").write_bytes((keys / "health.key").read_bytes())
        (keys / "agency-1.key").chmod(0o600)
        for kind, text in _BLOCK.findall(page):
            if kind == "text":
                continue
            here = text.replace("http://127.0.0.1:18000", office.url).replace(".mithaq", str(home))
            printed = io.StringIO()
            with contextlib.redirect_stdout(printed), contextlib.chdir(folder):
                exec(here, names)  # noqa: S102 - the page's own examples
            found.append((text, printed.getvalue()))
        names["client"].close()
    return found


def expected(page: str) -> list[tuple[str, str]]:
    """Each example with what the page says it prints."""
    blocks = _BLOCK.findall(page)
    after = [*blocks[1:], ("", "")]
    return [
        (text, following if kind_after == "text" else "")
        for (kind, text), (kind_after, following) in zip(blocks, after, strict=True)
        if kind == "python"
    ]


def test_every_example_prints_what_the_page_says(tmp_path: Path) -> None:
    """On one chain, from the first to the last."""
    page = PAGE.read_text(encoding="utf-8")

    assert len(expected(page)) > 10
    assert played(page, tmp_path) == expected(page)


@pytest.mark.parametrize("change", [("125001 GBP 2", "125000 GBP 2"), ("INV-2026-0002\n", "X\n")])
def test_a_page_that_is_not_true_would_be_seen(change: tuple[str, str], tmp_path: Path) -> None:
    """A wrong amount, a wrong reference."""
    page = PAGE.read_text(encoding="utf-8").replace(*change)

    assert played(page, tmp_path) != expected(page)
