"""Roles: who may do what, and for whom (ledger.md §3, K1).

A role is defined before it is granted. Its definition names its grantor: the role whose holders
grant and revoke it. A grant names a role, its holder and a scope: an account for which the holder
has the role, or None for the whole network. Who has the grantor for the network grants with any
scope; who has it for one account grants for that account alone.

Genesis defines the kernel's roles below and every other one that it grants, all with the registrar
as their grantor. A role that grants itself, as the registrar's does, is taken from a holder by
another holder only: so it never dies out, and the network never loses its last registrar.
"""

from typing import TYPE_CHECKING, Annotated, Final, NamedTuple, final

from msgspec import Meta, Struct

from ledger.accounts import ACCOUNTS, UnknownAccount
from ledger.operation import Refusal, Refused
from ledger.state import Table
from primitives import limits
from primitives.ids import AccountId, Height, Natural, Sized32

if TYPE_CHECKING:
    from ledger.act import Act

Role = Annotated[str, Meta(pattern=r"^[a-z][a-z0-9_]*(?!\n)$", max_length=limits.ROLE_LENGTH_MAX)]

REGISTRAR: Final[Role] = "registrar"
"""Opens accounts, defines roles and grants them."""
NOTARY: Final[Role] = "notary"
"""Certifies copies of documents."""
ASSET_ISSUER: Final[Role] = "asset_issuer"
"""Defines assets, and is then their issuer."""
KERNEL_ROLES: Final = (REGISTRAR, NOTARY, ASSET_ISSUER)


class RoleKey(NamedTuple):
    """What a grant is found by."""

    role: str
    scope: AccountId | None
    holder: AccountId


@final
class RoleGrant(Struct, array_like=True, frozen=True):
    """The row of a grant: since which height it holds."""

    since: Natural[Height]


@final
class RoleDefinition(Struct, array_like=True, frozen=True):
    """The row of a role: whose holders grant and revoke it."""

    grantor: Role


def _key(key: RoleKey) -> bytes:
    # A role has no byte below "0", and holder and scope have a fixed size: no two keys are alike.
    scope = b"\0" if key.scope is None else b"\1" + key.scope
    return key.role.encode("ascii") + scope + key.holder


def _definition_key(role: str) -> bytes:
    return role.encode("ascii")


ROLES: Final = Table[RoleKey, RoleGrant](2, "roles", _key, RoleGrant)
ROLE_DEFINITIONS: Final = Table[str, RoleDefinition](
    11, "role_definitions", _definition_key, RoleDefinition
)


class MissingRole(Refusal, tag="roles.missing", frozen=True):
    """Account {account} does not have the role {role} (scope: {scope})."""

    account: Sized32[AccountId]
    role: Role
    scope: Sized32[AccountId] | None


class UnknownRole(Refusal, tag="roles.unknown", frozen=True):
    """There is no role {role}."""

    role: Role


class RoleInUse(Refusal, tag="roles.in_use", frozen=True):
    """There is a role {role} already, granted by {grantor}."""

    role: Role
    grantor: Role


class AlreadyGranted(Refusal, tag="roles.already_granted", frozen=True):
    """Account {holder} has the role {role} for {scope} since block {since}."""

    role: Role
    scope: Sized32[AccountId] | None
    holder: Sized32[AccountId]
    since: Natural[Height]


class NotGranted(Refusal, tag="roles.not_granted", frozen=True):
    """Account {holder} was not granted the role {role} for {scope}."""

    role: Role
    scope: Sized32[AccountId] | None
    holder: Sized32[AccountId]


class OwnGrant(Refusal, tag="roles.own_grant", frozen=True):
    """Account {holder} cannot take the role {role} from itself: another holder must."""

    role: Role
    holder: Sized32[AccountId]


def define(act: "Act", role: Role, grantor: Role) -> None:
    """Write a new role. Whether the actor may define it is not asked.

    Raises:
        Refused: the role is defined, or its grantor is neither defined nor the role itself.
    """
    definitions = act.state[ROLE_DEFINITIONS]
    known = definitions.find(role)
    if known is not None:
        raise Refused(RoleInUse(role, known.grantor))
    if grantor != role:
        definitions.need(grantor, UnknownRole(grantor))

    definitions[role] = RoleDefinition(grantor)


def grant(act: "Act", key: RoleKey) -> None:
    """Grant a role, as the actor.

    Raises:
        Refused: the role, its holder or its scope is unknown; the actor lacks the grantor's role
            for this scope; it was granted before.
    """
    _definition(act, key)
    act.state[ACCOUNTS].need(key.holder, UnknownAccount(key.holder))
    if key.scope is not None:
        act.state[ACCOUNTS].need(key.scope, UnknownAccount(key.scope))
    known = act.state[ROLES].find(key)
    if known is not None:
        raise Refused(AlreadyGranted(key.role, key.scope, key.holder, known.since))

    act.state[ROLES][key] = RoleGrant(act.height)


def revoke(act: "Act", key: RoleKey) -> None:
    """Take a granted role away, as the actor.

    Raises:
        Refused: the role is unknown; the actor lacks the grantor's role for this scope; it was not
            granted; or the actor's own grant is what lets it revoke.
    """
    definition = _definition(act, key)
    act.state[ROLES].need(key, NotGranted(key.role, key.scope, key.holder))
    if key.holder == act.actor and definition.grantor == key.role:
        raise Refused(OwnGrant(key.role, key.holder))

    del act.state[ROLES][key]


def _definition(act: "Act", key: RoleKey) -> RoleDefinition:
    definition = act.state[ROLE_DEFINITIONS].need(key.role, UnknownRole(key.role))
    act.require_role(definition.grantor, key.scope)
    return definition
