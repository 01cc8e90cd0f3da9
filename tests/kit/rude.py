"""A peer that is listed and speaks the protocol by hand, below everything that ours would check."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from kit.nets import LINK_PROTOCOL, seed_of
from p2p.host import Host, open_host
from p2p.network import Network
from p2p.peers import PeerId
from p2p.streams import Stream
from primitives.errors import RemoteFault


async def ignore(_peer: PeerId, _fault: RemoteFault) -> None:
    pass


@asynccontextmanager
async def rude_peer(victim: Network) -> AsyncIterator[tuple[Host, Stream]]:
    """Listed as node 1, connected to node 0, but speaking the protocol by hand."""

    async def swallow(_peer: PeerId, stream: Stream) -> None:
        while await stream.read(65536):
            pass

    async with open_host(
        seed=seed_of(1), listen="127.0.0.1:0", allowed=[victim.id], on_fault=ignore
    ) as host:
        host.answer(LINK_PROTOCOL, swallow)
        await host.dial(victim.id, victim.address)
        yield host, await host.open(victim.id, LINK_PROTOCOL)
