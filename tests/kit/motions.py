"""Builders for bodies that decide: a council, its charter, and one procedure."""

from typing import Any

from msgspec.structs import replace

from kit.ledger import account_id
from ledger import charters
from ledger.accounts import ACCOUNTS, UnknownAccount
from ledger.act import Act
from ledger.charters import MEMBER, Charter, Procedure, Weighing
from ledger.operation import Operation
from primitives.ids import AccountId, Sized32

BODY = account_id("council")
DAY_MS = 24 * 3_600_000


def procedure(code: str = "ordinary", **fields: Any) -> Procedure:  # noqa: ANN401
    """One vote each among the members, half of them, a simple majority; no veto, no timelock."""
    values: dict[str, Any] = {
        "opener": None,
        "electorate": MEMBER,
        "weighing": Weighing.ONE,
        "asset": None,
        "quorum_bp": 5_000,
        "pass_bp": 5_000,
        "veto_bp": None,
        "least_ms": 10_000,
        "timelock_ms": 0,
        "guardian": None,
        "operations": None,
    }
    return Procedure(code, **{**values, **fields})


def charter_of(*procedures: Procedure) -> Charter:
    """A charter of these; without any, of the ordinary one."""
    return Charter(procedures or (procedure(),))


class Found(Operation, tag="test.found", frozen=True):
    """Make a body of an account that nobody signs for."""

    body: Sized32[AccountId]
    charter: Charter

    def apply(self, act: Act) -> None:
        founder = act.state[ACCOUNTS].need(act.actor, UnknownAccount(act.actor))
        act.state[ACCOUNTS][self.body] = replace(founder, keys=(), threshold=0)
        charters.set_charter(act, self.body, self.charter)
