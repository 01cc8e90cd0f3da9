"""What happened to an account's balance in one asset, one movement after the other.

A movement is read from the events in receipts: nothing else moves money, and each event says itself
what it moved (`Event.moves`). A **payment** leaves the
account for another, by a transfer or because a hold on it was captured. A **credit note** is what a
running account pays to it: somebody for whom another signs, such as a vendor, gives back. What any
other account pays to it is only **received**.
"""

from collections.abc import Iterator
from enum import Enum, unique
from typing import Final, NamedTuple, final

from ledger.movements import MovementKind as Moved
from ledger.operation import Event
from ledger.query import no_place
from node.reports.moment import Moment
from node.reports.page import Bookmark, Order
from primitives.ids import AccountId, TransactionId
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
            getattr(event, "reference", None) or "",
            getattr(event, "value_date", None) or moment.day(place.height),
        )
        for entry, event in enumerate(receipt.events)
        for kind, other, change in _effects(moment, event, account, asset)
    ]
    return found if order is Order.OLDEST else found[::-1]


def _effects(
    moment: Moment,
    event: Event,
    account: AccountId,
    asset: str,
) -> Iterator[tuple[MovementKind, AccountId, int]]:
    movement = event.moves()
    if movement is None or movement.asset != asset:
        return
    payer, to, amount = movement.payer, movement.to, movement.amount
    match movement.kind:
        case Moved.PAID if payer == account:
            yield MovementKind.PAYMENT, to, -amount
        case Moved.PAID if to == account:
            back = moment.is_running(payer)
            yield MovementKind.CREDIT_NOTE if back else MovementKind.RECEIVED, payer, amount
        case Moved.ISSUED if to == account:
            yield MovementKind.ISSUED, payer, amount
        case Moved.RETIRED if payer == account:
            yield MovementKind.RETIRED, to, -amount
