"""Peers come and go while the node runs: links follow the list, and nothing else does."""

from __future__ import annotations

import pytest
import trio

from kit.nets import (
    LINK_PROTOCOL,
    id_of,
    in_trio,
    next_of,
    node,
    payloads,
    peer,
    until,
    village,
)
from p2p.faults import PeerUnavailable
from p2p.frames import Lane
from p2p.inbox import LinkDown, LinkUp
from p2p.network import NO_LONGER_ADMITTED
from p2p.peers import Peer
from primitives import limits
from primitives.errors import OperatorFault


def at(number: int, *addresses: str) -> Peer:
    return Peer(id_of(number), f"node-{number}", votes=True, addresses=addresses)


@in_trio
async def test_a_peer_that_is_added_is_linked_without_a_restart() -> None:
    """Whether we dial it or it dials us: no file, no restart."""
    async with node(0) as ours, node(1, peer(0, ours.address)) as theirs:
        await until(lambda: ours.refusals().get("stranger", 0) > 0)

        ours.set_peers([peer(1)])

        assert (await next_of(ours.inbox, LinkUp)).peer == theirs.id
        await until(lambda: theirs.send(ours.id, b"here I am", Lane.VOTES))
        assert await payloads(ours.inbox, 1) == [b"here I am"]


@in_trio
async def test_a_peer_that_is_removed_loses_its_link_at_once() -> None:
    """Connection, streams, mesh and questions are gone; the reason is said; the others go on."""
    async with village(3) as (ours, gone, stays):
        await until(lambda: ours.gossip.peers == 2)

        ours.set_peers([peer(2)])

        assert await next_of(ours.inbox, LinkDown) == LinkDown(gone.id, NO_LONGER_ADMITTED)
        assert list(ours.links()) == [stays.id]
        assert not ours.send(gone.id, b"vote", Lane.VOTES)
        with pytest.raises(PeerUnavailable, match="is not one of our peers"):
            await ours.request(gone.id, b"question", timeout_s=1)
        assert (await next_of(gone.inbox, LinkDown)).peer == ours.id
        await until(lambda: ours.gossip.peers == 1)
        assert gone.id not in {peer.to_base58() for peer in ours.gossip._pubsub.peer_queues}
        await until(lambda: ours.refusals().get("stranger", 0) > 0)
        assert stays.send(ours.id, b"still here", Lane.VOTES)
        assert await payloads(ours.inbox, 1) == [b"still here"]


@in_trio
async def test_a_node_that_is_not_admitted_learns_why_nobody_speaks_to_it() -> None:
    """Its handshake succeeds and the socket closes: its operator reads what that means."""
    async with node(0) as ours, node(1, peer(0, ours.address)) as theirs:
        await until(lambda: "does not admit this node" in theirs.links()[ours.id].last_error)

        assert theirs.links()[ours.id].last_error == (
            f"{ours.address}: connected, then closed by the other side before anything was said: "
            "it does not admit this node (yet)"
        )


@in_trio
async def test_a_peer_may_be_removed_and_admitted_again() -> None:
    """Ten times, and each time its link carries."""
    async with village(2) as (ours, theirs):
        for number in range(10):
            ours.set_peers([])
            await next_of(ours.inbox, LinkDown)
            ours.set_peers([peer(1, theirs.address)])
            await next_of(ours.inbox, LinkUp)
            payload = b"%d" % number
            while not ours.send(theirs.id, payload, Lane.VOTES):
                await trio.lowlevel.checkpoint()
            assert await payloads(theirs.inbox, 1) == [payload]


@in_trio
async def test_an_answer_under_way_to_a_removed_peer_ends() -> None:
    """What is being thought about for it is given up with the connection."""
    thinks = trio.Event()

    async def think(_peer: object, _question: bytes) -> bytes:
        thinks.set()
        await trio.sleep_forever()
        raise AssertionError("asleep for ever")

    async with node(0, peer(1), answer=think) as ours, node(1, peer(0, ours.address)) as theirs:
        await next_of(theirs.inbox, LinkUp)
        async with trio.open_nursery() as tasks:

            async def ask() -> None:
                with pytest.raises(PeerUnavailable):
                    await theirs.request(ours.id, b"why?", timeout_s=20)
                tasks.cancel_scope.cancel()

            tasks.start_soon(ask)
            await thinks.wait()
            ours.set_peers([])

        assert list(ours.links()) == []


@in_trio
async def test_a_changed_address_counts_from_the_next_attempt() -> None:
    """The link that stands stays; when it breaks, the peer is found where it is now."""
    async with node(0) as ours:
        async with node(1, peer(0)) as theirs:
            ours.set_peers([at(1, theirs.address)])
            await next_of(ours.inbox, LinkUp)
            since = ours.links()[theirs.id].since
            async with node(2, peer(0)) as probe:
                elsewhere = probe.address
            ours.set_peers([at(1, elsewhere)])
            assert ours.links()[theirs.id].since == since
            assert ours.links()[theirs.id].addresses == (elsewhere,)
        await next_of(ours.inbox, LinkDown)

        async with node(1, peer(0), listen=elsewhere):
            assert (await next_of(ours.inbox, LinkUp)).peer == id_of(1)


@in_trio
async def test_addresses_are_dialled_in_turn() -> None:
    """A first address where nobody answers does not hide the second."""
    async with node(1, peer(0)) as theirs, node(0, at(1, "127.0.0.1:1", theirs.address)) as ours:
        assert (await next_of(ours.inbox, LinkUp)).peer == theirs.id


@pytest.mark.parametrize(
    ("peers", "words"),
    [
        ([peer(1), peer(1)], "node-1 has the node key of node-1"),
        ([peer(0)], "node-0 has the node key of this node"),
        ([at(1, *["127.0.0.1:1"] * (limits.ADDRESSES_PER_PEER_MAX + 1))], "5 addresses, at most 4"),
        ([at(1, "nowhere")], "'nowhere' is not host:port"),
        ([peer(number) for number in range(1, limits.PEERS_MAX + 2)], "513 peers, at most 512"),
    ],
)
def test_peers_that_contradict_each_other_change_nothing(peers: list[Peer], words: str) -> None:
    """The list that was goes on to count, and the error says what is wrong."""

    @in_trio
    async def changing() -> None:
        async with node(0, peer(2)) as ours:
            with pytest.raises(OperatorFault, match=words):
                ours.set_peers(peers)
            assert list(ours.links()) == [id_of(2)]

    changing()


@in_trio
async def test_the_largest_list_is_taken() -> None:
    """PEERS_MAX peers, each with ADDRESSES_PER_PEER_MAX addresses where nobody answers."""
    addresses = ["127.0.0.1:1"] * limits.ADDRESSES_PER_PEER_MAX
    async with node(0) as ours:
        ours.set_peers([at(number, *addresses) for number in range(1, 251)])
        assert len(ours.links()) == 250
        ours.set_peers([])
        assert len(ours.links()) == 0


@in_trio
async def test_a_removed_peer_gets_no_stream_on_the_connection_it_still_has() -> None:
    """The list is asked with each stream, so that a goodbye that takes its time admits nothing."""
    async with village(2) as (ours, theirs):
        ours._host.gate.allow([])

        with pytest.raises(PeerUnavailable):
            await theirs._host.open(ours.id, LINK_PROTOCOL)
