"""One question, one answer."""

from __future__ import annotations

from contextlib import AsyncExitStack

import pytest
import trio

from kit.nets import (
    REQUEST_PROTOCOL,
    id_of,
    in_own_time,
    next_of,
    node,
    peer,
    seed_of,
    until,
    village,
)
from p2p.faults import PayloadTooLarge, PeerUnavailable, RequestRefused
from p2p.frames import Lane
from p2p.host import open_host
from p2p.inbox import LinkUp
from p2p.peers import PeerId
from primitives import limits
from primitives.errors import Malformed, RemoteFault


async def ignore(_peer: PeerId, _fault: RemoteFault) -> None:
    pass


@in_own_time
async def test_a_question_is_answered_both_ways() -> None:
    """The answerer learns who asks, and the asker gets every byte, up to the limit."""

    async def by_size(asker: PeerId, question: bytes) -> bytes:
        assert asker == id_of(1)
        return bytes(int(question))

    async with node(0, peer(1), answer=by_size) as ours, node(1, peer(0, ours.address)) as theirs:
        await next_of(theirs.inbox, LinkUp)

        for size in (0, 1, limits.RESPONSE_BYTES_MAX):
            answer = await theirs.request(ours.id, b"%d" % size, timeout_s=10)
            assert answer == bytes(size)
        longest = b"q" * limits.REQUEST_BYTES_MAX
        assert await ours.request(theirs.id, longest, timeout_s=10) == longest


@in_own_time
async def test_a_question_above_the_limit_is_not_sent() -> None:
    """REQUEST_BYTES_MAX + 1 bytes are refused here."""
    async with village(2) as (ours, theirs):
        with pytest.raises(PayloadTooLarge, match=f"{limits.REQUEST_BYTES_MAX + 1} bytes, at most"):
            await ours.request(theirs.id, bytes(limits.REQUEST_BYTES_MAX + 1), timeout_s=5)


@in_own_time
async def test_a_question_above_the_limit_is_a_violation() -> None:
    """The same, sent by a peer that does not keep to it: its header suffices."""
    async with (
        node(0, peer(1)) as ours,
        open_host(
            seed=seed_of(1), listen="127.0.0.1:0", allowed=[ours.id], on_fault=ignore
        ) as rude,
    ):
        await rude.dial(ours.id, ours.address)
        stream = await rude.open(ours.id, REQUEST_PROTOCOL)

        await stream.write((limits.REQUEST_BYTES_MAX + 1).to_bytes(4))

        await until(lambda: ours.links()[rude.id].penalised == 1)


@in_own_time
async def test_an_answer_above_the_limit_is_refused_by_its_header() -> None:
    """Four bytes suffice: nothing of the body is read."""
    async with (
        node(0, peer(1)) as ours,
        open_host(
            seed=seed_of(1), listen="127.0.0.1:0", allowed=[ours.id], on_fault=ignore
        ) as rude,
    ):

        async def boast(_peer: PeerId, stream: object) -> None:
            await stream.write((limits.RESPONSE_BYTES_MAX + 1).to_bytes(4))  # type: ignore[attr-defined]  # a Stream
            await trio.sleep_forever()

        rude.answer(REQUEST_PROTOCOL, boast)
        await rude.dial(ours.id, ours.address)

        with pytest.raises(Malformed, match=f"announces {limits.RESPONSE_BYTES_MAX + 1} bytes"):
            await ours.request(rude.id, b"?", timeout_s=10)


@in_own_time
async def test_a_refusal_says_why() -> None:
    """What the answerer finds wrong with a question reaches the asker as text."""

    async def refuse(_peer: PeerId, question: bytes) -> bytes:
        raise Malformed(f"{len(question)} bytes are not a question")

    async with node(0, peer(1), answer=refuse) as ours, node(1, peer(0, ours.address)) as theirs:
        await next_of(theirs.inbox, LinkUp)

        with pytest.raises(RequestRefused, match=r"^3 bytes are not a question$"):
            await theirs.request(ours.id, b"huh", timeout_s=10)


