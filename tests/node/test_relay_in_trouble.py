"""Transactions while links flap, nodes restart and clients ask everybody: once, and no copies."""

from __future__ import annotations

from collections import Counter
from random import Random

import pytest

from kit.engines import Network, Node, begun
from kit.ledger import pay
from ledger.transaction import CheckedTransaction
from node import wire
from node.relay import ASKED_MS, OFFER_ROUND_MS
from primitives.ids import TransactionHash

SETTLED_MS = 2 * (OFFER_ROUND_MS + ASKED_MS)


class Post:
    """Loses a part of everything about transactions, and counts what arrives where."""

    def __init__(self, network: Network, random: Random) -> None:
        self.network, self.random = network, random
        self.loss, self.blocks = 0.0, True
        self.copies: Counter[tuple[str, bytes]] = Counter()
        network.passes = self.passes

    def passes(self, _sender: str, receiver: str, message: wire.Wire) -> bool:
        if isinstance(message, wire.Proposed):
            return self.blocks
        if not isinstance(message, wire.Transactions | wire.Offer | wire.Want):
            return True
        if self.random.random() < self.loss:
            return False
        if isinstance(message, wire.Transactions):
            self.copies.update((receiver, data) for data in message.transactions)
        return True

    def flap(self) -> None:
        """Some link breaks and works again: both ends are told so."""
        one, other = self.random.sample(self.network.up(), 2)
        for node, link in ((one, other), (other, one)):
            out = node.alive.link_up(link.name, self.network.now_ms)
            for receiver, message in out.messages:
                self.network.speak(node.name, receiver, message)

    @property
    def unneeded(self) -> int:
        """Copies beyond the first, at each node."""
        return sum(count - 1 for count in self.copies.values())


def some(network: Network, count: int) -> list[CheckedTransaction]:
    return [
        network.transaction("treasury", pay("works", 1, f"{number}"), ms=600_000)
        for number in range(count)
    ]


def holds(node: Node, new: list[CheckedTransaction]) -> bool:
    names: list[TransactionHash] = [tx.hash for tx in new]
    return all(node.alive.mempool.find(name) is not None for name in names)


@pytest.mark.parametrize("seed", range(3))
def test_lossy_links_that_flap_cost_few_copies_and_lose_nothing(seed: int) -> None:
    """Three of ten messages are lost and links break all the time: everybody has everything."""
    network = begun(seed=seed)
    post = Post(network, Random(seed))
    post.blocks, post.loss = False, 0.3
    new = some(network, 120)
    for at in range(0, len(new), 10):
        network.submit(post.random.choice(network.validators()), *new[at : at + 10])
        post.flap()
        network.run_for(100)

    network.run(
        lambda: all(holds(node, new) for node in network.validators()), limit_ms=4 * SETTLED_MS
    )

    needed = len(new) * 3
    assert sum(post.copies.values()) - post.unneeded <= needed
    assert post.unneeded <= needed // 5


def test_clients_that_ask_everybody_cost_few_copies() -> None:
    """First every node pushes what the others have too; soon they tell hashes only."""
    network = begun()
    post = Post(network, Random(1))
    new = some(network, 1_000)

    for at in range(0, len(new), 20):
        for node in network.validators():
            network.submit(node, *new[at : at + 20])
        network.run_for(200)
    network.run(lambda: all(network.is_final(tx)() for tx in new))

    first, second = new[:200], new[200:]
    early = sum(post.copies[node.name, tx.data] for node in network.validators() for tx in first)
    late = sum(post.copies[node.name, tx.data] for node in network.validators() for tx in second)
    assert early <= 200 * 4 * 3, "at the most, each from each other node"
    assert late <= 20
    network.check_agreement()


@pytest.mark.parametrize("seed", range(3))
def test_nothing_is_executed_twice_whatever_comes_again(seed: int) -> None:
    """Restarts, catching up, relays and clients that repeat themselves; then nothing waits."""
    network = begun(seed=seed, observers=1)
    post = Post(network, Random(seed))
    post.loss = 0.2
    new = some(network, 60)
    for at in range(0, len(new), 5):
        for node in post.random.sample(network.up(), 2):
            network.submit(node, *new[at : at + 5], *post.random.sample(new[: at + 1], 1))
        victim = post.random.choice(network.validators())
        network.crash(victim.name)
        network.run_for(post.random.randrange(1_500))
        network.start(victim.name)
        post.flap()
        network.run_for(300)
    for node in network.validators():
        network.submit(node, *new)
    network.run(lambda: all(network.is_final(tx)() for tx in new), limit_ms=120_000)
    network.run_for(SETTLED_MS)

    network.check_agreement()
    network.check_honesty()
    assert [len(node.alive.mempool) for node in network.up()] == [0] * 5


def test_what_expires_is_gone_everywhere_on_a_chain_that_stands_still() -> None:
    """R67: no quorum, no block, and still no mempool holds what no block may."""
    network = begun(observers=1)
    up = network.validators()[:2]
    network.crash(*[node.name for node in network.validators()[2:]])
    brief = network.transaction("treasury", pay("works", 1, "brief"), ms=3_000)
    long = network.transaction("treasury", pay("works", 1, "long"), ms=60_000)
    assert network.submit(network.nodes["observer 0"], brief, long) == [None, None]
    network.run(lambda: all(holds(node, [brief, long]) for node in up))
    height = up[0].height

    network.run_for(4_500)

    assert all(not holds(node, [brief]) and holds(node, [long]) for node in network.up())
    assert up[0].height == height
    network.run_for(60_000)
    assert [len(node.alive.mempool) for node in network.up()] == [0, 0, 0]
