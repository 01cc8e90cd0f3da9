"""Catching up: ranges of certified blocks, from whoever claims the most (R22)."""

from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
import trio
import trio.testing

from kit.nets import in_trio
from kit.stored import grow, new_store
from node import questions, wire
from node.catchup import Catchup
from node.questions import Certified, Range, RangeAnswer
from node.range_serve import serve_range
from p2p.faults import PeerUnavailable
from p2p.peers import PeerId
from primitives import limits
from primitives.codec import decode, encode
from primitives.errors import Malformed, RemoteFault
from primitives.ids import Height
from storage.chain import ChainStore
from storage.edges import Part

NEAR, FAR, LIAR = PeerId("near"), PeerId("far"), PeerId("liar")


def ranged(store: ChainStore, height: int, count: int) -> list[Certified]:
    data = serve_range(store, questions.read(encode(Range(Height(height), count))))
    found: RangeAnswer = decode(data, RangeAnswer, limit=limits.RESPONSE_BYTES_MAX)
    return list(found.blocks)


def test_a_range_is_whole_blocks_with_their_certificates() -> None:
    """As many as were asked for, from the height that was asked for, never block 0."""
    store = new_store()
    grow(store, 8)

    found = ranged(store, 3, 4)

    assert [one.block for one in found] == [store.block(Height(h)) for h in (3, 4, 5, 6)]
    assert [one.certificate for one in found] == [store.certificate(Height(h)) for h in range(3, 7)]
    assert ranged(store, 0, 1)[0].block.header.height == 1
    assert ranged(store, 9, 5) == []


def test_a_range_is_bounded() -> None:
    """The longest is served; one more is no question."""
    store = new_store()
    grow(store, limits.RANGE_BLOCKS_MAX + 2)

    assert len(ranged(store, 1, limits.RANGE_BLOCKS_MAX)) == limits.RANGE_BLOCKS_MAX
    for count in (0, limits.RANGE_BLOCKS_MAX + 1):
        with pytest.raises(Malformed):
            ranged(store, 1, count)
    with pytest.raises(Malformed):
        questions.read(b"\x93\x01\x01")


@dataclass
class Follower:
    """What a node that catches up does with the blocks: here it only counts them."""

    store: ChainStore
    bad: Callable[[PeerId, bytes], bytes] = lambda _peer, data: data
    height: Height = field(default_factory=lambda: Height(1))
    asked: list[PeerId] = field(default_factory=list)
    blamed: list[PeerId] = field(default_factory=list)
    level: trio.Event = field(default_factory=trio.Event)
    down: set[PeerId] = field(default_factory=set)
    pruned: dict[PeerId, ChainStore] = field(default_factory=dict)
    """What other peers have instead."""
    lost: list[tuple[Height, Height]] = field(default_factory=list)

    async def request(self, peer: PeerId, question: bytes, *, timeout_s: float) -> bytes:
        assert timeout_s > 0
        self.asked.append(peer)
        if peer in self.down:
            raise PeerUnavailable(f"{peer} is away")
        return self.bad(
            peer, serve_range(self.pruned.get(peer, self.store), questions.read(question))
        )

    async def accept(self, _peer: PeerId, decided: wire.Decided) -> None:
        if decided.block.header.height == self.height:
            self.height = Height(self.height + 1)
        if self.height > self.store.head().height:
            self.level.set()

    def blame(self, peer: PeerId, _fault: RemoteFault) -> None:
        self.blamed.append(peer)


def following(follower: Follower) -> Catchup:
    """Its task."""
    return Catchup(
        follower,
        lambda: follower.height,
        follower.accept,
        follower.blame,
        lambda height, kept_from: follower.lost.append((height, kept_from)),
    )


async def follow(follower: Follower, hints: dict[PeerId, int]) -> None:
    """Catch up from these claims until level; bounded by a deadline."""
    catchup = following(follower)
    with trio.fail_after(20):
        async with trio.open_nursery() as tasks:
            for peer, height in hints.items():
                catchup.hint(peer, Height(height))
            tasks.start_soon(catchup.run)
            await follower.level.wait()
            tasks.cancel_scope.cancel()


