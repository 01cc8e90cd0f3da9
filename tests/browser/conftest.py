"""One browser for all tests of this folder: starting it costs more than most of them."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from kit.browser import PROGRAMS, Page, offline_browser
from kit.programs import needs

_HERE: Final = Path(__file__).parent


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Function]) -> None:
    """Without Chromium one line says so, not one for each test; in CI each of them fails."""
    lacking = [program for program in PROGRAMS if shutil.which(program) is None]
    ours = [item for item in items if item.path.is_relative_to(_HERE) and _is_browsing(item)]
    if not lacking or not ours or os.environ.get("CI"):
        return
    first, *others = ours
    reason = f"{' and '.join(lacking)} not installed: {len(ours)} tests of the page are left out"
    first.add_marker(pytest.mark.skip(reason))
    left_out = set(others)
    items[:] = [item for item in items if item not in left_out]
    config.hook.pytest_deselected(items=others)


def _is_browsing(item: pytest.Function) -> bool:
    return "browser" in item.fixturenames


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    """Chromium without a window and without a network."""
    for program in PROGRAMS:
        needs(program)
    folder: Path = tmp_path_factory.mktemp("chromium")
    with offline_browser(folder) as opened:
        yield opened


@pytest.fixture
def page(browser: Page) -> Page:
    """The verifier's page, freshly opened from disk."""
    browser.open()
    return browser
