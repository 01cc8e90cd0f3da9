"""Earmarked assets: what they are spent on, who receives them, and how each rule says no."""

import pytest

from kit.actors import give as give_role
from kit.actors import new_role
from kit.ledger import GBP, Chain, account_id, line, pay
from kit.purses import applied, begin, define, placed, promise, purse, refusal_of
from ledger.accounts import UnknownAccount
from ledger.assets import (
    NotEarmarked,
    PayeeNotEligible,
    Purpose,
    PurposeMissing,
    PurposeNotAllowed,
    PurposeTwice,
)
from ledger.books import Balance
from ledger.roles import UnknownRole
from primitives import kernel_limits
from primitives.codec import decode, encode
from primitives.errors import Malformed
from services.authority.roles import RevokeRole
from services.money import DefineAsset, Issue, Spend, SpentOn, Transfer, Transferred
from services.money.holds import CaptureHold

TREASURY, HEALTH, WORKS = (account_id(name) for name in ("treasury", "health", "works"))
GRANT = "GRANT7"
EARMARK = (
    Purpose("building", "builder", HEALTH),
    Purpose("salaries", None, None),
    Purpose("subaward", "grantee", None),
)


def hire(chain: Chain, name: str, to: str, scope: str | None) -> None:
    scoped = None if scope is None else account_id(scope)
    applied(chain, "registrar", give_role(name, scoped, account_id(to)))


@pytest.fixture
def chain() -> Chain:
    """Health has a grant of 1,000 and may build with builders whom it admitted."""
    chain = begin()
    for name in ("builder", "grantee"):
        applied(chain, "registrar", new_role(name))
    define(chain, GRANT, EARMARK)
    applied(chain, "treasury", Issue(GRANT, HEALTH, 1_000, "award 7"))
    return chain


def spend(purpose: str, to: str, amount: int = 1, reference: str = "r") -> Spend:
    return Spend(GRANT, purpose, (line(to, amount, reference),))


def test_earmarked_money_goes_for_its_purpose_to_who_may_receive_it(chain: Chain) -> None:
    """Every line is told, and what it was for."""
    hire(chain, "builder", "works", "health")

    events = applied(chain, "health", spend("building", "works", 40))

    assert events == (
        Transferred(HEALTH, 0, WORKS, GRANT, 40, "r", None, None),
        SpentOn(HEALTH, GRANT, 40, "building"),
    )
    assert purse(chain, "works", GRANT) == Balance(40, 0)
    applied(chain, "health", spend("salaries", "vendor", 5, "s"))


def test_who_lacks_the_role_is_not_paid(chain: Chain) -> None:
    """Not with the role for another, nor after it was taken away; the network's will do."""
    refused = PayeeNotEligible(GRANT, 0, WORKS, "building", "builder", HEALTH)
    assert refusal_of(chain, "health", spend("building", "works")) == refused
    hire(chain, "builder", "works", "treasury")
    assert refusal_of(chain, "health", spend("building", "works")) == refused
    hire(chain, "builder", "works", None)
    applied(chain, "health", spend("building", "works"))
    applied(chain, "registrar", RevokeRole("builder", None, WORKS))
    assert refusal_of(chain, "health", spend("building", "works", 1, "s")) == refused


def test_a_purpose_must_be_said_and_be_one_of_its_own(chain: Chain) -> None:
    """A transfer says none; and money that is free has none."""
    transfer = Transfer(GRANT, (line("works", 1, "r"),))
    assert refusal_of(chain, "health", transfer) == PurposeMissing(GRANT, 0)
    assert refusal_of(chain, "health", spend("banquets", "works")) == PurposeNotAllowed(
        GRANT, 0, "banquets"
    )
    free = Spend(GBP, "salaries", (line("works", 1, "r"),))
    assert refusal_of(chain, "treasury", free) == NotEarmarked(GBP)


