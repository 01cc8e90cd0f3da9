"""The law of reports: in whatever order officers act, a month that is over is told as it was.

After every act

- the figures of the running month agree with each other: lines with apportionments and awards,
  invoices with what awards say, debits with credits;
- what was posted, added up again by the chart of accounts, is the trial balance and every line;
- the invoices of a month are paid, and come back, as often and as much as its receipts say;
- the report of each month that is over is the one that was made in its last moment.
"""

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from cli.treasury_data import ProvenAnswers, read_period
from exchange.period_report import disagreements, figures
from exchange.treasury_journal import Posting, entries_of
from kit.ledger import Chain, account_id
from kit.treasury import (
    LINE,
    MINISTRY,
    OTHER_LINE,
    World,
    a_delivery,
    a_payment,
    a_voucher,
    an_award,
    treasury_document,
)
from ledger.query import Reading
from ledger.receipt import Receipt
from ledger.transaction import CheckedTransaction
from services.treasury import lines
from services.treasury.amendments import AmendAward
from services.treasury.awards import AwardKind
from services.treasury.chart import Step
from services.treasury.payments import OffsetVoucher
from services.treasury.period import period_of
from services.treasury.returns import PaymentReturned, RefundAward, ReturnPayment, ReturnReason
from services.treasury.vouchers import CancelVoucher
from services.treasury.withdrawals import WithdrawDelivery

CODES = ("ONE", "TWO")
amounts = st.sampled_from((1, 999, 250_000, 1_000_000))
codes = st.sampled_from(CODES)
invoices = st.sampled_from(("I-1", "I-2", "I-3"))
VENDOR = account_id("vendor")


@dataclass
class Listening(Chain):
    """A chain that adds up what its receipts say was posted."""

    posting: Posting = field(default_factory=Posting)
    paid: defaultdict[str, list[int]] = field(default_factory=lambda: defaultdict(list))
    returned: Counter[str] = field(default_factory=Counter)

    def block(self, *transactions: CheckedTransaction) -> list[Receipt[Any, Any]]:
        receipts = super().block(*transactions)
        for receipt in (*receipts, *self.done):
            for entry in entries_of(receipt):
                self.posting.post(entry)
                if entry.step is Step.PAY and entry.amount > 0:
                    self.paid[period_of(self.time_ms)].append(entry.amount)
            back = sum(isinstance(event, PaymentReturned) for event in receipt.events)
            self.returned[period_of(self.time_ms)] += back
        return receipts


class Heard(World):
    """A world whose postings are added up."""

    chain: Listening

    @classmethod
    def founded(cls) -> World:
        return cls(Listening.begin(treasury_document()))


class Reports(RuleBasedStateMachine):
    """Officers, payees and time, in any order; what the rules refuse does not matter here."""

    def __init__(self) -> None:
        super().__init__()
        self.world = Heard.begin()
        self.told: dict[str, Any] = {}
        """By month that is over: its report, as it was made in the month's last moment."""
        for name in CODES:
            made = an_award(name, kind=AwardKind.BLANKET, recipient=None, amount=4_000_000)
            self.world.does("contractor", made)
            self.deliver(name, 1_000_000)
        for invoice in ("I-1", "I-2"):
            self.certify("ONE", invoice, 250_000, 40)
        self.pay("I-1")

    def report(self, month: str) -> dict[str, Any]:
        """What is told of a month; what the single account holds is told as of now."""
        chain = self.world.chain
        answers = ProvenAnswers(Reading(chain.state, chain.time_ms))
        data = read_period(answers, account_id(MINISTRY), month)
        assert disagreements(data) == []
        assert isinstance(chain, Listening)
        paid = [(row.paid, row.paid_minor + row.interest_minor) for row in data.payments]
        if paid or chain.paid[month]:
            assert paid == [(len(chain.paid[month]), sum(chain.paid[month]))]
        assert sum(row.returned for row in data.payments) == chain.returned[month]
        if month == self.world.month:
            assert list(chain.posting.differences(data)) == []
        return {**figures(data), "balance_minor": None}

    # what is done

    @rule(code=codes, amount=amounts)
    def deliver(self, code: str, amount: int) -> None:
        self.world.act("receiver", a_delivery(self.world.today, award=code, amount=amount))

    @rule(code=codes)
    def withdraw(self, code: str) -> None:
        number = self.world.award(code).deliveries
        self.world.act("receiver", WithdrawDelivery(code, number, "mistake"))

    @rule(code=codes, invoice=invoices, amount=amounts, days=st.sampled_from((0, 40)))
    def certify(self, code: str, invoice: str, amount: int, days: int) -> None:
        due = self.world.in_days(days)
        number = self.world.award(code).deliveries
        made = a_voucher(due, award=code, delivery=number, invoice=invoice, amount=amount)
        self.world.act("certifier", made)

    @rule(invoice=invoices)
    def pay(self, invoice: str) -> None:
        self.world.act("payer", a_payment(invoice))

    @rule(invoice=invoices)
    def cancel(self, invoice: str) -> None:
        self.world.act("certifier", CancelVoucher(VENDOR, invoice, "mistake"))

    @rule(invoice=invoices)
    def set_off(self, invoice: str) -> None:
        debt = OffsetVoucher(VENDOR, invoice, "tax", account_id("creditor"), 7)
        self.world.act("debtor", debt)

    @rule(invoice=invoices)
    def send_back(self, invoice: str) -> None:
        self.world.act("vendor", ReturnPayment(invoice, ReturnReason.AC04))

    @rule(code=codes, amount=amounts, note=st.sampled_from(("C-1", "C-2")))
    def refund(self, code: str, amount: int, note: str) -> None:
        self.world.act("vendor", RefundAward(code, note, amount))

    @rule(code=codes, change=st.sampled_from((-250_000, 250_000)))
    def amend(self, code: str, change: int) -> None:
        number = self.world.award(code).modification + 1
        self.world.act("contractor", AmendAward(code, change, number, None))

    @rule(amount=amounts, forth=st.booleans())
    def move(self, amount: int, forth: bool) -> None:  # noqa: FBT001
        source, target = (LINE, OTHER_LINE) if forth else (OTHER_LINE, LINE)
        self.world.act("allotter", lines.TransferAllotment(source, target, amount))

    @rule()
    def go_on(self) -> None:
        month = self.world.month
        self.told[month] = self.report(month)
        self.world.next_month()

    # what is true after every act

    @invariant()
    def the_figures_agree(self) -> None:
        self.report(self.world.month)

    @invariant()
    def a_month_that_is_over_is_told_as_it_was(self) -> None:
        assert {month: self.report(month) for month in self.told} == self.told


TestReports = Reports.TestCase
TestReports.settings = settings(max_examples=25, stateful_step_count=30, deadline=None)
