"""The law of public payments: in whatever order officers act, no penny leaves without its reasons.

Beside a real treasury stands a schoolbook of a few dictionaries. Every act is done or refused as
the schoolbook says; and after every act

- outlays ≤ deliveries ≤ obligations ≤ allotments ≤ apportionments ≤ appropriations, and every total
  is the sum of what it is a total of, debits equal credits (`kit.inequalities`);
- what left the single account is what the lines say was paid, and creditors and payees have it;
- an invoice is paid once, and a credit note used once.
"""

from dataclasses import dataclass, field
from datetime import date
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from kit.inequalities import broken
from kit.ledger import account_id
from kit.treasury import (
    ALLOTTED,
    INTEREST_BP,
    LINE,
    MONEY,
    THRESHOLD,
    WARRANT,
    World,
    a_delivery,
    a_payment,
    a_voucher,
    an_award,
)
from ledger.operation import Operation
from ledger.receipt import Outcome
from services.treasury.amendments import AmendAward
from services.treasury.awards import AwardKind
from services.treasury.payments import OffsetVoucher
from services.treasury.returns import RefundAward, ReturnPayment, ReturnReason
from services.treasury.vouchers import CancelVoucher
from services.treasury.withdrawals import WithdrawDelivery

AMOUNTS = (1, 999, 1_000_000, THRESHOLD, THRESHOLD + 1, 7_654_321, 30_000_000)
day = date.fromisoformat
LAST_DAY = "2027-12-31"
"""Of the fund, and of all awards."""
codes = st.sampled_from(("CONTRACT", "BLANKET", "BLANKET", "SECOND"))
amounts = st.one_of(st.sampled_from(AMOUNTS), st.sampled_from(("limit", "beyond")))
"""So much; or just what may be, or a penny more."""
payees = st.sampled_from(("vendor", "vendor", "vendor-2"))
known_ones = st.integers(0, 6)
"""Which of what there is; the last one is unknown to everybody."""


@dataclass
class Promise:
    """An award as the schoolbook has it."""

    amount: int
    recipient: str | None
    modification: int = 0
    deliveries: list[int] = field(default_factory=list)
    """What is left of each to be invoiced."""
    accepted: list[int] = field(default_factory=list)
    """What each was; nothing, if it was withdrawn."""
    delivered: int = 0
    paid: int = 0


@dataclass
class Invoice:
    """An invoice as the schoolbook has it."""

    award: str
    delivery: int
    amount: int
    due: str
    status: str = "certified"
    debts: dict[tuple[str, str], int] = field(default_factory=dict)
    """By the creditor and its name of the debt."""
    interest: int = 0

    @property
    def withheld(self) -> int:
        return sum(self.debts.values())


