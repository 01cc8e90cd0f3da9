"""What carrying costs: CPU per message and side, blocks by gossip, handshakes, a vote's way.

Real nodes in one process on loopback. The slow line is a relay of so many bytes a second with the
buffer of a bad router, over which an answer of 8 MiB is under way: a vote that comes meanwhile
waits for a window of it (64 KiB to 256 KiB) and not for the rest.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import trio

from bench.report import Report
from p2p.frames import Lane
from p2p.inbox import Delivery, LinkUp
from p2p.network import Network, open_network
from p2p.peers import Peer, PeerId, node_key_of, parse_address, peer_id_of
from primitives import limits

if TYPE_CHECKING:
    # libp2p brings types for trio that hide trio's own, and keep this one elsewhere.
    from trio_typing import TaskStatus

_CHAIN: Final = bytes(32)
_MESSAGES: Final = 2_000
_BLOCKS: Final = 100
_HANDSHAKES: Final = 40
_DEAD: Final = 100
_DEAD_S: Final = 6.0
_VOTES: Final = 9
_LINE_BYTES_PER_S: Final = 500_000
"""4 Mbit/s."""
_ROUTER_BYTES: Final = 1024 * 1024
_PIECE_BYTES: Final = 8 * 1024
_ANSWER: Final = bytes(limits.RESPONSE_BYTES_MAX)

TOGETHER_US: Final = 15.0
ALONE_US: Final = 150.0
GOSSIP_US: Final = 1_500.0
HANDSHAKE_US: Final = 20_000.0
DEAD_SHARE: Final = 0.15
"""Of a core: what trying a hundred peers that are gone, for ever, may cost."""
WAIT_SHARE: Final = 0.1
"""Of the time that the answer takes: what a vote that comes meanwhile may wait."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """CPU microseconds for each side, or node; milliseconds of a vote's way."""

    together_us: float
    alone_us: float
    gossip_us: float
    handshake_us: float
    dead_share: float
    """Of a core, while `_DEAD` peers refuse every attempt."""
    quiet_ms: float
    behind_ms: float

    @property
    def wait_share(self) -> float:
        """What a vote waits of the time that the answer before it takes."""
        return self.behind_ms / (len(_ANSWER) / _LINE_BYTES_PER_S * 1000)


def run(report: Report) -> None:
    """Every figure with its goal."""
    found = measure()
    unit = "us CPU per message per side"
    report.goal("links.vote/coalesced", found.together_us, unit, at_most=TOGETHER_US)
    report.goal("links.vote/alone", found.alone_us, unit, at_most=ALONE_US)
    report.goal("links.gossip/10KB", found.gossip_us, "us CPU per node of 4", at_most=GOSSIP_US)
    report.goal("links.handshake", found.handshake_us, "us CPU per side", at_most=HANDSHAKE_US)
    report.goal("links.dials/100 dead", found.dead_share, "of a core", at_most=DEAD_SHARE)
    report.fact("links.vote/slow line, quiet", found.quiet_ms, "ms")
    report.fact("links.vote/slow line, 8 MiB under way", found.behind_ms, "ms")
    report.goal("links.vote/wait", found.wait_share, "of the answer's time", at_most=WAIT_SHARE)


def measure() -> Figures:
    """All of them; half a minute."""
    return trio.run(_measure)


async def _measure() -> Figures:
    with trio.fail_after(180):
        async with _nodes(2) as networks:
            together_us = await _together(networks)
            alone_us = await _alone(networks)
            handshake_us = await _handshakes(networks)
        async with _nodes(4) as networks:
            gossip_us = await _gossip(networks)
        dead_share = await _dead_peers()
        quiet_ms, behind_ms = await _on_a_slow_line()
    return Figures(
        together_us=together_us,
        alone_us=alone_us,
        gossip_us=gossip_us,
        handshake_us=handshake_us,
        dead_share=dead_share,
        quiet_ms=quiet_ms,
        behind_ms=behind_ms,
    )


async def _together(networks: list[Network]) -> float:
    """Messages that wait for each other share writes."""
    ours, theirs = networks
    started = time.process_time()
    for _ in range(_MESSAGES):
        ours.send(theirs.id, bytes(200), Lane.VOTES)
    await _receive(theirs, _MESSAGES)
    return _each_us(started, _MESSAGES * 2)


