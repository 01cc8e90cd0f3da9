"""One link per peer: order, death, return, and the rules of framing."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace

import pytest
import trio
from libp2p.exceptions import BaseLibp2pError
from libp2p.peer.id import ID

from kit.nets import (
    EAGER,
    LINK_PROTOCOL,
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
    wire_to,
)
from kit.rude import ignore, rude_peer
from p2p.faults import PeerUnavailable
from p2p.frames import KEEP_ALIVE, Lane
from p2p.host import open_host
from p2p.inbox import Delivery, LinkDown, LinkUp, Via
from p2p.peers import PeerId
from p2p.streams import Stream
from primitives import limits


@in_own_time
async def test_a_thousand_mixed_payloads_arrive_and_votes_overtake() -> None:
    """Each lane keeps its order; the votes queued last arrive before the transactions do."""
    transactions = [b"t%d" % number + bytes(2_000) for number in range(800)]
    votes = [b"v%d" % number for number in range(200)]
    async with village(2) as (ours, theirs):
        for payload in transactions:
            assert ours.send(theirs.id, payload, Lane.TRANSACTIONS)
        for payload in votes:
            assert ours.send(theirs.id, payload, Lane.VOTES)

        heard = await payloads(theirs.inbox, 1_000)

        assert [payload for payload in heard if payload.startswith(b"v")] == votes
        assert [payload for payload in heard if payload.startswith(b"t")] == transactions
        assert heard[:200] == votes
        await until(lambda: ours.links()[theirs.id].sent == 1_000)
        assert theirs.links()[ours.id].received == 1_000


@in_own_time
async def test_a_payload_names_the_peer_that_delivered_it() -> None:
    """Both ways over one link; and a largest payload passes whole."""
    async with village(2) as (ours, theirs):
        largest = bytes(limits.FRAME_BYTES_MAX)
        ours.send(theirs.id, largest, Lane.VOTES)
        theirs.send(ours.id, b"hello", Lane.VOTES)

        assert await ours.inbox.receive() == Delivery(theirs.id, b"hello", Via.LINK)
        assert await theirs.inbox.receive() == Delivery(ours.id, largest, Via.LINK)


@in_own_time
async def test_a_payload_reaches_the_peer_it_is_for_and_nobody_else() -> None:
    """Who gets votes is the node's to say; somebody who is no peer gets nothing."""
    async with (
        node(0, peer(1), peer(2)) as ours,
        node(1, peer(0, ours.address)) as one,
        node(2, peer(0, ours.address)) as other,
    ):
        for network in (ours, ours, one, other):
            await next_of(network.inbox, LinkUp)

        assert ours.send(one.id, b"vote", Lane.VOTES)
        assert ours.send(other.id, b"for you", Lane.VOTES)
        assert not ours.send(id_of(3), b"for nobody", Lane.VOTES)

        assert await payloads(one.inbox, 1) == [b"vote"]
        assert await payloads(other.inbox, 1) == [b"for you"]


@in_own_time
async def test_without_a_link_a_payload_is_refused_and_counted() -> None:
    """Nothing is kept for a peer that is away: it is asked what it lacks when it returns."""
    async with node(0, peer(1)) as ours:
        assert not ours.send(id_of(1), b"vote", Lane.VOTES)

        status = ours.links()[id_of(1)]
        assert (status.connected, status.dropped, status.waiting_messages) == (False, 1, 0)


@pytest.mark.parametrize("number", [1, 2])
@in_own_time
async def test_a_peer_that_restarts_is_linked_again(number: int) -> None:
    """Its new self links within two seconds, whether it dials or is dialled, thrice in a row."""
    async with node(0, peer(number)) as probe:
        address = probe.address
    async with node(number, peer(0, address)) as theirs:
        for _ in range(3):
            async with node(0, peer(number, theirs.address), listen=address) as ours:
                with trio.fail_after(2):
                    await next_of(ours.inbox, LinkUp)
                    await next_of(theirs.inbox, LinkUp)
                ours.send(theirs.id, b"hello", Lane.VOTES)
                assert await payloads(theirs.inbox, 1) == [b"hello"]
            await next_of(theirs.inbox, LinkDown)