def test_the_issuer_is_always_paid(chain: Chain) -> None:
    """Given back, or redeemed; with a purpose or without."""
    applied(chain, "health", Transfer(GRANT, (line("treasury", 1, "a"),)))
    applied(chain, "health", spend("building", "treasury", 1, "b"))


def test_who_received_it_is_bound_by_the_same_earmark(chain: Chain) -> None:
    """To the last of a chain of grantees."""
    hire(chain, "grantee", "works", None)
    applied(chain, "health", spend("subaward", "works", 50))

    transfer = Transfer(GRANT, (line("vendor", 1, "r"),))
    assert refusal_of(chain, "works", transfer) == PurposeMissing(GRANT, 0)
    applied(chain, "works", spend("salaries", "vendor", 50))


def test_an_asset_for_a_role_that_nobody_has_is_passed_on_to_nobody(chain: Chain) -> None:
    """Such as a membership: it can only be given back."""
    define(chain, "MEMBER", (Purpose("transfer", "grantee", None),))
    applied(chain, "treasury", Issue("MEMBER", HEALTH, 1, "member 1"))

    spending = Spend("MEMBER", "transfer", (line("works", 1, "r"),))
    assert refusal_of(chain, "health", spending) == PayeeNotEligible(
        "MEMBER", 0, WORKS, "transfer", "grantee", None
    )
    applied(chain, "health", Transfer("MEMBER", (line("treasury", 1, "r"),)))


def test_a_hold_of_earmarked_money_is_judged_when_placed_and_when_captured(chain: Chain) -> None:
    """Who lost the role in between takes nothing."""
    assert refusal_of(chain, "health", promise(chain, "works", 9, asset=GRANT)) == PurposeMissing(
        GRANT, 0
    )
    operation = promise(chain, "works", 9, asset=GRANT, purpose="building")
    refused = PayeeNotEligible(GRANT, 0, WORKS, "building", "builder", HEALTH)
    assert refusal_of(chain, "health", operation) == refused
    hire(chain, "builder", "works", "health")
    hold = placed(chain, "health", operation)
    applied(chain, "works", CaptureHold(hold, 4))
    applied(chain, "registrar", RevokeRole("builder", HEALTH, WORKS))

    assert refusal_of(chain, "works", CaptureHold(hold, 5)) == refused


def test_an_earmark_names_each_purpose_once_and_what_exists(chain: Chain) -> None:
    """Roles and scopes that nobody defined are refused."""

    def defining(*purposes: Purpose) -> DefineAsset:
        return DefineAsset("AID", 0, snapshots=False, earmark=purposes, expires_ms=None)

    twice = defining(Purpose("food", None, None), Purpose("food", "builder", None))
    assert refusal_of(chain, "treasury", twice) == PurposeTwice("AID", "food")
    assert refusal_of(chain, "treasury", defining(Purpose("food", "grocer", None))) == UnknownRole(
        "grocer"
    )
    stranger = account_id("stranger")
    assert refusal_of(
        chain, "treasury", defining(Purpose("food", "builder", stranger))
    ) == UnknownAccount(stranger)


def test_an_earmark_has_so_many_purposes_and_not_one_more(chain: Chain) -> None:
    """And their codes are short."""
    purposes = [Purpose(f"p{n}", None, None) for n in range(kernel_limits.PURPOSES_MAX + 1)]
    applied(
        chain,
        "treasury",
        DefineAsset("AID", 0, snapshots=False, earmark=tuple(purposes[:-1]), expires_ms=None),
    )
    with pytest.raises(Malformed):
        chain.act(
            "treasury",
            DefineAsset("BID", 0, snapshots=False, earmark=tuple(purposes), expires_ms=None),
        )
    for code in ("a" * (kernel_limits.CODE_LENGTH_MAX + 1), "Food", "", "a b"):
        with pytest.raises(Malformed):
            decode(encode(Purpose(code, None, None)), Purpose, limit=99)


def test_free_money_is_free(chain: Chain) -> None:
    """An asset without an earmark asks for nothing."""
    applied(chain, "treasury", pay("vendor", 1, "r"))
