"""Payments: what is certified leaves the treasury's single account.

Who disburses did none of the duties before, and gets nothing of it; above a threshold, interest
included, as many disbursing officers sign as the treasury asks for. What the payee owes to others
by then goes to them (**offset**), and the rest to the payee. A payment that is late has interest,
without anybody asking for it: so many days of a yearly rate, rounded down, out of the line of the
award.
"""

import datetime
from typing import Annotated, Final, final

from msgspec import Meta
from msgspec.structs import replace

from ledger import books, roles
from ledger.act import Act
from ledger.assets import Amount, AssetCode
from ledger.books import Line, Reference
from ledger.operation import Event, Operation, Refusal, Refused
from ledger.roles import Role
from primitives import treasury_limits
from primitives.ids import INTEGER_MAX, AccountId, Natural, Sized32
from services import money
from services.treasury import awards, deliveries, funds, lines, treasuries, vouchers
from services.treasury.awards import RECIPIENT, Award, AwardCode, judge_duties
from services.treasury.deliveries import DeliveryKey
from services.treasury.funds import LineCode
from services.treasury.offices import (
    CERTIFYING_OFFICER,
    CONTRACTING_OFFICER,
    DEBT_OFFICER,
    DISBURSING_OFFICER,
    RECEIVING_OFFICER,
)
from services.treasury.period import Day, day_of, period_of
from services.treasury.treasuries import FundCode, OfficerCount, Treasury
from services.treasury.vouchers import (
    VOUCHERS,
    InvoiceField,
    Offset,
    PayeeField,
    Voucher,
    VoucherKey,
    VoucherStatus,
)

YEAR_DAYS: Final = 365
"""Of the yearly rate of interest, in leap years too."""
_WHOLE_BP: Final = 10_000


class OfficerTwice(Refusal, tag="treasury.officer_twice", frozen=True):
    """{account} signs once for invoice {invoice} of {payee}, not twice."""

    payee: Sized32[AccountId]
    invoice: Reference
    account: Sized32[AccountId]


class TooFewOfficers(Refusal, tag="treasury.too_few_officers", frozen=True):
    """Invoice {invoice} of {payee}: above {threshold}, {expected} officers sign, not {actual}."""

    payee: Sized32[AccountId]
    invoice: Reference
    amount: Natural[int]
    threshold: Natural[int]
    expected: OfficerCount
    actual: OfficerCount


class InterestNotCovered(Refusal, tag="treasury.interest_not_covered", frozen=True):
    """Invoice {invoice} of {payee} is {days} days late: {interest} interest, {line} has {room}."""

    payee: Sized32[AccountId]
    invoice: Reference
    days: Natural[int]
    interest: Natural[int]
    line: LineCode
    room: Natural[int]


class NotACreditor(Refusal, tag="treasury.not_a_creditor", frozen=True):
    """{creditor} cannot take what {payee} is paid: it is the payee, the treasury or the officer."""

    payee: Sized32[AccountId]
    creditor: Sized32[AccountId]


class OffsetTwice(Refusal, tag="treasury.offset_twice", frozen=True):
    """Debt {reference} to {creditor} is set off against invoice {invoice} of {payee} already."""

    payee: Sized32[AccountId]
    invoice: Reference
    reference: Reference
    creditor: Sized32[AccountId]


class TooManyOffsets(Refusal, tag="treasury.too_many_offsets", frozen=True):
    """Against invoice {invoice} of {payee} are set off {offsets} debts, as many as there may be."""

    payee: Sized32[AccountId]
    invoice: Reference
    offsets: Natural[int]


class MoreThanPayable(Refusal, tag="treasury.more_than_payable", frozen=True):
    """Of invoice {invoice} of {payee}, {amount}, go {withheld} to others: not {more} more."""

    payee: Sized32[AccountId]
    invoice: Reference
    amount: Natural[int]
    withheld: Natural[int]
    more: Amount


@final
class VoucherPaid(Event, tag="treasury.voucher_paid", frozen=True):
    """{officer} paid invoice {invoice} of {payee}: {amount} {asset}, {interest} interest."""

    payee: Sized32[AccountId]
    invoice: Reference
    award: AwardCode
    treasury: Sized32[AccountId]
    fund: FundCode
    asset: AssetCode
    amount: Amount
    interest: Natural[int]
    withheld: Natural[int]
    reference: Reference
    officer: Sized32[AccountId]


