"""Queries that list what there is: accounts, observers, transactions, blocks, stamps."""

from collections.abc import Iterator
from typing import Annotated, final

from msgspec import Meta, Struct

from ledger import views
from ledger.accounts import ACCOUNTS, AccountKind
from ledger.observers import OBSERVERS
from ledger.operation import code
from ledger.receipt import Outcome
from node.queries import BalanceAnswer
from node.reports.moment import Moment
from node.reports.page import (
    PAGE_ROWS_DEFAULT,
    After,
    Bookmark,
    Limit,
    OneAccount,
    Order,
    Page,
    bookmark_of,
    key_of,
    page_of,
)
from primitives import limits
from primitives.block import block_id
from primitives.ids import (
    AccountId,
    BlockId,
    Digest,
    Height,
    Natural,
    NodeKey,
    Sized32,
    TimeMs,
    TransactionId,
    View,
    ViewNumber,
)
from services.registry import STAMPS, StampAct
from storage.decision import TransactionPlace

_NewestFirst = Annotated[Order, Meta(description="which end first; newest if none")]


@final
class Accounts(Struct, frozen=True, kw_only=True):
    """All accounts with what they hold, in the order of their ids.

    A running account has a keeper, who signs for it, and may be below zero if its floor says so.
    """

    after: After | None
    limit: Limit | None


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
class Transactions(Struct, frozen=True, kw_only=True):
    """The transactions that name an account: as actor, payer, payee or in any other part."""

    account: OneAccount
    order: _NewestFirst | None
    after: After | None
    limit: Limit | None


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
class Blocks(Struct, frozen=True, kw_only=True):
    """The blocks of the chain."""

    order: _NewestFirst | None
    after: After | None
    limit: Limit | None


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
class Stamps(Struct, frozen=True, kw_only=True):
    """Stamps of documents, in the order of their commitments; of one document, or of one author.

    A page may have fewer rows than it could while there are more: it ends after 20,000 stamps.
    """

    commitment: (
        Annotated[Digest, Meta(min_length=32, max_length=32, description="only of this commitment")]
        | None
    )
    by: (
        Annotated[
            AccountId, Meta(min_length=32, max_length=32, description="only stamps of this account")
        ]
        | None
    )
    after: After | None
    limit: Limit | None


@final
class StampRow(Struct, frozen=True, kw_only=True):
    """A stamp: `by` says `act` of the document behind the commitment."""

    commitment: Sized32[Digest]
    by: Sized32[AccountId]
    act: StampAct
    time_ms: Natural[TimeMs]
    height: Natural[Height]
    transaction: Sized32[TransactionId]


@final
class Observers(Struct, frozen=True, kw_only=True):
    """All nodes that were ever admitted without a vote, in the order of their node keys."""

    after: After | None
    limit: Limit | None


@final
class NodeRow(Struct, frozen=True, kw_only=True):
    """An observer: bound to an account in block `since`; revoked in block `until`, or in force."""

    name: str
    node_key: Sized32[NodeKey]
    account: Sized32[AccountId]
    since: Natural[Height]
    until: Natural[Height] | None


def accounts(moment: Moment, asked: Accounts) -> Page[AccountRow]:
    """List.

    Raises:
        Malformed: `after` is no place.
    """
    wanted = asked.limit or PAGE_ROWS_DEFAULT
    exponents: dict[str, int] = {}

    def balances(holder: AccountId) -> Iterator[BalanceAnswer]:
        held = views.balances(moment.state, holder, limit=limits.API_BALANCES_MAX)
        for asset, amount in held.items():
            if asset not in exponents:
                exponents[asset] = moment.asset(asset)[1]
            yield BalanceAnswer(asset=asset, amount=amount, exponent=exponents[asset])

    found = ACCOUNTS.scan(moment.state, after=key_of(asked.after), limit=wanted + 1)
    return page_of(
        (
            (
                key.hex(),
                AccountRow(
                    id=AccountId(key),
                    kind=account.kind,
                    name=account.name,
                    keeper=account.keeper,
                    floor=account.floor,
                    balances=tuple(balances(AccountId(key))),
                ),
            )
            for key, account in found
        ),
        wanted,
    )


def observers(moment: Moment, asked: Observers) -> Page[NodeRow]:
    """List.

    Raises:
        Malformed: `after` is no place.
    """
    wanted = asked.limit or PAGE_ROWS_DEFAULT
    found = OBSERVERS.scan(moment.state, after=key_of(asked.after), limit=wanted + 1)
    return page_of(
        (
            (
                key.hex(),
                NodeRow(
                    name=row.name,
                    node_key=NodeKey(key),
                    account=row.account,
                    since=row.since,
                    until=row.until,
                ),
            )
            for key, row in found
        ),
        wanted,
    )


def transactions(moment: Moment, asked: Transactions) -> Page[TransactionRow]:
    """List.

    Raises:
        Rejected: no such account.
        Malformed: `after` is no place.
    """
    moment.account(asked.account)
    behind = bookmark_of(asked.after)
    places = moment.places(
        asked.account, asked.order or Order.NEWEST, behind=None if behind is None else behind.place
    )
    return page_of(
        ((str(Bookmark(place, 0)), _transaction_row(moment, place)) for place in places),
        asked.limit,
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
        operations=tuple(code(call.operation) for call in transaction.body.calls),
    )


def blocks(moment: Moment, asked: Blocks) -> Page[BlockRow]:
    """List.

    Raises:
        Malformed: `after` is no place.
    """
    behind = bookmark_of(asked.after)
    heights = moment.heights(
        asked.order or Order.NEWEST, behind=None if behind is None else behind.place.height
    )
    return page_of(
        (
            (str(Bookmark(TransactionPlace(height, 0), 0)), _block_row(moment, height))
            for height in heights
        ),
        asked.limit,
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


def stamps(moment: Moment, asked: Stamps) -> Page[StampRow]:
    """List.

    Raises:
        Malformed: `after` is no place.
    """
    wanted = asked.limit or PAGE_ROWS_DEFAULT
    scanned = STAMPS.scan(
        moment.state,
        prefix=asked.commitment or b"",
        after=key_of(asked.after),
        limit=limits.QUERY_PAGE_TRANSACTIONS_MAX,
    )
    rows: list[StampRow] = []
    last = b""
    for count, (key, stamp) in enumerate(scanned, start=1):
        by = AccountId(key[32:64])
        if asked.by is None or by == asked.by:
            if len(rows) == wanted:
                return Page(rows, last.hex())
            row = StampRow(
                commitment=Digest(key[:32]),
                by=by,
                act=StampAct(key[64:].decode("ascii")),
                time_ms=stamp.time_ms,
                height=stamp.height,
                transaction=stamp.transaction,
            )
            rows.append(row)
        last = key
        if count == limits.QUERY_PAGE_TRANSACTIONS_MAX:
            return Page(rows, last.hex())
    return Page(rows, None)
