"""A city's payments as vouchers: a budget line for each description, an invoice for each row.

The city's clock runs from April 2008 to December 2011. Each month what is delivered is accepted,
every invoice is certified and paid in batches, and credit notes come back; then the month is
closed. A credit note that gives back more than was ever paid under its line refunds nothing: it is
a receipt, an ordinary transfer into the single account, with its description.
"""

from __future__ import annotations

import csv
import datetime
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import groupby
from pathlib import Path
from typing import Final, NamedTuple

from msgspec.structs import replace

from kit.ledger import GBP, Chain, account_id, line, running_account
from kit.treasury import AGENCY, MINISTRY, treasury_document
from ledger.operation import Operation
from ledger.query import Reading
from ledger.receipt import Outcome
from ledger.state import Overlay
from primitives import limits
from primitives.ids import TimeMs
from services.money import Issue, Transfer
from services.treasury import closing, funds, lines, treasuries, warrants
from services.treasury.awards import AwardKind, MakeAward
from services.treasury.deliveries import AcceptDelivery
from services.treasury.payments import DisburseVoucher
from services.treasury.returns import RefundAward
from services.treasury.vouchers import CertifyVoucher

FUND: Final = "054-2008/2011-1000-000"
PART: Final = "2008-2011"
ENOUGH: Final = 10**12


class Row(NamedTuple):
    """A row of the city's file; amounts in pence."""

    vendor: str
    description: str
    amount: int
    date: str
    reference: str

    @property
    def month(self) -> str:
        return self.date[:7]


def rows_of(file: Path) -> list[Row]:
    with file.open(encoding="utf-8", newline="") as opened:
        return [
            Row(
                row["Vendor"],
                row["AccountDescription"],
                int(Decimal(row["Amount"]) * 100),
                row["Date"],
                row["Source"],
            )
            for row in csv.DictReader(opened)
        ]


