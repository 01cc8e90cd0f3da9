"""Whom a node links with as the chain goes on, and how addresses find their way (R63, R65)."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from kit.api import ChainOfOne
from kit.ledger import key
from kit.observers import consent, node_key, observer
from ledger.observers import ObserverRecord
from ledger.transaction import check_transaction
from node import wire
from node.addresses import SignedAddress, sign_address
from node.admission import Bootstrap
from node.config import LogLevel
from node.log import Log
from node.peering import ANSWER_APART_S, ASK_EVERY_S, Peering
from p2p.frames import Lane
from p2p.peers import Peer, PeerId, peer_id_of
from primitives import limits
from primitives.crypto import SigningKey
from primitives.errors import BadSignature
from primitives.ids import NodeKey, TimeMs
from services.authority.observers import AdmitObserver, RevokeObserver
from services.table import TRANSACTION

NOW = TimeMs(1_780_000_000_000)
AUDIT, PRESS = observer("audit"), observer("press")
BOTH = {"Ministry 1", "Ministry 2", "Ministry 3"}


@dataclass
class Recorded:
    """Links that note whom they are to be kept with, and what was sent."""

    peers: dict[str, Peer] = field(default_factory=dict)
    sets: int = 0
    sent: list[tuple[PeerId, wire.Wire | wire.Aside]] = field(default_factory=list)

    def set_peers(self, peers: Collection[Peer]) -> None:
        self.sets += 1
        self.peers = {peer.name: peer for peer in peers}
        assert len(self.peers) == len(peers)

    def send(self, peer: PeerId, payload: bytes, lane: Lane) -> bool:
        assert lane is Lane.TRANSACTIONS
        self.sent.append((peer, wire.read(payload)))
        return True

    def said(self) -> list[tuple[PeerId, wire.Wire | wire.Aside]]:
        said, self.sent = self.sent, []
        return said


class House:
    """The peering of one node over a chain that makes blocks."""

    def __init__(
        self,
        own: SigningKey | None = None,
        bootstrap: Sequence[Bootstrap] = (),
        chain: ChainOfOne | None = None,
        level: LogLevel = LogLevel.ERROR,
    ) -> None:
        self.chain = chain or ChainOfOne()
        self.links = Recorded()
        self.key = own or key("node 0")
        self.peering = Peering(
            self.links,
            store=self.chain.store,
            chain=self.chain.chain,
            key=self.key,
            bootstrap=bootstrap,
            log=Log("node0", level),
        )

    def dialled(self, name: str) -> list[str]:
        return list(self.links.peers[name].addresses)

    def page(self, name: str, *addresses: str, sequence: int = 1) -> SignedAddress:
        return sign_address(key(name), self.chain.chain, addresses, sequence=sequence)

    def hear(self, peer: PeerId, *pages: SignedAddress, now_s: float = 0.0) -> None:
        message = wire.Addresses(pages)
        self.peering.hear(peer, message, now_ms=NOW, now_s=now_s)

    def decide(self, *operations: AdmitObserver | RevokeObserver) -> None:
        for operation in operations:
            data = self.chain.signed("registrar", operation)
            tx = check_transaction(data, self.chain.chain, TRANSACTION)
            self.chain.waiting[tx.id] = tx
        self.chain.make_block()
        self.peering.decided()

    def admit(self, record: ObserverRecord) -> AdmitObserver:
        until = TimeMs(self.chain.store.head().header.time_ms + 60_000)
        return AdmitObserver(consent(self.chain.chain, record, valid_until=until))


def id_of(name: str) -> PeerId:
    return peer_id_of(NodeKey(key(name).public))


ONE, TWO = id_of("node 1"), id_of("node 2")
AUDITOR = peer_id_of(AUDIT.node_key)


def test_a_validator_links_with_validators_and_with_observers_as_they_come_and_go() -> None:
    """At the very block that decides it; a block that changes nothing changes nothing."""
    house = House()
    assert house.links.peers.keys() == BOTH

    house.decide(house.admit(AUDIT))
    assert house.links.peers.keys() == BOTH | {"audit"}
    assert not house.links.peers["audit"].votes
    before = house.links.sets
    house.decide()
    assert house.links.sets == before

    house.decide(RevokeObserver(AUDIT.node_key))
    assert house.links.peers.keys() == BOTH


def test_an_observer_links_with_validators_alone() -> None:
    """Whoever else observes."""
    house = House(key("node of audit"))
    house.decide(house.admit(AUDIT), house.admit(PRESS))

    assert house.links.peers.keys() == BOTH | {"Ministry 0"}


def test_a_link_begins_with_all_that_concerns_the_peer() -> None:
    """A validator is told everything, an observer of validators; nobody what it said itself."""
    house = House()
    house.decide(house.admit(AUDIT))
    house.peering.advertise(("a.example:1",), NOW)
    house.hear(ONE, house.page("node 1", "b.example:1"), house.page("node of audit", "c.example:1"))
    house.peering.tick(0.0)
    house.links.said()

    def told(peer: PeerId) -> set[NodeKey]:
        house.peering.linked(peer)
        [(heard_by, message)] = house.links.said()
        assert heard_by == peer
        assert isinstance(message, wire.Addresses)
        return {NodeKey(page.node_key) for page in message.nodes}

    own, one = NodeKey(key("node 0").public), NodeKey(key("node 1").public)
    assert told(TWO) == {own, one, AUDIT.node_key}
    assert told(ONE) == {own, AUDIT.node_key}
    assert told(AUDITOR) == {own, one}


def test_what_is_learnt_is_dialled_kept_and_passed_on_but_not_to_who_told_it() -> None:
    """At the next tick; and another start of this node knows it."""
    house = House(bootstrap=[Bootstrap(NodeKey(key("node 1").public), "old.example:1", "")])
    for peer in (ONE, TWO):
        house.peering.linked(peer)
    house.peering.tick(0.0)
    house.links.said()
    assert house.dialled("Ministry 1") == ["old.example:1"]

    page = house.page("node 1", "new.example:1")
    house.hear(TWO, page)
    assert house.links.said() == []
    house.peering.tick(1.0)

    assert house.links.said() == []  # node 1 said it, node 2 told it: nobody else is linked
    assert house.dialled("Ministry 1") == ["new.example:1", "old.example:1"]
    house.peering.linked(id_of("node 3"))
    house.links.said()
    newer = house.page("node 1", "newer.example:1", sequence=2)
    house.hear(ONE, newer)
    house.peering.tick(2.0)
    said = house.links.said()
    assert {peer for peer, _ in said} == {TWO, id_of("node 3")}
    assert [message for _, message in said] == [wire.Addresses((newer,))] * 2

    again = House(chain=house.chain)
    assert again.links.peers["Ministry 1"].addresses == ("newer.example:1",)


def test_an_older_word_changes_nothing() -> None:
    """Nor the same again: it is passed on once."""
    house = House()
    house.hear(ONE, house.page("node 1", "new.example:1", sequence=7))
    house.peering.linked(TWO)
    house.peering.tick(0.0)
    house.links.said()

    house.hear(TWO, house.page("node 1", "old.example:1", sequence=6))
    house.hear(TWO, house.page("node 1", "else.example:1", sequence=7))
    house.peering.tick(1.0)

    assert house.links.said() == []
    assert house.dialled("Ministry 1") == ["new.example:1"]


def test_strangers_have_no_page_and_a_forger_is_at_fault() -> None:
    """Only of whom this node may be linked with; and only what they said themselves."""
    house = House()
    house.hear(ONE, house.page("stranger", "a.example:1"))
    house.peering.tick(0.0)
    assert house.chain.store.addresses() == []

    forged = replace(house.page("node 2", "a.example:1"), addresses=("b.example:1",))
    with pytest.raises(BadSignature):
        house.hear(ONE, forged)
    assert house.dialled("Ministry 2") == []


def test_of_several_words_of_a_node_in_a_message_the_newest_alone_is_looked_at() -> None:
    """Sixty-four words of its own in each message would cost a core to check."""
    house = House()
    forged = replace(house.page("node 2", "a.example:1"), addresses=("b.example:1",))
    house.hear(ONE, forged, house.page("node 2", "new.example:1", sequence=2))
    assert house.dialled("Ministry 2") == []
    house.peering.tick(0.0)
    assert house.dialled("Ministry 2") == ["new.example:1"]


def test_a_node_that_moves_all_the_time_fills_no_log(capfd: pytest.CaptureFixture[str]) -> None:
    """LOG_LINES_AT_ONCE lines about where it is now, like everything that a peer can cause."""
    house = House(level=LogLevel.INFO)
    for sequence in range(1, 5 * limits.LOG_LINES_AT_ONCE):
        house.hear(ONE, house.page("node 1", "a.example:1", sequence=sequence))
    lines = capfd.readouterr().out.splitlines()
    assert sum("addresses.learnt" in line for line in lines) == limits.LOG_LINES_AT_ONCE


def test_who_is_dropped_is_forgotten() -> None:
    """Its page goes with its link."""
    house = House()
    house.decide(house.admit(AUDIT))
    house.hear(AUDITOR, house.page("node of audit", "a.example:1"))
    house.peering.tick(0.0)
    assert [node for node, _ in house.chain.store.addresses()] == [AUDIT.node_key]

    house.decide(RevokeObserver(AUDIT.node_key))
    house.hear(ONE, house.page("node 1", "b.example:1"))
    house.peering.tick(1.0)
    assert [bytes(node) for node, _ in house.chain.store.addresses()] == [key("node 1").public]


def test_a_node_that_lost_its_database_insists_on_where_it_is_now() -> None:
    """It hears its own old word with a higher number, and says the new one with a higher one."""
    house = House()
    house.peering.advertise(("new.example:1",), NOW)
    house.peering.linked(ONE)
    house.links.said()

    house.hear(ONE, house.page("node 0", "old.example:1", sequence=NOW + 5))
    house.peering.tick(0.0)

    (message,) = [one for _, one in house.links.said() if isinstance(one, wire.Addresses)]
    (page,) = message.nodes
    assert page == house.page("node 0", "new.example:1", sequence=NOW + 6)
    again = House(chain=house.chain)
    again.peering.advertise(("new.example:1",), NOW)
    again.peering.linked(ONE)
    assert again.links.said() == [(ONE, wire.Addresses((page,)))]


def test_who_lacks_addresses_asks_and_is_answered_once_a_second() -> None:
    """Whoever is linked and knows; asked again after a while, and at once when somebody joins."""
    house = House()
    house.peering.linked(ONE)
    house.peering.tick(0.0)
    missing = {bytes(key(f"node {index}").public) for index in (2, 3)}
    [(peer, message)] = house.links.said()
    assert peer == ONE
    assert isinstance(message, wire.WantAddresses)
    assert {bytes(node) for node in message.nodes} == missing
    house.peering.tick(ASK_EVERY_S / 2)
    assert house.links.said() == []
    house.peering.tick(ASK_EVERY_S)
    assert len(house.links.said()) == 1
    house.decide(house.admit(AUDIT))
    house.peering.tick(ASK_EVERY_S + 1)
    [(_, message)] = house.links.said()
    assert isinstance(message, wire.WantAddresses)
    assert AUDIT.node_key in message.nodes

    page = house.page("node 2", "a.example:1")
    house.hear(ONE, page)
    asked = wire.WantAddresses((page.node_key, node_key("stranger")))
    for now_s in (50.0, 50.0 + ANSWER_APART_S / 2, 50.0 + ANSWER_APART_S):
        house.peering.hear(ONE, asked, now_ms=NOW, now_s=now_s)
    assert house.links.said() == [(ONE, wire.Addresses((page,)))] * 2


def test_a_newcomer_begins_with_its_bootstrap_list_until_the_chain_knows_better() -> None:
    """Under the name that the operator gave, or the beginning of the key."""
    stranger = NodeKey(key("stranger").public)
    house = House(
        key("node of audit"),
        [Bootstrap(stranger, "s.example:1", ""), Bootstrap(AUDIT.node_key, "me:1", "me")],
    )

    assert house.links.peers.keys() == BOTH | {"Ministry 0", stranger.hex()[:8]}
    assert house.links.peers[stranger.hex()[:8]].addresses == ("s.example:1",)
    assert house.peering.admitted(stranger) is None


def test_a_long_list_goes_in_several_messages() -> None:
    """Of ADDRESSES_MESSAGE_MAX nodes each."""
    house = House()
    many = [observer(f"o {index}") for index in range(limits.ADDRESSES_MESSAGE_MAX + 1)]
    house.decide(*(house.admit(record) for record in many))
    for record in many:
        house.hear(ONE, house.page(f"node of {record.name}", "a.example:1"))

    house.peering.linked(TWO)

    counts = [len(m.nodes) for _, m in house.links.said() if isinstance(m, wire.Addresses)]
    assert counts == [limits.ADDRESSES_MESSAGE_MAX, 1]


@settings(max_examples=10, deadline=None)
@given(st.data())
def test_in_whatever_order_words_travel_everybody_ends_with_the_newest(data: st.DataObject) -> None:
    """Four validators in a ring, each of which moves now and then: a law of what is passed on."""
    houses = [House(key(f"node {index}")) for index in range(4)]
    ring = {index: ((index - 1) % 4, (index + 1) % 4) for index in range(4)}
    names = {id_of(f"node {index}"): index for index in range(4)}
    newest: dict[int, str] = {}
    now_s = 0.0

    def carry() -> None:
        for index, house in enumerate(houses):
            for peer, message in house.links.said():
                assert isinstance(message, wire.Addresses | wire.WantAddresses)
                if names[peer] in ring[index]:
                    teller = id_of(f"node {index}")
                    houses[names[peer]].peering.hear(teller, message, now_ms=NOW, now_s=now_s)

    for index, house in enumerate(houses):
        for other in ring[index]:
            house.peering.linked(id_of(f"node {other}"))
    moves = data.draw(st.lists(st.integers(0, 3), min_size=1, max_size=8))
    for step, index in enumerate(moves):
        newest[index] = f"moved-{step}.example:1"
        houses[index].peering.advertise((newest[index],), NOW)
        for ticking in data.draw(st.permutations(range(4))):
            houses[ticking].peering.tick(now_s)
        carry()
    for _ in range(4):  # the ring's diameter, and a tick to pass each on
        now_s += 1.0
        for house in houses:
            house.peering.tick(now_s)
        carry()
    for house in houses:
        house.peering.tick(now_s)

    for index, house in enumerate(houses):
        for other, address in newest.items():
            if other != index:
                assert house.dialled(f"Ministry {other}") == [address]
