"""Returns and refunds: money that comes back to the treasury.

A payment that the payee cannot keep is **returned**, with one of the reasons that banks use
(ISO 20022, external code list ExternalReturnReason1Code). The payee returns all that it got,
interest included; what went to its creditors stays paid. The invoice may then be certified anew.

A **refund** is the payee's own: a credit note against an award, of which each number is used once.
It undoes a payment and the delivery behind it: what was promised stays promised, so it is delivered
again, or taken back by an amendment.
"""

from enum import Enum, unique
from typing import Annotated, Final, final

from msgspec import Meta, Struct
from msgspec.structs import replace

from ledger import books, lots
from ledger.act import Act
from ledger.assets import Amount
from ledger.books import Line, Reference
from ledger.operation import Event, Operation, Refusal, Refused
from ledger.state import Table
from primitives.ids import AccountId, Natural, Sized32, TimeMs, TransactionId
from services import money
from services.treasury import awards, lines, vouchers
from services.treasury.awards import Award, AwardCode, AwardField
from services.treasury.period import Period, period_of
from services.treasury.vouchers import (
    InvoiceField,
    NotTheRecipient,
    VoucherKey,
    VoucherStatus,
    voucher_key,
)


@unique
class ReturnReason(Enum):
    """Why a payment comes back: the codes for transfers of ExternalReturnReason1Code."""

    AC01 = "AC01"
    """The number of the account is wrong."""
    AC03 = "AC03"
    """The creditor's account number is invalid."""
    AC04 = "AC04"
    """The account is closed."""
    AC06 = "AC06"
    """The account is blocked."""
    AC13 = "AC13"
    """The debtor's account is of a wrong type."""
    AG01 = "AG01"
    """Such a transaction is forbidden on this account."""
    AG02 = "AG02"
    """The bank does not know such an operation."""
    AM01 = "AM01"
    """The amount is zero."""
    AM02 = "AM02"
    """The amount is above what is allowed."""
    AM03 = "AM03"
    """The currency is not handled."""
    AM04 = "AM04"
    """There is too little money."""
    AM05 = "AM05"
    """It is a duplicate."""
    AM09 = "AM09"
    """The amount is not what was agreed."""
    BE01 = "BE01"
    """Holder and account do not belong together."""
    BE04 = "BE04"
    """The creditor's address is missing."""
    BE05 = "BE05"
    """Who sent it is not known to the customer."""
    BE06 = "BE06"
    """The customer is not known."""
    BE08 = "BE08"
    """The bank made an error."""
    CURR = "CURR"
    """The currency is wrong."""
    CUST = "CUST"
    """The debtor asked to cancel it."""
    DT01 = "DT01"
    """The date is wrong."""
    ED05 = "ED05"
    """Settlement failed."""
    FOCR = "FOCR"
    """A request to cancel it was followed."""
    FR01 = "FR01"
    """Fraud."""
    MD06 = "MD06"
    """The customer asks for a return."""
    MD07 = "MD07"
    """The customer is dead."""
    MS02 = "MS02"
    """The customer gave no reason."""
    MS03 = "MS03"
    """The bank gave no reason."""
    NARR = "NARR"
    """A narrative says it, which is not on chain."""
    NOAS = "NOAS"
    """The beneficiary did not answer."""
    RC01 = "RC01"
    """The identifier of the bank is wrong."""
    RR01 = "RR01"
    """The debtor's account is missing, which a regulation asks for."""
    RR02 = "RR02"
    """The debtor's name or address is missing, which a regulation asks for."""
    RR03 = "RR03"
    """The creditor's name or address is missing, which a regulation asks for."""
    RR04 = "RR04"
    """A regulation forbids it."""
    TM01 = "TM01"
    """It came after the cut-off time."""


@final
class Refund(Struct, array_like=True, frozen=True):
    """The row of a credit note."""

    award: AwardCode
    amount: Natural[int]
    refunded_ms: Natural[TimeMs]
    transaction: Sized32[TransactionId]
    period: Period


REFUNDS: Final = Table[VoucherKey, Refund](77, "refunds", voucher_key, Refund)
"""By payee and number of the credit note."""


class NothingToReturn(Refusal, tag="treasury.nothing_to_return", frozen=True):
    """Of invoice {invoice}, {payee} got nothing: all {withheld} went to creditors."""

    payee: Sized32[AccountId]
    invoice: Reference
    withheld: Natural[int]


class MoreThanPaid(Refusal, tag="treasury.more_than_paid", frozen=True):
    """Under award {award} are paid {paid}, less what came back: {amount} cannot come back."""

    award: AwardCode
    paid: Natural[int]
    amount: Natural[int]


class DuplicateCreditNote(Refusal, tag="treasury.duplicate_credit_note", frozen=True):
    """Credit note {credit_note} of {payee} was used already, in {transaction}."""

    payee: Sized32[AccountId]
    credit_note: Reference
    transaction: Sized32[TransactionId]


