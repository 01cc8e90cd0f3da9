"""The months are closed: the figures that were published are the figures that everybody has."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from msgspec.structs import replace

from kit.road.stage import MINISTRY, Stage
from services.treasury import closing, period
from services.treasury.chart import Total
from services.treasury.closing import ClosePeriod, FundTotals, TrialBalance
from services.treasury.rows import TrialBalanceRow

PENNY: Final = 1


def the_months_are_closed(stage: Stage) -> None:
    """Each in order, by two people, and only with the figures that the rules have posted."""
    country = stage.country
    stage.teller.chapter("The months are closed")
    last = stage.country.clock.now()
    month_over = f"{last:%Y-%m}"
    stage.comes((last.replace(day=1) + timedelta(days=40)).replace(day=4))
    (treasury,) = country.rows("treasury.treasuries")
    month = treasury.opened
    embellished = _with_a_penny_more(balance_of(stage, month_over))
    stage.attempt(
        f"They sign figures of {month} that nobody has posted.",
        "accountant",
        _closing(stage, replace(embellished, period=month)),
        with_=("auditor",),
    )
    closed = 0
    while month <= month_over:
        country.does("accountant", _closing(stage, balance_of(stage, month)), with_=("auditor",))
        month, closed = period.after(month), closed + 1
    stage.attempt(
        "They close the month that has just begun.",
        "accountant",
        _closing(stage, balance_of(stage, month)),
        with_=("auditor",),
    )
    stage.teller.tell(
        f"The chief accountant and the auditor sign the trial balance of each month, {closed} of "
        f"them. All four ministries compute it again; had one figure differed by a penny, no "
        f"month would have been closed. At the end of {month_over} the accounts of the fund say:"
    )
    stage.teller.show(
        (
            f"{row.ussgl} {row.title}",
            f"{row.balance_minor / 100:>18,.2f}",
        )
        for row in trial_balance(stage, month_over)
    )


def trial_balance(stage: Stage, month: str) -> list[TrialBalanceRow]:
    """The accounts of all funds at the end of a month."""
    country = stage.country
    return country.rows("treasury.trial_balance", treasury=country[MINISTRY], period=month)


def balance_of(stage: Stage, month: str) -> TrialBalance:
    """What is signed of a month: made of the published rows, by anybody."""
    country = stage.country
    totals: dict[str, list[Total]] = {
        row.fund: []
        for row in country.rows("treasury.funds", treasury=country[MINISTRY], period=month)
    }
    for row in trial_balance(stage, month):
        totals[row.fund].append(Total(row.ussgl, row.debits_minor, row.credits_minor))
    funds = tuple(FundTotals(fund, tuple(totals[fund])) for fund in sorted(totals))
    return TrialBalance(country[MINISTRY], month, funds)


def _with_a_penny_more(balance: TrialBalance) -> TrialBalance:
    first, *others = balance.funds
    account, *accounts = first.totals
    more = (replace(account, debits=account.debits + PENNY), *accounts)
    return replace(balance, funds=(replace(first, totals=more), *others))


def _closing(stage: Stage, balance: TrialBalance) -> ClosePeriod:
    return ClosePeriod(
        treasury=balance.treasury,
        period=balance.period,
        trial_balance=closing.digest_of(balance),
        auditor=stage.country["auditor"],
    )
