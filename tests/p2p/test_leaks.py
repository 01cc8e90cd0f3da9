"""Two hundred connects, refusals and removals leave nothing behind (go-libp2p#2311 lost its peers
after days by counters that only grew)."""

from __future__ import annotations

import gc
import os
from contextlib import suppress

import trio
from trio.testing import wait_all_tasks_blocked

from kit.nets import EAGER, in_own_time, next_of, node, peer, seed_of, until
from kit.rude import ignore
from p2p.faults import PeerUnavailable
from p2p.frames import Lane
from p2p.host import open_host
from p2p.inbox import Delivery, LinkDown, LinkUp
from p2p.network import Network
from p2p.peers import parse_address

ROUNDS = 40
STRANGERS = 80
SCANS = 80


def held(network: Network) -> dict[str, int]:
    """What might pile up: of the system, of trio, of libp2p, and of ours."""
    gc.collect()
    host, pubsub = network._host, network.gossip._pubsub
    swarm = host._swarm
    return {
        "descriptors": len(os.listdir("/proc/self/fd")),
        "tasks": trio.lowlevel.current_statistics().tasks_living,
        "connections": len(swarm.get_connections()),
        "connections by peer": len(swarm.connections),
        "sockets": len(host._sockets),
        "gossip peers": len(pubsub.peers),
        "gossip queues": len(pubsub.peer_queues),
        "gossip readers": len(vars(pubsub)["_reading"]),
        "questions": len(network._requests._asking) + len(network._requests._answering),
        "answers": len(network._requests._writing),
        "inbox": len(network.inbox._accounts),
        "quotas": len(host.gate._quotas),
        "links": len(network._links),
    }


async def once(ours: Network, theirs: Network) -> None:
    """A link comes up, carries both ways, answers a question, and is taken away."""
    ours.set_peers([peer(1)])
    await next_of(ours.inbox, LinkUp)
    await next_of(theirs.inbox, LinkUp)
    theirs.send(ours.id, b"vote", Lane.VOTES)
    await next_of(ours.inbox, Delivery)
    assert await theirs.request(ours.id, b"abc", timeout_s=5) == b"cba"
    ours.set_peers([])
    await next_of(ours.inbox, LinkDown)
    await next_of(theirs.inbox, LinkDown)


async def settled(network: Network) -> dict[str, int]:
    """When the goodbyes are over."""
    await until(lambda: not network._host._swarm.get_connections())
    await wait_all_tasks_blocked(0.3)
    return held(network)


@in_own_time
async def test_links_that_come_and_go_leave_nothing_behind() -> None:
    """Linked, asked, removed: after ROUNDS as much is held as after two."""
    async with node(0) as ours, node(1, peer(0, ours.address), timing=EAGER) as theirs:
        for _ in range(2):
            await once(ours, theirs)
        before = await settled(ours)
        for _ in range(ROUNDS):
            await once(ours, theirs)
        after = await settled(ours)

    slack = {"descriptors": 3, "tasks": 4, "sockets": 3}  # the other's next attempt, under way
    grown = {name: after[name] - before[name] for name in before}
    assert {name: more for name, more in grown.items() if more > slack.get(name, 0)} == {}


@in_own_time
async def test_strangers_and_scanners_leave_nothing_behind() -> None:
    """Refused after the handshake, or for want of one: the hundredth as the first."""
    async with (
        node(0) as ours,
        open_host(
            seed=seed_of(7), listen="127.0.0.1:0", allowed=[ours.id], on_fault=ignore
        ) as stranger,
    ):
        before = await settled(ours)
        for _ in range(STRANGERS):
            with suppress(PeerUnavailable):
                await stranger.dial(ours.id, ours.address)
        for _ in range(SCANS):
            async with await trio.open_tcp_stream(*parse_address(ours.address)) as socket:
                with suppress(trio.BrokenResourceError):
                    await socket.send_all(b"GET / HTTP/1.1\r\n\r\n")
        await until(lambda: sum(ours.refusals().values()) >= STRANGERS)
        await until(lambda: held(ours)["sockets"] <= before["sockets"])  # the last one's goodbye
        after = await settled(ours)

    grown = {name: after[name] - before[name] for name in before}
    assert {name: more for name, more in grown.items() if more > 0} == {}