@final
class PaymentReturned(Event, tag="treasury.payment_returned", frozen=True):
    """{payee} returned {amount} and {interest} interest of invoice {invoice}, {award}: {reason}."""

    payee: Sized32[AccountId]
    invoice: Reference
    award: AwardCode
    amount: Natural[int]
    interest: Natural[int]
    reason: ReturnReason


@final
class AwardRefunded(Event, tag="treasury.award_refunded", frozen=True):
    """{payee} gave {amount} back under award {award}, credit note {credit_note}."""

    payee: Sized32[AccountId]
    credit_note: Reference
    award: AwardCode
    amount: Amount


@final
class ReturnPayment(Operation, tag="treasury.return_payment", frozen=True):
    """Give a payment back that cannot be kept. The actor is the payee, or its keeper signs for it.

    All that the payee got goes back to the treasury's account, with interest. What was set off
    stays paid. The invoice is returned, and may be certified anew for what came back.
    """

    invoice: InvoiceField
    reason: Annotated[ReturnReason, Meta(description="ISO 20022 code, such as AC04")]

    def apply(self, act: Act) -> None:
        """Undo the payment; what was delivered stays owed."""
        key = VoucherKey(act.actor, self.invoice)
        voucher = vouchers.need(act.state, key, VoucherStatus.PAID)
        award = awards.need(act.state, voucher.award)
        amount, interest = voucher.amount - voucher.withheld, voucher.interest
        act.require(amount + interest > 0, NothingToReturn(*key, voucher.withheld))
        _judge_paid(voucher.award, award, amount)

        _give_back(
            act, award, amount + interest, f"{voucher.reference}-R", paid_by=voucher.reference
        )
        lines.pay(act, award.line, -(amount + interest))
        if interest:
            lines.accrue_interest(act, award.line, -interest)
        vouchers.end(act, key, voucher, VoucherStatus.RETURNED, self.reason.value, amount)
        awards.write(
            act,
            voucher.award,
            replace(
                award,
                paid=award.paid - amount,
                vouchered=award.vouchered - amount,
                interest=award.interest - interest,
                claimed=award.claimed + vouchers.reopened(act, key, amount),
            ),
        )
        act.emit(PaymentReturned(*key, voucher.award, amount, interest, self.reason))


@final
class RefundAward(Operation, tag="treasury.refund_award", frozen=True):
    """Give money back under an award, by a credit note. The actor is who was paid.

    That is the award's recipient, or anybody of a blanket award or one with tokens; the keeper of a
    running account signs for it. A payee uses the number of a credit note once. No more comes back
    than was paid.
    """

    award: AwardField
    credit_note: Annotated[
        Reference, Meta(description="number of the credit note, the payee's own")
    ]
    amount: Annotated[Amount, Meta(description="in minor units of the treasury's asset")]

    def apply(self, act: Act) -> None:
        """Undo so much of what was delivered and paid."""
        award, key = awards.need(act.state, self.award), VoucherKey(act.actor, self.credit_note)
        if award.token is None and award.recipient not in (None, act.actor):
            raise Refused(NotTheRecipient(self.award, award.recipient, act.actor))
        known = act.state[REFUNDS].find(key)
        if known is not None:
            raise Refused(DuplicateCreditNote(*key, known.transaction))
        _judge_paid(self.award, award, self.amount)

        _give_back(act, award, self.amount, self.credit_note, paid_by=None)
        lines.pay(act, award.line, -self.amount)
        lines.deliver(act, award.line, -self.amount)
        act.state[REFUNDS][key] = Refund(
            self.award, self.amount, act.time_ms, act.transaction_id, period_of(act.time_ms)
        )
        awards.write(
            act,
            self.award,
            replace(
                award,
                delivered=award.delivered - self.amount,
                vouchered=award.vouchered - self.amount,
                paid=award.paid - self.amount,
                refunded=award.refunded + self.amount,
            ),
        )
        act.emit(AwardRefunded(*key, self.award, self.amount))


def _judge_paid(code: str, award: Award, amount: int) -> None:
    if amount > award.paid:
        raise Refused(MoreThanPaid(code, award.paid, amount))


def _give_back(act: Act, award: Award, amount: int, reference: str, *, paid_by: str | None) -> None:
    """From the actor to the treasury, out of the payment it came by, if that is still there."""
    treasury = awards.treasury_of(act.state, award)
    lot = None
    if paid_by is not None:
        lot = lots.lot_if_left(
            act.state, treasury.account, paid_by, holder=act.actor, amount=amount
        )
    given = (Line(treasury.account, amount, reference, "", None, lot),)
    books.transfer(act, payer=act.actor, asset=treasury.asset, lines=given)
    money.tell(act, act.actor, treasury.asset, given)
