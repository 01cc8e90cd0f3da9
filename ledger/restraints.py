"""Restraints: what keeps money in an account that holds it: a freeze, and limits (K5).

While an account is **frozen**, nothing leaves it: no payment, no hold, no capture of a hold that
was placed before. It still receives, and what is held for it may be released. A freeze has a
reason, a commitment to its order, and an end. An **investigator** freezes for 72 hours at most, and
an account once in 30 days: what must last longer, a **court** orders. A court's freeze ends when it
said so, or when a court thaws the account.

A **limit** bounds what leaves an account of one asset: in one call, in one period, or both. The
periods of a limit follow one another from 1970 on (a period of 24 hours is the day in UTC). What is
held counts when it is held; it is not given back when the hold ends, nor counted at its capture.

One row has it all, so a payment reads one entry more, whoever pays.
"""

from typing import TYPE_CHECKING, Annotated, Final, final

from msgspec import Meta, Struct
from msgspec.structs import replace

from ledger.accounts import ACCOUNTS, UnknownAccount
from ledger.assets import Amount, AssetCode
from ledger.operation import Refusal, Refused
from ledger.roles import COURT, INVESTIGATOR, Role
from ledger.state import Table
from primitives import kernel_limits
from primitives.ids import AccountId, Digest, Natural, Sized32, TimeMs

if TYPE_CHECKING:
    from ledger.act import Act

ReasonCode = Annotated[
    str, Meta(pattern=r"^[a-z][a-z0-9_]*(?!\n)$", max_length=kernel_limits.CODE_LENGTH_MAX)
]
PeriodMs = Annotated[
    int, Meta(ge=kernel_limits.LIMIT_PERIOD_MS_MIN, le=kernel_limits.LIMIT_PERIOD_MS_MAX)
]


@final
class Freeze(Struct, array_like=True, frozen=True):
    """Who froze an account in which role, why, on which order, and until when; none is for ever."""

    by: Sized32[AccountId]
    role: Role
    reason: ReasonCode
    order: Sized32[Digest]
    since_ms: Natural[TimeMs]
    until_ms: Natural[TimeMs] | None

    def holds(self, time_ms: TimeMs) -> bool:
        """Whether it is in force."""
        return self.until_ms is None or time_ms < self.until_ms


@final
class PeriodBound(Struct, array_like=True, frozen=True):
    """How much may leave in one period, and how long that is."""

    amount: Annotated[Amount, Meta(description="in minor units of the asset")]
    period_ms: Annotated[PeriodMs, Meta(description="milliseconds; 86400000 is a day in UTC")]


@final
class Limit(Struct, array_like=True, frozen=True):
    """What may leave an account of one asset, and what has left it in the period of a number."""

    asset: AssetCode
    per_act: Amount | None
    per_period: PeriodBound | None
    period: Natural[int]
    spent: Natural[int]

    def spent_at(self, time_ms: TimeMs) -> int:
        """What has left in the period that a time is in."""
        return self.spent if self.period == self.period_at(time_ms) else 0

    def period_at(self, time_ms: TimeMs) -> int:
        """The number of the period that a time is in."""
        return 0 if self.per_period is None else time_ms // self.per_period.period_ms


Limits = Annotated[tuple[Limit, ...], Meta(max_length=kernel_limits.ACCOUNT_LIMITS_MAX)]


@final
class Restraint(Struct, array_like=True, frozen=True):
    """The row of what restrains an account: its newest freeze, and its limits by asset."""

    freeze: Freeze | None
    limits: Limits


RESTRAINTS: Final = Table[AccountId, Restraint](34, "restraints", bytes, Restraint)


class Frozen(Refusal, tag="restraints.frozen", frozen=True):
    """Account {account} is frozen until {until_ms}, reason {reason}: nothing leaves it."""

    account: Sized32[AccountId]
    reason: ReasonCode
    until_ms: Natural[TimeMs] | None


class ActLimit(Refusal, tag="restraints.act_limit", frozen=True):
    """From account {account} at most {most} {asset} may leave at a time, not {amount}."""

    account: Sized32[AccountId]
    asset: AssetCode
    amount: Amount
    most: Amount


class PeriodLimit(Refusal, tag="restraints.period_limit", frozen=True):
    """{spent} {asset} left {account} in {period_ms} ms; with {amount} they are over {most}."""

    account: Sized32[AccountId]
    asset: AssetCode
    amount: Amount
    spent: Natural[int]
    most: Amount
    period_ms: PeriodMs


class TooManyLimits(Refusal, tag="restraints.too_many_limits", frozen=True):
    """Account {account} has {count} limits already, as many as it may have."""

    account: Sized32[AccountId]
    count: Natural[int]


class NoLimit(Refusal, tag="restraints.no_limit", frozen=True):
    """Account {account} has no limit in {asset}."""

    account: Sized32[AccountId]
    asset: AssetCode


class EndInThePast(Refusal, tag="restraints.end_in_the_past", frozen=True):
    """A freeze until {until_ms} would be over: it is {time_ms}."""

    until_ms: Natural[TimeMs]
    time_ms: Natural[TimeMs]


class NeedsCourt(Refusal, tag="restraints.needs_court", frozen=True):
    """Only a court freezes account {account} for so long: an investigator until {latest_ms}."""

    account: Sized32[AccountId]
    latest_ms: Natural[TimeMs]


class FrozenLately(Refusal, tag="restraints.frozen_lately", frozen=True):
    """Account {account} was frozen at {since_ms}: until {again_ms} only a court freezes it."""

    account: Sized32[AccountId]
    since_ms: Natural[TimeMs]
    again_ms: Natural[TimeMs]


