"""Who may speak about what, and how often: bounds before any signature is looked at."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from consensus.events import Link
from consensus.messages import Status
from kit.crafted import built, voices
from kit.engines import Node, begun
from kit.ledger import pay
from kit.spoken import certificate_by
from ledger.parameters import DEFAULTS
from node import wire
from node.bodies import CheckedBlock
from node.evidence import witness_of
from primitives import limits
from primitives.block import Block, block_id
from primitives.domains import Domain
from primitives.errors import BadSignature, Malformed
from primitives.ids import Height, TimeMs, View


def test_a_flood_of_status_is_answered_so_often_a_second() -> None:
    """Twenty are; the twenty-first of a second is not, and the next second begins anew (R29)."""
    network = begun()
    node, other = network.validators()[:2]
    network.run_for(1_000 - network.now_ms % 1_000)  # a second begins
    status = Status(Height(1), View(0), View(-1), False, b"", b"", (View(0),) * 4, None, True)  # noqa: FBT003 - fields
    answers = [
        len(node.alive.deliver(other.name, status, None, network.now_ms).messages) > 0
        for _ in range(limits.STATUS_ANSWERS_PER_SECOND + 1)
    ]

    later = node.alive.deliver(other.name, status, None, TimeMs(network.now_ms + 1_000))

    assert answers == [True] * limits.STATUS_ANSWERS_PER_SECOND + [False]
    assert later.messages
    third = network.validators()[2].name
    assert node.alive.deliver(third, status, None, network.now_ms).messages, "another peer's own"


def test_a_flood_of_fetches_is_answered_so_often_a_second() -> None:
    """An answer may have two mebibytes."""
    network = begun()
    node, other = network.validators()[:2]
    fetch = wire.Fetch(node.store.head().block_id)
    answers = [
        len(node.alive.deliver(other.name, fetch, None, network.now_ms).messages)
        for _ in range(limits.FETCH_ANSWERS_PER_SECOND + 1)
    ]

    assert answers == [1] * limits.FETCH_ANSWERS_PER_SECOND + [0]


def test_who_only_follows_is_answered_less_often() -> None:
    """It has no vote that anybody waits for, and each answer may read a full block."""
    network = begun()
    node = network.validators()[0]
    fetch = wire.Fetch(node.store.head().block_id)
    answers = [
        len(node.alive.deliver(Link("a follower"), fetch, None, network.now_ms).messages)
        for _ in range(limits.FOLLOWER_ANSWERS_PER_SECOND + 1)
    ]

    assert answers == [1] * limits.FOLLOWER_ANSWERS_PER_SECOND + [0]


@pytest.mark.parametrize(
    ("height", "view", "is_read"),
    [(2, 0, True), (2, 1_000_000, True), (3, 0, True), (3, 1, False), (4, 0, False), (1, 0, False)],
)
def test_what_is_outside_the_bounds_is_dropped_unread(
    height: int, view: int, *, is_read: bool
) -> None:
    """This height in any view, the next at view 0: else the signature is not looked at (R5)."""
    network = begun()
    node = network.validators()[0]
    block = node.store.head().block_id
    garbage = replace(network.voice(node).prepare(height, view, block), signature=bytes(64))

    try:
        node.alive.deliver("validator 1", garbage, None, network.now_ms)
        noticed = False
    except BadSignature:
        noticed = True

    assert noticed is is_read


def test_an_unjustified_proposal_counts_against_who_delivered_it() -> None:
    """Three view changes are a quorum, two are not."""
    network = begun()
    node = network.proposer(4)
    block = built(network, view=1)
    primary = network.proposer(2, view=1)
    changes = tuple(voice.view_change(2, 1) for voice in voices(network))
    for count, fault in ((2, Malformed), (3, None)):
        message = network.voice(primary).pre_prepare(2, 1, block_id(block.header), changes[:count])
        node.faults.clear()
        network.passes = lambda _s, _r, m: isinstance(m, wire.Proposed)
        network.say(primary, node.name, wire.Proposed(message, wire.FullBody(block)))
        network.run_for(20)

        assert [type(found) for found in node.faults] == ([fault] if fault else [])
    assert node.alive.wish == 1


def test_a_far_view_costs_nothing() -> None:
    """A member asks for view 2^31 − 1: nobody follows one voice, and nothing grows."""
    network = begun()
    liar = network.proposer(2)
    network.crash(liar.name)
    network.say(liar, None, network.voice(liar).view_change(2, 2**31 - 1))
    tx = network.transaction("treasury", pay("works", 1, "x"))

    network.submit(network.proposer(3), tx)
    network.run(network.is_final(tx), limit_ms=DEFAULTS.t0_ms + 500)

    certificate = network.proposer(3).store.certificate(Height(2))
    assert certificate is not None
    assert certificate.view == 1


def test_the_engine_checks_a_decision_whatever_the_shell_did_before() -> None:
    """Its body was checked in a thread; its certificate is judged when it is delivered."""
    network = begun()
    node = network.validators()[0]
    block = built(network)
    named = block_id(block.header)
    few = certificate_by(voices(network)[:2], Domain.COMMIT, 2, 0, named)
    forged = replace(network.voice(network.proposer(2)).pre_prepare(2, 0, named), height=Height(3))
    body = CheckedBlock(block, named, ())
    before = node.database.contents()

    with pytest.raises(Malformed):
        node.alive.deliver("validator 1", wire.Decided(block, few), body, network.now_ms)
    with pytest.raises(BadSignature):
        node.alive.deliver("validator 1", wire.Proposed(forged, None), body, network.now_ms)

    assert node.database.contents() == before
    assert node.height == 1


def test_who_is_behind_may_show_statements_of_a_former_key_of_ours() -> None:
    """Until it has followed to where the chain names another one; who has, is at fault."""
    network = begun()
    node, other, former = network.validators()[:3]
    vote = network.voice(former).prepare(2, 0, node.store.head().block_id)
    shown = witness_of(vote, network.chain)
    status = Status(Height(1), View(0), View(-1), False, b"", b"", (View(0),) * 4, shown, True)  # noqa: FBT003 - fields

    node.alive.deliver(other.name, status, None, network.now_ms)

    with pytest.raises(BadSignature):
        node.alive.deliver(other.name, replace(status, height=Height(2)), None, network.now_ms)


def test_a_body_that_changes_nothing_is_not_checked() -> None:
    """One costs up to 5,000 signature checks: what was not asked for, or comes too late, none."""
    network = begun()
    node = network.proposer(4)
    primary = network.proposer(2)
    first, second, third = (built(network, ahead_ms=ahead_ms) for ahead_ms in range(3))
    ahead = network.proposer(3)

    def offers(block: Block, by: Node, height: int = 2) -> wire.Proposed:
        message = network.voice(by).pre_prepare(height, 0, block_id(block.header))
        return wire.Proposed(message, wire.FullBody(block))

    assert not node.alive.needs_body(wire.Body(first))
    assert node.alive.needs_body(offers(first, primary))
    body = CheckedBlock(first, block_id(first.header), ())
    node.alive.deliver(primary.name, offers(first, primary), body, network.now_ms)
    node.alive.deliver(primary.name, offers(third, ahead, 3), None, network.now_ms)

    assert not node.alive.needs_body(wire.Body(first)), "it is here"
    assert not node.alive.needs_body(offers(second, primary)), "the first one stands (R12)"
    assert not node.alive.needs_body(offers(second, ahead, 3)), "so it does ahead (R43)"
    assert node.alive.needs_body(offers(third, ahead, 3)), "it may come with a repetition"
