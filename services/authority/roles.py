"""Who may do what: a registrar defines roles; a role's grantor grants and revokes it.

A role may be limited in its holders and their terms, and be incompatible with others: who certifies
does not pay, and who pays does not audit.
"""

from typing import Annotated, final

from msgspec import Meta, Struct

from ledger import appointments, offices, roles
from ledger.act import Act
from ledger.operation import Event, Operation
from ledger.query import After, Limit, OneAccount, Page, Query, Reading
from primitives.ids import AccountId, Height, Natural, Sized32, TimeMs


@final
class RoleDefined(Event, tag="authority.role_defined", frozen=True):
    """There is a role {role}, granted by who has the role {grantor}."""

    role: roles.Role
    grantor: roles.Role


@final
class RoleGranted(Event, tag="authority.role_granted", frozen=True):
    """Account {holder} has the role {role} for {scope}, until {until_ms}."""

    role: roles.Role
    scope: Sized32[AccountId] | None
    holder: Sized32[AccountId]
    until_ms: Natural[TimeMs] | None


@final
class RoleRevoked(Event, tag="authority.role_revoked", frozen=True):
    """Account {holder} no longer has the role {role} for {scope}."""

    role: roles.Role
    scope: Sized32[AccountId] | None
    holder: Sized32[AccountId]


@final
class DefineRole(Operation, tag="authority.define_role", frozen=True):
    """Define a role, and the role whose holders grant and revoke it.

    Needs the role registrar for the network. A role may be its own grantor; then it has no terms.
    Nobody ever holds it together with a role that is incompatible with it, for the same account,
    nor one of the two for the network.
    """

    role: Annotated[roles.Role, Meta(description="code of the new role, such as payer")]
    grantor: Annotated[roles.Role, Meta(description="role whose holders grant and revoke it")]
    max_holders: Annotated[
        roles.HolderLimit | None,
        Meta(description="how many hold it for one account at a time; none is any number"),
    ]
    max_term_ms: Annotated[
        roles.TermMs | None,
        Meta(description="longest term in milliseconds; none is any, or no end"),
    ]
    incompatible: Annotated[
        roles.Roles, Meta(description="roles that exist and are never held together with it")
    ]

    def apply(self, act: Act) -> None:
        """Write the role."""
        act.require_role(roles.REGISTRAR)
        definition = roles.RoleDefinition(
            grantor=self.grantor,
            max_holders=self.max_holders,
            max_term_ms=self.max_term_ms,
            incompatible=self.incompatible,
        )
        appointments.define(act, self.role, definition)
        act.emit(RoleDefined(self.role, self.grantor))


@final
class GrantRole(Operation, tag="authority.grant_role", frozen=True):
    """Grant a role to an account, for one account or for the whole network.

    Needs the role's grantor role, for the same account or for the network. To an office (a role
    that is one for this account) an account is appointed instead.
    """

    role: Annotated[roles.Role, Meta(description="role that is granted")]
    scope: Annotated[
        Sized32[AccountId] | None, Meta(description="account it is held for; none is the network")
    ]
    holder: Annotated[
        AccountId, Meta(min_length=32, max_length=32, description="account that gets it")
    ]
    until_ms: Annotated[
        Natural[TimeMs] | None,
        Meta(description="block time (ms) at which its term is over; none is no end"),
    ]

    def apply(self, act: Act) -> None:
        """Write the grant."""
        offices.require_no_office(act, self.role, self.scope)
        key = roles.RoleKey(self.role, self.scope, self.holder)
        appointments.grant(act, key, self.until_ms)
        act.emit(RoleGranted(self.role, self.scope, self.holder, self.until_ms))


@final
class RevokeRole(Operation, tag="authority.revoke_role", frozen=True):
    """Take a granted role away from an account.

    Needs the role's grantor role, as granting does; nobody takes a role that grants itself from
    its own account.
    """

    role: Annotated[roles.Role, Meta(description="role that is taken away")]
    scope: Annotated[
        Sized32[AccountId] | None, Meta(description="account it is held for; none is the network")
    ]
    holder: Annotated[
        AccountId, Meta(min_length=32, max_length=32, description="account that loses it")
    ]

    def apply(self, act: Act) -> None:
        """Delete the grant."""
        offices.require_no_office(act, self.role, self.scope)
        appointments.revoke(act, roles.RoleKey(self.role, self.scope, self.holder))
        act.emit(RoleRevoked(self.role, self.scope, self.holder))


