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
class Property(Enum):
    """A kind of property, which has ledger accounts of its own."""

    LAND = "land"
    BUILDINGS = "buildings"
    STRUCTURES = "structures"
    EQUIPMENT = "equipment"
    SOFTWARE = "software"


@unique
class Happened(Enum):
    """What happens to property."""

    CAPITALISE = "capitalise"
    """It was delivered under an award."""
    TAKE_OVER = "take_over"
    """It came otherwise: by law, as a gift, from before the chain."""
    DEPRECIATE = "depreciate"
    IMPAIR = "impair"
    DISPOSE = "dispose"
    PROCEEDS = "proceeds"
    LOSS = "loss"
    GAIN = "gain"


@unique
class Step(Enum):
    """What happened, as a bookkeeper calls it; with property, also to which kind of it."""

    APPROPRIATE = "appropriate"
    RESCIND = "rescind"
    APPORTION = "apportion"
    ALLOT = "allot"
    OBLIGATE = "obligate"
    DELIVER = "deliver"
    INTEREST = "interest"
    PAY = "pay"
    CAPITALISE_LAND = "capitalise_land"
    TAKE_OVER_LAND = "take_over_land"
    DEPRECIATE_LAND = "depreciate_land"
    IMPAIR_LAND = "impair_land"
    DISPOSE_LAND = "dispose_land"
    PROCEEDS_LAND = "proceeds_land"
    LOSS_LAND = "loss_land"
    GAIN_LAND = "gain_land"
    CAPITALISE_BUILDINGS = "capitalise_buildings"
    TAKE_OVER_BUILDINGS = "take_over_buildings"
    DEPRECIATE_BUILDINGS = "depreciate_buildings"
    IMPAIR_BUILDINGS = "impair_buildings"
    DISPOSE_BUILDINGS = "dispose_buildings"
    PROCEEDS_BUILDINGS = "proceeds_buildings"
    LOSS_BUILDINGS = "loss_buildings"
    GAIN_BUILDINGS = "gain_buildings"
    CAPITALISE_STRUCTURES = "capitalise_structures"
    TAKE_OVER_STRUCTURES = "take_over_structures"
    DEPRECIATE_STRUCTURES = "depreciate_structures"
    IMPAIR_STRUCTURES = "impair_structures"
    DISPOSE_STRUCTURES = "dispose_structures"
    PROCEEDS_STRUCTURES = "proceeds_structures"
    LOSS_STRUCTURES = "loss_structures"
    GAIN_STRUCTURES = "gain_structures"
    CAPITALISE_EQUIPMENT = "capitalise_equipment"
    TAKE_OVER_EQUIPMENT = "take_over_equipment"
    DEPRECIATE_EQUIPMENT = "depreciate_equipment"
    IMPAIR_EQUIPMENT = "impair_equipment"
    DISPOSE_EQUIPMENT = "dispose_equipment"
    PROCEEDS_EQUIPMENT = "proceeds_equipment"
    LOSS_EQUIPMENT = "loss_equipment"
    GAIN_EQUIPMENT = "gain_equipment"
    CAPITALISE_SOFTWARE = "capitalise_software"
    TAKE_OVER_SOFTWARE = "take_over_software"
    DEPRECIATE_SOFTWARE = "depreciate_software"
    IMPAIR_SOFTWARE = "impair_software"
    DISPOSE_SOFTWARE = "dispose_software"
    PROCEEDS_SOFTWARE = "proceeds_software"
    LOSS_SOFTWARE = "loss_software"
    GAIN_SOFTWARE = "gain_software"


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
    "171100": Named("Land and land rights", debit=True),
    "173000": Named("Buildings, improvements and renovations", debit=True),
    "173900": Named("Accumulated depreciation on buildings", debit=False),
    "174000": Named("Other structures and facilities", debit=True),
    "174900": Named("Accumulated depreciation on structures", debit=False),
    "175000": Named("Equipment", debit=True),
    "175900": Named("Accumulated depreciation on equipment", debit=False),
    "183000": Named("Internal-use software", debit=True),
    "183900": Named("Accumulated amortization on software", debit=False),
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

PROPERTY: Final[dict[Property, tuple[LedgerAccount, LedgerAccount]]] = {
    Property.LAND: ("171100", "171100"),
    Property.BUILDINGS: ("173000", "173900"),
    Property.STRUCTURES: ("174000", "174900"),
    Property.EQUIPMENT: ("175000", "175900"),
    Property.SOFTWARE: ("183000", "183900"),
}
"""The accounts of its cost, and of what has accumulated of that; land has one for both."""
CLASSES: Final[dict[str, Property]] = {
    "61": Property.EQUIPMENT,
    "6111": Property.BUILDINGS,
    "61113": Property.STRUCTURES,
    "61114": Property.STRUCTURES,
    "61132": Property.SOFTWARE,
    "614": Property.LAND,
}
"""How the codes of a kind of property begin in the Government Finance Statistics Manual 2014 (table
7.1); the longest beginning counts."""


def _entries_of_property(kind: Property) -> dict[Step, tuple[Entry, ...]]:
    cost, accumulated = PROPERTY[kind]
    pairs = {
        Happened.CAPITALISE: Entry(cost, "610000"),
        Happened.TAKE_OVER: Entry(cost, "572000"),
        Happened.DEPRECIATE: Entry("671000", accumulated),
        Happened.IMPAIR: Entry("729200", accumulated),
        Happened.DISPOSE: Entry(accumulated, cost),
        Happened.PROCEEDS: Entry("573000", cost),
        Happened.LOSS: Entry("721000", cost),
        Happened.GAIN: Entry(cost, "711000"),
    }
    return {_step(happened, kind): (pair,) for happened, pair in pairs.items()}


def _step(happened: Happened, kind: Property) -> Step:
    return Step(f"{happened.value}_{kind.value}")


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
} | {step: pairs for kind in Property for step, pairs in _entries_of_property(kind).items()}
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


def credits_of(totals: Iterable[Total], account: LedgerAccount) -> int:
    """What was ever credited to an account."""
    return next((each.credits for each in totals if each.account == account), 0)


def property_step(happened: Happened, asset_class: str) -> Step:
    """How a bookkeeper calls what happened to property of a class (GFSM 2014)."""
    beginning = max(filter(asset_class.startswith, CLASSES), key=len)
    return _step(happened, CLASSES[beginning])
