"""A decided block and a fetch, delivered to an engine in every state it can be in (R22, R30).

The states are those of one height: asleep, without a seat, fenced, rolled back, idle, after each of
its own statements, while a body is missing, in the middle of a view change, decided, halted.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from consensus.messages import Commit, Prepare, PrePrepare, ViewChange
from kit.crafted import built, changed, voices
from kit.disks import MortalDatabase, MortalFile
from kit.engines import Network, Node, begun
from kit.ledger import pay
from kit.spoken import certificate_by, statements_in
from node import wire
from node.outbox import Outbox
from primitives.block import Block, block_id
from primitives.certificate import Certificate
from primitives.domains import Domain
from primitives.ids import Digest, Height
from storage.decision import VoteStep

State = Callable[[], tuple[Network, Node]]


def nothing(_sender: str, _receiver: str, _message: wire.Wire) -> bool:
    return False


def only(*kinds: type) -> Callable[[str, str, wire.Wire], bool]:
    return lambda _sender, _receiver, message: isinstance(message, kinds)


def idle() -> Network:
    network = begun()
    network.passes = nothing
    return network


def work(network: Network, node: Node) -> None:
    network.submit(node, network.transaction("treasury", pay("works", 1, "work")))


def before_work() -> tuple[Network, Node]:
    network = idle()
    return network, network.proposer(2)


def asleep() -> tuple[Network, Node]:
    """Restarted, and nobody has answered yet (R41)."""
    network = idle()
    node = network.proposer(2)
    network.crash(node.name)
    network.start(node.name)
    assert not node.alive.awake
    return network, node


def without_a_seat() -> tuple[Network, Node]:
    network = begun(observers=1)
    node = network.nodes["observer 0"]
    network.run(lambda: node.height == 1)
    network.passes = nothing
    assert node.alive.seat is None
    return network, node


def fenced() -> tuple[Network, Node]:
    """Restarted without what its signer remembered (R50)."""
    network = idle()
    node = network.proposer(2)
    network.crash(node.name)
    node.memory = MortalFile(None)
    network.start(node.name)
    assert node.alive.seat is None
    return network, node


def rolled_back() -> tuple[Network, Node]:
    """Its database forgot a prepare that its signer remembers (R40)."""
    network = idle()
    node = network.proposer(2)
    before = node.database.contents()
    work(network, node)
    network.run(lambda: bool(node.store.votes(Height(2))))
    network.crash(node.name)
    node.database = MortalDatabase(before)
    network.start(node.name)
    assert node.alive.seat is None
    return network, node


def has_said(step: VoteStep, *passing: type) -> State:
    """The primary of view 0, as soon as it has signed this."""

    def state() -> tuple[Network, Node]:
        network = idle()
        node = network.proposer(2)
        network.passes = only(*passing) if passing else nothing
        work(network, node)
        network.run(
            lambda: any(record.step is step for record in node.store.votes(Height(2))),
            limit_ms=20_000,
        )
        network.passes = nothing
        return network, node

    return state


def without_the_body() -> tuple[Network, Node]:
    """A backup that holds a proposal and asks in vain for its block."""
    network = idle()
    node, primary = network.proposer(3), network.proposer(2)
    block = built(network, network.transaction("treasury", pay("works", 1, "withheld")))
    message = network.voice(primary).pre_prepare(2, 0, block_id(block.header))
    out = node.deliver(primary.name, wire.Proposed(message, None), network.now_ms)
    assert [type(sent) for _, sent in out.messages] == [wire.Fetch]
    return network, node


def with_a_quorum_and_no_body() -> tuple[Network, Node]:
    """Three commits for a block that nobody sends."""
    network = idle()
    node = network.proposer(3)
    block = built(network, network.transaction("treasury", pay("works", 1, "unseen")))
    for voice in voices(network)[:3]:
        vote = voice.commit(2, 0, block_id(block.header))
        node.deliver("validator 1", vote, network.now_ms)
    assert node.height == 1
    return network, node


def halted() -> tuple[Network, Node]:
    """A quorum has decided what is bad here (R31)."""
    network = idle()
    node = network.proposer(3)
    block, _ = decision(network)
    bad = changed(block, state_root=Digest(bytes(32)))
    certificate = certificate_by(voices(network), Domain.COMMIT, 2, 0, block_id(bad.header))
    node.deliver(network.proposer(2).name, wire.Decided(bad, certificate), network.now_ms)
    assert node.alive.halted
    return network, node


STATES: dict[str, State] = {
    "asleep": asleep,
    "without a seat": without_a_seat,
    "fenced": fenced,
    "with a vote log that forgot": rolled_back,
    "before any work": before_work,
    "after its proposal and prepare": has_said(VoteStep.PREPARE),
    "after its commit": has_said(VoteStep.COMMIT, wire.Proposed, Prepare),
    "in the middle of a view change": has_said(VoteStep.VIEW_CHANGE),
    "without the body of a proposal": without_the_body,
    "with a commit quorum and no body": with_a_quorum_and_no_body,
}


def decision(network: Network) -> tuple[Block, Certificate]:
    """Another block than any that is spoken of, decided by the others in view 5."""
    block = built(network, view=5, ahead_ms=7)
    return block, certificate_by(voices(network), Domain.COMMIT, 2, 5, block_id(block.header))


def signed_in(out: Outbox) -> list[object]:
    return [one for _, message in out.messages for one in statements_in(message)]


@pytest.mark.parametrize("name", STATES)
def test_a_decision_is_taken_in_every_state(name: str) -> None:
    """R22, R23: durable at once, the peer is told, and nothing of the height is left or said."""
    network, node = STATES[name]()
    block, certificate = decision(network)
    decided = wire.Decided(block, certificate)
    network.listening = True

    out = node.deliver("validator 1", decided, network.now_ms)

    assert node.height == 2
    assert node.store.head().block_id == block_id(block.header)
    assert [one.block.header.height for one in out.decided] == [2]
    assert signed_in(out) == []
    assert node.store.votes(Height(2)) == []
    assert node.store.kept_bodies(Height(2)) == {}
    network.run_for(5_000)
    late = [
        one
        for sender, _, message in network.messages
        for one in statements_in(message)
        if sender == node.name and one.height == 2
    ]
    assert late == [], "no timer, no vote and no fetch of height 2 had an effect any more"


@pytest.mark.parametrize("name", STATES)
def test_a_decision_that_proves_nothing_changes_no_state(name: str) -> None:
    """R4, R22, R32: two of four, in every state: refused or not looked at, nothing written."""
    network, node = STATES[name]()
    block, _ = decision(network)
    few = certificate_by(voices(network)[:2], Domain.COMMIT, 2, 5, block_id(block.header))
    before = node.database.contents(), node.memory.read(), node.alive.wish, node.alive.entered

    with pytest.raises(Exception, match="2 signers, a quorum of 4 validators is 3"):
        node.deliver("validator 1", wire.Decided(block, few), network.now_ms)

    after = node.database.contents(), node.memory.read(), node.alive.wish, node.alive.entered
    assert after == before
    assert node.height == 1


@pytest.mark.parametrize("name", [*STATES, "halted"])
def test_a_fetch_is_answered_in_every_state(name: str) -> None:
    """R30: with the block at hand, or with the decided one; of what is unknown nothing is said."""
    network, node = halted() if name == "halted" else STATES[name]()
    head = node.store.head()
    peer = next(other.name for other in network.validators() if other is not node)

    known = node.deliver(peer, wire.Fetch(head.block_id), network.now_ms)
    unknown = node.deliver(peer, wire.Fetch(block_id(decision(network)[0].header)), network.now_ms)

    assert [(link, type(message)) for link, message in known.messages] == [(peer, wire.Decided)]
    assert unknown.messages == []


@pytest.mark.parametrize("name", ["after its proposal and prepare", "after its commit"])
@pytest.mark.parametrize("restarted", ["running", "restarted"])
def test_the_block_of_a_promise_is_given_to_whoever_asks(name: str, restarted: str) -> None:
    """R30, R39: what was prepared is answered from memory, and after a restart from the log."""
    network, node = STATES[name]()
    (body,) = node.store.kept_bodies(Height(2))
    if restarted == "restarted":
        network.crash(node.name)
        network.start(node.name)

    out = node.deliver("validator 1", wire.Fetch(body), network.now_ms)

    ((_, answer),) = out.messages
    assert isinstance(answer, wire.Body)
    assert block_id(answer.block.header) == body


def test_a_halted_node_takes_no_further_decision_and_signs_nothing() -> None:
    """R31: not even the sound decision of the same height: an operator must look."""
    network, node = halted()
    block, certificate = decision(network)
    before = node.database.contents(), node.memory.read()

    out = node.deliver(
        "validator 1",
        wire.Decided(block, certificate),
        network.now_ms,
    )

    assert node.height == 1
    assert signed_in(out) == []
    assert (node.database.contents(), node.memory.read()) == before


def test_a_decision_is_taken_once() -> None:
    """R22: the second delivery finds the next height, in which it means nothing."""
    network, node = before_work()
    block, certificate = decision(network)
    decided = wire.Decided(block, certificate)
    node.deliver("validator 1", decided, network.now_ms)
    before = node.database.contents()

    out = node.deliver("validator 1", decided, network.now_ms)

    assert out.decided == []
    assert signed_in(out) == []
    assert node.database.contents() == before


def test_messages_of_a_decided_height_cost_nothing_and_change_nothing() -> None:
    """R5, R24: whatever a member still says about it is dropped unread."""
    network, node = before_work()
    block, certificate = decision(network)
    node.deliver(
        "validator 1",
        wire.Decided(block, certificate),
        network.now_ms,
    )
    named = block_id(block.header)
    before = node.database.contents(), node.memory.read(), node.alive.wish
    voice = next(one for one in voices(network) if one.key.public != network.voice(node).key.public)
    late: list[PrePrepare | Prepare | Commit | ViewChange] = [
        voice.prepare(2, 5, named),
        voice.commit(2, 5, named),
        voice.view_change(2, 6),
        network.voice(network.proposer(2)).pre_prepare(2, 0, named),
    ]

    for message in late:
        sent = wire.Proposed(message, None) if isinstance(message, PrePrepare) else message
        out = node.deliver("validator 1", sent, network.now_ms)
        assert out.messages == []

    assert (node.database.contents(), node.memory.read(), node.alive.wish) == before
