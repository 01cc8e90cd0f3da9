"""Committed blocks to everybody, once."""

from __future__ import annotations

import time
from collections import defaultdict
from typing import cast

import pytest
import trio
from libp2p.peer.id import ID
from libp2p.pubsub.gossipsub import GossipSub
from libp2p.pubsub.pb.rpc_pb2 import RPC, ControlIHave, Message
from trio.testing import wait_all_tasks_blocked

from kit.nets import (
    CHAIN,
    id_of,
    in_own_time,
    in_trio,
    next_of,
    node,
    payloads,
    peer,
    seed_of,
    until,
    village,
)
from p2p.faults import PayloadTooLarge
from p2p.gossip import GOSSIPSUB, _Seen, topic_of
from p2p.host import open_host
from p2p.inbox import Delivery, LinkUp, Via
from p2p.network import Network
from p2p.peers import PeerId
from p2p.streams import Stream
from primitives import limits
from primitives.errors import RemoteFault


async def heard(networks: list[Network]) -> None:
    """Wait until everybody knows that everybody else listens."""
    await until(lambda: all(each.gossip.peers == len(networks) - 1 for each in networks))


async def ignore(_peer: PeerId, _fault: RemoteFault) -> None:
    pass


@in_trio
async def test_a_large_block_reaches_everybody_exactly_once() -> None:
    """1 MiB to three others; relays and repetitions are recognised by content."""
    block = bytes(1024 * 1024)
    async with village(4) as networks:
        await heard(networks)

        networks[0].publish(block)
        networks[0].publish(block)
        networks[0].publish(b"the end")

        for network in networks[1:]:
            assert await payloads(network.inbox, 2) == [block, b"the end"]
        await until(lambda: networks[0].gossip.published == 3)
        await wait_all_tasks_blocked(0.2)
        assert [len(network.inbox) for network in networks] == [0, 0, 0, 0]
        assert [network.gossip.received for network in networks] == [0, 2, 2, 2]


@in_trio
async def test_the_same_block_from_two_publishers_arrives_once() -> None:
    """Equal bytes are one message, whoever publishes them."""
    async with village(3) as networks:
        await heard(networks)

        networks[0].publish(b"block")
        assert await payloads(networks[1].inbox, 1) == [b"block"]
        assert await payloads(networks[2].inbox, 1) == [b"block"]
        networks[1].publish(b"block")
        networks[1].publish(b"the end")

        assert await payloads(networks[2].inbox, 1) == [b"the end"]
        assert await payloads(networks[0].inbox, 1) == [b"the end"]


@in_trio
async def test_fifty_blocks_at_once_are_all_delivered() -> None:
    """The library's defaults would drop forty: its spam guard, its queues of 32."""
    blocks = [b"block %d" % number for number in range(50)]
    async with village(3) as networks:
        await heard(networks)

        for block in blocks:
            networks[0].publish(block)

        for network in networks[1:]:
            assert sorted(await payloads(network.inbox, 50)) == sorted(blocks)


@in_trio
async def test_a_block_passes_through_a_node_in_the_middle() -> None:
    """An observer that knows one validator hears what another published."""
    async with (
        node(0, peer(1), peer(2)) as middle,
        node(1, peer(0, middle.address)) as publisher,
        node(2, peer(0, middle.address)) as observer,
    ):
        for network in (middle, middle, publisher, observer):
            await next_of(network.inbox, LinkUp)
        await until(lambda: (publisher.gossip.peers, middle.gossip.peers) == (1, 2))
        largest = bytes(limits.GOSSIP_BYTES_MAX)

        publisher.publish(largest)

        assert await observer.inbox.receive() == Delivery(middle.id, largest, Via.GOSSIP)


@in_trio
async def test_a_block_above_the_limit_is_refused_here() -> None:
    """GOSSIP_BYTES_MAX + 1 bytes are not sent, and the message says both numbers."""
    async with node(0, peer(1)) as ours:
        with pytest.raises(PayloadTooLarge, match=f"{limits.GOSSIP_BYTES_MAX + 1} bytes to gossip"):
            ours.publish(bytes(limits.GOSSIP_BYTES_MAX + 1))


@in_trio
async def test_a_node_that_reads_nothing_drops_gossip_and_counts() -> None:
    """Gossip never waits for the node: beyond the inbox's account it is dropped."""
    block = limits.GOSSIP_BYTES_MAX
    room = limits.INBOX_BYTES_MAX // block + 1
    async with village(2) as (ours, slow):
        await heard([ours, slow])

        for number in range(room + 2):
            ours.publish(bytes([number]) * block)

        await until(lambda: slow.gossip.dropped == 2)
        assert slow.inbox.waiting_bytes == room * block