@in_trio
async def test_a_node_far_behind_comes_level_in_ranges() -> None:
    """600 blocks take three questions, all to the peer that claims the most."""
    store = new_store()
    grow(store, 600)
    follower = Follower(store)

    await follow(follower, {NEAR: 300, FAR: 601})

    assert follower.height == 601
    assert follower.asked == [FAR] * 3


@in_trio
async def test_a_claim_without_blocks_holds_nobody_up() -> None:
    """A liar is asked once, and the next peer brings what there is."""
    store = new_store()
    grow(store, 10)
    empty = encode(RangeAnswer(Height(1), ()))
    follower = Follower(store, bad=lambda peer, data: empty if peer == LIAR else data)

    await follow(follower, {LIAR: 1_000_000, FAR: 11})

    assert follower.asked == [LIAR, FAR]
    assert follower.blamed == []


@in_trio
async def test_an_answer_that_is_none_is_blamed_and_another_peer_asked() -> None:
    """Garbage is the fault of whoever sent it; a peer that is away is not blamed."""
    store = new_store()
    grow(store, 10)
    follower = Follower(store, bad=lambda peer, data: b"\xc1" if peer == LIAR else data)
    follower.down.add(NEAR)

    await follow(follower, {LIAR: 40, NEAR: 30, FAR: 11})

    assert follower.blamed == [LIAR]
    assert follower.asked == [LIAR, NEAR, FAR]


@in_trio
async def test_a_gap_of_one_block_asks_nobody() -> None:
    """Status and Decided close it (R29)."""
    follower = Follower(new_store())
    catchup = following(follower)

    catchup.hint(FAR, Height(2))
    with trio.move_on_after(0.05):
        await catchup.run()

    assert follower.asked == []


def pruned_to(edge: int, *, height: int) -> ChainStore:
    """The same chain at a peer that keeps only its newest blocks."""
    store = new_store()
    grow(store, height)
    store.retire(Part.BODIES, Height(edge), lambda _: b"a record")
    return store


@in_trio
async def test_a_peer_that_keeps_less_is_asked_once_and_not_blamed() -> None:
    """Another one brings what it lacks; from there on it is asked again, as it claims the most."""
    store = new_store()
    grow(store, 400)
    follower = Follower(pruned_to(300, height=500), pruned={NEAR: store})

    await follow(follower, {NEAR: 401, FAR: 501})

    assert follower.asked == [FAR, NEAR, NEAR, FAR]
    assert follower.height == 501
    assert (follower.blamed, follower.lost) == ([], [])


@in_trio
async def test_a_block_that_nobody_has_is_said_once() -> None:
    """However often the others say that they are ahead; nobody is asked again."""
    follower = Follower(pruned_to(7, height=9), pruned={NEAR: pruned_to(5, height=9)})
    catchup = following(follower)

    with trio.move_on_after(0.2):
        async with trio.open_nursery() as tasks:
            tasks.start_soon(catchup.run)
            for _ in range(5):
                for peer in (NEAR, FAR):
                    catchup.hint(peer, Height(10))
                await trio.testing.wait_all_tasks_blocked()

    assert sorted(follower.asked) == [FAR, NEAR]
    assert follower.lost == [(1, 5)]
    assert follower.blamed == []


@in_trio
async def test_a_peer_that_is_linked_anew_is_asked_anew() -> None:
    """Its operator may have fetched the whole chain."""
    follower = Follower(pruned_to(7, height=9))
    catchup = following(follower)

    async with trio.open_nursery() as tasks:
        tasks.start_soon(catchup.run)
        catchup.hint(FAR, Height(10))
        await trio.testing.wait_all_tasks_blocked()
        grow(whole := new_store(), 9)
        follower.pruned[FAR] = whole
        catchup.linked(FAR)
        catchup.hint(FAR, Height(10))
        await trio.testing.wait_all_tasks_blocked()
        tasks.cancel_scope.cancel()

    assert follower.asked == [FAR, FAR]
    assert follower.height == 10
