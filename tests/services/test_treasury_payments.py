"""Payments: what is certified is paid once, by officers who did nothing else."""

import pytest

from kit.actors import give
from kit.ledger import account_id, pay
from kit.treasury import (
    AGENCY,
    ALLOTTED,
    AWARD,
    AWARDED,
    DELIVERED,
    FUND,
    INTEREST_BP,
    INVOICE,
    INVOICED,
    LINE,
    MINISTRY,
    MONEY,
    QUARTER,
    THRESHOLD,
    World,
    a_delivery,
    a_payment,
    a_voucher,
    a_warrant,
    an_award,
)
from ledger.accounts import UnknownAccount
from ledger.books import Overdraft
from ledger.operation import Operation
from ledger.roles import MissingRole
from ledger.transaction import Body, Call
from primitives import treasury_limits
from primitives.errors import Malformed, Rejected
from primitives.ids import INTEGER_MAX, AccountId, TimeMs
from services.authority.roles import RevokeRole
from services.money import Transferred
from services.treasury import funds, lines, offices
from services.treasury.amendments import AmendAward
from services.treasury.awards import RECIPIENT, TwoDuties
from services.treasury.funds import Posted
from services.treasury.payments import (
    InterestNotCovered,
    MoreThanPayable,
    NotACreditor,
    OfficerTwice,
    OffsetPlaced,
    OffsetTwice,
    OffsetVoucher,
    TooFewOfficers,
    TooManyOffsets,
    VoucherPaid,
    days_late,
    interest_on,
)
from services.treasury.vouchers import (
    CancelVoucher,
    UnknownVoucher,
    VoucherStatus,
    WrongStatus,
)

VENDOR, PAYER, CREDITOR = (account_id(name) for name in ("vendor", "payer", "creditor"))
SECOND = account_id("payer-2")


def offset(
    amount: int, reference: str = "tax 2025", creditor: AccountId = CREDITOR
) -> OffsetVoucher:
    return OffsetVoucher(VENDOR, INVOICE, reference, creditor, amount)


def transfers(events: tuple[object, ...]) -> list[tuple[AccountId, int, str]]:
    return [
        (event.to, event.amount, event.reference)
        for event in events
        if isinstance(event, Transferred)
    ]


def test_a_payment_goes_from_the_single_account_to_the_payee() -> None:
    """Award, line, voucher and balances say so."""
    world = World.with_voucher()

    events = world.does("payer", a_payment())

    treasury, award, voucher = world.treasury, world.award(), world.voucher()
    assert transfers(events) == [(VENDOR, INVOICED, f"{AWARD}/1")]
    assert events[-1] == VoucherPaid(
        payee=VENDOR,
        invoice=INVOICE,
        award=AWARD,
        treasury=account_id(MINISTRY),
        fund=FUND,
        asset=treasury.asset,
        amount=INVOICED,
        interest=0,
        withheld=0,
        reference=f"{AWARD}/1",
        officer=PAYER,
    )
    assert (world.purse("vendor"), world.purse(treasury.account)) == (INVOICED, MONEY - INVOICED)
    assert (award.paid, award.vouchered, award.interest) == (INVOICED, INVOICED, 0)
    assert world.line().outlaid == INVOICED
    assert (voucher.status, voucher.officers) == (VoucherStatus.PAID, (PAYER,))
    assert (voucher.paid_ms, voucher.period) == (world.chain.time_ms, world.month)
    assert voucher.paid_in is not None


def test_only_what_is_certified_is_paid_and_once() -> None:
    """Neither what nobody certified, nor what is paid, nor what was cancelled."""
    world = World.with_voucher()

    unknown = world.refused("payer", a_payment("INV-9"))
    world.does("payer", a_payment())
    again = world.refused("payer", a_payment())
    world.does("certifier", a_voucher(world.in_days(30), invoice="INV-2"))
    world.does("certifier", CancelVoucher(VENDOR, "INV-2", "wrong_amount"))
    cancelled = world.refused("payer", a_payment("INV-2"))

    certified = VoucherStatus.CERTIFIED
    assert unknown == UnknownVoucher(VENDOR, "INV-9")
    assert again == WrongStatus(VENDOR, INVOICE, VoucherStatus.PAID, certified)
    assert cancelled == WrongStatus(VENDOR, "INV-2", VoucherStatus.CANCELLED, certified)


