"""The worklist: what lies on a desk, and how its entries are read."""

from hashlib import sha256

import pytest

from kit.acting import act_of
from kit.ledger import GENESIS_TIME, Chain, account_id
from ledger import worklist
from ledger.act import Act
from ledger.worklist import (
    WORKLIST,
    Desk,
    Place,
    Task,
    Waiting,
    desk_of_account,
    desk_of_role,
    desks_of_scopes,
    place_of,
)
from primitives.ids import AccountId, TimeMs

THING = sha256(b"a case").digest()
DUE = TimeMs(GENESIS_TIME + 86_400_000)


@pytest.fixture
def act() -> Act:
    chain = Chain.begin()
    return act_of(chain.state, account_id("works"), chain=chain.id, time_ms=GENESIS_TIME)


def writes(act: Act) -> dict[tuple[int, bytes], bytes | None]:
    act.state.keep()
    return act.state.writes()


def test_what_is_put_on_a_desk_lies_there_until_it_is_dropped(act: Act) -> None:
    """With the time until when somebody should see to it."""
    desk = desk_of_account(account_id("works"))

    worklist.put(act, desk, Task.CASE, THING, DUE)
    there = act.state[WORKLIST].find(Place(desk, Task.CASE, THING))
    worklist.drop(act, desk, Task.CASE, THING)

    assert there == Waiting(DUE)
    assert Place(desk, Task.CASE, THING) not in act.state[WORKLIST]


def test_what_is_put_again_is_due_at_the_new_time(act: Act) -> None:
    """One entry, with or without a time."""
    desk = desk_of_role("registrar", None)

    worklist.put(act, desk, Task.INTENT, THING, DUE)
    worklist.put(act, desk, Task.INTENT, THING, None)

    assert act.state[WORKLIST].find(Place(desk, Task.INTENT, THING)) == Waiting(None)
    assert len(writes(act)) == 1


def test_dropping_what_does_not_lie_there_changes_nothing(act: Act) -> None:
    """Who settles a thing need not know whether it was due to anybody."""
    worklist.drop(act, desk_of_account(account_id("works")), Task.MOTION, THING)

    assert writes(act) == {}


@pytest.mark.parametrize("task", Task)
@pytest.mark.parametrize(
    "desk",
    [
        desk_of_account(account_id("works")),
        desk_of_account(AccountId(bytes(32))),
        desk_of_account(AccountId(b"\1" * 32)),
        desk_of_role("registrar", None),
        desk_of_role("clerk", account_id("works")),
        desk_of_role("clerk", AccountId(bytes(32))),
        desk_of_role("clerk", AccountId(b"\1" * 32)),
    ],
    ids=bytes.hex,
)
@pytest.mark.parametrize("thing", [THING, bytes(32), b"\1" * 32], ids=bytes.hex)
def test_an_entry_says_where_it_lies(desk: Desk, task: Task, thing: bytes) -> None:
    """Whatever bytes accounts and things consist of."""
    place = Place(desk, task, thing)

    assert place_of(WORKLIST.key(place)) == place


def test_no_desk_is_the_beginning_of_another() -> None:
    """A list of one desk never shows what lies on another."""
    scope = account_id("works")
    desks = [
        desk_of_account(scope),
        desk_of_role("clerk", None),
        desk_of_role("clerk", scope),
        desk_of_role("clerk_of_court", None),
        desk_of_role("clerk_of_court", scope),
    ]

    assert not [(a, b) for a in desks for b in desks if a is not b and b.startswith(a)]


def test_the_desks_of_a_role_in_any_scope_begin_alike() -> None:
    """Who holds it for the network finds them all, and those of no other role."""
    scope = account_id("works")

    assert desk_of_role("clerk", scope).startswith(desks_of_scopes("clerk"))
    assert not desk_of_role("clerk", None).startswith(desks_of_scopes("clerk"))
    assert not desk_of_role("clerk_of_court", scope).startswith(desks_of_scopes("clerk"))
