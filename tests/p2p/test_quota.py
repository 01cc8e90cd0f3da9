"""What a peer may cost: read later, never refused, and nobody else waits."""

from __future__ import annotations

import statistics
from contextlib import suppress

import pytest
import trio
from trio.testing import MockClock

from kit.nets import (
    EAGER,
    id_of,
    in_own_time,
    in_trio,
    next_of,
    node,
    payloads,
    peer,
    until,
    village,
    wire_to,
)
from p2p.frames import Lane
from p2p.inbox import Delivery, LinkUp
from p2p.peers import Peer, PeerId
from p2p.quota import FOLLOWER, VALIDATOR, Quota, Share
from primitives import limits

BURST_S = limits.QUOTA_BURST_S


@pytest.mark.parametrize(
    ("share", "bytes_per_s", "messages_per_s", "answer_bytes_per_s"),
    [
        (
            VALIDATOR,
            limits.VALIDATOR_BYTES_PER_SECOND,
            limits.VALIDATOR_MESSAGES_PER_SECOND,
            limits.VALIDATOR_ANSWER_BYTES_PER_SECOND,
        ),
        (
            FOLLOWER,
            limits.FOLLOWER_BYTES_PER_SECOND,
            limits.FOLLOWER_MESSAGES_PER_SECOND,
            limits.FOLLOWER_ANSWER_BYTES_PER_SECOND,
        ),
    ],
)
def test_each_kind_of_peer_is_held_to_its_share(
    share: Share,
    bytes_per_s: int,
    messages_per_s: int,
    answer_bytes_per_s: int,
) -> None:
    """Ten seconds of each at double the rate take the time that the rate allows."""

    async def spend() -> None:
        quota = Quota()
        quota.share = share
        for pay, rate in (
            (quota.read_bytes, bytes_per_s),
            (quota.write_answer, answer_bytes_per_s),
        ):
            began = trio.current_time()
            for _ in range(20):
                await pay(rate)
            assert trio.current_time() - began == pytest.approx(20 - BURST_S)
        began = trio.current_time()
        for _ in range(10 * messages_per_s):
            await quota.read_message()
        assert trio.current_time() - began == pytest.approx(10 - BURST_S)
        assert quota.throttled_s == pytest.approx(2 * (20 - BURST_S) + 10 - BURST_S)

    trio.run(spend, clock=MockClock(autojump_threshold=0))


@in_own_time
async def test_a_flooding_follower_is_read_slowly_and_a_validator_at_once() -> None:
    """Beyond its share a follower waits for us; a vote beside it does not."""
    crowd = int(FOLLOWER.messages_per_s * BURST_S) + 20
    follower = Peer(id_of(1), "follower", votes=False)
    async with (
        node(0, follower, peer(2)) as ours,
        node(1, peer(0, ours.address)) as loud,
        node(2, peer(0, ours.address)) as quiet,
    ):
        for network in (ours, ours, loud, quiet):
            await next_of(network.inbox, LinkUp)

        for _ in range(crowd):
            loud.send(ours.id, b"flood", Lane.VOTES)
        await until(lambda: ours.links()[loud.id].throttled_s > 0)
        quiet.send(ours.id, b"vote", Lane.VOTES)

        heard = [await next_of(ours.inbox, Delivery) for _ in range(crowd + 1)]
        votes = [number for number, each in enumerate(heard) if each.peer == quiet.id]
        assert votes[0] < crowd
        assert ours.links()[quiet.id].throttled_s == 0.0
        assert (ours.links()[loud.id].share, ours.links()[quiet.id].share) == (FOLLOWER, VALIDATOR)


@in_trio
async def test_a_follower_that_becomes_a_validator_gets_its_share() -> None:
    """And the other way round, while its link stands."""
    async with village(2) as (ours, theirs):
        since = ours.links()[theirs.id].since
        for votes, share in ((False, FOLLOWER), (True, VALIDATOR)):
            ours.set_peers([Peer(theirs.id, "node-1", votes=votes)])
            assert ours.links()[theirs.id].share == share
        assert ours.links()[theirs.id].since == since


@in_own_time
async def test_bytes_of_a_stream_cost_its_sender_and_answers_cost_nothing() -> None:
    """What we asked for is not held against who answers."""
    answer = bytes(limits.RESPONSE_BYTES_MAX)

    async def give(_peer: PeerId, _question: bytes) -> bytes:
        return answer

    follower = Peer(id_of(1), "follower", votes=False)
    async with (
        node(0, follower) as ours,
        node(1, peer(0, ours.address), answer=give) as theirs,
    ):
        await next_of(ours.inbox, LinkUp)
        assert await ours.request(theirs.id, b"all of it", timeout_s=20) == answer
        assert ours.links()[theirs.id].throttled_s == 0.0

        for _ in range(int(FOLLOWER.bytes_per_s * BURST_S) // 1_000_000 + 2):
            theirs.send(ours.id, bytes(1_000_000), Lane.BLOCKS)
            await payloads(ours.inbox, 1)

        assert ours.links()[theirs.id].throttled_s > 0.0


@in_own_time
async def test_a_vote_overtakes_an_answer_of_eight_mebibytes_on_a_slow_line() -> None:
    """At 16 Mbit/s behind a large buffer a vote waits for one window, not for 8 MiB."""
    answer, bytes_per_s = bytes(limits.RESPONSE_BYTES_MAX), 2_000_000

    async def give(_peer: PeerId, _question: bytes) -> bytes:
        return answer

    async with (
        node(0, peer(1), answer=give) as ours,
        wire_to(ours.address, bytes_per_s=bytes_per_s) as wire,
        node(1, peer(0, wire.address)) as theirs,
        trio.open_nursery() as tasks,
    ):
        await next_of(theirs.inbox, LinkUp)
        await next_of(ours.inbox, LinkUp)
        arrived = trio.Event()

        async def ask() -> None:
            assert await theirs.request(ours.id, b"all of it", timeout_s=20) == answer
            arrived.set()

        tasks.start_soon(ask)
        await trio.sleep(0.3)  # the line is full
        waited = []
        for _ in range(5):
            began = trio.current_time()
            ours.send(theirs.id, b"vote", Lane.VOTES)
            await next_of(theirs.inbox, Delivery)
            waited.append(trio.current_time() - began)
        assert not arrived.is_set()
        tasks.cancel_scope.cancel()

    window_s = limits.STREAM_WINDOW_BYTES / bytes_per_s
    assert statistics.median(waited) < 4 * window_s < len(answer) / bytes_per_s / 4


@in_own_time
async def test_a_question_given_up_does_not_break_the_link() -> None:
    """What is begun on a connection is written whole: a timeout garbles nothing behind it."""
    answer = bytes(limits.RESPONSE_BYTES_MAX)

    async def give(_peer: PeerId, _question: bytes) -> bytes:
        return answer

    async with (
        node(0, peer(1), answer=give, timing=EAGER) as ours,
        wire_to(ours.address, bytes_per_s=4_000_000) as wire,
        node(1, peer(0, wire.address)) as theirs,
    ):
        await next_of(theirs.inbox, LinkUp)
        await next_of(ours.inbox, LinkUp)
        since = ours.links()[theirs.id].since
        for _ in range(5):
            with suppress(Exception):
                await theirs.request(ours.id, b"all of it", timeout_s=0.15)

        ours.send(theirs.id, b"vote", Lane.VOTES)
        assert await payloads(theirs.inbox, 1) == [b"vote"]
        assert ours.links()[theirs.id].since == since