@pytest.mark.parametrize(
    ("name", "office"),
    [
        ("contractor", offices.CONTRACTING_OFFICER),
        ("receiver", offices.RECEIVING_OFFICER),
        ("certifier", offices.CERTIFYING_OFFICER),
        ("vendor", None),
    ],
)
def test_who_had_another_duty_pays_nothing(name: str, office: str | None) -> None:
    """Neither himself, nor by signing with somebody else."""
    world = World.with_voucher()
    agency, holder = account_id(AGENCY), account_id(name)
    if office is not None:
        world.does("registrar", RevokeRole(office, agency, holder))
    world.does("registrar", give(offices.DISBURSING_OFFICER, agency, holder))

    alone = world.refused(name, a_payment())
    beside = world.refused("payer", a_payment(INVOICE, "vendor", name), with_=(name,))

    held = office or RECIPIENT
    assert alone == beside == TwoDuties(AWARD, holder, offices.DISBURSING_OFFICER, held)


def test_only_disbursing_officers_pay() -> None:
    """Whoever signs with one is one, too."""
    world = World.with_voucher()
    role, agency = offices.DISBURSING_OFFICER, account_id(AGENCY)

    alone = world.refused("debtor", a_payment())
    beside = world.refused("payer", a_payment(INVOICE, "vendor", "debtor"), with_=("debtor",))

    assert alone == beside == MissingRole(account_id("debtor"), role, agency)


# several officers


def large(amount: int) -> World:
    """A voucher of an amount about the threshold."""
    world = World.with_award()
    world.does("receiver", a_delivery(world.today, amount=amount))
    world.does("certifier", a_voucher(world.in_days(30), amount=amount))
    return world


def test_a_payment_above_the_threshold_takes_as_many_officers_as_the_treasury_asks_for() -> None:
    """The threshold itself takes one."""
    one, two = large(THRESHOLD), large(THRESHOLD + 1)

    one.does("payer", a_payment())
    refusal = two.refused("payer", a_payment())
    two.does("payer", a_payment(INVOICE, "vendor", "payer-2"), with_=("payer-2",))

    assert refusal == TooFewOfficers(
        VENDOR, INVOICE, THRESHOLD + 1, THRESHOLD, expected=2, actual=1
    )
    assert two.voucher().officers == (PAYER, SECOND)


def test_interest_counts_towards_the_threshold() -> None:
    """What leaves at a time is the invoice and its interest."""
    world = large(THRESHOLD)
    world.wait(days=40)
    whole = THRESHOLD + interest_on(THRESHOLD, 10, INTEREST_BP)

    refusal = world.refused("payer", a_payment())
    world.does("payer", a_payment(INVOICE, "vendor", "payer-2"), with_=("payer-2",))

    assert refusal == TooFewOfficers(VENDOR, INVOICE, whole, THRESHOLD, expected=2, actual=1)
    assert world.line().outlaid == whole


def test_an_officer_counts_once() -> None:
    """However often he is named."""
    world = large(THRESHOLD + 1)

    himself = world.refused("payer", a_payment(INVOICE, "vendor", "payer"))
    twice = world.refused(
        "payer", a_payment(INVOICE, "vendor", "payer-2", "payer-2"), with_=("payer-2",)
    )

    assert himself == OfficerTwice(VENDOR, INVOICE, PAYER)
    assert twice == OfficerTwice(VENDOR, INVOICE, SECOND)


def test_who_is_named_signs() -> None:
    """Else the transaction stands in no block: it waits for the signature."""
    world = large(THRESHOLD + 1)
    body = world.chain.body(("payer", a_payment(INVOICE, "vendor", "payer-2")))
    tx = world.chain.check(body, "payer")

    with pytest.raises(Rejected) as verdict:
        world.chain.block(tx)

    assert verdict.value.code == "transaction.threshold_not_reached"


def test_as_many_officers_as_the_row_holds_may_sign() -> None:
    """One more cannot be said."""
    world = World.with_voucher()
    names = [f"body {number}" for number in range(4)] + ["works", "notary", "payer-2"]
    agency = account_id(AGENCY)
    gives = [
        give(offices.DISBURSING_OFFICER, agency, account_id(name))
        for name in names
        if name != "payer-2"
    ]
    world.does("registrar", *gives)
    assert len(names) == treasury_limits.PAYMENT_OFFICERS_MAX - 1

    with pytest.raises(Malformed):
        world.chain.check(
            world.chain.body(("payer", a_payment(INVOICE, "vendor", *names, "payer-3"))), "payer"
        )
    world.does("payer", a_payment(INVOICE, "vendor", *names), with_=tuple(names))

    assert len(world.voucher().officers) == treasury_limits.PAYMENT_OFFICERS_MAX


