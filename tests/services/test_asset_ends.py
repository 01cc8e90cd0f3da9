"""Assets with an end: from then on nothing of them is made or passed on."""

import pytest

from kit.ledger import Chain, account_id, pay
from kit.purses import DAY, applied, begin, purse, refusal_of
from ledger import views
from ledger.assets import AssetLapsed, EndsAtOnce, Purpose
from ledger.holds import Placed
from primitives.ids import TimeMs
from services.money import DefineAsset, Issue, Retire, Spend, Transfer
from services.money.holds import CaptureHold, PlaceHold, ReleaseHold

TREASURY, HEALTH, WORKS = (account_id(name) for name in ("treasury", "health", "works"))
TOKEN = "TOKEN"


@pytest.fixture
def chain() -> Chain:
    """A token that lapses after a day; health has 100 of it."""
    chain = begin()
    end = TimeMs(chain.time_ms + DAY)
    applied(chain, "treasury", DefineAsset(TOKEN, 0, snapshots=False, earmark=(), expires_ms=end))
    applied(chain, "treasury", Issue(TOKEN, HEALTH, 100, "mint"))
    return chain


def next_block_at(chain: Chain, time_ms: int) -> None:
    chain.time_ms = TimeMs(time_ms - 1_000)


def end_of(chain: Chain) -> TimeMs:
    asset = views.asset(chain.state, TOKEN)
    assert asset is not None
    assert asset.expires_ms is not None
    return asset.expires_ms


def test_until_its_end_it_is_paid_like_any_other(chain: Chain) -> None:
    """To whoever is to have it."""
    applied(chain, "health", Transfer(TOKEN, pay("works", 40, "a").lines))

    assert purse(chain, "works", TOKEN).amount == 40


def test_from_its_end_on_it_is_neither_made_nor_passed_on(chain: Chain) -> None:
    """In the millisecond of its end it has lapsed."""
    end = end_of(chain)
    next_block_at(chain, end)

    lapsed = AssetLapsed(TOKEN, end)
    assert refusal_of(chain, "health", Transfer(TOKEN, pay("works", 1, "a").lines)) == lapsed
    assert refusal_of(chain, "treasury", Issue(TOKEN, HEALTH, 1, "b")) == lapsed
    until = TimeMs(chain.time_ms + DAY)
    assert refusal_of(chain, "health", PlaceHold(TOKEN, 1, WORKS, until, None, None)) == lapsed


def test_a_millisecond_before_its_end_it_is_good(chain: Chain) -> None:
    """The end is the first moment at which it is not."""
    next_block_at(chain, TimeMs(end_of(chain) - 1))

    applied(chain, "health", Transfer(TOKEN, pay("works", 1, "a").lines))


def test_its_issuer_may_always_have_it_back(chain: Chain) -> None:
    """And take it out of the world."""
    next_block_at(chain, end_of(chain))

    applied(chain, "health", Transfer(TOKEN, pay("treasury", 100, "back").lines))
    applied(chain, "treasury", Retire(TOKEN, 100, "burn"))


def test_what_is_held_of_it_lapses_too(chain: Chain) -> None:
    """Nobody captures it after its end; it can be released."""
    until = TimeMs(end_of(chain) + DAY)
    [placed] = applied(chain, "health", PlaceHold(TOKEN, 30, WORKS, until, None, None))
    assert isinstance(placed, Placed)
    next_block_at(chain, end_of(chain))

    assert refusal_of(chain, "works", CaptureHold(placed.hold, 30)) == AssetLapsed(
        TOKEN, end_of(chain)
    )
    applied(chain, "works", ReleaseHold(placed.hold))


def test_an_earmarked_asset_lapses_for_its_purposes(chain: Chain) -> None:
    """And comes back to its issuer without any."""
    end = TimeMs(chain.time_ms + DAY)
    earmark = (Purpose("works", None, None),)
    applied(
        chain, "treasury", DefineAsset("AID", 0, snapshots=False, earmark=earmark, expires_ms=end)
    )
    applied(chain, "treasury", Issue("AID", HEALTH, 10, "aid"))
    next_block_at(chain, end)

    spend = Spend("AID", "works", pay("works", 1, "a").lines)
    assert refusal_of(chain, "health", spend) == AssetLapsed("AID", end)
    applied(chain, "health", Transfer("AID", pay("treasury", 10, "back").lines))


def test_an_end_lies_ahead(chain: Chain) -> None:
    """An asset that begins lapsed is refused."""
    now = TimeMs(chain.time_ms + 1_000)
    define = DefineAsset("LATE", 0, snapshots=False, earmark=(), expires_ms=now)

    assert refusal_of(chain, "treasury", define) == EndsAtOnce("LATE", now, now)
