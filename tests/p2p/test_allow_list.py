"""Who gets a connection: the listed peers over Noise, nobody else and over nothing else."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import replace

import pytest
import trio
from libp2p import new_host
from libp2p.crypto.ed25519 import create_new_key_pair
from libp2p.host.basic_host import BasicHost
from libp2p.network.config import RetryConfig
from libp2p.peer.id import ID
from libp2p.peer.peerinfo import PeerInfo
from libp2p.security.insecure.transport import PLAINTEXT_PROTOCOL_ID, InsecureTransport
from multiaddr import Multiaddr  # type: ignore[import-untyped]  # it has no type hints
from trio.testing import wait_all_tasks_blocked

from kit.nets import (
    CHAIN,
    EAGER,
    LINK_PROTOCOL,
    id_of,
    in_own_time,
    in_trio,
    node,
    peer,
    seed_of,
    until,
)
from p2p.faults import PeerUnavailable
from p2p.gate import Gate
from p2p.host import Host, open_host
from p2p.inbox import LinkUp
from p2p.network import Network
from p2p.peers import Peer, PeerId
from primitives import limits
from primitives.errors import OperatorFault, RemoteFault


async def never(_peer: PeerId, fault: RemoteFault) -> None:
    raise AssertionError(fault)


@asynccontextmanager
async def bare_host(number: int, *allowed: int) -> AsyncIterator[Host]:
    async with open_host(
        seed=seed_of(number),
        listen="127.0.0.1:0",
        allowed=[id_of(other) for other in allowed],
        on_fault=never,
    ) as host:
        yield host


@in_trio
async def test_a_stranger_is_refused_before_any_protocol() -> None:
    """A valid Noise key that is not listed gets no stream; the refusal is counted as such."""
    async with node(0, peer(1)) as ours, bare_host(7, 0) as stranger:
        with pytest.raises(PeerUnavailable):  # noqa: PT012 - the dial may succeed before the close
            await stranger.dial(ours.id, ours.address)
            await stranger.open(ours.id, LINK_PROTOCOL)

        await until(lambda: ours.refusals() == {"stranger": 1})
        assert not stranger.is_connected(ours.id)


@in_trio
async def test_a_listed_peer_is_admitted() -> None:
    """The same dial with a listed key opens a stream: the test above refuses for its reason."""
    async with node(0, peer(1)) as ours, bare_host(1, 0) as friend:
        await friend.dial(ours.id, ours.address)
        await (await friend.open(ours.id, LINK_PROTOCOL)).reset()

        assert ours.refusals() == {}


@in_trio
async def test_a_plaintext_dial_fails() -> None:
    """libp2p's plaintext, with the key of a listed peer, finds no common protocol."""
    key_pair = create_new_key_pair(seed_of(1))
    plaintext = {PLAINTEXT_PROTOCOL_ID: InsecureTransport(key_pair)}
    async with node(0, peer(1)) as ours:
        host = new_host(key_pair=key_pair, sec_opt=plaintext)
        assert isinstance(host, BasicHost)
        host.get_network().retry_config = RetryConfig(max_retries=0)  # type: ignore[attr-defined]  # Swarm's
        ip, _, port = ours.address.partition(":")
        info = PeerInfo(ID.from_base58(ours.id), [Multiaddr(f"/ip4/{ip}/tcp/{port}")])
        async with host.run([Multiaddr("/ip4/127.0.0.1/tcp/0")]):
            with pytest.raises(Exception, match="unable to connect"):
                await host.connect(info)

        await until(lambda: ours.refusals() == {"handshake": 1})


@in_trio
async def test_garbage_instead_of_a_handshake_is_a_counted_refusal() -> None:
    """A port scanner costs a socket for a moment."""
    async with node(0, peer(1)) as ours:
        ip, _, port = ours.address.partition(":")
        async with await trio.open_tcp_stream(ip, int(port)) as socket:
            await socket.send_all(b"GET / HTTP/1.1\r\n\r\n" * 100)
            await until(lambda: ours.refusals() == {"handshake": 1})


@in_trio
async def test_another_peer_at_a_known_address_is_refused() -> None:
    """We insist on the id that we dialled, even if the one who answers is listed too."""
    async with bare_host(0, 1, 2) as ours, bare_host(2, 0, 1) as other:
        with pytest.raises(PeerUnavailable, match="wrong peer"):
            await ours.dial(id_of(1), other.address)

        assert ours.gate.refusals == {"wrong peer": 1}
        assert not ours.is_connected(id_of(2))


@in_trio
async def test_another_chain_is_not_spoken_to() -> None:
    """Listed by both sides, but of two chains: a connection, and no link."""
    elsewhere = CHAIN[::-1]
    async with (
        node(0, peer(1)) as ours,
        node(1, peer(0, ours.address), chain_id=elsewhere) as theirs,
    ):
        await until(lambda: "not supported" in theirs.links()[ours.id].last_error)

        assert len(ours.inbox) == 0


@in_trio
async def test_nothing_is_answered_but_our_three_protocols() -> None:
    """No identify, no ping, no discovery: what a peer may ask for is listed here."""
    async with node(0, peer(1)) as ours:
        chain = CHAIN.hex()[:16]
        assert ours.protocols == (
            f"/mithaq/link/1/{chain}",
            f"/mithaq/request/1/{chain}",
            "/meshsub/1.1.0",
        )


@in_trio
async def test_a_node_opens_one_socket_and_no_thread() -> None:
    """No beacon, no name service, no port mapping: one listening TCP socket."""
    threads, sockets = set(threading.enumerate()), _sockets()
    async with node(0, peer(1)):
        assert len(_sockets() - sockets) == 1
        assert set(threading.enumerate()) - threads == set()


