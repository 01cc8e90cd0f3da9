"""What waits for a block, as an operator is shown it: by account, and one account's in detail."""

from collections.abc import Iterable
from typing import final

from msgspec import Struct

from node.mempool import Held, actors_of
from primitives import limits
from primitives.ids import AccountId, Natural, Sized32, TimeMs, TransactionId


@final
class AccountWaiting(Struct, frozen=True, kw_only=True):
    """What one account has waiting; a transaction of two accounts counts for both."""

    account: Sized32[AccountId]
    transactions: Natural[int]
    bytes: Natural[int]
    oldest_since_ms: Natural[TimeMs]
    first_expires_ms: Natural[TimeMs]
    last_expires_ms: Natural[TimeMs]


@final
class TransactionWaiting(Struct, frozen=True, kw_only=True):
    """One transaction that waits; `link` names the peer that brought it, null for a client."""

    id: Sized32[TransactionId]
    bytes: Natural[int]
    since_ms: Natural[TimeMs]
    expires_ms: Natural[TimeMs]
    link: str | None


@final
class MempoolView(Struct, frozen=True, kw_only=True):
    """What waits at this node. Accounts with the most come first; lists end at their limits."""

    transactions: Natural[int]
    bytes: Natural[int]
    accounts: Natural[int]
    most: tuple[AccountWaiting, ...]
    of_account: tuple[TransactionWaiting, ...]
    """Of the account that was asked about, oldest first."""


@final
class Dismissed(Struct, frozen=True, kw_only=True):
    """So many transactions of an account wait here no more."""

    account: Sized32[AccountId]
    transactions: Natural[int]


def view(waiting: Iterable[Held], account: AccountId | None) -> MempoolView:
    """Count what waits, oldest first, in one pass."""
    by_account: dict[AccountId, list[Held]] = {}
    count = size = 0
    for held in waiting:
        count += 1
        size += len(held.tx.data)
        for actor in actors_of(held.tx):
            by_account.setdefault(actor, []).append(held)
    order = sorted(by_account, key=lambda name: (-len(by_account[name]), name))
    asked = () if account is None else by_account.get(account, ())
    return MempoolView(
        transactions=count,
        bytes=size,
        accounts=len(by_account),
        most=tuple(_of(name, by_account[name]) for name in order[: limits.MEMPOOL_SHOWN_MAX]),
        of_account=tuple(_one(held) for held in asked[: limits.MEMPOOL_SHOWN_MAX]),
    )


def _of(account: AccountId, waiting: list[Held]) -> AccountWaiting:
    ends = [held.tx.valid_until for held in waiting]
    return AccountWaiting(
        account=account,
        transactions=len(waiting),
        bytes=sum(len(held.tx.data) for held in waiting),
        oldest_since_ms=waiting[0].since_ms,
        first_expires_ms=min(ends),
        last_expires_ms=max(ends),
    )


def _one(held: Held) -> TransactionWaiting:
    return TransactionWaiting(
        id=held.tx.id,
        bytes=len(held.tx.data),
        since_ms=held.since_ms,
        expires_ms=held.tx.valid_until,
        link=None if held.source is None else held.source.link,
    )
