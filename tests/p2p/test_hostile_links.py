"""A listed peer that abuses links and questions: garbage, oversize, slowness, floods."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import AsyncExitStack, suppress
from dataclasses import replace
from itertools import count

import pytest
import trio

from kit.hostile import DATA, MULTISTREAM, RST, WINDOW, Gone, frame, muxed
from kit.hostile_victim import Victim, unharmed, victim
from kit.nets import (
    CHAIN,
    EAGER,
    LINK_PROTOCOL,
    REQUEST_PROTOCOL,
    id_of,
    in_own_time,
    in_trio,
    node,
    peer,
    seed_of,
    until,
)
from p2p.peers import Peer, PeerId
from primitives import limits

_attackers = count(2)
FLOOD_S = 1.0


@pytest.fixture(scope="module")
def target() -> Iterator[Victim]:
    with victim(peers=32) as started:
        yield started


@pytest.fixture
def attacker() -> int:
    """One that has no penalty yet."""
    return next(_attackers)


async def penalised(target: Victim, attacker: int) -> str:
    while not (found := (await target.facts())["penalties"].get(f"node-{attacker}")):
        await trio.lowlevel.checkpoint()
    return str(found)


GARBAGE = {
    "a frame of four gigabytes": b"\xff\xff\xff\xff" + bytes(1000),
    "a byte too many": (limits.FRAME_BYTES_MAX + 1).to_bytes(4) + bytes(1000),
    "text of another protocol": b"GET / HTTP/1.1\r\n\r\n" * 100,
}


@pytest.mark.parametrize("kind", GARBAGE)
def test_garbage_on_a_link_ends_it_with_its_reason(
    target: Victim, attacker: int, kind: str
) -> None:
    """Nothing of what it announces is waited for."""

    @in_trio
    async def attack() -> None:
        async with unharmed(target), muxed(target.address, seed_of(attacker)) as mux:
            stream = await mux.open(LINK_PROTOCOL)
            with suppress(Gone):
                await mux.send(frame(DATA, 0, stream, data=GARBAGE[kind]))
            assert await penalised(target, attacker)
            await mux.gone.wait()

    attack()


@in_trio
async def test_a_question_of_any_length_is_refused_by_its_length(
    target: Victim, attacker: int
) -> None:
    """REQUEST_BYTES_MAX and no more, before a byte of it is read."""
    async with unharmed(target), muxed(target.address, seed_of(attacker)) as mux:
        stream = await mux.open(REQUEST_PROTOCOL)
        with suppress(Gone):
            await mux.send(frame(DATA, 0, stream, data=b"\xff\xff\xff\xff"))
        assert "question" in await penalised(target, attacker)


@in_trio
async def test_questions_given_up_at_once_cost_their_sender_time(
    target: Victim, attacker: int
) -> None:
    """A megabyte of answer for five bytes, as fast as streams may be opened."""
    async with unharmed(target), muxed(target.address, seed_of(attacker)) as mux:
        with suppress(Gone), trio.move_on_after(FLOOD_S):
            while True:
                stream, opening = mux.opening(MULTISTREAM, REQUEST_PROTOCOL)
                await mux.send(opening, frame(DATA, 0, stream, data=(1).to_bytes(4) + b"?"))
                with trio.move_on_after(0.01):
                    await mux.heard(stream, 70)
                await mux.send(frame(WINDOW, RST, stream))
                mux.data.clear()


@in_trio
async def test_random_bytes_as_payloads_are_only_payloads(target: Victim, attacker: int) -> None:
    """What a payload means is not this layer's to judge; the flood is held to the peer's quota."""
    async with unharmed(target), muxed(target.address, seed_of(attacker)) as mux:
        stream = await mux.open(LINK_PROTOCOL)
        junk = os.urandom(200)
        piece = frame(DATA, 0, stream, data=(len(junk).to_bytes(4) + junk) * 250)
        sent = 0
        with suppress(Gone), trio.move_on_after(FLOOD_S):
            while True:
                granted = sum(more for _, _, number, more in mux.frames if number == stream)
                if sent + 60_000 <= limits.STREAM_WINDOW_BYTES + granted:
                    await mux.send(piece)
                    sent += 60_000
                await trio.lowlevel.checkpoint()


@in_trio
async def test_questions_of_all_who_follow_leave_places_to_validators() -> None:
    """FOLLOWER_REQUESTS_MAX hang; one more follower is refused, and a validator is answered."""
    started = 0

    async def hang(asker: PeerId, _question: bytes) -> bytes:
        nonlocal started
        started += 1
        if asker != id_of(1):
            await trio.sleep_forever()
        return b"answered"

    followers = range(2, 3 + limits.FOLLOWER_REQUESTS_MAX // limits.REQUESTS_PER_PEER_MAX)
    known = [Peer(id_of(number), f"follower-{number}", votes=False) for number in followers]
    question = (1).to_bytes(4) + b"?"
    async with node(0, peer(1), *known, answer=hang) as ours, AsyncExitStack() as stack:
        muxes = {
            number: await stack.enter_async_context(muxed(ours.address, seed_of(number)))
            for number in (1, *followers)
        }
        for number in followers[:-1]:
            for _ in range(limits.REQUESTS_PER_PEER_MAX):
                stream = await muxes[number].open(REQUEST_PROTOCOL)
                await muxes[number].send(frame(DATA, 0, stream, data=question))
        await until(lambda: started == limits.FOLLOWER_REQUESTS_MAX)

        for number, expected in ((followers[-1], b"too many"), (1, b"answered")):
            stream = await muxes[number].open(REQUEST_PROTOCOL)
            await muxes[number].send(frame(DATA, 0, stream, data=question))
            assert (await muxes[number].heard(stream, 4 + len(expected)))[4:] == expected


@in_own_time
async def test_half_a_frame_and_then_silence_ends_the_link() -> None:
    """Before its first byte, in its length, in its body: whoever is silent for `dead_s` is gone."""
    hasty = replace(EAGER, keep_alive_s=0.1, dead_s=0.3)
    for said in (b"", b"\0\0", (100).to_bytes(4) + b"half"):
        async with (
            node(0, peer(1), timing=hasty) as ours,
            muxed(ours.address, seed_of(1)) as mux,
        ):
            stream = await mux.open(LINK_PROTOCOL)
            if said:
                await mux.send(frame(DATA, 0, stream, data=said))
            with trio.fail_after(5):
                await mux.gone.wait()


@in_trio
async def test_a_peer_of_another_chain_finds_no_protocol() -> None:
    """The names of our protocols carry the chain: what is said on another is never heard here."""
    elsewhere = LINK_PROTOCOL.replace(CHAIN.hex()[:16], CHAIN[::-1].hex()[:16])
    async with node(0, peer(1)) as ours, muxed(ours.address, seed_of(1)) as mux:
        stream, opening = mux.opening(MULTISTREAM, elsewhere)
        await mux.send(opening)
        answer = await mux.heard(stream, 24)
        assert answer.endswith(b"\x03na\n")
        await mux.send(frame(WINDOW, RST, stream))
        await until(lambda: len(ours.inbox) == 0)
