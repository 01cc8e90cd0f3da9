"""Funds and apportionments: what the law gives, and what the budget office lets an agency use.

A **fund** is a treasury account symbol of one agency, with the days between which it may oblige
itself. The legislature appropriates to it, and rescinds what is not apportioned yet. The budget
office **apportions** it to quarters or projects. Never is more apportioned than was appropriated,
nor more allotted from an apportionment than it has.

The fund's ledger accounts stand in its row; `post` is the only way to them.
"""

from typing import Annotated, Final, NamedTuple, final

from msgspec import Meta
from msgspec.structs import replace

from ledger import accounts, assets, norms
from ledger.act import Act
from ledger.operation import Event, Operation, Refusal, Refused
from ledger.state import Overlay, Table
from primitives import treasury_limits
from primitives.ids import INTEGER_MAX, AccountId, Natural, Signed, Sized32
from services.treasury import chart, offices, rolling, treasuries
from services.treasury.chart import Step, Totals
from services.treasury.period import Day, day_of, judge_day, period_of
from services.treasury.rolling import Book, Past, Rolled, history_key
from services.treasury.treasuries import FundCode

ApportionmentCode = Annotated[
    str,
    Meta(
        pattern=r"^[a-z0-9][a-z0-9-]*(?!\n)$", max_length=treasury_limits.APPORTIONMENT_LENGTH_MAX
    ),
]
FunctionCode = Annotated[
    str, Meta(pattern=r"^(0[1-9]|10)(\.[0-9](\.[0-9])?)?(?!\n)$", max_length=6)
]
"""Of the Classification of the Functions of Government (United Nations, COFOG): 04.5.1."""
LineCode = Annotated[
    str,
    Meta(
        pattern=(
            r"^[0-9]{3}-([0-9]{4}/[0-9]{4}|X)-[0-9]{4}-[0-9]{3}"
            r":[a-z0-9][a-z0-9-]{0,23}:[A-Z0-9]{4}:[0-9]{3,4}(?!\n)$"
        ),
        max_length=57,
    ),
]
"""FUND:APPORTIONMENT:PROGRAM:OBJECT, such as 019-2026/2027-1031-000:2026-q1:BRDG:252."""
Change = Signed[int]
"""More, or less where it is below zero."""


@final
class Fund(Rolled, array_like=True, frozen=True):
    """The row of a fund: whose it is, when it may oblige itself, and its ledger accounts."""

    treasury: Sized32[AccountId]
    agency: Sized32[AccountId]
    available_from: Day
    available_until: Day | None
    function: FunctionCode
    appropriated: Natural[int]
    apportioned: Natural[int]
    totals: Totals


@final
class Apportionment(Rolled, array_like=True, frozen=True):
    """The row of an apportionment: what it has, and what of it is allotted to lines."""

    amount: Natural[int]
    allotted: Natural[int]


class ApportionmentKey(NamedTuple):
    """What an apportionment is found by."""

    fund: FundCode
    apportionment: ApportionmentCode


def _fund_key(fund: FundCode) -> bytes:
    return fund.encode("ascii")


def within(fund: FundCode) -> bytes:
    """How the keys of a fund's apportionments begin, and those of its lines."""
    return fund.encode("ascii") + b":"


def _apportionment_key(key: ApportionmentKey) -> bytes:
    return ":".join(key).encode("ascii")


FUNDS: Final = Table[FundCode, Fund](65, "funds", _fund_key, Fund)
FUND_HISTORY: Final = Table[Past[FundCode], Fund](66, "fund_history", history_key(_fund_key), Fund)
APPORTIONMENTS: Final = Table[ApportionmentKey, Apportionment](
    67, "apportionments", _apportionment_key, Apportionment
)
APPORTIONMENT_HISTORY: Final = Table[Past[ApportionmentKey], Apportionment](
    68, "apportionment_history", history_key(_apportionment_key), Apportionment
)
FUND_BOOK: Final = Book(FUNDS, FUND_HISTORY)
APPORTIONMENT_BOOK: Final = Book(APPORTIONMENTS, APPORTIONMENT_HISTORY)


class UnknownFund(Refusal, tag="treasury.unknown_fund", frozen=True):
    """There is no fund {fund}."""

    fund: FundCode


