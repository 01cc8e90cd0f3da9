"""A listed peer that abuses gossipsub: small messages that would cost a node minutes."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import suppress
from itertools import count

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st
from libp2p.peer.id import ID
from libp2p.pubsub.pb.rpc_pb2 import RPC

from kit.hostile import (
    DATA,
    GOSSIP,
    TOPIC,
    Gone,
    Mux,
    control,
    field,
    frame,
    muxed,
    publication,
    rpc,
    subscription,
    varint,
)
from kit.hostile_victim import Victim, unharmed, victim
from kit.nets import id_of, in_trio, next_of, node, peer, seed_of, until
from p2p.gossip_rpc import read_rpc
from p2p.inbox import Delivery, Via
from primitives import limits
from primitives.errors import Malformed

_attackers = count(2)
WINDOW_PIECE = 60_000


@pytest.fixture(scope="module")
def target() -> Iterator[Victim]:
    with victim(peers=32) as started:
        yield started


@pytest.fixture
def attacker() -> int:
    """One that has no penalty yet."""
    return next(_attackers)


async def say(mux: Mux, stream: int, data: bytes) -> None:
    """As much as the stream's credit allows; the node may end it before."""
    with suppress(Gone):
        for start in range(0, len(data), WINDOW_PIECE):
            await mux.send(frame(DATA, 0, stream, data=data[start : start + WINDOW_PIECE]))


async def penalised(target: Victim, attacker: int) -> str:
    while not (found := (await target.facts())["penalties"].get(f"node-{attacker}")):
        await trio.lowlevel.checkpoint()
    return str(found)


BOMBS = {
    "tiny publications": b"".join(publication(number.to_bytes(4)) for number in range(10_000)),
    "empty grafts": control(*[field(3, b"")] * 400_000),
    "empty wishes": control(*[field(2, b"")] * 400_000),
    "empty subscriptions": field(1, b"") * 400_000,
    "unknown fields": field(99, 0) * 250_000,
    "names in one wish": control(field(2, field(1, b"") * 400_000)),
}


@pytest.mark.parametrize("kind", BOMBS)
def test_an_rpc_of_many_entries_is_not_unpacked(target: Victim, attacker: int, kind: str) -> None:
    """Below a megabyte on the wire, seconds to minutes in libp2p's router: refused unread."""

    @in_trio
    async def attack() -> None:
        async with unharmed(target), muxed(target.address, seed_of(attacker)) as mux:
            stream = await mux.open(GOSSIP)
            await say(mux, stream, rpc(BOMBS[kind]))
            assert "fields" in await penalised(target, attacker)

    attack()


@in_trio
async def test_an_rpc_too_large_is_refused_by_its_length(target: Victim, attacker: int) -> None:
    """Four gigabytes announced: nothing of them is read."""
    async with unharmed(target), muxed(target.address, seed_of(attacker)) as mux:
        stream = await mux.open(GOSSIP)
        await say(mux, stream, varint(2**32) + bytes(1000))
        await until(lambda: any(seen[1:3] == (8, stream) for seen in mux.frames))


@in_trio
async def test_unfinished_rpcs_on_many_streams_are_one(target: Victim, attacker: int) -> None:
    """The newest stream of gossip replaces the one before: one unfinished RPC is held."""
    async with unharmed(target), muxed(target.address, seed_of(attacker)) as mux:
        for _ in range(20):
            stream = await mux.open(GOSSIP)
            await say(mux, stream, varint(2_000_000) + bytes(900_000))


@in_trio
async def test_one_block_wished_for_a_thousand_times_is_sent_once(attacker: int) -> None:
    """libp2p puts it into one answer as often as it is named."""
    block = bytes(range(256)) * 400
    async with (
        node(0, peer(attacker)) as ours,
        muxed(ours.address, seed_of(attacker)) as mux,
        trio.open_nursery() as tasks,
    ):
        tasks.start_soon(mux.oblige)
        stream = await mux.open(GOSSIP)
        await say(mux, stream, rpc(subscription() + control(field(3, field(1, TOPIC)))))
        await until(lambda: ours.gossip.peers == 1)
        ours.publish(block)
        await until(lambda: block in heard(mux))
        wish = control(field(2, field(1, hashlib.sha256(block).digest()) * 500))
        await say(mux, stream, rpc(wish) + rpc(wish) + rpc(publication(b"and heard")))
        await until(lambda: ours.gossip.received == 1)
        ours.publish(b"the last")
        await until(lambda: b"the last" in heard(mux))
        assert heard(mux).count(block) == 2
        tasks.cancel_scope.cancel()


