"""Delegated keys: a key that speaks for an account in a few things, within limits (K1).

A till, a device, a clerk's card: the account names a key, the operations that it may perform, what
it may spend of each asset, whom it may pay, and until when. Only operations that say so themselves
are delegable; none that gives power over an account is.

1. A call is delegated if the keys that signed do not reach its actor's threshold, and one of them
   is delegated for this operation. If several are, that with the lowest bytes speaks, alone.
2. It speaks for the actor of its call and for nobody else: no other party, no running account that
   the actor keeps, no calls that run later.
3. One call spends at most `per_act` of an asset, all calls of a period at most `per_period`. The
   first spending after a period begins the next. An asset without an allowance is not spent.
4. What a delegated key may not do keeps the transaction out of every block, as a threshold that is
   not reached does (ledger/transaction.py): else whoever has such a key could sign a copy of what
   the account itself signed, and have it refused for ever under its id.
5. When an account changes its keys, whatever it delegated until then, also in that block, is over.
"""

from collections.abc import Collection
from typing import TYPE_CHECKING, Annotated, Final, NamedTuple, final

from msgspec import Meta, Struct

from ledger.accounts import ACCOUNTS, Account, JustChanged, NoKeysToChange, UnknownAccount
from ledger.agenda import AgendaKey
from ledger.assets import Amount, AssetCode
from ledger.operation import Duty, Event, Operation, OperationTag, Refusal, Refused, code
from ledger.state import Table
from primitives import kernel_limits
from primitives.errors import Rejected
from primitives.ids import AccountId, Height, Natural, PublicKey, Sized32, TimeMs

if TYPE_CHECKING:
    from ledger.act import Act

NOT_DELEGATED: Final = "transaction.not_delegated"
OVER_ALLOWANCE: Final = "transaction.over_allowance"
PAYEE_NOT_ALLOWED: Final = "transaction.payee_not_allowed"

PeriodMs = Annotated[int, Meta(ge=1, le=kernel_limits.DELEGATED_MS_MAX)]


@final
class Allowance(Struct, array_like=True, frozen=True):
    """What a delegated key may spend of an asset."""

    asset: Annotated[AssetCode, Meta(description="asset that it may spend")]
    per_act: Annotated[Amount, Meta(description="by one call at most, in minor units")]
    per_period: Annotated[Amount, Meta(description="in a period at most, in minor units")]
    period_ms: Annotated[PeriodMs, Meta(description="length of a period in milliseconds")]


Powers = Annotated[
    tuple[OperationTag, ...], Meta(min_length=1, max_length=kernel_limits.DELEGATED_OPERATIONS_MAX)
]
Allowances = Annotated[
    tuple[Allowance, ...], Meta(max_length=kernel_limits.DELEGATED_ALLOWANCES_MAX)
]
Payees = Annotated[
    tuple[Sized32[AccountId], ...], Meta(max_length=kernel_limits.DELEGATED_PAYEES_MAX)
]


@final
class Mandate(Struct, array_like=True, frozen=True):
    """What a key may do for an account. Without payees it pays anybody; `until_ms` is its end."""

    operations: Powers
    allowances: Allowances
    payees: Payees | None
    until_ms: Natural[TimeMs]


@final
class Delegation(Struct, array_like=True, frozen=True):
    """The row of a delegated key: its mandate, since when, and the duty that deletes the row."""

    mandate: Mandate
    since: Natural[Height]
    ends: AgendaKey

    def stands(self, account: Account, time_ms: TimeMs) -> bool:
        """Whether the account's keys are still those that delegated, and its time is not over."""
        return self.since > account.changed and time_ms < self.mandate.until_ms


@final
class Spent(Struct, array_like=True, frozen=True):
    """The row of what a delegated key spent of an asset in the period that began then."""

    begun_ms: Natural[TimeMs]
    amount: Natural[int]


class DelegationKey(NamedTuple):
    """An account and a key that it delegates to."""

    account: AccountId
    key: PublicKey


class SpentKey(NamedTuple):
    """A delegated key and an asset."""

    account: AccountId
    key: PublicKey
    asset: str


def _delegation_key(key: DelegationKey) -> bytes:
    return key.account + key.key


def _spent_key(key: SpentKey) -> bytes:
    return key.account + key.key + key.asset.encode("ascii")


DELEGATIONS: Final = Table[DelegationKey, Delegation](
    20, "delegations", _delegation_key, Delegation
)
SPENT: Final = Table[SpentKey, Spent](21, "delegated_spending", _spent_key, Spent)


class NotDelegated(Refusal, tag="delegations.not_delegated", frozen=True):
    """Account {account} has not delegated anything to the key {key}."""

    account: Sized32[AccountId]
    key: Sized32[PublicKey]


class AllowedTwice(Refusal, tag="delegations.allowed_twice", frozen=True):
    """The key {key} would have two allowances of {asset}."""

    key: Sized32[PublicKey]
    asset: AssetCode


class OutOfTime(Refusal, tag="delegations.out_of_time", frozen=True):
    """A key can be delegated to until {latest_ms} at most, and not in the past: not {until_ms}."""

    until_ms: Natural[TimeMs]
    latest_ms: Natural[TimeMs]


class KeyExpired(Event, tag="delegations.key_expired", frozen=True):
    """The key {key} speaks for account {account} no longer: its time is over."""

    account: Sized32[AccountId]
    key: Sized32[PublicKey]


