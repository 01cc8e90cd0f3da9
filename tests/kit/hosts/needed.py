"""Tests that need hosts say so here."""

import os

import pytest

from kit.hosts.system import obstacle


def needs_hosts() -> None:
    """Skip with one line where there can be no hosts; in CI that is a failure."""
    reason = obstacle()
    if reason and os.environ.get("CI"):
        pytest.fail(f"{reason}; .ci/run runs as root and installs what hosts need")
    if reason:
        pytest.skip(reason)
