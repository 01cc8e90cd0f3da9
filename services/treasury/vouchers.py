"""Vouchers: an invoice that an officer certified, and what became of it.

A **voucher** is one invoice of one payee. It is certified against one accepted delivery of one
award, and for no more than is left of it: award, delivery and invoice match. Who certifies neither
made the award nor received the goods nor is paid.

A voucher is found by its payee and the number of the invoice. So an invoice cannot be paid twice,
and that one was never certified can be proved. What was returned or cancelled may be certified
anew: then the voucher as it was stands in the history, under the number of the attempt.

States: certified → paid → returned; certified → cancelled.
"""

from enum import Enum, unique
from typing import Annotated, Final, NamedTuple, final

from msgspec import Meta, Struct
from msgspec.structs import replace

from ledger import books
from ledger.act import Act
from ledger.assets import Amount, AssetCode
from ledger.books import Reference
from ledger.operation import Event, Operation, Refusal, Refused
from ledger.policy import ReasonCode
from ledger.state import Overlay, Table
from primitives import kernel_limits, treasury_limits
from primitives.ids import AccountId, Natural, Sized32, TimeMs, TransactionId
from services.treasury import awards, deliveries
from services.treasury.awards import (
    RECIPIENT,
    Award,
    AwardCode,
    AwardField,
    Number,
    award_key,
    judge_duties,
)
from services.treasury.deliveries import Delivery, DeliveryKey
from services.treasury.offices import (
    CERTIFYING_OFFICER,
    CONTRACTING_OFFICER,
    RECEIVING_OFFICER,
)
from services.treasury.period import Day, Period, judge_day, period_of


@unique
class VoucherStatus(Enum):
    """What became of an invoice."""

    CERTIFIED = "certified"
    PAID = "paid"
    RETURNED = "returned"
    CANCELLED = "cancelled"

    @property
    def stands(self) -> bool:
        """Whether the invoice cannot be certified again."""
        return self in (VoucherStatus.CERTIFIED, VoucherStatus.PAID)


@final
class Offset(Struct, array_like=True, frozen=True):
    """What of a payment goes to a creditor of the payee, for which debt."""

    reference: Reference
    creditor: Sized32[AccountId]
    amount: Amount


Offsets = Annotated[tuple[Offset, ...], Meta(max_length=treasury_limits.VOUCHER_OFFSETS_MAX)]
Officers = Annotated[
    tuple[Sized32[AccountId], ...], Meta(max_length=treasury_limits.PAYMENT_OFFICERS_MAX)
]


@final
class Voucher(Struct, array_like=True, frozen=True, kw_only=True):
    """The row of an invoice.

    `number` counts the certifications under its award, `attempt` those of this invoice, both from
    1. `period` is the month in which its status last changed; `officers` disbursed it; `reason` is
    why it was returned or cancelled.
    """

    award: AwardCode
    delivery: Number
    amount: Natural[int]
    due: Day
    certifier: Sized32[AccountId]
    certified_ms: Natural[TimeMs]
    status: VoucherStatus
    interest: Natural[int]
    offsets: Offsets
    certified_in: Sized32[TransactionId]
    paid_in: Sized32[TransactionId] | None
    paid_ms: Natural[TimeMs] | None
    officers: Officers
    period: Period
    reason: Annotated[str, Meta(max_length=kernel_limits.REASON_CODE_LENGTH_MAX)] | None
    attempt: Number
    number: Number

    @property
    def withheld(self) -> int:
        """What of it goes to creditors of the payee."""
        return sum(each.amount for each in self.offsets)

    @property
    def reference(self) -> str:
        """Under which the treasury pays it: no two payments have the same."""
        return f"{self.award}/{self.number}"


class VoucherKey(NamedTuple):
    """What a voucher is found by."""

    payee: AccountId
    invoice: str


class Claim(NamedTuple):
    """What an invoice asks for: so much of a delivery under an award, until a day."""

    award: str
    delivery: int
    amount: int
    due: Day


