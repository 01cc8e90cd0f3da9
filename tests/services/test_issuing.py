"""Assets made and taken back, and running accounts that pay: what each does, how it says no."""

from typing import Any

import pytest
from msgspec.structs import replace

from kit.ledger import (
    GBP,
    TREASURY_BALANCE,
    Chain,
    account_id,
    genesis_document,
    line,
    pay,
    running_account,
)
from ledger import views
from ledger.accounts import UnknownAccount
from ledger.act import THRESHOLD_NOT_REACHED
from ledger.assets import Asset, AssetInUse, NotTheIssuer, UnknownAsset
from ledger.books import (
    BalanceTooLarge,
    DuplicateReference,
    Overdraft,
    SupplyTooLarge,
    SupplyTooSmall,
)
from ledger.genesis import GenesisAsset, GenesisRole
from ledger.operation import Operation, Refusal, sentence
from ledger.receipt import Outcome, Receipt
from ledger.roles import ASSET_ISSUER, MissingRole
from primitives import limits
from primitives.errors import Malformed, Rejected
from primitives.ids import INTEGER_MAX
from services.money import (
    AssetDefined,
    DefineAsset,
    Issue,
    Issued,
    Retire,
    Retired,
    Transfer,
    Transferred,
)

TREASURY, HEALTH, WORKS = (account_id(name) for name in ("treasury", "health", "works"))
VENDOR = account_id("vendor")


@pytest.fixture
def chain() -> Chain:
    """Health keeps a vendor without a floor and one that may owe 100; the works keep one at 0."""
    return Chain.begin(
        genesis_document(
            accounts=[
                running_account("vendor", "health"),
                running_account("limited", "health", floor=-100),
                running_account("plain", "works", floor=0),
            ]
        )
    )


def done(chain: Chain, actor: str, operation: Operation, signer: str = "") -> Receipt[Any, Any]:
    before = dict(chain.state.rows)
    body = chain.body((actor, operation))
    (receipt,) = chain.block(chain.check(body, signer or actor))
    if receipt.outcome is Outcome.REFUSED:
        changed = {slot[0] for slot, _ in chain.state.rows.items() ^ before.items()}
        assert changed <= {10}, "only the window's entry of ids may change"
    return receipt


def refusal_of(chain: Chain, actor: str, operation: Operation, signer: str = "") -> Refusal:
    refusal = done(chain, actor, operation, signer).refusal
    assert isinstance(refusal, Refusal)
    return refusal


def applied(chain: Chain, actor: str, operation: Operation, signer: str = "") -> Any:  # noqa: ANN401
    receipt = done(chain, actor, operation, signer)
    assert receipt.outcome is Outcome.APPLIED, receipt.refusal
    return receipt.events


def held(chain: Chain, name: str, asset: str = GBP) -> int:
    return views.balance(chain.state, account_id(name), asset)


def test_an_asset_is_defined_made_and_taken_back(chain: Chain) -> None:
    """Supply and balances move together; each act tells what it did."""
    defined = applied(
        chain, "treasury", DefineAsset("EUR", 2, snapshots=False, earmark=(), expires_ms=None)
    )
    assert views.asset(chain.state, "EUR") == Asset(
        2, TREASURY, snapshots=False, earmark=(), expires_ms=None
    )
    assert views.supply(chain.state, "EUR") == 0

    issued = applied(chain, "treasury", Issue("EUR", HEALTH, 500, "mint"))
    own = applied(chain, "treasury", Issue("EUR", TREASURY, 70, "own"))
    retired = applied(chain, "treasury", Retire("EUR", 30, "burn"))

    assert defined == (
        AssetDefined("EUR", 2, TREASURY, snapshots=False, earmarked=False, expires_ms=None),
    )
    assert issued == (Issued(TREASURY, HEALTH, "EUR", 500, "mint"),)
    assert own == (Issued(TREASURY, TREASURY, "EUR", 70, "own"),)
    assert retired == (Retired(TREASURY, "EUR", 30, "burn"),)
    assert (held(chain, "health", "EUR"), held(chain, "treasury", "EUR")) == (500, 40)
    assert views.supply(chain.state, "EUR") == 540