class FundInUse(Refusal, tag="treasury.fund_in_use", frozen=True):
    """There is a fund {fund} already, of agency {agency}."""

    fund: FundCode
    agency: Sized32[AccountId]


class AvailabilityWrong(Refusal, tag="treasury.availability_wrong", frozen=True):
    """Fund {fund} cannot be available from {available_from} until {available_until}.

    An end comes after the beginning; a fund whose symbol has an X has none, and any other has one.
    """

    fund: FundCode
    available_from: Day
    available_until: Day | None


class FundNotAvailable(Refusal, tag="treasury.fund_not_available", frozen=True):
    """{fund} is obliged from {available_from} until {available_until} only, so not on {day}."""

    fund: FundCode
    day: Day
    available_from: Day
    available_until: Day | None


class UnknownApportionment(Refusal, tag="treasury.unknown_apportionment", frozen=True):
    """Fund {fund} has no apportionment {apportionment}."""

    fund: FundCode
    apportionment: ApportionmentCode


class NothingChanges(Refusal, tag="treasury.nothing_changes", frozen=True):
    """The change is 0, expected more or less."""


class LawNotInForce(Refusal, tag="treasury.law_not_in_force", frozen=True):
    """No version of norm {norm} is in force at {time_ms}, so money is not appropriated by it."""

    norm: norms.NormCode
    time_ms: Natural[int]


class OverAppropriation(Refusal, tag="treasury.over_appropriation", frozen=True):
    """Fund {fund}: {apportioned} would be apportioned, of {appropriated} appropriated."""

    fund: FundCode
    apportioned: Signed[int]
    appropriated: Signed[int]


class OverApportionment(Refusal, tag="treasury.over_apportionment", frozen=True):
    """{fund}, {apportionment}: {allotted} would be allotted, of {apportioned} apportioned."""

    fund: FundCode
    apportionment: ApportionmentCode
    allotted: Signed[int]
    apportioned: Signed[int]


@final
class Posted(Event, tag="treasury.posted", frozen=True):
    """{amount} posted to {fund} as {step} (apportionment: {apportionment}, line: {line})."""

    treasury: Sized32[AccountId]
    fund: FundCode
    apportionment: ApportionmentCode | None
    line: LineCode | None
    step: Step
    amount: Change


@final
class FundDefined(Event, tag="treasury.fund_defined", frozen=True):
    """{treasury} has the fund {fund} of {agency}, from {available_from} until {available_until}."""

    treasury: Sized32[AccountId]
    fund: FundCode
    agency: Sized32[AccountId]
    available_from: Day
    available_until: Day | None
    function: FunctionCode


@final
class Appropriated(Event, tag="treasury.appropriated", frozen=True):
    """{legislature} appropriated {amount} to {fund} by law {law}; in all, {appropriated}."""

    legislature: Sized32[AccountId]
    fund: FundCode
    amount: assets.Amount
    law: norms.NormCode | None
    appropriated: Natural[int]


@final
class Rescinded(Event, tag="treasury.rescinded", frozen=True):
    """{legislature} took {amount} back from {fund} by law {law}; {appropriated} are left."""

    legislature: Sized32[AccountId]
    fund: FundCode
    amount: assets.Amount
    law: norms.NormCode | None
    appropriated: Natural[int]


@final
class Apportioned(Event, tag="treasury.apportioned", frozen=True):
    """{officer} changed apportionment {apportionment} of {fund} by {change}, to {apportioned}."""

    officer: Sized32[AccountId]
    fund: FundCode
    apportionment: ApportionmentCode
    change: Change
    apportioned: Natural[int]


