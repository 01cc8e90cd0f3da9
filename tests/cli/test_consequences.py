"""What a change of validators would mean: who is there, who may fail, what would halt the chain."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from cli.consequences import (
    WOULD_HALT,
    Consequences,
    Council,
    consequences,
    decided_records,
    nodes_at_work,
)
from kit.api import AT_WORK, ChainOfOne
from kit.ledger import validator_record
from kit.membership import ready, votes
from ledger.membership import Change
from ledger.validators import Replacement
from node.standing import SigningState
from node.status import ChangeStatus, MemberStatus, NodeStatus, ValidatorStatus
from primitives.errors import Rejected
from primitives.ids import Height, Seat


def status(validators: int, *, away: tuple[int, ...] = (), newcomers: int = 9) -> NodeStatus:
    """What the node of validator 0 says; nodes that are to come have links, too."""
    chain = ChainOfOne()
    one = chain.status()
    records = sorted((validator_record(i) for i in range(validators)), key=lambda r: r.key)
    peer = one.peers[0]
    there = [validator_record(i).node_key for i in range(validators, newcomers) if i not in away]
    return replace(
        one,
        key=votes(0),
        validators=tuple(
            ValidatorStatus(
                name=record.name,
                key=record.key,
                node_key=record.node_key,
                account=record.account,
                seat=Seat(seat),
                suspended=False,
                connected=int(record.name.split()[1]) not in away,
                signs=True,
                last_seen_height=Height(1),
            )
            for seat, record in enumerate(records)
        ),
        peers=tuple(replace(peer, node_key=node_key, connected=True) for node_key in there),
    )


def joining(*indices: int) -> Change:
    said = [
        ready(ChainOfOne().chain, i, height=1, time_ms=ChainOfOne().status().block_time_ms)
        for i in indices
    ]
    return Change(add=tuple(said))


def meaning(found: NodeStatus, change: Change, *, minimum: int = 4) -> Consequences:
    return consequences([found], change, minimum=minimum)


def test_a_fifth_validator_leaves_no_spare_while_one_is_away() -> None:
    """The words of the design: n = 5, f = 1, one is offline: one more failure would halt it."""
    found = meaning(status(4, away=(2,)), joining(4))

    assert found.now.sentence() == (
        "n=4, f=1, q=3; 1 not at work now (Ministry 2): one more failure would halt the chain"
    )
    assert found.then.sentence() == (
        "n=5, f=1, q=4; 1 not at work now (Ministry 2): one more failure would halt the chain"
    )
    found.require_going_on()


def test_with_all_there_the_spare_is_counted() -> None:
    """As many may fail as a quorum leaves over."""
    found = meaning(status(7), Change(remove=(votes(6),)))

    assert found.then.sentence() == "n=6, f=1, q=5; all are at work: 1 more may fail"
    assert (found.removed, found.added) == (("Ministry 6",), ())


def test_what_would_halt_the_chain_is_refused() -> None:
    """A newcomer whose node is away, beside one that is away already: three of five."""
    found = meaning(status(4, away=(2, 4)), joining(4))

    assert found.then.spare == -1
    with pytest.raises(Rejected, match="the chain would halt: 3 are fewer than 4") as refused:
        found.require_going_on()
    assert refused.value.code == WOULD_HALT
    assert refused.value.facts["missing"] == list(found.then.missing)


def test_a_validator_that_signs_nothing_is_not_there() -> None:
    """Whoever has a link to it; but what it says of itself counts more."""
    said = status(4)
    quiet = replace(
        said,
        validators=tuple(
            replace(one, signs=one.key not in (votes(0), votes(1))) for one in said.validators
        ),
    )

    at_work = nodes_at_work([quiet])

    assert validator_record(1).node_key not in at_work
    assert validator_record(0).node_key in at_work
    muted = replace(AT_WORK, state=SigningState.MUTED)
    assert validator_record(0).node_key not in nodes_at_work([replace(quiet, signing=muted)])


def test_a_change_starts_from_what_is_decided_though_not_in_force() -> None:
    """Two proposals in a row: the second one sees the first."""
    new, old = validator_record(4), validator_record(3)

    def member(record: object) -> MemberStatus:
        assert isinstance(record, type(new))
        return MemberStatus(
            name=record.name, key=record.key, node_key=record.node_key, account=record.account
        )

    change = ChangeStatus(height=Height(9), added=(member(new),), removed=(member(old),))
    found = replace(status(4), change=change)

    assert {record.name for record in decided_records(found)} == {
        f"Ministry {index}" for index in (0, 1, 2, 4)
    }
    with pytest.raises(Rejected, match="not, or no longer"):
        meaning(found, Change(remove=(votes(3),)))


def test_a_newcomer_takes_the_place_of_a_suspended_validator() -> None:
    """As on chain: the marked one leaves at the same height."""
    said = status(4)
    marked = replace(
        said,
        validators=tuple(replace(one, suspended=one.key == votes(2)) for one in said.validators),
    )

    found = meaning(marked, joining(4))

    assert (found.removed, found.added) == (("Ministry 2",), ("Ministry 4",))
    assert found.then.size == 4


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (Change(), "membership.nothing_to_change"),
        (Change(remove=(votes(9),)), "membership.not_a_validator"),
        (Change(remove=(votes(1),)), "membership.too_few"),
        (joining(4, 5), "membership.too_many_changes"),
        (joining(1), "validators.already_taken"),
    ],
)
def test_what_every_node_would_refuse_is_refused_here(change: Change, code: str) -> None:
    """Before anybody has signed; by the ledger's own rules and in its words."""
    with pytest.raises(Rejected) as refused:
        meaning(status(4), change)

    assert refused.value.code == code


def test_a_new_key_counts_as_one_change_of_the_same_body() -> None:
    """Its new node must be there."""
    said = ready(
        ChainOfOne().chain,
        1,
        height=1,
        time_ms=ChainOfOne().status().block_time_ms,
        generation=1,
        node_key=validator_record(5).node_key,
    )

    found = meaning(status(4), Change(replace=(Replacement(votes(1), said),)))

    assert (found.removed, found.added) == (("Ministry 1",), ("Ministry 1",))
    assert found.then == Council(found.then.names, ())
