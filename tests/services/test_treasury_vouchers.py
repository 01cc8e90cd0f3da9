"""Vouchers: an invoice is certified once, for what was delivered, by who has no other duty."""

import pytest

from kit.actors import give, moment
from kit.ledger import account_id
from kit.treasury import (
    AGENCY,
    AWARD,
    DELIVERED,
    INVOICE,
    INVOICED,
    World,
    a_delivery,
    a_payment,
    a_voucher,
    an_award,
)
from ledger.accounts import UnknownAccount
from ledger.operation import Refused
from ledger.roles import MissingRole
from services.authority.roles import RevokeRole
from services.treasury import offices
from services.treasury.awards import RECIPIENT, AwardKind, TwoDuties, UnknownAward, set_token
from services.treasury.deliveries import DeliveryKey, UnknownDelivery
from services.treasury.deliveries import need as need_delivery
from services.treasury.period import NoSuchDay
from services.treasury.returns import ReturnPayment, ReturnReason
from services.treasury.vouchers import (
    AWARD_VOUCHERS,
    VOUCHER_HISTORY,
    Attempt,
    AwardIsTokenised,
    AwardNumber,
    AwardVoucher,
    CancelVoucher,
    DueTooEarly,
    DuplicateInvoice,
    MoreThanDelivered,
    NotTheRecipient,
    UnknownVoucher,
    VoucherCancelled,
    VoucherCertified,
    VoucherKey,
    VoucherStatus,
    WrongStatus,
)

VENDOR, CERTIFIER = account_id("vendor"), account_id("certifier")
KEY = VoucherKey(VENDOR, INVOICE)
CANCEL = CancelVoucher(VENDOR, INVOICE, "wrong_amount")


def vouchered(world: World) -> tuple[int, int]:
    """What is invoiced of the award, and of its first delivery."""
    delivery = need_delivery(world.state, DeliveryKey(AWARD, 1))
    return world.award().vouchered, delivery.vouchered


def test_an_invoice_is_certified_against_what_was_delivered() -> None:
    """The award and the delivery count it; nothing is paid yet."""
    world = World.with_delivery()
    due = world.in_days(30)

    (event,) = world.does("certifier", a_voucher(due))

    assert event == VoucherCertified(VENDOR, INVOICE, AWARD, 1, INVOICED, due, CERTIFIER, 1)
    voucher = world.voucher()
    assert (voucher.status, voucher.attempt, voucher.number) == (VoucherStatus.CERTIFIED, 1, 1)
    assert (voucher.amount, voucher.due, voucher.certifier) == (INVOICED, due, CERTIFIER)
    assert (voucher.period, voucher.reference) == (world.month, f"{AWARD}/1")
    assert vouchered(world) == (INVOICED, INVOICED)
    assert world.award().paid == 0


def test_an_invoice_is_certified_once() -> None:
    """Not a second time while it waits, nor when it is paid, nor under another award."""
    world = World.with_voucher()
    due = world.in_days(30)
    world.does("contractor", an_award("OTHER"))
    world.does("receiver", a_delivery(world.today, award="OTHER"))
    first = world.voucher().certified_in

    waits = world.refused("certifier", a_voucher(due))
    other = world.refused("certifier", a_voucher(due, award="OTHER", amount=1))
    world.does("payer", a_payment())
    paid = world.refused("certifier", a_voucher(due))

    certified = DuplicateInvoice(VENDOR, INVOICE, VoucherStatus.CERTIFIED, AWARD, first)
    assert waits == other == certified
    assert paid == DuplicateInvoice(VENDOR, INVOICE, VoucherStatus.PAID, AWARD, first)


def test_two_payees_may_number_their_invoices_alike() -> None:
    """The number is the payee's own."""
    world = World.begin()
    world.does("contractor", an_award(kind=AwardKind.BLANKET, recipient=None))
    world.does("receiver", a_delivery(world.today))
    due = world.in_days(30)

    world.does("certifier", a_voucher(due))
    world.does("certifier", a_voucher(due, payee=account_id("vendor-2")))

    assert vouchered(world) == (2 * INVOICED, 2 * INVOICED)
    found = [world.state[AWARD_VOUCHERS].find(AwardNumber(AWARD, n)) for n in (1, 2, 3)]
    second = AwardVoucher(account_id("vendor-2"), INVOICE, 1)
    assert found == [AwardVoucher(VENDOR, INVOICE, 1), second, None]


