"""Withdrawals: a delivery that was accepted by mistake is taken back before anybody invoices it.

Nothing of it may be invoiced: a certification is cancelled first, and what is paid comes back by a
credit note. The delivery stays listed, with the month in which it was withdrawn, so a month that is
over is told as it was. What was promised stays promised, and can be delivered again.
"""

from typing import Annotated, final

from msgspec import Meta
from msgspec.structs import replace

from ledger.act import Act
from ledger.assets import Amount
from ledger.operation import Event, Operation, Refusal, Refused
from ledger.policy import ReasonCode
from primitives.ids import AccountId, Natural, Sized32
from services.treasury import awards, deliveries, lines
from services.treasury.awards import RECIPIENT, AwardCode, AwardField, Number, judge_duties
from services.treasury.deliveries import DELIVERIES, DeliveryKey
from services.treasury.holdings import CAPITALISED, OverCapitalised
from services.treasury.offices import CONTRACTING_OFFICER, RECEIVING_OFFICER
from services.treasury.period import period_of


class DeliveryInvoiced(Refusal, tag="treasury.delivery_invoiced", frozen=True):
    """Of delivery {delivery} of award {award} is invoiced {vouchered}, so it is not withdrawn."""

    award: AwardCode
    delivery: Number
    vouchered: Natural[int]


@final
class DeliveryWithdrawn(Event, tag="treasury.delivery_withdrawn", frozen=True):
    """{by} withdrew delivery {delivery} of award {award}, {amount}: {reason}."""

    award: AwardCode
    delivery: Number
    amount: Amount
    reason: ReasonCode
    by: Sized32[AccountId]


@final
class WithdrawDelivery(Operation, tag="treasury.withdraw_delivery", frozen=True):
    """Take back that a delivery was accepted, before anything of it is invoiced, with a reason.

    Needs the role receiving_officer of the award's agency; neither the award's officer nor its
    recipient may. What is entered as a holding stays delivered. It can be accepted anew.
    """

    award: AwardField
    delivery: Annotated[Number, Meta(description="number of the accepted delivery")]
    reason: Annotated[ReasonCode, Meta(description="why, as a code")]

    def apply(self, act: Act) -> None:
        """Owe the money no more, and say so with the delivery."""
        award = awards.need(act.state, self.award)
        act.require_role(RECEIVING_OFFICER, award.agency)
        others = {CONTRACTING_OFFICER: award.officer, RECIPIENT: award.recipient}
        judge_duties(self.award, RECEIVING_OFFICER, act.actor, others)
        key = DeliveryKey(self.award, self.delivery)
        delivery = deliveries.need(act.state, key)
        if delivery.vouchered:
            raise Refused(DeliveryInvoiced(*key, delivery.vouchered))
        left = award.delivered - delivery.amount
        entered = act.state[CAPITALISED].find(self.award)
        if entered is not None and entered.cost > left:
            raise Refused(OverCapitalised(self.award, entered.cost, left))

        lines.deliver(act, award.line, -delivery.amount)
        act.state[DELIVERIES][key] = replace(delivery, withdrawn=period_of(act.time_ms))
        awards.write(act, self.award, replace(award, delivered=left))
        act.emit(DeliveryWithdrawn(*key, delivery.amount, self.reason, by=act.actor))