def delegate(act: "Act", key: PublicKey, mandate: Mandate) -> None:
    """Delegate to a key, as the actor; what it might do before is replaced, not what it has spent.

    Raises:
        Refused: the actor has no keys or changed them in this block, a payee is unknown, an asset
            stands twice, or the time is past or too far away.
    """
    account = act.state[ACCOUNTS].need(act.actor, UnknownAccount(act.actor))
    if not account.keys:
        raise Refused(NoKeysToChange(act.actor))
    if account.changed >= act.height:
        raise Refused(JustChanged(act.actor, act.height))
    for payee in mandate.payees or ():
        act.state[ACCOUNTS].need(payee, UnknownAccount(payee))
    assets = [allowance.asset for allowance in mandate.allowances]
    for at, asset in enumerate(assets):
        if asset in assets[:at]:
            raise Refused(AllowedTwice(key, asset))
    latest_ms = TimeMs(act.time_ms + kernel_limits.DELEGATED_MS_MAX)
    if not act.time_ms < mandate.until_ms <= latest_ms:
        raise Refused(OutOfTime(mandate.until_ms, latest_ms))

    named = DelegationKey(act.actor, key)
    known = act.state[DELEGATIONS].find(named)
    if known is not None:
        act.unschedule(known.ends)
        _remove(act, named, known, keep=assets)
    ends = act.schedule(mandate.until_ms, EndDelegation(act.actor, key))
    act.state[DELEGATIONS][named] = Delegation(mandate, act.height, ends)


def withdraw(act: "Act", key: PublicKey) -> None:
    """Delegate to a key no longer, as the actor.

    Raises:
        Refused: nothing is delegated to it.
    """
    named = DelegationKey(act.actor, key)
    known = act.state[DELEGATIONS].need(named, NotDelegated(act.actor, key))

    act.unschedule(known.ends)
    _remove(act, named, known, keep=())


class EndDelegation(Duty, tag="delegations.end_delegation", frozen=True):
    """The time of a delegated key is over: its rows go."""

    account: Sized32[AccountId]
    key: Sized32[PublicKey]

    def fall_due(self, act: "Act") -> None:
        """Delete the delegation, which was neither withdrawn nor replaced meanwhile."""
        named = DelegationKey(self.account, self.key)
        known = act.state[DELEGATIONS].need(named, NotDelegated(self.account, self.key))
        _remove(act, named, known, keep=())
        act.emit(KeyExpired(self.account, self.key))


def in_force(act: "Act", account_id: AccountId, account: Account, key: PublicKey) -> Mandate | None:
    """What an account delegates to a key now."""
    row = act.state[DELEGATIONS].find(DelegationKey(account_id, key))
    return row.mandate if row is not None and row.stands(account, act.time_ms) else None


def speaker(act: "Act", account: Account, operation: Operation) -> PublicKey | None:
    """The delegated key that signed and performs this operation for the actor; None: there is none.

    Raises:
        Rejected: a delegated key of the actor signed, but none for this operation.
    """
    others = []
    for key in sorted(act.signers):
        mandate = in_force(act, act.actor, account, key)
        if mandate is None:
            continue
        if operation.delegable and code(operation) in mandate.operations:
            return key
        others.append(key)
    if others:
        raise Rejected(
            NOT_DELEGATED,
            f"account {act.actor.hex()} has not delegated {code(operation)} to {others[0].hex()}",
            {"account": act.actor.hex(), "key": others[0].hex(), "operation": code(operation)},
        )
    return None


def charge(
    act: "Act", key: PublicKey, *, asset: str, amount: int, this_act: int, payee: AccountId | None
) -> None:
    """Count what a delegated key spends for the actor; `this_act` is what the call spent before.

    Raises:
        Rejected: more than it may, or to whom it may not.
    """
    row = act.state[DELEGATIONS].find(DelegationKey(act.actor, key))
    assert row is not None, "a delegated key that speaks is delegated"
    mandate = row.mandate
    if mandate.payees is not None and payee not in mandate.payees:
        whom = "nobody in particular" if payee is None else payee.hex()
        raise Rejected(
            PAYEE_NOT_ALLOWED,
            f"the delegated key {key.hex()} may not pay {whom}",
            {"key": key.hex(), "payee": None if payee is None else payee.hex()},
        )
    allowance = next((each for each in mandate.allowances if each.asset == asset), None)
    if allowance is None:
        raise _over(key, asset, amount, 0)
    if this_act + amount > allowance.per_act:
        raise _over(key, asset, amount, allowance.per_act - this_act)
    named = SpentKey(act.actor, key, asset)
    spent = act.state[SPENT].find(named)
    if spent is None or act.time_ms >= spent.begun_ms + allowance.period_ms:
        spent = Spent(act.time_ms, 0)
    if spent.amount + amount > allowance.per_period:
        raise _over(key, asset, amount, max(0, allowance.per_period - spent.amount))

    act.state[SPENT][named] = Spent(spent.begun_ms, spent.amount + amount)


def _over(key: PublicKey, asset: str, amount: int, left: int) -> Rejected:
    return Rejected(
        OVER_ALLOWANCE,
        f"the delegated key {key.hex()} may spend {left} of {asset} by this call, found {amount}",
        {"key": key.hex(), "asset": asset, "expected": f"at most {left}", "actual": amount},
    )


def _remove(act: "Act", key: DelegationKey, row: Delegation, *, keep: Collection[str]) -> None:
    del act.state[DELEGATIONS][key]
    for allowance in row.mandate.allowances:
        spent = SpentKey(key.account, key.key, allowance.asset)
        if allowance.asset not in keep and spent in act.state[SPENT]:
            del act.state[SPENT][spent]