@in_own_time
async def test_a_peer_that_hangs_costs_its_own_slots_only() -> None:
    """Its questions time out; a further one waits for a slot; others are answered meanwhile."""
    hanging = 0

    async def hang(_peer: PeerId, _question: bytes) -> bytes:
        nonlocal hanging
        hanging += 1
        await trio.sleep_forever()
        raise AssertionError

    async with (
        node(0, peer(1), peer(2)) as ours,
        node(1, peer(0, ours.address), answer=hang) as stuck,
        node(2, peer(0, ours.address)) as good,
    ):
        for _ in range(2):
            await next_of(ours.inbox, LinkUp)

        async def ask_in_vain() -> None:
            with pytest.raises(PeerUnavailable, match=r"^no answer in 1 s$"):
                await ours.request(stuck.id, b"?", timeout_s=1)

        async with trio.open_nursery() as tasks:
            for _ in range(limits.REQUESTS_PER_PEER_MAX + 1):
                tasks.start_soon(ask_in_vain)
            await until(lambda: hanging == limits.REQUESTS_PER_PEER_MAX)
            assert await ours.request(good.id, b"abc", timeout_s=10) == b"cba"

        assert hanging == limits.REQUESTS_PER_PEER_MAX
        ours.send(stuck.id, b"vote", Lane.VOTES)
        assert await stuck.inbox.receive() == LinkUp(ours.id)


@in_own_time
async def test_a_peer_that_asks_too_much_at_once_is_refused() -> None:
    """The question beyond REQUESTS_PER_PEER_MAX gets a refusal, not a place in a queue."""
    asked = 0

    async def hang(_peer: PeerId, _question: bytes) -> bytes:
        nonlocal asked
        asked += 1
        await trio.sleep_forever()
        raise AssertionError

    async with (
        node(0, peer(1), answer=hang) as ours,
        open_host(
            seed=seed_of(1), listen="127.0.0.1:0", allowed=[ours.id], on_fault=ignore
        ) as greedy,
    ):
        await greedy.dial(ours.id, ours.address)
        for _ in range(limits.REQUESTS_PER_PEER_MAX):
            stream = await greedy.open(ours.id, REQUEST_PROTOCOL)
            await stream.write(b"\0\0\0\1?")
        await until(lambda: asked == limits.REQUESTS_PER_PEER_MAX)

        one_more = await greedy.open(ours.id, REQUEST_PROTOCOL)
        await one_more.write(b"\0\0\0\1?")

        assert b"too many questions at once" in await one_more.read(512)


@in_own_time
async def test_nobody_to_ask_is_said_at_once() -> None:
    """A peer that is away, and an id that is no peer of ours."""
    async with node(0, peer(1)) as ours:
        with pytest.raises(PeerUnavailable, match="no connection to"):
            await ours.request(id_of(1), b"?", timeout_s=10)
        with pytest.raises(PeerUnavailable, match="is not one of our peers"):
            await ours.request(id_of(2), b"?", timeout_s=10)


@in_own_time
async def test_an_answer_that_breaks_off_is_an_unavailable_peer() -> None:
    """The peer leaves while it answers."""
    asked = trio.Event()

    async def hang(_peer: PeerId, _question: bytes) -> bytes:
        asked.set()
        await trio.sleep_forever()
        raise AssertionError

    async with node(0, peer(1)) as ours:

        async def ask() -> None:
            with pytest.raises(PeerUnavailable):
                await ours.request(id_of(1), b"?", timeout_s=10)

        async with (
            trio.open_nursery() as tasks,
            node(1, peer(0, ours.address), answer=hang),
        ):
            await next_of(ours.inbox, LinkUp)
            tasks.start_soon(ask)
            await asked.wait()


@in_own_time
async def test_questions_of_all_peers_together_are_bounded() -> None:
    """The question beyond REQUESTS_MAX is refused, though its asker has a slot left."""
    asked = 0

    async def hang(_peer: PeerId, _question: bytes) -> bytes:
        nonlocal asked
        asked += 1
        await trio.sleep_forever()
        raise AssertionError

    askers = limits.REQUESTS_MAX // limits.REQUESTS_PER_PEER_MAX + 1
    everybody = [peer(number) for number in range(1, askers + 1)]
    async with node(0, *everybody, answer=hang) as ours, AsyncExitStack() as stack:
        hosts = [
            await stack.enter_async_context(
                open_host(
                    seed=seed_of(number), listen="127.0.0.1:0", allowed=[ours.id], on_fault=ignore
                )
            )
            for number in range(1, askers + 1)
        ]
        for host in hosts:
            await host.dial(ours.id, ours.address)
        for host in hosts[:-1]:
            for _ in range(limits.REQUESTS_PER_PEER_MAX):
                stream = await host.open(ours.id, REQUEST_PROTOCOL)
                await stream.write(b"\0\0\0\1?")
        await until(lambda: asked == limits.REQUESTS_MAX)

        one_more = await hosts[-1].open(ours.id, REQUEST_PROTOCOL)
        await one_more.write(b"\0\0\0\1?")

        assert b"too many questions at once" in await one_more.read(512)
        assert asked == limits.REQUESTS_MAX
