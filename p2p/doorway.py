"""Who may begin a handshake: strangers' sockets, by where they come from. Pure: `now` is given.

Before a handshake is done nobody knows who is there, and it costs us a millisecond of arithmetic
and the other side nothing. So each origin begins `HANDSHAKES_PER_SECOND` of them, and when all
`HANDSHAKES_MAX` places are taken, a newcomer takes the place that has been held longest by whoever
holds most: silent sockets displace each other, and an honest handshake takes milliseconds.

An origin is an IPv4 address, or an IPv6 network of 64 bits, which one machine may have for itself.
"""

from collections import Counter
from ipaddress import IPv6Address, ip_address
from typing import Final, Generic, NewType, TypeVar, final

from p2p.bucket import Bucket
from primitives import limits

T = TypeVar("T")
Origin = NewType("Origin", str)

_ORIGINS_MAX: Final = 4_096
"""Origins whose rate is remembered: 1 MB."""


def origin_of(host: str) -> Origin:
    """Where a connection comes from, as the address of its other end says."""
    address = ip_address(host.partition("%")[0])
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped is not None:
            return Origin(str(address.ipv4_mapped))
        return Origin(address.packed[:8].hex())
    return Origin(str(address))


@final
class Doorway(Generic[T]):
    """The places of unfinished handshakes, and who holds them since when."""

    def __init__(self) -> None:
        self._places: dict[T, Origin] = {}
        self._rates: dict[Origin, Bucket] = {}

    def __len__(self) -> int:
        return len(self._places)

    def may_begin(self, origin: Origin, now: float) -> bool:
        """Whether this origin may begin one more handshake now; counts it."""
        rate = self._rates.pop(origin, None) or Bucket(
            per_second=limits.HANDSHAKES_PER_SECOND, full=limits.HANDSHAKES_MAX
        )
        self._rates[origin] = rate  # the latest to be seen is the last to be forgotten
        if len(self._rates) > _ORIGINS_MAX:
            del self._rates[next(iter(self._rates))]
        if not rate.has(now):
            return False
        rate.take(1, now)
        return True

    def enter(self, one: T, origin: Origin) -> T | None:
        """Take a place; returns who has to leave for it."""
        displaced = self._to_displace() if len(self._places) >= limits.HANDSHAKES_MAX else None
        if displaced is not None:
            del self._places[displaced]
        self._places[one] = origin
        return displaced

    def leave(self, one: T) -> None:
        """Give a place back, if it is still held."""
        self._places.pop(one, None)

    def _to_displace(self) -> T:
        held = Counter(self._places.values())
        most = max(held.values())
        return next(one for one, origin in self._places.items() if held[origin] == most)
