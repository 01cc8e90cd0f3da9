"""Closing a month: the chief accountant says what the books are, and every node compares.

The trial balance of a month is what stood on the ledger accounts of all funds at its end. Its
digest is given with the call; each node makes it again from the rows of the funds as they were
then, and refuses any other. So what was published of a month is what all nodes have, and the
entry that a close leaves proves it. A close reads each fund once or twice and no voucher: what it
costs does not depend on how much was paid.

Months are closed in order, each when it is over. Nothing can be posted to a month that is over,
closed or not, because a posting belongs to the month of its block.
"""

from typing import Annotated, Final, final

from msgspec import Meta, Struct
from msgspec.structs import replace

from ledger.act import Act
from ledger.operation import Event, Operation, Refusal, Refused
from ledger.roles import CountKey, MissingRole, Role, counted, has_role
from ledger.state import Overlay, Table
from primitives.codec import encode
from primitives.digest import digest
from primitives.domains import Domain
from primitives.ids import AccountId, Digest, Height, Natural, Signed, Sized32
from services.treasury import chart, offices, rolling, treasuries
from services.treasury.chart import Totals
from services.treasury.funds import FUND_BOOK
from services.treasury.period import Period, after, period_of
from services.treasury.treasuries import TREASURIES, FundCode, Treasury


@final
class PeriodClose(Struct, array_like=True, frozen=True):
    """The row of a closed month: the digest of its trial balance, and who closed it."""

    trial_balance: Sized32[Digest]
    height: Natural[Height]
    chief_accountant: Sized32[AccountId]
    auditor: Sized32[AccountId]


def _close_key(key: tuple[AccountId, Period]) -> bytes:
    treasury, period = key
    return treasury + period.encode("ascii")


PERIOD_CLOSES: Final = Table[tuple[AccountId, Period], PeriodClose](
    71, "period_closes", _close_key, PeriodClose
)


@final
class FundTotals(Struct, array_like=True, frozen=True):
    """The ledger accounts of one fund."""

    fund: FundCode
    totals: Totals


@final
class TrialBalance(Struct, array_like=True, frozen=True):
    """The ledger accounts of all funds of a treasury at the end of a month, by symbol."""

    treasury: Sized32[AccountId]
    period: Period
    funds: tuple[FundTotals, ...]


class PeriodNotOver(Refusal, tag="treasury.period_not_over", frozen=True):
    """The month {period} is not over: it is {now}."""

    period: Period
    now: Period


class NotTheNextPeriod(Refusal, tag="treasury.not_the_next_period", frozen=True):
    """Months are closed in order: {expected} is next, not {period}."""

    period: Period
    expected: Period


class OwnAuditor(Refusal, tag="treasury.own_auditor", frozen=True):
    """Account {account} cannot close a month and audit the close: the auditor is another."""

    account: Sized32[AccountId]


class AuditorHasDuty(Refusal, tag="treasury.auditor_has_duty", frozen=True):
    """Account {auditor} has the role {role} for somebody, so it cannot audit what such roles do."""

    auditor: Sized32[AccountId]
    role: Role


class TrialBalanceDiffers(Refusal, tag="treasury.trial_balance_differs", frozen=True):
    """The trial balance of {period} has the digest {actual}, not {given}."""

    period: Period
    given: Sized32[Digest]
    actual: Sized32[Digest]


class OutOfBalance(Refusal, tag="treasury.out_of_balance", frozen=True):
    """{fund}, {period}: debits less credits are {budgetary} (budgetary) and {proprietary}, not 0.

    Nothing that is posted by the rules leads to this: the state of this network is damaged.
    """

    fund: FundCode
    period: Period
    budgetary: Signed[int]
    proprietary: Signed[int]


@final
class PeriodClosed(Event, tag="treasury.period_closed", frozen=True):
    """{chief_accountant} and {auditor} closed {period} of {treasury}, digest {trial_balance}."""

    treasury: Sized32[AccountId]
    period: Period
    trial_balance: Sized32[Digest]
    chief_accountant: Sized32[AccountId]
    auditor: Sized32[AccountId]


@final
class ClosePeriod(Operation, tag="treasury.close_period", frozen=True):
    """Close a month of a treasury that is over, and the next in order.

    Needs the role chief_accountant for the treasury; the auditor, who has the role auditor for it
    and no duty in what is audited, signs too. Every node makes the trial balance again: any other
    digest is refused.
    """

    treasury: Annotated[
        AccountId, Meta(min_length=32, max_length=32, description="account of the ministry")
    ]
    period: Annotated[Period, Meta(description="the month, such as 2026-04")]
    trial_balance: Annotated[
        Digest,
        Meta(min_length=32, max_length=32, description="digest of the trial balance at its end"),
    ]
    auditor: Annotated[
        AccountId, Meta(min_length=32, max_length=32, description="auditor, who signs too")
    ]

    def apply(self, act: Act) -> None:
        """Compare, and write the close."""
        treasury = treasuries.need(act.state, self.treasury)
        act.require_role(offices.CHIEF_ACCOUNTANT, self.treasury)
        _judge_auditor(act, self.treasury, self.auditor)
        expected = next_period(treasury)
        act.require(self.period == expected, NotTheNextPeriod(self.period, expected))
        now = period_of(act.time_ms)
        act.require(self.period < now, PeriodNotOver(self.period, now))
        balance = trial_balance(act.state, self.treasury, self.period)
        for each in balance.funds:
            found = chart.imbalance(each.totals)
            act.require(found == (0, 0), OutOfBalance(each.fund, self.period, *found))
        actual = digest_of(balance)
        differs = TrialBalanceDiffers(self.period, self.trial_balance, actual)
        act.require(actual == self.trial_balance, differs)

        act.state[PERIOD_CLOSES][self.treasury, self.period] = PeriodClose(
            trial_balance=actual,
            height=act.height,
            chief_accountant=act.actor,
            auditor=self.auditor,
        )
        act.state[TREASURIES][self.treasury] = replace(treasury, closed=self.period)
        act.emit(PeriodClosed(self.treasury, self.period, actual, act.actor, self.auditor))


def next_period(treasury: Treasury) -> Period:
    """The month that is closed next: the first is that in which the treasury was opened."""
    return treasury.opened if treasury.closed is None else after(treasury.closed)


def trial_balance(state: Overlay, treasury: AccountId, period: Period) -> TrialBalance:
    """What stood on the ledger accounts at the end of a month; of this month, what stands now.

    Raises:
        Refused: no such treasury.
    """
    found = []
    for fund in treasuries.need(state, treasury).funds:
        row = rolling.at(state, FUND_BOOK, fund, period)
        if row is not None:
            found.append(FundTotals(fund, row.totals))
    return TrialBalance(treasury, period, tuple(found))


def digest_of(balance: TrialBalance) -> Digest:
    """SHA-256(TRIAL_BALANCE ‖ its canonical bytes)."""
    return digest(Domain.TRIAL_BALANCE, encode(balance))


def _judge_auditor(act: Act, treasury: AccountId, auditor: AccountId) -> None:
    if auditor == act.actor:
        raise Refused(OwnAuditor(auditor))
    if not has_role(act, auditor, offices.AUDITOR, treasury):
        raise Refused(MissingRole(auditor, offices.AUDITOR, treasury))
    for duty in offices.AUDITED:
        if counted(act.state, CountKey(duty, None, auditor)):
            raise Refused(AuditorHasDuty(auditor, duty))
    act.require_present(auditor)