class Attempt(NamedTuple):
    """What a voucher is found by whose invoice was certified anew."""

    voucher: VoucherKey
    attempt: int


class AwardNumber(NamedTuple):
    """The place of a voucher among those of its award."""

    award: str
    number: int


@final
class AwardVoucher(Struct, array_like=True, frozen=True):
    """The row of an index: which voucher that is."""

    payee: Sized32[AccountId]
    invoice: Reference
    attempt: Number


def voucher_key(key: VoucherKey) -> bytes:
    """How a voucher is written in keys."""
    return key.payee + key.invoice.encode("ascii")


def _attempt_key(key: Attempt) -> bytes:
    return voucher_key(key.voucher) + b"\0" + key.attempt.to_bytes(4, "big")


def _award_number_key(key: AwardNumber) -> bytes:
    return award_key(key.award) + b":" + key.number.to_bytes(4, "big")


VOUCHERS: Final = Table[VoucherKey, Voucher](75, "vouchers", voucher_key, Voucher)
VOUCHER_HISTORY: Final = Table[Attempt, Voucher](78, "voucher_history", _attempt_key, Voucher)
AWARD_VOUCHERS: Final = Table[AwardNumber, AwardVoucher](
    90, "award_vouchers", _award_number_key, AwardVoucher
)
"""All vouchers of an award, in the order of their certification."""


@final
class TokenClaim(Struct, array_like=True, frozen=True):
    """The row of tokens that were redeemed: which invoice they are for."""

    award: AwardCode
    token: AssetCode
    delivery: Number
    amount: Amount


TOKEN_CLAIMS: Final = Table[VoucherKey, TokenClaim](79, "token_claims", voucher_key, TokenClaim)


class UnknownVoucher(Refusal, tag="treasury.unknown_voucher", frozen=True):
    """Invoice {invoice} of {payee} was never certified."""

    payee: Sized32[AccountId]
    invoice: Reference


class DuplicateInvoice(Refusal, tag="treasury.duplicate_invoice", frozen=True):
    """Invoice {invoice} of {payee} is {status} already, under award {award} in {certified_in}."""

    payee: Sized32[AccountId]
    invoice: Reference
    status: VoucherStatus
    award: AwardCode
    certified_in: Sized32[TransactionId]


class WrongStatus(Refusal, tag="treasury.wrong_status", frozen=True):
    """Invoice {invoice} of {payee} is {status}, not {expected}."""

    payee: Sized32[AccountId]
    invoice: Reference
    status: VoucherStatus
    expected: VoucherStatus


class MoreThanDelivered(Refusal, tag="treasury.more_than_delivered", frozen=True):
    """Of delivery {delivery} of {award}, {amount}, is invoiced {vouchered}: not {more} more."""

    award: AwardCode
    delivery: Number
    amount: Natural[int]
    vouchered: Natural[int]
    more: Amount


class ClaimedAlready(Refusal, tag="treasury.claimed_already", frozen=True):
    """Invoice {invoice} of {payee} is a claim under award {award} already."""

    payee: Sized32[AccountId]
    invoice: Reference
    award: AwardCode


class NotTheRecipient(Refusal, tag="treasury.not_the_recipient", frozen=True):
    """Award {award} pays {recipient}, not {payee}."""

    award: AwardCode
    recipient: Sized32[AccountId] | None
    payee: Sized32[AccountId]


class AwardIsTokenised(Refusal, tag="treasury.award_is_tokenised", frozen=True):
    """Award {award} is paid to who redeems its tokens, {token}: there must be a claim."""

    award: AwardCode
    token: AssetCode


class DueTooEarly(Refusal, tag="treasury.due_too_early", frozen=True):
    """What was delivered on {date} cannot have been due on {due}."""

    date: Day
    due: Day


@final
class VoucherCertified(Event, tag="treasury.voucher_certified", frozen=True):
    """{certifier} certified invoice {invoice} of {payee}: {amount} under {award}, due {due}."""

    payee: Sized32[AccountId]
    invoice: Reference
    award: AwardCode
    delivery: Number
    amount: Amount
    due: Day
    certifier: Sized32[AccountId]
    number: Number


