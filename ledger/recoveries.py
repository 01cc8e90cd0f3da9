"""Recovery: who has lost his keys gets an account back by the word of guardians (K1).

An account names its guardians while it can still sign: accounts that know whom it stands for, how
many of them must agree, and how long they must wait. Then, when keys are lost:

1. A guardian **opens** a recovery with the new keys; others **approve** it, repeating those keys.
   For an account each guardian has one under way: opening another one replaces it.
2. Once enough have approved, the **delay** begins, of 72 hours or more. Until it is finished
   whoever has the keys of the account ends it (**veto**), and so does a guardian who approved it.
3. After the delay anybody **finishes** it, within a month; the new keys sign for that.
4. An account that changes its keys or names guardians ends every recovery under way: who can do
   that has not lost the keys. There are no more of them than guardians.
5. A recovery lies on the desk of its account as long as it is under way.

A registrar may be a guardian like any other account, if the account wants it.
"""

from typing import TYPE_CHECKING, Annotated, Final, Literal, NamedTuple, final

from msgspec import Meta, Struct
from msgspec.structs import replace

from ledger import worklist
from ledger.accounts import (
    ACCOUNTS,
    Account,
    Keys,
    NoKeysToChange,
    Threshold,
    UnknownAccount,
    change_keys,
    contradictions,
)
from ledger.operation import Refusal, Refused
from ledger.state import Table
from ledger.worklist import Task, desk_of_account
from primitives import kernel_limits
from primitives.ids import AccountId, Natural, Sized32, TimeMs

if TYPE_CHECKING:
    from ledger.act import Act

GuardianIds = Annotated[
    tuple[Sized32[AccountId], ...], Meta(max_length=kernel_limits.GUARDIANS_MAX)
]
Needed = Annotated[int, Meta(ge=0, le=kernel_limits.GUARDIANS_MAX)]
DelayMs = Annotated[
    int, Meta(ge=kernel_limits.RECOVERY_DELAY_MS_MIN, le=kernel_limits.RECOVERY_DELAY_MS_MAX)
]


@final
class Guardians(Struct, array_like=True, frozen=True):
    """The row of an account's guardians: so many of these must agree, and then wait so long."""

    guardians: GuardianIds
    needed: Needed
    delay_ms: DelayMs


class RecoveryKey(NamedTuple):
    """A recovery: of an account, opened by a guardian."""

    account: AccountId
    opened_by: AccountId


@final
class Recovery(Struct, array_like=True, frozen=True):
    """The row of a recovery. At `ripe_ms` its delay is over; None: too few have approved it."""

    keys: Keys
    threshold: Threshold
    approved: GuardianIds
    ripe_ms: Natural[TimeMs] | None


def _guardians_key(account: AccountId) -> bytes:
    return account


def _recovery_key(key: RecoveryKey) -> bytes:
    return key.account + key.opened_by


GUARDIANS: Final = Table[AccountId, Guardians](18, "guardians", _guardians_key, Guardians)
RECOVERIES: Final = Table[RecoveryKey, Recovery](19, "recoveries", _recovery_key, Recovery)


class UnfitGuardian(Refusal, tag="recoveries.unfit_guardian", frozen=True):
    """Account {guardian} cannot be a guardian of {account}: {flaw}."""

    account: Sized32[AccountId]
    guardian: Sized32[AccountId]
    flaw: Literal["named_twice", "itself", "kept"]


class GuardiansOutOfReach(Refusal, tag="recoveries.guardians_out_of_reach", frozen=True):
    """Of {guardians} guardians {needed} must agree: expected from 1 to their number, 0 of none."""

    guardians: Needed
    needed: Needed


class NoGuardians(Refusal, tag="recoveries.no_guardians", frozen=True):
    """Account {account} has named no guardians."""

    account: Sized32[AccountId]


class NotAGuardian(Refusal, tag="recoveries.not_a_guardian", frozen=True):
    """Account {guardian} is no guardian of {account}."""

    account: Sized32[AccountId]
    guardian: Sized32[AccountId]


class NotUnderWay(Refusal, tag="recoveries.not_under_way", frozen=True):
    """No recovery of account {account} that {opened_by} opened is under way."""

    account: Sized32[AccountId]
    opened_by: Sized32[AccountId]


class OtherKeys(Refusal, tag="recoveries.other_keys", frozen=True):
    """The recovery of account {account} that {opened_by} opened is for other keys."""

    account: Sized32[AccountId]
    opened_by: Sized32[AccountId]


class ApprovedAlready(Refusal, tag="recoveries.approved_already", frozen=True):
    """Guardian {guardian} approved this recovery of account {account} already."""

    account: Sized32[AccountId]
    guardian: Sized32[AccountId]


class NotRipe(Refusal, tag="recoveries.not_ripe", frozen=True):
    """The recovery of account {account} can be finished from {ripe_ms} on; it is {time_ms}."""

    account: Sized32[AccountId]
    ripe_ms: Natural[TimeMs] | None
    time_ms: Natural[TimeMs]


class Lapsed(Refusal, tag="recoveries.lapsed", frozen=True):
    """The recovery of account {account} could be finished until {until_ms}: open another one."""

    account: Sized32[AccountId]
    until_ms: Natural[TimeMs]


class MayNotEnd(Refusal, tag="recoveries.may_not_end", frozen=True):
    """Account {actor} is neither {account} nor a guardian who approved this recovery."""

    account: Sized32[AccountId]
    actor: Sized32[AccountId]