async def _alone(networks: list[Network]) -> float:
    """Each message waits for the other side's: nothing is shared."""
    ours, theirs = networks
    started = time.process_time()
    for _ in range(_MESSAGES // 2):
        ours.send(theirs.id, bytes(200), Lane.VOTES)
        await _receive(theirs, 1)
        theirs.send(ours.id, bytes(200), Lane.VOTES)
        await _receive(ours, 1)
    return _each_us(started, _MESSAGES * 2)


async def _handshakes(networks: list[Network]) -> float:
    """A peer is taken away and admitted again: connection, streams, gossip, and the goodbye."""
    ours, theirs = networks
    peer = Peer(theirs.id, "node-1", votes=True)
    started = time.process_time()
    for _ in range(_HANDSHAKES):
        ours.set_peers([])
        ours.set_peers([peer])
        await _link_up(ours)
    return _each_us(started, _HANDSHAKES * 2)


async def _gossip(networks: list[Network]) -> float:
    """Blocks of 10 KB, one after the other, to three others; relays included."""
    while not all(network.gossip.peers == 3 for network in networks):  # noqa: ASYNC110 - counters
        await trio.sleep(0.01)
    started = time.process_time()
    for number in range(_BLOCKS):
        networks[0].publish(number.to_bytes(4) + bytes(10_000))
        for network in networks[1:]:
            await _receive(network, 1)
    return _each_us(started, _BLOCKS * len(networks))


async def _dead_peers() -> float:
    """Addresses where nobody listens refuse at once: the dearest kind of dead peer."""
    nobody = ("127.0.0.1:1",)
    async with _node(0, dict.fromkeys(range(1, _DEAD + 1), nobody)):
        await trio.sleep(1.0)  # the first attempts, which follow each other quickly
        started = time.process_time()
        await trio.sleep(_DEAD_S)
        return (time.process_time() - started) / _DEAD_S


async def _on_a_slow_line() -> tuple[float, float]:
    """A vote's way without, and behind, an answer of 8 MiB; the median of each."""
    async with trio.open_nursery() as tasks, AsyncExitStack() as stack:
        ours = await stack.enter_async_context(_node(0, {1: ()}))
        address = await tasks.start(_slow_line, ours.address)
        theirs = await stack.enter_async_context(_node(1, {0: (address,)}))
        await _link_up(ours)
        await _link_up(theirs)
        quiet_ms = await _vote_ms(ours, theirs)

        async def ask() -> None:
            with suppress(Exception):  # the benchmark may be over before the answer is there
                await theirs.request(ours.id, b"all of it", timeout_s=60)

        tasks.start_soon(ask)
        await trio.sleep(1.0)  # the line is full
        behind_ms = await _vote_ms(ours, theirs)
        tasks.cancel_scope.cancel()
    return quiet_ms, behind_ms


async def _vote_ms(ours: Network, theirs: Network) -> float:
    waited = []
    for _ in range(_VOTES):
        started = time.perf_counter()
        ours.send(theirs.id, bytes(200), Lane.VOTES)
        await _receive(theirs, 1)
        waited.append(1000 * (time.perf_counter() - started))
    return statistics.median(waited)


async def _slow_line(target: str, task_status: TaskStatus[str]) -> None:
    (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
    listener.socket.setsockopt(trio.socket.SOL_SOCKET, trio.socket.SO_RCVBUF, _ROUTER_BYTES)

    async def join(client: trio.SocketStream) -> None:
        async with client, trio.open_nursery() as ways:
            server = await trio.open_tcp_stream(*parse_address(target))
            ways.start_soon(_carry, server, client)
            await _carry(client, server)
            ways.cancel_scope.cancel()

    async with trio.open_nursery() as tasks:
        tasks.start_soon(trio.serve_listeners, join, [listener])
        task_status.started(f"127.0.0.1:{listener.socket.getsockname()[1]}")


async def _carry(source: trio.SocketStream, sink: trio.SocketStream) -> None:
    with suppress(trio.BrokenResourceError, trio.ClosedResourceError):
        while piece := await source.receive_some(_PIECE_BYTES):
            await trio.sleep(len(piece) / _LINE_BYTES_PER_S)
            await sink.send_all(piece)


async def _receive(network: Network, count: int) -> None:
    while count:
        count -= isinstance(await network.inbox.receive(), Delivery)


async def _link_up(network: Network) -> None:
    while not isinstance(await network.inbox.receive(), LinkUp):
        pass


def _each_us(started: float, messages: int) -> float:
    return (time.process_time() - started) / messages * 1e6


def _seed(number: int) -> bytes:
    return bytes([number + 1]) * 32


@asynccontextmanager
async def _node(number: int, peers: Mapping[int, tuple[str, ...]]) -> AsyncIterator[Network]:
    """One that knows these others, by their numbers, and where they are."""

    async def answer(_peer: PeerId, _question: bytes) -> bytes:
        return _ANSWER

    async with open_network(
        key_seed=_seed(number),
        listen="127.0.0.1:0",
        chain_id=_CHAIN,
        peers=[
            Peer(peer_id_of(node_key_of(_seed(other))), f"node-{other}", votes=True, addresses=at)
            for other, at in peers.items()
        ],
        answer=answer,
    ) as network:
        yield network


@asynccontextmanager
async def _nodes(size: int) -> AsyncIterator[list[Network]]:
    """Linked nodes; each knows the addresses of those before it."""
    async with AsyncExitStack() as stack:
        networks: list[Network] = []
        for number in range(size):
            peers: dict[int, tuple[str, ...]] = dict.fromkeys(range(size), ())
            peers |= {other: (network.address,) for other, network in enumerate(networks)}
            del peers[number]
            networks.append(await stack.enter_async_context(_node(number, peers)))
        for network in networks:
            for _ in range(size - 1):
                await _link_up(network)
        yield networks