def test_no_more_is_invoiced_than_was_delivered() -> None:
    """By all invoices of one delivery together, whatever other deliveries there are."""
    world = World.with_voucher()
    world.does("receiver", a_delivery(world.today, amount=1))
    left, due = DELIVERED - INVOICED, world.in_days(30)

    refusal = world.refused("certifier", a_voucher(due, invoice="INV-2", amount=left + 1))
    world.does("certifier", a_voucher(due, invoice="INV-2", amount=left))

    assert refusal == MoreThanDelivered(AWARD, 1, DELIVERED, INVOICED, left + 1)
    assert vouchered(world) == (DELIVERED, DELIVERED)


def test_before_a_delivery_nothing_is_invoiced() -> None:
    """So nothing is paid in advance."""
    world = World.with_award()
    due = world.in_days(30)

    assert world.refused("certifier", a_voucher(due)) == UnknownDelivery(AWARD, 1, 0)
    unknown = world.refused("certifier", a_voucher(due, award="NONE"))
    assert unknown == UnknownAward("NONE")


def test_the_payee_is_whom_the_award_names() -> None:
    """Of a blanket award anybody who has an account."""
    world = World.with_delivery()
    world.does("contractor", an_award("B", kind=AwardKind.BLANKET, recipient=None))
    world.does("receiver", a_delivery(world.today, award="B"))
    other, nobody = account_id("vendor-2"), account_id("nobody")
    due = world.in_days(30)

    refusal = world.refused("certifier", a_voucher(due, payee=other))
    unknown = world.refused("certifier", a_voucher(due, award="B", payee=nobody))

    assert refusal == NotTheRecipient(AWARD, VENDOR, other)
    assert unknown == UnknownAccount(nobody)


def test_a_duplicate_is_refused_as_one_whatever_else_is_wrong() -> None:
    """Nobody learns by guessing amounts; and the clerk reads what matters."""
    world = World.with_voucher()
    again = a_voucher("2020-01-01", delivery=9, amount=DELIVERED)

    assert isinstance(world.refused("certifier", again), DuplicateInvoice)


def test_a_tokenised_award_pays_no_invoice_without_a_claim() -> None:
    """Else it would be paid twice: by its tokens, and by invoice."""
    world = World.with_delivery()
    run = moment(world.chain, "certifier")
    set_token(run, AWARD, world.award(), "ROADTOKEN")

    with pytest.raises(Refused) as refused:
        a_voucher(world.in_days(30)).apply(run)

    assert refused.value.refusal == AwardIsTokenised(AWARD, "ROADTOKEN")


def test_a_day_when_it_is_due_is_not_before_the_delivery() -> None:
    """Else interest could be made up."""
    world = World.with_delivery()
    date = need_delivery(world.state, DeliveryKey(AWARD, 1)).date
    early = f"{date[:-2]}01"

    refusal = world.refused("certifier", a_voucher(early))
    unreal = world.refused("certifier", a_voucher("2026-06-31"))
    world.does("certifier", a_voucher(date))

    assert refusal == DueTooEarly(date, early)
    assert unreal == NoSuchDay("2026-06-31")


@pytest.mark.parametrize(
    ("name", "office"),
    [
        ("contractor", offices.CONTRACTING_OFFICER),
        ("receiver", offices.RECEIVING_OFFICER),
        ("vendor", None),
    ],
)
def test_who_had_another_duty_does_not_certify(name: str, office: str | None) -> None:
    """Though by now he is a certifying officer."""
    world = World.with_delivery()
    agency, holder = account_id(AGENCY), account_id(name)
    if office is not None:
        world.does("registrar", RevokeRole(office, agency, holder))
    world.does("registrar", give(offices.CERTIFYING_OFFICER, agency, holder))

    refusal = world.refused(name, a_voucher(world.in_days(30)))

    held = office or RECIPIENT
    assert refusal == TwoDuties(AWARD, holder, offices.CERTIFYING_OFFICER, held)