@final
class VoucherCancelled(Event, tag="treasury.voucher_cancelled", frozen=True):
    """{by} cancelled invoice {invoice} of {payee}, {amount} under award {award}: {reason}."""

    payee: Sized32[AccountId]
    invoice: Reference
    award: AwardCode
    amount: Amount
    reason: ReasonCode
    by: Sized32[AccountId]


def need(state: Overlay, key: VoucherKey, status: VoucherStatus) -> Voucher:
    """The voucher of an invoice, in this status.

    Raises:
        Refused: there is none, or its status is another.
    """
    voucher = state[VOUCHERS].need(key, UnknownVoucher(*key))
    if voucher.status is not status:
        raise Refused(WrongStatus(*key, voucher.status, status))
    return voucher


def end(
    act: Act, key: VoucherKey, voucher: Voucher, status: VoucherStatus, reason: str, back: int
) -> None:
    """A voucher was returned or cancelled, and so much can be invoiced again."""
    deliveries.add_vouchered(act, DeliveryKey(voucher.award, voucher.delivery), -back)
    act.state[VOUCHERS][key] = replace(
        voucher, status=status, reason=reason, period=period_of(act.time_ms)
    )


def reopened(act: Act, key: VoucherKey, back: int) -> int:
    """What of a voucher that was returned or cancelled is a claim again: all, if it was one."""
    return back if key in act.state[TOKEN_CLAIMS] else 0


def judge_new(act: Act, key: VoucherKey) -> Voucher | None:
    """An invoice may be certified; its voucher before that, which was returned or cancelled.

    Raises:
        Refused: it is certified or paid.
    """
    before = act.state[VOUCHERS].find(key)
    if before is not None and before.status.stands:
        raise Refused(DuplicateInvoice(*key, before.status, before.award, before.certified_in))
    return before


def certify(act: Act, key: VoucherKey, claim: Claim) -> None:
    """The actor certifies an invoice. Whether the award owes anything to its payee is not asked.

    Raises:
        Refused: it was certified already; the actor has no such office, or another duty; or award,
            delivery and invoice do not match.
    """
    before = judge_new(act, key)
    award = awards.need(act.state, claim.award)
    act.require_role(CERTIFYING_OFFICER, award.agency)
    place = DeliveryKey(claim.award, claim.delivery)
    delivery = deliveries.need(act.state, place)
    _judge_parties(act, key.payee, claim.award, award, delivery)
    _judge_match(claim, delivery)

    number, attempt = award.vouchers + 1, 1
    if before is not None:
        act.state[VOUCHER_HISTORY][Attempt(key, before.attempt)] = before
        attempt = before.attempt + 1
    act.state[VOUCHERS][key] = _voucher(act, claim, attempt=attempt, number=number)
    act.state[AWARD_VOUCHERS][AwardNumber(claim.award, number)] = AwardVoucher(*key, attempt)
    deliveries.add_vouchered(act, place, claim.amount)
    vouchered = award.vouchered + claim.amount
    awards.write(act, claim.award, replace(award, vouchered=vouchered, vouchers=number))
    act.emit(
        VoucherCertified(
            payee=key.payee,
            invoice=key.invoice,
            award=claim.award,
            delivery=claim.delivery,
            amount=claim.amount,
            due=claim.due,
            certifier=act.actor,
            number=number,
        )
    )


def _judge_parties(act: Act, payee: AccountId, code: str, award: Award, delivery: Delivery) -> None:
    others = {
        CONTRACTING_OFFICER: award.officer,
        RECEIVING_OFFICER: delivery.receiver,
        RECIPIENT: payee,
    }
    judge_duties(code, CERTIFYING_OFFICER, act.actor, others)
    books.need_account(act, payee)
    if payee != award.recipient:  # so nobody compared them before
        paid = {RECIPIENT: payee}
        judge_duties(code, CONTRACTING_OFFICER, award.officer, paid)
        judge_duties(code, RECEIVING_OFFICER, delivery.receiver, paid)


