"""An agency with property: custodians, a counter, a board of three, and who buys what goes."""

from __future__ import annotations

from typing import Any, Final

from msgspec.structs import replace

from kit.ledger import GBP, Chain, account_id, genesis_account
from kit.treasury import AGENCY, AWARD, FUND, World, treasury_document
from ledger.accounts import AccountKind
from ledger.genesis import GenesisBalance, GenesisDocument, GenesisRole
from ledger.operation import Operation
from primitives.ids import TimeMs
from services.treasury import chart, counts, depreciation, disposals, holdings, offices, rolling
from services.treasury.counts import CountCode, Finding
from services.treasury.depreciation import ClassBook, ClassKey
from services.treasury.disposals import DisposeOfHolding, ImpairHolding
from services.treasury.holdings import (
    DisposalMethod,
    EnterHolding,
    Holding,
    HoldingKey,
    MoveHolding,
)
from services.treasury.period import Period, after, first_moment

TAG: Final = "BRIDGE-7"
BRIDGES: Final = "61113"
"""Other structures, as GFSM has them."""
COUNT: Final = "2026-summer"
COST: Final = 1_000_00
LIFE: Final = 7
ACQUIRED: Final = "2026-05-20"
BUYERS_MONEY: Final = 5_000_00
BOARD: Final = ("member", "member-2", "member-3")


def property_document() -> GenesisDocument:
    """A treasury's network, with who looks after property; the buyer has money."""
    document = treasury_document()
    agency = account_id(AGENCY)
    names = ("counter", *BOARD, "buyer")
    people = [genesis_account(name, kind=AccountKind.PERSON) for name in names]
    grants = [
        GenesisRole(offices.STOCK_COUNTER, agency, account_id("counter")),
        *(GenesisRole(offices.PROPERTY_BOARD, agency, account_id(name)) for name in BOARD),
    ]
    return replace(
        document,
        accounts=(*document.accounts, *people),
        roles=(*document.roles, *grants),
        balances=(
            *document.balances,
            GenesisBalance(account_id("buyer"), GBP, BUYERS_MONEY),
        ),
    )


class Estate(World):
    """A treasury with an agency whose holdings are looked after."""

    @classmethod
    def founded(cls) -> Estate:
        """Nothing is opened yet."""
        return cls(Chain.begin(property_document()))

    @classmethod
    def with_holding(cls, **fields: Any) -> Estate:  # noqa: ANN401 - of the holding
        """The holding `TAG`, delivered under the award."""
        world = cls.with_delivery()
        assert isinstance(world, Estate)
        world.does("custodian", a_holding(**fields))
        return world

    @classmethod
    def with_count(cls) -> Estate:
        """And a count is open."""
        world = cls.with_holding()
        world.does("counter", counts.OpenCount(account_id(AGENCY), COUNT))
        return world

    def holding(self, tag: str = TAG) -> Holding:
        """The row of a holding."""
        found = self.state[holdings.HOLDINGS].find(HoldingKey(account_id(AGENCY), tag))
        assert found is not None, f"there is a holding {tag}"
        return found

    def book(self, asset_class: str = BRIDGES, period: Period | None = None) -> ClassBook:
        """The book of a class, now or as of the end of a month."""
        found = rolling.at(self.state, depreciation.CLASS_BOOK, ClassKey(FUND, asset_class), period)
        assert found is not None, f"there is a class {asset_class}"
        return found

    def used_up(self, tag: str = TAG) -> int:
        """What has accumulated on a holding."""
        holding = self.holding(tag)
        return holding.used_up(self.book(holding.asset_class))

    def on(self, account: str) -> int:
        """What is on a ledger account of the fund."""
        return chart.balance(self.fund().totals, account)

    def property_at_cost(self) -> int:
        """On the cost accounts of all kinds of property; less the impairments of land."""
        return sum(self.on(cost) for cost, _ in chart.PROPERTY.values())

    def accumulated(self) -> int:
        """On the accounts of what has accumulated."""
        return -sum(self.on(each) for cost, each in chart.PROPERTY.values() if each != cost)

    def months_pass(self, months: int) -> None:
        """To the first moments of so many months to come, each in a block of its own."""
        for _ in range(months):
            coming = after(self.month)
            self.chain.time_ms = TimeMs(first_moment(coming) - 1_000)
            self.chain.block()


def a_holding(tag: str = TAG, **fields: Any) -> EnterHolding:  # noqa: ANN401
    """A footbridge, delivered under the award."""
    values: dict[str, Any] = {
        "agency": account_id(AGENCY),
        "fund": FUND,
        "asset_class": BRIDGES,
        "cost": COST,
        "acquired": ACQUIRED,
        "life_months": LIFE,
        "place": "GB-LND",
        "award": AWARD,
        "serial": None,
    }
    return EnterHolding(holding=tag, **{**values, **fields})


def a_move(receiver: str = "custodian-2", tag: str = TAG) -> MoveHolding:
    """To another custodian, elsewhere."""
    return MoveHolding(account_id(AGENCY), tag, account_id(receiver), "GB-MAN")


def an_impairment(amount: int, *members: str, tag: str = TAG) -> ImpairHolding:
    """Of so much; these members sign too."""
    ids = tuple(account_id(name) for name in members)
    return ImpairHolding(account_id(AGENCY), tag, amount, None, ids)


def a_disposal(*members: str, tag: str = TAG, **fields: Any) -> DisposeOfHolding:  # noqa: ANN401
    """Scrapped for nothing; these members sign too."""
    values: dict[str, Any] = {
        "agency": account_id(AGENCY),
        "holding": tag,
        "method": DisposalMethod.SCRAPPED,
        "proceeds": 0,
        "buyer": None,
        "record": None,
        "with_members": tuple(account_id(name) for name in members),
    }
    return disposals.DisposeOfHolding(**{**values, **fields})


def a_sale(proceeds: int, *members: str, tag: str = TAG) -> DisposeOfHolding:
    """The buyer pays so much."""
    return a_disposal(
        *members,
        tag=tag,
        method=DisposalMethod.SOLD,
        proceeds=proceeds,
        buyer=account_id("buyer"),
    )


def a_finding(
    finding: Finding = Finding.SEEN, tag: str = TAG, count: CountCode = COUNT
) -> Operation:
    """What a counter says."""
    return counts.CountHolding(account_id(AGENCY), count, tag, finding, "GB-LND", None)