@in_trio
async def test_a_peer_that_is_gone_for_long_is_still_tried() -> None:
    """For ever: more attempts than a float has powers of two, an hour of a real link's."""
    rash = replace(EAGER, retry_first_s=1e-320, yield_s=0.0)
    async with node(1, peer(0)) as probe:
        address = probe.address
    async with node(0, peer(1, address), timing=rash) as ours:
        await until(lambda: ours._links[id_of(1)]._dials > 1_060)

        async with node(1, peer(0), listen=address):
            assert (await next_of(ours.inbox, LinkUp)).peer == id_of(1)


@in_own_time
async def test_the_side_that_is_never_dialled_may_restart_too() -> None:
    """An observer comes back by itself; its validator has no address to dial."""
    async with node(0, peer(1)) as ours:
        for _ in range(3):
            async with node(1, peer(0, ours.address)) as theirs:
                with trio.fail_after(2):
                    await next_of(ours.inbox, LinkUp)
                    await next_of(theirs.inbox, LinkUp)
                theirs.send(ours.id, b"hello", Lane.VOTES)
                assert await payloads(ours.inbox, 1) == [b"hello"]
            await next_of(ours.inbox, LinkDown)


@in_own_time
async def test_an_oversize_frame_costs_its_sender_and_nobody_else() -> None:
    """The link closes with its reason, is counted, and stays closed for the pause."""
    patient = replace(EAGER, pause_s=60.0)
    async with (
        node(0, peer(1), peer(2), timing=patient) as ours,
        node(2, peer(0, ours.address)) as good,
    ):
        await next_of(ours.inbox, LinkUp)
        await next_of(good.inbox, LinkUp)
        async with rude_peer(ours) as (rude, stream):
            await next_of(ours.inbox, LinkUp)

            await stream.write((limits.FRAME_BYTES_MAX + 1).to_bytes(4))

            down = await next_of(ours.inbox, LinkDown)
            assert down.peer == rude.id
            assert f"announces {limits.FRAME_BYTES_MAX + 1} bytes" in down.reason
            await until(lambda: not rude.is_connected(ours.id))
            assert ours.links()[rude.id].penalised == 1
            with pytest.raises(PeerUnavailable):  # noqa: PT012 - the dial may succeed before the close
                await rude.dial(ours.id, ours.address)
                await rude.open(ours.id, LINK_PROTOCOL)
            await until(lambda: ours.refusals() == {"paused": 1})

        good.send(ours.id, b"still here", Lane.VOTES)
        assert await payloads(ours.inbox, 1) == [b"still here"]


@in_own_time
async def test_garbage_on_a_link_is_a_violation() -> None:
    """Text has a first byte that announces gigabytes."""
    async with node(0, peer(1)) as ours, rude_peer(ours) as (rude, stream):
        await stream.write(b"GET / HTTP/1.1\r\n")

        await until(lambda: ours.links()[rude.id].penalised == 1)


@in_own_time
async def test_speech_on_the_way_back_is_a_violation() -> None:
    """A link's stream carries frames one way; back come only answers to keep-alives."""

    async def talk(_peer: PeerId, stream: Stream) -> None:
        await stream.write(b"\0\0\0\1x")
        await trio.sleep_forever()

    async with (
        node(0, peer(1)) as ours,
        open_host(
            seed=seed_of(1), listen="127.0.0.1:0", allowed=[ours.id], on_fault=ignore
        ) as rude,
    ):
        rude.answer(LINK_PROTOCOL, talk)
        await rude.dial(ours.id, ours.address)
        await rude.open(ours.id, LINK_PROTOCOL)

        await until(lambda: ours.links()[rude.id].penalised == 1)


