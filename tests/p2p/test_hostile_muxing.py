"""A listed peer that abuses the multiplexer: it is slowed down or shut out, and nobody else."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from itertools import count

import pytest
import trio

from kit.hostile import (
    ACK,
    DATA,
    FIN,
    GO_AWAY,
    MULTISTREAM,
    PING,
    RST,
    SYN,
    WINDOW,
    YAMUX,
    Gone,
    Mux,
    frame,
    line_to,
    muxed,
    negotiated,
    secured,
    spoken,
    varint,
)
from kit.hostile_victim import Victim, unharmed, victim
from kit.nets import LINK_PROTOCOL, REQUEST_PROTOCOL, in_trio, node, payloads, peer, seed_of
from p2p.bucket import Bucket
from p2p.frames import Lane
from p2p.inbox import LinkUp
from primitives import limits

HONEST = 1
_attackers = count(2)
FLOOD_S = 0.6


@pytest.fixture(scope="module")
def target() -> Iterator[Victim]:
    with victim(peers=64) as started:
        yield started


@pytest.fixture
def attacker() -> int:
    """One that has no penalty yet."""
    return next(_attackers)


async def penalised(target: Victim, attacker: int) -> str:
    """The reason, as soon as the node has penalised it."""
    while not (found := (await target.facts())["penalties"].get(f"node-{attacker}")):
        await trio.lowlevel.checkpoint()
    return str(found)


async def flood(mux: Mux, piece: bytes) -> None:
    """The same sealed again and again, as fast as it is taken."""
    with suppress(Gone), trio.move_on_after(FLOOD_S):
        while True:
            await mux.sealed.send(piece)


async def honest_goes_on(target: Victim) -> None:
    """Another peer's votes come back while the attack lasts, at once."""
    async with node(HONEST, peer(0, target.address)) as honest:
        event = await honest.inbox.receive()
        assert isinstance(event, LinkUp)
        honest.send(event.peer, b"vote", Lane.VOTES)
        assert await payloads(honest.inbox, 1) == [b"vote"]


FLOODS = {
    "pings": frame(PING, SYN),
    "answers to no ping": frame(PING, ACK),
    "credit for no stream": frame(WINDOW, 0, 9, 1),
    "ends of no stream": frame(WINDOW, FIN, 9),
    "resets of no stream": frame(WINDOW, RST, 9),
    "data of no stream": frame(DATA, 0, 9, data=bytes(1000)),
    "empty data": frame(DATA, 0, 9),
}


async def tiny_messages(mux: Mux) -> None:
    """Pings in twelve messages of Noise, of one byte each."""
    with suppress(Gone), trio.move_on_after(FLOOD_S):
        while True:
            one = b"".join(mux.sealed.seal(bytes([byte])) for byte in frame(PING, ACK) * 50)
            await mux.sealed.line.send(one)
            await trio.lowlevel.checkpoint()


async def no_answers(target: Victim, attacker: int) -> None:
    """Pings whose answers are left in the socket."""
    async with line_to(target.address) as line:
        sealed = await secured(line, seed_of(attacker))
        await negotiated(sealed, YAMUX)
        with suppress(Gone), trio.move_on_after(FLOOD_S):
            while True:
                await sealed.send(frame(PING, SYN) * 4_000)