def _sockets() -> set[str]:
    links = (f"/proc/self/fd/{number}" for number in os.listdir("/proc/self/fd"))
    return {target for link in links if (target := _target(link)).startswith("socket:")}


def _target(link: str) -> str:
    try:
        return os.readlink(link)
    except FileNotFoundError:  # the descriptor of the listing itself
        return ""


@in_trio
async def test_a_port_in_use_is_one_clear_message() -> None:
    """A second node on the same address is told which."""
    async with node(0, peer(1)) as ours:
        with pytest.raises(OperatorFault, match=f"^address {ours.address} is in use"):
            async with node(1, peer(0), listen=ours.address):
                pass


@in_trio
async def test_an_address_of_another_machine_is_one_clear_message() -> None:
    """The system's reason is passed on."""
    with pytest.raises(OperatorFault, match=r"^cannot listen on 192\.0\.2\.1:1"):
        async with node(0, peer(1), listen="192.0.2.1:1"):
            pass


@pytest.mark.parametrize("twice", [(peer(1), peer(1)), (peer(0),)])
def test_a_list_of_peers_names_each_node_once(twice: tuple[Peer, ...]) -> None:
    """Two entries with one node key, or our own, are an operator's mistake."""

    @in_trio
    async def opening() -> None:
        async with node(0, *twice):
            pass

    with pytest.raises(OperatorFault, match=r"has the node key of (node-1|this node)"):
        opening()


@in_own_time
async def test_a_paused_peer_is_refused_until_its_pause_is_over() -> None:
    """A pause ends by itself."""
    gate = Gate([id_of(1)])
    gate.pause(id_of(1), 0.05)
    with pytest.raises(Exception, match="paused"):
        gate.check(id_of(1))

    await trio.sleep_until(trio.current_time() + 0.06)

    gate.check(id_of(1))


@in_own_time
async def test_leaving_is_clean_and_quick() -> None:
    """Linked nodes close within two seconds, whichever leaves first."""
    async with node(0, peer(1)) as ours:
        async with node(1, peer(0, ours.address)) as theirs:
            assert await theirs.inbox.receive() == LinkUp(ours.id)
            started = trio.current_time()
        assert trio.current_time() - started < 2
        started = trio.current_time()
    assert trio.current_time() - started < 2


@in_trio
async def test_an_error_in_the_body_comes_out_as_itself() -> None:
    """Not wrapped in the groups of six nurseries."""
    with pytest.raises(ZeroDivisionError):
        async with node(0, peer(1), timing=EAGER):
            raise ZeroDivisionError


def test_libp2p_prints_nothing() -> None:
    """A node that dials nobody and is dialled by a scanner leaves stderr empty."""
    code = """
import sys, trio
sys.path[:0] = ["tests"]
from kit.nets import node, peer
async def main():
    with trio.fail_after(20):
        async with node(0, peer(1, "127.0.0.1:1")) as ours:
            ip, _, port = ours.address.partition(":")
            async with await trio.open_tcp_stream(ip, int(port)) as socket:
                await socket.send_all(bytes(100))
            while not (ours.refusals() and ours.links()[list(ours.links())[0]].last_error):
                await trio.sleep(0.01)
trio.run(main)
"""
    ran = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=True
    )

    assert (ran.stdout, ran.stderr) == ("", "")


@in_trio
async def test_a_peer_holds_a_bounded_number_of_connections() -> None:
    """The connection beyond CONNECTIONS_PER_PEER_MAX ends the oldest, not the newest."""
    async with node(0, peer(1)) as ours, AsyncExitStack() as stack:
        friends = []
        for count in range(1, limits.CONNECTIONS_PER_PEER_MAX + 2):
            friend = await stack.enter_async_context(bare_host(1, 0))
            await friend.dial(ours.id, ours.address)
            friends.append(friend)
            held = min(count, limits.CONNECTIONS_PER_PEER_MAX)
            await until(lambda: len(_connections(ours)) == held)  # noqa: B023 - awaited in its turn

        await until(lambda: not friends[0].is_connected(ours.id))
        assert all(friend.is_connected(ours.id) for friend in friends[1:])


def _connections(network: Network) -> list[object]:
    return list(network._host._swarm.get_connections())


@in_own_time
async def test_a_bounded_number_of_dials_is_under_way() -> None:
    """DIALS_MAX peers are tried at once; who never says a word gives its place to the next."""
    silent: list[trio.SocketStream] = []

    async def say_nothing(socket: trio.SocketStream) -> None:
        silent.append(socket)
        with suppress(trio.ClosedResourceError, trio.BrokenResourceError):
            while await socket.receive_some():
                pass

    async with trio.open_nursery() as tasks:
        (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
        tasks.start_soon(trio.serve_listeners, say_nothing, [listener])
        address = f"127.0.0.1:{listener.socket.getsockname()[1]}"
        rash = replace(EAGER, yield_s=0.0)
        peers = [peer(number, address) for number in range(1, limits.DIALS_MAX + 11)]
        async with node(0, *peers, timing=rash):
            await until(lambda: len(silent) == limits.DIALS_MAX)
            await wait_all_tasks_blocked(0.2)
            assert len(silent) == limits.DIALS_MAX
            for socket in silent[:10]:
                await trio.aclose_forcefully(socket)
            await until(lambda: len(silent) == limits.DIALS_MAX + 10)
        tasks.cancel_scope.cancel()
