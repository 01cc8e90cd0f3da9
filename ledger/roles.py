"""Roles: who may do what, and for whom (ledger.md §3, K1).

A grant names a role, its holder and a scope: an account for which the holder has the role, or None
for the whole network. Grants come from genesis.
"""

from typing import Annotated, Final, NamedTuple, final

from msgspec import Meta, Struct

from ledger.operation import Refusal
from ledger.state import Table
from primitives import limits
from primitives.ids import AccountId, Height, Natural, Sized32

Role = Annotated[str, Meta(pattern=r"^[a-z][a-z0-9_]*(?!\n)$", max_length=limits.ROLE_LENGTH_MAX)]

REGISTRAR: Final[Role] = "registrar"
"""Opens accounts and grants roles."""
NOTARY: Final[Role] = "notary"
"""Certifies copies of documents."""


class RoleKey(NamedTuple):
    """What a grant is found by."""

    role: str
    scope: AccountId | None
    holder: AccountId


@final
class RoleGrant(Struct, array_like=True, frozen=True):
    """The row of a grant: since which height it holds."""

    since: Natural[Height]


def _key(key: RoleKey) -> bytes:
    # A role has no byte below "0", and holder and scope have a fixed size: no two keys are alike.
    scope = b"\0" if key.scope is None else b"\1" + key.scope
    return key.role.encode("ascii") + scope + key.holder


ROLES: Final = Table[RoleKey, RoleGrant](2, "roles", _key, RoleGrant)


class MissingRole(Refusal, tag="roles.missing", frozen=True):
    """Account {account} does not have the role {role} (scope: {scope})."""

    account: Sized32[AccountId]
    role: Role
    scope: Sized32[AccountId] | None
