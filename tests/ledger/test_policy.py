"""What a policy takes for enough, and what no policy may be."""

from itertools import permutations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kit.ledger import account_id
from kit.policies import all_of, either, holders, signers, way
from ledger.policy import (
    NamedTwice,
    OutOfReach,
    Policy,
    Signers,
    TooManyAccounts,
    Way,
    can_be_met,
    contradictions,
)
from primitives import kernel_limits
from primitives.codec import decode, encode
from primitives.errors import Malformed
from primitives.ids import AccountId
from primitives.named import from_named, to_named

PEOPLE = tuple(AccountId(bytes([number]) * 32) for number in range(6))


def found(policy: Policy) -> list[str]:
    return [type(refusal).__name__ for refusal in contradictions(policy)]


def test_a_policy_reads_the_same_from_bytes_and_from_names() -> None:
    """Ways of conditions, each condition under its word."""
    policy = either(
        way(signers(1, "a", "b"), holders(2, "inspector", "works")), way(holders(1, "registrar"))
    )

    assert decode(encode(policy), Policy, limit=4_096) == policy
    assert from_named(to_named(policy), Policy) == policy
    assert to_named(policy)["ways"][1]["conditions"] == [
        {"condition": "holders", "least": 1, "role": "registrar", "scope": None}
    ]


def test_a_policy_that_asks_for_more_than_it_names_is_refused() -> None:
    """In one condition, and over the conditions of a way: an account counts once."""
    assert found(way(signers(3, "a", "b"))) == ["OutOfReach"]
    assert found(way(signers(1, "a", "b"), signers(2, "a", "b"))) == ["OutOfReach"]
    assert found(way(signers(1, "a", "b"), signers(1, "a", "b"))) == []
    assert list(contradictions(either(all_of("a"), way(signers(2, "a"))))) == [OutOfReach(1)]


def test_an_account_named_twice_in_one_condition_is_refused() -> None:
    """Two conditions may name the same account."""
    assert list(contradictions(way(signers(1, "a", "a")))) == [NamedTwice(0, account_id("a"))]
    assert found(either(all_of("a"), all_of("a", "b"))) == []


def test_a_policy_names_as_many_accounts_as_the_limit_allows_and_no_more() -> None:
    """Over all its ways."""
    most = [f"party {number}" for number in range(kernel_limits.POLICY_ACCOUNTS_MAX)]

    assert found(all_of(*most)) == []
    assert list(contradictions(either(all_of(*most), all_of("one more")))) == [
        TooManyAccounts(kernel_limits.POLICY_ACCOUNTS_MAX + 1, kernel_limits.POLICY_ACCOUNTS_MAX)
    ]


def test_a_policy_has_as_many_ways_and_conditions_as_the_limits_allow_and_no_more() -> None:
    """More is no policy; and nobody asks for more consents than a policy names accounts."""
    one = signers(1, "a")
    conditions = (one,) * kernel_limits.POLICY_CONDITIONS_MAX
    ways = (Way(conditions),) * kernel_limits.POLICY_WAYS_MAX
    most = Policy(ways)
    assert decode(encode(most), Policy, limit=4_096) == most

    for more in (
        Policy((*ways, Way((one,)))),
        Policy((Way((*conditions, one)),)),
        Policy(()),
        Policy((Way(()),)),
        way(Signers(1, ())),
        way(Signers(1, (account_id("a"),) * (kernel_limits.POLICY_ACCOUNTS_MAX + 1))),
        way(Signers(0, (account_id("a"),))),
        way(holders(kernel_limits.POLICY_ACCOUNTS_MAX + 1, "registrar")),
    ):
        with pytest.raises(Malformed):
            decode(encode(more), Policy, limit=4_096)


def test_a_refusal_ends_what_needs_everybody_and_not_what_needs_some() -> None:
    """A role may always get another holder."""
    a, b = account_id("a"), account_id("b")

    assert not can_be_met(all_of("a", "b"), frozenset({a}))
    assert can_be_met(way(signers(2, "a", "b", "c")), frozenset({a}))
    assert not can_be_met(way(signers(2, "a", "b", "c")), frozenset({a, b}))
    assert can_be_met(either(all_of("a", "b"), all_of("c")), frozenset({a}))
    assert can_be_met(way(holders(3, "registrar")), frozenset({a, b}))


@given(
    st.lists(
        st.tuples(st.integers(1, 3), st.sets(st.sampled_from(PEOPLE), min_size=1)),
        min_size=1,
        max_size=kernel_limits.POLICY_CONDITIONS_MAX,
    ),
    st.sets(st.sampled_from(PEOPLE)),
)
@settings(max_examples=150, deadline=None)
def test_enough_is_what_can_be_shared_out_so_that_nobody_counts_twice(
    asked: list[tuple[int, set[AccountId]]], refusing: set[AccountId]
) -> None:
    """Hall's theorem says what trying every order of the people says."""
    way_ = Way(tuple(Signers(least, tuple(sorted(takes))) for least, takes in asked))
    seats = [takes for least, takes in asked for _ in range(least)]
    willing = [person for person in PEOPLE if person not in refusing]

    shared_out = any(
        all(person in takes for person, takes in zip(order, seats, strict=True))
        for order in permutations(willing, len(seats))
    )

    assert can_be_met(Policy((way_,)), frozenset(refusing)) == shared_out
