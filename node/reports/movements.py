"""What happened to an account's balance in one asset, one movement after the other.

A movement is read from the events in receipts: nothing else moves money. A **payment** leaves the
account for another, by a transfer or because a hold on it was captured. A **credit note** is what a
running account pays to it: somebody for whom another signs, such as a vendor, gives back. What any
other account pays to it is only **received**.
"""

from collections.abc import Iterator
from enum import Enum, unique
from typing import Any, Final, NamedTuple, final

from ledger.holds import Captured
from ledger.query import no_place
from node.reports.moment import Moment
from node.reports.page import Bookmark, Order
from primitives.ids import AccountId, TransactionId
from services.money import Issued, Retired, Transferred
from storage.decision import TransactionPlace


@unique
class MovementKind(Enum):
    """What moved the balance."""

    OPENING = "opening"
    """Genesis gave it; there is no transaction."""
    PAYMENT = "payment"
    CREDIT_NOTE = "credit_note"
    RECEIVED = "received"
    ISSUED = "issued"
    RETIRED = "retired"


SPENDING: Final = frozenset({MovementKind.PAYMENT, MovementKind.CREDIT_NOTE})
"""What totals are sums of."""


@final
class Movement(NamedTuple):
    """One movement. `change` is what it did to the balance."""

    kind: MovementKind
    place: TransactionPlace
    entry: int
    """Number of its event in the transaction."""
    transaction: TransactionId
    other: AccountId
    change: int
    reference: str
    date: str
    """The value date, else the day of the block."""


@final
class Step(NamedTuple):
    """What one transaction did to the account; perhaps nothing."""

    place: TransactionPlace
    found: list[Movement]


def movements(
    moment: Moment,
    account: AccountId,
    asset: str,
    order: Order,
    *,
    behind: Bookmark | None = None,
    named: AccountId | None = None,
) -> Iterator[Step]:
    """Transaction by transaction, those that name the account, behind a bookmark in this order.

    With `named`, only transactions that
    name this account too are looked at.

    Raises:
        Malformed: nothing stands at the bookmark's place.
    """
    if behind is None:
        start = None
    else:
        start = behind.place
        if not moment.holds(start):
            raise no_place(str(behind))
        rest = [
            each
            for each in _within(moment, start, account, asset, order)
            if (each.entry > behind.entry if order is Order.OLDEST else each.entry < behind.entry)
        ]
        yield Step(start, rest)
    for place in moment.places(named or account, order, behind=start):
        yield Step(place, _within(moment, place, account, asset, order))


def _within(
    moment: Moment, place: TransactionPlace, account: AccountId, asset: str, order: Order
) -> list[Movement]:
    receipt = moment.receipt(place)
    found = [
        Movement(
            kind,
            place,
            entry,
            receipt.transaction_id,
            other,
            change,
            event.reference or "",
            getattr(event, "value_date", None) or moment.day(place.height),
        )
        for entry, event in enumerate(receipt.events)
        for kind, other, change in _effects(moment, event, account, asset)
    ]
    return found if order is Order.OLDEST else found[::-1]


def _effects(
    moment: Moment,
    event: Any,  # noqa: ANN401 - of any service
    account: AccountId,
    asset: str,
) -> Iterator[tuple[MovementKind, AccountId, int]]:
    match event:
        case Transferred(asset=code, payer=payer, to=to, amount=amount) if code == asset:
            if payer == account:
                yield MovementKind.PAYMENT, to, -amount
            elif to == account:
                back = moment.is_running(payer)
                yield MovementKind.CREDIT_NOTE if back else MovementKind.RECEIVED, payer, amount
        case Captured(asset=code, account=payer, to=to, amount=amount) if code == asset:
            if payer == account:
                yield MovementKind.PAYMENT, to, -amount
            elif to == account:
                back = moment.is_running(payer)
                yield MovementKind.CREDIT_NOTE if back else MovementKind.RECEIVED, payer, amount
        case Issued(asset=code, to=to, amount=amount, issuer=issuer) if code == asset:
            if to == account:
                yield MovementKind.ISSUED, issuer, amount
        case Retired(asset=code, amount=amount, issuer=issuer) if code == asset:
            if issuer == account:
                yield MovementKind.RETIRED, issuer, -amount
