"""Catching up: ranges of certified blocks from peers that say they are ahead (rule R22).

There is no sync mode. A claim is a hint whom to ask; every block that comes goes through the same
door as a decided one, and what does not verify costs the peer that sent it. A gap of one block is
closed by Status and Decided alone.

A peer may keep only its newest blocks, and says from where on with every answer. That is no fault;
it is asked again when this node has come so far by others, or when it is linked anew. Where nobody
who is ahead has the next block, this node says so once and waits: it takes a snapshot to go on.
"""

from collections.abc import Awaitable, Callable
from typing import Final, Protocol, final

import trio

from node import questions, wire
from node.questions import Range, RangeAnswer
from p2p.faults import PeerUnavailable, RequestRefused
from p2p.peers import PeerId
from primitives import limits
from primitives.codec import decode
from primitives.errors import RemoteFault
from primitives.ids import Height

REQUEST_TIMEOUT_S: Final = 10.0
PAUSE_S: Final = 0.5
"""Before a peer that could not be asked is asked again."""


class Asker(Protocol):
    """One question to one peer."""

    async def request(self, peer: PeerId, question: bytes, *, timeout_s: float) -> bytes:
        """The peer's answer."""
        ...


@final
class Catchup:
    """Asks whoever claims the most, until nobody claims more than we have."""

    def __init__(
        self,
        network: Asker,
        height: Callable[[], Height],
        accept: Callable[[PeerId, wire.Decided], Awaitable[None]],
        blame: Callable[[PeerId, RemoteFault], None],
        out_of_reach: Callable[[Height, Height], None],
    ) -> None:
        """`out_of_reach` hears of a height that nobody has, and from where on the others do."""
        self._network, self._height, self._accept, self._blame = network, height, accept, blame
        self._out_of_reach = out_of_reach
        self._said_of: Height | None = None
        self._claims: dict[PeerId, Height] = {}
        self._kept_from: dict[PeerId, Height] = {}
        self._hinted = trio.Event()

    @property
    def behind(self) -> int:
        """Blocks that a peer says it has and this node does not."""
        return max(0, max(self._claims.values(), default=Height(0)) - self._height())

    def hint(self, peer: PeerId, height: Height) -> None:
        """A peer says that it decides this height now."""
        self._claims[peer] = height
        if height > self._height() + 1:
            self._hinted.set()

    def linked(self, peer: PeerId) -> None:
        """It may keep more than it did when it was asked."""
        self._kept_from.pop(peer, None)

    async def run(self) -> None:
        """For ever."""
        while True:
            await self._hinted.wait()
            self._hinted = trio.Event()
            while (peer := self._furthest()) is not None:
                await self._fetch(peer)
            self._say_if_out_of_reach()

    def _furthest(self) -> PeerId | None:
        height = self._height()
        ahead = {
            peer: claim
            for peer, claim in self._claims.items()
            if claim > height + 1 and self._kept_from.get(peer, height) <= height
        }
        return max(ahead, key=lambda peer: (ahead[peer], peer), default=None)

    def _say_if_out_of_reach(self) -> None:
        height = self._height()
        ahead = [peer for peer, claim in self._claims.items() if claim > height + 1]
        if ahead and self._said_of != height:
            self._said_of = height
            self._out_of_reach(height, min(self._kept_from[peer] for peer in ahead))

    async def _fetch(self, peer: PeerId) -> None:
        before = self._height()
        question = questions.write(Range(before, limits.RANGE_BLOCKS_MAX))
        try:
            data = await self._network.request(peer, question, timeout_s=REQUEST_TIMEOUT_S)
            found = decode(data, RangeAnswer, limit=limits.RESPONSE_BYTES_MAX)
            self._kept_from[peer] = found.kept_from
            for one in found.blocks:
                await self._accept(peer, wire.Decided(one.block, one.certificate))
        except RemoteFault as fault:
            self._blame(peer, fault)
        except (PeerUnavailable, RequestRefused):
            await trio.sleep(PAUSE_S)
        if self._height() == before and self._kept_from.get(peer, before) <= before:
            self._claims.pop(peer, None)  # its claim helped nothing; it may claim again