class Vouchers(RuleBasedStateMachine):
    """Officers, payees and time, in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.world = World.begin()
        self.awards: dict[str, Promise] = {}
        self.invoices: dict[tuple[str, str], Invoice] = {}
        self.notes: set[tuple[str, str]] = set()
        self.interest = 0
        self.purses = dict.fromkeys(("vendor", "vendor-2", "creditor", "payer"), 0)
        # What rules meet on is there from the start.
        self.promise("CONTRACT", 20_000_000)
        self.promise("BLANKET", 15_000_000)
        self.deliver("CONTRACT", 8_000_000)
        self.deliver("BLANKET", 9_000_000)
        self.certify("vendor", 6, "CONTRACT", 0, 1_000_000, 0)
        self.certify("vendor", 6, "CONTRACT", 0, THRESHOLD + 1, 0)
        self.set_off(0, 999, "tax", "creditor")

    # the schoolbook

    @property
    def room(self) -> int:
        """What of the line is not obligated."""
        return ALLOTTED - self.interest - sum(each.amount for each in self.awards.values())

    def one(self, which: int) -> tuple[str, str]:
        """An invoice that was certified, or one that nobody knows."""
        keys = sorted(self.invoices)
        return ("vendor", "I-0") if which == 6 else keys[which % len(keys)]

    def meant(self, amount: int | str, limit: int) -> int:
        if isinstance(amount, int):
            return amount
        return max(limit + (amount == "beyond"), 1)

    def does(self, actor: str, operation: Operation, *others: str, expected: bool) -> Any:  # noqa: ANN401
        receipt = self.world.act(actor, operation, with_=others)
        assert (receipt.outcome is Outcome.APPLIED) == expected, (operation, receipt.refusal)
        return receipt.events

    # what is done

    @rule(code=codes, amount=amounts)
    def promise(self, code: str, amount: int | str) -> None:
        blanket = code == "BLANKET"
        amount = self.meant(amount, min(self.room, WARRANT))
        may = (
            code not in self.awards
            and amount <= min(self.room, WARRANT)
            and self.world.today <= LAST_DAY
        )
        recipient = None if blanket else account_id("vendor")
        kind = AwardKind.BLANKET if blanket else AwardKind.GRANT
        made = an_award(code, kind=kind, recipient=recipient, amount=amount)
        self.does("contractor", made, expected=may)
        if may:
            self.awards[code] = Promise(amount, None if blanket else "vendor")

    @rule(code=codes, amount=amounts, less=st.booleans(), skip=st.sampled_from((0, 0, 0, 1)))
    def amend(self, code: str, amount: int | str, less: bool, skip: int) -> None:  # noqa: FBT001
        known = self.awards.get(code) or Promise(0, None)
        most = known.amount - known.delivered if less else min(self.room, WARRANT - known.amount)
        amount = self.meant(amount, most)
        may = (
            code in self.awards
            and amount <= most
            and not skip
            and (less or self.world.today <= LAST_DAY)
        )
        change, number = -amount if less else amount, known.modification + 1
        self.does("contractor-2", AmendAward(code, change, number + skip, None), expected=may)
        if may:
            known.amount += change
            known.modification = number

    @rule(code=codes, amount=amounts)
    def deliver(self, code: str, amount: int | str) -> None:
        known = self.awards.get(code) or Promise(0, None)
        left = known.amount - known.delivered
        amount, today = self.meant(amount, left), self.world.today
        may = code in self.awards and amount <= left and today <= LAST_DAY
        self.does("receiver", a_delivery(today, award=code, amount=amount), expected=may)
        if may:
            known.deliveries.append(amount)
            known.accepted.append(amount)
            known.delivered += amount

    @rule(code=codes, delivery=known_ones)
    def withdraw(self, code: str, delivery: int) -> None:
        known = self.awards.get(code) or Promise(0, None)
        count = len(known.deliveries)
        number = delivery % count + 1 if count and delivery < 6 else count + 1
        there = number <= count
        whole = known.accepted[number - 1] if there else 0
        may = whole > 0 and known.deliveries[number - 1] == whole
        self.does("receiver", WithdrawDelivery(code, number, "mistake"), expected=may)
        if may:
            known.accepted[number - 1] = known.deliveries[number - 1] = 0
            known.delivered -= whole

    @rule(
        payee=payees,
        which=known_ones,
        code=codes,
        delivery=known_ones,
        amount=amounts,
        days=st.sampled_from((0, 20)),
    )
    def certify(
        self, payee: str, which: int, code: str, delivery: int, amount: int | str, days: int
    ) -> None:
        known = self.awards.get(code) or Promise(0, None)
        count = len(known.deliveries)
        number = delivery % count + 1 if count and delivery < 6 else count + 1
        invoice = f"I-{len(self.invoices) + 1}"
        if which < 4:
            payee, invoice = self.one(which)
        there = number <= count
        left = known.deliveries[number - 1] if there else 0
        amount, due = self.meant(amount, left), self.world.in_days(days)
        before = self.invoices.get((payee, invoice))
        may = (
            there
            and amount <= left
            and known.recipient in (None, payee)
            and (before is None or before.status in ("cancelled", "returned"))
        )
        said = a_voucher(
            due,
            award=code,
            delivery=number,
            payee=account_id(payee),
            invoice=invoice,
            amount=amount,
        )
        self.does("certifier", said, expected=may)
        if may:
            known.deliveries[number - 1] -= amount
            self.invoices[payee, invoice] = Invoice(code, number, amount, due)

    @rule(which=known_ones)
    def cancel(self, which: int) -> None:
        payee, invoice = self.one(which)
        known = self.invoices.get((payee, invoice))
        may = known is not None and known.status == "certified"
        self.does("certifier", CancelVoucher(account_id(payee), invoice, "mistake"), expected=may)
        if may and known is not None:
            known.status = "cancelled"
            self.awards[known.award].deliveries[known.delivery - 1] += known.amount

    @rule(
        which=known_ones,
        amount=amounts,
        debt=st.sampled_from(("tax", "loan")),
        creditor=st.sampled_from(("creditor", "creditor", "payer", "certifier")),
    )
    def set_off(self, which: int, amount: int | str, debt: str, creditor: str) -> None:
        payee, invoice = self.one(which)
        known = self.invoices.get((payee, invoice))
        left = 0 if known is None else known.amount - known.withheld
        amount = self.meant(amount, left)
        may = (
            known is not None
            and known.status == "certified"
            and amount <= left
            and creditor != "certifier"
            and (creditor, debt) not in known.debts
        )
        said = OffsetVoucher(account_id(payee), invoice, debt, account_id(creditor), amount)
        self.does("debtor", said, expected=may)
        if may and known is not None:
            known.debts[creditor, debt] = amount

    @rule(which=known_ones, together=st.booleans())
    def disburse(self, which: int, together: bool) -> None:  # noqa: FBT001
        payee, invoice = self.one(which)
        known = self.invoices.get((payee, invoice))
        others = ("payer-2",) if together else ()
        interest = 0
        if known is not None:
            late = max((day(self.world.today) - day(known.due)).days, 0)
            interest = known.amount * late * INTEREST_BP // 3_650_000
        may = (
            known is not None
            and known.status == "certified"
            and (together or known.amount + interest <= THRESHOLD)
            and all(creditor != "payer" for creditor, _ in known.debts)
            and interest <= self.room
        )
        self.does("payer", a_payment(invoice, payee, *others), *others, expected=may)
        if may and known is not None:
            known.status, known.interest = "paid", interest
            self.interest += interest
            self.awards[known.award].paid += known.amount
            self.purses[payee] += known.amount + interest - known.withheld
            for (creditor, _), debt in known.debts.items():
                self.purses[creditor] += debt

    @rule(which=known_ones)
    def send_back(self, which: int) -> None:
        payee, invoice = self.one(which)
        known = self.invoices.get((payee, invoice)) or Invoice("", 0, 0, "", status="unknown")
        net = known.amount - known.withheld
        whole = net + known.interest
        may = (
            known.status == "paid"
            and 0 < whole <= self.purses[payee]
            and net <= self.awards[known.award].paid
        )
        self.does(payee, ReturnPayment(invoice, ReturnReason.AC04), expected=may)
        if may:
            known.status = "returned"
            self.awards[known.award].paid -= net
            self.awards[known.award].deliveries[known.delivery - 1] += net
            self.interest -= known.interest
            self.purses[payee] -= whole

    @rule(payee=payees, note=st.sampled_from(("C-1", "C-2", "C-3")), code=codes, amount=amounts)
    def refund(self, payee: str, note: str, code: str, amount: int | str) -> None:
        known = self.awards.get(code) or Promise(0, None)
        most = min(known.paid, self.purses[payee])
        amount = self.meant(amount, most)
        may = (
            code in self.awards
            and amount <= most
            and known.recipient in (None, payee)
            and (payee, note) not in self.notes
        )
        self.does(payee, RefundAward(code, note, amount), expected=may)
        if may:
            known.paid -= amount
            known.delivered -= amount
            self.purses[payee] -= amount
            self.notes.add((payee, note))

    @rule(days=st.sampled_from((1, 15, 40, 40)))
    def wait(self, days: int) -> None:
        self.world.wait(days)

    # what is true after every act

    @invariant()
    def the_books_agree(self) -> None:
        assert broken(self.world.chain.state) == []

    @invariant()
    def what_left_the_single_account_is_what_was_paid(self) -> None:
        world = self.world
        outlaid = sum(each.paid for each in self.awards.values()) + self.interest
        assert world.line(LINE).outlaid == outlaid
        assert world.purse(world.treasury.account) == MONEY - outlaid
        assert {name: world.purse(name) for name in self.purses} == self.purses


TestVouchers = Vouchers.TestCase
TestVouchers.settings = settings(max_examples=60, stateful_step_count=50, deadline=None)
