"""The query of events: what became true in the order of the chain, of some types or about an id.

`GET /v1/events` streams the same as it happens (`node.events`); here they are listed, newest first
unless asked otherwise. A place in both is the same cursor.
"""

from collections.abc import Iterable
from typing import Annotated, Any, Final, final

from msgspec import Meta, Struct

from ledger.operation import Event, code
from ledger.query import PAGE_ROWS_DEFAULT, After, Limit, Page, no_place
from ledger.receipt import Receipt
from node.events import Cursor, Wanted, read_cursor, types_in
from node.reports.moment import Moment, Report
from node.reports.page import Order, event_name
from primitives import limits
from primitives.codec import decode
from primitives.ids import INTEGER_MAX, Height, Natural, Sized32, TimeMs, TransactionId
from services.table import RECEIPT
from services.table import Events as AnyEvent

_TYPES_LENGTH_MAX: Final = 1_000


@final
class EventRow(Struct, frozen=True, kw_only=True):
    """An event, and the transaction or the duty that made it true."""

    cursor: str
    time_ms: Natural[TimeMs]
    type: str
    event: AnyEvent
    transaction: Sized32[TransactionId]


@final
class Events(Report, tag="chain.events", frozen=True, kw_only=True):
    """What became true: of some types, or about an account, a case, a motion or any other id.

    A page may have fewer rows than it could while there are more: it ends after 20,000
    transactions.
    """

    type: (
        Annotated[
            str,
            Meta(
                max_length=_TYPES_LENGTH_MAX,
                description="money.transferred, or several with commas, or money.* for a service",
            ),
        ]
        | None
    )
    about: (
        Annotated[bytes, Meta(min_length=32, max_length=32, description="an id that they name")]
        | None
    )
    order: Annotated[Order, Meta(description="which end first; newest if none")] | None
    after: After | None
    limit: Limit | None

    def tell(self, moment: Moment) -> Page[EventRow]:
        """List.

        Raises:
            Malformed: there is no such type, or `after` is no place.
        """
        wanted = Wanted(None if self.type is None else types_in(self.type), self.about)
        oldest = self.order is Order.OLDEST
        behind = _cursor(self.after)
        rows: list[EventRow] = []
        proved_by: list[str] = []
        looked = 0
        for height in _heights(moment, behind, self.order):
            happened = list(enumerate(_events(moment, height)))
            for number, (transaction, entry, event) in happened if oldest else happened[::-1]:
                at = Cursor(height, number)
                if event not in wanted or not _is_behind(at, behind, self.order):
                    continue
                if len(rows) == (self.limit or PAGE_ROWS_DEFAULT):
                    return Page(rows, rows[-1].cursor, proved_by)
                row = EventRow(
                    cursor=str(at),
                    time_ms=moment.header(height).time_ms,
                    type=code(event),
                    event=event,
                    transaction=transaction,
                )
                rows.append(row)
                proved_by.append(event_name(transaction, entry))
            looked += max(1, moment.count(height))
            if looked >= limits.QUERY_PAGE_TRANSACTIONS_MAX:
                return Page(rows, str(Cursor(height, INTEGER_MAX if oldest else 0)), proved_by)
        return Page(rows, None, proved_by)


def _events(moment: Moment, height: Height) -> list[tuple[TransactionId, int, Event]]:
    """The events of a block in order: of which transaction or duty, the how manieth, what."""
    receipts: list[Receipt[Any, Any]] = [
        decode(data, RECEIPT, limit=len(data)) for data in moment.store.receipts(height)
    ]
    return [
        (receipt.transaction_id, entry, event)
        for receipt in receipts
        for entry, event in enumerate(receipt.events)
    ]


def _cursor(after: str | None) -> Cursor | None:
    found = None if after is None else read_cursor(after)
    if after is not None and found is None:
        raise no_place(after)
    return found


def _is_behind(at: Cursor, behind: Cursor | None, order: Order | None) -> bool:
    return behind is None or (at > behind if order is Order.OLDEST else at < behind)


def _heights(moment: Moment, behind: Cursor | None, order: Order | None) -> Iterable[Height]:
    """Those of which something may stand behind a cursor."""
    if behind is None:
        return moment.heights(order or Order.NEWEST, behind=None)
    if order is Order.OLDEST:
        last = behind.height if behind.number == INTEGER_MAX else behind.height - 1
        return moment.heights(Order.OLDEST, behind=Height(last))
    first = behind.height if behind.number == 0 else behind.height + 1
    return moment.heights(Order.NEWEST, behind=Height(first))