@in_own_time
async def test_half_a_frame_is_a_break_and_no_violation() -> None:
    """A peer that dies while it writes broke no rule, and its half payload is not delivered."""
    async with node(0, peer(1)) as ours:
        async with rude_peer(ours) as (rude, stream):
            await next_of(ours.inbox, LinkUp)
            await stream.write(b"\0\0\0\1x\0\0\0\5half")
            assert await payloads(ours.inbox, 1) == [b"x"]

        await next_of(ours.inbox, LinkDown)
        assert (len(ours.inbox), ours.links()[rude.id].penalised) == (0, 0)


@in_own_time
async def test_more_streams_than_allowed_are_a_violation() -> None:
    """The stream beyond STREAMS_PER_PEER_MAX ends the connection."""
    async with node(0, peer(1)) as ours, rude_peer(ours) as (rude, _):
        await next_of(ours.inbox, LinkUp)
        while rude.is_connected(ours.id):
            with suppress(BaseLibp2pError):  # streams that never say what they are for
                await rude.libp2p.get_network().new_stream(ID.from_base58(ours.id))

        await until(lambda: ours.links()[rude.id].penalised > 0)
        assert "streams are open" in ours.links()[rude.id].penalties[-1].reason


@in_own_time
async def test_a_peer_that_answers_no_keep_alive_is_dead() -> None:
    """Its socket lives, but what we write is not read: the connection ends for a new attempt."""
    hasty = replace(EAGER, keep_alive_s=0.05, dead_s=0.3)
    async with node(0, peer(1), timing=hasty) as ours, rude_peer(ours) as (rude, stream):

        async def keep_talking() -> None:
            with suppress(BaseLibp2pError):  # it may be the first to notice the end
                while True:
                    await stream.write(bytes(4))
                    await trio.sleep(0.05)

        async with trio.open_nursery() as tasks:
            tasks.start_soon(keep_talking)
            assert (await next_of(ours.inbox, LinkDown)).reason == "no answer for 0.3 s"
            tasks.cancel_scope.cancel()
        await until(lambda: not rude.is_connected(ours.id))


@in_own_time
async def test_a_silent_peer_is_dead() -> None:
    """A reader that hears nothing, not even keep-alives, gives the connection up."""
    hasty = replace(EAGER, keep_alive_s=60.0, dead_s=0.2)
    async with node(0, peer(1), timing=hasty) as ours, rude_peer(ours) as (rude, _):
        assert (await next_of(ours.inbox, LinkDown)).reason == "silent for 0.2 s"
        await until(lambda: not rude.is_connected(ours.id))