def test_all_of_an_asset_can_be_taken_back(chain: Chain) -> None:
    """Then nothing of it exists, and it can be made again."""
    applied(chain, "treasury", Retire(GBP, TREASURY_BALANCE, "burn"))

    assert views.supply(chain.state, GBP) == 0
    assert views.balances(chain.state, TREASURY, limit=1) == {}
    applied(chain, "treasury", Issue(GBP, HEALTH, 1, "mint"))


def test_an_asset_is_defined_by_who_has_the_role_and_once(chain: Chain) -> None:
    """The second refusal names the issuer."""
    assert refusal_of(
        chain, "health", DefineAsset("EUR", 2, snapshots=False, earmark=(), expires_ms=None)
    ) == MissingRole(HEALTH, ASSET_ISSUER, None)
    assert refusal_of(
        chain, "treasury", DefineAsset(GBP, 2, snapshots=False, earmark=(), expires_ms=None)
    ) == AssetInUse(GBP, TREASURY)


def test_the_role_for_one_body_defines_nothing() -> None:
    """An asset is everybody's."""
    document = genesis_document()
    scoped = GenesisRole(ASSET_ISSUER, HEALTH, HEALTH)
    chain = Chain.begin(replace(document, roles=(*document.roles, scoped)))

    assert refusal_of(
        chain, "health", DefineAsset("EUR", 2, snapshots=False, earmark=(), expires_ms=None)
    ) == MissingRole(HEALTH, ASSET_ISSUER, None)


@pytest.mark.parametrize("operation", [Issue(GBP, HEALTH, 1, "r"), Retire(GBP, 1, "r")])
def test_only_the_issuer_makes_and_takes_back(chain: Chain, operation: Operation) -> None:
    """The role alone does not; nor is there anything to do with an asset nobody defined."""
    chain.block(chain.act("treasury", pay("health", 5, "seed")))

    assert refusal_of(chain, "health", operation) == NotTheIssuer(HEALTH, GBP, TREASURY)
    unknown = replace(operation, asset="XAU")
    assert refusal_of(chain, "treasury", unknown) == UnknownAsset("XAU")


def test_money_is_not_made_for_an_account_that_nobody_opened(chain: Chain) -> None:
    """As it is not paid to one."""
    stranger = account_id("stranger")

    assert refusal_of(chain, "treasury", Issue(GBP, stranger, 1, "r")) == UnknownAccount(stranger)


def test_a_reference_is_used_once_whatever_for(chain: Chain) -> None:
    """A statement sent twice is done once."""
    first = chain.act("treasury", Issue(GBP, HEALTH, 1, "r"))
    chain.block(first)
    twice = DuplicateReference(TREASURY, 0, "r", first.id)

    assert refusal_of(chain, "treasury", Issue(GBP, HEALTH, 1, "r")) == twice
    assert refusal_of(chain, "treasury", Retire(GBP, 1, "r")) == twice
    assert refusal_of(chain, "treasury", pay("works", 1, "r")) == twice


def test_no_more_can_exist_than_can_be_counted(chain: Chain) -> None:
    """Up to 2^63 - 1, not one more."""
    room = INTEGER_MAX - TREASURY_BALANCE

    assert refusal_of(chain, "treasury", Issue(GBP, HEALTH, room + 1, "r")) == SupplyTooLarge(
        GBP, TREASURY_BALANCE, room + 1
    )
    applied(chain, "treasury", Issue(GBP, HEALTH, room, "r"))
    assert views.supply(chain.state, GBP) == INTEGER_MAX
    assert refusal_of(chain, "treasury", Issue(GBP, HEALTH, 1, "s")) == SupplyTooLarge(
        GBP, INTEGER_MAX, 1
    )


