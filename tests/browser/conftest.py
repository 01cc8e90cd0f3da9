"""One browser for all tests of this folder: starting it costs more than most of them."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from kit.browser import PROGRAMS, Page, offline_browser
from kit.programs import needs


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
