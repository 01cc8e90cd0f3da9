"""What queries have in common: the answer, its pages, and what is refused."""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import Enum, unique
from itertools import islice
from typing import Final, Generic, TypeVar, final

from msgspec import Struct

from ledger.query import PAGE_ROWS_DEFAULT, Page, no_place, too_wide
from primitives.ids import Height, Natural, TimeMs, TransactionId
from storage.decision import TransactionPlace

R = TypeVar("R", bound=Struct)
T = TypeVar("T")

UNKNOWN_TRANSACTION: Final = "transaction.unknown"
UNKNOWN_QUERY: Final = "query.unknown"
UNKNOWN_ACCOUNT: Final = "account.unknown"
UNKNOWN_ASSET: Final = "asset.unknown"


@unique
class Order(Enum):
    """Which end of the chain comes first."""

    OLDEST = "oldest"
    NEWEST = "newest"


@final
class QueryAnswer(Struct, Generic[R], frozen=True, kw_only=True):
    """Rows as they are after the block at `height`; `next` leads to more of them.

    `since` is 0 where they tell of the whole history; else of nothing below that height, because
    this node keeps no more. `proved_by` has a name for each row that one thing proves:
    `/v1/NAME/proof`, with `height` if it is `state/…`. Where there are no rows it may name the
    entry that is absent.
    """

    query: str
    height: Natural[Height]
    since: Natural[Height]
    time_ms: Natural[TimeMs]
    rows: tuple[R, ...]
    proved_by: tuple[str | None, ...]
    next: str | None


@final
@dataclass(frozen=True, slots=True)
class Bookmark:
    """A place between two entries: behind entry `entry` of a transaction.

    `balance` is what the account held there; only statements carry it.
    """

    place: TransactionPlace
    entry: int
    balance: int = 0

    def __str__(self) -> str:
        return f"{self.place.height}.{self.place.index}.{self.entry}.{self.balance}"


ENTRY_MAX: Final = 999_999_999
"""Behind every entry of a transaction."""
_BOOKMARK: Final = re.compile(r"([0-9]{1,18})\.([0-9]{1,9})\.([0-9]{1,9})\.(-?[0-9]{1,30})")


def bookmark_of(after: str | None) -> Bookmark | None:
    """The place that a page ended at.

    Raises:
        Malformed: no page ends so.
    """
    if after is None:
        return None
    found = _BOOKMARK.fullmatch(after)
    if found is None:
        raise no_place(after)
    height, index, entry, balance = map(int, found.groups())
    return Bookmark(TransactionPlace(Height(height), index), entry, balance)


def page_of(
    found: Iterable[tuple[str, R]],
    limit: int | None,
    proved_by: Callable[[R], str | None] = lambda _row: None,
) -> Page[R]:
    """The first rows of (place, row), and the last one's place if there are more."""
    wanted = limit or PAGE_ROWS_DEFAULT
    taken = list(islice(found, wanted + 1))
    more = taken[wanted - 1][0] if len(taken) > wanted else None
    rows = [row for _, row in taken[:wanted]]
    return Page(rows, more, [proved_by(row) for row in rows])


def event_name(transaction: TransactionId, entry: int) -> str:
    """What proves the event of an entry, as `Page.proved_by` names it; the API counts from 1."""
    return f"transactions/{transaction.hex()}/events/{entry + 1}"


def at_most(found: Iterator[T], limit: int, what: str) -> Iterator[T]:
    """All of them.

    Raises:
        Rejected: there are more than `limit`.
    """
    for count, each in enumerate(found):
        if count == limit:
            raise too_wide(limit, what)
        yield each
