"""The chart of accounts, and what each step of the budget posts: a table, not code.

Accounts and steps are those of the United States Standard General Ledger (Treasury Financial
Manual, USSGL Supplement, sections II and III), which says in budgetary accounts (4…) what may still
be spent, and in proprietary accounts (all others) what is owned, owed and used up. Each step debits
and credits the same amount, in budgetary accounts among themselves and in the others among
themselves: books that are posted by this table only cannot be out of balance. Taking a step back is
posting it with debit and credit exchanged.

The totals of a fund's accounts stand in the row of the fund. So the trial balance is there after
every act, and nothing is ever summed up over vouchers.
"""

from collections.abc import Iterable
from enum import Enum, unique
from typing import Annotated, Final, NamedTuple, final

from msgspec import Meta, Struct

from ledger.operation import Refusal, Refused
from primitives import treasury_limits
from primitives.ids import INTEGER_MAX, Natural

LedgerAccount = Annotated[str, Meta(pattern=r"^[1-9][0-9]{5}(?!\n)$", max_length=6)]


@final
class Total(Struct, array_like=True, frozen=True):
    """What was debited to a ledger account of a fund, and what was credited, since it began."""

    account: LedgerAccount
    debits: Natural[int]
    credits: Natural[int]


Totals = Annotated[tuple[Total, ...], Meta(max_length=treasury_limits.TOTALS_MAX)]
"""Of all accounts that were ever posted to, ascending."""


@unique
class Step(Enum):
    """What happened, as a bookkeeper calls it."""

    APPROPRIATE = "appropriate"
    RESCIND = "rescind"
    APPORTION = "apportion"
    ALLOT = "allot"
    OBLIGATE = "obligate"
    DELIVER = "deliver"
    INTEREST = "interest"
    PAY = "pay"
    CAPITALISE = "capitalise"
    TAKE_OVER = "take_over"
    DEPRECIATE = "depreciate"
    IMPAIR = "impair"
    DISPOSE = "dispose"
    PROCEEDS = "proceeds"
    LOSS = "loss"
    GAIN = "gain"


class Entry(NamedTuple):
    """One pair of a step: the account that is debited, and the one that is credited."""

    debit: LedgerAccount
    credit: LedgerAccount


class Named(NamedTuple):
    """A ledger account: its title, and on which side its balance ordinarily is."""

    title: str
    debit: bool


ACCOUNTS: Final[dict[LedgerAccount, Named]] = {
    "101000": Named("Fund balance with Treasury", debit=True),
    "175000": Named("Equipment", debit=True),
    "175900": Named("Accumulated depreciation on equipment", debit=False),
    "211000": Named("Accounts payable", debit=False),
    "310100": Named("Unexpended appropriations, received", debit=False),
    "310600": Named("Unexpended appropriations, adjustments", debit=True),
    "310700": Named("Unexpended appropriations, used", debit=True),
    "411900": Named("Appropriations realized", debit=True),
    "439200": Named("Permanent reduction of new budget authority", debit=False),
    "445000": Named("Unapportioned authority", debit=False),
    "451000": Named("Apportionments", debit=False),
    "461000": Named("Allotments, realized resources", debit=False),
    "480100": Named("Undelivered orders, obligations unpaid", debit=False),
    "490100": Named("Delivered orders, obligations unpaid", debit=False),
    "490200": Named("Delivered orders, obligations paid", debit=False),
    "570000": Named("Expended appropriations", debit=False),
    "572000": Named("Financing sources transferred in", debit=False),
    "573000": Named("Financing sources transferred out", debit=True),
    "610000": Named("Operating expenses", debit=True),
    "633000": Named("Other interest expenses", debit=True),
    "671000": Named("Depreciation", debit=True),
    "711000": Named("Gains on disposition of assets", debit=False),
    "721000": Named("Losses on disposition of assets", debit=True),
    "729200": Named("Losses from impairment of assets", debit=True),
}
"""All that steps post to. The two parts of the books differ by the first digit."""

ENTRIES: Final[dict[Step, tuple[Entry, ...]]] = {
    Step.APPROPRIATE: (Entry("411900", "445000"), Entry("101000", "310100")),
    Step.RESCIND: (Entry("445000", "439200"), Entry("310600", "101000")),
    Step.APPORTION: (Entry("445000", "451000"),),
    Step.ALLOT: (Entry("451000", "461000"),),
    Step.OBLIGATE: (Entry("461000", "480100"),),
    Step.DELIVER: (Entry("480100", "490100"), Entry("610000", "211000"), Entry("310700", "570000")),
    Step.INTEREST: (
        Entry("480100", "490100"),
        Entry("633000", "211000"),
        Entry("310700", "570000"),
    ),
    Step.PAY: (Entry("490100", "490200"), Entry("211000", "101000")),
    Step.CAPITALISE: (Entry("175000", "610000"),),
    Step.TAKE_OVER: (Entry("175000", "572000"),),
    Step.DEPRECIATE: (Entry("671000", "175900"),),
    Step.IMPAIR: (Entry("729200", "175900"),),
    Step.DISPOSE: (Entry("175900", "175000"),),
    Step.PROCEEDS: (Entry("573000", "175000"),),
    Step.LOSS: (Entry("721000", "175000"),),
    Step.GAIN: (Entry("175000", "711000"),),
}
"""What a step posts. Proceeds of a disposal are the treasury's, not the agency's: they lie in the
single account, and nobody spends them unless the legislature appropriates them."""


class TotalTooLarge(Refusal, tag="treasury.total_too_large", frozen=True):
    """Account {account} has {total} on one side; with {amount} more it were too much to count."""

    account: LedgerAccount
    total: Natural[int]
    amount: Natural[int]


def is_budgetary(account: LedgerAccount) -> bool:
    """Whether an account says what may be spent, not what is owned."""
    return account.startswith("4")


def post(totals: tuple[Total, ...], step: Step, amount: int) -> tuple[Total, ...]:
    """The totals after a step; below zero, after taking that amount of it back.

    Raises:
        Refused: a total would be more than can be counted.
    """
    made = {total.account: total for total in totals}
    for entry in ENTRIES[step]:
        debit, credit = entry if amount > 0 else (entry.credit, entry.debit)
        before = made.get(debit) or Total(debit, 0, 0)
        made[debit] = Total(debit, _sum(debit, before.debits, abs(amount)), before.credits)
        before = made.get(credit) or Total(credit, 0, 0)
        made[credit] = Total(credit, before.debits, _sum(credit, before.credits, abs(amount)))
    return tuple(made[account] for account in sorted(made))


def _sum(account: LedgerAccount, total: int, amount: int) -> int:
    if total + amount > INTEGER_MAX:
        raise Refused(TotalTooLarge(account, total, amount))
    return total + amount


def imbalance(totals: Iterable[Total]) -> tuple[int, int]:
    """Debits less credits, of the budgetary accounts and of the others: both are zero."""
    found = [0, 0]
    for total in totals:
        found[not is_budgetary(total.account)] += total.debits - total.credits
    return found[0], found[1]


def balance(totals: Iterable[Total], account: LedgerAccount) -> int:
    """What is on an account: debits less credits; of one that was never posted to, zero."""
    return next((each.debits - each.credits for each in totals if each.account == account), 0)
