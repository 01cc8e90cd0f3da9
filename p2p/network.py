"""The network as the node sees it: links, requests and gossip over one host, as one context.

```
async with open_network(key_seed=…, listen="127.0.0.1:17000", chain_id=…, peers=…, answer=…) as net:
    async for event in net.inbox: …          # Delivery | LinkUp | LinkDown
    net.send(peer, vote, Lane.VOTES)         # returns at once; bounded; drops rather than waits
    answer = await net.request(peer, question, timeout_s=5)
    net.publish(block)
```

Who is a peer is the node's to say, and may change at any time (`Network.set_peers`).

Every protocol's name carries the chain, so that nodes of two chains that share a list of peers by
mistake have nothing to say to each other. Whatever else it is told, this package trusts only the
peers it was given.
"""

from collections.abc import AsyncIterator, Callable, Collection, Mapping
from contextlib import asynccontextmanager
from random import Random
from types import MappingProxyType
from typing import Final

import trio

from p2p.faults import PeerUnavailable
from p2p.frames import Lane
from p2p.gossip import Gossip, Judge, let_pass, open_gossip
from p2p.host import Host, open_host
from p2p.inbox import Inbox
from p2p.links import PATIENT, Link, LinkStatus, Timing
from p2p.peers import Peer, PeerId, node_key_of, parse_address, peer_id_of
from p2p.quota import FOLLOWER, VALIDATOR
from p2p.requests import Answerer, Requests
from p2p.streams import Stream
from primitives import limits
from primitives.errors import OperatorFault, RemoteFault, sole

NO_LONGER_ADMITTED: Final = "no longer admitted"


class Network:
    """Made by `open_network`. Nothing here waits but `request` and the inbox."""

    def __init__(
        self,
        host: Host,
        inbox: Inbox,
        requests: Requests,
        gossip: Gossip,
        *,
        links: dict[PeerId, Link],
        make_link: Callable[[Peer], Link],
        tasks: trio.Nursery,
    ) -> None:
        self.inbox = inbox
        """What arrives: `receive()` or `async for`."""
        self._host = host
        self._requests = requests
        self._links = links
        self._make_link = make_link
        self._tasks = tasks
        self.gossip = gossip
        """The topic of committed blocks, with its counters."""

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

    def set_peers(self, peers: Collection[Peer]) -> None:
        """From now on keep a link to each of these, and to nobody else; returns at once.

        A peer that is new is dialled and admitted, one that is gone loses its connections, and
        LinkDown says NO_LONGER_ADMITTED; other addresses count from the next attempt.

        Raises:
            OperatorFault: the peers contradict each other; nothing is changed.
        """
        _check_peers(self.id, peers)
        wanted = {peer.id: peer for peer in peers}
        self._host.gate.allow(wanted.keys())
        for gone in self._links.keys() - wanted.keys():
            self._links.pop(gone).end(NO_LONGER_ADMITTED)
            self._requests.forget(gone)
            self._host.end(gone)
        for peer in peers:
            self._host.gate.quota(peer.id).share = VALIDATOR if peer.votes else FOLLOWER
            if (link := self._links.get(peer.id)) is not None:
                link.peer = peer
                continue
            link = self._links[peer.id] = self._make_link(peer)
            self._tasks.start_soon(link.maintain)

    def penalise(self, peer: PeerId, reason: str, *, points: int) -> None:
        """Count something against a peer; with too many points it is paused (`p2p.conduct`)."""
        if (link := self._links.get(peer)) is not None:
            link.penalise(reason, points=points)

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
    peers: Collection[Peer],
    answer: Answerer,
    judge: Judge = let_pass,
    timing: Timing = PATIENT,
) -> AsyncIterator[Network]:
    """Listen, and keep a link to each of `peers`, until the context is left.

    Raises:
        OperatorFault: the address is malformed or in use, or the peers contradict each other.
    """
    _check_peers(peer_id_of(node_key_of(key_seed)), peers)
    chain = chain_id.hex()[:16]
    protocol = f"/mithaq/link/1/{chain}"
    chance = Random()  # noqa: S311 - spreads the load of reconnects, protects nothing
    inbox = Inbox()
    links: dict[PeerId, Link] = {}

    async def on_fault(peer: PeerId, fault: RemoteFault) -> None:
        if peer in links:
            links[peer].break_rule(fault)

    async def accept(peer: PeerId, stream: Stream) -> None:
        if peer not in links:
            raise PeerUnavailable(f"{peer} is not one of our peers any more")
        await links[peer].accept(stream)

    try:
        async with open_host(
            seed=key_seed, listen=listen, allowed=[peer.id for peer in peers], on_fault=on_fault
        ) as host:

            def make_link(peer: Peer) -> Link:
                return Link(peer, host, inbox, protocol=protocol, timing=timing, chance=chance)

            host.answer(protocol, accept)
            requests = Requests(host, f"/mithaq/request/1/{chain}", answer)
            async with (
                open_gossip(host, chain_id, inbox, judge) as gossip,
                trio.open_nursery() as tasks,
            ):
                network = Network(
                    host, inbox, requests, gossip, links=links, make_link=make_link, tasks=tasks
                )
                network.set_peers(peers)
                try:
                    yield network
                finally:
                    tasks.cancel_scope.cancel()
    except BaseExceptionGroup as group:
        raise sole(group) from None


def _check_peers(own: PeerId, peers: Collection[Peer]) -> None:
    if len(peers) > limits.PEERS_MAX:
        raise OperatorFault(f"{len(peers)} peers, at most {limits.PEERS_MAX}")
    names: dict[PeerId, str] = {own: "this node"}
    for peer in peers:
        if peer.id in names:
            raise OperatorFault(
                f"peers: {peer.name} has the node key of {names[peer.id]} ({peer.id})"
            )
        if len(peer.addresses) > limits.ADDRESSES_PER_PEER_MAX:
            raise OperatorFault(
                f"peers: {peer.name} has {len(peer.addresses)} addresses, "
                f"at most {limits.ADDRESSES_PER_PEER_MAX}"
            )
        for address in peer.addresses:
            parse_address(address)
        names[peer.id] = peer.name
