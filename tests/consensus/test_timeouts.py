"""T(v) = min(T0 · 2^(min(v, 64) // (f + 1)), Tmax) (rule R33)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consensus.timeouts import view_timeout_ms
from primitives.ids import VIEW_MAX, View
from primitives.validators import faults_tolerated


def timeouts(validators: int, views: int) -> list[int]:
    return [
        view_timeout_ms(View(view), validators=validators, t0_ms=1_000, tmax_ms=10_000)
        for view in range(views)
    ]


@pytest.mark.parametrize(
    ("validators", "expected"),
    [
        (1, [1_000, 2_000, 4_000, 8_000, 10_000, 10_000]),
        (3, [1_000, 2_000, 4_000, 8_000, 10_000, 10_000]),
        (4, [1_000, 1_000, 2_000, 2_000, 4_000, 4_000]),
        (7, [1_000, 1_000, 1_000, 2_000, 2_000, 2_000]),
    ],
)
def test_time_doubles_only_every_f_plus_one_views(validators: int, expected: list[int]) -> None:
    """R33: f faulty primaries in a row are normal and cost nothing."""
    assert timeouts(validators, 6) == expected


@given(
    view=st.integers(0, VIEW_MAX),
    validators=st.integers(1, 128),
    t0_ms=st.integers(1, 60_000),
    more_ms=st.integers(0, 60_000),
)
def test_time_never_falls_and_never_passes_its_end(
    view: int, validators: int, t0_ms: int, more_ms: int
) -> None:
    """R33: between T0 and Tmax at every view up to 2³¹ − 1, never less in a later one."""
    tmax_ms = t0_ms + more_ms

    now, later = (
        view_timeout_ms(View(at), validators=validators, t0_ms=t0_ms, tmax_ms=tmax_ms)
        for at in (view, view + 1)
    )

    assert t0_ms <= now <= later <= tmax_ms


@pytest.mark.parametrize("validators", [1, 4, 7, 128])
def test_a_view_of_two_to_the_31_costs_no_more_than_view_64(validators: int) -> None:
    """R33, R42: the exponent ends at 64."""
    doublings = 64 // (faults_tolerated(validators) + 1)

    last = view_timeout_ms(View(VIEW_MAX), validators=validators, t0_ms=1, tmax_ms=2**70)

    assert last == 2**doublings
