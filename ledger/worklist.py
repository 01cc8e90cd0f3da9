"""The worklist: what waits for somebody, on the desk of whoever may do something about it (K7).

A **desk** is an account's own, or that of a role in a scope: a motion that a thousand members may
vote on lies on one desk, that of their role, and each of them finds it there. Whoever opens a thing
puts it on the desks of those who may act on it; whoever settles it drops it from them. So a desk
holds exactly what is open, and a list of it is one read of neighbouring entries.

The worklist decides nothing: no rule asks what lies on a desk. It is in the state because a clerk
must be able to rely on it: that nothing is missing from a desk is proved like any other absence.
"""

from enum import Enum, unique
from typing import TYPE_CHECKING, Final, NamedTuple, NewType, final

from msgspec import Struct

from ledger.state import Table
from primitives.ids import AccountId, Natural, TimeMs

if TYPE_CHECKING:
    from ledger.act import Act

Desk = NewType("Desk", bytes)
"""Names a desk; no desk's name is the beginning of another's."""


@unique
class Task(Enum):
    """What kind of thing waits."""

    INTENT = "intent"
    """Calls that wait for an approval."""
    MOTION = "motion"
    """An open vote."""
    CASE = "case"
    """A case that the desk's owner may move."""
    AWAITED = "awaited"
    """A case of the desk's owner that others must move."""
    RECOVERY = "recovery"
    """New keys for an account, which it may veto."""


@final
class Waiting(Struct, array_like=True, frozen=True):
    """The row of a thing on a desk: until when somebody should see to it."""

    due_ms: Natural[TimeMs] | None


class Place(NamedTuple):
    """Where a thing lies."""

    desk: Desk
    task: Task
    id: bytes
    """Of the intent, motion, case or recovery; 32 bytes."""


def _key(place: Place) -> bytes:
    # A word of `Task` has no byte below "a", so the zero byte ends it.
    return place.desk + place.task.value.encode("ascii") + b"\0" + place.id


WORKLIST: Final = Table[Place, Waiting](46, "worklist", _key, Waiting)

_OWN: Final = b"\0"
"""Before an account; a role begins with a letter."""
_NETWORK: Final = b"\0"
_SCOPE: Final = b"\1"


def desk_of_account(account: AccountId) -> Desk:
    """An account's own desk."""
    return Desk(_OWN + account)


def desk_of_role(role: str, scope: AccountId | None) -> Desk:
    """The desk that all holders of a role in a scope share."""
    # As in the keys of grants: a role has no byte below "0".
    return Desk(role.encode("ascii") + (_NETWORK if scope is None else _SCOPE + scope))


def desks_of_scopes(role: str) -> bytes:
    """What the names of a role's desks begin with, for all scopes but the network."""
    return role.encode("ascii") + _SCOPE


def put(act: "Act", desk: Desk, task: Task, thing: bytes, due_ms: TimeMs | None) -> None:
    """Lay a thing on a desk; what lies there already gets the new due time."""
    act.state[WORKLIST][Place(desk, task, thing)] = Waiting(due_ms)


def drop(act: "Act", desk: Desk, task: Task, thing: bytes) -> None:
    """Take a thing from a desk; what does not lie there is gone already."""
    place = Place(desk, task, thing)
    if place in act.state[WORKLIST]:
        del act.state[WORKLIST][place]


def place_of(key: bytes) -> Place:
    """What an entry's key bytes say."""
    if key.startswith(_OWN):
        desk = key[:33]
    else:
        end = _end_of_role(key)
        desk = key[: end + (1 if key[end : end + 1] == _NETWORK else 33)]
    word, _, thing = key[len(desk) :].partition(b"\0")
    return Place(Desk(desk), Task(word.decode("ascii")), thing)


def role_of(desk: Desk) -> tuple[str, AccountId | None] | None:
    """The role and the scope whose desk it is; None for an account's own."""
    if desk.startswith(_OWN):
        return None
    end = _end_of_role(desk)
    return desk[:end].decode("ascii"), AccountId(desk[end + 1 :]) or None


def _end_of_role(name: bytes) -> int:
    """Where a role ends: it has no byte below "0"."""
    return next(at for at, byte in enumerate(name) if byte < ord("0"))
