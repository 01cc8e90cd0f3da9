"""The queues in front of the checking threads: bounded, with a share for each peer."""

import trio

from node.waiting import Waiting
from p2p.peers import PeerId
from primitives import limits

FLOOD, HONEST = PeerId("flood"), PeerId("honest")


def bodies() -> Waiting[int]:
    return Waiting(most=limits.BODIES_WAITING_MAX, most_per_peer=limits.BODIES_PER_PEER_MAX)


def batches() -> Waiting[int]:
    return Waiting(most=limits.BATCHES_WAITING_MAX, most_per_peer=limits.BATCHES_PER_PEER_MAX)


def test_a_flooding_peer_fills_its_own_share_only() -> None:
    """One more than its share is dropped; another peer still finds room."""
    for queue, share in (
        (bodies(), limits.BODIES_PER_PEER_MAX),
        (batches(), limits.BATCHES_PER_PEER_MAX),
    ):
        assert all(queue.put(FLOOD, number) for number in range(share))

        assert not queue.put(FLOOD, share)
        assert queue.put(HONEST, 0)


def test_all_peers_together_fill_the_queue_and_no_more() -> None:
    """At the bound, and one above it."""
    for queue, most in (
        (bodies(), limits.BODIES_WAITING_MAX),
        (batches(), limits.BATCHES_WAITING_MAX),
    ):
        assert all(queue.put(PeerId(str(number)), number) for number in range(most))

        assert not queue.put(HONEST, most)


def test_what_is_taken_makes_room_again_in_order() -> None:
    """First in, first out, and the share is free afterwards."""
    queue = bodies()

    async def take_all() -> list[tuple[PeerId, int]]:
        return [await queue.get() for _ in range(limits.BODIES_PER_PEER_MAX)]

    for number in range(limits.BODIES_PER_PEER_MAX):
        queue.put(FLOOD, number)
    taken = trio.run(take_all)

    assert taken == [(FLOOD, number) for number in range(limits.BODIES_PER_PEER_MAX)]
    assert queue.put(FLOOD, 0)


def test_peers_take_turns() -> None:
    """Who has much to say waits for its own work only."""
    queue = batches()
    for number in range(3):
        queue.put(FLOOD, number)
    queue.put(HONEST, 0)

    async def take_all() -> list[tuple[PeerId, int]]:
        return [await queue.get() for _ in range(4)]

    assert trio.run(take_all) == [(FLOOD, 0), (HONEST, 0), (FLOOD, 1), (FLOOD, 2)]