@in_trio
async def test_what_the_judge_stops_goes_no_further() -> None:
    """Each new payload is judged once; what is stopped is neither delivered nor passed on."""
    asked: list[tuple[PeerId, bytes]] = []

    def judge(peer: PeerId, payload: bytes) -> bool:
        asked.append((peer, payload))
        return payload.startswith(b"good")

    async with (
        node(0, peer(1), peer(2), judge=judge) as middle,
        node(1, peer(0, middle.address)) as publisher,
        node(2, peer(0, middle.address)) as observer,
    ):
        for network in (middle, middle, publisher, observer):
            await next_of(network.inbox, LinkUp)
        await until(lambda: (publisher.gossip.peers, middle.gossip.peers) == (1, 2))

        for payload in (b"bad", b"good 1", b"bad", b"good 1", b"good 2"):
            publisher.publish(payload)

        for network in (observer, middle):
            assert await payloads(network.inbox, 2) == [b"good 1", b"good 2"]
            assert len(network.inbox) == 0
        assert asked == [(publisher.id, text) for text in (b"bad", b"good 1", b"good 2")]
        assert (middle.gossip.stopped, middle.gossip.received) == (1, 2)


@in_trio
async def test_a_returned_peer_hears_gossip_again() -> None:
    """The topic's streams follow the connections; what it just missed may come too."""
    async with node(0, peer(1)) as ours:
        for number in range(2):
            async with node(1, peer(0, ours.address)) as theirs:
                await heard([ours, theirs])
                ours.publish(b"block %d" % number)
                while b"block %d" % number not in await payloads(theirs.inbox, 1):
                    await trio.lowlevel.checkpoint()
            await until(lambda: ours.gossip.peers == 0)


@pytest.mark.parametrize(
    "garbage",
    [
        b"\x05hello",
        b"\xff\xff\xff\xff\x7f",
        (limits.GOSSIP_BYTES_MAX * 2).to_bytes(4) + bytes(100),
    ],
)
@in_trio
async def test_garbage_on_the_topics_stream_does_not_end_the_node(garbage: bytes) -> None:
    """What libp2p's parsers make of it ends that stream, or that peer's connection."""
    async with (
        node(0, peer(1), peer(2)) as ours,
        node(2, peer(0, ours.address)) as good,
        open_host(
            seed=seed_of(1), listen="127.0.0.1:0", allowed=[ours.id], on_fault=ignore
        ) as rude,
    ):
        await heard([ours, good])
        await rude.dial(ours.id, ours.address)
        stream: Stream = await rude.open(ours.id, str(GOSSIPSUB))

        await stream.write(garbage)
        await wait_all_tasks_blocked(0.1)

        ours.publish(b"still here")
        await next_of(good.inbox, LinkUp)
        assert await payloads(good.inbox, 1) == [b"still here"]


@in_trio
async def test_a_message_with_absurd_fields_does_not_end_the_node() -> None:
    """Empty names, foreign topics, forged origins: parsed, and then ignored or delivered."""
    rpc = RPC()
    topic = topic_of(CHAIN)
    rpc.publish.add(data=b"", topicIDs=[topic])
    rpc.publish.add(data=b"forged", from_id=b"\xff", seqno=b"", topicIDs=[topic])
    rpc.publish.add(data=b"elsewhere", topicIDs=["other"])
    rpc.publish.add(data=b"twice", topicIDs=[topic, topic])
    rpc.control.ihave.add(topicID="other", messageIDs=[b"\xff" * 40])
    rpc.control.graft.add(topicID="other")
    rpc.control.prune.add(topicID="other")
    wire = rpc.SerializeToString()
    async with (
        node(0, peer(1), peer(2)) as ours,
        node(2, peer(0, ours.address)) as good,
        open_host(
            seed=seed_of(1), listen="127.0.0.1:0", allowed=[ours.id], on_fault=ignore
        ) as rude,
    ):
        await heard([ours, good])
        await rude.dial(ours.id, ours.address)
        stream: Stream = await rude.open(ours.id, str(GOSSIPSUB))

        await stream.write(bytes([len(wire) & 0x7F | 0x80, len(wire) >> 7]) + wire)

        delivery = await next_of(ours.inbox, Delivery)
        assert delivery == Delivery(id_of(1), b"forged", Via.GOSSIP)
        ours.publish(b"still here")
        while b"still here" not in await payloads(good.inbox, 1):
            await trio.lowlevel.checkpoint()


