"""What the golden vectors hold of money that is followed, and of assets with an end (K5)."""

from kit.ledger import GBP, account_id
from ledger.assets import AssetLapsed, EndsAtOnce
from ledger.books import Line
from ledger.lots import LotTooSmall, UnknownLot, lot_of
from ledger.operation import Event, Operation, Refusal
from primitives.ids import INTEGER_MAX, TimeMs
from services.money import AssetDefined, DefineAsset, Transfer, Transferred

A, B = account_id("treasury"), account_id("health")
TIME = TimeMs(1_780_000_000_000)
LOT = lot_of(A, "INV-1")

TRANSACTIONS: dict[str, tuple[list[tuple[str, Operation]], list[str]]] = {
    "money that is paid out of an earlier payment": (
        [("health", Transfer(GBP, (Line(account_id("works"), 5, "sub 1", "", None, LOT),)))],
        ["health"],
    ),
    "an asset with an end": (
        [("treasury", DefineAsset("GRANT8", 2, snapshots=False, earmark=(), expires_ms=TIME))],
        ["treasury"],
    ),
}
REFUSED: list[Refusal] = [
    AssetLapsed("GRANT8", TIME),
    EndsAtOnce("GRANT8", TIME, TIME),
    UnknownLot(LOT, 0, GBP),
    LotTooSmall(LOT, 1, B, GBP, INTEGER_MAX, 7),
]
HAPPENED: list[Event] = [
    Transferred(B, 0, account_id("works"), GBP, 5, "sub 1", None, LOT),
    AssetDefined("GRANT8", 2, A, snapshots=False, earmarked=False, expires_ms=TIME),
]