def name_guardians(
    act: "Act", guardians: tuple[AccountId, ...], *, needed: int, delay_ms: int
) -> None:
    """Give the actor these guardians instead of whom it had; none takes recovery away.

    Raises:
        Refused: the actor has no keys, a guardian is unknown or unfit, or `needed` out of reach.
    """
    account = act.actor
    if not _account(act, account).keys:
        raise Refused(NoKeysToChange(account))
    for at, guardian in enumerate(guardians):
        kept = _account(act, guardian).keeper is not None
        if guardian in guardians[:at]:
            raise Refused(UnfitGuardian(account, guardian, "named_twice"))
        if guardian == account:
            raise Refused(UnfitGuardian(account, guardian, "itself"))
        if kept:
            raise Refused(UnfitGuardian(account, guardian, "kept"))
    if not min(1, len(guardians)) <= needed <= len(guardians):
        raise Refused(GuardiansOutOfReach(len(guardians), needed))

    end_all(act, account)
    act.state[GUARDIANS][account] = Guardians(guardians, needed, delay_ms)


def open_recovery(
    act: "Act", account_id: AccountId, *, keys: Keys, threshold: Threshold
) -> Recovery:
    """Open a recovery of an account, as its guardian; whose own earlier one this replaces.

    Raises:
        Refused: the actor is no guardian, or the keys cannot be.
    """
    plan = _as_guardian(act, account_id)
    account = _account(act, account_id)
    for refusal in contradictions(account_id, replace(account, keys=keys, threshold=threshold)):
        raise Refused(refusal)

    recovery = Recovery(keys, threshold, (), None)
    return _approve(act, RecoveryKey(account_id, act.actor), recovery, plan)


def approve(act: "Act", key: RecoveryKey, *, keys: Keys, threshold: Threshold) -> Recovery:
    """Approve a recovery, as a guardian, for these keys and no others.

    Raises:
        Refused: the actor is no guardian or approved before; none is under way for these keys.
    """
    plan = _as_guardian(act, key.account)
    recovery = under_way(act, key)
    if (recovery.keys, recovery.threshold) != (keys, threshold):
        raise Refused(OtherKeys(key.account, key.opened_by))
    if act.actor in recovery.approved:
        raise Refused(ApprovedAlready(key.account, act.actor))

    return _approve(act, key, recovery, plan)


def end(act: "Act", key: RecoveryKey) -> None:
    """End a recovery, as the account itself or as a guardian who approved it.

    Raises:
        Refused: none is under way, or the actor is neither.
    """
    recovery = under_way(act, key)
    if act.actor != key.account and act.actor not in recovery.approved:
        raise Refused(MayNotEnd(key.account, act.actor))

    _remove(act, key)


def end_all(act: "Act", account_id: AccountId) -> None:
    """End whatever recovery of an account is under way: it has its keys."""
    plan = act.state[GUARDIANS].find(account_id)
    for guardian in () if plan is None else plan.guardians:
        key = RecoveryKey(account_id, guardian)
        if key in act.state[RECOVERIES]:
            _remove(act, key)


def finish(act: "Act", key: RecoveryKey) -> None:
    """Give the account its new keys. Anybody may; the new keys sign for it.

    Raises:
        Refused: none is under way, its delay is not over, or it lapsed.
        Rejected: the new keys' signatures do not reach the new threshold.
    """
    recovery = under_way(act, key)
    ripe_ms = recovery.ripe_ms
    if ripe_ms is None or act.time_ms < ripe_ms:
        raise Refused(NotRipe(key.account, ripe_ms, act.time_ms))
    until_ms = TimeMs(ripe_ms + kernel_limits.RECOVERY_FINISH_MS)
    if act.time_ms >= until_ms:
        raise Refused(Lapsed(key.account, until_ms))
    change_keys(act, key.account, keys=recovery.keys, threshold=recovery.threshold)

    end_all(act, key.account)


def under_way(act: "Act", key: RecoveryKey) -> Recovery:
    """A recovery that nothing has ended.

    Raises:
        Refused: there is none.
    """
    return act.state[RECOVERIES].need(key, NotUnderWay(key.account, key.opened_by))


def _approve(act: "Act", key: RecoveryKey, recovery: Recovery, plan: Guardians) -> Recovery:
    approved = (*recovery.approved, act.actor)
    ripe_ms = recovery.ripe_ms
    if ripe_ms is None and len(approved) >= plan.needed:
        ripe_ms = TimeMs(act.time_ms + plan.delay_ms)
    row = replace(recovery, approved=approved, ripe_ms=ripe_ms)
    act.state[RECOVERIES][key] = row
    worklist.put(act, desk_of_account(key.account), Task.RECOVERY, key.opened_by, ripe_ms)
    return row


def _remove(act: "Act", key: RecoveryKey) -> None:
    del act.state[RECOVERIES][key]
    worklist.drop(act, desk_of_account(key.account), Task.RECOVERY, key.opened_by)


def _as_guardian(act: "Act", account_id: AccountId) -> Guardians:
    plan = act.state[GUARDIANS].find(account_id)
    if plan is None or not plan.guardians:
        raise Refused(NoGuardians(account_id))
    if act.actor not in plan.guardians:
        raise Refused(NotAGuardian(account_id, act.actor))
    return plan


def _account(act: "Act", account_id: AccountId) -> Account:
    return act.state[ACCOUNTS].need(account_id, UnknownAccount(account_id))