def _judge_match(claim: Claim, delivery: Delivery) -> None:
    judge_day(claim.due)
    if claim.due < delivery.date:
        raise Refused(DueTooEarly(delivery.date, claim.due))
    if claim.amount > delivery.amount - delivery.vouchered:
        raise Refused(
            MoreThanDelivered(
                claim.award, claim.delivery, delivery.amount, delivery.vouchered, claim.amount
            )
        )


def _voucher(act: Act, claim: Claim, *, attempt: int, number: int) -> Voucher:
    return Voucher(
        award=claim.award,
        delivery=claim.delivery,
        amount=claim.amount,
        due=claim.due,
        certifier=act.actor,
        certified_ms=act.time_ms,
        status=VoucherStatus.CERTIFIED,
        interest=0,
        offsets=(),
        certified_in=act.transaction_id,
        paid_in=None,
        paid_ms=None,
        officers=(),
        period=period_of(act.time_ms),
        reason=None,
        attempt=attempt,
        number=number,
    )


PayeeField = Annotated[
    AccountId, Meta(min_length=32, max_length=32, description="who sent the invoice and is paid")
]
InvoiceField = Annotated[Reference, Meta(description="number of the invoice, the payee's own")]


@final
class CertifyVoucher(Operation, tag="treasury.certify_voucher", frozen=True):
    """Certify that an invoice is due: its amount was awarded and delivered, and not invoiced yet.

    Needs the role certifying_officer of the award's agency; neither the award's officer nor who
    received the delivery nor the payee may. An invoice of a payee is certified once, unless it was
    returned or cancelled. The payee is the award's recipient, or anybody of a blanket award.
    """

    award: AwardField
    delivery: Annotated[Number, Meta(description="number of the delivery that is invoiced")]
    payee: PayeeField
    invoice: InvoiceField
    amount: Annotated[Amount, Meta(description="in minor units of the treasury's asset")]
    due: Annotated[Day, Meta(description="last day on which the payment is in time")]

    def apply(self, act: Act) -> None:
        """Write the voucher."""
        award = awards.need(act.state, self.award)
        if award.token is not None:
            raise Refused(AwardIsTokenised(self.award, award.token))
        key = VoucherKey(self.payee, self.invoice)
        judge_new(act, key)
        claim = act.state[TOKEN_CLAIMS].find(key)
        if claim is not None:  # else it were certified as what nobody redeemed tokens for
            raise Refused(ClaimedAlready(*key, claim.award))
        if award.recipient not in (None, self.payee):
            raise Refused(NotTheRecipient(self.award, award.recipient, self.payee))

        certify(act, key, Claim(self.award, self.delivery, self.amount, self.due))


@final
class CancelVoucher(Operation, tag="treasury.cancel_voucher", frozen=True):
    """Take back the certification of an invoice that is not paid yet, with a reason.

    Needs the role certifying_officer of the award's agency. What was set off against it is set off
    no more; the invoice may be certified anew.
    """

    payee: PayeeField
    invoice: InvoiceField
    reason: Annotated[ReasonCode, Meta(description="why, as a code")]

    def apply(self, act: Act) -> None:
        """The delivery can be invoiced again."""
        key = VoucherKey(self.payee, self.invoice)
        voucher = need(act.state, key, VoucherStatus.CERTIFIED)
        award = awards.need(act.state, voucher.award)
        act.require_role(CERTIFYING_OFFICER, award.agency)

        end(act, key, voucher, VoucherStatus.CANCELLED, self.reason, voucher.amount)
        vouchered = award.vouchered - voucher.amount
        claimed = award.claimed + reopened(act, key, voucher.amount)
        awards.write(act, voucher.award, replace(award, vouchered=vouchered, claimed=claimed))
        act.emit(VoucherCancelled(*key, voucher.award, voucher.amount, self.reason, by=act.actor))
