"""What the golden vectors hold of money that is held, restrained and earmarked (K5)."""

import hashlib

from kit.ledger import GBP, account_id, line
from ledger.assets import (
    NotEarmarked,
    PayeeNotEligible,
    Purpose,
    PurposeMissing,
    PurposeNotAllowed,
    PurposeTwice,
)
from ledger.holds import (
    Captured,
    Expired,
    HeldTooMuch,
    HoldExpired,
    HoldExpiryOutOfRange,
    HoldId,
    HoldsForItself,
    HoldTooSmall,
    NotTheBeneficiary,
    Placed,
    Released,
    UnknownHold,
)
from ledger.operation import Event, Operation, Refusal
from ledger.restraints import (
    ActLimit,
    CourtsFreeze,
    EndInThePast,
    Frozen,
    FrozenLately,
    NeedsCourt,
    NoLimit,
    NotFrozen,
    PeriodBound,
    PeriodLimit,
    TooManyLimits,
)
from primitives.ids import INTEGER_MAX, Digest, TimeMs
from services.money import DefineAsset, Spend, SpentOn
from services.money.holds import CaptureHold, PlaceHold, ReleaseHold
from services.money.restraints import (
    AccountFrozen,
    AccountThawed,
    FreezeAccount,
    LimitSet,
    SetLimit,
    ThawAccount,
)

A, B = account_id("treasury"), account_id("health")
TIME = TimeMs(1_780_000_000_000)
PAPER = Digest(hashlib.sha256(b"commitment").digest())
HELD = HoldId(hashlib.sha256(b"hold").digest())

TRANSACTIONS: dict[str, tuple[list[tuple[str, Operation]], list[str]]] = {
    "an earmarked asset and what it is spent on": (
        [
            (
                "treasury",
                DefineAsset(
                    "GRANT7",
                    0,
                    snapshots=True,
                    earmark=(Purpose("works", "notary", A),),
                    expires_ms=None,
                ),
            ),
            ("health", Spend("GRANT7", "works", (line("works", 1, "inv 1"),))),
        ],
        ["treasury", "health"],
    ),
    "money that is held": (
        [
            ("treasury", PlaceHold(GBP, 7, B, TIME, None, "bond 1")),
            ("treasury", PlaceHold("GRANT7", 7, B, TIME, "works", None)),
            ("treasury", CaptureHold(HELD, 5)),
            ("treasury", ReleaseHold(HELD)),
        ],
        ["treasury"],
    ),
    "accounts that are restrained": (
        [
            ("health", FreezeAccount(A, "laundering", PAPER, TIME)),
            ("health", FreezeAccount(A, "laundering", PAPER, None)),
            ("health", ThawAccount(A, "acquitted")),
            ("health", SetLimit(A, GBP, 100, PeriodBound(1_000, 86_400_000))),
            ("health", SetLimit(A, GBP, None, None)),
        ],
        ["health"],
    ),
}
REFUSED: list[Refusal] = [
    PurposeTwice("GRANT7", "works"),
    NotEarmarked(GBP),
    PurposeMissing("GRANT7", 1),
    PurposeNotAllowed("GRANT7", 0, "banquets"),
    PayeeNotEligible("GRANT7", 0, B, "works", "notary", A),
    PayeeNotEligible("GRANT7", 0, B, "works", "notary", None),
    UnknownHold(HELD),
    HoldsForItself(A),
    HoldExpiryOutOfRange(TIME, TIME, TIME),
    HoldExpired(HELD, TIME),
    HoldTooSmall(HELD, 5, 6),
    HeldTooMuch(A, GBP, INTEGER_MAX, 1),
    NotTheBeneficiary(HELD, A, B),
    Frozen(A, "laundering", TIME),
    Frozen(A, "laundering", None),
    ActLimit(A, GBP, 101, 100),
    PeriodLimit(A, GBP, 1, 1_000, 1_000, 86_400_000),
    TooManyLimits(A, 16),
    NoLimit(A, GBP),
    EndInThePast(TIME, TIME),
    NeedsCourt(A, TIME),
    FrozenLately(A, TIME, TIME),
    NotFrozen(A),
    CourtsFreeze(A),
]
HAPPENED: list[Event] = [
    SpentOn(A, "GRANT7", 1, "works"),
    Placed(HELD, A, GBP, 7, B, None, "bond 1", TIME),
    Captured(HELD, A, B, GBP, 5, 2, "bond 1"),
    Captured(HELD, A, B, GBP, 2, 0, None),
    Released(HELD, A, B, GBP, 2),
    Expired(HELD, A, B, GBP, 2),
    AccountFrozen(A, B, "court", "laundering", PAPER, None),
    AccountThawed(A, B, "acquitted"),
    LimitSet(A, B, GBP, 100, 1_000, 86_400_000),
    LimitSet(A, B, GBP, None, None, None),
]
