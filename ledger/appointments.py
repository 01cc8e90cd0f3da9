"""How roles are defined, and how grants come and go (ledger/roles.py has the rules).

`grant` and `revoke` ask whether the actor has the grantor's role. `appoint` and `dismiss` do not:
they are for services that decide otherwise who appoints, such as an office. All else is asked by
both, so no way to a role leads past its limits.
"""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from msgspec import Struct
from msgspec.structs import replace

from ledger.accounts import ACCOUNTS, UnknownAccount
from ledger.operation import Duty, Event, Refusal, Refused
from ledger.roles import (
    HELD_ROLES,
    ROLE_COUNTS,
    ROLE_DEFINITIONS,
    ROLES,
    AlreadyGranted,
    CountKey,
    Held,
    Incompatible,
    IncompatibleWithItself,
    NeverEnds,
    NotGranted,
    OwnGrant,
    Role,
    RoleCount,
    RoleDefinition,
    RoleGrant,
    RoleInUse,
    RoleKey,
    TermOver,
    TermTooLong,
    TooManyHolders,
    TooManyIncompatible,
    UnknownRole,
    counted,
    holders,
)
from ledger.state import Overlay, Table
from primitives import kernel_limits
from primitives.ids import AccountId, Height, Sized32, TimeMs

if TYPE_CHECKING:
    from ledger.act import Act


class TermEnded(Event, tag="appointments.term_ended", frozen=True):
    """The term of account {holder} in the role {role} for {scope} is over."""

    role: Role
    scope: Sized32[AccountId] | None
    holder: Sized32[AccountId]


def define(act: "Act", role: Role, definition: RoleDefinition) -> None:
    """Write a new role, and at each role that it names as incompatible the same of it.

    Whether the actor may define it is not asked.

    Raises:
        Refused: the role is defined; its grantor, or a role that it is incompatible with, is not;
            it grants itself and would have a term; one of them is incompatible with too many.
    """
    rows = act.state[ROLE_DEFINITIONS]
    known = rows.find(role)
    if known is not None:
        raise Refused(RoleInUse(role, known.grantor))
    if role in definition.incompatible:
        raise Refused(IncompatibleWithItself(role))
    named = {name: _definition(act, name) for name in definition.incompatible}
    if definition.grantor != role:
        _definition(act, definition.grantor)
    defined = mutual({**named, role: definition})
    for name, row in defined.items():
        for refusal in _row_contradictions(name, row):
            raise Refused(refusal)

    for name, row in defined.items():
        rows[name] = row


def grant(act: "Act", key: RoleKey, until_ms: TimeMs | None) -> None:
    """Grant a role, as the actor.

    Raises:
        Refused: the actor lacks the grantor's role for this scope; or as `appoint`.
    """
    act.require_role(_definition(act, key.role).grantor, key.scope)
    appoint(act, key, until_ms)


def appoint(act: "Act", key: RoleKey, until_ms: TimeMs | None) -> None:
    """Write a grant. Whether the actor may is not asked.

    Raises:
        Refused: the role, its holder or its scope is unknown; it was granted before; its term is
            over, too long, or none may be; the holder has an incompatible role; too many have it.
    """
    definition = _definition(act, key.role)
    for account in (key.holder, *_one(key.scope)):
        act.state[ACCOUNTS].need(account, UnknownAccount(account))
    known = act.state[ROLES].find(key)
    if known is not None:
        raise Refused(AlreadyGranted(key.role, key.scope, key.holder, known.since))
    _judge_term(act, key.role, definition, until_ms)
    for other in definition.incompatible:
        if _in_the_way(act.state, other, key):
            raise Refused(Incompatible(key.role, key.scope, key.holder, other))
    most = definition.max_holders
    if most is not None and holders(act.state, key.role, key.scope) >= most:
        raise Refused(TooManyHolders(key.role, key.scope, most))

    ends = None
    if until_ms is not None:
        ends = act.schedule(until_ms, EndTerm(key.role, key.scope, key.holder))
    act.state[ROLES][key] = RoleGrant(act.height, until_ms, ends)
    act.state[HELD_ROLES][key] = Held(until_ms)
    _count(act.state, key, 1)


def revoke(act: "Act", key: RoleKey) -> None:
    """Take a granted role away, as the actor.

    Raises:
        Refused: the role is unknown; the actor lacks the grantor's role for this scope; it was not
            granted; or the actor's own grant is what lets it revoke.
    """
    act.require_role(_definition(act, key.role).grantor, key.scope)
    dismiss(act, key)


def dismiss(act: "Act", key: RoleKey) -> None:
    """Delete a grant. Whether the actor may is not asked.

    Raises:
        Refused: the role is unknown or was not granted; or it grants itself and is the actor's own.
    """
    definition = _definition(act, key.role)
    known = act.state[ROLES].need(key, NotGranted(key.role, key.scope, key.holder))
    if key.holder == act.actor and definition.grantor == key.role:
        raise Refused(OwnGrant(key.role, key.holder))

    if known.ends is not None:
        act.unschedule(known.ends)
    _remove(act.state, key)


