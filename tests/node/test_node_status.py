"""When a node is ready, from what it says about itself."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from kit.api import AT_WORK, ChainOfOne
from node.standing import SigningState, in_words
from node.status import BEHIND_MAX, NodeRole, NodeStatus, readiness
from primitives.ids import Height


def status() -> NodeStatus:
    return ChainOfOne().status()


def connected_to(count: int, role: NodeRole = NodeRole.VALIDATOR) -> NodeStatus:
    whole = status()
    validators = tuple(
        replace(validator, connected=seat < count)
        for seat, validator in enumerate(whole.validators)
    )
    return replace(whole, validators=validators, role=role)


def test_all_well_is_ready() -> None:
    """No reason against it."""
    assert readiness(status()).ready
    assert readiness(status()).reasons == ()


def test_a_validator_needs_a_quorum() -> None:
    """Itself counted: three of four are enough, two are not."""
    assert readiness(connected_to(3)).ready
    assert "2 of 4 validators connected" in readiness(connected_to(2)).reasons[0]


def test_a_validator_that_signs_nothing_is_none_of_the_quorum() -> None:
    """With all others it is ready to take transactions; with one less it says why it is not."""

    def silenced(status: NodeStatus) -> NodeStatus:
        first, *others = status.validators
        return replace(status, validators=(replace(first, signs=False), *others))

    with_all = readiness(silenced(connected_to(4)))
    with_one_less = readiness(silenced(connected_to(3)))

    assert with_all.ready
    [reason] = with_one_less.reasons
    silent = status().validators[0].name
    assert reason.startswith("2 of 4 validators connected and signing, expected at least 3; ")
    assert reason.endswith(f"; signing nothing: {silent}")


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({}, "at work"),
        ({"state": SigningState.ASLEEP}, "listening, since its start: 1 of 3 others answered"),
        ({"state": SigningState.FENCED}, "fenced, signs nothing: it is so; 1 of 3 others answered"),
        (
            {"state": SigningState.FENCED, "sign_from": Height(7)},
            "fenced, signs from height 7 on: it is so",
        ),
        ({"state": SigningState.CLONED}, "cloned, signs nothing: it is so"),
        ({"state": SigningState.MUTED}, "follows, signs nothing: it is so"),
    ],
)
def test_each_state_of_signing_has_words(changed: dict[str, object], words: str) -> None:
    """Why, and what it waits for."""
    told = replace(AT_WORK, reason="it is so", answered=1, needed=3)

    assert in_words(replace(told, **changed)) == words


def test_an_observer_needs_one_validator() -> None:
    """It only follows."""
    assert readiness(connected_to(1, NodeRole.OBSERVER)).ready
    assert not readiness(connected_to(0, NodeRole.OBSERVER)).ready


def test_a_node_that_is_behind_is_not_ready() -> None:
    """A few heights are on their way; more are not."""
    ahead = [
        replace(
            status(),
            validators=tuple(
                replace(validator, last_seen_height=Height(height))
                for validator in status().validators
            ),
        )
        for height in (BEHIND_MAX, BEHIND_MAX + 1)
    ]

    assert readiness(ahead[0]).ready
    assert readiness(ahead[1]).reasons == (f"behind: at height 0, others are at {BEHIND_MAX + 1}",)


def test_one_liar_makes_no_node_unready() -> None:
    """What f validators say of their heights is no reason."""
    one, *others = status().validators
    boasted = replace(status(), validators=(replace(one, last_seen_height=Height(10**6)), *others))

    assert len(boasted.validators) == 4
    assert readiness(boasted).ready


def test_a_node_whose_clock_is_wrong_is_not_ready() -> None:
    """Ahead, it takes what is valid for expired; behind, it votes for nothing fresh."""
    answer = readiness(replace(status(), clock_ahead_ms=10_800_000))

    assert not answer.ready
    assert answer.reasons == ("its clock is 180 min ahead",)


def test_every_reason_is_named() -> None:
    """Halted and still starting are two of them."""
    asleep = replace(AT_WORK, state=SigningState.ASLEEP)
    found = readiness(replace(connected_to(1), halted="a fault", signing=asleep))

    assert not found.ready
    assert len(found.reasons) == 3
