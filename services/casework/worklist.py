"""What waits for an account, on every desk where it would have to look."""

from typing import final

from msgspec import Struct

from ledger import worklist
from ledger.cases import CASES
from ledger.flows import (
    Code,
)
from ledger.query import (
    PAGE_ROWS_DEFAULT,
    After,
    Limit,
    OneAccount,
    Page,
    Query,
    Reading,
    entry_name,
    key_of,
)
from ledger.roles import HELD_ROLES, Role, held_key
from ledger.worklist import WORKLIST, Task
from primitives.ids import AccountId, Digest, Natural, Sized32, TimeMs
from primitives.limits import QUERY_PAGE_TRANSACTIONS_MAX


@final
class WorkRow(Struct, frozen=True, kw_only=True):
    """A thing that waits; with the role by which it is the account's business, if it is by one."""

    due_ms: Natural[TimeMs] | None
    task: Task
    flow: Code | None
    state: Code | None
    id: Sized32[Digest]
    role: Role | None
    scope: Sized32[AccountId] | None


@final
class Worklist(Query, tag="casework.worklist", frozen=True, kw_only=True):
    """What waits for an account: on its own desk, and on those of the roles that it holds.

    A role that it holds for the network shows it what lies on the desks of that role for single
    accounts, too; but no motions, which only those vote on who hold the role for their body.
    """

    account: OneAccount
    after: After | None
    limit: Limit | None

    def answer(self, reading: Reading) -> Page[WorkRow]:
        """Go over its desks; they are disjoint, and in the order of their entries."""
        held = {worklist.desk_of_account(self.account)}
        desks: set[bytes] = set(held)
        found = HELD_ROLES.scan(
            reading.state, prefix=self.account, limit=QUERY_PAGE_TRANSACTIONS_MAX
        )
        for key, grant in found:
            if grant.until_ms is None or reading.time_ms < grant.until_ms:
                role, scope, _ = held_key(key)
                held.add(desk := worklist.desk_of_role(role, scope))
                desks |= {desk, worklist.desks_of_scopes(role)} if scope is None else {desk}
        wide = tuple(desk for desk in desks if desk not in held)
        rows: list[WorkRow] = []
        entries: list[str] = []
        last, wanted = b"", self.limit or PAGE_ROWS_DEFAULT
        for prefix in sorted(desk for desk in desks if desk in wide or not desk.startswith(wide)):
            for key, row in WORKLIST.scan(
                reading.state,
                prefix=prefix,
                after=key_of(self.after),
                limit=QUERY_PAGE_TRANSACTIONS_MAX,
            ):
                if len(rows) == wanted:
                    return Page(rows, last.hex(), entries)
                place = worklist.place_of(key)
                if place.task is not Task.MOTION or place.desk in held:
                    rows.append(_work_row(reading, place, row.due_ms))
                    entries.append(entry_name(WORKLIST, key))
                last = key
        return Page(rows, None, entries)


def _work_row(reading: Reading, place: worklist.Place, due_ms: TimeMs | None) -> WorkRow:
    about = place.task in (Task.CASE, Task.AWAITED)
    case = CASES.read(reading.state, Digest(place.id)) if about else None
    whose = worklist.role_of(place.desk)
    return WorkRow(
        due_ms=due_ms,
        task=place.task,
        flow=None if case is None else case.flow,
        state=None if case is None else case.state,
        id=Digest(place.id),
        role=None if whose is None else whose[0],
        scope=None if whose is None else whose[1],
    )
