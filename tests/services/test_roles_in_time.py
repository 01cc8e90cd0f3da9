"""Roles: terms, holders, and roles that nobody holds together."""

from typing import Any

import pytest

from kit.actors import fell_due, give, moment, new_role
from kit.ledger import GENESIS_TIME, Chain, account_id, genesis_document
from ledger import appointments, roles
from ledger.act import Act
from ledger.appointments import TermEnded
from ledger.operation import Operation, Refusal, Refused
from ledger.receipt import Outcome, Receipt
from ledger.roles import (
    HELD_ROLES,
    REGISTRAR,
    AlreadyGranted,
    CountKey,
    Incompatible,
    IncompatibleWithItself,
    MissingRole,
    NeverEnds,
    NotGranted,
    OwnGrant,
    RoleDefinition,
    RoleKey,
    TermOver,
    TermTooLong,
    TooManyHolders,
    TooManyIncompatible,
    UnknownRole,
)
from primitives import kernel_limits
from primitives.errors import Malformed
from primitives.ids import TimeMs
from primitives.named import from_named, to_named
from services.authority.roles import DefineRole, ResignRole, RevokeRole, RoleRevoked

HEALTH, WORKS = account_id("health"), account_id("works")
TREASURY, NOTARY = account_id("treasury"), account_id("notary")
DAY = 86_400_000
TOMORROW = TimeMs(GENESIS_TIME + DAY)


@pytest.fixture
def chain() -> Chain:
    return Chain.begin(genesis_document())


def done(chain: Chain, *operations: Operation, by: str = "registrar") -> Receipt[Any, Any]:
    (receipt,) = chain.block(chain.act(by, *operations))
    assert receipt.outcome is Outcome.APPLIED, receipt.refusal
    return receipt


def no(chain: Chain, *operations: Operation, by: str = "registrar") -> Refusal:
    (receipt,) = chain.block(chain.act(by, *operations))
    assert isinstance(receipt.refusal, Refusal)
    return receipt.refusal


def act(chain: Chain, time_ms: TimeMs | None = None) -> Act:
    """A moment on the state as it is."""
    return moment(chain, "registrar", after_ms=0 if time_ms is None else time_ms - chain.time_ms)


def test_a_term_ends_to_the_millisecond(chain: Chain) -> None:
    """One before it the role is held, at it no longer; whatever a duty has done by then."""
    done(chain, new_role("payer"), give("payer", HEALTH, WORKS, TOMORROW))
    last, over = act(chain, TimeMs(TOMORROW - 1)), act(chain, TOMORROW)

    assert roles.has_role(last, WORKS, "payer", HEALTH)
    assert not roles.has_role(over, WORKS, "payer", HEALTH)
    granted = roles.grant_of(last, "payer", HEALTH, WORKS)
    assert granted is not None
    assert (granted.since, granted.until_ms) == (1, TOMORROW)
    assert roles.grant_of(last, "payer", None, WORKS) is None
    assert roles.grant_of(over, "payer", HEALTH, WORKS) is None


def test_who_has_it_for_the_network_has_it_for_each_account(chain: Chain) -> None:
    """But the grant is of the network alone."""
    done(chain, new_role("payer"), give("payer", None, WORKS))

    assert roles.has_role(act(chain), WORKS, "payer", HEALTH)
    assert roles.grant_of(act(chain), "payer", HEALTH, WORKS) is None
    assert not roles.has_role(act(chain), HEALTH, "payer", HEALTH)


def test_a_role_of_which_the_term_is_over_opens_nothing(chain: Chain) -> None:
    """`require_role` asks the time."""
    done(chain, new_role("chief"), new_role("payer", "chief"))
    done(chain, give("chief", None, HEALTH, TOMORROW))
    done(chain, give("payer", None, WORKS), by="health")

    chain.time_ms = TOMORROW
    assert no(chain, RevokeRole("payer", None, WORKS), by="health") == MissingRole(
        HEALTH, "chief", None
    )


def test_a_term_is_neither_past_nor_too_long(chain: Chain) -> None:
    """At its longest it stands; a role with a longest term is not granted without an end."""
    done(chain, new_role("judge", max_term_ms=DAY))
    now = TimeMs(chain.time_ms + 1_000)

    assert no(chain, give("judge", None, WORKS, now)) == TermOver("judge", now)
    late = TimeMs(chain.time_ms + 1_000 + DAY + 1)
    assert no(chain, give("judge", None, WORKS, late)) == TermTooLong("judge", DAY, late)
    assert no(chain, give("judge", None, WORKS)) == TermTooLong("judge", DAY, None)
    done(chain, give("judge", None, WORKS, TimeMs(chain.time_ms + 1_000 + DAY)))


def test_a_role_that_grants_itself_never_ends(chain: Chain) -> None:
    """Neither by its definition nor by a grant: the network keeps its registrars."""
    assert no(chain, new_role("elder", "elder", max_term_ms=DAY)) == NeverEnds("elder")
    assert no(chain, give(REGISTRAR, None, WORKS, TOMORROW)) == NeverEnds(REGISTRAR)