class EndTerm(Duty, tag="appointments.end_term", frozen=True):
    """The term of a grant is over: its row goes."""

    role: Role
    scope: Sized32[AccountId] | None
    holder: Sized32[AccountId]

    def fall_due(self, act: "Act") -> None:
        """Delete the grant, which no one took back meanwhile."""
        _remove(act.state, RoleKey(self.role, self.scope, self.holder))
        act.emit(TermEnded(self.role, self.scope, self.holder))


def _remove(state: Overlay, key: RoleKey) -> None:
    del state[ROLES][key]
    del state[HELD_ROLES][key]
    _count(state, key, -1)


def _definition(act: "Act", role: str) -> RoleDefinition:
    return act.state[ROLE_DEFINITIONS].need(role, UnknownRole(role))


def _one(scope: AccountId | None) -> tuple[AccountId, ...]:
    return () if scope is None else (scope,)


def _judge_term(
    act: "Act", role: Role, definition: RoleDefinition, until_ms: TimeMs | None
) -> None:
    if until_ms is not None and definition.grantor == role:
        raise Refused(NeverEnds(role))
    if until_ms is not None and until_ms <= act.time_ms:
        raise Refused(TermOver(role, until_ms))
    longest = definition.max_term_ms
    if longest is not None and (until_ms is None or until_ms > act.time_ms + longest):
        raise Refused(TermTooLong(role, longest, until_ms))


def _in_the_way(state: Overlay, other: Role, key: RoleKey) -> bool:
    # The network is in every scope: who is to get the one role for it has the other for none.
    if key.scope is None:
        return counted(state, CountKey(other, None, key.holder)) > 0
    scopes = (None, key.scope)
    return any(RoleKey(other, scope, key.holder) in state[ROLES] for scope in scopes)


def _count_keys(key: RoleKey) -> tuple[CountKey, CountKey]:
    return CountKey(key.role, key.scope, None), CountKey(key.role, None, key.holder)


def _count(state: Overlay, key: RoleKey, change: int) -> None:
    for counter in _count_keys(key):
        grants = counted(state, counter) + change
        if grants:
            state[ROLE_COUNTS][counter] = RoleCount(grants)
        else:
            del state[ROLE_COUNTS][counter]


def mutual(definitions: Mapping[str, RoleDefinition]) -> dict[str, RoleDefinition]:
    """The definitions, with every incompatibility between two of them said at both."""
    said = {name: set(row.incompatible) for name, row in definitions.items()}
    for name, row in definitions.items():
        for other in row.incompatible:
            if other in said:
                said[other].add(name)
    return {
        name: replace(row, incompatible=tuple(sorted(said[name])))
        for name, row in definitions.items()
    }


def _row_contradictions(role: Role, row: RoleDefinition) -> Iterator[Refusal]:
    if row.grantor == role and row.max_term_ms is not None:
        yield NeverEnds(role)
    if len(row.incompatible) > kernel_limits.ROLE_INCOMPATIBLE_MAX:
        yield TooManyIncompatible(role)


def definition_contradictions(definitions: Mapping[str, RoleDefinition]) -> Iterator[Refusal]:
    """What about roles that a network begins with cannot be; `mutual` was done."""
    for role, row in definitions.items():
        yield from _row_contradictions(role, row)
        if role in row.incompatible:
            yield IncompatibleWithItself(role)
        for name in (row.grantor, *row.incompatible):
            if name not in definitions:
                yield UnknownRole(name)


def grant_contradictions(
    definitions: Mapping[str, RoleDefinition], keys: Collection[RoleKey]
) -> Iterator[Refusal]:
    """What about grants that a network begins with, all without a term, cannot be."""
    scopes: dict[tuple[str, AccountId], list[AccountId | None]] = {}
    for key in keys:
        scopes.setdefault((key.role, key.holder), []).append(key.scope)
    counts = Counter((key.role, key.scope) for key in keys)
    for key in keys:
        row = definitions.get(key.role)
        if row is None:
            yield UnknownRole(key.role)
            continue
        if row.max_term_ms is not None:
            yield TermTooLong(key.role, row.max_term_ms, None)
        if row.max_holders is not None and counts[key.role, key.scope] > row.max_holders:
            yield TooManyHolders(key.role, key.scope, row.max_holders)
        for other in row.incompatible:
            held = scopes.get((other, key.holder), ())
            if any(key.scope is None or scope in (None, key.scope) for scope in held):
                yield Incompatible(key.role, key.scope, key.holder, other)


def rows_of_grants(keys: Collection[RoleKey]) -> Iterator[tuple[Table[Any, Any], Any, Struct]]:
    """Table, key and row of everything that grants without a term are in block 0."""
    for key in keys:
        yield ROLES, key, RoleGrant(Height(0), None, None)
        yield HELD_ROLES, key, Held(None)
    for counter, grants in Counter(c for key in keys for c in _count_keys(key)).items():
        yield ROLE_COUNTS, counter, RoleCount(grants)
