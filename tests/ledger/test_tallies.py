"""What votes decide: quorum, veto, threshold, and the most votes of several options."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kit.motions import procedure, shareholders
from ledger.charters import WHOLE_BP, Procedure, Weighing
from ledger.tallies import ABSTAIN, AGAINST, VETO, MotionStatus, Tally, choices, result

PASSED, REJECTED = MotionStatus.PASSED, MotionStatus.REJECTED
NO_QUORUM, VETOED = MotionStatus.NO_QUORUM, MotionStatus.VETOED
OPTIONS = ("yes", "other")


def decided(
    rule: Procedure, electorate: int, *, heads: int | None = None, **votes: int
) -> tuple[MotionStatus, str | None]:
    """The result of these votes; of so many heads, or one for each."""
    weights = tuple(votes.pop(choice, 0) for choice in choices(rule, OPTIONS))
    assert not votes, "not every vote is a choice"
    cast = sum(weights)
    return result(rule, OPTIONS, electorate, Tally(weights, cast if heads is None else heads, cast))


MAJORITY = procedure(quorum_bp=0)
TWO_THIRDS = procedure(quorum_bp=0, pass_bp=6_666)
VETOABLE = procedure(quorum_bp=0, veto_bp=3_333)


@pytest.mark.parametrize(
    ("rule", "votes", "status"),
    [
        (MAJORITY, {"yes": 51, AGAINST: 49}, PASSED),
        (MAJORITY, {"yes": 50, AGAINST: 50}, REJECTED),
        (MAJORITY, {"yes": 1}, PASSED),
        (MAJORITY, {}, REJECTED),
        (MAJORITY, {"yes": 2, AGAINST: 1, ABSTAIN: 97}, PASSED),
        (MAJORITY, {ABSTAIN: 100}, REJECTED),
        (TWO_THIRDS, {"yes": 2, AGAINST: 1}, PASSED),
        (TWO_THIRDS, {"yes": 66, AGAINST: 34}, REJECTED),
        (procedure(quorum_bp=0, pass_bp=9_999), {"yes": 99, AGAINST: 1}, REJECTED),
        (procedure(quorum_bp=0, pass_bp=9_999), {"yes": 99}, PASSED),
        (procedure(quorum_bp=0, pass_bp=0), {"yes": 1, AGAINST: 99}, PASSED),
        (procedure(quorum_bp=0, pass_bp=0), {AGAINST: 1}, REJECTED),
        (procedure(quorum_bp=5_000), {"yes": 50}, PASSED),
        (procedure(quorum_bp=5_000), {"yes": 49}, NO_QUORUM),
        (procedure(quorum_bp=5_000), {"yes": 1, ABSTAIN: 49}, PASSED),
        (procedure(quorum_bp=10_000), {"yes": 100}, PASSED),
        (procedure(quorum_bp=10_000), {"yes": 99}, NO_QUORUM),
        (procedure(quorum_bp=5_000), {}, NO_QUORUM),
        (VETOABLE, {"yes": 67, VETO: 33}, PASSED),
        (VETOABLE, {"yes": 66, VETO: 34}, VETOED),
        (VETOABLE, {"yes": 60, VETO: 30, ABSTAIN: 10}, PASSED),
        (procedure(quorum_bp=0, veto_bp=0), {"yes": 99, VETO: 1}, VETOED),
        (procedure(quorum_bp=5_000, veto_bp=0), {VETO: 49}, NO_QUORUM),
        (MAJORITY, {"yes": 40, "other": 60}, PASSED),
        (procedure(quorum_bp=0, pass_bp=3_000), {"yes": 40, "other": 40, AGAINST: 20}, REJECTED),
        (procedure(quorum_bp=0, pass_bp=3_000), {"yes": 40, "other": 39, AGAINST: 21}, PASSED),
        (MAJORITY, {"yes": 45, "other": 35, AGAINST: 20}, REJECTED),
    ],
)
def test_a_hundred_who_may_vote(
    rule: Procedure, votes: dict[str, int], status: MotionStatus
) -> None:
    """At each threshold and beside it."""
    most = max(OPTIONS, key=lambda option: votes.get(option, 0))

    assert decided(rule, 100, **votes) == (status, most if status is PASSED else None)


def test_an_asset_counts_its_units_and_a_role_its_heads() -> None:
    """Ten holders of 600 units of 1000 are more than half of the shares, and few of the heads."""
    assert decided(shareholders(), 1_000, heads=10, yes=600)[0] is PASSED
    assert decided(shareholders(), 1_000, heads=900, yes=400)[0] is NO_QUORUM
    by_roots = procedure(weighing=Weighing.QUADRATIC, asset="SHARES")
    assert decided(by_roots, 100, heads=50, yes=7)[0] is PASSED
    assert decided(by_roots, 100, heads=49, yes=7_000)[0] is NO_QUORUM


def test_only_a_vote_that_may_be_vetoed_has_the_choice() -> None:
    """In the order of the tally: options, then what every vote may say."""
    assert choices(MAJORITY, OPTIONS) == ("yes", "other", AGAINST, ABSTAIN)
    assert choices(VETOABLE, OPTIONS) == ("yes", "other", AGAINST, ABSTAIN, VETO)


shares = st.integers(0, WHOLE_BP - 1)
counts = st.one_of(st.integers(0, 20), st.integers(0, 2**60))


@given(st.lists(counts, min_size=5, max_size=5), shares, shares, shares, st.integers(1, 2**62))
def test_the_result_is_that_of_exact_fractions(
    weights: list[int], quorum_bp: int, pass_bp: int, veto_bp: int, electorate: int
) -> None:
    """However large the numbers: nothing is rounded."""
    rule = shareholders(quorum_bp=quorum_bp, pass_bp=pass_bp, veto_bp=veto_bp)
    votes = dict(zip(choices(rule, OPTIONS), weights, strict=True))
    cast = sum(weights)

    status, winner = result(rule, OPTIONS, electorate, Tally(tuple(weights), 1, cast))

    expected = PASSED
    said = cast - votes[ABSTAIN]
    best, second = sorted((votes["yes"], votes["other"]), reverse=True)
    if Fraction(cast, electorate) < Fraction(quorum_bp, WHOLE_BP):
        expected = NO_QUORUM
    elif cast and Fraction(votes[VETO], cast) > Fraction(veto_bp, WHOLE_BP):
        expected = VETOED
    elif not said or best == second or Fraction(best, said) <= Fraction(pass_bp, WHOLE_BP):
        expected = REJECTED
    assert status is expected
    assert (winner is not None) == (status is PASSED)
    assert winner is None or votes[winner] == best
