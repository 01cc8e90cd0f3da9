"""Programs of the system that a test runs for real."""

import os
import shutil

import pytest


def needs(program: str) -> None:
    """Skip with one line where a program is missing; CI installs it, so there it is a failure."""
    if shutil.which(program) is not None:
        return
    if os.environ.get("CI"):
        pytest.fail(f"{program} is not installed, and .ci/run installs it")
    pytest.skip(f"{program} is not installed")
