"""casework.worklist: whose desks an account looks at, in pages."""

from hashlib import sha256

import pytest
from msgspec.structs import replace

from kit.acting import act_of
from kit.ledger import Chain, account_id, genesis_document
from ledger import worklist
from ledger.genesis import GenesisRole
from ledger.query import Reading
from ledger.roles import HELD_ROLES, NOTARY, REGISTRAR, Held, RoleKey
from ledger.worklist import WORKLIST, Desk, Task, desk_of_account, desk_of_role
from primitives.codec import encode
from primitives.ids import TimeMs
from services.casework.worklist import Worklist, WorkRow

HEALTH, WORKS = account_id("health"), account_id("works")
DUE = TimeMs(1_790_000_000_000)


def thing(name: str) -> bytes:
    return sha256(name.encode()).digest()


@pytest.fixture
def chain() -> Chain:
    """Health keeps the network's registers, and is a notary for works."""
    document = genesis_document()
    roles = (GenesisRole(REGISTRAR, None, HEALTH), GenesisRole(NOTARY, WORKS, HEALTH))
    return Chain.begin(replace(document, roles=(*document.roles, *roles)))


def laid_out(chain: Chain, *things: tuple[Desk, Task, str]) -> None:
    """Put things on desks, in a block."""
    run = chain.run()
    act = act_of(run._overlay, HEALTH, chain=chain.id, time_ms=chain.time_ms, height=1)
    for desk, task, name in things:
        worklist.put(act, desk, task, thing(name), DUE)
    run._overlay.keep()
    chain.state.commit(run.finish())


def asked(chain: Chain, *, limit: int | None = None) -> list[WorkRow]:
    """All pages of what waits for health."""
    rows: list[WorkRow] = []
    after = None
    while True:
        reading = Reading(chain.state, chain.time_ms)
        page = Worklist(account=HEALTH, after=after, limit=limit).answer(reading)
        assert len(page.rows) <= (limit or 1_000)
        assert len(page.rows) == len(page.proved_by)
        rows += page.rows
        if page.next is None:
            return rows
        after = page.next


def test_an_account_finds_its_own_desk_and_those_of_its_roles(chain: Chain) -> None:
    """In the scope in which it holds them; not those of others."""
    laid_out(
        chain,
        (desk_of_account(HEALTH), Task.INTENT, "mine"),
        (desk_of_account(WORKS), Task.INTENT, "another's"),
        (desk_of_role(REGISTRAR, None), Task.CASE, "registers"),
        (desk_of_role(NOTARY, WORKS), Task.MOTION, "a vote of works"),
        (desk_of_role(NOTARY, None), Task.CASE, "the network's notaries"),
        (desk_of_role("payer", None), Task.CASE, "payments"),
    )

    found = {row.id: (row.task, row.role, row.scope, row.due_ms) for row in asked(chain)}

    assert found == {
        thing("mine"): (Task.INTENT, None, None, DUE),
        thing("registers"): (Task.CASE, REGISTRAR, None, DUE),
        thing("a vote of works"): (Task.MOTION, NOTARY, WORKS, DUE),
    }


def test_who_holds_a_role_for_the_network_finds_what_any_scope_has(chain: Chain) -> None:
    """But for motions: whoever does not belong to a body has no vote in it."""
    laid_out(
        chain,
        (desk_of_role(REGISTRAR, WORKS), Task.CASE, "a case of works"),
        (desk_of_role(REGISTRAR, WORKS), Task.MOTION, "a vote of works"),
        (desk_of_role("registrar_of_ships", None), Task.CASE, "a ship"),
    )

    assert [row.id for row in asked(chain)] == [thing("a case of works")]


def test_a_role_whose_term_is_over_shows_nothing(chain: Chain) -> None:
    """To the millisecond, whether or not its duty ran."""
    laid_out(chain, (desk_of_role(NOTARY, WORKS), Task.CASE, "a copy"))
    key = HELD_ROLES.key(RoleKey(NOTARY, WORKS, HEALTH))
    over = encode(Held(chain.time_ms))
    holds = encode(Held(TimeMs(chain.time_ms + 1)))

    chain.state.rows[HELD_ROLES.number, key] = holds
    assert len(asked(chain)) == 1
    chain.state.rows[HELD_ROLES.number, key] = over
    assert asked(chain) == []


@pytest.mark.parametrize("limit", [1, 2, 3, 7])
def test_pages_are_the_whole(chain: Chain, limit: int) -> None:
    """Nothing is missing, nothing stands twice, whatever a page holds."""
    desks = [
        desk_of_account(HEALTH),
        desk_of_role(REGISTRAR, None),
        desk_of_role(REGISTRAR, WORKS),
        desk_of_role(NOTARY, WORKS),
    ]
    things = [(desk, task, f"{number}") for desk in desks for number in range(3)
              for task in (Task.CASE, Task.MOTION)]  # fmt: skip
    laid_out(chain, *things)
    shown = len(things) - 3  # the votes of works' registrars
    assert len(list(WORKLIST.scan(chain.state, limit=100))) == len(things)

    rows = asked(chain, limit=limit)

    assert len(rows) == shown
    assert len({(row.id, row.task, row.role, row.scope) for row in rows}) == shown
    assert rows == asked(chain)
