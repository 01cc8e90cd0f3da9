"""Whose transactions take the room of the mempool: the share of each link (rule R68).

Quotas per account bound what one sender has waiting (node/mempool.py). They do not bound a node
that relays the transactions of many accounts. So a link never holds more than what is still free of
its room: alone it gets half, and however many fill what they can, k of them leave 1/(k + 1) for the
next one. Validators share the whole mempool; nodes without a vote share a quarter of it, so that
any number of observers leaves three quarters for the others. What clients of this node submit is
charged to no link.

Invariant: a link is here exactly while something waits that it brought.
"""

from dataclasses import dataclass
from typing import final

from consensus.events import Link
from primitives import limits


@final
@dataclass(frozen=True, slots=True)
class Source:
    """The link that brought a transaction, and whether a validator is at its other end."""

    link: Link
    votes: bool


@final
@dataclass(slots=True)
class Load:
    """So much waits."""

    transactions: int = 0
    bytes: int = 0

    def take(self, size: int) -> None:
        """One more."""
        self.transactions += 1
        self.bytes += size

    def give(self, size: int) -> None:
        """One fewer."""
        self.transactions -= 1
        self.bytes -= size


@final
class Shares:
    """Written by the mempool alone."""

    def __init__(self) -> None:
        self._by_source: dict[Source, Load] = {}
        self._observers = Load()

    def has_room(self, source: Source, size: int, *, waiting: Load) -> bool:
        """Whether this link may bring one more of `size` bytes while so much waits in all."""
        free = limits.MEMPOOL_TRANSACTIONS_MAX - waiting.transactions
        free_bytes = limits.MEMPOOL_BYTES_MAX - waiting.bytes
        if not source.votes:
            others = self._observers
            free = min(free, limits.MEMPOOL_OBSERVERS_TRANSACTIONS_MAX - others.transactions)
            free_bytes = min(free_bytes, limits.MEMPOOL_OBSERVERS_BYTES_MAX - others.bytes)
        held = self._by_source.get(source, Load())
        return held.transactions < free and held.bytes + size <= free_bytes

    def take(self, source: Source, size: int) -> None:
        """It brought one."""
        self._by_source.setdefault(source, Load()).take(size)
        if not source.votes:
            self._observers.take(size)

    def give(self, source: Source, size: int) -> None:
        """That one waits no more."""
        held = self._by_source[source]
        held.give(size)
        if not held.transactions:
            del self._by_source[source]
        if not source.votes:
            self._observers.give(size)
