"""Every clause of a justification, broken alone, with good signatures (rules R5, R13, R14, R32)."""

from __future__ import annotations

import pytest

from consensus.messages import PrePrepare
from kit.certified import named_digest, validator_keys, validator_set
from kit.counting import Counting
from kit.crafted import built, voices
from kit.engines import Network, Node, begun
from kit.spoken import Voice
from kit.unjustified import VIEW, Crafter
from node import wire
from node.verify import Gate
from primitives.block import block_id
from primitives.crypto import ED25519, check_signature
from primitives.errors import Malformed
from primitives.ids import BlockId, ChainId, Height

CHAIN = ChainId(named_digest("chain"))
MEMBERS = validator_set(validator_keys(4))
X, Y = BlockId(named_digest("X")), BlockId(named_digest("Y"))
CRAFTED = Crafter([Voice(key, CHAIN, MEMBERS) for key in validator_keys(4)], 6, X, Y)


class Untouched:
    """A scheme that is never asked."""

    def check(self, key: bytes, message: bytes, signature: bytes) -> None:
        check_signature(key, message, signature)
        raise AssertionError("a signature was checked")


@pytest.mark.parametrize("name", CRAFTED.justified())
def test_a_justified_proposal_passes(name: str) -> None:
    """R13, R14: or the counterexamples below would prove nothing."""
    Gate(CHAIN, ED25519).pre_prepare(CRAFTED.justified()[name], MEMBERS)


@pytest.mark.parametrize("name", CRAFTED.unjustified())
def test_a_broken_clause_is_named(name: str) -> None:
    """R5, R13, R14: one broken clause suffices, and it costs no signature check."""
    message, why = CRAFTED.unjustified()[name]

    with pytest.raises(Malformed, match=why):
        Gate(CHAIN, Untouched()).pre_prepare(message, MEMBERS)


# --- the same at an engine --------------------------------------------------------------------


def crafter(network: Network) -> tuple[Crafter, wire.FullBody]:
    """For height 2 of a network, over a block that is good there in view 3."""
    block, other = built(network, view=VIEW), built(network, view=VIEW, ahead_ms=1)
    ordered = sorted(voices(network), key=lambda voice: voice.seat)
    named = block_id(block.header), block_id(other.header)
    return Crafter(ordered, 2, *named), wire.FullBody(block)


def deliver(network: Network, node: Node, message: PrePrepare, body: wire.FullBody) -> None:
    peer = next(other for other in network.validators() if other is not node)
    node.deliver(peer.name, wire.Proposed(message, body), network.now_ms)


def state_of(node: Node) -> tuple[object, ...]:
    """What a refused message leaves as it was."""
    engine = node.alive
    return engine.height, engine.wish, engine.entered, node.memory.read(), node.database.contents()


def test_an_engine_refuses_each_and_changes_nothing() -> None:
    """R32: the deliverer is at fault; then the sound proposal comes, and gets its vote."""
    network = begun()
    node = network.proposer(2, view=1)
    crafted, body = crafter(network)
    before = state_of(node)
    broken = crafted.unjustified()

    for name, (message, why) in broken.items():
        with pytest.raises(Malformed, match=why):
            deliver(network, node, message, body)
        assert state_of(node) == before, name

    asked = [crafted.ask(seat) for seat in range(3)]
    deliver(network, node, crafted.propose(*asked), body)
    assert node.alive.wish == VIEW
    assert node.memory.read() != before[3]
    assert [record.view for record in node.store.votes(Height(2))] == [VIEW]


def test_an_engine_checks_the_signatures_of_a_justified_proposal_once() -> None:
    """Good ones cost their deliverer nothing, so a flood of them must cost us nothing either."""
    network = begun()
    node = network.proposer(2, view=1)
    network.site.scheme = counting = Counting()
    network.crash(node.name)
    network.start(node.name)
    crafted, body = crafter(network)
    proposal = crafted.propose(*[crafted.ask(seat) for seat in range(3)])
    deliver(network, node, proposal, body)
    spent = counting.checks

    for _ in range(10):
        deliver(network, node, proposal, body)

    assert spent >= 4
    assert counting.checks == spent
