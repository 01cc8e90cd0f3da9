"""Bodies are founded with their charters; offices of theirs are held by appointment alone."""

from typing import Any

import pytest
from msgspec.structs import replace

from kit.actors import new_role
from kit.governing import GOVERNOR, TEXT, decide, governed
from kit.ledger import GOVERNING, Chain, account_id, genesis_document
from ledger.accounts import ACCOUNTS, AccountKind
from ledger.charters import CHARTERS, MEMBER, Charter, NoCharter, ProcedureTwice
from ledger.genesis import GenesisBody, GenesisRoleDefinition, genesis_block
from ledger.offices import (
    OFFICES,
    ByAppointment,
    NotTheAppointer,
    Office,
    OfficeExists,
    OfficeKey,
    UnknownOffice,
)
from ledger.operation import Operation, Refusal
from ledger.parameters import NotTheGovernor
from ledger.query import Page, Query, Reading
from ledger.roles import ROLES, MissingRole, NotGranted, RoleKey, TermTooLong, TooManyHolders
from primitives.errors import OperatorFault
from primitives.ids import Height, TimeMs
from services.authority.bodies import BodyFounded, FoundBody
from services.authority.offices import (
    AbolishOffice,
    Appoint,
    Appointed,
    Appointment,
    AppointmentRow,
    CreateOffice,
    Dismiss,
    Dismissed,
    OfficeCreated,
    OfficeRow,
    Offices,
)
from services.authority.roles import GrantRole, ResignRole, RevokeRole

BOARD, WORKS, HEALTH = account_id("board"), account_id("works"), account_id("health")
CHAIR, DAY = "chair", 86_400_000
CHARTER = Charter((GOVERNING,))


@pytest.fixture
def chain() -> Chain:
    """A network with a board, whose chair the governor appoints."""
    chain = governed()
    made = chain.block(
        chain.act("registrar", FoundBody(BOARD, "Board", CHARTER)),
        chain.act("registrar", new_role(CHAIR, max_holders=1, max_term_ms=DAY)),
    )
    assert not [receipt.refusal for receipt in made if receipt.refusal]
    assert decide(chain, CreateOffice(BOARD, CHAIR, GOVERNOR)).refusal is None
    return chain


def does(chain: Chain, actor: str, operation: Operation) -> Refusal | None:
    (receipt,) = chain.block(chain.act(actor, operation))
    refusal: Refusal | None = receipt.refusal
    return refusal


def appoint(chain: Chain, holder: bytes = WORKS, lasts_ms: int = DAY) -> Appoint:
    return Appoint(BOARD, CHAIR, holder, TimeMs(chain.time_ms + lasts_ms), TEXT)  # type: ignore[arg-type] # an account


def ask(chain: Chain, query: Query) -> Page[Any]:
    return query.answer(Reading(chain.state, chain.time_ms))


def test_a_body_has_an_account_that_nobody_signs_for_and_a_charter() -> None:
    """And is registrar for itself: it admits its members by its motions."""
    chain = governed()

    (receipt,) = chain.block(chain.act("registrar", FoundBody(BOARD, "Board", CHARTER)))
    joined = decide(chain, GrantRole(MEMBER, BOARD, WORKS, None), body=BOARD)

    assert receipt.events == (BodyFounded(BOARD, "Board"),)
    account = ACCOUNTS.read(chain.state, BOARD)
    assert account is not None
    assert (account.kind, account.keys, account.keeper) == (AccountKind.BODY, (), None)
    assert CHARTERS.read(chain.state, BOARD) == CHARTER
    assert joined.refusal is None


def test_a_body_without_an_id_gets_one() -> None:
    """That no other has; the governor may found one too."""
    chain = governed()

    events = decide(chain, FoundBody(None, "One", CHARTER), FoundBody(None, "Two", CHARTER)).events

    ids = {event.body for event in events}
    assert len(ids) == 2
    assert all(CHARTERS.read(chain.state, each) == CHARTER for each in ids)


def test_nobody_else_founds_a_body() -> None:
    """And no body has a charter that contradicts itself."""
    chain = governed()
    twice = Charter((GOVERNING, GOVERNING))

    assert isinstance(does(chain, "works", FoundBody(BOARD, "", CHARTER)), MissingRole)
    assert isinstance(does(chain, "registrar", FoundBody(BOARD, "", twice)), ProcedureTwice)
    assert ACCOUNTS.read(chain.state, BOARD) is None


def test_who_appoints_fills_the_office(chain: Chain) -> None:
    """For a term; the query shows it, and the receipt names the letter."""
    receipt = decide(chain, appoint(chain))
    until = TimeMs(chain.time_ms - 1_000 + DAY)

    assert receipt.events == (Appointed(BOARD, CHAIR, WORKS, GOVERNOR, until, TEXT),)
    assert ask(chain, Offices(body=BOARD, after=None, limit=None)).rows == [
        OfficeRow(role=CHAIR, appointer=GOVERNOR, since=Height(2), holders=1, seats=1)
    ]
    assert ask(chain, Appointment(account=WORKS, body=BOARD, role=CHAIR)).rows == [
        AppointmentRow(holder=WORKS, since=Height(3), until_ms=until, in_force=True)
    ]


def test_that_somebody_is_not_appointed_can_be_proved(chain: Chain) -> None:
    """The answer names the entry that is absent."""
    page = ask(chain, Appointment(account=HEALTH, body=BOARD, role=CHAIR))

    key = ROLES.key(RoleKey(CHAIR, BOARD, HEALTH))
    assert (page.rows, page.proved_by) == ([], [f"state/roles/{key.hex()}"])


