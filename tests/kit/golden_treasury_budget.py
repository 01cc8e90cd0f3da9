"""What the golden vectors hold of the budget: from the law to the line, and the close."""

import hashlib

from kit.budget import BRIDGE, ENDLESS, FUND, QUARTER, STAFF
from kit.ledger import GBP, account_id
from ledger.operation import Event, Operation, Refusal
from primitives.ids import INTEGER_MAX, Digest
from services.treasury.chart import Step, TotalTooLarge
from services.treasury.closing import (
    AuditorHasDuty,
    ClosePeriod,
    NotTheNextPeriod,
    OutOfBalance,
    OwnAuditor,
    PeriodClosed,
    PeriodNotOver,
    TrialBalanceDiffers,
)
from services.treasury.funds import (
    Apportion,
    Apportioned,
    Appropriate,
    Appropriated,
    AvailabilityWrong,
    DefineFund,
    FundDefined,
    FundInUse,
    FundNotAvailable,
    LawNotInForce,
    NothingChanges,
    OverApportionment,
    OverAppropriation,
    Posted,
    Rescind,
    Rescinded,
    UnknownApportionment,
    UnknownFund,
)
from services.treasury.lines import (
    Allot,
    AllotmentMoved,
    Allotted,
    NotOutlaid,
    OneApportionment,
    OverAllotment,
    OverDelivery,
    OverObligation,
    TransferAllotment,
    UnknownLine,
)
from services.treasury.period import NoSuchDay
from services.treasury.treasuries import (
    MoneyIsBound,
    NotTheLegislature,
    OpenTreasury,
    OwnLegislature,
    SetTerms,
    TermsSet,
    TooManyFunds,
    TreasuryInUse,
    TreasuryOpened,
    UnknownTreasury,
)
from services.treasury.warrants import NoWarrant, OverWarrant, SetWarrant, WarrantSet

A, B = account_id("treasury"), account_id("health")
PAPER = Digest(hashlib.sha256(b"trial balance").digest())
OTHER = Digest(hashlib.sha256(b"another").digest())

TRANSACTIONS: dict[str, tuple[list[tuple[str, Operation]], list[str]]] = {
    "a budget from the law to the line": (
        [
            ("treasury", OpenTreasury(GBP, B, 1_000_000, 2, 800)),
            ("health", SetTerms(A, 0, 1, 0)),
            ("health", DefineFund(A, FUND, B, "2026-01-01", "2027-12-31", "04.5.1")),
            ("health", DefineFund(A, ENDLESS, B, "2026-01-01", None, "10")),
            ("health", Appropriate(FUND, 1_000, "law/2026/1")),
            ("health", Rescind(FUND, INTEGER_MAX, None)),
            ("health", Apportion(FUND, QUARTER, 800)),
            ("health", Allot(BRIDGE, -500)),
            ("health", TransferAllotment(BRIDGE, STAFF, 5)),
            ("health", SetWarrant(B, A, 0)),
            ("health", ClosePeriod(A, "2026-04", PAPER, B)),
        ],
        ["treasury", "health"],
    ),
}
REFUSED: list[Refusal] = [
    UnknownTreasury(A),
    TreasuryInUse(A),
    OwnLegislature(A),
    NotTheLegislature(A, A, B),
    MoneyIsBound(GBP),
    TooManyFunds(A, 64),
    NoSuchDay("2026-02-30"),
    UnknownFund(FUND),
    FundInUse(FUND, B),
    AvailabilityWrong(FUND, "2026-01-01", None),
    FundNotAvailable(FUND, "2025-12-31", "2026-01-01", "2027-12-31"),
    FundNotAvailable(ENDLESS, "2025-12-31", "2026-01-01", None),
    UnknownApportionment(FUND, QUARTER),
    NothingChanges(),
    LawNotInForce("law/2026/1", 1_780_000_000_000),
    OverAppropriation(FUND, INTEGER_MAX, -INTEGER_MAX),
    OverApportionment(FUND, QUARTER, 0, -1),
    UnknownLine(BRIDGE),
    OverAllotment(BRIDGE, 501, 500),
    OverObligation(BRIDGE, 1, 0),
    OverDelivery(BRIDGE, 0, -1),
    NotOutlaid(BRIDGE, 0, 1),
    OneApportionment(BRIDGE, STAFF),
    TotalTooLarge("411900", INTEGER_MAX, 1),
    NoWarrant(B, A),
    OverWarrant(A, 5, 6),
    PeriodNotOver("2026-05", "2026-05"),
    NotTheNextPeriod("2026-06", "2026-05"),
    OwnAuditor(A),
    AuditorHasDuty(A, "custodian"),
    TrialBalanceDiffers("2026-05", PAPER, OTHER),
    OutOfBalance(FUND, "2026-05", 1, -1),
]
HAPPENED: list[Event] = [
    TreasuryOpened(A, B, GBP, B),
    TermsSet(A, 1_000_000, 2, 800),
    FundDefined(A, FUND, B, "2026-01-01", "2027-12-31", "04.5.1"),
    FundDefined(A, ENDLESS, B, "2026-01-01", None, "10"),
    Appropriated(B, FUND, 1_000, "law/2026/1", 1_000),
    Rescinded(B, FUND, 200, None, 800),
    Apportioned(B, FUND, QUARTER, -200, 0),
    Allotted(B, BRIDGE, 500, 500),
    AllotmentMoved(B, BRIDGE, STAFF, 5),
    WarrantSet(B, A, B, 0),
    PeriodClosed(A, "2026-04", PAPER, A, B),
    *(Posted(A, FUND, QUARTER, None, step, 1) for step in Step),
    Posted(B, FUND, None, BRIDGE, Step.PAY, -INTEGER_MAX),
]