@final
class ResignRole(Operation, tag="authority.resign_role", frozen=True):
    """Give back a role that one was granted; not one that grants itself, which another takes."""

    role: Annotated[roles.Role, Meta(description="role that is given back")]
    scope: Annotated[
        Sized32[AccountId] | None, Meta(description="account it is held for; none is the network")
    ]

    def apply(self, act: Act) -> None:
        """Delete the grant."""
        appointments.dismiss(act, roles.RoleKey(self.role, self.scope, act.actor))
        act.emit(RoleRevoked(self.role, self.scope, act.actor))


@final
class GrantRow(Struct, frozen=True, kw_only=True):
    """A grant; without a scope it is for the whole network, and without an end it has none."""

    role: str
    scope: Sized32[AccountId] | None
    holder: Sized32[AccountId]
    since: Natural[Height]
    until_ms: Natural[TimeMs] | None


@final
class RolesHeld(Query, tag="authority.roles", frozen=True, kw_only=True):
    """The roles that an account holds, in alphabetical order."""

    account: OneAccount
    after: After | None
    limit: Limit | None

    def answer(self, reading: Reading) -> Page[GrantRow]:
        """List those in force."""

        def row(data: bytes, _: roles.Held) -> GrantRow | None:
            key = roles.held_key(data)
            return _row(key, roles.ROLES.read(reading.state, key), reading)

        return reading.list(
            roles.HELD_ROLES, row, prefix=self.account, after=self.after, limit=self.limit
        )


@final
class Holders(Query, tag="authority.holders", frozen=True, kw_only=True):
    """Who holds a role: for the network, or with a scope for one account."""

    role: Annotated[roles.Role, Meta(description="code of the role")]
    scope: (
        Annotated[
            AccountId,
            Meta(
                min_length=32,
                max_length=32,
                description="account it is held for; none is the network",
            ),
        ]
        | None
    )
    after: After | None
    limit: Limit | None

    def answer(self, reading: Reading) -> Page[GrantRow]:
        """List those in force."""

        def row(data: bytes, grant: roles.RoleGrant) -> GrantRow | None:
            key = roles.RoleKey(self.role, self.scope, AccountId(data[-32:]))
            return _row(key, grant, reading)

        return reading.list(
            roles.ROLES,
            row,
            prefix=roles.grants_of(self.role, self.scope),
            after=self.after,
            limit=self.limit,
        )


def _row(key: roles.RoleKey, grant: roles.RoleGrant | None, reading: Reading) -> GrantRow | None:
    if grant is None or not grant.in_force(reading.time_ms):
        return None
    return GrantRow(
        role=key.role,
        scope=key.scope,
        holder=key.holder,
        since=grant.since,
        until_ms=grant.until_ms,
    )


@final
class RoleRow(Struct, frozen=True, kw_only=True):
    """A role and what its grants keep to; none is no limit."""

    role: str
    grantor: str
    max_holders: Natural[int] | None
    max_term_ms: Natural[int] | None
    incompatible: tuple[str, ...]


@final
class RolesDefined(Query, tag="authority.role_definitions", frozen=True, kw_only=True):
    """The roles that there are, in alphabetical order."""

    after: After | None
    limit: Limit | None

    def answer(self, reading: Reading) -> Page[RoleRow]:
        """List."""

        def row(data: bytes, definition: roles.RoleDefinition) -> RoleRow:
            return RoleRow(
                role=data.decode("ascii"),
                grantor=definition.grantor,
                max_holders=definition.max_holders,
                max_term_ms=definition.max_term_ms,
                incompatible=definition.incompatible,
            )

        return reading.list(roles.ROLE_DEFINITIONS, row, after=self.after, limit=self.limit)
