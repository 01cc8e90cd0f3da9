"""A bucket fills at its rate, and what is overdrawn is paid for by waiting."""

from __future__ import annotations

import pytest

from p2p.bucket import Bucket


def test_a_full_bucket_is_full_and_no_fuller() -> None:
    """However long nothing was taken, one more than full is waited for."""
    bucket = Bucket(100.0, 400.0)

    assert bucket.take(400, 50.0) == 0.0
    assert bucket.take(1, 50.0) == pytest.approx(0.01)
    assert bucket.take(400, 3_650.0) == 0.0
    assert bucket.take(1, 3_650.0) == pytest.approx(0.01)


def test_what_is_overdrawn_is_paid_for_by_waiting() -> None:
    """The rate holds however large the pieces are."""
    bucket, now = Bucket(1_000.0, 4_000.0), 50.0
    for _ in range(100):
        now += bucket.take(700, now)

    assert now - 50.0 == pytest.approx((70_000 - 4_000) / 1_000)
