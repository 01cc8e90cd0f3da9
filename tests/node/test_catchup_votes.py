"""A validator that catches up by ranges while it must vote again (R22, R35-R41)."""

from __future__ import annotations

from random import Random

import pytest

from kit.catching import checker_of
from kit.engines import Network, Node, begun
from kit.ledger import pay
from node.catchup_check import Proven, held
from node.questions import Certified
from primitives.ids import Height

BLOCKS = 12


def work(network: Network, at: Node, reference: str) -> None:
    tx = network.transaction("treasury", pay("health", 1, reference))
    network.submit(at, tx)


def next_block(network: Network, node: Node, source: Node) -> Proven | None:
    """The block of the node's height, checked under its validators; None where it is level."""
    height = Height(node.height + 1)
    certificate = source.store.certificate(height) if height <= source.height else None
    if certificate is None:
        return None
    one = Certified(source.store.block(height), certificate)
    (made,), _ = checker_of(network.chain).check([held(source.name, one)], node.alive.validators)
    return made


def follow(network: Network, node: Node, source: Node) -> None:
    """As the shell does it, between any two other things that happen to the node."""
    made = next_block(network, node, source)
    if made is not None:
        network._do(node, lambda machine, at: machine.alive.follow(made, machine.clock(at)))


@pytest.mark.parametrize("seed", range(12))
def test_it_decides_from_ranges_between_its_own_votes_and_contradicts_nothing(seed: int) -> None:
    """Killed in the middle of voting, far behind when it is back, and killed again on the way.

    Blocks of ranges come between votes, timers and blocks of the others, in the order of the seed.
    """
    chance = Random(seed)
    network = begun(4, seed=seed)
    node, *others = chance.sample(network.validators(), 4)
    source = others[0]
    work(network, source, "first")
    for _ in range(chance.randrange(60)):
        network.step()
    network.crash(node.name)
    for number in range(BLOCKS):
        work(network, source, f"without it {number}")
        network.run(network.all_at(source.height + 1, others), limit_ms=120_000)

    lives = 2
    network.start(node.name)
    while node.height < source.height:
        for _ in range(chance.randrange(1, 8)):
            network.step()
        if lives and chance.random() < 0.1:
            lives -= 1
            network.crash(node.name)
            network.start(node.name)
        follow(network, node, source)
    network.crash(others[1].name)
    before = source.height
    work(network, source, "with it")
    network.run(network.all_at(before + 1, [node, source, others[2]]), limit_ms=120_000)

    network.check_agreement()
    network.check_honesty()
