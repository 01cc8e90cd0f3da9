"""Offices: posts of a body, and who appoints to them.

An **office** is a role in the scope of a body: the minister of a ministry, the chair of a board. It
names who appoints: an account, mostly another body, which then acts by its motion. Whoever is
appointed holds the role, for a term; so the role's definition limits the seats and the term, and
keeps offices apart that nobody may hold together (ledger/appointments.py). While the office stands,
nobody holds its role in this scope but by appointment: the grantor of the role grants it for all
scopes but those of offices.

That an account is not appointed is proved by the absence of its grant.
"""

from typing import TYPE_CHECKING, Final, NamedTuple, final

from msgspec import Struct

from ledger.accounts import ACCOUNTS, AccountKind, UnknownAccount
from ledger.appointments import appoint, dismiss
from ledger.charters import NoCharter
from ledger.operation import Refusal, Refused
from ledger.roles import ROLE_DEFINITIONS, Role, RoleKey, UnknownRole
from ledger.state import Table
from primitives.ids import AccountId, Height, Natural, Sized32, TimeMs

if TYPE_CHECKING:
    from ledger.act import Act


class OfficeKey(NamedTuple):
    """A post: a role in the scope of a body."""

    body: AccountId
    role: str


@final
class Office(Struct, array_like=True, frozen=True):
    """The row of an office: who appoints to it, and since which block."""

    appointer: Sized32[AccountId]
    since: Natural[Height]


def _key(key: OfficeKey) -> bytes:
    return key.body + key.role.encode("ascii")


OFFICES: Final = Table[OfficeKey, Office](50, "offices", _key, Office)


class OfficeExists(Refusal, tag="offices.exists", frozen=True):
    """There is an office {role} of {body} already, to which {appointer} appoints."""

    body: Sized32[AccountId]
    role: Role
    appointer: Sized32[AccountId]


class UnknownOffice(Refusal, tag="offices.unknown", frozen=True):
    """There is no office {role} of {body}."""

    body: Sized32[AccountId]
    role: Role


class NotTheAppointer(Refusal, tag="offices.not_the_appointer", frozen=True):
    """To the office {role} of {body} appoints {appointer}, not {account}."""

    account: Sized32[AccountId]
    body: Sized32[AccountId]
    role: Role
    appointer: Sized32[AccountId]


class ByAppointment(Refusal, tag="offices.by_appointment", frozen=True):
    """The role {role} is an office of {body}: {appointer} appoints to it."""

    body: Sized32[AccountId]
    role: Role
    appointer: Sized32[AccountId]


def create(act: "Act", key: OfficeKey, appointer: AccountId) -> None:
    """Make a role an office of a body. Whether the actor may is not asked.

    Raises:
        Refused: the office is there; the scope is no body; the role or the appointer is unknown.
    """
    known = act.state[OFFICES].find(key)
    if known is not None:
        raise Refused(OfficeExists(key.body, key.role, known.appointer))
    body = act.state[ACCOUNTS].need(key.body, UnknownAccount(key.body))
    if body.kind is not AccountKind.BODY:
        raise Refused(NoCharter(key.body))
    act.state[ROLE_DEFINITIONS].need(key.role, UnknownRole(key.role))
    act.state[ACCOUNTS].need(appointer, UnknownAccount(appointer))

    act.state[OFFICES][key] = Office(appointer, act.height)


def abolish(act: "Act", key: OfficeKey) -> None:
    """Let the role be granted like any other again; who holds it keeps it.

    Whether the actor may is not asked.

    Raises:
        Refused: there is no such office.
    """
    act.state[OFFICES].need(key, UnknownOffice(key.body, key.role))

    del act.state[OFFICES][key]


def fill(act: "Act", key: OfficeKey, holder: AccountId, until_ms: TimeMs | None) -> None:
    """Appoint, as the actor.

    Raises:
        Refused: there is no such office, or somebody else appoints to it; the holder cannot have
            the role: seats, term, an incompatible one.
    """
    _require_appointer(act, key)
    appoint(act, RoleKey(key.role, key.body, holder), until_ms)


def vacate(act: "Act", key: OfficeKey, holder: AccountId) -> None:
    """Dismiss, as the actor.

    Raises:
        Refused: there is no such office, somebody else appoints to it, or the holder has it not.
    """
    _require_appointer(act, key)
    dismiss(act, RoleKey(key.role, key.body, holder))


def require_no_office(act: "Act", role: str, scope: AccountId | None) -> None:
    """A role in this scope is granted and revoked by its grantor.

    Raises:
        Refused: it is an office.
    """
    if scope is None:
        return
    office = act.state[OFFICES].find(OfficeKey(scope, role))
    if office is not None:
        raise Refused(ByAppointment(scope, role, office.appointer))


def _require_appointer(act: "Act", key: OfficeKey) -> None:
    office = act.state[OFFICES].need(key, UnknownOffice(key.body, key.role))
    if act.actor != office.appointer:
        raise Refused(NotTheAppointer(act.actor, key.body, key.role, office.appointer))
