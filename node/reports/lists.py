"""Queries that list what there is: accounts, observers, transactions, blocks."""

from typing import Annotated, final

from msgspec import Meta, Struct

from ledger.accounts import ACCOUNTS, Account, AccountKind
from ledger.observers import OBSERVERS, ObserverRow
from ledger.operation import code
from ledger.query import After, Limit, OneAccount, Page, Query, Reading
from ledger.receipt import Outcome
from node.queries import BalanceAnswer, balances_of
from node.reports.moment import Moment, Report
from node.reports.page import (
    Bookmark,
    Order,
    bookmark_of,
    page_of,
)
from primitives import limits
from primitives.block import block_id
from primitives.ids import (
    AccountId,
    BlockId,
    Height,
    Natural,
    NodeKey,
    Sized32,
    TimeMs,
    TransactionId,
    View,
    ViewNumber,
)
from storage.decision import TransactionPlace

_NewestFirst = Annotated[Order, Meta(description="which end first; newest if none")]


@final
class AccountRow(Struct, frozen=True, kw_only=True):
    """An account. A floor of null is none: its balance may fall without end."""

    id: Sized32[AccountId]
    kind: AccountKind
    name: str
    keeper: Sized32[AccountId] | None
    floor: int | None
    balances: tuple[BalanceAnswer, ...]


@final
class TransactionRow(Struct, frozen=True, kw_only=True):
    """A committed transaction; `refusal` is the code of a refused one, `operations` its calls'."""

    id: Sized32[TransactionId]
    height: Natural[Height]
    index: Natural[int]
    time_ms: Natural[TimeMs]
    outcome: Outcome
    refusal: str | None
    operations: tuple[str, ...]


@final
class BlockRow(Struct, frozen=True, kw_only=True):
    """A block; how many transactions it has, in which view how many validators certified it."""

    height: Natural[Height]
    id: Sized32[BlockId]
    time_ms: Natural[TimeMs]
    transactions: Natural[int]
    view: ViewNumber[View] | None
    seals: Natural[int]


@final
class NodeRow(Struct, frozen=True, kw_only=True):
    """An observer: bound to an account in block `since`; revoked in block `until`, or in force."""

    name: str
    node_key: Sized32[NodeKey]
    account: Sized32[AccountId]
    since: Natural[Height]
    until: Natural[Height] | None


@final
class Accounts(Query, tag="ledger.accounts", frozen=True, kw_only=True):
    """All accounts with what they hold, in the order of their ids.

    A running account has a keeper, who signs for it, and may be below zero if its floor says so.
    """

    after: After | None
    limit: Limit | None

    def answer(self, reading: Reading) -> Page[AccountRow]:
        """List."""

        def row(key: bytes, account: Account) -> AccountRow:
            return AccountRow(
                id=AccountId(key),
                kind=account.kind,
                name=account.name,
                keeper=account.keeper,
                floor=account.floor,
                balances=tuple(
                    balances_of(reading.state, AccountId(key), limit=limits.API_BALANCES_MAX)
                ),
            )

        return reading.list(ACCOUNTS, row, after=self.after, limit=self.limit)


@final
class Observers(Query, tag="authority.observers", frozen=True, kw_only=True):
    """All nodes that were ever admitted without a vote, in the order of their node keys."""

    after: After | None
    limit: Limit | None

    def answer(self, reading: Reading) -> Page[NodeRow]:
        """List."""

        def row(key: bytes, observer: ObserverRow) -> NodeRow:
            return NodeRow(
                name=observer.name,
                node_key=NodeKey(key),
                account=observer.account,
                since=observer.since,
                until=observer.until,
            )

        return reading.list(OBSERVERS, row, after=self.after, limit=self.limit)


@final
class Transactions(Report, tag="ledger.transactions", frozen=True, kw_only=True):
    """The transactions that name an account: as actor, payer, payee or in any other part."""

    account: OneAccount
    order: _NewestFirst | None
    after: After | None
    limit: Limit | None

    def tell(self, moment: Moment) -> Page[TransactionRow]:
        """List.

        Raises:
            Rejected: no such account.
            Malformed: `after` is no place.
        """
        moment.account(self.account)
        behind = bookmark_of(self.after)
        places = moment.places(
            self.account,
            self.order or Order.NEWEST,
            behind=None if behind is None else behind.place,
        )
        return page_of(
            ((str(Bookmark(place, 0)), _transaction_row(moment, place)) for place in places),
            self.limit,
            lambda row: f"transactions/{row.id.hex()}",
        )


def _transaction_row(moment: Moment, place: TransactionPlace) -> TransactionRow:
    receipt, transaction = moment.receipt(place), moment.transaction(place)
    return TransactionRow(
        id=receipt.transaction_id,
        height=place.height,
        index=place.index,
        time_ms=moment.header(place.height).time_ms,
        outcome=receipt.outcome,
        refusal=None if receipt.refusal is None else code(receipt.refusal),
        operations=tuple(
            code(call.operation) for call in (() if transaction is None else transaction.body.calls)
        ),
    )


@final
class Blocks(Report, tag="chain.blocks", frozen=True, kw_only=True):
    """The blocks of the chain."""

    order: _NewestFirst | None
    after: After | None
    limit: Limit | None

    def tell(self, moment: Moment) -> Page[BlockRow]:
        """List.

        Raises:
            Malformed: `after` is no place.
        """
        behind = bookmark_of(self.after)
        heights = moment.heights(
            self.order or Order.NEWEST, behind=None if behind is None else behind.place.height
        )
        return page_of(
            (
                (str(Bookmark(TransactionPlace(height, 0), 0)), _block_row(moment, height))
                for height in heights
            ),
            self.limit,
        )


def _block_row(moment: Moment, height: Height) -> BlockRow:
    header, certificate = moment.header(height), moment.store.certificate(height)
    return BlockRow(
        height=height,
        id=block_id(header),
        time_ms=header.time_ms,
        transactions=moment.count(height),
        view=None if certificate is None else certificate.view,
        seals=0 if certificate is None else len(certificate.seals),
    )
