"""Roles: who may do what, for whom, and for how long (ledger.md §3, K1). Rows and questions.

A role is defined before it is granted. Its definition names its grantor, the role whose holders
grant and revoke it; how many may hold it at a time for one scope; how long a term may last; and
which roles are **incompatible** with it. A grant names a role, its holder and a scope: an account
for which the holder has the role, or None for the whole network. Who has the grantor for the
network grants with any scope; who has it for one account grants for that account alone.

1. **Separation of duties.** Nobody holds two incompatible roles for one scope, and the network is
   in every scope. Incompatibility is mutual: a new role that names an old one amends the old one's
   row. Nobody holds the new role yet, so it is true from the beginning.
2. **Terms.** A grant is in force until its term is over, to the millisecond: rules compare times.
   Its row goes by a duty; until then it is counted, and stands in the way of other grants.
3. **Counts.** Holders of a scope, and scopes of a holder, are counted as grants come and go:
   nothing is ever searched for. HELD_ROLES lists what an account holds, for whoever asks.
4. A role that grants itself, as the registrar's does, has no term, and is taken from a holder by
   another holder only: so it never dies out, and the network never loses its last registrar.

How grants come and go stands in ledger/appointments.py.
"""

from typing import TYPE_CHECKING, Annotated, Final, NamedTuple, final

from msgspec import Meta, Struct

from ledger.agenda import AgendaKey
from ledger.operation import Refusal
from ledger.state import Overlay, Table
from primitives import kernel_limits, limits
from primitives.ids import AccountId, Height, Natural, Sized32, TimeMs

if TYPE_CHECKING:
    from ledger.act import Act

Role = Annotated[str, Meta(pattern=r"^[a-z][a-z0-9_]*(?!\n)$", max_length=limits.ROLE_LENGTH_MAX)]
Roles = Annotated[tuple[Role, ...], Meta(max_length=kernel_limits.ROLE_INCOMPATIBLE_MAX)]
HolderLimit = Annotated[int, Meta(ge=1, le=kernel_limits.ROLE_HOLDERS_MAX)]
TermMs = Annotated[int, Meta(ge=1, le=kernel_limits.ROLE_TERM_MS_MAX)]

REGISTRAR: Final[Role] = "registrar"
"""Opens accounts, defines roles and grants them."""
NOTARY: Final[Role] = "notary"
"""Certifies copies of documents."""
ASSET_ISSUER: Final[Role] = "asset_issuer"
"""Defines assets, and is then their issuer."""
SUPERVISOR: Final[Role] = "supervisor"
"""Sets limits on what leaves an account."""
INVESTIGATOR: Final[Role] = "investigator"
"""Freezes accounts for a while."""
COURT: Final[Role] = "court"
"""Freezes accounts for as long as it says."""
KERNEL_ROLES: Final = (REGISTRAR, NOTARY, ASSET_ISSUER, SUPERVISOR, INVESTIGATOR, COURT)


class RoleKey(NamedTuple):
    """What a grant is found by."""

    role: str
    scope: AccountId | None
    holder: AccountId


@final
class RoleGrant(Struct, array_like=True, frozen=True):
    """The row of a grant: since which height it holds, and when its term is over.

    `ends` is the duty that then deletes it.
    """

    since: Natural[Height]
    until_ms: Natural[TimeMs] | None
    ends: AgendaKey | None

    def in_force(self, time_ms: TimeMs) -> bool:
        """Whether its term is not over at that time."""
        return self.until_ms is None or time_ms < self.until_ms


@final
class RoleDefinition(Struct, array_like=True, frozen=True):
    """The row of a role: whose holders grant it, and what its grants must keep to."""

    grantor: Role
    max_holders: HolderLimit | None
    max_term_ms: TermMs | None
    incompatible: Roles


@final
class Held(Struct, array_like=True, frozen=True):
    """The row of an index: this account holds this role for this scope, until then."""

    until_ms: Natural[TimeMs] | None


class CountKey(NamedTuple):
    """A role and where its grants are counted: for a scope (None: the network), or at a holder."""

    role: str
    scope: AccountId | None
    holder: AccountId | None


@final
class RoleCount(Struct, array_like=True, frozen=True):
    """The row of a count: how many grants there are."""

    grants: Natural[int]


