"""Queries about money: totals, the entries behind them, statements.

Totals are over what an account spent: net = payments − credit notes (`movements`). Every row of
totals names the query that lists what it sums, every entry its transaction, and every transaction
has a proof.
"""

from collections.abc import Callable, Iterator
from enum import Enum, unique
from typing import Annotated, Final, final
from urllib.parse import urlencode

from msgspec import Meta, Struct

from ledger.assets import AssetCode
from ledger.books import Description
from ledger.query import PAGE_ROWS_DEFAULT, After, Limit, OneAccount, Page, too_wide
from node.reports.moment import Moment, Report
from node.reports.movements import SPENDING, Movement, MovementKind, movements
from node.reports.page import (
    ENTRY_MAX,
    Bookmark,
    Order,
    at_most,
    bookmark_of,
    event_name,
    page_of,
)
from primitives import limits
from primitives.ids import AccountId, Height, Sized32, TransactionId
from storage.decision import TransactionPlace

_Asset = Annotated[
    AssetCode, Meta(description="of what, such as GBP; may be left out where there is only one")
]
_Year = Annotated[int, Meta(ge=1, le=9999, description="only entries of this year")]


@unique
class TotalsBy(Enum):
    """What the rows of totals are of."""

    YEAR = "year"
    PAYEE = "payee"
    DESCRIPTION = "description"


@final
class TotalRow(Struct, frozen=True, kw_only=True):
    """One year, payee or description. `entries` is the query that lists what the row sums."""

    key: str
    payments_minor: int
    credit_notes_minor: int
    net_minor: int
    count: int
    asset: AssetCode
    exponent: int
    entries: str


@final
class EntryRow(Struct, frozen=True, kw_only=True):
    """A payment or a credit note. `entry` is the number of its event in the transaction."""

    date: str
    kind: MovementKind
    payee: Sized32[AccountId]
    description: str
    reference: str
    payment_minor: int
    credit_note_minor: int
    asset: AssetCode
    exponent: int
    transaction: Sized32[TransactionId]
    height: Height
    index: int
    entry: int


@final
class StatementRow(Struct, frozen=True, kw_only=True):
    """An entry of a statement; `transaction` and `other` are null where genesis gave."""

    date: str
    kind: MovementKind
    other: Sized32[AccountId] | None
    description: str
    reference: str
    paid_minor: int
    received_minor: int
    balance_minor: int
    asset: AssetCode
    exponent: int
    transaction: Sized32[TransactionId] | None
    height: Height
    index: int
    entry: int


@final
class Totals(Report, tag="money.totals", frozen=True, kw_only=True):
    """What an account paid, and what came back, by year, payee or description.

    A payment is a line of a transfer that the account paid. A credit note is a line that a running
    account paid to it; what came from other accounts is income and is not in here. A line counts
    for the year of its value date, else of its block, and for the account at its other end. So net
    is the sum of the amounts in the agency's own records, where a credit note is negative.

    Years come in order, payees and descriptions by net, the largest first.
    """

    account: OneAccount
    by: Annotated[TotalsBy, Meta(description="what a row is of")]
    asset: _Asset | None

    def tell(self, moment: Moment) -> Page[TotalRow]:
        """Sum up.

        Raises:
            Rejected: no such account or asset, more groups or transactions than it may go over, or
                not all that it sums is kept here.
        """
        moment.need_all()
        moment.account(self.account)
        asset, exponent = moment.asset(self.asset)
        key_of, filter_of = _GROUPINGS[self.by]
        sums: dict[str, list[int]] = {}
        steps = movements(moment, self.account, asset, Order.OLDEST)
        for step in at_most(steps, limits.QUERY_TRANSACTIONS_MAX, "transactions"):
            for each in step.found:
                if each.kind not in SPENDING:
                    continue
                key = key_of(moment, self.account, each)
                row = sums.get(key)
                if row is None:
                    if len(sums) == limits.QUERY_GROUPS_MAX:
                        raise too_wide(limits.QUERY_GROUPS_MAX, "groups")
                    row = sums[key] = [0, 0, 0]
                row[0 if each.kind is MovementKind.PAYMENT else 1] += abs(each.change)
                row[2] += 1
        rows = [
            TotalRow(
                key=key,
                payments_minor=paid,
                credit_notes_minor=back,
                net_minor=paid - back,
                count=count,
                asset=asset,
                exponent=exponent,
                entries=_entries_path(self.account, asset, {filter_of: key}),
            )
            for key, (paid, back, count) in sums.items()
        ]
        if self.by is TotalsBy.YEAR:
            return Page(sorted(rows, key=lambda row: row.key), None)
        return Page(sorted(rows, key=lambda row: (-row.net_minor, row.key)), None)


