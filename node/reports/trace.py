"""Where public money went, and where it came from: `walk` as a query."""

import re
from collections.abc import Sequence
from enum import Enum, unique
from typing import Annotated, Final, final

from msgspec import Meta, Struct

from ledger import views
from ledger.assets import AssetCode
from ledger.query import PAGE_ROWS_DEFAULT, After, Limit, Page, no_place
from node.reports.moment import Moment, Report
from node.reports.page import event_name
from node.reports.walk import ACCOUNT, AWARD, FUND, VOUCHER, At, Relation, Spot, Step, Sum, Walk
from primitives import limits
from primitives.errors import Malformed
from primitives.ids import AccountId, Height, Sized32, TransactionId
from storage.decision import TransactionPlace

_NOWHERE: Final = At(TransactionPlace(Height(0), 0), 0)
_START: Final = re.compile(r"(fund|award|voucher|account|payment):([ -~]{1,160})")
_PAYMENT: Final = re.compile(r"[0-9a-f]{64}/[!-~](?:[ -~]*[!-~])?")
_ACCOUNT: Final = re.compile(r"[0-9a-f]{64}")


@unique
class Direction(Enum):
    """Which way."""

    FORWARD = "forward"
    BACK = "back"


@unique
class RowsOf(Enum):
    """What a row is."""

    STEPS = "steps"
    """All movements between the same two at one depth, summed up."""
    MOVEMENTS = "movements"
    """One payment."""


@final
class TraceRow(Struct, frozen=True, kw_only=True):
    """All steps of one kind from one to another, at one depth: their sum, the first and the last.

    Giver and receiver are an account's id, or `fund CODE`, `line CODE`, `award CODE`, `voucher
    PAYEE/INVOICE`. `transaction` is that of the first step, which `proof` proves; a step that is a
    row of the state has none, and its row is proved.
    """

    depth: int
    relation: Relation
    giver: str
    receiver: str
    amount_minor: int
    count: int
    first: str | None
    last: str | None
    asset: AssetCode
    exponent: int
    transaction: Sized32[TransactionId] | None
    proof: str


@final
class Trace(Report, tag="treasury.trace", frozen=True, kw_only=True):
    """Follow money from a fund, an award, an invoice, a payment or an account, step by step.

    From a payment of an award on, what payers said to be paid out of it is followed, and tokens
    are; from an account, everything that it paid after the money came. Money that came back to the
    treasury is not followed any further. A step between the same two at the same depth is one row.
    """

    from_: Annotated[
        str,
        Meta(
            max_length=180,
            description="fund:CODE, award:CODE, voucher:PAYEE/INVOICE, payment:PAYER/REFERENCE or "
            "account:ID; accounts by their ids",
        ),
    ]
    depth: (
        Annotated[
            int, Meta(ge=1, le=limits.TRACE_DEPTH_MAX, description="steps at most; 6 if none")
        ]
        | None
    )
    direction: Annotated[Direction, Meta(description="which way; forward if none")] | None
    asset: (
        Annotated[
            AssetCode,
            Meta(
                description="from an account: money of what; may be left out if there is only one"
            ),
        ]
        | None
    )
    rows: Annotated[RowsOf, Meta(description="what a row is; steps if none")] | None
    after: After | None
    limit: Limit | None

    def tell(self, moment: Moment) -> Page[TraceRow]:
        """Walk, and list the steps.

        Raises:
            Malformed: `from_` names nothing, or `after` is no place.
            Rejected: it leads over more than a query may look at, or not all is kept here.
        """
        moment.need_all()
        each = self.rows is RowsOf.MOVEMENTS
        walk = Walk(moment, back=self.direction is Direction.BACK, each=each)
        start = self._start(moment, walk)
        if start is not None:
            walk.go(dict((start,)), self.depth or 6)
        steps = sorted(walk.sums.items(), key=lambda step: _order(step[0]))
        begun = _number(self.after)
        wanted = self.limit or PAGE_ROWS_DEFAULT
        rows = _rows(moment, steps[begun : begun + wanted])
        more = begun + wanted < len(steps)
        return Page(rows, str(begun + wanted) if more else None, [row.proof for row in rows])

    def _start(self, moment: Moment, walk: Walk) -> tuple[Spot, At | None] | None:
        found = _START.fullmatch(self.from_)
        if found is None:
            raise _bad(self.from_)
        kind, name = found.groups()
        match kind:
            case "payment" if _PAYMENT.fullmatch(name):
                paid = walk.at_payment(name)
                return (paid[0], None) if paid and self.direction is Direction.BACK else paid
            case "account" if _ACCOUNT.fullmatch(name):
                asset, _ = moment.asset(self.asset)
                moment.account(AccountId(bytes.fromhex(name)))
                return Spot(ACCOUNT, name, asset), None
            case "voucher" if _PAYMENT.fullmatch(name):
                return Spot(VOUCHER, name), None
            case "fund":
                return Spot(FUND, name), None
            case "award":
                return Spot(AWARD, name), None
        raise _bad(self.from_)


def _bad(word: str) -> Malformed:
    return Malformed(
        "from_: expected fund:CODE, award:CODE, voucher:PAYEE/INVOICE, payment:PAYER/REFERENCE or "
        f"account:ID with ids of 64 hexadecimal digits, found {word!r}"
    )


def _order(step: Step) -> tuple[object, ...]:
    return step.depth, step.relation.value, step.giver, step.receiver, step.asset, step.at or ()


def _number(after: str | None) -> int:
    if after is None:
        return 0
    if not (after.isascii() and after.isdigit() and len(after) < 9):
        raise no_place(after)
    return int(after)


def _rows(moment: Moment, steps: Sequence[tuple[Step, Sum]]) -> list[TraceRow]:
    """Made in the order of the chain, so that each block is read once; told in their own."""
    places = {number: summed.first for number, (_, summed) in enumerate(steps)}
    made = {
        number: _row(moment, *steps[number])
        for number in sorted(places, key=lambda number: places[number] or _NOWHERE)
    }
    return [made[number] for number in range(len(steps))]


def _row(moment: Moment, step: Step, summed: Sum) -> TraceRow:
    asset = views.asset(moment.state, step.asset)
    transaction, proof = None, summed.entry or ""
    if summed.first is not None:
        transaction = moment.receipt(summed.first.place).transaction_id
        proof = event_name(transaction, summed.first.entry)
    return TraceRow(
        depth=step.depth,
        relation=step.relation,
        giver=step.giver,
        receiver=step.receiver,
        amount_minor=summed.amount,
        count=summed.count,
        first=None if summed.first is None else moment.day(summed.first.place.height),
        last=None if summed.last is None else moment.day(summed.last.place.height),
        asset=step.asset,
        exponent=0 if asset is None else asset.exponent,
        transaction=transaction,
        proof=proof,
    )
