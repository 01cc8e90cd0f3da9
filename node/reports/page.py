"""What queries have in common: the answer, its pages, and what is refused."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum, unique
from itertools import islice
from typing import Annotated, Final, Generic, TypeVar, final

from msgspec import Meta, Struct

from primitives import limits
from primitives.errors import Malformed, Rejected
from primitives.ids import AccountId, Height, Natural, TimeMs
from storage.decision import TransactionPlace

R = TypeVar("R")

UNKNOWN_QUERY: Final = "query.unknown"
TOO_WIDE: Final = "query.too_wide"
UNKNOWN_ACCOUNT: Final = "account.unknown"
UNKNOWN_ASSET: Final = "asset.unknown"

PAGE_ROWS_DEFAULT: Final = 100

Limit = Annotated[
    int,
    Meta(
        ge=1,
        le=limits.QUERY_ROWS_MAX,
        description=f"rows at most, {limits.QUERY_ROWS_MAX} or fewer; {PAGE_ROWS_DEFAULT} if none",
    ),
]
After = Annotated[
    str,
    Meta(max_length=256, description="go on behind this place: `next` of the page before"),
]
OneAccount = Annotated[
    AccountId, Meta(min_length=32, max_length=32, description="whose; an account's id")
]


@unique
class Order(Enum):
    """Which end of the chain comes first."""

    OLDEST = "oldest"
    NEWEST = "newest"


@final
class Answer(Struct, Generic[R], frozen=True, kw_only=True):
    """Rows as they are after the block at `height`; `next` leads to more of them.

    `since` is 0 where they tell of the whole history; else of nothing below that height, because
    this node keeps no more.
    """

    query: str
    height: Natural[Height]
    since: Natural[Height]
    time_ms: Natural[TimeMs]
    rows: tuple[R, ...]
    next: str | None


@final
@dataclass(frozen=True, slots=True)
class Page(Generic[R]):
    """Rows, and behind which place there are more; None at the end."""

    rows: Sequence[R]
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
_HEX: Final = re.compile(r"(?:[0-9a-f]{2})+")


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


def key_of(after: str | None) -> bytes | None:
    """The key of the last row of another page of a table.

    Raises:
        Malformed: no page ends so.
    """
    if after is None:
        return None
    if not _HEX.fullmatch(after):
        raise no_place(after)
    return bytes.fromhex(after)


def no_place(after: str) -> Malformed:
    """A fault: no page of this query ends so."""
    return Malformed(f"after: expected the `next` of another page, found {after!r}")


def page_of(found: Iterable[tuple[str, R]], limit: int | None) -> Page[R]:
    """The first rows of (place, row), and the last one's place if there are more."""
    wanted = limit or PAGE_ROWS_DEFAULT
    taken = list(islice(found, wanted + 1))
    more = taken[wanted - 1][0] if len(taken) > wanted else None
    return Page([row for _, row in taken[:wanted]], more)


def at_most(found: Iterator[R], limit: int, what: str) -> Iterator[R]:
    """All of them.

    Raises:
        Rejected: there are more than `limit`.
    """
    for count, each in enumerate(found):
        if count == limit:
            raise too_wide(limit, what)
        yield each


def too_wide(limit: int, what: str) -> Rejected:
    """A refusal: the query would take more than it may."""
    return Rejected(
        TOO_WIDE,
        f"the query goes over more than {limit} {what}; narrow it",
        {"expected": f"at most {limit} {what}", "actual": f"more than {limit}"},
    )
