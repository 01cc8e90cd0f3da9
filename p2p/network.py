"""The network as the node sees it: links, requests and gossip over one host, as one context.

```
async with open_network(key_seed=…, listen="127.0.0.1:17000", chain_id=…, peers=…, answer=…) as net:
    async for event in net.inbox: …          # Delivery | LinkUp | LinkDown
    net.send(peer, vote, Lane.VOTES)         # returns at once; bounded; drops rather than waits
    answer = await net.request(peer, question, timeout_s=5)
    net.publish(block)
```

Every protocol's name carries the chain, so that nodes of two chains that share a list of peers by
mistake have nothing to say to each other. Whatever else it is told, this package trusts only the
list of peers it was given.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from random import Random
from types import MappingProxyType

import trio

from p2p.faults import PeerUnavailable
from p2p.frames import Lane
from p2p.gossip import Gossip, open_gossip
from p2p.host import Host, open_host
from p2p.inbox import Inbox
from p2p.links import PATIENT, Link, LinkStatus, Timing
from p2p.peers import Peer, PeerId, node_key_of, peer_id_of
from p2p.requests import Answerer, Requests
from p2p.streams import Stream
from primitives.errors import OperatorFault, RemoteFault


class Network:
    """Made by `open_network`. Nothing here waits but `request` and the inbox."""

    def __init__(
        self, *, host: Host, inbox: Inbox, links: Mapping[PeerId, Link], requests: Requests
    ) -> None:
        self.inbox = inbox
        """What arrives: `receive()` or `async for`."""
        self._host = host
        self._links = links
        self._requests = requests
        self._gossip: Gossip | None = None

    @property
    def id(self) -> PeerId:
        """Our own peer id."""
        return self._host.id

    @property
    def address(self) -> str:
        """Where we listen, with the port that was really bound."""
        return self._host.address

    @property
    def protocols(self) -> tuple[str, ...]:
        """What we answer to."""
        return self._host.protocols

    def send(self, peer: PeerId, payload: bytes, lane: Lane) -> bool:
        """Queue a payload on one peer's link; false when it was refused or there is no link."""
        link = self._links.get(peer)
        return link is not None and link.send(payload, lane)

    async def request(self, peer: PeerId, question: bytes, *, timeout_s: float) -> bytes:
        """Ask one peer and wait for its answer (errors: see `Requests.ask`)."""
        if peer not in self._links:
            raise PeerUnavailable(f"{peer} is not one of our peers")
        return await self._requests.ask(peer, question, timeout_s=timeout_s)

    def publish(self, payload: bytes) -> None:
        """Gossip a payload to everybody.

        Raises:
            PayloadTooLarge: more than `GOSSIP_BYTES_MAX`.
        """
        self.gossip.publish(payload)

    @property
    def gossip(self) -> Gossip:
        """The topic of committed blocks, with its counters."""
        assert self._gossip is not None, "open_network joins the topic"
        return self._gossip

    def links(self) -> Mapping[PeerId, LinkStatus]:
        """A snapshot of every link."""
        return MappingProxyType({peer: link.status() for peer, link in self._links.items()})

    def refusals(self) -> Mapping[str, int]:
        """Connections that were refused, by reason."""
        return MappingProxyType(dict(self._host.gate.refusals))


@asynccontextmanager
async def open_network(
    *,
    key_seed: bytes,
    listen: str,
    chain_id: bytes,
    peers: Sequence[Peer],
    answer: Answerer,
    timing: Timing = PATIENT,
) -> AsyncIterator[Network]:
    """Listen, and keep a link to each of `peers`, until the context is left.

    Raises:
        OperatorFault: the address is malformed or in use, or the list of peers contradicts itself.
    """
    own = peer_id_of(node_key_of(key_seed))
    _check_peers(own, peers)
    inbox = Inbox()
    links: dict[PeerId, Link] = {}

    async def on_fault(peer: PeerId, fault: RemoteFault) -> None:
        await links[peer].pause(fault)

    async def accept(peer: PeerId, stream: Stream) -> None:
        await links[peer].accept(stream)

    chain = chain_id.hex()[:16]
    try:
        async with open_host(
            seed=key_seed, listen=listen, allowed=[peer.id for peer in peers], on_fault=on_fault
        ) as host:
            protocol = f"/mithaq/link/1/{chain}"
            chance = Random()  # noqa: S311 - spreads the load of reconnects, protects nothing
            for peer in peers:
                links[peer.id] = Link(
                    peer, host, inbox, protocol=protocol, timing=timing, chance=chance
                )
            host.answer(protocol, accept)
            requests = Requests(host, f"/mithaq/request/1/{chain}", answer)
            network = Network(host=host, inbox=inbox, links=links, requests=requests)
            async with open_gossip(host, chain_id, inbox) as gossip, trio.open_nursery() as tasks:
                network._gossip = gossip
                for link in links.values():
                    tasks.start_soon(link.maintain)
                try:
                    yield network
                finally:
                    tasks.cancel_scope.cancel()
    except BaseExceptionGroup as group:
        raise _only(group) from None


def _check_peers(own: PeerId, peers: Sequence[Peer]) -> None:
    names: dict[PeerId, str] = {own: "this node"}
    for peer in peers:
        if peer.id in names:
            raise OperatorFault(
                f"peers: {peer.name} has the node key of {names[peer.id]} ({peer.id})"
            )
        names[peer.id] = peer.name


def _only(error: BaseException) -> BaseException:
    """The one error in nested groups of trio's nurseries, so that callers can catch it by type."""
    while isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
        error = error.exceptions[0]
    return error