# interest


def test_a_payment_is_late_from_the_day_after_it_was_due() -> None:
    """Days of the calendar, in UTC."""
    assert days_late("2026-05-31", "2026-05-01") == 0
    assert days_late("2026-05-31", "2026-05-31") == 0
    assert days_late("2026-05-31", "2026-06-01") == 1
    assert days_late("2028-02-28", "2028-03-01") == 2


def test_interest_is_simple_and_rounded_down() -> None:
    """A year of 365 days; nothing is lost or made in between, and no number is too large."""
    assert interest_on(1_000_000, 365, 800) == 80_000
    assert interest_on(1_000_000, 1, 800) == 219  # 219.178…
    assert interest_on(4_562, 1, 800) == 0
    assert interest_on(4_563, 1, 800) == 1
    assert interest_on(1_000_000, 30, 0) == 0
    assert interest_on(INTEGER_MAX, 36_500, 10_000) == INTEGER_MAX


def test_a_late_payment_has_interest_without_anybody_asking() -> None:
    """Out of the award's line, and to the payee."""
    world = World.with_voucher()
    world.wait(days=40)

    events = world.does("payer", a_payment())

    interest = INVOICED * 10 * INTEREST_BP // (365 * 10_000)
    award, line = world.award(), world.line()
    assert interest > 0
    assert transfers(events) == [(VENDOR, INVOICED + interest, f"{AWARD}/1")]
    assert world.voucher().interest == award.interest == events[-1].interest == interest
    assert (award.amount, award.delivered, award.paid) == (AWARDED, DELIVERED, INVOICED)
    assert (line.obligated, line.delivered) == (AWARDED + interest, DELIVERED + interest)
    assert line.outlaid == INVOICED + interest
    steps = [event.step.value for event in events if isinstance(event, Posted)]
    assert steps == ["obligate", "interest", "pay"]


def test_on_the_last_day_a_payment_is_in_time() -> None:
    """Interest begins the day after."""
    world = World.with_voucher()
    world.wait(days=29)
    assert world.voucher().due == world.in_days(0) or world.voucher().due == world.in_days(1)
    world.does("payer", a_payment())

    assert world.voucher().interest == 0


def test_interest_for_which_the_line_has_no_room_stops_the_payment() -> None:
    """And says how much is missing; with room it is paid."""
    world = World.with_voucher()
    rest = ALLOTTED - AWARDED
    world.does("contractor", an_award("REST", amount=rest))
    world.wait(days=40)
    interest = interest_on(INVOICED, 10, INTEREST_BP)

    refusal = world.refused("payer", a_payment())
    world.does("contractor", AmendAward("REST", -interest, 1, None))
    world.does("payer", a_payment())

    assert refusal == InterestNotCovered(VENDOR, INVOICE, 10, interest, LINE, 0)
    assert world.line().obligated == ALLOTTED


# offsets


def test_what_the_payee_owes_goes_to_its_creditors() -> None:
    """The rest goes to the payee; the award counts the whole."""
    world = World.with_voucher()

    (event,) = world.does("debtor", offset(300))
    world.does("debtor", offset(50, "loan 7", account_id("works")))
    events = world.does("payer", a_payment())

    assert event == OffsetPlaced(
        payee=VENDOR,
        invoice=INVOICE,
        award=AWARD,
        reference="tax 2025",
        creditor=CREDITOR,
        amount=300,
        by=account_id("debtor"),
    )
    assert transfers(events) == [
        (VENDOR, INVOICED - 350, f"{AWARD}/1"),
        (CREDITOR, 300, f"{AWARD}/1-1"),
        (account_id("works"), 50, f"{AWARD}/1-2"),
    ]
    assert events[-1].withheld == world.voucher().withheld == 350
    assert world.award().paid == world.line().outlaid == INVOICED


def test_a_whole_invoice_may_be_set_off_and_not_a_penny_more() -> None:
    """Then the payee gets nothing, and its debts are paid."""
    world = World.with_voucher()
    world.does("debtor", offset(1))

    refusal = world.refused("debtor", offset(INVOICED, "loan 7"))
    world.does("debtor", offset(INVOICED - 1, "loan 7"))
    events = world.does("payer", a_payment())

    assert refusal == MoreThanPayable(VENDOR, INVOICE, INVOICED, 1, INVOICED)
    assert world.purse("vendor") == 0
    assert world.purse("creditor") == INVOICED
    assert len(transfers(events)) == 2


