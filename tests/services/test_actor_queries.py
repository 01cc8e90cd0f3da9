"""What can be asked of accounts and roles, and what is over is told no more."""

import pytest

from kit.actors import give, keys_of, new_role
from kit.ledger import GBP, Chain, account_id, genesis_account, genesis_document, key
from ledger.delegations import Allowance
from ledger.query import Reading
from ledger.receipt import Outcome
from ledger.roles import Role
from primitives import kernel_limits
from primitives.ids import AccountId, Height, TimeMs
from services.authority.accounts import RotateKeys
from services.authority.delegations import DelegatedKeyRow, DelegatedKeys, DelegateKey
from services.authority.recoveries import (
    GuardiansOf,
    GuardiansRow,
    NameGuardians,
    OpenRecovery,
    RecoveriesOf,
    RecoveryRow,
)
from services.authority.roles import GrantRow, Holders, RoleRow, RolesDefined, RolesHeld

ALICE, HEALTH, WORKS = (account_id(name) for name in ("alice", "health", "works"))
DAY = 86_400_000
DELAY = kernel_limits.RECOVERY_DELAY_MS_MIN
MANDATE = DelegateKey(
    delegate=key("till").public,
    operations=("money.transfer",),
    allowances=(Allowance(GBP, 50, 120, DAY),),
    payees=(HEALTH,),
    until_ms=TimeMs(1_780_000_000_000 + 2 * DAY),
)


@pytest.fixture
def chain() -> Chain:
    """Roles, one of them until tomorrow; a delegated key; a recovery that one guardian approved."""
    chain = Chain.begin(genesis_document(accounts=[genesis_account("alice")]))
    roles = (new_role("payer"), new_role("auditor", incompatible=("payer",), max_holders=3))
    until = TimeMs(chain.time_ms + DAY)
    grants = (give("payer", None, WORKS), give("payer", HEALTH, WORKS, until))
    receipts = chain.block(
        chain.act("registrar", *roles, *grants),
        chain.act("alice", MANDATE, NameGuardians((HEALTH, WORKS), 2, DELAY)),
        chain.act("health", OpenRecovery(ALICE, 1, keys_of("phone"))),
    )
    assert [each.outcome for each in receipts] == [Outcome.APPLIED] * 3
    return chain


def reading(chain: Chain, *, after_ms: int = 0) -> Reading:
    return Reading(chain.state, TimeMs(chain.time_ms + after_ms))


def test_roles_are_listed_by_holder_and_by_scope(chain: Chain) -> None:
    """As long as they are in force."""
    until = TimeMs(chain.time_ms - 1_000 + DAY)

    def row(scope: AccountId | None, until_ms: TimeMs | None) -> GrantRow:
        return GrantRow(role="payer", scope=scope, holder=WORKS, since=Height(1), until_ms=until_ms)

    held = RolesHeld(account=WORKS, after=None, limit=None)
    assert held.answer(reading(chain)).rows == [row(None, None), row(HEALTH, until)]
    assert held.answer(reading(chain, after_ms=DAY)).rows == [row(None, None)]

    def holders(role: Role, scope: AccountId | None) -> list[GrantRow]:
        asked = Holders(role=role, scope=scope, after=None, limit=None)
        return list(asked.answer(reading(chain)).rows)

    assert holders("payer", HEALTH) == [row(HEALTH, until)]
    assert holders("payer", None) == [row(None, None)]
    assert holders("pay", None) == []


def test_roles_are_listed_with_their_limits(chain: Chain) -> None:
    """Incompatibility stands at both."""
    asked = RolesDefined(after=None, limit=None)

    rows = {row.role: row for row in asked.answer(reading(chain)).rows}

    assert rows["payer"].incompatible == ("auditor",)
    assert rows["auditor"] == RoleRow(
        role="auditor",
        grantor="registrar",
        max_holders=3,
        max_term_ms=None,
        incompatible=("payer",),
    )


def test_delegated_keys_are_listed_while_they_speak(chain: Chain) -> None:
    """Not when their time is over, and not when the account has other keys."""
    asked = DelegatedKeys(account=ALICE, after=None, limit=None)

    assert asked.answer(reading(chain)).rows == [
        DelegatedKeyRow(
            key=MANDATE.delegate,
            operations=MANDATE.operations,
            allowances=MANDATE.allowances,
            payees=MANDATE.payees,
            until_ms=MANDATE.until_ms,
        )
    ]
    assert asked.answer(reading(chain, after_ms=2 * DAY)).rows == []
    rotated = chain.body(("alice", RotateKeys(1, keys_of("new"))))
    chain.block(chain.check(rotated, "alice", "new"))
    assert asked.answer(reading(chain)).rows == []


def test_guardians_and_recoveries_are_told(chain: Chain) -> None:
    """Who approved which keys, and that it is not ripe."""
    assert GuardiansOf(account=ALICE).answer(reading(chain)).rows == [
        GuardiansRow(guardians=(HEALTH, WORKS), needed=2, delay_ms=DELAY)
    ]
    assert GuardiansOf(account=WORKS).answer(reading(chain)).rows == []
    asked = RecoveriesOf(account=ALICE, after=None, limit=None)
    assert asked.answer(reading(chain)).rows == [
        RecoveryRow(
            opened_by=HEALTH, approved=(HEALTH,), ripe_ms=None, threshold=1, keys=keys_of("phone")
        )
    ]
