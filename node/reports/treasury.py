"""The journal of a treasury: every step that was posted, and the transaction that posted it.

A fund's and a line's totals stand in their rows; here is what they are sums of. All of a line's
entries of one step add up to the line's total, so that whoever has the proofs of both can see that
no entry is missing and none too many.
"""

from collections.abc import Iterator
from typing import Annotated, Final, final

from msgspec import Meta

from ledger import views
from ledger.query import PAGE_ROWS_DEFAULT, After, Limit, Page, entry_name, no_place
from node.reports.moment import Moment, Report
from node.reports.page import ENTRY_MAX, Bookmark, Order, bookmark_of, event_name
from primitives import limits
from primitives.ids import Height
from services.treasury.chart import Step
from services.treasury.funds import LineCode, Posted
from services.treasury.period import Period, period_of
from services.treasury.queries import OneFund, OneTreasury
from services.treasury.rows import JournalRow
from services.treasury.treasuries import TREASURIES
from storage.decision import TransactionPlace

_INDEX_MAX: Final = 2**32 - 1
"""No transaction of a block stands behind it."""


@final
class Journal(Report, tag="treasury.journal", frozen=True, kw_only=True):
    """What was posted to the funds of a treasury, step by step, the oldest first.

    A page may have fewer rows than it could while there are more: it ends after 20,000
    transactions.
    """

    treasury: OneTreasury
    period: Annotated[Period, Meta(description="only in this month, YYYY-MM")] | None
    fund: OneFund | None
    line: Annotated[LineCode, Meta(description="only on this line of the budget")] | None
    step: Annotated[Step, Meta(description="only this step")] | None
    after: After | None
    limit: Limit | None

    def tell(self, moment: Moment) -> Page[JournalRow]:
        """List.

        Raises:
            Malformed: `after` is no place.
        """
        treasury = TREASURIES.read(moment.state, self.treasury)
        if treasury is None:
            return Page([], None, [entry_name(TREASURIES, TREASURIES.key(self.treasury))])
        asset = views.asset(moment.state, treasury.asset)
        assert asset is not None, "a treasury is opened in an asset that exists"
        unit = (treasury.asset, asset.exponent)
        behind = bookmark_of(self.after)
        rows: list[JournalRow] = []
        last = behind
        for looked, place in enumerate(self._places(moment, behind)):
            if looked == limits.QUERY_PAGE_TRANSACTIONS_MAX:
                return _page(rows, last)
            for row in self._rows(moment, place, unit):
                at = Bookmark(place, row.entry)
                if behind is not None and place == behind.place and row.entry <= behind.entry:
                    continue
                if len(rows) == (self.limit or PAGE_ROWS_DEFAULT):
                    return _page(rows, last)
                rows.append(row)
                last = at
            last = Bookmark(place, ENTRY_MAX)
        return _page(rows, None)

    def _places(self, moment: Moment, behind: Bookmark | None) -> Iterator[TransactionPlace]:
        """Where the treasury is named: in the month that is asked for, behind a bookmark."""
        start = None if self.period is None else _before(moment, self.period)
        if behind is not None:
            if not moment.holds(behind.place):
                raise no_place(str(behind))
            yield behind.place
            start = behind.place
        for place in moment.places(self.treasury, Order.OLDEST, behind=start):
            time_ms = moment.header(place.height).time_ms
            if self.period is not None and period_of(time_ms) > self.period:
                return
            yield place

    def _rows(
        self, moment: Moment, place: TransactionPlace, unit: tuple[str, int]
    ) -> Iterator[JournalRow]:
        receipt = moment.receipt(place)
        for entry, event in enumerate(receipt.events):
            if isinstance(event, Posted) and self._asks_for(event):
                time_ms = moment.header(place.height).time_ms
                yield JournalRow(
                    time_ms=time_ms,
                    height=place.height,
                    index=place.index,
                    entry=entry,
                    period=period_of(time_ms),
                    fund=event.fund,
                    apportionment=event.apportionment,
                    line=event.line,
                    step=event.step.value,
                    amount_minor=event.amount,
                    asset=unit[0],
                    exponent=unit[1],
                    transaction=receipt.transaction_id,
                )

    def _asks_for(self, event: Posted) -> bool:
        return event.treasury == self.treasury and all(
            asked in {None, found}
            for asked, found in (
                (self.fund, event.fund),
                (self.line, event.line),
                (self.step, event.step),
            )
        )


def _page(rows: list[JournalRow], last: Bookmark | None) -> Page[JournalRow]:
    names = [event_name(row.transaction, row.entry) for row in rows]
    return Page(rows, None if last is None else str(last), names)


def _before(moment: Moment, period: Period) -> TransactionPlace | None:
    """The last place before a month."""
    low, high = moment.since, Height(moment.height + 1)
    while low < high:  # the first block that is not before it: block times only rise
        middle = Height((low + high) // 2)
        if period_of(moment.header(middle).time_ms) < period:
            low = Height(middle + 1)
        else:
            high = middle
    return None if low == 0 else TransactionPlace(Height(low - 1), _INDEX_MAX)
