"""Whom this node is linked with, and what they tell each other of where they are (R63, R65).

```
a decided block ─► Admission ─┐
Addresses ─► AddressBook ─────┼─► neighbours ─► Network.set_peers
bootstrap list ───────────────┘
```

Addresses travel by themselves: all that is known goes over a link that comes up, what is newly
learnt goes to everybody else at the next tick, and who lacks somebody's addresses asks for them. An
observer is told of validators alone, as it links with nobody else. What is passed on is believed
for its own signature, never for its bearer's sake.
"""

from collections.abc import Collection, Iterator, Sequence
from typing import Final, Protocol, TypeAlias, TypeVar, final

from node import wire
from node.address_book import AddressBook
from node.addresses import SignedAddress
from node.admission import Admission, Admitted, Bootstrap, Neighbour, neighbours
from node.log import Log
from p2p.frames import Lane
from p2p.peers import Peer, PeerId, peer_id_of
from primitives import limits
from primitives.crypto import SigningKey
from primitives.ids import ChainId, NodeKey, TimeMs
from storage.chain import ChainStore

ASK_EVERY_S: Final = 30.0
"""Who lacks addresses asks again; a change of who is admitted is asked about at the next tick."""
ANSWER_APART_S: Final = 1.0
"""One peer's questions are answered at most so often: a question of 2 KiB makes 71 KiB."""

Message: TypeAlias = wire.Addresses | wire.WantAddresses

_T = TypeVar("_T")


class Links(Protocol):
    """What is used of `p2p.network.Network`."""

    def set_peers(self, peers: Collection[Peer]) -> None:
        """Keep a link to each of these, and to nobody else."""

    def send(self, peer: PeerId, payload: bytes, lane: Lane) -> bool:
        """Queue a payload on one peer's link."""