@pytest.mark.parametrize(
    ("name", "office"),
    [
        ("contractor", offices.CONTRACTING_OFFICER),
        ("receiver", offices.RECEIVING_OFFICER),
    ],
)
def test_of_a_blanket_award_no_officer_is_paid(name: str, office: str) -> None:
    """Nobody was named when it was made, so it is compared when the payee is."""
    world = World.begin()
    world.does("contractor", an_award(kind=AwardKind.BLANKET, recipient=None))
    world.does("receiver", a_delivery(world.today))
    payee = account_id(name)

    refusal = world.refused("certifier", a_voucher(world.in_days(30), payee=payee))

    assert refusal == TwoDuties(AWARD, payee, office, RECIPIENT)


def test_only_a_certifying_officer_of_the_agency_certifies_or_cancels() -> None:
    """Not even who pays."""
    world = World.with_voucher()
    missing = MissingRole(account_id("payer"), offices.CERTIFYING_OFFICER, account_id(AGENCY))

    assert world.refused("payer", a_voucher(world.in_days(30), invoice="INV-2")) == missing
    assert world.refused("payer", CANCEL) == missing


def test_what_is_cancelled_may_be_certified_anew() -> None:
    """What it was before stands in the history; the delivery can be invoiced again."""
    world = World.with_voucher()

    (event,) = world.does("certifier", CANCEL)
    cancelled = world.voucher()
    after = vouchered(world)
    world.does("certifier", a_voucher(world.in_days(9), amount=7))

    assert event == VoucherCancelled(VENDOR, INVOICE, AWARD, INVOICED, "wrong_amount", CERTIFIER)
    assert after == (0, 0)
    assert (cancelled.status, cancelled.reason) == (VoucherStatus.CANCELLED, "wrong_amount")
    assert world.state[VOUCHER_HISTORY].find(Attempt(KEY, 1)) == cancelled
    again = world.voucher()
    assert (again.attempt, again.number, again.amount) == (2, 2, 7)
    assert (again.status, again.reason) == (VoucherStatus.CERTIFIED, None)
    assert vouchered(world) == (7, 7)


def test_only_what_waits_for_payment_is_cancelled() -> None:
    """Neither what was never certified, nor what is paid, nor what is cancelled already."""
    world = World.with_delivery()
    certified = VoucherStatus.CERTIFIED

    never = world.refused("certifier", CANCEL)
    world.does("certifier", a_voucher(world.in_days(30)))
    world.does("certifier", CANCEL)
    again = world.refused("certifier", CANCEL)
    world.does("certifier", a_voucher(world.in_days(30)))
    world.does("payer", a_payment())
    paid = world.refused("certifier", CANCEL)

    assert never == UnknownVoucher(VENDOR, INVOICE)
    assert again == WrongStatus(VENDOR, INVOICE, VoucherStatus.CANCELLED, certified)
    assert paid == WrongStatus(VENDOR, INVOICE, VoucherStatus.PAID, certified)


def test_every_attempt_of_an_invoice_is_remembered() -> None:
    """Cancelled, then paid and returned, then certified a third time."""
    world = World.with_voucher()
    world.does("certifier", CANCEL)
    world.does("certifier", a_voucher(world.in_days(30)))
    world.does("payer", a_payment())
    world.does("vendor", ReturnPayment(INVOICE, ReturnReason.AC04))
    world.does("certifier", a_voucher(world.in_days(30)))

    history = world.state[VOUCHER_HISTORY]
    attempts = [history.find(Attempt(KEY, number)) for number in (1, 2, 3)]

    statuses = [each and each.status for each in attempts]
    assert statuses == [VoucherStatus.CANCELLED, VoucherStatus.RETURNED, None]
    assert world.voucher().attempt == 3
    index = world.state[AWARD_VOUCHERS]
    found = [index.find(AwardNumber(AWARD, number)) for number in (1, 2, 3)]
    assert found == [AwardVoucher(VENDOR, INVOICE, number) for number in (1, 2, 3)]