def _scope(scope: AccountId | None) -> bytes:
    # A role has no byte below "0", and accounts have a fixed size: no two keys are alike.
    return b"\0" if scope is None else b"\1" + scope


def _grant_key(key: RoleKey) -> bytes:
    return grants_of(key.role, key.scope) + key.holder


def grants_of(role: str, scope: AccountId | None) -> bytes:
    """What the keys of a role's grants for a scope begin with; only its own do."""
    return role.encode("ascii") + _scope(scope)


def _held_key(key: RoleKey) -> bytes:
    return key.holder + key.role.encode("ascii") + _scope(key.scope)


def held_key(data: bytes) -> RoleKey:
    """The grant that an entry of HELD_ROLES lists, from its key bytes."""
    end = next(at for at, byte in enumerate(data[32:], 32) if byte < ord("0"))
    scope = AccountId(data[end + 1 :]) if data[end] else None
    return RoleKey(data[32:end].decode("ascii"), scope, AccountId(data[:32]))


def _count_key(key: CountKey) -> bytes:
    where = _scope(key.scope) if key.holder is None else b"\2" + key.holder
    return key.role.encode("ascii") + where


def _definition_key(role: str) -> bytes:
    return role.encode("ascii")


ROLES: Final = Table[RoleKey, RoleGrant](2, "roles", _grant_key, RoleGrant)
ROLE_DEFINITIONS: Final = Table[str, RoleDefinition](
    11, "role_definitions", _definition_key, RoleDefinition
)
HELD_ROLES: Final = Table[RoleKey, Held](22, "held_roles", _held_key, Held)
ROLE_COUNTS: Final = Table[CountKey, RoleCount](23, "role_counts", _count_key, RoleCount)


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


class IncompatibleWithItself(Refusal, tag="roles.incompatible_with_itself", frozen=True):
    """The role {role} cannot be incompatible with itself."""

    role: Role


class TooManyIncompatible(Refusal, tag="roles.too_many_incompatible", frozen=True):
    """The role {role} is incompatible with so many roles that none can be added."""

    role: Role


class NeverEnds(Refusal, tag="roles.never_ends", frozen=True):
    """The role {role} grants itself, so that it never dies out: it is held without a term."""

    role: Role


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


class Incompatible(Refusal, tag="roles.incompatible", frozen=True):
    """Account {holder} holds the role {held} there, which is incompatible with {role} ({scope})."""

    role: Role
    scope: Sized32[AccountId] | None
    holder: Sized32[AccountId]
    held: Role


class TooManyHolders(Refusal, tag="roles.too_many_holders", frozen=True):
    """The role {role} has {max_holders} holders for {scope} already, as many as it may have."""

    role: Role
    scope: Sized32[AccountId] | None
    max_holders: HolderLimit


class TermTooLong(Refusal, tag="roles.term_too_long", frozen=True):
    """A term of the role {role} lasts at most {max_term_ms} ms, so it cannot end at {until_ms}."""

    role: Role
    max_term_ms: TermMs
    until_ms: Natural[TimeMs] | None


class TermOver(Refusal, tag="roles.term_over", frozen=True):
    """The term of the role {role} would end at {until_ms}, which is past."""

    role: Role
    until_ms: Natural[TimeMs]


def grant_of(
    act: "Act", role: str, scope: AccountId | None, account: AccountId
) -> RoleGrant | None:
    """The grant of exactly this scope, if it is in force now."""
    grant = act.state[ROLES].find(RoleKey(role, scope, account))
    return grant if grant is not None and grant.in_force(act.time_ms) else None


def has_role(act: "Act", account: AccountId, role: str, scope: AccountId | None) -> bool:
    """Whether an account has a role now: for `scope`, or for the whole network."""
    if grant_of(act, role, None, account) is not None:
        return True
    return scope is not None and grant_of(act, role, scope, account) is not None


def holders(state: Overlay, role: str, scope: AccountId | None) -> int:
    """How many hold a role for exactly this scope."""
    return counted(state, CountKey(role, scope, None))


def counted(state: Overlay, key: CountKey) -> int:
    """How many grants there are; one whose term is over counts while its row stands."""
    row = state[ROLE_COUNTS].find(key)
    return 0 if row is None else row.grants