def _router(network: Network) -> GossipSub:
    return cast(GossipSub, network.gossip._pubsub.router)


@in_own_time
async def test_a_node_outside_the_mesh_asks_for_what_it_missed() -> None:
    """Pruned by everybody for a minute, it hears at the next heartbeat what there is."""
    topic = topic_of(CHAIN)
    async with village(3) as networks:
        await heard(networks)
        for network in networks:
            router = _router(network)
            for other in router.mesh[topic].copy():
                router._add_back_off(other, topic, is_unsubscribe=False, backoff_duration=60)
            router.mesh[topic].clear()

        networks[0].publish(b"block")

        with trio.fail_after(5):
            for network in networks[1:]:
                assert await payloads(network.inbox, 1) == [b"block"]


@in_trio
async def test_what_everybody_has_is_not_asked_for_again() -> None:
    """Being told of a known message costs its id, not its payload."""
    asked: list[object] = []

    async def record(*question: object) -> None:
        asked.append(question)

    async with village(3) as networks:
        await heard(networks)
        networks[0].publish(b"block")
        for network in networks[1:]:
            await payloads(network.inbox, 1)

        for network in networks:
            router = _router(network)
            router.emit_iwant = record  # type: ignore[method-assign, assignment]  # hears what is asked
            router.mesh[topic_of(CHAIN)].clear()
        told = [_router(network).gossip_heartbeat() for network in networks]
        for network, others in zip(networks, told, strict=True):
            for peer_id, topics in others.items():
                other = next(each for each in networks if each.id == peer_id.to_base58())
                for topic, ids in topics.items():
                    ihave = ControlIHave(topicID=topic, messageIDs=ids)
                    await _router(other).handle_ihave(ihave, ID.from_base58(network.id))

        assert [len(others) for others in told] == [2, 2, 2]
        assert asked == []


@in_trio
async def test_blocks_beyond_the_queue_are_dropped_and_counted() -> None:
    """One is being published, GOSSIP_WAITING_MAX wait; the next is dropped."""
    async with node(0, peer(1)) as ours:
        await wait_all_tasks_blocked()
        for number in range(limits.GOSSIP_WAITING_MAX + 2):
            ours.publish(b"block %d" % number)

        await until(lambda: ours.gossip.published == limits.GOSSIP_WAITING_MAX + 1)
        assert ours.gossip.dropped == 1


@in_trio
async def test_a_peer_may_make_us_relay_so_much_a_second(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The message beyond GOSSIP_MESSAGES_PER_SECOND in one second is not relayed."""
    message = Message(topicIDs=[topic_of(CHAIN)], data=b"block")
    moment = time.time()
    monkeypatch.setattr(time, "time", lambda: moment)  # all of them come in one second
    async with node(0, peer(1)) as ours:
        may = [
            _router(ours)._check_spam_protection(ID.from_base58(id_of(1)), message)
            for _ in range(limits.GOSSIP_MESSAGES_PER_SECOND + 1)
        ]

        assert may == [True] * limits.GOSSIP_MESSAGES_PER_SECOND + [False]


@in_trio
async def test_nothing_is_kept_of_messages_that_went_by() -> None:
    """The library notes when it passed each one on; no later than a heartbeat that is forgotten."""
    noted: list[int] = []

    class Notes(defaultdict[str, list[float]]):
        def clear(self) -> None:
            noted.append(sum(map(len, self.values())))
            super().clear()

    async with node(0, peer(1)) as ours:
        router = _router(ours)
        router.recent_message_deliveries = Notes(list)
        for number in range(3):
            ours.publish(b"block %d" % number)
        await until(lambda: ours.gossip.published == 3)

        router.gossip_heartbeat()

        assert sum(noted) == 3
        assert not router.recent_message_deliveries


def test_the_oldest_message_is_forgotten_first() -> None:
    """GOSSIP_SEEN_MAX ids are known; one more costs the first."""
    seen = _Seen()
    ids = [number.to_bytes(32) for number in range(limits.GOSSIP_SEEN_MAX + 1)]

    assert all(seen.add(mid) for mid in ids)

    assert not seen.has(ids[0])
    assert all(seen.has(mid) for mid in ids[1:])