def test_as_many_hold_a_role_as_may(chain: Chain) -> None:
    """For each account by itself; who leaves makes room."""
    done(chain, new_role("chair", max_holders=1), give("chair", HEALTH, WORKS))

    assert no(chain, give("chair", HEALTH, NOTARY)) == TooManyHolders("chair", HEALTH, 1)
    done(chain, give("chair", None, NOTARY), give("chair", WORKS, NOTARY))
    assert roles.holders(act(chain).state, "chair", HEALTH) == 1
    done(chain, ResignRole("chair", HEALTH), by="works")
    assert roles.holders(act(chain).state, "chair", HEALTH) == 0
    done(chain, give("chair", HEALTH, NOTARY))
    assert roles.counted(act(chain).state, CountKey("chair", None, NOTARY)) == 3


def test_nobody_holds_incompatible_roles_for_one_account(chain: Chain) -> None:
    """Whichever comes first; for different accounts it is allowed."""
    done(chain, new_role("payer"), new_role("auditor", incompatible=("payer",)))
    done(chain, give("payer", HEALTH, WORKS), give("auditor", HEALTH, NOTARY))

    assert no(chain, give("auditor", HEALTH, WORKS)) == Incompatible(
        "auditor", HEALTH, WORKS, "payer"
    )
    assert no(chain, give("payer", HEALTH, NOTARY)) == Incompatible(
        "payer", HEALTH, NOTARY, "auditor"
    )
    done(chain, give("auditor", TREASURY, WORKS))
    done(chain, RevokeRole("payer", HEALTH, WORKS), give("auditor", HEALTH, WORKS))


def test_the_network_is_in_every_scope(chain: Chain) -> None:
    """Who has the one role for the network has the other for no account, and the other way."""
    done(chain, new_role("payer"), new_role("auditor", incompatible=("payer",)))
    done(chain, give("payer", None, WORKS), give("auditor", HEALTH, NOTARY))

    assert no(chain, give("auditor", HEALTH, WORKS)) == Incompatible(
        "auditor", HEALTH, WORKS, "payer"
    )
    assert no(chain, give("auditor", None, WORKS)) == Incompatible("auditor", None, WORKS, "payer")
    assert no(chain, give("payer", None, NOTARY)) == Incompatible("payer", None, NOTARY, "auditor")


def test_incompatibility_is_said_at_both_roles_up_to_a_limit(chain: Chain) -> None:
    """ROLE_INCOMPATIBLE_MAX; no more can name a role that is incompatible with so many."""
    most = kernel_limits.ROLE_INCOMPATIBLE_MAX
    done(chain, new_role("payer"))
    done(chain, *(new_role(f"role{n}", incompatible=("payer",)) for n in range(most)))

    assert no(chain, new_role("last", incompatible=("payer",))) == TooManyIncompatible("payer")
    done(chain, give("payer", HEALTH, WORKS))
    assert no(chain, give("role7", HEALTH, WORKS)) == Incompatible("role7", HEALTH, WORKS, "payer")
    largest = new_role("x", incompatible=tuple(f"role{n}" for n in range(most)))
    done(chain, largest)
    with pytest.raises(Malformed):
        from_named({**to_named(largest), "incompatible": ["a"] * (most + 1)}, DefineRole)


def test_a_role_is_incompatible_with_others_that_exist(chain: Chain) -> None:
    """Not with itself, and not with what nobody defined."""
    assert no(chain, new_role("payer", incompatible=("payer",))) == IncompatibleWithItself("payer")
    assert no(chain, new_role("payer", incompatible=("auditor",))) == UnknownRole("auditor")


def test_the_limits_of_a_definition_have_bounds() -> None:
    """ROLE_HOLDERS_MAX and ROLE_TERM_MS_MAX, and at least one of each."""
    most = kernel_limits.ROLE_HOLDERS_MAX, kernel_limits.ROLE_TERM_MS_MAX
    named = to_named(new_role("payer", max_holders=most[0], max_term_ms=most[1]))

    assert from_named(named, DefineRole).max_holders == most[0]
    for field, beyond in (
        ("max_holders", most[0] + 1),
        ("max_holders", 0),
        ("max_term_ms", most[1] + 1),
        ("max_term_ms", 0),
    ):
        with pytest.raises(Malformed):
            from_named({**named, field: beyond}, DefineRole)


def test_who_holds_a_role_gives_it_back(chain: Chain) -> None:
    """Without asking whoever granted it; a registrar does not, another takes it."""
    done(chain, new_role("payer"), give("payer", HEALTH, WORKS))

    assert no(chain, ResignRole("payer", None), by="works") == NotGranted("payer", None, WORKS)
    assert done(chain, ResignRole("payer", HEALTH), by="works").events == (
        RoleRevoked("payer", HEALTH, WORKS),
    )
    registrar = account_id("registrar")
    assert no(chain, ResignRole(REGISTRAR, None)) == OwnGrant(REGISTRAR, registrar)
    assert no(chain, ResignRole("nobody", None)) == UnknownRole("nobody")


