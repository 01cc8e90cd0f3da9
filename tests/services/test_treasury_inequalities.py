"""Anti-deficiency: each operation is tried at the limit of each inequality, and one beyond it.

At the limit it is done, one penny further it is refused, and either way all books still agree when
they are counted again from their rows. A test below asks of every operation of the treasury whether
it was tried.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from msgspec.structs import replace

from kit.inequalities import broken, rows
from kit.ledger import account_id
from kit.treasury import (
    ALLOTTED,
    APPORTIONED,
    AWARD,
    AWARDED,
    DELIVERED,
    FUND,
    INTEREST_BP,
    INVOICE,
    INVOICED,
    LINE,
    MONEY,
    OTHER_LINE,
    QUARTER,
    THRESHOLD,
    WARRANT,
    World,
    a_delivery,
    a_payment,
    a_voucher,
    a_warrant,
    an_award,
)
from ledger.assets import Purpose
from ledger.books import Overdraft
from ledger.operation import Operation, Refusal, code
from ledger.receipt import Outcome
from ledger.state import Table
from primitives.codec import encode
from primitives.ids import INTEGER_MAX
from services.table import OPERATIONS
from services.treasury import payments
from services.treasury.amendments import AmendAward, BelowDelivered
from services.treasury.awards import AWARDS
from services.treasury.chart import TotalTooLarge
from services.treasury.deliveries import DELIVERIES, MoreThanAwarded
from services.treasury.funds import (
    APPORTIONMENTS,
    FUNDS,
    Apportion,
    Appropriate,
    OverApportionment,
    OverAppropriation,
    Rescind,
)
from services.treasury.grants import (
    CertifyClaim,
    MoreThanUninvoiced,
    NoSuchClaim,
    Redeem,
    TokeniseAward,
    WithdrawClaim,
)
from services.treasury.lines import BUDGET_LINES, Allot, OverAllotment, TransferAllotment
from services.treasury.payments import (
    InterestNotCovered,
    MoreThanPayable,
    OffsetVoucher,
    TooFewOfficers,
)
from services.treasury.returns import MoreThanPaid, RefundAward, ReturnPayment, ReturnReason
from services.treasury.vouchers import (
    VOUCHERS,
    CancelVoucher,
    DuplicateInvoice,
    MoreThanDelivered,
    WrongStatus,
)
from services.treasury.warrants import OverWarrant
from services.treasury.withdrawals import DeliveryInvoiced, WithdrawDelivery

WORKS = (Purpose("works", None, None),)
VENDOR, CREDITOR = account_id("vendor"), account_id("creditor")


@dataclass(frozen=True)
class Deed:
    """Who does what, in which world; the others sign, too."""

    world: World
    actor: str
    operation: Operation
    others: tuple[str, ...] = ()


@dataclass(frozen=True)
class Case:
    """An inequality, and the operation that tries to break it by so much beyond the limit."""

    inequality: str
    refusal: type[Refusal]
    deed: Callable[[int], Deed]


def rescind(beyond: int) -> Deed:
    return Deed(World.begin(), "parliament", Rescind(FUND, MONEY - APPORTIONED + beyond, None))


def appropriate(beyond: int) -> Deed:
    return Deed(World.begin(), "parliament", Appropriate(FUND, INTEGER_MAX - MONEY + beyond, None))


def apportion(beyond: int) -> Deed:
    more = Apportion(FUND, "2026-q3", MONEY - APPORTIONED + beyond)
    return Deed(World.begin(), "budgeter", more)


def apportion_less(beyond: int) -> Deed:
    unallotted = APPORTIONED - ALLOTTED - ALLOTTED // 5
    return Deed(World.begin(), "budgeter", Apportion(FUND, QUARTER, -unallotted - beyond))


def allot(beyond: int) -> Deed:
    unallotted = APPORTIONED - ALLOTTED - ALLOTTED // 5
    return Deed(World.begin(), "allotter", Allot(LINE, unallotted + beyond))


def allot_less(beyond: int) -> Deed:
    return Deed(World.with_award(), "allotter", Allot(LINE, AWARDED - ALLOTTED - beyond))


def move_allotment(beyond: int) -> Deed:
    moved = TransferAllotment(LINE, OTHER_LINE, ALLOTTED - AWARDED + beyond)
    return Deed(World.with_award(), "allotter", moved)


def _warranted(world: World) -> World:
    """Where no warrant stands in the way."""
    world.does("allotter", a_warrant("contractor", MONEY))
    return world


def award(beyond: int) -> Deed:
    world = _warranted(World.begin())
    return Deed(world, "contractor", an_award(amount=ALLOTTED + beyond))


def award_by_warrant(beyond: int) -> Deed:
    return Deed(World.begin(), "contractor", an_award(amount=WARRANT + beyond))


def amend(beyond: int) -> Deed:
    world = _warranted(World.with_award())
    return Deed(world, "contractor", AmendAward(AWARD, ALLOTTED - AWARDED + beyond, 1, None))


def amend_by_warrant(beyond: int) -> Deed:
    more = AmendAward(AWARD, WARRANT - AWARDED + beyond, 1, None)
    return Deed(World.with_award(), "contractor", more)


def amend_less(beyond: int) -> Deed:
    less = AmendAward(AWARD, DELIVERED - AWARDED - beyond, 1, None)
    return Deed(World.with_delivery(), "contractor", less)


def deliver(beyond: int) -> Deed:
    world = World.with_delivery()
    rest = a_delivery(world.today, amount=AWARDED - DELIVERED + beyond)
    return Deed(world, "receiver", rest)


def withdraw(beyond: int) -> Deed:
    world = World.with_voucher()
    if not beyond:
        world.does("certifier", CancelVoucher(VENDOR, INVOICE, "mistake"))
    return Deed(world, "receiver", WithdrawDelivery(AWARD, 1, "mistake"))


def certify(beyond: int) -> Deed:
    world = World.with_voucher()
    rest = DELIVERED - INVOICED + beyond
    return Deed(world, "certifier", a_voucher(world.in_days(30), invoice="INV-2", amount=rest))


def certify_twice(beyond: int) -> Deed:
    world = World.with_voucher() if beyond else World.with_delivery()
    return Deed(world, "certifier", a_voucher(world.in_days(30), amount=1))


def set_off(beyond: int) -> Deed:
    debt = OffsetVoucher(VENDOR, INVOICE, "tax", CREDITOR, INVOICED + beyond)
    return Deed(World.with_voucher(), "debtor", debt)


def pay_twice(beyond: int) -> Deed:
    return Deed(World.with_payment() if beyond else World.with_voucher(), "payer", a_payment())


def pay_with_interest(beyond: int) -> Deed:
    world = World.with_voucher()
    interest = payments.interest_on(INVOICED, 10, INTEREST_BP)
    taken = ALLOTTED - AWARDED - interest + beyond
    world.does("contractor", an_award("REST", amount=taken))
    world.wait(days=40)
    return Deed(world, "payer", a_payment())


def pay_without_cash(beyond: int) -> Deed:
    world, amount = World.begin(), MONEY + beyond
    if beyond:
        world.does("parliament", Appropriate(FUND, beyond, None))
    world.does("budgeter", Apportion(FUND, QUARTER, amount - APPORTIONED))
    world.does("allotter", Allot(OTHER_LINE, -ALLOTTED // 5), Allot(LINE, amount - ALLOTTED))
    world.does("allotter", a_warrant("contractor", amount))
    world.does("contractor", an_award(amount=amount))
    world.does("receiver", a_delivery(world.today, amount=amount))
    world.does("certifier", a_voucher(world.in_days(30), amount=amount))
    return Deed(world, "payer", a_payment(INVOICE, "vendor", "payer-2"), ("payer-2",))


def pay_alone(beyond: int) -> Deed:
    world, amount = World.with_award(), THRESHOLD + beyond
    world.does("receiver", a_delivery(world.today, amount=amount))
    world.does("certifier", a_voucher(world.in_days(30), amount=amount))
    return Deed(world, "payer", a_payment())


def cancel(beyond: int) -> Deed:
    world = World.with_payment() if beyond else World.with_voucher()
    return Deed(world, "certifier", CancelVoucher(VENDOR, INVOICE, "mistake"))


def give_back(beyond: int) -> Deed:
    return Deed(World.with_payment(), "vendor", RefundAward(AWARD, "CN-1", INVOICED + beyond))


def send_back(beyond: int) -> Deed:
    world = World.with_payment()
    if beyond:
        world.does("vendor", RefundAward(AWARD, "CN-1", beyond))
    return Deed(world, "vendor", ReturnPayment(INVOICE, ReturnReason.AC04))


def send_back_twice(beyond: int) -> Deed:
    world = World.with_payment()
    back = ReturnPayment(INVOICE, ReturnReason.AC04)
    if beyond:
        world.does("vendor", back)
    return Deed(world, "vendor", back)


def tokenise(beyond: int) -> Deed:
    made = TokeniseAward(AWARD, "ROAD7", AWARDED - INVOICED + beyond, WORKS)
    return Deed(World.with_voucher(), "contractor", made)


def _in_tokens() -> World:
    """The vendor has tokens for all of the award, of which something was delivered."""
    world = World.with_delivery()
    world.does("contractor", TokeniseAward(AWARD, "ROAD7", AWARDED, WORKS))
    return world


def redeem(beyond: int) -> Deed:
    return Deed(_in_tokens(), "vendor", Redeem(AWARD, 1, INVOICE, AWARDED + beyond))


def certify_claim(beyond: int) -> Deed:
    world = _in_tokens()
    world.does("vendor", Redeem(AWARD, 1, INVOICE, DELIVERED + beyond))
    return Deed(world, "certifier", CertifyClaim(VENDOR, INVOICE, world.in_days(30)))


def withdraw_twice(beyond: int) -> Deed:
    world = _in_tokens()
    world.does("vendor", Redeem(AWARD, 1, INVOICE, DELIVERED))
    if beyond:
        world.does("vendor", WithdrawClaim(INVOICE))
    return Deed(world, "vendor", WithdrawClaim(INVOICE))


CASES = (
    Case("apportioned ≤ appropriated", OverAppropriation, rescind),
    Case("apportioned ≤ appropriated", OverAppropriation, apportion),
    Case("appropriated can be counted", TotalTooLarge, appropriate),
    Case("allotted ≤ apportioned", OverApportionment, apportion_less),
    Case("allotted ≤ apportioned", OverApportionment, allot),
    Case("obligated ≤ allotted", OverAllotment, allot_less),
    Case("obligated ≤ allotted", OverAllotment, move_allotment),
    Case("obligated ≤ allotted", OverAllotment, award),
    Case("obligated ≤ allotted", OverAllotment, amend),
    Case("obligated ≤ allotted", InterestNotCovered, pay_with_interest),
    Case("awarded ≤ warrant", OverWarrant, award_by_warrant),
    Case("awarded ≤ warrant", OverWarrant, amend_by_warrant),
    Case("delivered ≤ awarded", BelowDelivered, amend_less),
    Case("delivered ≤ awarded", MoreThanAwarded, deliver),
    Case("invoiced ≤ delivered", DeliveryInvoiced, withdraw),
    Case("invoiced ≤ delivered", MoreThanDelivered, certify),
    Case("an invoice once", DuplicateInvoice, certify_twice),
    Case("set off ≤ invoiced", MoreThanPayable, set_off),
    Case("paid ≤ invoiced", WrongStatus, pay_twice),
    Case("paid ≤ invoiced", WrongStatus, cancel),
    Case("paid ≤ cash", Overdraft, pay_without_cash),
    Case("paid alone ≤ threshold", TooFewOfficers, pay_alone),
    Case("tokens ≤ not invoiced", MoreThanUninvoiced, tokenise),
    Case("redeemed ≤ held", Overdraft, redeem),
    Case("invoiced ≤ delivered", MoreThanDelivered, certify_claim),
    Case("a claim once", NoSuchClaim, withdraw_twice),
    Case("0 ≤ paid", MoreThanPaid, give_back),
    Case("0 ≤ paid", MoreThanPaid, send_back),
    Case("0 ≤ paid", WrongStatus, send_back_twice),
)
UNTRIED = {
    "treasury.open_treasury": "has no amounts",
    "treasury.define_fund": "has no amounts",
    "treasury.set_warrant": "bounds awards, and moves nothing",
    "treasury.set_terms": "says how is paid, and moves nothing",
    "treasury.close_period": "compares, and moves nothing",
    **dict.fromkeys(
        (
            "treasury.enter_holding",
            "treasury.move_holding",
            "treasury.impair_holding",
            "treasury.dispose_of_holding",
            "treasury.open_count",
            "treasury.count_holding",
        ),
        "is about things: it posts to what a fund owns, and not to what it may spend",
    ),
}
"""Operations that change no total that an inequality is about, and why."""
FALSE: tuple[tuple[Table[Any, Any], Callable[[Any], dict[str, int]]], ...] = (
    (FUNDS, lambda row: {"apportioned": row.apportioned + 1}),
    (APPORTIONMENTS, lambda row: {"allotted": row.allotted + 1}),
    (BUDGET_LINES, lambda row: {"obligated": row.obligated + 1}),
    (BUDGET_LINES, lambda row: {"outlaid": row.outlaid + 1}),
    (AWARDS, lambda row: {"amount": row.amount + 1}),
    (AWARDS, lambda row: {"vouchered": row.vouchered + 1}),
    (AWARDS, lambda row: {"refunded": row.refunded + 1}),
    (DELIVERIES, lambda row: {"amount": row.amount - 1}),
    (DELIVERIES, lambda row: {"vouchered": row.vouchered - 1}),
    (VOUCHERS, lambda row: {"amount": row.amount - 1}),
    (VOUCHERS, lambda row: {"interest": row.interest + 1}),
)
"""A row of the treasury's, and how it is falsified."""


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.inequality}, {case.deed.__name__}")
def test_at_the_limit_it_is_done_and_a_penny_beyond_it_is_refused(case: Case) -> None:
    """And all books agree afterwards."""
    for beyond, refusal in ((0, None), (1, case.refusal)):
        deed = case.deed(beyond)
        assert broken(deed.world.chain.state) == []

        receipt = deed.world.act(deed.actor, deed.operation, with_=deed.others)

        assert (receipt.outcome is Outcome.APPLIED) == (beyond == 0), receipt.refusal
        assert refusal is None or type(receipt.refusal) is refusal
        assert broken(deed.world.chain.state) == []


def test_every_operation_of_the_treasury_was_tried() -> None:
    """A new one is tried, or it is said why it need not be."""
    tried = {code(case.deed(0).operation) for case in CASES}
    all_of_them = {
        tag
        for tag in (operation.__struct_config__.tag for operation in OPERATIONS)
        if str(tag).startswith("treasury.")
    }

    assert tried.isdisjoint(UNTRIED)
    assert tried | set(UNTRIED) == all_of_them


def test_books_that_are_wrong_are_found_out() -> None:
    """The counting above would notice: each row is falsified in turn."""
    found = []
    for table, change in FALSE:
        world = World.with_payment()
        key, row = next(rows(world.chain.state, table))
        world.chain.state.rows[table.number, key] = encode(replace(row, **change(row)))
        found.append(bool(broken(world.chain.state)))

    assert found == [True] * len(FALSE)
