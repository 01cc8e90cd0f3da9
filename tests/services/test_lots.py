"""Lots: what was paid by one payment is followed through the hands that pass it on."""

from hashlib import sha256

import pytest

from kit.ledger import GBP, Chain, account_id, pay
from kit.purses import applied, begin, refusal_of
from ledger.books import Line
from ledger.holds import HoldId, Placed
from ledger.lots import LotTooSmall, UnknownLot, lot_if_left, lot_of, share_of
from ledger.movements import MovementKind, Passage, lot_digest, movements, passages
from ledger.state import Overlay
from primitives.ids import TimeMs
from services.money import DefineAsset, Issue, Issued, Retire, Retired, Transfer, Transferred
from services.money.holds import CaptureHold, PlaceHold

TREASURY, HEALTH, WORKS = (account_id(name) for name in ("treasury", "health", "works"))
FIRST = lot_of(TREASURY, "grant")


@pytest.fixture
def chain() -> Chain:
    """The treasury paid 100 to health under the reference "grant"; health had nothing before."""
    chain = begin()
    applied(chain, "treasury", pay("health", 100, "grant"))
    return chain


def share(chain: Chain, name: str, lot: str = FIRST) -> int:
    return share_of(Overlay(chain.state), lot, account_id(name))


def pass_on(*lines: tuple[str, int, str], lot: str | None = FIRST, asset: str = GBP) -> Transfer:
    made = tuple(Line(account_id(to), amount, ref, "", None, lot) for to, amount, ref in lines)
    return Transfer(asset, made)


def test_a_payment_is_a_lot_of_its_payee(chain: Chain) -> None:
    """Nobody has to do anything for it; who paid has nothing of it, nor has anybody else."""
    assert (share(chain, "health"), share(chain, "treasury"), share(chain, "works")) == (100, 0, 0)


def test_a_lot_goes_from_hand_to_hand(chain: Chain) -> None:
    """Each has what he got of it and did not pass on; the event says which lot it was."""
    [event] = applied(chain, "health", pass_on(("works", 60, "sub")))
    applied(chain, "works", pass_on(("vendor", 10, "bricks")))

    assert event == Transferred(HEALTH, 0, WORKS, GBP, 60, "sub", None, FIRST)
    assert (share(chain, "health"), share(chain, "works"), share(chain, "vendor")) == (40, 50, 10)


def test_nobody_passes_on_more_than_his_share(chain: Chain) -> None:
    """However much money he has besides; the lines of a transfer count together."""
    applied(chain, "treasury", pay("health", 1_000, "other"))

    assert refusal_of(chain, "health", pass_on(("works", 101, "a"))) == LotTooSmall(
        FIRST, 0, HEALTH, GBP, 101, 100
    )
    assert refusal_of(
        chain, "health", pass_on(("works", 60, "a"), ("vendor", 41, "b"))
    ) == LotTooSmall(FIRST, 1, HEALTH, GBP, 41, 40)
    applied(chain, "health", pass_on(("works", 60, "a"), ("vendor", 40, "b")))
    assert refusal_of(chain, "health", pass_on(("works", 1, "c"))) == LotTooSmall(
        FIRST, 0, HEALTH, GBP, 1, 0
    )


def test_the_first_payee_cannot_begin_again(chain: Chain) -> None:
    """When all is passed on nothing is left, whatever the payment was once."""
    applied(chain, "health", pass_on(("works", 100, "all")))

    assert share(chain, "health") == 0
    applied(chain, "works", pass_on(("health", 100, "back")))
    assert (share(chain, "health"), share(chain, "works")) == (100, 0)


def test_ordinary_payments_leave_lots_alone(chain: Chain) -> None:
    """What a line without a lot is paid out of, nobody said."""
    applied(chain, "health", pass_on(("works", 30, "plain"), lot=None))

    assert (share(chain, "health"), share(chain, "works")) == (100, 0)
    assert share(chain, "works", lot_of(HEALTH, "plain")) == 30


def test_a_lot_that_was_never_paid_is_unknown(chain: Chain) -> None:
    """No such reference, another payer's, a payment in another asset, money taken back."""
    applied(chain, "treasury", Retire(GBP, 5, "burn"))
    unknown = [lot_of(TREASURY, "grants"), lot_of(WORKS, "grant"), lot_of(TREASURY, "burn")]
    for lot in unknown:
        refused = refusal_of(chain, "health", pass_on(("works", 1, "x"), lot=lot))
        assert refused == UnknownLot(lot, 0, GBP)
    assert share(chain, "health", unknown[0]) == 0


def test_another_assets_payment_is_no_lot(chain: Chain) -> None:
    """A lot is of the asset that it was paid in."""
    applied(chain, "treasury", DefineAsset("EUR", 2, snapshots=False, earmark=(), expires_ms=None))
    applied(chain, "treasury", Issue("EUR", HEALTH, 500, "mint"))

    minted = lot_of(TREASURY, "mint")
    refused = refusal_of(chain, "health", pass_on(("works", 1, "x"), asset="EUR"))
    assert refused == UnknownLot(FIRST, 0, "EUR")
    applied(chain, "health", pass_on(("works", 500, "y"), lot=minted, asset="EUR"))
    assert share(chain, "works", minted) == 500


def test_what_is_captured_of_a_hold_is_no_lot(chain: Chain) -> None:
    """When a hold was placed, nobody was paid yet."""
    until = TimeMs(chain.time_ms + 60_000)
    [placed] = applied(chain, "treasury", PlaceHold(GBP, 7, HEALTH, until, None, "bond"))
    assert isinstance(placed, Placed)
    applied(chain, "health", CaptureHold(HoldId(placed.hold), 7))

    assert share(chain, "health", lot_of(TREASURY, "bond")) == 0


def test_money_that_comes_back_names_its_lot_if_it_is_still_there(chain: Chain) -> None:
    """So that a returned payment takes the lot back with it, and never more of it than is left."""
    state = Overlay(chain.state)
    assert lot_if_left(state, TREASURY, "grant", holder=HEALTH, amount=100) == FIRST
    assert lot_if_left(state, TREASURY, "grant", holder=HEALTH, amount=101) is None


def test_the_index_says_what_moved_to_and_from_each_account() -> None:
    """By kind, in the order of the events, with the lot as a digest."""
    lot = f"{TREASURY.hex()}/grant"
    events = (
        Issued(TREASURY, HEALTH, "EUR", 500, "mint"),
        Transferred(HEALTH, 0, WORKS, "ABCDEFGHIJKL", 60, "sub", None, lot),
        Retired(TREASURY, "EUR", 3, "burn"),
    )

    found = {account: list(passages(data)) for account, data in movements(events).items()}

    digest = lot_digest(lot)
    assert digest == sha256(b"mithaq/1/lot\0" + lot.encode()).digest()
    paid, issued, retired = MovementKind.PAID, MovementKind.ISSUED, MovementKind.RETIRED
    assert found == {
        TREASURY: [
            Passage(0, issued, True, HEALTH, "EUR", 500, None),  # noqa: FBT003 - a row
            Passage(2, retired, True, TREASURY, "EUR", 3, None),  # noqa: FBT003 - a row
        ],
        HEALTH: [
            Passage(0, issued, False, TREASURY, "EUR", 500, None),  # noqa: FBT003 - a row
            Passage(1, paid, True, WORKS, "ABCDEFGHIJKL", 60, digest),  # noqa: FBT003 - a row
        ],
        WORKS: [
            Passage(1, paid, False, HEALTH, "ABCDEFGHIJKL", 60, digest),  # noqa: FBT003 - a row
        ],
    }