@final
class OffsetPlaced(Event, tag="treasury.offset_placed", frozen=True):
    """{by} set off {amount} of invoice {invoice} of {payee}: debt {reference} to {creditor}."""

    payee: Sized32[AccountId]
    invoice: Reference
    award: AwardCode
    reference: Reference
    creditor: Sized32[AccountId]
    amount: Amount
    by: Sized32[AccountId]


def days_late(due: Day, today: Day) -> int:
    """Whole days after the day on which a payment was due; 0 while it is in time."""
    if today <= due:  # as text, days stand in the order of time
        return 0
    return (datetime.date.fromisoformat(today) - datetime.date.fromisoformat(due)).days


def interest_on(amount: int, days: int, interest_bp: int) -> int:
    """Simple interest, rounded down; never more than can be counted."""
    return min(amount * days * interest_bp // (YEAR_DAYS * _WHOLE_BP), INTEGER_MAX)


@final
class DisburseVoucher(Operation, tag="treasury.disburse_voucher", frozen=True):
    """Pay an invoice that is certified, out of the treasury's single account.

    Needs the role disbursing_officer of the award's agency; above the treasury's threshold as many
    officers sign as it asks for. None of them made the award, received the delivery, certified the
    invoice or is paid. After its due day the payment has interest, for which the line must have
    room. What was set off goes to the creditors.
    """

    payee: PayeeField
    invoice: InvoiceField
    with_officers: Annotated[
        tuple[Sized32[AccountId], ...],
        Meta(
            max_length=treasury_limits.PAYMENT_OFFICERS_MAX - 1,
            description="other disbursing officers, who sign too",
        ),
    ]

    def apply(self, act: Act) -> None:
        """Move the money, and the award's and the line's totals."""
        key = VoucherKey(self.payee, self.invoice)
        voucher = vouchers.need(act.state, key, VoucherStatus.CERTIFIED)
        award = awards.need(act.state, voucher.award)
        fund = lines.parts_of(award.line).fund
        ministry = funds.need(act.state, fund).treasury
        treasury = treasuries.need(act.state, ministry)
        met = _judge_officers(act, self, voucher, award)
        interest = _interest(act, self, voucher, award, treasury)
        _judge_threshold(self, voucher.amount + interest, treasury, met)

        if interest:
            lines.accrue_interest(act, award.line, interest)
        lines.pay(act, award.line, voucher.amount + interest)
        _pay_out(act, treasury, key, voucher, interest)
        awards.write(
            act,
            voucher.award,
            replace(award, paid=award.paid + voucher.amount, interest=award.interest + interest),
        )
        act.state[VOUCHERS][key] = replace(
            voucher,
            status=VoucherStatus.PAID,
            interest=interest,
            paid_in=act.transaction_id,
            paid_ms=act.time_ms,
            officers=(act.actor, *self.with_officers),
            period=period_of(act.time_ms),
        )
        act.emit(
            VoucherPaid(
                payee=self.payee,
                invoice=self.invoice,
                award=voucher.award,
                treasury=ministry,
                fund=fund,
                asset=treasury.asset,
                amount=voucher.amount,
                interest=interest,
                withheld=voucher.withheld,
                reference=voucher.reference,
                officer=act.actor,
            )
        )


@final
class OffsetVoucher(Operation, tag="treasury.offset_voucher", frozen=True):
    """Set a debt of a payee off against an invoice that is certified: its creditor is paid.

    Needs the role debt_officer of the award's agency. All that is set off is no more than the
    invoice. The creditor is an account that is neither the payee, nor the treasury's, nor that of
    an officer who has a duty at this payment.
    """

    payee: PayeeField
    invoice: InvoiceField
    reference: Annotated[Reference, Meta(description="the creditor's name of the debt")]
    creditor: Annotated[
        AccountId, Meta(min_length=32, max_length=32, description="account that is paid instead")
    ]
    amount: Annotated[Amount, Meta(description="in minor units of the treasury's asset")]

    def apply(self, act: Act) -> None:
        """Note it with the voucher."""
        key = VoucherKey(self.payee, self.invoice)
        voucher = vouchers.need(act.state, key, VoucherStatus.CERTIFIED)
        award = awards.need(act.state, voucher.award)
        act.require_role(DEBT_OFFICER, award.agency)
        account = awards.treasury_of(act.state, award).account
        act.require(
            self.creditor not in (self.payee, account, act.actor),
            NotACreditor(self.payee, self.creditor),
        )
        books.need_account(act, self.creditor)
        duties = _duties_before(act, voucher, award)
        judge_duties(voucher.award, RECIPIENT, self.creditor, duties)
        _judge_offsets(self, voucher)

        new = Offset(self.reference, self.creditor, self.amount)
        act.state[VOUCHERS][key] = replace(voucher, offsets=(*voucher.offsets, new))
        act.emit(
            OffsetPlaced(
                payee=self.payee,
                invoice=self.invoice,
                award=voucher.award,
                reference=self.reference,
                creditor=self.creditor,
                amount=self.amount,
                by=act.actor,
            )
        )


def require_role_of(act: Act, account: AccountId, role: str, scope: AccountId) -> None:
    """An account that signs with the actor has a role.

    Raises:
        Refused: it has not.
    """
    if not roles.has_role(act, account, role, scope):
        raise Refused(roles.MissingRole(account, role, scope))


def _pay_out(
    act: Act, treasury: Treasury, key: VoucherKey, voucher: Voucher, interest: int
) -> None:
    paid = [
        Line(each.creditor, each.amount, f"{voucher.reference}-{number}", "", None, None)
        for number, each in enumerate(voucher.offsets, start=1)
    ]
    rest = voucher.amount + interest - voucher.withheld
    if rest:
        paid.insert(0, Line(key.payee, rest, voucher.reference, "", None, None))
    books.transfer(act, payer=treasury.account, asset=treasury.asset, lines=paid)
    money.tell(act, treasury.account, treasury.asset, paid)


def _duties_before(act: Act, voucher: Voucher, award: Award) -> dict[Role, AccountId]:
    """Who made the award, received the delivery and certified the invoice."""
    delivery = deliveries.need(act.state, DeliveryKey(voucher.award, voucher.delivery))
    return {
        CONTRACTING_OFFICER: award.officer,
        RECEIVING_OFFICER: delivery.receiver,
        CERTIFYING_OFFICER: voucher.certifier,
    }


def _judge_officers(act: Act, asked: DisburseVoucher, voucher: Voucher, award: Award) -> int:
    """How many disbursing officers sign, who did nothing before and get nothing of it."""
    others = {**_duties_before(act, voucher, award), RECIPIENT: asked.payee}
    met: set[AccountId] = set()
    for officer in (act.actor, *asked.with_officers):
        act.require(officer not in met, OfficerTwice(asked.payee, asked.invoice, officer))
        met.add(officer)
        require_role_of(act, officer, DISBURSING_OFFICER, award.agency)
        judge_duties(voucher.award, DISBURSING_OFFICER, officer, others)
        for each in voucher.offsets:
            paid = {RECIPIENT: each.creditor}
            judge_duties(voucher.award, DISBURSING_OFFICER, officer, paid)
    for officer in asked.with_officers:
        act.require_present(officer)
    return len(met)


def _judge_threshold(asked: DisburseVoucher, amount: int, treasury: Treasury, met: int) -> None:
    if amount > treasury.payment_threshold and met < treasury.payment_officers:
        raise Refused(
            TooFewOfficers(
                asked.payee,
                asked.invoice,
                funds.shown(amount),
                treasury.payment_threshold,
                expected=treasury.payment_officers,
                actual=met,
            )
        )


def _interest(
    act: Act, asked: DisburseVoucher, voucher: Voucher, award: Award, treasury: Treasury
) -> int:
    days = days_late(voucher.due, day_of(act.time_ms))
    interest = interest_on(voucher.amount, days, treasury.interest_bp)
    if interest:
        line = lines.need(act.state, award.line)
        room = line.allotted - line.obligated
        act.require(
            interest <= room,
            InterestNotCovered(asked.payee, asked.invoice, days, interest, award.line, room),
        )
    return interest


def _judge_offsets(asked: OffsetVoucher, voucher: Voucher) -> None:
    payee, invoice, known = asked.payee, asked.invoice, voucher.offsets
    if (asked.reference, asked.creditor) in {(each.reference, each.creditor) for each in known}:
        raise Refused(OffsetTwice(payee, invoice, asked.reference, asked.creditor))
    if len(known) >= treasury_limits.VOUCHER_OFFSETS_MAX:
        raise Refused(TooManyOffsets(payee, invoice, len(known)))
    if asked.amount > voucher.amount - voucher.withheld:
        raise Refused(
            MoreThanPayable(payee, invoice, voucher.amount, voucher.withheld, asked.amount)
        )
