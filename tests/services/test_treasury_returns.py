"""What comes back: payments that cannot be kept, and credit notes."""

import pytest

from kit.ledger import account_id, line, pay
from kit.treasury import (
    AWARD,
    AWARDED,
    DELIVERED,
    INVOICE,
    INVOICED,
    LINE,
    MONEY,
    World,
    a_delivery,
    a_payment,
    a_voucher,
    an_award,
)
from ledger.accounts import AccountKind
from ledger.assets import Purpose
from ledger.books import DuplicateReference, Overdraft
from services.authority.accounts import OpenAccount
from services.money import Spend, Transferred
from services.treasury.awards import AwardKind, UnknownAward
from services.treasury.deliveries import DeliveryKey
from services.treasury.deliveries import need as need_delivery
from services.treasury.grants import CertifyClaim, Redeem, TokeniseAward
from services.treasury.payments import OffsetVoucher
from services.treasury.returns import (
    REFUNDS,
    AwardRefunded,
    DuplicateCreditNote,
    MoreThanPaid,
    NothingToReturn,
    PaymentReturned,
    Refund,
    RefundAward,
    ReturnPayment,
    ReturnReason,
)
from services.treasury.vouchers import (
    MoreThanDelivered,
    NotTheRecipient,
    UnknownVoucher,
    VoucherKey,
    VoucherStatus,
    WrongStatus,
)

VENDOR = account_id("vendor")
RETURN = ReturnPayment(INVOICE, ReturnReason.AC04)


def totals(world: World) -> tuple[int, int, int, int]:
    """Delivered and paid: of the award, and of the line."""
    award, line = world.award(), world.line()
    return award.delivered, award.paid, line.delivered, line.outlaid


def test_a_payment_that_cannot_be_kept_comes_back() -> None:
    """What was delivered stays owed, so the invoice can be certified and paid anew."""
    world = World.with_payment()

    events = world.does("vendor", RETURN)
    returned = world.voucher()
    back = totals(world)
    world.does("certifier", a_voucher(world.in_days(30)))
    again = world.does("payer", a_payment())

    assert events[-1] == PaymentReturned(VENDOR, INVOICE, AWARD, INVOICED, 0, ReturnReason.AC04)
    (moved,) = [event for event in events if isinstance(event, Transferred)]
    assert (moved.payer, moved.to) == (VENDOR, world.treasury.account)
    assert (moved.amount, moved.reference) == (INVOICED, f"{AWARD}/1-R")
    assert (returned.status, returned.reason) == (VoucherStatus.RETURNED, "AC04")
    assert back == (DELIVERED, 0, DELIVERED, 0)
    assert [event.reference for event in again if isinstance(event, Transferred)] == [f"{AWARD}/2"]
    assert totals(world) == (DELIVERED, INVOICED, DELIVERED, INVOICED)
    assert world.purse(world.treasury.account) == MONEY - INVOICED


def test_what_went_to_creditors_stays_paid() -> None:
    """Only the rest comes back, and only the rest can be invoiced again."""
    world = World.with_voucher()
    debt = OffsetVoucher(VENDOR, INVOICE, "tax", account_id("creditor"), 300)
    world.does("debtor", debt)
    world.does("payer", a_payment())

    events = world.does("vendor", RETURN)

    rest = INVOICED - 300
    assert events[-1].amount == rest
    assert totals(world) == (DELIVERED, 300, DELIVERED, 300)
    delivery = need_delivery(world.state, DeliveryKey(AWARD, 1))
    assert world.award().vouchered == delivery.vouchered == 300
    too_much = world.refused("certifier", a_voucher(world.in_days(30), amount=DELIVERED - 299))
    assert too_much == MoreThanDelivered(AWARD, 1, DELIVERED, 300, DELIVERED - 299)


def test_interest_comes_back_with_its_payment() -> None:
    """And is no obligation of the line any more."""
    world = World.with_voucher()
    world.wait(days=60)
    world.does("payer", a_payment())
    assert world.award().interest > 0

    world.does("vendor", RETURN)

    assert world.award().interest == 0
    assert world.line().obligated == AWARDED
    assert totals(world) == (DELIVERED, 0, DELIVERED, 0)
    assert world.purse("vendor") == 0


def test_what_was_set_off_whole_cannot_be_returned() -> None:
    """The payee got nothing."""
    world = World.with_voucher()
    debt = OffsetVoucher(VENDOR, INVOICE, "tax", account_id("creditor"), INVOICED)
    world.does("debtor", debt)
    world.does("payer", a_payment())

    assert world.refused("vendor", RETURN) == NothingToReturn(VENDOR, INVOICE, INVOICED)


def test_only_the_payee_returns_what_was_paid_and_once() -> None:
    """Whoever else asks never had such an invoice."""
    world = World.with_voucher()
    paid, returned = VoucherStatus.PAID, VoucherStatus.RETURNED

    early = world.refused("vendor", RETURN)
    world.does("payer", a_payment())
    other = world.refused("vendor-2", RETURN)
    world.does("vendor", RETURN)
    again = world.refused("vendor", RETURN)

    assert early == WrongStatus(VENDOR, INVOICE, VoucherStatus.CERTIFIED, paid)
    assert other == UnknownVoucher(account_id("vendor-2"), INVOICE)
    assert again == WrongStatus(VENDOR, INVOICE, returned, paid)


def test_what_was_spent_already_cannot_be_returned() -> None:
    """The payee must have it."""
    world = World.with_payment()
    world.does("vendor", pay("works", 1, "wages"))

    refusal = world.refused("vendor", RETURN)

    assert refusal == Overdraft(VENDOR, world.treasury.asset, 0, INVOICED, INVOICED - 1, 0)


