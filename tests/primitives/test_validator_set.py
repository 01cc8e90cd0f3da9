"""Quorums (rule R1), primaries (rule R2) and the canonical order of validators."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from primitives import limits
from primitives.errors import Malformed
from primitives.ids import Height, Seat, ValidatorKey, View
from primitives.validators import ValidatorSet, faults_tolerated, primary_of, quorum

SIZES = range(1, limits.VALIDATORS_MAX + 1)


def key(number: int) -> ValidatorKey:
    return ValidatorKey(number.to_bytes(32, "big"))


@pytest.mark.parametrize(
    ("n", "f", "q"),
    [(1, 0, 1), (2, 0, 2), (3, 0, 3), (4, 1, 3), (5, 1, 4), (6, 1, 5), (7, 2, 5), (10, 3, 7)],
)
def test_the_quorums_that_people_know(n: int, f: int, q: int) -> None:
    """n = 5 and n = 6 are where 2f + 1 would be wrong."""
    assert (faults_tolerated(n), quorum(n)) == (f, q)


@pytest.mark.parametrize("n", SIZES)
def test_the_laws_of_quorums(n: int) -> None:
    """Safety, liveness and accountability at every size that we allow."""
    f, q = faults_tolerated(n), quorum(n)
    assert 3 * f < n <= 3 * f + 3, "f is the most that n withstands"
    assert 2 * q - n >= f + 1, "two quorums share at least f + 1 members: one of them is honest"
    assert n - f >= q, "the honest alone reach a quorum"
    assert n - f < q + 1, "and would not reach a larger one"
    assert 3 * q > 2 * n, "a quorum is more than two thirds"


@given(st.sets(st.integers(1, 2**256 - 1), min_size=1, max_size=20))
def test_any_order_in_canonical_order_out(numbers: set[int]) -> None:
    """The set, its hash and its seats do not depend on who listed the keys."""
    keys = [key(number) for number in numbers]
    one, other = ValidatorSet.of(keys), ValidatorSet.of(keys[::-1])
    assert one == other
    assert one.hash == other.hash
    assert [one.seat(member) for member in one.keys] == list(range(one.size))
    assert list(one.keys) == sorted(keys)


def test_the_primary_goes_round() -> None:
    """Every height and every view moves on by one seat."""
    validators = ValidatorSet.of([key(number) for number in range(1, 5)])
    assert primary_of(4, Height(6), View(3)) == Seat(1)
    turns = [validators.primary(Height(9), View(view)) for view in range(8)]
    assert turns == [validators.keys[(9 + view) % 4] for view in range(8)]
    assert validators.primary(Height(10), View(0)) == turns[1]


def test_a_stranger_has_no_seat() -> None:
    """Membership is asked by key."""
    assert ValidatorSet.of([key(1), key(2)]).seat(key(3)) is None


@pytest.mark.parametrize(
    ("why", "keys"),
    [
        ("nobody", ()),
        ("one too many", tuple(key(n) for n in range(limits.VALIDATORS_MAX + 1))),
        ("twice the same", (key(1), key(1))),
        ("descending", (key(2), key(1))),
        ("a short key", (ValidatorKey(bytes(31)),)),
        ("a long key", (ValidatorKey(bytes(33)),)),
    ],
)
def test_what_is_no_validator_set(why: str, keys: tuple[ValidatorKey, ...]) -> None:
    """The invariants of the class hold from its first moment."""
    with pytest.raises(Malformed):
        ValidatorSet(keys)
    assert why


def test_as_many_validators_as_allowed() -> None:
    """The limit itself is allowed."""
    full = ValidatorSet(tuple(key(n) for n in SIZES))
    assert (full.size, full.faults, full.quorum) == (128, 42, 86)


def test_a_duplicate_is_not_silently_dropped() -> None:
    """`of` sorts, it does not repair."""
    with pytest.raises(Malformed, match="strictly ascending"):
        ValidatorSet.of([key(1), key(2), key(1)])


@given(st.sets(st.integers(1, 50), min_size=2, max_size=10))
def test_other_members_have_another_hash(numbers: set[int]) -> None:
    """A header names exactly one set."""
    keys = [key(number) for number in sorted(numbers)]
    assert ValidatorSet.of(keys).hash != ValidatorSet.of(keys[1:]).hash