def _year(moment: Moment, account: AccountId, each: Movement) -> str:  # noqa: ARG001 - as the others
    return each.date[:4]


def _payee(moment: Moment, account: AccountId, each: Movement) -> str:  # noqa: ARG001 - as the others
    return each.other.hex()


def _description(moment: Moment, account: AccountId, each: Movement) -> str:
    if each.kind is MovementKind.OPENING or each.kind in _UNDESCRIBED:
        return ""
    payer = account if each.kind is MovementKind.PAYMENT else each.other
    return moment.description(each.place, payer, each.reference)


_UNDESCRIBED: Final = frozenset({MovementKind.ISSUED, MovementKind.RETIRED})
_GROUPINGS: Final[dict[TotalsBy, tuple[Callable[[Moment, AccountId, Movement], str], str]]] = {
    TotalsBy.YEAR: (_year, "year"),
    TotalsBy.PAYEE: (_payee, "payee"),
    TotalsBy.DESCRIPTION: (_description, "description"),
}
"""How a movement finds its row, and by which parameter of the entries it is found again."""


def _entries_path(account: AccountId, asset: str, chosen: dict[str, str]) -> str:
    asked = {"account": account.hex(), "asset": asset, **chosen}
    return f"/v1/queries/money.entries?{urlencode(asked)}"


@final
class Entries(Report, tag="money.entries", frozen=True, kw_only=True):
    """The payments and credit notes of an account one by one, oldest first: what totals sum.

    Each names its transaction, whose proof anybody can check. A page may have fewer rows than it
    could while there are more: it ends after 20,000 transactions.
    """

    account: OneAccount
    asset: _Asset | None
    payee: (
        Annotated[
            AccountId,
            Meta(min_length=32, max_length=32, description="only entries with this account"),
        ]
        | None
    )
    year: _Year | None
    description: (
        Annotated[Description, Meta(description="only entries with exactly this text")] | None
    )
    after: After | None
    limit: Limit | None

    def tell(self, moment: Moment) -> Page[EntryRow]:
        """List.

        Raises:
            Rejected: no such account or asset.
            Malformed: `after` is no place.
        """
        moment.account(self.account)
        asset, exponent = moment.asset(self.asset)
        wanted = self.limit or PAGE_ROWS_DEFAULT
        rows: list[EntryRow] = []
        steps = movements(
            moment,
            self.account,
            asset,
            Order.OLDEST,
            behind=bookmark_of(self.after),
            named=self.payee,
        )
        last = None
        for count, step in enumerate(steps, start=1):
            for each in step.found:
                if not _is_asked_for(moment, self, each):
                    continue
                if len(rows) == wanted:
                    return _entries(rows, last)
                rows.append(_entry_row(moment, self.account, each, asset, exponent))
                last = str(Bookmark(each.place, each.entry))
            if count == limits.QUERY_PAGE_TRANSACTIONS_MAX:
                return _entries(rows, str(Bookmark(step.place, ENTRY_MAX)))
        return _entries(rows, None)


def _entries(rows: list[EntryRow], following: str | None) -> Page[EntryRow]:
    return Page(rows, following, [event_name(row.transaction, row.entry) for row in rows])


def _is_asked_for(moment: Moment, asked: Entries, each: Movement) -> bool:
    return (
        each.kind in SPENDING
        and (asked.payee is None or each.other == asked.payee)
        and (asked.year is None or int(each.date[:4]) == asked.year)
        and (
            asked.description is None
            or _description(moment, asked.account, each) == asked.description
        )
    )


