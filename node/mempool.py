"""Transactions that wait for a block, in the order of their arrival.

Every sender is known, so spam is bounded by a quota per account instead of a fee (architecture.md
§4.7), and by a share for each link (node/shares.py). There is no negative cache and no priority:
what waits is taken in order, or expires everywhere at its `valid_until`. Nothing is tried again
after a block: the builder does that when its turn comes, and stops when its time is up.

The hashes of what was decided lately stay, so that no copy of it is asked for or checked again.

Invariants: an id waits at most once; counts and bytes, in all, per account and per link, are those
of what waits; places ascend in the order of arrival.
"""

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final, final

from ledger.transaction import CheckedTransaction
from node.deadlines import Deadlines
from node.shares import Load, Shares, Source
from primitives import limits
from primitives.errors import Rejected
from primitives.ids import AccountId, TimeMs, TransactionHash, TransactionId

FULL: Final = "mempool.full"
QUOTA_EXCEEDED: Final = "mempool.quota_exceeded"

_STALE_MAX: Final = 1_024
"""Places of what left that are kept beside as many of what waits, before they are swept."""


@final
@dataclass(frozen=True, slots=True, eq=False)
class Held:
    """A transaction that waits."""

    tx: CheckedTransaction
    source: Source | None
    """Who brought it; None for a client of this node."""
    since_ms: TimeMs
    place: int
    """In the order of arrival."""