def test_an_index_lists_what_an_account_holds(chain: Chain) -> None:
    """By role and scope, and no longer when the grant goes."""
    done(
        chain, new_role("payer"), give("payer", HEALTH, WORKS, TOMORROW), give("payer", None, WORKS)
    )

    def held() -> list[tuple[RoleKey, TimeMs | None]]:
        rows = HELD_ROLES.scan(chain.state, prefix=WORKS, limit=10)
        return [(roles.held_key(key), row.until_ms) for key, row in rows]

    assert held() == [
        (RoleKey("payer", None, WORKS), None),
        (RoleKey("payer", HEALTH, WORKS), TOMORROW),
    ]
    done(chain, RevokeRole("payer", None, WORKS), RevokeRole("payer", HEALTH, WORKS))
    assert held() == []


def test_services_that_appoint_by_themselves_keep_every_limit(chain: Chain) -> None:
    """`appoint` asks not who acts; all else it asks."""
    done(chain, new_role("chair", max_holders=1, max_term_ms=DAY), new_role("x"))
    now = act(chain)
    held = RoleKey("chair", HEALTH, WORKS)

    appointments.appoint(now, held, TimeMs(chain.time_ms + DAY))

    assert roles.has_role(now, WORKS, "chair", HEALTH)
    for wrong, refusal in (
        (held, AlreadyGranted("chair", HEALTH, WORKS, now.height)),
        (RoleKey("chair", HEALTH, NOTARY), TooManyHolders("chair", HEALTH, 1)),
    ):
        with pytest.raises(Refused) as caught:
            appointments.appoint(now, wrong, TimeMs(chain.time_ms + DAY))
        assert caught.value.refusal == refusal
    appointments.dismiss(now, held)
    assert roles.holders(now.state, "chair", HEALTH) == 0


PAYER = RoleDefinition(REGISTRAR, 1, None, ("auditor",))
AUDITOR = RoleDefinition(REGISTRAR, None, None, ())
OWN = RoleDefinition(REGISTRAR, None, None, ())


def test_a_network_begins_with_no_grant_that_could_not_be_made() -> None:
    """The same limits hold in block 0."""
    defined = appointments.mutual({REGISTRAR: OWN, "payer": PAYER, "auditor": AUDITOR})
    both = [RoleKey("payer", HEALTH, WORKS), RoleKey("auditor", None, WORKS)]
    crowd = [RoleKey("payer", None, WORKS), RoleKey("payer", None, HEALTH)]

    assert defined["auditor"].incompatible == ("payer",)
    assert not list(appointments.definition_contradictions(defined))
    assert list(appointments.grant_contradictions(defined, both)) == [
        Incompatible("payer", HEALTH, WORKS, "auditor"),
        Incompatible("auditor", None, WORKS, "payer"),
    ]
    assert set(appointments.grant_contradictions(defined, crowd)) == {
        TooManyHolders("payer", None, 1)
    }
    judge = {REGISTRAR: OWN, "judge": RoleDefinition(REGISTRAR, None, DAY, ())}
    assert list(appointments.grant_contradictions(judge, [RoleKey("judge", None, WORKS)])) == [
        TermTooLong("judge", DAY, None)
    ]
    assert list(appointments.grant_contradictions({}, [RoleKey("judge", None, WORKS)])) == [
        UnknownRole("judge")
    ]


def test_a_network_begins_with_no_role_that_could_not_be_defined() -> None:
    """Grantors exist, and nothing is incompatible with itself."""
    wrong = {
        "elder": RoleDefinition("elder", None, DAY, ()),
        "payer": RoleDefinition("nobody", None, None, ("payer",)),
    }

    assert list(appointments.definition_contradictions(wrong)) == [
        NeverEnds("elder"),
        IncompatibleWithItself("payer"),
        UnknownRole("nobody"),
    ]


def test_the_row_of_a_grant_goes_when_its_term_is_over(chain: Chain) -> None:
    """By a duty of the next block; then it is counted no more, and stands in nobody's way."""
    done(chain, new_role("chair", max_holders=1), give("chair", HEALTH, WORKS, TOMORROW))
    chain.time_ms = TimeMs(TOMORROW - 2_000)

    assert fell_due(chain) == []
    assert roles.holders(act(chain).state, "chair", HEALTH) == 1
    assert fell_due(chain) == [TermEnded("chair", HEALTH, WORKS)]
    assert roles.holders(act(chain).state, "chair", HEALTH) == 0
    done(chain, give("chair", HEALTH, NOTARY))


def test_a_grant_that_was_taken_back_falls_due_no_more(chain: Chain) -> None:
    """And the next one is not ended by the term of the last."""
    done(chain, new_role("payer"), give("payer", HEALTH, WORKS, TOMORROW))
    done(chain, RevokeRole("payer", HEALTH, WORKS), give("payer", HEALTH, WORKS))
    chain.time_ms = TOMORROW

    assert fell_due(chain) == []
    assert roles.has_role(act(chain), WORKS, "payer", HEALTH)
