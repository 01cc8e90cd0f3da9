"""What arrives, in order of arrival, bounded per peer.

One queue for the node to read, but an account for each peer: a reader that has filled its peer's
account waits, so that peer's stream fills up and its sender waits in turn, while everybody else
is heard. Link events are of the same queue, so that `LinkUp` comes before the first payload.
"""

from collections import deque
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from enum import Enum
from typing import Final, TypeAlias, final

import trio
from trio.lowlevel import ParkingLot

from p2p.peers import PeerId
from primitives import limits


class Via(Enum):
    """The way a payload came."""

    LINK = "link"
    """From the peer itself."""
    GOSSIP = "gossip"
    """Relayed: the peer only passed it on, and is not to blame for what it says."""


@final
@dataclass(frozen=True, slots=True)
class Delivery:
    """A payload and the peer that delivered it, authenticated by its node key."""

    peer: PeerId
    payload: bytes
    via: Via


@final
@dataclass(frozen=True, slots=True)
class LinkUp:
    """Both directions of a peer's link are open. Nothing sent before has arrived for sure."""

    peer: PeerId


@final
@dataclass(frozen=True, slots=True)
class LinkDown:
    """A direction of a peer's link broke; what waited for it is dropped."""

    peer: PeerId
    reason: str


NetworkEvent: TypeAlias = Delivery | LinkUp | LinkDown

_LINK_EVENTS_MAX: Final = 4


@dataclass(slots=True)
class _Account:
    """One peer's share of the inbox, and the readers that wait for room in it."""

    messages: int = 0
    payload_bytes: int = 0
    room: ParkingLot = field(default_factory=ParkingLot)

    @property
    def is_full(self) -> bool:
        return (
            self.messages >= limits.INBOX_MESSAGES_MAX
            or self.payload_bytes >= limits.INBOX_BYTES_MAX
        )


class Inbox:
    """The node reads with `receive` or `async for`; links and gossip put.

    Invariant: an account is over `INBOX_BYTES_MAX` by less than one frame, because a payload is
    accepted whole or not yet.
    """

    def __init__(self) -> None:
        self._events: deque[NetworkEvent] = deque()
        self._accounts: dict[tuple[PeerId, Via], _Account] = {}
        self._readers = ParkingLot()

    def __len__(self) -> int:
        return len(self._events)

    @property
    def waiting_bytes(self) -> int:
        """Payload bytes that wait, of all peers."""
        return sum(account.payload_bytes for account in self._accounts.values())

    async def put(self, delivery: Delivery) -> None:
        """Add a payload as soon as its peer's account has room."""
        while (account := self._account(delivery)).is_full:
            await account.room.park()
        self._accept(delivery, account)

    def offer(self, delivery: Delivery) -> bool:
        """Add a payload if its account has room now; false when it is dropped."""
        account = self._account(delivery)
        if account.is_full:
            return False
        self._accept(delivery, account)
        return True

    def announce(self, event: LinkUp | LinkDown) -> None:
        """Add a link event. Of a flapping link that nobody reads, only the latest events stay."""
        waiting = [
            waits
            for waits in self._events
            if not isinstance(waits, Delivery) and waits.peer == event.peer
        ]
        if len(waiting) >= _LINK_EVENTS_MAX:  # the two oldest are an up and a down: no loss
            self._events.remove(waiting[0])
            self._events.remove(waiting[1])
        self._append(event)

    async def receive(self) -> NetworkEvent:
        """The next event; waits for it."""
        await trio.lowlevel.checkpoint()
        while not self._events:
            await self._readers.park()
        event = self._events.popleft()
        if isinstance(event, Delivery):
            self._release(event)
        return event

    async def __aiter__(self) -> AsyncIterator[NetworkEvent]:
        while True:
            yield await self.receive()

    def _account(self, delivery: Delivery) -> _Account:
        return self._accounts.setdefault((delivery.peer, delivery.via), _Account())

    def _accept(self, delivery: Delivery, account: _Account) -> None:
        account.messages += 1
        account.payload_bytes += len(delivery.payload)
        self._append(delivery)

    def _release(self, delivery: Delivery) -> None:
        account = self._account(delivery)
        account.messages -= 1
        account.payload_bytes -= len(delivery.payload)
        if not account.is_full:
            account.room.unpark_all()
        if not account.messages:  # a peer that is none any more leaves nothing behind
            del self._accounts[delivery.peer, delivery.via]

    def _append(self, event: NetworkEvent) -> None:
        self._events.append(event)
        self._readers.unpark_all()
