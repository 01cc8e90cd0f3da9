"""Transactions that wait for a block, in the order of their arrival.

Every sender is known, so spam is bounded by a quota per account instead of a fee (architecture.md
§4.7). There is no negative cache and no priority: what waits is taken in order, or expires
everywhere at its `valid_until`.

Invariants: an id waits at most once; counts and bytes, in all and per account, are those of what
waits.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final, final

from ledger.transaction import CheckedTransaction
from primitives import limits
from primitives.errors import Rejected
from primitives.ids import AccountId, TimeMs, TransactionHash, TransactionId

FULL: Final = "mempool.full"
QUOTA_EXCEEDED: Final = "mempool.quota_exceeded"


@final
@dataclass(slots=True)
class _Load:
    transactions: int = 0
    bytes: int = 0


@final
class Mempool:
    """What waits. Written by the engine alone."""

    def __init__(self) -> None:
        self._by_id: dict[TransactionId, CheckedTransaction] = {}
        self._by_hash: dict[TransactionHash, CheckedTransaction] = {}
        self._loads: dict[AccountId, _Load] = {}
        self._bytes = 0

    def __len__(self) -> int:
        return len(self._by_id)

    def __iter__(self) -> Iterator[CheckedTransaction]:
        """Oldest first; a stable copy, so that what is taken may be dropped on the way."""
        return iter(tuple(self._by_id.values()))

    def __contains__(self, identifier: object) -> bool:
        return identifier in self._by_id

    @property
    def bytes(self) -> int:
        """Sum of the waiting transactions' bytes."""
        return self._bytes

    def find(self, name: TransactionHash) -> CheckedTransaction | None:
        """The waiting transaction with exactly these bytes."""
        return self._by_hash.get(name)

    def oldest(self, count: int) -> list[CheckedTransaction]:
        """At most `count`, oldest first."""
        return [tx for tx, _ in zip(self._by_id.values(), range(count), strict=False)]

    def has_ripe(self, earliest: TimeMs, latest: TimeMs) -> bool:
        """Whether a transaction waits that is valid until a time of this range."""
        return any(earliest <= tx.valid_until <= latest for tx in self._by_id.values())

    def add(self, tx: CheckedTransaction) -> bool:
        """Let a transaction wait. False if its id waits already.

        Raises:
            Rejected: no room, in all or for one of the accounts that act.
        """
        if tx.id in self._by_id:
            return False
        size = len(tx.data)
        if (
            len(self._by_id) >= limits.MEMPOOL_TRANSACTIONS_MAX
            or self._bytes + size > limits.MEMPOOL_BYTES_MAX
        ):
            raise Rejected(
                FULL,
                f"{len(self._by_id)} transactions wait already; try again later",
                {"waiting": len(self._by_id), "bytes": self._bytes},
            )
        for account in _actors(tx):
            self._check_quota(account, size)
        self._by_id[tx.id] = tx
        self._by_hash[tx.hash] = tx
        self._bytes += size
        for account in _actors(tx):
            load = self._loads.setdefault(account, _Load())
            load.transactions += 1
            load.bytes += size
        return True

    def _check_quota(self, account: AccountId, size: int) -> None:
        load = self._loads.get(account, _Load())
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
            tx = self._by_id.pop(identifier, None)
            if tx is None:
                continue
            del self._by_hash[tx.hash]
            self._bytes -= len(tx.data)
            for account in _actors(tx):
                load = self._loads[account]
                load.transactions -= 1
                load.bytes -= len(tx.data)
                if load.transactions == 0:
                    del self._loads[account]

    def expire(self, time_ms: TimeMs) -> None:
        """Forget what no block after `time_ms` may hold."""
        self.drop([tx.id for tx in self if tx.valid_until <= time_ms])


def _actors(tx: CheckedTransaction) -> list[AccountId]:
    return sorted({call.actor for call in tx.transaction.body.calls})
