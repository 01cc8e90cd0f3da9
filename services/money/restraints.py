"""Freezes and limits: what keeps money in an account, by whose word."""

from typing import Annotated, final

from msgspec import Meta, Struct

from ledger import assets, restraints, roles
from ledger.act import Act
from ledger.operation import Event, Operation
from ledger.query import OneAccount, Page, Query, Reading, entry_name
from ledger.restraints import RESTRAINTS
from ledger.roles import COURT, INVESTIGATOR, SUPERVISOR, Role
from primitives.ids import AccountId, Digest, Natural, Sized32, TimeMs

_Account = Annotated[
    AccountId, Meta(min_length=32, max_length=32, description="account that is restrained")
]


@final
class AccountFrozen(Event, tag="money.account_frozen", frozen=True):
    """{by} froze {account} as {role}, reason {reason}, order {order}, until {until_ms}."""

    account: Sized32[AccountId]
    by: Sized32[AccountId]
    role: Role
    reason: restraints.ReasonCode
    order: Sized32[Digest]
    until_ms: Natural[TimeMs] | None


@final
class AccountThawed(Event, tag="money.account_thawed", frozen=True):
    """{by} ended the freeze of {account}, reason {reason}."""

    account: Sized32[AccountId]
    by: Sized32[AccountId]
    reason: restraints.ReasonCode


@final
class LimitSet(Event, tag="money.limit_set", frozen=True):
    """From {account} may leave: {per_act} {asset} at a time, {per_period} in {period_ms} ms."""

    account: Sized32[AccountId]
    by: Sized32[AccountId]
    asset: assets.AssetCode
    per_act: assets.Amount | None
    per_period: assets.Amount | None
    period_ms: restraints.PeriodMs | None


@final
class FreezeAccount(Operation, tag="money.freeze_account", frozen=True):
    """Let nothing leave an account: no payment, no hold, no capture. It still receives.

    Needs the role court for the account, or investigator: an investigator freezes for 72 hours at
    most, an account once in 30 days, and not what a court froze. A later order replaces an earlier
    one.
    """

    account: _Account
    reason: Annotated[restraints.ReasonCode, Meta(description="why, as a code")]
    order: Annotated[
        Digest,
        Meta(min_length=32, max_length=32, description="salted commitment to the order's text"),
    ]
    until_ms: Annotated[
        Natural[TimeMs] | None, Meta(description="when it ends; none is when a court thaws it")
    ]

    def apply(self, act: Act) -> None:
        """Freeze it."""
        role = _freezer(act, self.account)
        restraints.freeze(
            act,
            self.account,
            restraints.Freeze(act.actor, role, self.reason, self.order, act.time_ms, self.until_ms),
        )
        act.emit(
            AccountFrozen(
                account=self.account,
                by=act.actor,
                role=role,
                reason=self.reason,
                order=self.order,
                until_ms=self.until_ms,
            )
        )


@final
class ThawAccount(Operation, tag="money.thaw_account", frozen=True):
    """End the freeze of an account. Needs the role court, or investigator where no court froze."""

    account: _Account
    reason: Annotated[restraints.ReasonCode, Meta(description="why, as a code")]

    def apply(self, act: Act) -> None:
        """Thaw it."""
        restraints.thaw(act, self.account, _freezer(act, self.account))
        act.emit(AccountThawed(self.account, act.actor, self.reason))


@final
class SetLimit(Operation, tag="money.set_limit", frozen=True):
    """Bound what leaves an account of an asset: in one call, in one period, or both.

    Neither lifts the limit. Needs the role supervisor for the account. What left in the running
    period still counts, if the length of the period stays as it was.
    """

    account: _Account
    asset: Annotated[assets.AssetCode, Meta(description="what is limited, such as GBP")]
    per_act: Annotated[
        assets.Amount | None, Meta(description="in one call, in minor units; none is any amount")
    ]
    per_period: Annotated[
        restraints.PeriodBound | None, Meta(description="in one period; none is any amount")
    ]

    def apply(self, act: Act) -> None:
        """Set it."""
        act.require_role(SUPERVISOR, self.account)
        assets.need(act.state, self.asset)
        period = self.per_period
        restraints.set_limit(act, self.account, self.asset, per_act=self.per_act, per_period=period)
        act.emit(
            LimitSet(
                account=self.account,
                by=act.actor,
                asset=self.asset,
                per_act=self.per_act,
                per_period=None if period is None else period.amount,
                period_ms=None if period is None else period.period_ms,
            )
        )


def _freezer(act: Act, account: AccountId) -> Role:
    """The role in which the actor freezes an account: that of a court, if it has both."""
    if roles.has_role(act, act.actor, COURT, account):
        return COURT
    act.require_role(INVESTIGATOR, account)
    return INVESTIGATOR


@final
class FreezeRow(Struct, frozen=True, kw_only=True):
    """The newest freeze of an account, and whether it is in force."""

    in_force: bool
    by: Sized32[AccountId]
    role: Role
    reason: restraints.ReasonCode
    order: Sized32[Digest]
    since_ms: Natural[TimeMs]
    until_ms: Natural[TimeMs] | None


@final
class Freezes(Query, tag="money.freeze", frozen=True, kw_only=True):
    """The newest freeze of an account, in force or over.

    Of an account that never was frozen or limited, the absence of the entry is the proof.
    """

    account: OneAccount

    def answer(self, reading: Reading) -> Page[FreezeRow]:
        """Look it up."""
        found = RESTRAINTS.read(reading.state, self.account)
        freeze = None if found is None else found.freeze
        entry = entry_name(RESTRAINTS, RESTRAINTS.key(self.account))
        if freeze is None:
            return Page((), None, [entry])
        row = FreezeRow(
            in_force=freeze.holds(reading.time_ms),
            by=freeze.by,
            role=freeze.role,
            reason=freeze.reason,
            order=freeze.order,
            since_ms=freeze.since_ms,
            until_ms=freeze.until_ms,
        )
        return Page((row,), None, [entry])


@final
class LimitRow(Struct, frozen=True, kw_only=True):
    """A limit of an account, and what of it is spent in the period of the answer's block."""

    asset: assets.AssetCode
    exponent: assets.Exponent
    per_act_minor: assets.Amount | None
    per_period_minor: assets.Amount | None
    period_ms: restraints.PeriodMs | None
    spent_minor: Natural[int]


@final
class Limits(Query, tag="money.limits", frozen=True, kw_only=True):
    """The limits of an account, one for each asset that has one."""

    account: OneAccount

    def answer(self, reading: Reading) -> Page[LimitRow]:
        """Look them up."""
        found = RESTRAINTS.read(reading.state, self.account)
        entry = entry_name(RESTRAINTS, RESTRAINTS.key(self.account))
        rows = [
            LimitRow(
                asset=each.asset,
                exponent=assets.need(reading.overlay, each.asset).exponent,
                per_act_minor=each.per_act,
                per_period_minor=None if each.per_period is None else each.per_period.amount,
                period_ms=None if each.per_period is None else each.per_period.period_ms,
                spent_minor=each.spent_at(reading.time_ms),
            )
            for each in (() if found is None else found.limits)
        ]
        return Page(rows, None, [entry] * max(len(rows), 1))
