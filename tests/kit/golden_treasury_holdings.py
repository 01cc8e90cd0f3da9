"""What the golden vectors hold of holdings: register, counts, and what a board decides."""

import hashlib

from kit.budget import FUND
from kit.ledger import account_id
from ledger.operation import Event, Operation, Refusal
from primitives.ids import INTEGER_MAX, Digest
from services.treasury.counts import (
    CountedAlready,
    CountHolding,
    CountInUse,
    CountOpened,
    Finding,
    HoldingCounted,
    OpenCount,
    OwnHolding,
    UnknownCount,
)
from services.treasury.depreciation import Depreciated
from services.treasury.disposals import DisposeOfHolding, ImpairHolding
from services.treasury.holdings import (
    AcquiredLater,
    AwardOfOtherFund,
    BoardTooSmall,
    BuyerMissing,
    BuyerPaysNothing,
    DisposalMethod,
    EnterHolding,
    HoldingDisposed,
    HoldingEntered,
    HoldingImpaired,
    HoldingMoved,
    IsDisposedOf,
    KeptAlready,
    MemberInterested,
    MemberTwice,
    MoveHolding,
    NotTheCustodian,
    NotTheirFund,
    OverCapitalised,
    OverCarrying,
    TagInUse,
    UnknownHolding,
)

A, B = account_id("treasury"), account_id("health")
PAPER = Digest(hashlib.sha256(b"survey of a bridge").digest())
TAG, AWARD, COUNT = "BRIDGE-7", "ROAD-7", "2026-summer"
OTHER_FUND = "019-X-1032-000"

TRANSACTIONS: dict[str, tuple[list[tuple[str, Operation]], list[str]]] = {
    "a bridge from its entry to its sale": (
        [
            (
                "treasury",
                EnterHolding(
                    agency=B,
                    holding=TAG,
                    fund=FUND,
                    asset_class="61113",
                    cost=1_000,
                    acquired="2026-05-20",
                    life_months=600,
                    place="GB-LND",
                    award=AWARD,
                    serial=PAPER,
                ),
            ),
            (
                "treasury",
                EnterHolding(
                    agency=B,
                    holding="LAND-1",
                    fund=FUND,
                    asset_class="6141",
                    cost=INTEGER_MAX,
                    acquired="1900-01-01",
                    life_months=0,
                    place=None,
                    award=None,
                    serial=None,
                ),
            ),
            ("treasury", MoveHolding(B, TAG, B, "GB-MAN")),
            ("health", OpenCount(B, COUNT)),
            ("health", CountHolding(B, COUNT, TAG, Finding.SEEN, "GB-LND", PAPER)),
            ("health", CountHolding(B, COUNT, "LAND-1", Finding.MISSING, None, None)),
            ("health", ImpairHolding(B, TAG, 100, PAPER, (A,))),
            (
                "health",
                DisposeOfHolding(
                    agency=B,
                    holding=TAG,
                    method=DisposalMethod.SOLD,
                    proceeds=50,
                    buyer=A,
                    record=PAPER,
                    with_members=(A,),
                ),
            ),
            *(
                (
                    "health",
                    DisposeOfHolding(
                        agency=B,
                        holding=TAG,
                        method=method,
                        proceeds=0,
                        buyer=None,
                        record=None,
                        with_members=(),
                    ),
                )
                for method in DisposalMethod
            ),
        ],
        ["treasury", "health"],
    ),
}
REFUSED: list[Refusal] = [
    UnknownHolding(B, TAG),
    TagInUse(B, TAG),
    NotTheirFund(OTHER_FUND, B, A),
    AcquiredLater(TAG, "2026-12-24", "2026-05-28"),
    AwardOfOtherFund(AWARD, OTHER_FUND, FUND),
    OverCapitalised(AWARD, 1_001, 1_000),
    IsDisposedOf(B, TAG, "2026-05-28"),
    NotTheCustodian(TAG, A, B),
    KeptAlready(TAG, A),
    OverCarrying(TAG, 1_001, 1_000),
    BoardTooSmall(members=3, expected=2, actual=1),
    MemberTwice(A),
    MemberInterested(TAG, A),
    BuyerMissing(TAG, 50),
    BuyerPaysNothing(TAG),
    UnknownCount(B, COUNT),
    CountInUse(B, COUNT),
    OwnHolding(TAG, A),
    CountedAlready(COUNT, TAG, A, Finding.MISSING),
]
HAPPENED: list[Event] = [
    HoldingEntered(
        agency=B,
        holding=TAG,
        fund=FUND,
        asset_class="61113",
        cost=1_000,
        acquired="2026-05-20",
        life_months=600,
        custodian=A,
        place=None,
        award=AWARD,
    ),
    HoldingMoved(B, TAG, A, B, "GB-MAN"),
    HoldingImpaired(B, TAG, 100, 900, PAPER),
    HoldingDisposed(
        agency=B,
        holding=TAG,
        method=DisposalMethod.SOLD,
        cost=1_000,
        carrying=900,
        proceeds=50,
        buyer=A,
        record=None,
    ),
    CountOpened(B, COUNT, A),
    HoldingCounted(
        agency=B,
        campaign=COUNT,
        holding=TAG,
        finding=Finding.SEEN,
        counter=B,
        custodian=A,
        place="GB-LND",
        record=PAPER,
    ),
    Depreciated(FUND, "61113", "2026-06", 2),
]
