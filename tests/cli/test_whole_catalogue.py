"""Everything that people are told has its translation."""

from __future__ import annotations

import pytest

from kit.languages.catalogue import joined, missing, original
from primitives.languages import ENGLISH, LANGUAGES


@pytest.mark.parametrize("language", [each for each in LANGUAGES if each != ENGLISH])
def test_nothing_that_is_said_lacks_its_translation(language: str) -> None:
    """After a new sentence: `PYTHONPATH=.:tests python -m kit.languages update`, then translate."""
    catalogue = joined(language)

    assert len(catalogue) > 2_000
    assert [original(message) for message in missing(catalogue)] == []