@final
class DefineFund(Operation, tag="treasury.define_fund", frozen=True):
    """Define a fund of an agency. Nothing is appropriated to it yet.

    Needs the role budget_officer for the treasury. Between the days given, both included, the
    agency may oblige itself; what it owes by then is paid afterwards too. A symbol with an X is
    available without end.
    """

    treasury: Annotated[
        AccountId, Meta(min_length=32, max_length=32, description="account of the ministry")
    ]
    fund: Annotated[FundCode, Meta(description="symbol, such as 019-2026/2027-1031-000")]
    agency: Annotated[
        AccountId, Meta(min_length=32, max_length=32, description="account of the agency")
    ]
    available_from: Annotated[Day, Meta(description="first day (YYYY-MM-DD) of new obligations")]
    available_until: Annotated[
        Day | None, Meta(description="last day (YYYY-MM-DD) of new obligations; none with an X")
    ]
    function: Annotated[FunctionCode, Meta(description="COFOG code, such as 04.5.1")]

    def apply(self, act: Act) -> None:
        """Write the fund."""
        treasuries.need(act.state, self.treasury)
        act.require_role(offices.BUDGET_OFFICER, self.treasury)
        known = act.state[FUNDS].find(self.fund)
        if known is not None:
            act.refuse(FundInUse(self.fund, known.agency))
        act.state[accounts.ACCOUNTS].need(self.agency, accounts.UnknownAccount(self.agency))
        _judge_availability(self.fund, self.available_from, self.available_until)

        treasuries.add_fund(act, self.treasury, self.fund)
        fund = Fund(
            period=period_of(act.time_ms),
            previous=None,
            treasury=self.treasury,
            agency=self.agency,
            available_from=self.available_from,
            available_until=self.available_until,
            function=self.function,
            appropriated=0,
            apportioned=0,
            totals=(),
        )
        rolling.write(act, FUND_BOOK, self.fund, fund)
        act.emit(
            FundDefined(
                treasury=self.treasury,
                fund=self.fund,
                agency=self.agency,
                available_from=self.available_from,
                available_until=self.available_until,
                function=self.function,
            )
        )


@final
class Appropriate(Operation, tag="treasury.appropriate", frozen=True):
    """Give a fund money to spend: the budget law. The actor is the treasury's legislature.

    A law that is named must be a norm in force. Of what is appropriated nothing can be spent before
    the budget office apportions it and the agency allots it.
    """

    fund: Annotated[FundCode, Meta(description="fund that gets it")]
    amount: Annotated[assets.Amount, Meta(description="in minor units")]
    law: Annotated[norms.NormCode | None, Meta(description="code of the budget law, a norm")]

    def apply(self, act: Act) -> None:
        """Raise what is appropriated."""
        appropriated = _appropriate(act, self.fund, self.amount, self.law)
        post(act, self.fund, Step.APPROPRIATE, self.amount)
        act.emit(Appropriated(act.actor, self.fund, self.amount, self.law, appropriated))


@final
class Rescind(Operation, tag="treasury.rescind", frozen=True):
    """Take appropriated money back that is not apportioned. The actor is the legislature."""

    fund: Annotated[FundCode, Meta(description="fund that loses it")]
    amount: Annotated[assets.Amount, Meta(description="in minor units")]
    law: Annotated[norms.NormCode | None, Meta(description="code of the law, a norm")]

    def apply(self, act: Act) -> None:
        """Lower what is appropriated."""
        appropriated = _appropriate(act, self.fund, -self.amount, self.law)
        post(act, self.fund, Step.RESCIND, self.amount)
        act.emit(Rescinded(act.actor, self.fund, self.amount, self.law, appropriated))


@final
class Apportion(Operation, tag="treasury.apportion", frozen=True):
    """Apportion a fund to a quarter or a project, or less of it, where the change is below zero.

    Needs the role budget_officer for the treasury. Never more than was appropriated is apportioned
    in all, nor less to one apportionment than is allotted from it.
    """

    fund: Annotated[FundCode, Meta(description="fund that is apportioned")]
    apportionment: Annotated[
        ApportionmentCode, Meta(description="code of a quarter or project, such as 2026-q1")
    ]
    change: Annotated[Change, Meta(description="in minor units; below zero takes back")]

    def apply(self, act: Act) -> None:
        """Change it, and the fund's sum."""
        fund = need(act.state, self.fund)
        act.require_role(offices.BUDGET_OFFICER, fund.treasury)
        require_change(self.change)
        key = ApportionmentKey(self.fund, self.apportionment)
        before = act.state[APPORTIONMENTS].find(key)
        if before is None:
            before = Apportionment(period_of(act.time_ms), None, amount=0, allotted=0)
        apportioned = fund.apportioned + self.change
        if apportioned > fund.appropriated:
            act.refuse(OverAppropriation(self.fund, shown(apportioned), fund.appropriated))
        amount = before.amount + self.change
        if before.allotted > amount:
            act.refuse(OverApportionment(*key, before.allotted, amount))

        rolling.write(act, APPORTIONMENT_BOOK, key, replace(before, amount=amount))
        rolling.write(act, FUND_BOOK, self.fund, replace(fund, apportioned=apportioned))
        post(act, self.fund, Step.APPORTION, self.change, apportionment=self.apportionment)
        act.emit(Apportioned(act.actor, *key, self.change, amount))


