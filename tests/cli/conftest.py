"""What the tests of the command line share: nobody is silent for being slow."""

import pytest


@pytest.fixture(autouse=True)
def _patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A person is told after seconds that a node says nothing; here a busy machine is no defect."""
    for asking in ("cli.standing", "cli.second_opinion"):
        monkeypatch.setattr(f"{asking}.ASK_S", 60.0)