def _entry_row(
    moment: Moment, account: AccountId, each: Movement, asset: str, exponent: int
) -> EntryRow:
    return EntryRow(
        date=each.date,
        kind=each.kind,
        payee=each.other,
        description=_description(moment, account, each),
        reference=each.reference,
        payment_minor=max(-each.change, 0),
        credit_note_minor=max(each.change, 0),
        asset=asset,
        exponent=exponent,
        transaction=each.transaction,
        height=each.place.height,
        index=each.place.index,
        entry=each.entry,
    )


@final
class Statement(Report, tag="money.statement", frozen=True, kw_only=True):
    """Everything that moved an account's balance, with the balance after each entry.

    It begins with what genesis gave, if it gave anything. The balance of the newest entry is what
    the account holds at the answer's height. Below zero is what it owes.
    """

    account: OneAccount
    asset: _Asset | None
    order: Annotated[Order, Meta(description="which end first; oldest if none")] | None
    after: After | None
    limit: Limit | None

    def tell(self, moment: Moment) -> Page[StatementRow]:
        """List with the balance after each.

        Raises:
            Rejected: no such account or asset; or oldest first where the oldest are not kept.
            Malformed: `after` is no place.
        """
        if self.order is not Order.NEWEST:
            moment.need_all()
        moment.account(self.account)
        asset, exponent = moment.asset(self.asset)
        behind = bookmark_of(self.after)
        find = _from_the_oldest if self.order is not Order.NEWEST else _from_the_newest

        def rows() -> Iterator[tuple[str, StatementRow]]:
            for each, before, after in find(moment, self.account, asset, behind):
                # Going on from here, the oldest first needs what is held after it, else before it.
                held = after if self.order is not Order.NEWEST else before
                place = str(Bookmark(each.place, each.entry, held))
                yield place, _statement_row(moment, self.account, each, after, asset, exponent)

        return page_of(rows(), self.limit, _statement_proof)


def _statement_proof(row: StatementRow) -> str | None:
    return None if row.transaction is None else event_name(row.transaction, row.entry)


Balanced = tuple[Movement, int, int]
"""A movement, what was held before it, and after."""


def _from_the_oldest(
    moment: Moment, account: AccountId, asset: str, behind: Bookmark | None
) -> Iterator[Balanced]:
    if behind is None:
        balance = moment.opening(account, asset)
        if balance:
            yield _opening(moment, account, balance), 0, balance
    else:
        balance = behind.balance
        behind = None if behind.place.height == 0 else behind
    for step in movements(moment, account, asset, Order.OLDEST, behind=behind):
        for each in step.found:
            yield each, balance, balance + each.change
            balance += each.change


def _from_the_newest(
    moment: Moment, account: AccountId, asset: str, behind: Bookmark | None
) -> Iterator[Balanced]:
    if behind is not None and behind.place.height == 0:
        return
    balance = moment.balance(account, asset) if behind is None else behind.balance
    for step in movements(moment, account, asset, Order.NEWEST, behind=behind):
        for each in step.found:
            yield each, balance - each.change, balance
            balance -= each.change
    given = moment.opening(account, asset)
    if given and not moment.since:
        yield _opening(moment, account, given), 0, given


def _opening(moment: Moment, account: AccountId, amount: int) -> Movement:
    return Movement(
        kind=MovementKind.OPENING,
        place=TransactionPlace(Height(0), 0),
        entry=0,
        transaction=TransactionId(b""),
        other=account,
        change=amount,
        reference="",
        date=moment.day(Height(0)),
    )


def _statement_row(
    moment: Moment, account: AccountId, each: Movement, balance: int, asset: str, exponent: int
) -> StatementRow:
    opening = each.kind is MovementKind.OPENING
    return StatementRow(
        date=each.date,
        kind=each.kind,
        other=None if opening else each.other,
        description=_description(moment, account, each),
        reference=each.reference,
        paid_minor=max(-each.change, 0),
        received_minor=max(each.change, 0),
        balance_minor=balance,
        asset=asset,
        exponent=exponent,
        transaction=None if opening else each.transaction,
        height=each.place.height,
        index=each.place.index,
        entry=each.entry,
    )
