"""The contracting process that the demo brings along where there is no other."""

from __future__ import annotations

import json

import pytest

from kit.judges_open import STANDARD, ocds_faults
from kit.road.process import OCID, Process

pytestmark = pytest.mark.skipif(not STANDARD.exists(), reason="OCDS is not in ../shared/data")


def test_our_own_process_is_valid_ocds() -> None:
    """From planning to implementation; libcoveocds finds nothing."""
    releases = Process.own().releases

    assert ocds_faults(*(json.dumps(each).encode() for each in releases)) == [[]] * 6


def test_the_story_finds_in_it_what_it_asks_for() -> None:
    """Whoever writes another process sees what it must say."""
    process = Process.own()

    assert process.ocid == OCID
    assert process.award_code == f"{OCID}-award-01".upper()
    assert process.begins < process.awarded < process.installments[0].paid < process.finished
    assert sum(each.minor for each in process.installments) < process.award_minor
