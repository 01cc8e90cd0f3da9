"""Who may do what: a registrar defines roles; a role's grantor grants and revokes it."""

from typing import Annotated, final

from msgspec import Meta

from ledger import roles
from ledger.act import Act
from ledger.operation import Event, Operation
from primitives.ids import AccountId, Sized32


@final
class RoleDefined(Event, tag="authority.role_defined", frozen=True):
    """There is a role {role}, granted by who has the role {grantor}."""

    role: roles.Role
    grantor: roles.Role


@final
class RoleGranted(Event, tag="authority.role_granted", frozen=True):
    """Account {holder} has the role {role} for {scope}."""

    role: roles.Role
    scope: Sized32[AccountId] | None
    holder: Sized32[AccountId]


@final
class RoleRevoked(Event, tag="authority.role_revoked", frozen=True):
    """Account {holder} no longer has the role {role} for {scope}."""

    role: roles.Role
    scope: Sized32[AccountId] | None
    holder: Sized32[AccountId]


@final
class DefineRole(Operation, tag="authority.define_role", frozen=True):
    """Define a role, and the role whose holders grant and revoke it.

    Needs the role registrar for the network. A role may be its own grantor.
    """

    role: Annotated[roles.Role, Meta(description="code of the new role, such as payer")]
    grantor: Annotated[roles.Role, Meta(description="role whose holders grant and revoke it")]

    def apply(self, act: Act) -> None:
        """Write the role."""
        act.require_role(roles.REGISTRAR)
        roles.define(act, self.role, self.grantor)
        act.emit(RoleDefined(self.role, self.grantor))


@final
class GrantRole(Operation, tag="authority.grant_role", frozen=True):
    """Grant a role to an account, for one account or for the whole network.

    Needs the role's grantor role, for the same account or for the network.
    """

    role: Annotated[roles.Role, Meta(description="role that is granted")]
    scope: Annotated[
        Sized32[AccountId] | None, Meta(description="account it is held for; none is the network")
    ]
    holder: Annotated[
        AccountId, Meta(min_length=32, max_length=32, description="account that gets it")
    ]

    def apply(self, act: Act) -> None:
        """Write the grant."""
        roles.grant(act, roles.RoleKey(self.role, self.scope, self.holder))
        act.emit(RoleGranted(self.role, self.scope, self.holder))


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
        roles.revoke(act, roles.RoleKey(self.role, self.scope, self.holder))
        act.emit(RoleRevoked(self.role, self.scope, self.holder))
