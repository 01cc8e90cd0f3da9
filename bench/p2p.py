"""What carrying costs: CPU time per message and side, real nodes in one process on loopback.

No goal is named: these figures bound what a benchmark of the whole node can be blamed on.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import trio

from bench.report import Report
from p2p.frames import Lane
from p2p.inbox import Delivery, LinkUp
from p2p.network import Network, open_network
from p2p.peers import Peer, PeerId, node_key_of, peer_id_of

_CHAIN = bytes(32)
_MESSAGES = 2_000
_BLOCKS = 100


def run(report: Report) -> None:
    """What one message costs each side."""
    trio.run(_measure, report)


async def _measure(report: Report) -> None:
    with trio.fail_after(120):
        async with _nodes(2) as networks:
            await _flood(networks, report)
            await _ping_pong(networks, report)
        async with _nodes(4) as networks:
            await _gossip(networks, report)


async def _flood(networks: list[Network], report: Report) -> None:
    """Messages that wait for each other share writes."""
    ours, theirs = networks
    started = time.process_time()
    for _ in range(_MESSAGES):
        ours.send(theirs.id, bytes(200), Lane.VOTES)
    await _receive(theirs, _MESSAGES)
    _report(report, "p2p.link/200B coalesced", started, _MESSAGES * 2)


async def _ping_pong(networks: list[Network], report: Report) -> None:
    """Each message waits for the other side's: nothing is shared."""
    ours, theirs = networks
    started = time.process_time()
    for _ in range(_MESSAGES // 2):
        ours.send(theirs.id, bytes(200), Lane.VOTES)
        await _receive(theirs, 1)
        theirs.send(ours.id, bytes(200), Lane.VOTES)
        await _receive(ours, 1)
    _report(report, "p2p.link/200B alone", started, _MESSAGES * 2)


async def _gossip(networks: list[Network], report: Report) -> None:
    """Blocks of 10 KB, one after the other, to three others; per node, relays included."""
    while not all(network.gossip.peers == 3 for network in networks):  # noqa: ASYNC110 - counters
        await trio.sleep(0.01)
    started = time.process_time()
    for number in range(_BLOCKS):
        networks[0].publish(number.to_bytes(4) + bytes(10_000))
        for network in networks[1:]:
            await _receive(network, 1)
    _report(report, "p2p.gossip/10KB of 4 nodes", started, _BLOCKS * len(networks))


async def _receive(network: Network, count: int) -> None:
    while count:
        count -= isinstance(await network.inbox.receive(), Delivery)


def _report(report: Report, name: str, started: float, messages: int) -> None:
    each_us = (time.process_time() - started) / messages * 1e6
    report.fact(name, each_us, "us CPU per message per side")


@asynccontextmanager
async def _nodes(size: int) -> AsyncIterator[list[Network]]:
    """Linked nodes; each knows the addresses of those before it."""

    async def answer(_peer: PeerId, question: bytes) -> bytes:
        return question

    seeds = [bytes([number + 1]) * 32 for number in range(size)]
    ids = [peer_id_of(node_key_of(seed)) for seed in seeds]
    async with AsyncExitStack() as stack:
        networks: list[Network] = []
        for number, seed in enumerate(seeds):
            addresses = [(network.address,) for network in networks] + [()] * size
            peers = [
                Peer(ids[other], f"node-{other}", votes=True, addresses=addresses[other])
                for other in range(size)
                if other != number
            ]
            opening = open_network(
                key_seed=seed, listen="127.0.0.1:0", chain_id=_CHAIN, peers=peers, answer=answer
            )
            networks.append(await stack.enter_async_context(opening))
        for network in networks:
            for _ in range(size - 1):
                while not isinstance(await network.inbox.receive(), LinkUp):
                    pass
        yield networks
