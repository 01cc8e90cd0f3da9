"""A bounded queue of work that peers bring, with a share for each peer.

One flooding peer fills its own share only; what finds no room is dropped by the caller, because all
of it comes again: proposals and bodies through Status, transactions through Offer.
"""

from collections import Counter
from typing import Generic, TypeVar, final

import trio

from p2p.peers import PeerId

T = TypeVar("T")


@final
class Waiting(Generic[T]):
    """First in, first out. Written in the shell's thread only."""

    def __init__(self, *, most: int, most_per_peer: int) -> None:
        self._most_per_peer = most_per_peer
        self._shares: Counter[PeerId] = Counter()
        channel = trio.open_memory_channel[tuple[PeerId, T]](most)
        self._put, self._get = channel

    def put(self, peer: PeerId, item: T) -> bool:
        """Queue an item; False where there is no room, in all or for this peer."""
        if self._shares[peer] >= self._most_per_peer:
            return False
        try:
            self._put.send_nowait((peer, item))
        except trio.WouldBlock:
            return False
        self._shares[peer] += 1
        return True

    async def get(self) -> tuple[PeerId, T]:
        """The oldest item, and whose it is."""
        peer, item = await self._get.receive()
        self._shares[peer] -= 1
        if not self._shares[peer]:
            del self._shares[peer]
        return peer, item
