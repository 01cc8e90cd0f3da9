"""Every order of every move at one height, with each rule and without it (kit/model.py).

The proof in docs/protocol.md is an induction over views; this is the same claim for four validators
and three views without an induction: all states are looked at. And it says what each condition is
for: without it two blocks are decided, in these moves of the three honest validators X, Y and Z.
The fourth lies: it votes for every block, and it claims what can be proved, or nothing.
"""

import pytest

from kit.model import Explored, Model, Rule, explored

FORKS = {
    Rule.QUORUM: """
        X prepares A in 0
        Y prepares B in 0
        X commits A in 0
        Y commits B in 0
    """,
    Rule.SIGNERS: """
        X prepares A in 0
        Y prepares B in 0
        X commits A in 0
        Y commits B in 0
    """,
    Rule.ENOUGH_ASK: """
        X prepares A in 0
        Y prepares A in 0
        Z asks for 1, claims nothing
        X commits A in 0
        Y commits A in 0
        X prepares B in 1
        Y prepares B in 1
        X commits B in 1
        Y commits B in 1
    """,
    Rule.EXACT_VIEW: """
        X prepares A in 0
        Y prepares A in 0
        Z asks for 1, claims nothing
        X commits A in 0
        Y commits A in 0
        Z asks for 2, claims nothing
        X prepares B in 1
        Y prepares B in 1
        X commits B in 1
        Y commits B in 1
    """,
    Rule.HIGHEST: """
        X prepares A in 0
        Y prepares A in 0
        Z asks for 1, claims nothing
        X asks for 1, claims nothing
        Y prepares B in 1
        Z prepares B in 1
        Z commits B in 1
        Z asks for 2, claims B of 1
        X asks for 2, claims nothing
        Y commits B in 1
        Y prepares A in 2
        Z prepares A in 2
        Z commits A in 2
        Y commits A in 2
    """,
    Rule.CLAIMED: """
        X prepares A in 0
        Y prepares A in 0
        Z asks for 1, claims nothing
        X commits A in 0
        Y commits A in 0
        X asks for 1, claims A of 0
        Y prepares B in 1
        Z prepares B in 1
        Z commits B in 1
        Y commits B in 1
    """,
    Rule.PROVED: """
        X prepares A in 0
        Y prepares A in 0
        Z asks for 1, claims nothing
        X commits A in 0
        Y commits A in 0
        X asks for 1, claims A of 0
        Y prepares B in 1
        Z prepares B in 1
        Z commits B in 1
        Y commits B in 1
    """,
    Rule.ONE_PREPARE: """
        X prepares A in 0
        Y prepares A in 0
        Z prepares B in 0
        X prepares B in 0
        Y commits A in 0
        Z asks for 1, claims nothing
        Y asks for 1, claims A of 0
        X commits A in 0
        X prepares B in 1
        Z prepares B in 1
        X commits B in 1
        Z commits B in 1
    """,
    Rule.NOT_LATE: """
        X prepares A in 0
        Y prepares A in 0
        Z asks for 1, claims nothing
        X commits A in 0
        Y asks for 1, claims nothing
        X prepares B in 1
        Z prepares B in 1
        Z commits B in 1
        Y commits A in 0
        X commits B in 1
    """,
    Rule.REMEMBERED: """
        X prepares A in 0
        Y prepares A in 0
        Z asks for 1, claims nothing
        X commits A in 0
        Y commits A in 0
        X asks for 1, claims nothing
        Y prepares B in 1
        Z prepares B in 1
        Z commits B in 1
        Y commits B in 1
    """,
}
"""The shortest way to a fork without a rule. Where a claim is not repeated, the liar made it."""

THREE_VIEWS = {Rule.EXACT_VIEW, Rule.HIGHEST}
"""A view change for another view than the one after, and a lower claim, need a third view."""

NOT_FOR_SAFETY = [Rule.NOT_BELOW, Rule.CERTIFIED]
"""What is safe without them, given the others. A prepare in a view that was left changes nothing,
since a view change claims commits and nobody commits there any more (R19). And f + 1 honest commits
are f + 1 honest prepares, with which the liars make the certificate: that each has it on disk is
what lets it prove its claim, so it is liveness that needs it."""


@pytest.mark.parametrize(("views", "states"), [(1, 13), (2, 1_541), (3, 260_076)])
def test_no_order_of_moves_decides_two_blocks(views: int, states: int) -> None:
    """R1, R4, R14, R18, R19, R25: all states that can be reached, names apart."""
    assert explored(Model(views)) == Explored(states, ())


@pytest.mark.parametrize("rule", FORKS, ids=lambda rule: rule.name)
def test_without_a_rule_two_blocks_are_decided(rule: Rule) -> None:
    """R1, R4, R14, R18, R19, R25, R37: and no shorter way leads there."""
    model = Model(3 if rule in THREE_VIEWS else 2, frozenset({rule}))

    assert explored(model).fork == tuple(line.strip() for line in FORKS[rule].strip().split("\n"))


@pytest.mark.parametrize("rule", NOT_FOR_SAFETY, ids=lambda rule: rule.name)
def test_some_conditions_are_not_there_for_safety(rule: Rule) -> None:
    """R18, R19: two views are safe without them."""
    assert explored(Model(2, frozenset({rule}))).fork == ()


def test_every_rule_of_the_model_is_accounted_for() -> None:
    """Each is needed, or is said to be there for something else."""
    assert set(FORKS) | set(NOT_FOR_SAFETY) == set(Rule)
