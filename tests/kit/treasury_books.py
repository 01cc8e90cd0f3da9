"""A treasury's books kept by hand, for tests of what is made of them.

A bookkeeper who knows double entry and nothing of the ledger: each step says what it changes in
lines and awards and, as the USSGL has it, in the accounts of the fund. What the exporters make of
his books can then be checked against what he did.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any, Final

from msgspec import structs

from exchange.treasury_data import TreasuryData
from primitives.ids import AccountId, TimeMs, TransactionId
from services.treasury.rows import (
    ApportionmentRow,
    AwardRow,
    DeliveryRow,
    FundRow,
    LineRow,
    TreasuryRow,
    TrialBalanceRow,
    VoucherRow,
)

GBP: Final[dict[str, Any]] = {"asset": "GBP", "exponent": 2}
MINISTRY: Final = AccountId(b"M" * 32)
AGENCY: Final = AccountId(b"A" * 32)
VENDOR: Final = AccountId(b"V" * 32)
OFFICER: Final = AccountId(b"O" * 32)
ROADS: Final = "019-2026/2027-1031-000"
HEALTH: Final = "075-X-0512-000"

LATER: Final = 4_102_444_800_000
"""The first moment of 2100: all months of these books are over."""

STEPS: Final = {
    "appropriate": (("411900", "445000"), ("101000", "310100")),
    "rescind": (("445000", "439200"), ("310600", "101000")),
    "apportion": (("445000", "451000"),),
    "allot": (("451000", "461000"),),
    "obligate": (("461000", "480100"),),
    "deliver": (("480100", "490100"), ("610000", "211000"), ("310700", "570000")),
    "interest": (("480100", "490100"), ("633000", "211000"), ("310700", "570000")),
    "pay": (("490100", "490200"), ("211000", "101000")),
    "depreciate_equipment": (("671000", "175900"),),
    "proceeds_equipment": (("573000", "175000"),),
}


@dataclass
class Bookkeeper:
    """The books as they stand; `data` is a copy of them."""

    funds: dict[str, FundRow] = field(default_factory=dict)
    parts: dict[tuple[str, str], ApportionmentRow] = field(default_factory=dict)
    lines: dict[str, LineRow] = field(default_factory=dict)
    awards: dict[str, AwardRow] = field(default_factory=dict)
    deliveries: list[DeliveryRow] = field(default_factory=list)
    vouchers: list[VoucherRow] = field(default_factory=list)
    totals: defaultdict[tuple[str, str], list[int]] = field(
        default_factory=lambda: defaultdict(lambda: [0, 0])
    )
    period: str = "2026-04"
    posted: list[tuple[str, str, str, int]] = field(default_factory=list)
    """Period, fund, step and amount of everything that was posted."""

    def post(self, fund: str, step: str, amount: int) -> None:
        """Debit and credit; the other way round for less than nothing."""
        self.posted.append((self.period, fund, step, amount))
        for pair in STEPS[step]:
            debit, credit = pair if amount >= 0 else pair[::-1]
            self.totals[fund, debit][0] += abs(amount)
            self.totals[fund, credit][1] += abs(amount)

    def fund(self, code: str, cofog: str = "04.5.1", until: str | None = "2027-12-31") -> None:
        self.funds[code] = FundRow(
            fund=code,
            treasury=MINISTRY,
            agency=AGENCY,
            available_from="2026-01-01",
            available_until=until,
            cofog=cofog,
            period=self.period,
            appropriated_minor=0,
            apportioned_minor=0,
            **GBP,
        )

    def _change(self, rows: dict[Any, Any], key: object, **changes: int) -> None:
        row = rows[key]
        new = {f"{name}_minor": getattr(row, f"{name}_minor") + by for name, by in changes.items()}
        rows[key] = structs.replace(row, period=self.period, **new)

    def appropriate(self, fund: str, amount: int) -> None:
        self._change(self.funds, fund, appropriated=amount)
        self.post(fund, "appropriate", amount)

    def rescind(self, fund: str, amount: int) -> None:
        self._change(self.funds, fund, appropriated=-amount)
        self.post(fund, "rescind", amount)

    def apportion(self, fund: str, part: str, amount: int) -> None:
        self.parts.setdefault(
            (fund, part),
            ApportionmentRow(
                fund=fund,
                apportionment=part,
                period=self.period,
                amount_minor=0,
                allotted_minor=0,
                **GBP,
            ),
        )
        self._change(self.parts, (fund, part), amount=amount)
        self._change(self.funds, fund, apportioned=amount)
        self.post(fund, "apportion", amount)

    def allot(self, line: str, amount: int) -> None:
        fund, part, program, object_class = line.split(":")
        self.lines.setdefault(
            line,
            LineRow(
                line=line,
                fund=fund,
                apportionment=part,
                program=program,
                object_class=object_class,
                period=self.period,
                allotted_minor=0,
                obligated_minor=0,
                delivered_minor=0,
                outlaid_minor=0,
                **GBP,
            ),
        )
        self._change(self.lines, line, allotted=amount)
        self._change(self.parts, (fund, part), allotted=amount)
        self.post(fund, "allot", amount)

    def award(self, code: str, line: str, amount: int, **more: Any) -> None:  # noqa: ANN401
        fund, part, program, object_class = line.split(":")
        known: dict[str, Any] = {"kind": "contract", "recipient": VENDOR, "process": None} | more
        self.awards[code] = AwardRow(
            award=code,
            line=line,
            fund=fund,
            apportionment=part,
            program=program,
            object_class=object_class,
            agency=AGENCY,
            officer=OFFICER,
            amount_minor=0,
            delivered_minor=0,
            vouchered_minor=0,
            paid_minor=0,
            interest_minor=0,
            refunded_minor=0,
            **({"starts": "2026-01-01", "ends": "2026-12-31", "place": "GB-BNE"} | known),
            modification=0,
            deliveries=0,
            vouchers=0,
            period=self.period,
            terms=None,
            token=None,
            **GBP,
        )
        self.amend(code, amount)

    def amend(self, code: str, change: int) -> None:
        award = self.awards[code]
        self._change(self.awards, code, amount=change)
        self._change(self.lines, award.line, obligated=change)
        self.post(award.fund, "obligate", change)

    def deliver(self, code: str, amount: int, milestone: str | None = None) -> None:
        award = self.awards[code]
        self._change(self.awards, code, delivered=amount)
        self._change(self.lines, award.line, delivered=amount)
        self.post(award.fund, "deliver", amount)
        self.awards[code] = structs.replace(self.awards[code], deliveries=award.deliveries + 1)
        self.deliveries.append(
            DeliveryRow(
                award=code,
                number=award.deliveries + 1,
                amount_minor=amount,
                vouchered_minor=0,
                receiver=OFFICER,
                date=f"{self.period}-10",
                milestone=milestone,
                record=None,
                period=self.period,
                withdrawn=None,
                transaction=TransactionId(bytes(32)),
                **GBP,
            )
        )

    def pay(
        self, code: str, invoice: str, amount: int, *, interest: int = 0, at_ms: int = 0
    ) -> None:
        """An invoice, certified and paid; with interest for paying late."""
        award = self.awards[code]
        self._change(self.awards, code, vouchered=amount, paid=amount, interest=interest)
        both = amount + interest
        self._change(self.lines, award.line, obligated=interest, delivered=interest, outlaid=both)
        self.post(award.fund, "obligate", interest)
        self.post(award.fund, "interest", interest)
        self.post(award.fund, "pay", both)
        self.vouchers.append(
            VoucherRow(
                payee=award.recipient or VENDOR,
                invoice=invoice,
                award=code,
                line=award.line,
                delivery=1,
                amount_minor=amount,
                interest_minor=interest,
                offsets=(),
                due=f"{self.period}-28",
                certifier=OFFICER,
                certified_ms=TimeMs(at_ms),
                status="paid",
                certified_in=TransactionId(bytes(32)),
                paid_in=TransactionId(b"\1" * 32),
                paid_ms=TimeMs(at_ms),
                officers=(OFFICER,),
                period=self.period,
                reason=None,
                attempt=1,
                number=len(self.vouchers) + 1,
                **GBP,
            )
        )

    def give_back(self, code: str, amount: int) -> None:
        """A credit note: paid and delivered less; the award is cut by as much."""
        award = self.awards[code]
        self._change(
            self.awards, code, delivered=-amount, vouchered=-amount, paid=-amount, refunded=amount
        )
        self._change(self.lines, award.line, delivered=-amount, outlaid=-amount)
        self.post(award.fund, "pay", -amount)
        self.post(award.fund, "deliver", -amount)
        self.amend(code, -amount)

    def data(self, period: str | None = None) -> TreasuryData:
        """The books as they stand now."""
        return TreasuryData(
            treasury=TreasuryRow(
                treasury=MINISTRY,
                account=AccountId(b"T" * 32),
                balance_minor=0,
                legislature=AccountId(b"L" * 32),
                funds=tuple(self.funds),
                opened="2026-01",
                closed=None,
                payment_threshold_minor=1,
                payment_officers=1,
                interest_bp=800,
                **GBP,
            ),
            period=period or self.period,
            height=1,
            time_ms=LATER,
            funds=tuple(self.funds.values()),
            apportionments=tuple(self.parts.values()),
            lines=tuple(self.lines.values()),
            awards=tuple(self.awards.values()),
            deliveries=tuple(self.deliveries),
            vouchers=tuple(self.vouchers),
            refunds=(),
            trial_balances=tuple(
                TrialBalanceRow(
                    fund=fund,
                    ussgl=account,
                    title=f"Account {account}",
                    debits_minor=debits,
                    credits_minor=credits_,
                    balance_minor=debits - credits_,
                    **GBP,
                )
                for (fund, account), (debits, credits_) in sorted(self.totals.items())
            ),
        )


def two_years() -> tuple[TreasuryData, TreasuryData, TreasuryData]:
    """Books of three moments: the opening of a fiscal year, one month of it, and the next."""
    return two_years_of(Bookkeeper(period="2025-09"))


def two_years_of(books: Bookkeeper) -> tuple[TreasuryData, TreasuryData, TreasuryData]:
    """The same, out of books that are new.

    An award of the year before is cut below what was ordered, another gives money back; a new one
    is paid late.
    """
    books.fund(ROADS)
    books.fund(HEALTH, "07.3.1", None)
    roads, staff, hospital = (
        f"{ROADS}:2026-q1:BRDG:252",
        f"{ROADS}:2026-q1:BRDG:111",
        f"{HEALTH}:wards:HOSP:32",
    )
    for fund, part, lines in (
        (ROADS, "2026-q1", ((roads, 600_000), (staff, 100_000))),
        (HEALTH, "wards", ((hospital, 500_000),)),
    ):
        books.appropriate(fund, 900_000)
        books.apportion(fund, part, 800_000)
        for line, amount in lines:
            books.allot(line, amount)
    books.award("OLD-1", roads, 200_000)
    books.deliver("OLD-1", 90_000)
    books.pay("OLD-1", "A-1", 50_000)
    opening = books.data()

    books.period = "2026-03"
    books.appropriate(ROADS, 100_000)
    books.rescind(HEALTH, 25_000)
    books.amend("OLD-1", -60_000)
    books.award("NEW-1", roads, 120_000)
    books.award("GRANT-1", hospital, 300_000, kind="grant")
    books.deliver("NEW-1", 80_000, "deck")
    before = books.data()

    books.period = "2026-04"
    books.pay("NEW-1", "B-7", 40_000, interest=123)
    books.give_back("OLD-1", 20_000)
    books.award("SALARY-4", staff, 30_000, kind="benefit")
    books.deliver("SALARY-4", 30_000)
    books.pay("SALARY-4", "P-4", 30_000)
    books.deliver("GRANT-1", 150_000)
    books.post(ROADS, "depreciate_equipment", 777)
    books.post(ROADS, "proceeds_equipment", 500)
    return opening, before, books.data()