@final
class Mempool:
    """What waits. Written by the engine, and at its operator's word by the shell."""

    def __init__(self) -> None:
        self._by_id: dict[TransactionId, Held] = {}
        self._by_hash: dict[TransactionHash, Held] = {}
        self._order: list[Held] = []
        """By place; with some that left."""
        self._next_place = 0
        self._deadlines = Deadlines()
        self._all = Load()
        self._accounts: dict[AccountId, Load] = {}
        self._shares = Shares()
        self._final: dict[TransactionHash, None] = {}
        self._dismissed: dict[TransactionHash, TimeMs] = {}
        """What the operator does not let wait, until when it is valid."""

    def __len__(self) -> int:
        return len(self._by_id)

    def __iter__(self) -> Iterator[CheckedTransaction]:
        """Oldest first; a stable copy, so that what is taken may be dropped on the way."""
        return (held.tx for held in tuple(self._by_id.values()))

    def __contains__(self, identifier: object) -> bool:
        return identifier in self._by_id

    @property
    def bytes(self) -> int:
        """Sum of the waiting transactions' bytes."""
        return self._all.bytes

    @property
    def held(self) -> Iterable[Held]:
        """All that waits, oldest first."""
        return self._by_id.values()

    def find(self, name: TransactionHash) -> CheckedTransaction | None:
        """The waiting transaction with exactly these bytes."""
        held = self._by_hash.get(name)
        return None if held is None else held.tx

    def knows(self, name: TransactionHash) -> bool:
        """Whether no copy of these bytes is wanted: they wait, were decided, or are dismissed."""
        return name in self._by_hash or name in self._final or name in self._dismissed

    def after(self, place: int) -> Iterator[Held]:
        """What waits and came after this place, oldest first."""
        at = bisect_right(self._order, place, key=lambda held: held.place)
        while at < len(self._order):
            held = self._order[at]
            at += 1
            if self._by_id.get(held.tx.id) is held:
                yield held

    def has_ripe(self, earliest: TimeMs, latest: TimeMs) -> bool:
        """Whether a transaction waits that is valid until a time of this range."""
        return self._deadlines.has_within(earliest, latest)

    def add(
        self,
        tx: CheckedTransaction,
        *,
        source: Source | None = None,
        now_ms: TimeMs = TimeMs(0),  # noqa: B008 - a number
    ) -> bool:
        """Let a transaction wait. False if its id waits already.

        Raises:
            Rejected: no room: in all, for the link that brings it, or for an account that acts.
        """
        if tx.id in self._by_id:
            return False
        size = len(tx.data)
        self._check_room(source, size)
        actors = actors_of(tx)
        for account in actors:
            self._check_quota(account, size)
        held = Held(tx, source, now_ms, self._next_place)
        self._next_place += 1
        self._by_id[tx.id] = self._by_hash[tx.hash] = held
        self._order.append(held)
        self._deadlines.add(tx.id, tx.valid_until)
        self._all.take(size)
        for account in actors:
            self._accounts.setdefault(account, Load()).take(size)
        if source is not None:
            self._shares.take(source, size)
        return True

    def _check_room(self, source: Source | None, size: int) -> None:
        waiting = self._all
        has_room = (
            waiting.transactions < limits.MEMPOOL_TRANSACTIONS_MAX
            and waiting.bytes + size <= limits.MEMPOOL_BYTES_MAX
        )
        if source is not None:
            has_room = has_room and self._shares.has_room(source, size, waiting=waiting)
        if not has_room:
            raise Rejected(
                FULL,
                f"{waiting.transactions} transactions wait already; try again later",
                {"waiting": waiting.transactions, "bytes": waiting.bytes},
            )

    def _check_quota(self, account: AccountId, size: int) -> None:
        load = self._accounts.get(account, Load())
        if (
            load.transactions >= limits.MEMPOOL_ACCOUNT_TRANSACTIONS_MAX
            or load.bytes + size > limits.MEMPOOL_ACCOUNT_BYTES_MAX
        ):
            raise Rejected(
                QUOTA_EXCEEDED,
                f"account {account.hex()} has {load.transactions} transactions waiting",
                {
                    "account": account.hex(),
                    "waiting": load.transactions,
                    "bytes": load.bytes,
                    "expected": f"at most {limits.MEMPOOL_ACCOUNT_TRANSACTIONS_MAX} transactions "
                    f"and {limits.MEMPOOL_ACCOUNT_BYTES_MAX} bytes",
                },
            )

    def drop(self, identifiers: Iterable[TransactionId]) -> None:
        """Forget these, where they wait."""
        for identifier in identifiers:
            held = self._by_id.pop(identifier, None)
            if held is not None:
                self._forget(held)
        if len(self._order) > 2 * len(self._by_id) + _STALE_MAX:
            self._order = list(self._by_id.values())

    def _forget(self, held: Held) -> None:
        size = len(held.tx.data)
        del self._by_hash[held.tx.hash]
        self._deadlines.remove(held.tx.id, held.tx.valid_until)
        self._all.give(size)
        for account in actors_of(held.tx):
            load = self._accounts[account]
            load.give(size)
            if not load.transactions:
                del self._accounts[account]
        if held.source is not None:
            self._shares.give(held.source, size)

    def decide(self, transactions: Iterable[CheckedTransaction], time_ms: TimeMs) -> None:
        """A block of this time holds these: they leave, and so does what no later block may."""
        decided = list(transactions)
        self.drop([tx.id for tx in decided])
        self._final |= dict.fromkeys(tx.hash for tx in decided)
        while len(self._final) > limits.MEMPOOL_FINAL_KEPT:
            del self._final[next(iter(self._final))]
        self.expire(time_ms)

    def dismiss(self, account: AccountId) -> int:
        """What this account has waiting leaves, and copies from peers do not bring it back.

        That is its operator's word at this node; it ends when the transactions do, and does not
        hold for what clients submit here again. Returns how many left.
        """
        theirs = [held.tx for held in self._by_id.values() if account in actors_of(held.tx)]
        self.drop([tx.id for tx in theirs])
        self._dismissed |= {tx.hash: tx.valid_until for tx in theirs}
        while len(self._dismissed) > limits.MEMPOOL_TRANSACTIONS_MAX:
            del self._dismissed[next(iter(self._dismissed))]
        return len(theirs)

    def expire(self, time_ms: TimeMs) -> None:
        """Forget what no block after `time_ms` may hold."""
        self.drop(self._deadlines.until(time_ms))
        if self._dismissed:
            dismissed = self._dismissed.items()
            self._dismissed = {name: until for name, until in dismissed if until > time_ms}


def actors_of(tx: CheckedTransaction) -> list[AccountId]:
    """The accounts that act in it: each is charged."""
    return sorted({call.actor for call in tx.transaction.body.calls})
