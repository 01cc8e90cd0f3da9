"""Queries: what can be asked of the ledger, and rows in answer.

A **query** is a fourth kind of Struct beside operations, refusals and events. Its fields are its
parameters, its docstring is its help, `answer` is what it looks up, and what `answer` says it
returns is its row. From the class alone come the API's endpoint (`GET /v1/queries/TAG`), the
command (`mithaq query TAG`), the OpenAPI schema and the page, so a query needs no other code.

It reads the state after one block through a `Reading`, decides nothing, and is asked in a thread
that never enters the engine. `Reading.list` and `Reading.look_up` give most answers; they also say
of each row which entry of the state it was made of, so that anybody can ask for the proof. Of an
answer without rows they name the entry whose absence is the proof.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Final, Generic, TypeVar, final, get_args, get_type_hints

import msgspec
from msgspec import Meta, Struct

from ledger.state import Overlay, StateReader, Table
from primitives import limits
from primitives.errors import Malformed, Rejected
from primitives.ids import AccountId, Height, TimeMs

TOO_WIDE: Final = "query.too_wide"

K = TypeVar("K")
R = TypeVar("R", bound=msgspec.Struct)
Row = TypeVar("Row", bound=msgspec.Struct)

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

_HEX: Final = re.compile(r"(?:[0-9a-f]{2})+")


@final
@dataclass(frozen=True, slots=True)
class Page(Generic[Row]):
    """Rows, and behind which place there are more; None at the end."""

    rows: Sequence[Row]
    next: str | None = None
    proved_by: Sequence[str | None] = ()
    """What proves each row: `state/TABLE/KEY` or `transactions/ID…`, as the API's paths end. Of an
    answer without rows, the one entry that is absent."""


class Question(Struct, frozen=True, kw_only=True, tag_field="query"):
    """What can be asked: parameters with the name of their query."""


class Query(Question, frozen=True, kw_only=True):
    """A question about the state after one block."""

    def answer(self, reading: "Reading") -> Page[Any]:
        """The rows.

        Raises:
            Malformed: `after` is no place.
        """
        raise NotImplementedError(f"{type(self).__name__} has no answer")


@final
class Reading:
    """The state after one block, as a query sees it."""

    __slots__ = ("height", "overlay", "state", "time_ms")

    def __init__(self, state: StateReader, time_ms: TimeMs) -> None:
        """`time_ms` is the time of the block after which `state` is."""
        self.state: Final = state
        self.height: Final[Height] = state.height
        self.time_ms: Final = time_ms
        self.overlay: Final = Overlay(state)
        """For functions of the kernel that take `act.state`."""

    def list(
        self,
        table: Table[Any, R],
        row: Callable[[bytes, R], Row | None],
        *,
        prefix: bytes = b"",
        after: str | None,
        limit: int | None,
    ) -> Page[Row]:
        """The entries of a table under a prefix, in key order; `row` makes a row of one, or None.

        A page may have fewer rows than it could while there are more: it ends after so many
        entries that were not asked for.

        Raises:
            Malformed: `after` is no place.
        """
        wanted = limit or PAGE_ROWS_DEFAULT
        most = limits.QUERY_PAGE_TRANSACTIONS_MAX
        rows: list[Row] = []
        proved_by: list[str] = []
        last = b""
        found = table.scan(self.state, prefix=prefix, after=key_of(after), limit=most + 1)
        for count, (key, record) in enumerate(found):
            if count == most:
                return Page(rows, last.hex(), proved_by)
            made = row(key, record)
            if made is not None:
                if len(rows) == wanted:
                    return Page(rows, last.hex(), proved_by)
                rows.append(made)
                proved_by.append(entry_name(table, key))
            last = key
        return Page(rows, None, proved_by)

    def every(self, table: Table[Any, R], *, prefix: bytes = b"") -> Iterator[tuple[bytes, R]]:
        """All entries of a table under a prefix, for sums, which have no pages.

        Raises:
            Rejected: there are too many for a sum (`query.too_wide`).
        """
        most = limits.QUERY_TRANSACTIONS_MAX
        found = table.scan(self.state, prefix=prefix, limit=most + 1)
        for count, entry in enumerate(found):
            if count == most:
                raise too_wide(most, f"entries of {table.name}")
            yield entry

    def look_up(self, table: Table[K, R], key: K, row: Callable[[R], Row]) -> Page[Row]:
        """The one entry of a key; where there is none, the answer can prove that."""
        return found_or_absent(table, table.key(key), table.read(self.state, key), row)


def found_or_absent(
    table: Table[Any, R], key: bytes, record: R | None, row: Callable[[R], Row]
) -> Page[Row]:
    """A page of one row, or of none because the entry is absent."""
    rows = [] if record is None else [row(record)]
    return Page(rows, None, [entry_name(table, key)])


def entry_name(table: Table[Any, Any], key: bytes) -> str:
    """An entry of the state, as the API's paths and `Page.proved_by` name it."""
    return f"state/{table.name}/{key.hex()}"


def row_of(answers: Callable[..., Page[Any]]) -> type[Struct]:
    """The row that a query's function says it returns."""
    (row,) = get_args(get_type_hints(answers)["return"]) or (None,)
    assert isinstance(row, type), f"{answers.__qualname__} returns a Page[…] of its row"
    return row


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


def too_wide(limit: int, what: str) -> Rejected:
    """A refusal: the query would take more than it may."""
    return Rejected(
        TOO_WIDE,
        f"the query goes over more than {limit} {what}; narrow it",
        {"expected": f"at most {limit} {what}", "actual": f"more than {limit}"},
    )
