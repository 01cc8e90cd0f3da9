"""A bounded queue of work that peers bring, with a share for each peer, in turns.

One flooding peer fills its own share only and waits for its own work only: the peers take turns,
one item each. What finds no room is dropped by the caller, because all of it comes again: proposals
and bodies through Status, transactions through Offer.
"""

from collections import deque
from typing import Generic, TypeVar, final

import trio

from p2p.peers import PeerId

T = TypeVar("T")


@final
class Waiting(Generic[T]):
    """First in, first out for each peer; each peer in its turn. Written in the shell's thread."""

    def __init__(self, *, most: int, most_per_peer: int) -> None:
        self._most, self._most_per_peer = most, most_per_peer
        self._queues: dict[PeerId, deque[T]] = {}
        """Whose turn is next comes first; a peer without work is not here."""
        self._count = 0
        self._filled = trio.Event()

    def put(self, peer: PeerId, item: T) -> bool:
        """Queue an item; False where there is no room, in all or for this peer."""
        if self._count >= self._most or len(self._queues.get(peer, ())) >= self._most_per_peer:
            return False
        self._queues.setdefault(peer, deque()).append(item)
        self._count += 1
        self._filled.set()
        return True

    async def get(self) -> tuple[PeerId, T]:
        """The oldest item of the peer whose turn it is, and who that is."""
        await trio.lowlevel.checkpoint()
        while not self._count:
            self._filled = trio.Event()
            await self._filled.wait()
        peer = next(iter(self._queues))
        queue = self._queues.pop(peer)
        item = queue.popleft()
        self._count -= 1
        if queue:
            self._queues[peer] = queue
        return peer, item