def test_an_office_is_held_by_appointment_alone(chain: Chain) -> None:
    """Neither granted nor revoked by the registrar, whose role grants every other."""
    taken = ByAppointment(BOARD, CHAIR, GOVERNOR)
    until = TimeMs(chain.time_ms + DAY)

    assert does(chain, "registrar", GrantRole(CHAIR, BOARD, WORKS, until)) == taken
    decide(chain, appoint(chain))
    assert does(chain, "registrar", RevokeRole(CHAIR, BOARD, WORKS)) == taken
    assert does(chain, "registrar", GrantRole(CHAIR, HEALTH, WORKS, until)) is None
    assert does(chain, "registrar", GrantRole(CHAIR, None, HEALTH, until)) is None


def test_nobody_else_appoints_or_dismisses(chain: Chain) -> None:
    """Not even the body itself."""
    not_them = NotTheAppointer(BOARD, BOARD, CHAIR, GOVERNOR)
    decide(chain, appoint(chain))

    assert decide(chain, appoint(chain, HEALTH), body=BOARD).refusal == not_them
    assert decide(chain, Dismiss(BOARD, CHAIR, WORKS, None), body=BOARD).refusal == not_them


def test_seats_and_terms_are_those_of_the_role(chain: Chain) -> None:
    """One chair, for a day."""
    long = decide(chain, appoint(chain, lasts_ms=DAY + 5_000))
    decide(chain, appoint(chain))
    second = decide(chain, appoint(chain, HEALTH))

    assert isinstance(long.refusal, TermTooLong)
    assert second.refusal == TooManyHolders(CHAIR, BOARD, 1)


def test_who_is_dismissed_or_resigns_makes_room(chain: Chain) -> None:
    """The office is vacant, and filled again."""
    decide(chain, appoint(chain))
    dismissed = decide(chain, Dismiss(BOARD, CHAIR, WORKS, TEXT))
    again = decide(chain, Dismiss(BOARD, CHAIR, WORKS, TEXT))
    decide(chain, appoint(chain, HEALTH))

    assert dismissed.events == (Dismissed(BOARD, CHAIR, WORKS, GOVERNOR, TEXT),)
    assert again.refusal == NotGranted(CHAIR, BOARD, WORKS)
    assert does(chain, "health", ResignRole(CHAIR, BOARD)) is None
    assert decide(chain, appoint(chain)).refusal is None


def test_the_body_itself_makes_offices(chain: Chain) -> None:
    """And names who appoints; the governor may, and nobody else."""
    receipt = decide(chain, CreateOffice(BOARD, MEMBER, HEALTH), body=BOARD)

    assert receipt.events == (OfficeCreated(BOARD, MEMBER, HEALTH),)
    assert OFFICES.read(chain.state, OfficeKey(BOARD, MEMBER)) == Office(HEALTH, Height(3))
    assert does(chain, "health", Appoint(BOARD, MEMBER, WORKS, None, None)) is None
    refusal = does(chain, "registrar", CreateOffice(BOARD, "notary", HEALTH))
    assert isinstance(refusal, NotTheGovernor)


def test_what_is_no_office_cannot_be_filled(chain: Chain) -> None:
    """Each with its reason."""
    unknown = UnknownOffice(BOARD, "notary")

    assert decide(chain, Appoint(BOARD, "notary", WORKS, None, None)).refusal == unknown
    assert decide(chain, AbolishOffice(BOARD, "notary")).refusal == unknown
    exists = decide(chain, CreateOffice(BOARD, CHAIR, HEALTH)).refusal
    assert exists == OfficeExists(BOARD, CHAIR, GOVERNOR)
    assert decide(chain, CreateOffice(WORKS, CHAIR, HEALTH)).refusal == NoCharter(WORKS)


def test_an_abolished_office_is_a_role_like_any_other(chain: Chain) -> None:
    """Who held it keeps it; the registrar revokes it."""
    decide(chain, appoint(chain))
    decide(chain, AbolishOffice(BOARD, CHAIR))

    assert RoleKey(CHAIR, BOARD, WORKS) in chain.run()._overlay[ROLES]
    assert does(chain, "registrar", RevokeRole(CHAIR, BOARD, WORKS)) is None


def test_genesis_names_all_that_is_wrong_with_its_bodies_and_roles() -> None:
    """By the rules and the sentences of later operations."""
    document = genesis_document()
    role = GenesisRoleDefinition("payer", "ghost", None, None, ("payer",))
    lost = replace(GOVERNING, code="other", electorate="stranger")
    with pytest.raises(OperatorFault) as caught:
        genesis_block(
            replace(
                document,
                governor=HEALTH,
                bodies=(
                    *document.bodies,
                    GenesisBody(WORKS, Charter((GOVERNING, GOVERNING, lost))),
                ),
                role_definitions=(role, role),
            )
        )

    for expected in (
        f"governor: Account {HEALTH.hex()} is no body: it has no charter.",
        f"bodies: There is no account {WORKS.hex()}.",
        f"body {WORKS.hex()}: The procedure ordinary stands twice in the charter.",
        f"body {WORKS.hex()}: There is no role stranger.",
        "roles: the definition payer stands 2 times",
        "roles: There is no role ghost.",
    ):
        assert expected in str(caught.value)