def heard(mux: Mux) -> bytes:
    """On whatever stream the node has opened."""
    return b"".join(bytes(data) for number, data in mux.data.items() if number % 2 == 0)


def test_what_is_not_of_our_topic_is_left_out() -> None:
    """Records of addresses, recommended peers, foreign topics: read by nobody."""
    said = RPC()
    said.senderRecord = b"record"
    said.subscriptions.add(subscribe=True, topicid="other")
    said.subscriptions.add(subscribe=True, topicid=TOPIC)
    said.publish.add(data=b"1", topicIDs=[TOPIC])
    said.publish.add(data=b"2", topicIDs=[TOPIC, "other"])
    said.control.graft.add(topicID="other")
    said.control.prune.add(topicID=TOPIC, backoff=5).peers.add(peerID=b"somebody")

    heard = read_rpc(said.SerializeToString(), TOPIC)

    expected = RPC()
    expected.subscriptions.add(subscribe=True, topicid=TOPIC)
    expected.publish.add(data=b"1", topicIDs=[TOPIC])
    expected.control.prune.add(topicID=TOPIC, backoff=5)
    assert heard == expected


PADDING = b"".join(field(99, 0) for _ in range(limits.GOSSIP_FIELDS_MAX - 3))
"""As many more fields as a publication may have."""


@in_trio
async def test_what_is_put_beside_a_payload_is_not_passed_on(attacker: int) -> None:
    """A padded block reaches everybody bare, so that nobody is blamed for passing it on."""
    async with (
        node(0, peer(attacker), peer(1)) as ours,
        node(1, peer(0, ours.address)) as other,
        muxed(ours.address, seed_of(attacker)) as mux,
    ):
        await until(lambda: (ours.gossip.peers, other.gossip.peers) == (1, 1))
        stream = await mux.open(GOSSIP)
        named = (
            field(1, ID.from_base58(id_of(1)).to_bytes())
            + field(3, b"number")
            + field(5, b"signature")
        )
        for padded in (PADDING, named):
            payload = hashlib.sha256(padded).digest()
            await say(mux, stream, rpc(field(2, field(2, payload) + field(4, TOPIC) + padded)))
            assert await next_of(other.inbox, Delivery) == Delivery(ours.id, payload, Via.GOSSIP)
        assert other.links()[ours.id].penalties == ()


@given(st.binary(max_size=300))
def test_any_bytes_are_an_rpc_or_refused(data: bytes) -> None:
    """Nothing else comes out of the parser."""
    with suppress(Malformed):
        assert read_rpc(data, TOPIC) is not None


@given(st.lists(st.binary(max_size=40), max_size=20))
def test_an_honest_rpc_is_read_as_libp2p_reads_it(blocks: list[bytes]) -> None:
    """The walk over the fields refuses nothing that the parser takes."""
    said = RPC()
    for block in blocks:
        said.publish.add(data=block, topicIDs=[TOPIC])
    if blocks:
        names = [hashlib.sha256(block).digest() for block in blocks]
        said.control.ihave.add(topicID=TOPIC, messageIDs=names)
        said.control.iwant.add(messageIDs=names)
        said.control.idontwant.add(messageIDs=names)

    assert read_rpc(said.SerializeToString(), TOPIC) == said


def test_fields_and_names_have_their_bounds() -> None:
    """GOSSIP_FIELDS_MAX fields and GOSSIP_ID_BYTES_MAX bytes of a name, and one more of each."""
    within = RPC()
    within.control.iwant.add(messageIDs=[b"x"] * (limits.GOSSIP_FIELDS_MAX - 2))
    assert read_rpc(within.SerializeToString(), TOPIC) == within
    within.control.iwant[0].messageIDs.append(b"x")
    with pytest.raises(Malformed, match="fields"):
        read_rpc(within.SerializeToString(), TOPIC)

    named = RPC()
    named.control.idontwant.add(messageIDs=[bytes(limits.GOSSIP_ID_BYTES_MAX)])
    assert read_rpc(named.SerializeToString(), TOPIC) == named
    named.control.idontwant.add(messageIDs=[bytes(limits.GOSSIP_ID_BYTES_MAX + 1)])
    with pytest.raises(Malformed, match="a name with"):
        read_rpc(named.SerializeToString(), TOPIC)