@dataclass
class City:
    """The chain of a city that pays its vendors."""

    rows: Sequence[Row]
    chain: Chain = field(init=False)
    programs: dict[str, str] = field(init=False)
    """Description → program code; on chain there are codes only."""
    paid: Counter[str] = field(default_factory=Counter)
    """By description, net: what could come back."""
    received: list[Row] = field(default_factory=list)
    """Credit notes that were receipts."""
    deliveries: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        known = sorted({row.description for row in self.rows})
        self.programs = {each: f"D{number:03}" for number, each in enumerate(known)}
        vendors = sorted({row.vendor for row in self.rows})
        document = treasury_document()
        self.chain = Chain.begin(
            replace(
                document,
                time_ms=_noon(f"{self.rows[0].month}-01"),
                accounts=(
                    *document.accounts,
                    *(running_account(vendor, AGENCY) for vendor in vendors),
                ),
            )
        )
        self.chain.time_ms = _noon(f"{self.rows[0].month}-01")

    def line(self, description: str) -> str:
        return lines.line_code(FUND, PART, self.programs[description], "252")

    def award(self, description: str) -> str:
        return f"CITY-{self.programs[description]}"

    # acts

    def does(self, *calls: tuple[str, Operation], with_: Sequence[str] = ()) -> None:
        """A block of calls in as few transactions as hold them; all must succeed."""
        chain, made = self.chain, []
        for at in range(0, len(calls), limits.CALLS_MAX):
            part = calls[at : at + limits.CALLS_MAX]
            signers = {AGENCY if actor not in _SIGNERS else actor for actor, _ in part}
            made.append(chain.check(chain.body(*part), *sorted(signers), *with_))
        for receipt in chain.block(*made):
            assert receipt.outcome is Outcome.APPLIED, receipt.refusal

    def book(self) -> None:
        """Everything, month by month."""
        self._found()
        for month, rows in groupby(sorted(self.rows, key=_order), key=lambda row: row.month):
            self._month(month, list(rows))

    def _found(self) -> None:
        gross: Counter[str] = Counter()
        for row in self.rows:
            gross[row.description] += max(row.amount, 0)
        treasury = treasuries.OpenTreasury(
            asset=GBP,
            legislature=account_id("parliament"),
            payment_threshold=ENOUGH,
            payment_officers=1,
            interest_bp=800,
        )
        fund = funds.DefineFund(
            treasury=account_id(MINISTRY),
            fund=FUND,
            agency=account_id(AGENCY),
            available_from="2008-04-01",
            available_until="2011-12-31",
            function="01.1",
        )
        account = treasuries.single_account(account_id(MINISTRY))
        self.does((MINISTRY, treasury), (MINISTRY, Issue(GBP, account, ENOUGH, "budget")))
        self.does(("budgeter", fund), ("parliament", funds.Appropriate(FUND, ENOUGH, None)))
        self.does(
            ("budgeter", funds.Apportion(FUND, PART, ENOUGH)),
            ("allotter", _warrant("contractor")),
        )
        named = [name for name in self.programs if gross[name]]
        self.does(*(("allotter", lines.Allot(self.line(name), gross[name])) for name in named))
        self.does(*(("contractor", self._an_award(name, gross[name])) for name in named))

    def _an_award(self, description: str, amount: int) -> MakeAward:
        return MakeAward(
            award=self.award(description),
            line=self.line(description),
            kind=AwardKind.BLANKET,
            recipient=None,
            amount=amount,
            starts="2008-04-01",
            ends="2011-12-31",
            place="GB-LND",
            process=None,
            terms=None,
        )

    def _month(self, month: str, rows: list[Row]) -> None:
        today = _last_day(month)
        self.chain.time_ms = TimeMs(_noon(today) - 1_000)
        invoices = [row for row in rows if row.amount > 0]
        delivered: Counter[str] = Counter()
        for row in invoices:
            delivered[row.description] += row.amount
        self.does(
            *(
                ("receiver", self._a_delivery(name, amount, today))
                for name, amount in delivered.items()
            )
        )
        self.deliveries.update(delivered.keys())
        self.does(*(("certifier", self._a_voucher(row, today)) for row in invoices))
        self.does(*(("payer", _a_payment(row)) for row in invoices))
        for row in invoices:
            self.paid[row.description] += row.amount
        self.does(*(self._a_credit_note(row) for row in rows if row.amount < 0))
        self._close(month)

    def _a_delivery(self, description: str, amount: int, today: str) -> AcceptDelivery:
        return AcceptDelivery(
            award=self.award(description), amount=amount, date=today, milestone=None, record=None
        )

    def _a_voucher(self, row: Row, today: str) -> CertifyVoucher:
        return CertifyVoucher(
            award=self.award(row.description),
            delivery=self.deliveries[row.description],
            payee=account_id(row.vendor),
            invoice=row.reference,
            amount=row.amount,
            due=today,
        )

    def _a_credit_note(self, row: Row) -> tuple[str, Operation]:
        back = -row.amount
        if back <= self.paid[row.description]:
            self.paid[row.description] -= back
            return row.vendor, RefundAward(self.award(row.description), row.reference, back)
        self.received.append(row)
        account = treasuries.single_account(account_id(MINISTRY))
        receipt = line("treasury", back, row.reference, description=row.description)
        return row.vendor, Transfer(GBP, (replace(receipt, to=account),))

    def _close(self, month: str) -> None:
        ministry = account_id(MINISTRY)
        self.chain.time_ms = _noon(_first_of_next(month))
        digest = closing.digest_of(closing.trial_balance(self.state, ministry, month))
        close = closing.ClosePeriod(ministry, month, digest, account_id("auditor"))
        self.does(("accountant", close), with_=("auditor",))

    # what is there

    @property
    def state(self) -> Overlay:
        return Overlay(self.chain.state)

    @property
    def reading(self) -> Reading:
        return Reading(self.chain.state, self.chain.time_ms)


_SIGNERS: Final = frozenset(
    {
        MINISTRY, "parliament", "budgeter", "allotter", "contractor", "receiver", "certifier",
        "payer", "accountant",
    }
)  # fmt: skip
"""Who signs for himself; for a vendor its keeper signs."""


def _warrant(officer: str) -> Operation:
    return warrants.SetWarrant(agency=account_id(AGENCY), officer=account_id(officer), limit=ENOUGH)


def _a_payment(row: Row) -> DisburseVoucher:
    return DisburseVoucher(payee=account_id(row.vendor), invoice=row.reference, with_officers=())


def _order(row: Row) -> tuple[str, bool, str]:
    return row.month, row.amount < 0, row.date


def _noon(day: str) -> TimeMs:
    moment = datetime.datetime.fromisoformat(f"{day}T12:00:00+00:00")
    return TimeMs(int(moment.timestamp()) * 1_000)


def _last_day(month: str) -> str:
    first = datetime.date.fromisoformat(_first_of_next(month))
    return (first - datetime.timedelta(days=1)).isoformat()


def _first_of_next(month: str) -> str:
    year, number = int(month[:4]), int(month[5:])
    return f"{year + number // 12:04}-{number % 12 + 1:02}-01"