@final
class Peering:
    """Written by the shell's thread alone."""

    def __init__(
        self,
        links: Links,
        *,
        store: ChainStore,
        chain: ChainId,
        key: SigningKey,
        bootstrap: Sequence[Bootstrap],
        log: Log,
    ) -> None:
        self._links, self._store, self._log = links, store, log
        self._own = NodeKey(key.public)
        self._bootstrap = tuple(bootstrap)
        self._book = AddressBook(store, chain, key)
        with store.state() as state:
            self._admission = Admission(state)
        self._linked: set[PeerId] = set()
        self._news: dict[NodeKey, PeerId | None] = {}
        """Learnt since the last tick, and from whom."""
        self._answered: dict[PeerId, float] = {}
        self._ask_at = 0.0
        self._neighbours = {peer_id_of(one.node_key): one for one in self._found()}
        self._book.retain([one.node_key for one in self.neighbours])
        links.set_peers([_peer(one) for one in self._neighbours.values()])

    @property
    def neighbours(self) -> Sequence[Neighbour]:
        """With whom links are kept."""
        return tuple(self._neighbours.values())

    def admitted(self, node_key: NodeKey) -> Admitted | None:
        """What the newest block here says of a node; None where it does not let it connect."""
        return self._admission.admitted.get(node_key)

    def advertise(self, addresses: tuple[str, ...], now_ms: TimeMs) -> None:
        """Say from now on that this node is reached there."""
        said = self._book.advertise(addresses, now_ms)
        self._book.save()
        self._news[self._own] = None
        self._log.write.info("addresses.own", addresses=said.addresses, sequence=said.sequence)
        if not addresses:
            reason = "it listens everywhere and advertises no address: nobody can dial it"
            self._log.write.warning("addresses.none", reason=reason)

    # --- what happens ------------------------------------------------------------------------

    def decided(self) -> None:
        """A block was decided: who is admitted may be others now (rule R63)."""
        with self._store.state() as state:
            changed = self._admission.read(state)
        if changed:
            self._arrange()

    def linked(self, peer: PeerId) -> None:
        """A link came up: the peer is told all that concerns it."""
        self._linked.add(peer)
        self._tell(peer, (self._own, *(one.node_key for one in self._neighbours.values())))

    def unlinked(self, peer: PeerId) -> None:
        """A link went down."""
        self._linked.discard(peer)
        self._answered.pop(peer, None)

    def hear(self, peer: PeerId, message: Message, *, now_ms: TimeMs, now_s: float) -> None:
        """Take what a peer tells, and answer what it asks.

        Raises:
            BadSignature: it told what nobody said.
        """
        match message:
            case wire.Addresses(nodes):
                # A node's newest word alone costs a check of its signature.
                ascending = sorted(nodes, key=lambda page: page.sequence)
                newest = {page.node_key: page for page in ascending}
                for page in newest.values():
                    self._learn(peer, page, now_ms)
            case wire.WantAddresses(nodes):
                if now_s >= self._answered.get(peer, 0.0) + ANSWER_APART_S:
                    self._answered[peer] = now_s
                    self._tell(peer, nodes)

    def tick(self, now_s: float) -> None:
        """Dial where peers are said to be now, pass that on, and ask for what is missing."""
        self._book.save()
        if self._news:
            self._arrange()
            news, self._news = self._news, {}
            for peer in self._linked:
                self._tell(peer, [key for key, teller in news.items() if teller != peer])
        if now_s >= self._ask_at:
            self._ask_at = now_s + ASK_EVERY_S
            for part in _parts(self._missing()):
                payload = wire.write(wire.WantAddresses(tuple(part)))
                for peer in self._linked:
                    self._links.send(peer, payload, Lane.TRANSACTIONS)

    # --- what follows ------------------------------------------------------------------------

    def _found(self) -> tuple[Neighbour, ...]:
        with self._store.state() as state:
            dropped = {
                entry.node_key
                for entry in self._bootstrap
                if self._admission.is_dropped(state, entry.node_key)
            }
        admitted = self._admission.admitted
        return neighbours(self._own, admitted, self._book.ways(), self._bootstrap, dropped)

    def _arrange(self) -> None:
        """Find the neighbours anew, and have links to exactly these."""
        found = self._found()
        before, self._neighbours = self._neighbours, {peer_id_of(n.node_key): n for n in found}
        if before == self._neighbours:
            return
        if before.keys() != self._neighbours.keys():
            self._book.retain([one.node_key for one in found])
            self._ask_at = 0.0
        for peer in before.keys() - self._neighbours.keys():
            self._log.write.info("peer.dropped", peer=peer, name=before[peer].name)
        for peer in self._neighbours.keys() - before.keys():
            one = self._neighbours[peer]
            self._log.write.info("peer.admitted", peer=peer, name=one.name, votes=one.votes)
        self._links.set_peers([_peer(one) for one in found])

    def _learn(self, peer: PeerId, page: SignedAddress, now_ms: TimeMs) -> None:
        key = page.node_key
        if key == self._own:
            self._insist(page, now_ms)
        elif peer_id_of(key) in self._neighbours and self._book.hear(page):
            self._news[key] = peer
            name, of = self._neighbours[peer_id_of(key)].name, peer_id_of(key)
            self._log.write.info("addresses.learnt", peer=of, name=name, addresses=page.addresses)

    def _insist(self, page: SignedAddress, now_ms: TimeMs) -> None:
        """What this node said before it lost its database is not what it says now."""
        own = self._book.find(self._own)
        if self._book.hear(page) and own is not None and page.addresses != own.addresses:
            self.advertise(own.addresses, now_ms)

    def _tell(self, peer: PeerId, node_keys: Collection[NodeKey]) -> None:
        """Send what is known of these nodes, as far as it concerns the peer."""
        found = [
            page
            for key in dict.fromkeys(node_keys)
            if self._concerns(peer, key) and (page := self._book.find(key)) is not None
        ]
        for part in _parts(found):
            payload = wire.write(wire.Addresses(tuple(part)))
            self._links.send(peer, payload, Lane.TRANSACTIONS)

    def _concerns(self, peer: PeerId, node_key: NodeKey) -> bool:
        """Whether a peer may dial this node: observers link with validators only."""
        told, listener = self.admitted(node_key), self._neighbours.get(peer)
        return peer_id_of(node_key) != peer and (
            node_key == self._own
            or (listener is not None and listener.votes)
            or (told is not None and told.votes)
        )

    def _missing(self) -> list[NodeKey]:
        return [
            one.node_key
            for peer, one in self._neighbours.items()
            if peer not in self._linked and self._book.find(one.node_key) is None
        ]


def _peer(one: Neighbour) -> Peer:
    return Peer(
        id=peer_id_of(one.node_key), name=one.name, votes=one.votes, addresses=one.addresses
    )


def _parts(found: Sequence[_T]) -> Iterator[Sequence[_T]]:
    size = limits.ADDRESSES_MESSAGE_MAX
    for start in range(0, len(found), size):
        yield found[start : start + size]