@in_own_time
async def test_a_flood_of_keep_alives_is_answered_once_a_read() -> None:
    """A quarter of a million of them do not make us write as often."""
    async with node(0, peer(1)) as ours, rude_peer(ours) as (_, stream):
        await stream.write(KEEP_ALIVE * (limits.STREAM_WINDOW_BYTES // 4) + b"\0\0\0\1x")
        assert await payloads(ours.inbox, 1) == [b"x"]

        answers = await stream.read(65536)

        assert 1 <= len(answers) // len(KEEP_ALIVE) <= 64


@in_own_time
async def test_a_wire_that_is_cut_is_noticed_and_replaced() -> None:
    """Both sockets stay open and nobody says goodbye: each side finds out, and they link anew."""
    hasty = replace(EAGER, keep_alive_s=0.1, dead_s=0.5)
    async with (
        node(0, peer(1), timing=hasty) as ours,
        wire_to(ours.address) as wire,
        node(1, peer(0, wire.address), timing=hasty) as theirs,
    ):
        await next_of(ours.inbox, LinkUp)
        await next_of(theirs.inbox, LinkUp)

        wire.cut()

        with trio.fail_after(5):
            for network in (ours, theirs):
                await next_of(network.inbox, LinkDown)
                await next_of(network.inbox, LinkUp)
            # Whoever finds out last ends what the other has built anew meanwhile.
            with trio.CancelScope() as heard:
                async with trio.open_nursery() as tasks:

                    async def speak() -> None:
                        while True:
                            ours.send(theirs.id, b"hello again", Lane.VOTES)
                            await trio.sleep(0.1)

                    tasks.start_soon(speak)
                    assert await payloads(theirs.inbox, 1) == [b"hello again"]
                    heard.cancel()


@in_own_time
async def test_a_peer_that_stops_reading_is_given_up() -> None:
    """Its window fills, the write is not taken in time, and the connection ends."""
    hasty = replace(EAGER, write_s=0.3)
    never_reads = trio.sleep_forever
    async with (
        node(0, peer(1), timing=hasty) as ours,
        open_host(
            seed=seed_of(1), listen="127.0.0.1:0", allowed=[ours.id], on_fault=ignore
        ) as rude,
    ):
        rude.answer(LINK_PROTOCOL, lambda _peer, _stream: never_reads())
        await rude.dial(ours.id, ours.address)
        await rude.open(ours.id, LINK_PROTOCOL)
        await next_of(ours.inbox, LinkUp)

        for _ in range(2 * limits.STREAM_WINDOW_BYTES // limits.LINK_WRITE_BYTES):
            ours.send(rude.id, bytes(limits.LINK_WRITE_BYTES), Lane.VOTES)

        assert "bytes not taken in 0.3 s" in (await next_of(ours.inbox, LinkDown)).reason
        await until(lambda: ours.links()[rude.id].waiting_bytes == 0)
        assert ours.links()[rude.id].dropped > 0


@in_own_time
async def test_two_nodes_that_dial_each_other_at_once_are_linked_once() -> None:
    """Two connections may come of it; each payload arrives once."""
    rash = replace(EAGER, yield_s=0.0)
    async with node(0, peer(1)) as probe:
        address = probe.address
    async with (
        node(1, peer(0, address), timing=rash) as theirs,
        node(0, peer(1, theirs.address), listen=address, timing=rash) as ours,
    ):
        for network in (ours, theirs):
            await next_of(network.inbox, LinkUp)
        for number in range(100):
            ours.send(theirs.id, b"%d" % number, Lane.VOTES)

        assert await payloads(theirs.inbox, 100) == [b"%d" % number for number in range(100)]
        assert len(theirs.inbox) == 0


@in_own_time
async def test_keep_alives_keep_a_quiet_link_and_measure_it() -> None:
    """Twice the deadline passes in silence; the link is the same and knows its round trip."""
    hasty = replace(EAGER, keep_alive_s=0.1, dead_s=0.7)
    async with (
        node(0, peer(1), timing=hasty) as ours,
        node(1, peer(0, ours.address), timing=hasty) as theirs,
    ):
        await next_of(ours.inbox, LinkUp)
        since = ours.links()[theirs.id].since
        assert since is not None

        await trio.sleep_until(since + 1.5)

        status = ours.links()[theirs.id]
        assert status.since == since
        assert status.round_trip_s is not None
        assert status.round_trip_s < 0.7
        assert len(ours.inbox) == 0


@in_own_time
async def test_a_node_that_does_not_read_bounds_its_own_memory_and_its_peers() -> None:
    """Inward one account's worth, outward the lane's bound; what is more is dropped and counted."""
    payload = bytes(32 * 1024)
    many = 4 * (limits.INBOX_BYTES_MAX + limits.LINK_TRANSACTIONS_BYTES_MAX) // len(payload)
    async with village(2) as (ours, slow):
        for number in range(many):
            ours.send(slow.id, payload, Lane.TRANSACTIONS)
            if number % 8 == 0:
                await trio.lowlevel.checkpoint()
            assert ours.links()[slow.id].waiting_bytes <= limits.LINK_TRANSACTIONS_BYTES_MAX
            assert slow.inbox.waiting_bytes <= limits.INBOX_BYTES_MAX + len(payload)
        assert ours.links()[slow.id].dropped > 0
        await until(lambda: slow.inbox.waiting_bytes >= limits.INBOX_BYTES_MAX)

        await payloads(slow.inbox, limits.INBOX_BYTES_MAX // len(payload))
        ours.send(slow.id, b"and now?", Lane.VOTES)

        while b"and now?" not in await payloads(slow.inbox, 1):
            pass
