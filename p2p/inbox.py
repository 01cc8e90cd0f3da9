"""What arrives, bounded per peer, and heard from one peer after the other.

Each peer has an account, and the node hears one event of each in turn: what a flooding peer sends
waits behind its own, and a vote of another behind one event of each peer. A reader that has filled
its peer's account waits, so that peer's stream fills up and its sender waits in turn. Link events
are in their peer's account, so that `LinkUp` comes before the first payload.
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
    """What waits of one peer, in its order, and the readers that wait for room."""

    events: deque[NetworkEvent] = field(default_factory=deque)
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
        self._accounts: dict[tuple[PeerId, Via], _Account] = {}
        """Those in which something waits, in the order of their turns."""
        self._readers = ParkingLot()

    def __len__(self) -> int:
        return sum(len(account.events) for account in self._accounts.values())

    @property
    def waiting_bytes(self) -> int:
        """Payload bytes that wait, of all peers."""
        return sum(account.payload_bytes for account in self._accounts.values())

    async def put(self, delivery: Delivery) -> None:
        """Add a payload as soon as its peer's account has room."""
        while (account := self._account(delivery.peer, delivery.via)).is_full:
            await account.room.park()
        self._accept(delivery, account)

    def offer(self, delivery: Delivery) -> bool:
        """Add a payload if its account has room now; false when it is dropped."""
        account = self._account(delivery.peer, delivery.via)
        if account.is_full:
            return False
        self._accept(delivery, account)
        return True

    def announce(self, event: LinkUp | LinkDown) -> None:
        """Add a link event. Of a flapping link that nobody reads, only the latest events stay."""
        account = self._account(event.peer, Via.LINK)
        waiting = [waits for waits in account.events if not isinstance(waits, Delivery)]
        if len(waiting) >= _LINK_EVENTS_MAX:  # the two oldest are an up and a down: no loss
            account.events.remove(waiting[0])
            account.events.remove(waiting[1])
        account.events.append(event)
        self._readers.unpark_all()

    async def receive(self) -> NetworkEvent:
        """The next event; waits for it."""
        await trio.lowlevel.checkpoint()
        while not self._accounts:
            await self._readers.park()
        key = next(iter(self._accounts))
        account = self._accounts.pop(key)
        event = account.events.popleft()
        if account.events:
            self._accounts[key] = account  # behind the others
        if isinstance(event, Delivery):
            account.messages -= 1
            account.payload_bytes -= len(event.payload)
            if not account.is_full:
                account.room.unpark_all()
        return event

    async def __aiter__(self) -> AsyncIterator[NetworkEvent]:
        while True:
            yield await self.receive()

    def _account(self, peer: PeerId, via: Via) -> _Account:
        return self._accounts.setdefault((peer, via), _Account())

    def _accept(self, delivery: Delivery, account: _Account) -> None:
        account.messages += 1
        account.payload_bytes += len(delivery.payload)
        account.events.append(delivery)
        self._readers.unpark_all()
