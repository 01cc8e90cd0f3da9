"""Real nodes of `p2p` on loopback, in one trio loop."""

from __future__ import annotations

import functools
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, suppress
from typing import ParamSpec, TypeVar

import trio
from trio.abc import Clock
from trio.testing import MockClock

from p2p.gossip import Judge, let_pass
from p2p.inbox import Delivery, Inbox, LinkDown, LinkUp, NetworkEvent
from p2p.links import Timing
from p2p.network import Network, open_network
from p2p.peers import Peer, PeerId, node_key_of, parse_address, peer_id_of

CHAIN = bytes(range(32))
LINK_PROTOCOL = f"/mithaq/link/1/{CHAIN.hex()[:16]}"
REQUEST_PROTOCOL = f"/mithaq/request/1/{CHAIN.hex()[:16]}"

# As patient as a busy machine needs, but quick to come back.
EAGER = Timing(
    keep_alive_s=0.5,
    dead_s=10.0,
    write_s=4.5,
    retry_first_s=0.05,
    retry_last_s=0.4,
    yield_s=0.1,
    pause_s=0.3,
)

SLOW_BUFFER_BYTES = 1024 * 1024
"""What a slow line's router holds."""
SLOW_PIECE_BYTES = 8 * 1024

_IDLE_S = 0.01
"""What is on its way through the kernel arrives in less."""

_P = ParamSpec("_P")
_E = TypeVar("_E", Delivery, LinkUp, LinkDown)


def in_trio(test: Callable[_P, Awaitable[None]]) -> Callable[_P, None]:
    """Run an async test in a loop of its own, for two minutes at most."""
    return _run(test, lambda: None)


def in_own_time(test: Callable[_P, Awaitable[None]]) -> Callable[_P, None]:
    """The same, by a clock that goes on only while the loop waits for nothing but the clock.

    So no time passes while the machine works or does not let us: what takes long here is what
    somebody waits for. For tests whose nodes are all in this loop.
    """
    return _run(test, lambda: MockClock(autojump_threshold=_IDLE_S))


def _run(
    test: Callable[_P, Awaitable[None]], clock: Callable[[], Clock | None]
) -> Callable[_P, None]:
    @functools.wraps(test)
    def run(*args: _P.args, **kwargs: _P.kwargs) -> None:
        async def bounded() -> None:
            with trio.fail_after(120):
                await test(*args, **kwargs)

        trio.run(bounded, clock=clock())

    return run


def seed_of(number: int) -> bytes:
    return (number + 1).to_bytes(2) * 16


def id_of(number: int) -> PeerId:
    return peer_id_of(node_key_of(seed_of(number)))


def peer(number: int, address: str = "") -> Peer:
    addresses = (address,) if address else ()
    return Peer(id=id_of(number), name=f"node-{number}", votes=True, addresses=addresses)


async def echo(_peer: PeerId, question: bytes) -> bytes:
    return question[::-1]


def node(
    number: int,
    *peers: Peer,
    listen: str = "127.0.0.1:0",
    chain_id: bytes = CHAIN,
    answer: Callable[[PeerId, bytes], Awaitable[bytes]] = echo,
    judge: Judge = let_pass,
    timing: Timing = EAGER,
) -> AbstractAsyncContextManager[Network]:
    return open_network(
        key_seed=seed_of(number),
        listen=listen,
        chain_id=chain_id,
        peers=peers,
        answer=answer,
        judge=judge,
        timing=timing,
    )


@asynccontextmanager
async def village(size: int) -> AsyncIterator[list[Network]]:
    """Nodes 0.. that are all linked; each knows the addresses of those before it."""
    async with AsyncExitStack() as stack:
        nodes: list[Network] = []
        for number in range(size):
            peers = [peer(other, nodes[other].address) for other in range(number)]
            peers += [peer(other) for other in range(number + 1, size)]
            nodes.append(await stack.enter_async_context(node(number, *peers)))
        for network in nodes:
            for _ in range(size - 1):
                await next_of(network.inbox, LinkUp)
        yield nodes


async def next_of(inbox: Inbox, kind: type[_E]) -> _E:
    """The next event of a kind; others are skipped."""
    while True:
        event: NetworkEvent = await inbox.receive()
        if isinstance(event, kind):
            return event


async def payloads(inbox: Inbox, count: int) -> list[bytes]:
    return [(await next_of(inbox, Delivery)).payload for _ in range(count)]


async def until(condition: Callable[[], bool]) -> None:
    """Wait for something that announces itself by no event; the test's deadline bounds it."""
    while not condition():  # noqa: ASYNC110 - it watches other nodes' counters
        await trio.sleep(0.01)


class Wire:
    """A relay of TCP connections to a node, which can be cut without anybody being told.

    With `bytes_per_s` it is a slow line: so fast each way, behind a router that buffers too much.
    """

    def __init__(
        self, target: str, listener: trio.SocketListener, bytes_per_s: float | None
    ) -> None:
        self._target = target
        self._bytes_per_s = bytes_per_s
        self._listener = listener
        self._cuts = 0
        self.address = f"127.0.0.1:{listener.socket.getsockname()[1]}"

    def cut(self) -> None:
        """From now on the connections that exist carry nothing and stay open; new ones work."""
        self._cuts += 1

    async def run(self) -> None:
        await trio.serve_listeners(self._join, [self._listener])

    async def _join(self, client: trio.SocketStream) -> None:
        server = await self._reach()
        async with client, server, trio.open_nursery() as ways:
            ways.start_soon(self._carry, client, server)
            await self._carry(server, client)
            ways.cancel_scope.cancel()

    async def _reach(self) -> trio.SocketStream:
        socket = trio.socket.socket()
        if self._bytes_per_s is not None:
            socket.setsockopt(trio.socket.SOL_SOCKET, trio.socket.SO_RCVBUF, SLOW_BUFFER_BYTES)
        await socket.connect(parse_address(self._target))
        return trio.SocketStream(socket)

    async def _carry(self, source: trio.SocketStream, sink: trio.SocketStream) -> None:
        whole = self._cuts
        if self._bytes_per_s is not None:
            source.setsockopt(trio.socket.SOL_SOCKET, trio.socket.SO_RCVBUF, SLOW_BUFFER_BYTES)
        with suppress(trio.BrokenResourceError):
            while chunk := await source.receive_some(SLOW_PIECE_BYTES):
                if self._cuts != whole:
                    await trio.sleep_forever()
                if self._bytes_per_s is not None:
                    await trio.sleep(len(chunk) / self._bytes_per_s)
                await sink.send_all(chunk)


@asynccontextmanager
async def wire_to(target: str, *, bytes_per_s: float | None = None) -> AsyncIterator[Wire]:
    (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
    if bytes_per_s is not None:  # what it accepts inherits the buffer, and so a small window
        listener.socket.setsockopt(trio.socket.SOL_SOCKET, trio.socket.SO_RCVBUF, SLOW_BUFFER_BYTES)
    wire = Wire(target, listener, bytes_per_s)
    async with trio.open_nursery() as tasks:
        tasks.start_soon(wire.run)
        yield wire
        tasks.cancel_scope.cancel()