@in_trio
async def test_floods_of_frames_slow_down_their_senders_only(target: Victim) -> None:
    """Nine peers at once, a kind of flood each: all of them together are not a core's work.

    Twelve bytes cost the node a frame's work, and of each peer MUX_WORK_PER_SECOND of it are done.
    """

    async def each(frames: bytes) -> None:
        async with muxed(target.address, seed_of(next(_attackers))) as mux:
            await flood(mux, frames * (60_000 // len(frames)))

    async def tiny() -> None:
        async with muxed(target.address, seed_of(next(_attackers))) as mux:
            await tiny_messages(mux)

    async with unharmed(target, cpu=0.9), trio.open_nursery() as tasks:
        for frames in FLOODS.values():
            tasks.start_soon(each, frames)
        tasks.start_soon(tiny)
        tasks.start_soon(no_answers, target, next(_attackers))
        await honest_goes_on(target)


BROKEN = {
    "a frame of kind 7": frame(7),
    "unknown flags": frame(WINDOW, 64, 1),
    "a frame that announces four gigabytes": frame(DATA, SYN, 1, 2**32 - 1),
    "data of stream 0": frame(DATA, 0, 0, data=b"x"),
    "a stream that is ours to open": frame(WINDOW, SYN, 2),
    "a stream that is open already": frame(WINDOW, SYN, 1) * 2,
    "data after its end": frame(WINDOW, SYN | FIN, 1) + frame(DATA, 0, 1, data=b"x"),
    "a stream too many": b"".join(
        frame(WINDOW, SYN, 2 * number + 1) for number in range(limits.STREAMS_PER_PEER_MAX + 1)
    ),
}


@pytest.mark.parametrize("kind", BROKEN)
def test_who_breaks_a_rule_of_yamux_is_shut_out(target: Victim, attacker: int, kind: str) -> None:
    """The connection ends, and the reason stands in the peer's record."""

    @in_trio
    async def attack() -> None:
        async with unharmed(target), muxed(target.address, seed_of(attacker)) as mux:
            with suppress(Gone):
                await mux.send(BROKEN[kind])
            await mux.gone.wait()
            assert "yamux: " in await penalised(target, attacker)

    attack()


@in_trio
async def test_data_beyond_its_credit_ends_the_connection(target: Victim, attacker: int) -> None:
    """A question whose answer is not read, and after it more than 256 KiB that nobody reads."""
    async with unharmed(target), muxed(target.address, seed_of(attacker)) as mux:
        stream = await mux.open(REQUEST_PROTOCOL)
        await mux.send(frame(DATA, 0, stream, data=(1).to_bytes(4) + b"?"))
        await mux.heard(stream, 4)
        with suppress(Gone):
            await mux.send(*[frame(DATA, 0, stream, data=bytes(60_000))] * 5)
        assert "room for" in await penalised(target, attacker)


@in_trio
async def test_a_peer_may_hold_so_many_streams(target: Victim, attacker: int) -> None:
    """STREAMS_PER_PEER_MAX are answered, half of them on a second connection."""
    half = limits.STREAMS_PER_PEER_MAX // 2
    async with (
        unharmed(target),
        muxed(target.address, seed_of(attacker)) as one,
        muxed(target.address, seed_of(attacker)) as other,
    ):
        for mux in (one, other):
            for number in range(half):
                await mux.send(frame(WINDOW, SYN, 2 * number + 1))
            await mux.saw(WINDOW, ACK, 2 * half - 1)
        await other.send(frame(WINDOW, SYN, 2 * half + 1))
        assert "streams are open" in await penalised(target, attacker)


@in_trio
async def test_streams_opened_and_reset_by_the_thousand_cost_their_sender_time(
    target: Victim, attacker: int
) -> None:
    """Each counts as forty frames: a hundred a second."""
    async with unharmed(target), muxed(target.address, seed_of(attacker)) as mux:
        pairs = (frame(WINDOW, SYN | RST, 2 * number + 1) for number in range(3_000))
        with suppress(Gone), trio.move_on_after(FLOOD_S):
            await mux.send(*pairs)
            await mux.gone.wait()


@in_trio
async def test_a_stream_that_never_agrees_on_a_protocol_ends(target: Victim, attacker: int) -> None:
    """Silent after its opening, in half of a line, or with endless wishes: each is reset."""
    async with unharmed(target), muxed(target.address, seed_of(attacker)) as mux:
        silent, said = 1, spoken(MULTISTREAM)
        await mux.send(frame(WINDOW, SYN, silent))
        await mux.send(frame(WINDOW, SYN, 3), frame(DATA, 0, 3, data=said[:7]))
        wishes = spoken(*["/nothing"] * 20)
        await mux.send(frame(WINDOW, SYN, 5), frame(DATA, 0, 5, data=said + wishes))
        await mux.send(frame(WINDOW, SYN, 7), frame(DATA, 0, 7, data=varint(2**40)))
        for stream in (5, 7, 3, silent):
            await mux.saw(WINDOW, RST, stream)


@in_trio
async def test_unread_data_on_every_stream_stays_bounded(target: Victim, attacker: int) -> None:
    """Questions whose answers are not read, and behind each what its credit allows."""
    async with unharmed(target), muxed(target.address, seed_of(attacker)) as mux:
        for _ in range(limits.REQUESTS_PER_PEER_MAX):
            stream = await mux.open(REQUEST_PROTOCOL)
            question = frame(DATA, 0, stream, data=(1).to_bytes(4) + b"?")
            await mux.send(question, *[frame(DATA, 0, stream, data=bytes(50_000))] * 5)
        await honest_goes_on(target)


@in_trio
async def test_a_peer_that_comes_and_goes_is_slowed_down(target: Victim, attacker: int) -> None:
    """CONNECTIONS_AT_ONCE, then CONNECTIONS_PER_MINUTE, each a handshake and a new link."""
    stood = 0
    async with unharmed(target):
        while "too many connections" not in (await target.facts())["refusals"]:
            with suppress(Gone):
                async with muxed(target.address, seed_of(attacker)):
                    stood += 1
    assert stood < limits.CONNECTIONS_AT_ONCE + 10


def test_connections_have_a_rate() -> None:
    """One a second once the burst is spent."""
    bucket = Bucket(limits.CONNECTIONS_PER_MINUTE / 60, limits.CONNECTIONS_AT_ONCE)
    assert bucket.take(limits.CONNECTIONS_AT_ONCE, 0.0) == 0
    assert bucket.take(1, 0.0) == 60 / limits.CONNECTIONS_PER_MINUTE


@in_trio
async def test_goodbyes_and_half_open_connections_leave_nothing(
    target: Victim, attacker: int
) -> None:
    """Said in the middle of everything, or not at all: descriptors and tasks come back."""
    async with unharmed(target):
        for last in (frame(GO_AWAY), frame(GO_AWAY, 0, 0, 2), frame(DATA, 0, 1, 4_000) + b"half"):
            async with muxed(target.address, seed_of(attacker)) as mux:
                await mux.open(LINK_PROTOCOL)
                await mux.open(REQUEST_PROTOCOL)
                await mux.send(last)


def test_a_bucket_lends_and_is_paid_back() -> None:
    """What is taken beyond what is there must be waited for."""
    bucket = Bucket(per_second=10, full=5)
    assert bucket.take(5, 0.0) == 0.0
    assert not bucket.has(0.0)
    assert bucket.take(20, 0.0) == 2.0
    assert not bucket.has(2.0)
    assert bucket.has(2.1)
    assert bucket.take(1, 100.0) == 0.0
    assert bucket.take(5, 100.0) == pytest.approx(0.1)


def test_the_work_for_one_peer_has_its_bound() -> None:
    """MUX_WORK_PER_SECOND, and ACCEPTS_PER_SECOND for those whom nobody knows."""
    for per_second in (limits.MUX_WORK_PER_SECOND, limits.ACCEPTS_PER_SECOND):
        bucket = Bucket(per_second=per_second, full=per_second)
        assert bucket.take(per_second, 0.0) == 0.0
        assert bucket.take(1, 0.0) == pytest.approx(1 / per_second)