def test_an_issuer_takes_back_what_it_has(chain: Chain) -> None:
    """Not what others have."""
    chain.block(chain.act("treasury", pay("health", 5, "seed")))
    left = TREASURY_BALANCE - 5

    assert refusal_of(chain, "treasury", Retire(GBP, left + 1, "r")) == Overdraft(
        TREASURY, GBP, 0, left + 1, left, 0
    )


def test_what_is_owed_by_others_cannot_be_taken_back(chain: Chain) -> None:
    """A vendor below zero lets the treasury have more than there is."""
    applied(chain, "vendor", pay("treasury", 50, "CN-1"), "health")
    assert held(chain, "treasury") == TREASURY_BALANCE + 50

    operation = Retire(GBP, TREASURY_BALANCE + 1, "r")
    assert refusal_of(chain, "treasury", operation) == SupplyTooSmall(
        GBP, TREASURY_BALANCE, TREASURY_BALANCE + 1
    )
    applied(chain, "treasury", Retire(GBP, TREASURY_BALANCE, "r"))
    assert (held(chain, "treasury"), held(chain, "vendor")) == (50, -50)
    assert views.supply(chain.state, GBP) == 0


def test_a_running_account_pays_with_its_keepers_signature(chain: Chain) -> None:
    """A credit note: below zero the vendor owes, and the event names it as the payer."""
    events = applied(chain, "vendor", pay("health", 125, "CN-1"), "health")

    assert events == (Transferred(VENDOR, 0, HEALTH, GBP, 125, "CN-1", None, None),)
    assert (held(chain, "vendor"), held(chain, "health")) == (-125, 125)
    assert views.supply(chain.state, GBP) == TREASURY_BALANCE


def test_nobody_but_the_keeper_signs_for_a_running_account(chain: Chain) -> None:
    """No other account's key counts; the message names who must sign."""
    body = chain.body(("vendor", pay("health", 1, "r")))

    with pytest.raises(Rejected, match=f"weigh 0 for account {HEALTH.hex()}") as rejected:
        chain.block(chain.check(body, "works"))
    assert rejected.value.code == THRESHOLD_NOT_REACHED


def test_a_payment_and_its_credit_note_in_one_transaction(chain: Chain) -> None:
    """The keeper signs once for both."""
    chain.block(chain.act("treasury", pay("health", 10, "seed")))
    body = chain.body(("health", pay("vendor", 10, "a")), ("vendor", pay("health", 4, "a")))

    (receipt,) = chain.block(chain.check(body, "health"))

    assert receipt.outcome is Outcome.APPLIED
    assert (held(chain, "vendor"), held(chain, "health")) == (6, 4)


def test_a_balance_falls_to_its_floor_and_no_further(chain: Chain) -> None:
    """The refusal names the floor, and what is left above it."""
    applied(chain, "limited", pay("health", 99, "a"), "health")

    refusal = refusal_of(chain, "limited", pay("health", 2, "b"), "health")
    assert refusal == Overdraft(account_id("limited"), GBP, 0, 2, 1, -100)
    assert sentence(refusal).endswith(": 1 left above floor -100.")
    applied(chain, "limited", pay("health", 1, "b"), "health")
    assert held(chain, "limited") == -100
    assert refusal_of(chain, "plain", pay("health", 1, "r"), "works") == Overdraft(
        account_id("plain"), GBP, 0, 1, 0, 0
    )


def test_a_balance_that_comes_back_to_zero_is_no_row(chain: Chain) -> None:
    """From below as from above."""
    applied(chain, "vendor", pay("health", 3, "a"), "health")
    applied(chain, "health", pay("vendor", 3, "b"))

    assert views.balances(chain.state, VENDOR, limit=1) == {}


def test_without_a_floor_the_lowest_integer_is_the_end(chain: Chain) -> None:
    """As far down as an amount goes up: one more is an overdraft."""
    applied(chain, "vendor", pay("works", INTEGER_MAX, "a"), "health")

    assert held(chain, "vendor") == -INTEGER_MAX
    assert refusal_of(chain, "vendor", pay("health", 1, "b"), "health") == Overdraft(
        VENDOR, GBP, 0, 1, 0, -INTEGER_MAX
    )
    assert views.supply(chain.state, GBP) == TREASURY_BALANCE