def need(state: Overlay, fund: FundCode) -> Fund:
    """The fund of a symbol.

    Raises:
        Refused: there is none.
    """
    return state[FUNDS].need(fund, UnknownFund(fund))


def require_change(change: int) -> None:
    """A change that is none would be an act without an effect.

    Raises:
        Refused: it is 0.
    """
    if change == 0:
        raise Refused(NothingChanges())


def shown(amount: int) -> int:
    """What a refusal says of a sum that would be: the largest integer there is, at most."""
    return min(amount, INTEGER_MAX)


def require_available(act: Act, fund_code: FundCode, fund: Fund) -> None:
    """The fund may oblige itself today.

    Raises:
        Refused: not yet, or no more.
    """
    today, first, last = day_of(act.time_ms), fund.available_from, fund.available_until
    if today < first or (last is not None and today > last):
        raise Refused(FundNotAvailable(fund_code, today, first, last))


def change_allotted(act: Act, key: ApportionmentKey, change: int) -> None:
    """Change what is allotted from an apportionment: for the rules of lines.

    Raises:
        Refused: no such apportionment, or it has not so much.
    """
    row = act.state[APPORTIONMENTS].need(key, UnknownApportionment(*key))
    allotted = row.allotted + change
    if allotted > row.amount:
        raise Refused(OverApportionment(*key, shown(allotted), row.amount))
    rolling.write(act, APPORTIONMENT_BOOK, key, replace(row, allotted=allotted))


def post(
    act: Act,
    fund_code: FundCode,
    step: Step,
    amount: int,
    line: LineCode | None = None,
    *,
    apportionment: ApportionmentCode | None = None,
) -> None:
    """Post a step to a fund's ledger accounts, and say so; below zero, take it back.

    Of a line the apportionment is known.

    Raises:
        Refused: no such fund, or a total would be more than can be counted.
    """
    if amount == 0:
        return
    fund = need(act.state, fund_code)
    totals = chart.post(fund.totals, step, amount)
    rolling.write(act, FUND_BOOK, fund_code, replace(fund, totals=totals))
    if line is not None:
        apportionment = line.split(":")[1]
    act.emit(Posted(fund.treasury, fund_code, apportionment, line, step, amount))


def _judge_availability(fund: FundCode, first: Day, last: Day | None) -> None:
    judge_day(first)
    if (last is None) != ("-X-" in fund):
        raise Refused(AvailabilityWrong(fund, first, last))
    if last is not None:
        judge_day(last)
        if last < first:
            raise Refused(AvailabilityWrong(fund, first, last))


def _appropriate(act: Act, fund_code: FundCode, change: int, law: norms.NormCode | None) -> int:
    """Change what is appropriated to a fund, by the legislature; what is left of it."""
    fund = need(act.state, fund_code)
    treasuries.require_legislature(act, fund.treasury)
    if law is not None:
        _require_in_force(act, law)
    appropriated = fund.appropriated + change
    if fund.apportioned > appropriated:
        act.refuse(OverAppropriation(fund_code, fund.apportioned, appropriated))
    rolling.write(act, FUND_BOOK, fund_code, replace(fund, appropriated=appropriated))
    return appropriated


def _require_in_force(act: Act, law: norms.NormCode) -> None:
    latest = act.state[norms.NORMS].need(law, norms.UnknownNorm(law)).latest
    # A version that waits has not ended the one before it.
    for number in (latest, latest - 1):
        version = act.state[norms.NORM_VERSIONS].find((law, number)) if number else None
        if version is not None and norms.is_in_force(version, act.time_ms):
            return
    act.refuse(LawNotInForce(law, act.time_ms))
