"""What accounts and roles cost: each operation by itself, and what a rule that asks them pays.

Operations go over a state in memory, one act each, signatures unchecked. A figure is the processor
time of an act; with it go the entries that it writes. The plain transfer is there to compare: a
payment by a delegated key is that and the key's charge.
"""

import time
from collections.abc import Callable
from typing import Final

from bench import ledger
from bench.report import Report
from ledger import roles
from ledger.accounts import WeightedKey
from ledger.act import Act, Deed, Work
from ledger.books import Line
from ledger.delegations import Allowance
from ledger.genesis import Genesis
from ledger.operation import Operation
from ledger.roles import ROLE_DEFINITIONS, ROLES, RoleDefinition, RoleGrant, RoleKey
from ledger.state import Overlay
from primitives import kernel_limits
from primitives.ids import AccountId, Height, PublicKey, TimeMs, TransactionId
from services.authority.accounts import RotateKeys
from services.authority.delegations import DelegateKey
from services.authority.recoveries import (
    ApproveRecovery,
    FinishRecovery,
    NameGuardians,
    OpenRecovery,
)
from services.authority.roles import GrantRole, RevokeRole
from services.money import Transfer
from services.table import LAW

ACTS: Final = 2_000
DAY_MS: Final = 86_400_000
Made = Callable[[int], tuple[AccountId, tuple[PublicKey, ...], Operation]]
"""The act of a number: who acts, whose keys signed, and what."""


class _State:
    """A state on which acts are done, each a transaction of its own."""

    def __init__(self, begun: Genesis) -> None:
        self.overlay = Overlay(ledger.Memory(begun))
        self._chain = begun.chain
        self.time_ms = TimeMs(1_000)

    def act(self, actor: AccountId, signers: tuple[PublicKey, ...], number: int) -> Act:
        """The act of an account."""
        deed = Deed(
            state=self.overlay,
            law=LAW,
            block=Work(),
            chain=self._chain,
            signers=frozenset(signers),
            transaction_id=TransactionId(number.to_bytes(32, "big")),
            height=Height(self.time_ms // 1_000),
            time_ms=self.time_ms,
        )
        return Act(deed, actor)

    def tell(self, report: Report, name: str, made: Made) -> None:
        """Do it so many times, a second after whatever was done before."""
        self.time_ms = TimeMs(self.time_ms + 1_000)
        spent, writes = 0.0, 0
        for number in range(ACTS):
            actor, signers, operation = made(number)
            act = self.act(actor, signers, number)
            started = time.process_time()
            act.perform(operation)
            self.overlay.keep()
            spent += time.process_time() - started
            writes += len(self.overlay.newest)
        report.fact(f"kernel.actors/{name}", spent / ACTS * 1e6, "us per call")
        report.fact(f"kernel.actors/{name}.writes", writes / ACTS, "entries per call")

    def timed(self, report: Report, name: str, ask: Callable[[Act, AccountId], bool]) -> None:
        """Ask a question of each account."""
        act = self.act(ledger.account(0), (), 0)
        started = time.process_time()
        for number in range(ACTS):
            assert ask(act, ledger.account(number))
        spent = time.process_time() - started
        report.fact(f"kernel.actors/{name}", spent / ACTS * 1e6, "us")


def _other(number: int) -> AccountId:
    return ledger.account((number + 1) % ACTS)


def _new(number: int) -> PublicKey:
    return ledger.signer(10**6 + number)


def _transfer(number: int) -> Operation:
    return Transfer("GBP", (Line(_other(number), 1, f"bench/{number}", "", None, None),))


def _accounts(report: Report, begun: Genesis) -> None:
    state = _State(begun)
    state.tell(
        report,
        "transfer",
        lambda n: (ledger.account(n), (ledger.signer(n),), _transfer(n)),
    )
    allowance = Allowance("GBP", 10, 1_000, DAY_MS)
    until = TimeMs(DAY_MS)
    state.tell(
        report,
        "delegate_key",
        lambda n: (
            ledger.account(n),
            (ledger.signer(n),),
            DelegateKey(_new(n), ("money.transfer",), (allowance,), (_other(n),), until),
        ),
    )
    state.tell(
        report,
        "transfer/delegated",
        lambda n: (ledger.account(n), (_new(n),), _transfer(ACTS + n)),
    )
    state.tell(
        report,
        "rotate_keys",
        lambda n: (
            ledger.account(n),
            (ledger.signer(n), _new(n)),
            RotateKeys(1, (WeightedKey(_new(n), 1),)),
        ),
    )


def _recovery(report: Report, begun: Genesis) -> None:
    state = _State(begun)
    delay = kernel_limits.RECOVERY_DELAY_MS_MIN

    def keys(number: int) -> tuple[WeightedKey, ...]:
        return (WeightedKey(_new(number), 1),)

    def by(number: int, operation: Operation) -> tuple[AccountId, tuple[PublicKey], Operation]:
        number %= ACTS
        return ledger.account(number), (ledger.signer(number),), operation

    def finish(number: int) -> tuple[AccountId, tuple[PublicKey, ...], Operation]:
        operation = FinishRecovery(ledger.account(number), _other(number))
        return ledger.account(ACTS), (ledger.signer(ACTS), _new(number)), operation

    state.tell(
        report,
        "name_guardians",
        lambda n: by(n, NameGuardians((_other(n), _other(n + 1)), 2, delay)),
    )
    state.tell(
        report, "open_recovery", lambda n: by(n + 1, OpenRecovery(ledger.account(n), 1, keys(n)))
    )
    state.tell(
        report,
        "approve_recovery",
        lambda n: by(n + 2, ApproveRecovery(ledger.account(n), _other(n), 1, keys(n))),
    )
    state.time_ms = TimeMs(state.time_ms + delay)
    state.tell(report, "finish_recovery", finish)


def _roles(report: Report, begun: Genesis) -> None:
    state = _State(begun)
    rows = state.overlay
    registrar = ledger.account(ACTS)
    most = kernel_limits.ROLE_INCOMPATIBLE_MAX
    others = tuple(f"other{n:02}" for n in range(most))
    rows[ROLES][RoleKey("registrar", None, registrar)] = RoleGrant(Height(0), None, None)
    for name, incompatible in (("plain", ()), ("separate", others)):
        row = RoleDefinition("registrar", None, None, incompatible)
        rows[ROLE_DEFINITIONS][name] = row
    rows.keep()
    signed = (ledger.signer(ACTS),)
    scope, until = ledger.account(0), TimeMs(DAY_MS)

    def granted(role: str, number: int, until_ms: TimeMs | None) -> Operation:
        return GrantRole(role, scope, ledger.account(number), until_ms)

    state.tell(report, "grant_role", lambda n: (registrar, signed, granted("plain", n, None)))
    state.timed(report, "has_role", lambda act, who: roles.has_role(act, who, "plain", scope))
    state.timed(report, "holders", lambda act, _: roles.holders(act.state, "plain", scope) == ACTS)
    state.tell(
        report,
        "revoke_role",
        lambda n: (registrar, signed, RevokeRole("plain", scope, ledger.account(n))),
    )
    state.tell(report, "grant_role/term", lambda n: (registrar, signed, granted("plain", n, until)))
    state.tell(
        report,
        f"grant_role/{most} incompatible",
        lambda n: (registrar, signed, granted("separate", n, None)),
    )


def run(report: Report) -> None:
    """What each operation on accounts and roles costs."""
    begun = ledger.genesis(ACTS + 1)
    _accounts(report, begun)
    _recovery(report, begun)
    _roles(report, begun)
