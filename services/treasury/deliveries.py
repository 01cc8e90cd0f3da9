"""Deliveries: what was received under an award, by whom, and that it is accepted.

Goods, works or a milestone are there, and an officer who did not order them says so. From then on
the agency owes the money; before, nothing can be invoiced, so nothing is ever paid in advance.
"""

from typing import Annotated, Final, NamedTuple, final

from msgspec import Meta, Struct
from msgspec.structs import replace

from ledger.act import Act
from ledger.assets import Amount
from ledger.operation import Event, Operation, Refusal, Refused
from ledger.state import Overlay, Table
from primitives import treasury_limits
from primitives.ids import AccountId, Digest, Natural, Sized32, TransactionId
from services.treasury import awards, lines
from services.treasury.awards import (
    RECIPIENT,
    AwardCode,
    AwardField,
    Number,
    award_key,
    judge_duties,
)
from services.treasury.offices import CONTRACTING_OFFICER, RECEIVING_OFFICER
from services.treasury.period import Day, Period, day_of, judge_day, period_of

Milestone = Annotated[
    str,
    Meta(pattern=r"^[A-Za-z0-9._-]+(?!\n)$", max_length=treasury_limits.MILESTONE_LENGTH_MAX),
]


@final
class Delivery(Struct, array_like=True, frozen=True):
    """The row of what was accepted, and how much of it is invoiced.

    `record` commits to the paper of acceptance, `period` is the month in which it was written; in
    `withdrawn` it was taken back.
    """

    amount: Natural[int]
    vouchered: Natural[int]
    receiver: Sized32[AccountId]
    date: Day
    milestone: Milestone | None
    record: Sized32[Digest] | None
    transaction: Sized32[TransactionId]
    period: Period
    withdrawn: Period | None


class DeliveryKey(NamedTuple):
    """A delivery is found by its award and its number, from 1."""

    award: str
    number: int


def _delivery_key(key: DeliveryKey) -> bytes:
    return award_key(key.award) + b":" + key.number.to_bytes(4, "big")


DELIVERIES: Final = Table[DeliveryKey, Delivery](74, "deliveries", _delivery_key, Delivery)


class UnknownDelivery(Refusal, tag="treasury.unknown_delivery", frozen=True):
    """Award {award} has no delivery {delivery}: {deliveries} were accepted."""

    award: AwardCode
    delivery: Number
    deliveries: Number


class IsWithdrawn(Refusal, tag="treasury.is_withdrawn", frozen=True):
    """Delivery {delivery} of award {award} was withdrawn in {period}."""

    award: AwardCode
    delivery: Number
    period: Period


class MoreThanAwarded(Refusal, tag="treasury.more_than_awarded", frozen=True):
    """Of award {award}, {amount}, are delivered {delivered}: {more} more were too many."""

    award: AwardCode
    amount: Natural[int]
    delivered: Natural[int]
    more: Amount


class OutsideTheTerm(Refusal, tag="treasury.outside_the_term", frozen=True):
    """Award {award} is delivered from {starts} to {ends}, not on {date}."""

    award: AwardCode
    starts: Day
    ends: Day
    date: Day


class NotYetDelivered(Refusal, tag="treasury.not_yet_delivered", frozen=True):
    """Nothing can have been delivered under award {award} on {date}: today is {today}."""

    award: AwardCode
    date: Day
    today: Day


@final
class DeliveryAccepted(Event, tag="treasury.delivery_accepted", frozen=True):
    """{receiver} accepted delivery {delivery} of award {award}: {amount} on {date}, {milestone}."""

    award: AwardCode
    delivery: Number
    amount: Amount
    receiver: Sized32[AccountId]
    date: Day
    milestone: Milestone | None


def need(state: Overlay, key: DeliveryKey) -> Delivery:
    """A delivery of an award that there is.

    Raises:
        Refused: there is no such delivery, or no more.
    """
    delivery = state[DELIVERIES].find(key)
    if delivery is None:
        raise Refused(UnknownDelivery(*key, awards.need(state, key.award).deliveries))
    if delivery.withdrawn is not None:
        raise Refused(IsWithdrawn(*key, delivery.withdrawn))
    return delivery


def add_vouchered(act: Act, key: DeliveryKey, change: int) -> None:
    """Of a delivery is invoiced so much more, or less; who calls has judged it."""
    delivery = need(act.state, key)
    act.state[DELIVERIES][key] = replace(delivery, vouchered=delivery.vouchered + change)


@final
class AcceptDelivery(Operation, tag="treasury.accept_delivery", frozen=True):
    """Say that a part of an award was delivered and is accepted; it can be invoiced from then on.

    Needs the role receiving_officer of its agency; neither the award's officer nor its recipient
    may. The day is within the award's term and not in the future. All deliveries together are no
    more than the award.
    """

    award: AwardField
    amount: Annotated[Amount, Meta(description="what of the award's amount was delivered")]
    date: Annotated[Day, Meta(description="day of the delivery")]
    milestone: Annotated[
        Milestone | None, Meta(description="code of the milestone that is reached")
    ]
    record: Annotated[
        Sized32[Digest] | None, Meta(description="salted commitment to the paper of acceptance")
    ]

    def apply(self, act: Act) -> None:
        """Owe the money, and write the delivery."""
        award = awards.need(act.state, self.award)
        act.require_role(RECEIVING_OFFICER, award.agency)
        others = {CONTRACTING_OFFICER: award.officer, RECIPIENT: award.recipient}
        judge_duties(self.award, RECEIVING_OFFICER, act.actor, others)
        judge_day(self.date)
        if not award.starts <= self.date <= award.ends:
            raise Refused(OutsideTheTerm(self.award, award.starts, award.ends, self.date))
        today = day_of(act.time_ms)
        act.require(self.date <= today, NotYetDelivered(self.award, self.date, today))
        act.require(
            self.amount <= award.amount - award.delivered,
            MoreThanAwarded(self.award, award.amount, award.delivered, self.amount),
        )

        lines.deliver(act, award.line, self.amount)
        number = award.deliveries + 1
        act.state[DELIVERIES][DeliveryKey(self.award, number)] = Delivery(
            amount=self.amount,
            vouchered=0,
            receiver=act.actor,
            date=self.date,
            milestone=self.milestone,
            record=self.record,
            transaction=act.transaction_id,
            period=period_of(act.time_ms),
            withdrawn=None,
        )
        delivered = award.delivered + self.amount
        awards.write(act, self.award, replace(award, delivered=delivered, deliveries=number))
        act.emit(
            DeliveryAccepted(self.award, number, self.amount, act.actor, self.date, self.milestone)
        )
