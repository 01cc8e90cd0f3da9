"""What goes around by gossip: decided blocks with a quorum behind them, once each (rule R71)."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from kit.catching import SPOILT, chain, of_another_height, with_a_forged_body, with_a_forged_seal
from node import wire
from node.gossip_judge import GossipJudge
from node.questions import Certified
from node.verify import Gate
from primitives import limits
from primitives.codec import encode
from primitives.crypto import ED25519, Scheme
from primitives.errors import BadSignature, Malformed, RemoteFault


class Counting:
    """Ed25519, with a count."""

    def __init__(self) -> None:
        self.checks = 0

    def check(self, *statement: object) -> None:
        self.checks += 1
        ED25519.check(*statement)  # type: ignore[arg-type]  # as it came


class Node:
    """A judge whose node stands at a height."""

    def __init__(self, height: int, scheme: Scheme = ED25519) -> None:
        self.height = height
        self.judge = GossipJudge(Gate(chain().id, scheme), lambda: chain().parents[self.height - 1])

    def passes(self, one: Certified) -> bool:
        return self.judge.passes(wire.write(wire.Decided(one.block, one.certificate)))


def block(height: int) -> Certified:
    return chain().blocks[height - 1]


def test_a_decided_block_passes_once() -> None:
    """At the height at hand, and not again when it is decided here."""
    node = Node(3)

    assert [node.passes(block(3)), node.passes(block(3))] == [True, False]
    node.height = 4
    assert [node.passes(block(3)), node.passes(block(4))] == [False, True]


def test_a_block_that_is_decided_here_is_still_passed_on() -> None:
    """A validator decides before the gossip comes; observers behind it wait for it."""
    node = Node(3)
    assert node.passes(block(3))
    node.height = 5

    assert node.passes(block(4))


def test_a_second_certificate_of_a_passed_block_costs_no_signature() -> None:
    """Whoever floods variants of a seen height makes nobody check them."""
    counting = Counting()
    node = Node(3, counting)
    assert node.passes(block(3))
    checked = counting.checks

    assert not node.passes(with_a_forged_seal(block(3)))
    assert counting.checks == checked > 0


@pytest.mark.parametrize("spoil", [each for each in SPOILT if each is not of_another_height])
def test_what_no_honest_node_passes_on_is_its_senders_fault(
    spoil: Callable[[Certified], Certified],
) -> None:
    """R71: a forged body, seal, state or set of validators, and a certificate without a quorum."""
    node = Node(3)

    with pytest.raises(RemoteFault):
        node.passes(spoil(block(3)))
    assert node.passes(block(3))


def test_only_decided_blocks_are_for_the_topic() -> None:
    """A vote by gossip, or no message at all, is a fault."""
    judge = Node(3).judge

    with pytest.raises(Malformed, match="Fetch on the topic of decided blocks"):
        judge.passes(wire.write(wire.Fetch(block(3).certificate.block_id)))
    with pytest.raises(Malformed):
        judge.passes(b"no message")


def test_a_kind_of_a_later_version_goes_no_further_and_is_nobodys_fault() -> None:
    """Networks are upgraded node by node."""
    assert not Node(3).judge.passes(encode([127, "what we do not know"]))


def test_a_node_that_is_behind_judges_by_the_newest_validators_it_knows() -> None:
    """Good gossip far above passes; what it cannot judge goes no further, and nobody is blamed."""
    node = Node(1)

    assert node.passes(block(4))
    assert not node.passes(with_a_forged_seal(block(5)))
    with pytest.raises(BadSignature):
        node.passes(with_a_forged_seal(block(2)))


def test_a_block_of_a_height_long_past_goes_no_further() -> None:
    """GOSSIP_HEIGHTS_KEPT below the height at hand everybody has it, or asks for it."""
    counting = Counting()
    last = len(chain().blocks)
    node = Node(last, counting)
    recent = last - limits.GOSSIP_HEIGHTS_KEPT + 1

    assert node.passes(block(recent))
    checked = counting.checks
    assert not node.passes(block(recent - 1))
    assert counting.checks == checked


def test_no_more_heights_are_remembered_than_named() -> None:
    """GOSSIP_HEIGHTS_KEPT of validator sets, and of blocks."""
    node = Node(1)
    for height in range(1, len(chain().blocks) + 1):
        node.height = height
        node.passes(block(height))

    assert len(node.judge._sets) <= limits.GOSSIP_HEIGHTS_KEPT
    assert len(node.judge._passed) <= limits.GOSSIP_HEIGHTS_KEPT


def test_a_forged_body_is_found_before_any_signature_is_checked() -> None:
    """Hashing is cheaper than a quorum of signatures."""
    counting = Counting()
    with pytest.raises(RemoteFault):
        Node(3, counting).passes(with_a_forged_body(block(3)))

    assert counting.checks == 0
