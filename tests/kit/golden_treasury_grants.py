"""What the golden vectors hold of awards in tokens."""

from kit.ledger import account_id
from ledger.assets import Purpose
from ledger.operation import Event, Operation, Refusal
from primitives.ids import INTEGER_MAX, TimeMs
from services.treasury.amendments import TokensAreOut
from services.treasury.grants import (
    AwardTokenised,
    CertifyClaim,
    ClaimWithdrawn,
    MoreThanUninvoiced,
    NobodyToTokeniseFor,
    NoSuchClaim,
    NotTokenised,
    Redeem,
    TokeniseAward,
    TokenisedAlready,
    TokensLapsed,
    TokensRedeemed,
    WithdrawClaim,
)
from services.treasury.vouchers import ClaimedAlready

A, B = account_id("treasury"), account_id("health")
TIME = TimeMs(1_780_000_000_000)

TRANSACTIONS: dict[str, tuple[list[tuple[str, Operation]], list[str]]] = {
    "an award in tokens": (
        [
            ("treasury", TokeniseAward("ROAD-7", "ROAD7", 100, (Purpose("works", None, None),))),
            ("health", Redeem("ROAD-7", 1, "INV-1", INTEGER_MAX)),
            ("treasury", CertifyClaim(B, "INV-1", "2026-12-31")),
            ("health", WithdrawClaim("INV-1")),
        ],
        ["treasury", "health"],
    ),
}
REFUSED: list[Refusal] = [
    TokensAreOut("ROAD-7", "ROAD7"),
    TokenisedAlready("ROAD-7", "ROAD7"),
    NobodyToTokeniseFor("ROAD-7"),
    MoreThanUninvoiced("ROAD-7", 100, 60, 41),
    NotTokenised("ROAD-7"),
    ClaimedAlready(B, "INV-1", "ROAD-7"),
    NoSuchClaim(B, "INV-1"),
]
HAPPENED: list[Event] = [
    AwardTokenised("ROAD-7", "ROAD7", A, B, 100, TIME),
    TokensRedeemed(B, "INV-1", "ROAD-7", "ROAD7", A, 1, 60),
    ClaimWithdrawn(B, "INV-1", "ROAD-7", "ROAD7", A, 60),
    TokensLapsed("ROAD-7", "ROAD7", 40, 30),
]