def test_nobody_holds_more_than_can_be_counted(chain: Chain) -> None:
    """Money that others owe counts too; the refusal names the line."""
    applied(chain, "vendor", pay("works", INTEGER_MAX, "a"), "health")
    lines = (line("health", 1, "b"), line("works", 1, "c"))

    assert refusal_of(chain, "treasury", Transfer(GBP, lines)) == BalanceTooLarge(
        WORKS, GBP, 1, 1, INTEGER_MAX
    )
    assert refusal_of(chain, "treasury", Issue(GBP, WORKS, 1, "d")) == BalanceTooLarge(
        WORKS, GBP, 0, 1, INTEGER_MAX
    )


def test_lines_to_one_payee_add_up_before_they_are_judged(chain: Chain) -> None:
    """Two that fit alone need not fit together."""
    applied(chain, "vendor", pay("works", INTEGER_MAX - 5, "a"), "health")
    fits = (line("works", 3, "b"), line("works", 2, "c"))

    beyond = Transfer(GBP, (fits[0], line("works", 3, "c")))
    assert refusal_of(chain, "treasury", beyond) == BalanceTooLarge(
        WORKS, GBP, 1, 3, INTEGER_MAX - 2
    )
    applied(chain, "treasury", Transfer(GBP, fits))
    assert held(chain, "works") == INTEGER_MAX


def test_an_issuer_that_is_kept_takes_back_down_to_its_floor() -> None:
    """The floor is an account's, whatever it does."""
    document = genesis_document(accounts=[running_account("fund", "health", floor=-10)])
    fund = GenesisAsset("FND", 0, account_id("fund"))
    chain = Chain.begin(replace(document, assets=(*document.assets, fund)))
    applied(chain, "fund", Issue("FND", WORKS, 50, "a"), "health")

    assert refusal_of(chain, "fund", Retire("FND", 11, "b"), "health") == Overdraft(
        account_id("fund"), "FND", 0, 11, 10, -10
    )
    applied(chain, "fund", Retire("FND", 10, "b"), "health")
    assert (held(chain, "fund", "FND"), views.supply(chain.state, "FND")) == (-10, 40)


@pytest.mark.parametrize(
    "operation",
    [
        DefineAsset("EUR", limits.EXPONENT_MAX + 1, snapshots=False, earmark=(), expires_ms=None),
        DefineAsset("EUR", -1, snapshots=False, earmark=(), expires_ms=None),
        DefineAsset("eur", 2, snapshots=False, earmark=(), expires_ms=None),
        DefineAsset("EU", 2, snapshots=False, earmark=(), expires_ms=None),
        DefineAsset("E" * 13, 2, snapshots=False, earmark=(), expires_ms=None),
        Issue(GBP, HEALTH, 0, "r"),
        Issue(GBP, HEALTH, INTEGER_MAX + 1, "r"),
        Issue(GBP, HEALTH, 1, ""),
        Issue(GBP, HEALTH, 1, "r" * (limits.REFERENCE_LENGTH_MAX + 1)),
        Retire(GBP, 0, "r"),
        Retire(GBP, 1, " r"),
    ],
)
def test_what_is_out_of_bounds_is_no_operation(chain: Chain, operation: Operation) -> None:
    """The decoder refuses it, so that it is in no block."""
    with pytest.raises(Malformed):
        chain.act("treasury", operation)


def test_the_largest_of_everything_is_an_operation(chain: Chain) -> None:
    """At each bound."""
    longest = "r" * limits.REFERENCE_LENGTH_MAX

    applied(
        chain,
        "treasury",
        DefineAsset("E" * 12, limits.EXPONENT_MAX, snapshots=False, earmark=(), expires_ms=None),
    )
    applied(chain, "treasury", Issue("E" * 12, TREASURY, INTEGER_MAX, longest))
    applied(chain, "treasury", Retire("E" * 12, INTEGER_MAX, "r"))