class NotFrozen(Refusal, tag="restraints.not_frozen", frozen=True):
    """Account {account} is not frozen."""

    account: Sized32[AccountId]


class CourtsFreeze(Refusal, tag="restraints.courts_freeze", frozen=True):
    """Account {account} was frozen by a court: only a court changes that."""

    account: Sized32[AccountId]


def require_free(act: "Act", account: AccountId) -> None:
    """Money may leave an account as far as freezes go.

    Raises:
        Refused: it is frozen.
    """
    row = act.state[RESTRAINTS].find(account)
    if row is not None:
        _require_free(act, account, row)


def judge(act: "Act", account: AccountId, asset: str, amount: int) -> Restraint | None:
    """Whether an amount may leave an account now; the row to `write` then; None: as before.

    Raises:
        Refused: the account is frozen, or the amount is beyond a limit.
    """
    row = act.state[RESTRAINTS].find(account)
    if row is None:
        return None
    _require_free(act, account, row)
    found = next((each for each in row.limits if each.asset == asset), None)
    if found is None:
        return None
    if found.per_act is not None and amount > found.per_act:
        raise Refused(ActLimit(account, asset, amount, found.per_act))
    allowed = found.per_period
    if allowed is None:
        return None
    spent = found.spent_at(act.time_ms)
    if spent + amount > allowed.amount:
        raise Refused(PeriodLimit(account, asset, amount, spent, allowed.amount, allowed.period_ms))
    now = replace(found, period=found.period_at(act.time_ms), spent=spent + amount)
    return _with_limit(row, now)


def set_limit(
    act: "Act",
    account: AccountId,
    asset: str,
    *,
    per_act: int | None,
    per_period: PeriodBound | None,
) -> None:
    """Bound what leaves an account of an asset from now on; neither bound lifts its limit.

    What left in the running period counts on, if the length of the period stays.

    Raises:
        Refused: no such account, no limit to lift, or too many limits.
    """
    act.state[ACCOUNTS].need(account, UnknownAccount(account))
    row = act.state[RESTRAINTS].find(account) or Restraint(None, ())
    known = next((each for each in row.limits if each.asset == asset), None)
    if per_act is None and per_period is None:
        if known is None:
            raise Refused(NoLimit(account, asset))
        rest = tuple(each for each in row.limits if each.asset != asset)
        write(act, account, Restraint(row.freeze, rest))
        return
    if known is None and len(row.limits) >= kernel_limits.ACCOUNT_LIMITS_MAX:
        raise Refused(TooManyLimits(account, len(row.limits)))

    new = Limit(asset, per_act, per_period, 0, 0)
    if known is not None and _length(known) == _length(new):
        new = replace(new, period=known.period, spent=known.spent)
    write(act, account, _with_limit(row, new))


def freeze(act: "Act", account: AccountId, new: Freeze) -> None:
    """Let nothing leave an account. Whether the actor has the role that `new` names is not asked.

    Raises:
        Refused: no such account; its end is past; or an investigator freezes for too long, too
            often, or what a court froze.
    """
    act.state[ACCOUNTS].need(account, UnknownAccount(account))
    if new.until_ms is not None and new.until_ms <= act.time_ms:
        raise Refused(EndInThePast(new.until_ms, act.time_ms))
    row = act.state[RESTRAINTS].find(account) or Restraint(None, ())
    if new.role == INVESTIGATOR:
        latest = TimeMs(act.time_ms + kernel_limits.FREEZE_WITHOUT_COURT_MS)
        if new.until_ms is None or new.until_ms > latest:
            raise Refused(NeedsCourt(account, latest))
        _judge_again(act, account, row.freeze)

    write(act, account, Restraint(new, row.limits))


def thaw(act: "Act", account: AccountId, role: Role) -> None:
    """End the freeze of an account. Whether the actor has the role is not asked.

    Raises:
        Refused: it is not frozen, or by a court and the role is another.
    """
    row = act.state[RESTRAINTS].find(account)
    if row is None or row.freeze is None or not row.freeze.holds(act.time_ms):
        raise Refused(NotFrozen(account))
    if row.freeze.role == COURT and role != COURT:
        raise Refused(CourtsFreeze(account))

    # It is remembered, so that an investigator does not begin anew.
    write(act, account, Restraint(replace(row.freeze, until_ms=act.time_ms), row.limits))


def _require_free(act: "Act", account: AccountId, row: Restraint) -> None:
    frozen = row.freeze
    if frozen is not None and frozen.holds(act.time_ms):
        raise Refused(Frozen(account, frozen.reason, frozen.until_ms))


def _judge_again(act: "Act", account: AccountId, last: Freeze | None) -> None:
    if last is None:
        return
    if last.role == COURT:
        if last.holds(act.time_ms):
            raise Refused(CourtsFreeze(account))
        return
    again = TimeMs(last.since_ms + kernel_limits.FREEZE_AGAIN_MS)
    if act.time_ms < again:
        raise Refused(FrozenLately(account, last.since_ms, again))


def _length(limit: Limit) -> int | None:
    return None if limit.per_period is None else limit.per_period.period_ms


def _with_limit(row: Restraint, limit: Limit) -> Restraint:
    others = (each for each in row.limits if each.asset != limit.asset)
    return Restraint(row.freeze, tuple(sorted((*others, limit), key=lambda each: each.asset)))


def write(act: "Act", account: AccountId, row: Restraint) -> None:
    """Set what restrains an account; a row of nothing is no row."""
    if row.freeze is None and not row.limits:
        del act.state[RESTRAINTS][account]
    else:
        act.state[RESTRAINTS][account] = row
