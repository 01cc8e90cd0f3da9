"""Catching up: whom a node asks that is behind, what it is served, and when it stops (rule R22)."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import trio
import trio.testing

from kit.api import ChainOfOne, in_trio
from node import wire
from node.catchup import Answer, Catchup, Certified, Range, answer
from p2p.faults import PeerUnavailable
from p2p.peers import PeerId
from primitives import limits
from primitives.block import Block
from primitives.codec import decode, encode
from primitives.errors import Malformed, RemoteFault
from primitives.ids import Height

NEAR, FAR = PeerId("near"), PeerId("far")


def chain(blocks: int) -> ChainOfOne:
    made = ChainOfOne()
    for _ in range(blocks):
        made.make_block()
    return made


def served(made: ChainOfOne, height: int, count: int) -> tuple[Certified, ...]:
    data = answer(made.store, encode(Range(Height(height), count)))
    found: tuple[Certified, ...] = decode(data, Answer, limit=limits.RESPONSE_BYTES_MAX)
    return found


class Follower:
    """A node at some height that accepts whatever continues its chain."""

    def __init__(self, peers: dict[PeerId, Callable[[bytes], bytes]]) -> None:
        self.height = Height(1)
        self.asked: list[PeerId] = []
        self.blamed: list[PeerId] = []
        self._peers = peers
        self.catchup = Catchup(self, lambda: self.height, self._accept, self._blame)

    async def request(self, peer: PeerId, question: bytes, *, timeout_s: float) -> bytes:
        assert timeout_s > 0
        self.asked.append(peer)
        await trio.lowlevel.checkpoint()
        return self._peers[peer](question)

    async def _accept(self, _peer: PeerId, message: wire.Decided) -> None:
        assert message.certificate.height == message.block.header.height
        if message.block.header.height == self.height:
            self.height = Height(self.height + 1)

    def _blame(self, peer: PeerId, _fault: RemoteFault) -> None:
        self.blamed.append(peer)

    async def follow(self, *claims: tuple[PeerId, int]) -> None:
        """Hear the claims, and go on until nothing is left to do."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self.catchup.run)
            for peer, height in claims:
                self.catchup.hint(peer, Height(height))
            await trio.testing.wait_all_tasks_blocked()
            nursery.cancel_scope.cancel()


def serve(made: ChainOfOne) -> Callable[[bytes], bytes]:
    return lambda question: answer(made.store, question)


def test_a_range_begins_where_it_is_asked_and_ends_at_the_head() -> None:
    """Each block with the certificate of its own height; nothing beyond the head, nor below 1."""
    made = chain(5)

    assert [one.block.header.height for one in served(made, 0, 1)] == [1]
    assert [one.block.header.height for one in served(made, 2, 3)] == [2, 3, 4]
    assert [one.certificate.height for one in served(made, 4, 100)] == [4, 5]
    assert served(made, 6, 1) == ()
    assert all(isinstance(one.block, Block) for one in served(made, 1, 5))


def test_a_question_for_too_many_blocks_is_malformed() -> None:
    """RANGE_BLOCKS_MAX may be asked for; one more, or none, may not."""
    made = chain(1)

    assert len(served(made, 1, limits.RANGE_BLOCKS_MAX)) == 1
    for count in (0, limits.RANGE_BLOCKS_MAX + 1):
        with pytest.raises(Malformed):
            answer(made.store, encode(Range(Height(1), count)))


@in_trio
async def test_a_node_that_is_behind_fetches_the_chain_from_who_is_furthest() -> None:
    """In one question where one is enough; and then it asks nobody any more."""
    follower = Follower({NEAR: serve(chain(4)), FAR: serve(chain(9))})

    await follower.follow((NEAR, 5), (FAR, 10))

    assert follower.height == 10
    assert follower.asked == [FAR]
    assert follower.blamed == []


@in_trio
async def test_a_gap_of_one_block_asks_nobody() -> None:
    """Status and Decided close it."""
    follower = Follower({NEAR: serve(chain(1))})

    await follower.follow((NEAR, 2))

    assert follower.asked == []


@in_trio
async def test_a_claim_that_helps_nothing_is_asked_once() -> None:
    """Whoever claims a height that it cannot show does not keep a node busy; others are asked."""
    follower = Follower({NEAR: serve(chain(4)), FAR: serve(chain(0))})

    await follower.follow((FAR, 1_000_000), (NEAR, 5))

    assert follower.asked == [FAR, NEAR]
    assert follower.height == 5


@in_trio
async def test_an_answer_with_too_many_blocks_is_blamed_on_its_sender() -> None:
    """And nothing of it is looked at."""
    [one] = served(chain(1), 1, 1)
    flood = encode((one,) * (limits.RANGE_BLOCKS_MAX + 1))
    follower = Follower({FAR: lambda _: flood, NEAR: serve(chain(4))})

    await follower.follow((FAR, 10), (NEAR, 5))

    assert follower.blamed == [FAR]
    assert follower.height == 5


def test_a_peer_that_cannot_be_asked_costs_a_pause() -> None:
    """Then the next one is asked."""

    def gone(_question: bytes) -> bytes:
        raise PeerUnavailable("its link is down")

    follower = Follower({FAR: gone, NEAR: serve(chain(4))})

    async def scene() -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(follower.catchup.run)
            follower.catchup.hint(FAR, Height(10))
            follower.catchup.hint(NEAR, Height(5))
            await trio.sleep(10)
            nursery.cancel_scope.cancel()

    trio.run(scene, clock=trio.testing.MockClock(autojump_threshold=0))

    assert follower.asked == [FAR, NEAR]
    assert (follower.height, follower.blamed) == (5, [])