@pytest.mark.parametrize("reason", list(ReturnReason))
def test_every_reason_of_the_banks_is_a_code_of_four(reason: ReturnReason) -> None:
    """As the schema of messages has it, and each under its own name."""
    assert reason.name == reason.value
    assert len(reason.value) == 4
    assert reason.value.isalnum()


# refunds


def test_a_credit_note_gives_back_what_was_paid_and_delivered() -> None:
    """The promise stays, so it can be delivered again."""
    world = World.with_payment()

    events = world.does("vendor", RefundAward(AWARD, "CN-1", 500))

    award = world.award()
    assert events[-1] == AwardRefunded(VENDOR, "CN-1", AWARD, 500)
    assert totals(world) == (DELIVERED - 500, INVOICED - 500, DELIVERED - 500, INVOICED - 500)
    assert (award.vouchered, award.refunded) == (INVOICED - 500, 500)
    assert world.line().obligated == award.amount == AWARDED
    row = world.state[REFUNDS].find(VoucherKey(VENDOR, "CN-1"))
    assert row is not None
    assert row == Refund(AWARD, 500, world.chain.time_ms, row.transaction, world.month)
    world.does("receiver", a_delivery(world.today, amount=AWARDED - DELIVERED + 500))


def test_a_credit_note_is_used_once() -> None:
    """Whatever award it names."""
    world = World.with_payment()
    world.does("contractor", an_award("OTHER"))
    world.does("vendor", RefundAward(AWARD, "CN-1", 500))
    row = world.state[REFUNDS].find(VoucherKey(VENDOR, "CN-1"))
    assert row is not None

    for award in (AWARD, "OTHER"):
        refusal = world.refused("vendor", RefundAward(award, "CN-1", 1))
        assert refusal == DuplicateCreditNote(VENDOR, "CN-1", row.transaction)


def test_the_number_of_a_credit_note_is_a_reference_of_the_payee() -> None:
    """One that it used for another payment stands in the way."""
    world = World.with_payment()
    world.does("vendor", pay("works", 1, "CN-1"))

    refusal = world.refused("vendor", RefundAward(AWARD, "CN-1", 1))

    assert isinstance(refusal, DuplicateReference)


def test_no_more_is_refunded_than_was_paid() -> None:
    """By all credit notes together; then nothing is left to return either."""
    world = World.with_payment()
    world.does("vendor", RefundAward(AWARD, "CN-1", 1))

    refusal = world.refused("vendor", RefundAward(AWARD, "CN-2", INVOICED))
    returned = world.refused("vendor", RETURN)
    world.does("vendor", RefundAward(AWARD, "CN-2", INVOICED - 1))

    assert refusal == MoreThanPaid(AWARD, INVOICED - 1, INVOICED)
    assert returned == MoreThanPaid(AWARD, INVOICED - 1, INVOICED)
    assert world.award().paid == world.line(LINE).outlaid == 0


def test_only_who_is_paid_refunds() -> None:
    """The recipient; of a blanket award anybody, since anybody may have been paid."""
    world = World.with_payment()
    world.does("contractor", an_award("B", kind=AwardKind.BLANKET, recipient=None))

    other = world.refused("vendor-2", RefundAward(AWARD, "CN-1", 1))
    nothing = world.refused("vendor-2", RefundAward("B", "CN-1", 1))
    unknown = world.refused("vendor", RefundAward("NONE", "CN-1", 1))

    assert other == NotTheRecipient(AWARD, VENDOR, account_id("vendor-2"))
    assert nothing == MoreThanPaid("B", 0, 1)
    assert unknown == UnknownAward("NONE")


def test_a_vendor_that_an_agency_keeps_gives_back_by_the_agency() -> None:
    """The keeper signs for the running account."""
    world = World.begin()
    kept = account_id("kept")
    opened = OpenAccount(
        account=kept,
        kind=AccountKind.ORGANISATION,
        threshold=0,
        signers=(),
        name="",
        keeper=account_id("health"),
        floor=None,
    )
    world.does("registrar", opened)
    world.does("contractor", an_award(kind=AwardKind.BLANKET, recipient=None))
    world.does("receiver", a_delivery(world.today))
    world.does("certifier", a_voucher(world.in_days(30), payee=kept))
    world.does("payer", a_payment(INVOICE, "kept"))

    for operation in (RefundAward(AWARD, "CN-1", 1), RefundAward(AWARD, "CN-2", INVOICED - 1)):
        body = world.chain.body(("kept", operation))
        (receipt,) = world.chain.block(world.chain.check(body, "health"))
        assert receipt.refusal is None

    assert world.purse("kept") == world.award().paid == 0


def test_of_an_award_with_tokens_whoever_was_paid_refunds() -> None:
    """The award names its recipient, and pays who redeemed its tokens."""
    world = World.with_delivery()
    works = (Purpose("works", None, None),)
    world.does("contractor", TokeniseAward(AWARD, "ROAD7", AWARDED, works))
    world.does("vendor", Spend("ROAD7", "works", (line("vendor-2", INVOICED, "part"),)))
    world.does("vendor-2", Redeem(AWARD, 1, INVOICE, INVOICED))
    certified = CertifyClaim(account_id("vendor-2"), INVOICE, world.in_days(30))
    world.does("certifier", certified)
    world.does("payer", a_payment(INVOICE, "vendor-2"))

    world.does("vendor-2", RefundAward(AWARD, "CN-1", INVOICED))

    assert world.purse("vendor-2") == world.award().paid == 0