def test_a_debt_is_set_off_once_and_only_so_many() -> None:
    """Of one creditor and one reference; another creditor may use the same words."""
    world = World.with_voucher()
    world.does("debtor", offset(1))

    twice = world.refused("debtor", offset(1))
    world.does("debtor", offset(1, "tax 2025", account_id("works")))
    most = treasury_limits.VOUCHER_OFFSETS_MAX
    world.does("debtor", *(offset(1, f"loan {number}") for number in range(most - 2)))
    too_many = world.refused("debtor", offset(1, "one more"))

    assert twice == OffsetTwice(VENDOR, INVOICE, "tax 2025", CREDITOR)
    assert too_many == TooManyOffsets(VENDOR, INVOICE, most)


@pytest.mark.parametrize("creditor", ["vendor", "debtor", None])
def test_who_cannot_be_a_creditor(creditor: str | None) -> None:
    """Neither the payee, nor the officer, nor the account that pays."""
    world = World.with_voucher()
    account = world.treasury.account if creditor is None else account_id(creditor)

    assert world.refused("debtor", offset(1, creditor=account)) == NotACreditor(VENDOR, account)


@pytest.mark.parametrize(
    ("name", "office"),
    [
        ("contractor", offices.CONTRACTING_OFFICER),
        ("receiver", offices.RECEIVING_OFFICER),
        ("certifier", offices.CERTIFYING_OFFICER),
    ],
)
def test_no_debt_is_set_off_for_an_officer_of_the_payment(name: str, office: str) -> None:
    """Who ordered, received or certified gets nothing of it, by no way round."""
    world, holder = World.with_voucher(), account_id(name)

    refusal = world.refused("debtor", offset(1, creditor=holder))

    assert refusal == TwoDuties(AWARD, holder, RECIPIENT, office)


def test_a_creditor_does_not_pay_himself() -> None:
    """Neither alone, nor by signing with somebody else; another officer pays him."""
    world = World.with_voucher()
    world.does("debtor", offset(1, creditor=PAYER))

    alone = world.refused("payer", a_payment())
    beside = world.refused("payer-2", a_payment(INVOICE, "vendor", "payer"), with_=("payer",))
    world.does("payer-2", a_payment())

    assert alone == beside == TwoDuties(AWARD, PAYER, offices.DISBURSING_OFFICER, RECIPIENT)


def test_only_a_debt_officer_sets_off_and_only_before_the_payment() -> None:
    """A creditor that does not exist gets nothing either."""
    world = World.with_voucher()
    nobody = account_id("nobody")

    other = world.refused("payer", offset(1))
    unknown = world.refused("debtor", offset(1, creditor=nobody))
    world.does("payer", a_payment())
    late = world.refused("debtor", offset(1))

    assert other == MissingRole(PAYER, offices.DEBT_OFFICER, account_id(AGENCY))
    assert unknown == UnknownAccount(nobody)
    assert late == WrongStatus(VENDOR, INVOICE, VoucherStatus.PAID, VoucherStatus.CERTIFIED)


def test_without_money_in_the_single_account_nothing_is_paid() -> None:
    """Whatever the books allow: authority is no cash."""
    world, amount = World.begin(), MONEY + 1
    world.does("parliament", funds.Appropriate(FUND, amount, None))
    world.does("budgeter", funds.Apportion(FUND, QUARTER, amount))
    world.does("allotter", lines.Allot(LINE, amount), a_warrant("contractor", amount))
    world.does("contractor", an_award(amount=amount))
    world.does("receiver", a_delivery(world.today, amount=amount))
    world.does("certifier", a_voucher(world.in_days(30), amount=amount))

    payment = a_payment(INVOICE, "vendor", "payer-2")
    refusal = world.refused("payer", payment, with_=("payer-2",))

    treasury = world.treasury
    assert refusal == Overdraft(treasury.account, treasury.asset, 0, amount, MONEY, 0)


def test_nobody_signs_for_the_single_account() -> None:
    """Its money leaves by the rules of payment alone: not even the ministry can move it."""
    world = World.begin()
    stolen: Operation = pay("vendor", 1, "theft")
    body = Body(
        chain=world.chain.id,
        valid_until=TimeMs(world.chain.time_ms + 60_000),
        salt=bytes(16),
        calls=(Call(world.treasury.account, stolen),),
    )

    with pytest.raises(Rejected) as verdict:
        world.chain.block(world.chain.check(body, MINISTRY, "parliament", "payer"))

    assert verdict.value.code == "transaction.threshold_not_reached"
