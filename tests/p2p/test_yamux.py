"""Our yamux between nodes of ours, and with libp2p's own on the other side."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import cast

import pytest
import trio
from libp2p import new_host
from libp2p.abc import IHost, INetStream
from libp2p.crypto.ed25519 import create_new_key_pair
from libp2p.crypto.x25519 import create_new_key_pair as create_noise_key_pair
from libp2p.custom_types import TProtocol
from libp2p.network.stream.exceptions import StreamClosed
from libp2p.network.stream.net_stream import NetStream
from libp2p.peer.id import ID
from libp2p.peer.peerinfo import PeerInfo
from libp2p.security.noise.transport import PROTOCOL_ID as NOISE
from libp2p.security.noise.transport import Transport as NoiseTransport
from libp2p.stream_muxer.yamux.yamux import YamuxStream as LibraryStream
from multiaddr import Multiaddr  # type: ignore[import-untyped]  # it has no type hints

from kit.nets import (
    REQUEST_PROTOCOL,
    id_of,
    in_own_time,
    in_trio,
    next_of,
    node,
    peer,
    seed_of,
    village,
)
from p2p.inbox import LinkUp
from p2p.requests import read_exactly
from primitives import limits


@asynccontextmanager
async def library_host(number: int) -> AsyncIterator[IHost]:
    """libp2p as it comes, with Noise and its own yamux."""
    pair = create_new_key_pair(seed_of(number))
    noise = NoiseTransport(pair, create_noise_key_pair().private_key)
    host = new_host(key_pair=pair, sec_opt={NOISE: noise})
    async with host.run([Multiaddr("/ip4/127.0.0.1/tcp/0")]):
        yield host


@pytest.mark.parametrize("size", [1, 300_000, limits.RESPONSE_BYTES_MAX])
def test_libp2p_s_own_yamux_is_understood(size: int) -> None:
    """Windows, credit and resets: an answer of any size reaches a host of the library."""

    @in_trio
    async def talk() -> None:
        async def answer(_peer: object, _question: bytes) -> bytes:
            return bytes(size - 1) + b"!"

        async with node(0, peer(1), answer=answer) as ours, library_host(1) as theirs:
            ip, _, port = ours.address.partition(":")
            address = Multiaddr(f"/ip4/{ip}/tcp/{port}")
            await theirs.connect(PeerInfo(ID.from_base58(ours.id), [address]))
            stream: INetStream = await theirs.new_stream(
                ID.from_base58(id_of(0)), [TProtocol(REQUEST_PROTOCOL)]
            )
            assert isinstance(cast(NetStream, stream).muxed_stream, LibraryStream)
            await stream.write((1).to_bytes(4) + b"?")
            assert int.from_bytes(await read_exactly(stream, 4)) == size
            assert (await read_exactly(stream, size))[-1:] == b"!"
            await stream.reset()
            await theirs.disconnect(ID.from_base58(ours.id))

    talk()


@in_trio
async def test_a_cancelled_write_garbles_nothing() -> None:
    """Questions given up after any time leave the connection whole."""
    async with village(2) as (ours, theirs):
        since = ours.links()[theirs.id].since
        for step in range(120):
            with trio.move_on_after(step * 0.000_1):
                await ours.request(theirs.id, bytes(50_000), timeout_s=5)

        assert await ours.request(theirs.id, b"abc", timeout_s=20) == b"cba"
        assert ours.links()[theirs.id].since == since


MANY = 600_000
"""Bytes: more than a new stream has credit for."""


@in_trio
async def test_two_writes_to_one_stream_arrive_one_after_the_other() -> None:
    """Gossip has a task for each block: what is in between would be read as a broken rule."""
    came = bytearray()
    whole = trio.Event()

    async def hear(_peer: object, stream: INetStream) -> None:
        while len(came) < 3 * MANY:
            came.extend(await stream.read(10_000))
        whole.set()

    async with village(2) as (ours, theirs):
        theirs._host.answer("/test/1", hear)
        stream = await ours._host.open(theirs.id, "/test/1")
        with trio.fail_after(30):
            async with trio.open_nursery() as writers:
                for letter in (b"a", b"b", b"c"):
                    writers.start_soon(stream.write, letter * MANY)
            await whole.wait()

    assert {bytes(came[at : at + MANY]) for at in (0, MANY, 2 * MANY)} == {
        letter * MANY for letter in (b"a", b"b", b"c")
    }


@in_own_time
async def test_half_a_write_is_the_last_of_its_stream() -> None:
    """Whoever was cancelled in the middle left a beginning; nothing may follow it."""

    async def hear(_peer: object, _stream: INetStream) -> None:
        await trio.sleep_forever()

    async with village(2) as (ours, theirs):
        theirs._host.answer("/test/1", hear)
        stream = await ours._host.open(theirs.id, "/test/1")
        with trio.move_on_after(1) as patience:
            await stream.write(bytes(MANY))
        assert patience.cancelled_caught, "nobody reads: it cannot be written"

        with pytest.raises(StreamClosed):
            await stream.write(b"more")


@in_trio
async def test_a_stream_that_was_reset_is_forgotten() -> None:
    """A thousand questions leave no stream behind on either side."""
    async with village(2) as networks:
        ours, theirs = networks
        for _ in range(200):
            await ours.request(theirs.id, b"abc", timeout_s=5)

        for network in networks:
            for connection in network._host._swarm.get_connections():
                muxed = connection.muxed_conn
                assert len(muxed._streams) < 16  # type: ignore[attr-defined]  # ours


@in_trio
async def test_a_peer_s_share_of_streams_is_given_back_with_its_connection() -> None:
    """After many connections it may hold as many streams as at first."""
    async with node(0, peer(1)) as ours:
        for _ in range(5):
            async with node(1, peer(0, ours.address)):
                await next_of(ours.inbox, LinkUp)
        upgrader = ours._host._swarm.upgrader
        (share,) = upgrader._shares.values()  # type: ignore[attr-defined]  # ours
        with trio.fail_after(10):
            while share.streams:
                await trio.lowlevel.checkpoint()
