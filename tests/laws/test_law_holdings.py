"""The law of holdings: the register, the books of classes and the ledger accounts never disagree.

Beside a real chain stands a schoolbook that knows no rates and no plan: it charges every holding by
itself, month after month. Whatever is entered, impaired, disposed of, handed over and counted in
whatever order, after every act

- each holding has used up what the schoolbook says, never more than it cost, and never less than
  before;
- the sums of the register are the property accounts of the fund, and the books of the classes;
- the trial balance is balanced, and what a fund spent on property is in it once.
"""

from __future__ import annotations

from dataclasses import dataclass

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from kit.holdings import Estate, a_disposal, a_finding, a_holding, a_move, a_sale, an_impairment
from kit.ledger import account_id
from kit.treasury import AGENCY
from services.treasury import chart
from services.treasury.counts import Finding, OpenCount
from services.treasury.holdings import HoldingStatus
from services.treasury.period import after, later, months_between

CLASSES = ("61122", "61113")
KEEPERS = ("custodian", "custodian-2")


@dataclass
class Thing:
    """A holding as the schoolbook has it: what is charged in each month that is left."""

    asset_class: str
    cost: int
    charges: list[int]
    begins: str
    keeper: str
    used_up: int = 0
    gone: bool = False

    def month(self, month: str) -> None:
        """A month begins."""
        if not self.gone and month >= self.begins and self.charges:
            self.used_up += self.charges.pop(0)


def parts(amount: int, months: int) -> list[int]:
    """Equal parts, and in the last what does not divide."""
    if not months:
        return []
    return [amount // months] * (months - 1) + [amount - amount // months * (months - 1)]


class Holdings(RuleBasedStateMachine):
    """Acts in any order, each in a block of its own."""

    def __init__(self) -> None:
        super().__init__()
        world = Estate.with_delivery()
        assert isinstance(world, Estate)
        self.world = world
        self.things: dict[str, Thing] = {}
        self.counts = 0
        self.before: dict[str, int] = {}
        self.expense = world.on("610000")
        self.enter(asset_class="61113", cost=100, life=7, age=0, awarded=True)

    def some(self, pick: int) -> str | None:
        there = [tag for tag, thing in self.things.items() if not thing.gone]
        return there[pick % len(there)] if there else None

    @rule(
        asset_class=st.sampled_from(CLASSES),
        cost=st.integers(1, 500),
        life=st.integers(0, 6),
        age=st.integers(0, 8),
        awarded=st.booleans(),
    )
    def enter(self, asset_class: str, cost: int, life: int, age: int, *, awarded: bool) -> None:
        """A new one, or one that is months old."""
        tag, month = f"T-{len(self.things)}", self.world.month
        acquired = later(month, -age)
        given = {} if awarded else {"award": None}
        self.world.does(
            "custodian",
            a_holding(
                tag,
                asset_class=asset_class,
                cost=cost,
                life_months=life,
                acquired=f"{acquired}-01",
                **given,
            ),
        )
        thing = Thing(asset_class, cost, parts(cost, life), after(acquired), "custodian")
        for number in range(months_between(acquired, month)):
            thing.month(later(acquired, number + 1))
        self.things[tag] = thing
        self.expense -= cost if awarded else 0

    @rule(months=st.integers(1, 3))
    def time_passes(self, months: int) -> None:
        """One first moment of a month after the other."""
        for _ in range(months):
            self.world.months_pass(1)
            for thing in self.things.values():
                thing.month(self.world.month)

    @precondition(lambda self: self.some(0))
    @rule(pick=st.integers(0, 9), amount=st.integers(1, 500))
    def impair(self, pick: int, amount: int) -> None:
        """The rest is spread over what is left; more than there is cannot be lost."""
        tag = self.some(pick)
        assert tag is not None
        thing = self.things[tag]
        act = an_impairment(amount, "member-2", tag=tag)
        if amount > thing.cost - thing.used_up:
            self.world.refused("member", act, with_=("member-2",))
            return
        self.world.does("member", act, with_=("member-2",))
        thing.used_up += amount
        thing.charges = parts(thing.cost - thing.used_up, len(thing.charges))

    @precondition(lambda self: self.some(0))
    @rule(pick=st.integers(0, 9), proceeds=st.sampled_from((0, 1, 100, 700)))
    def dispose(self, pick: int, proceeds: int) -> None:
        """Scrapped or sold."""
        tag = self.some(pick)
        assert tag is not None
        act = a_sale(proceeds, "member-2", tag=tag) if proceeds else a_disposal("member-2", tag=tag)
        self.world.does("member", act, with_=("member-2", "buyer") if proceeds else ("member-2",))
        self.things[tag].gone = True

    @precondition(lambda self: self.some(0))
    @rule(pick=st.integers(0, 9))
    def hand_over(self, pick: int) -> None:
        """To the other custodian."""
        tag = self.some(pick)
        assert tag is not None
        thing = self.things[tag]
        (receiver,) = set(KEEPERS) - {thing.keeper}
        self.world.does(thing.keeper, a_move(receiver, tag), with_=(receiver,))
        thing.keeper = receiver

    @precondition(lambda self: self.some(0))
    @rule(pick=st.integers(0, 9), finding=st.sampled_from(Finding))
    def count(self, pick: int, finding: Finding) -> None:
        """In a count of its own; what is missing is used up all the same."""
        tag, code = self.some(pick), f"count-{self.counts}"
        assert tag is not None
        self.counts += 1
        self.world.does(
            "counter", OpenCount(account_id(AGENCY), code), a_finding(finding, tag, code)
        )
        missing = self.world.holding(tag).status is HoldingStatus.MISSING
        assert missing == (finding is Finding.MISSING)

    @invariant()
    def every_holding_has_used_up_what_the_schoolbook_says(self) -> None:
        """Never more than it cost, never less than before."""
        for tag, thing in self.things.items():
            if thing.gone:
                assert self.world.holding(tag).disposal is not None
                continue
            used_up = self.world.used_up(tag)
            assert used_up == thing.used_up
            assert self.before.get(tag, 0) <= used_up <= thing.cost
            self.before[tag] = used_up

    @invariant()
    def the_register_is_the_ledger(self) -> None:
        """And the books of the classes; in balance."""
        kept = [thing for thing in self.things.values() if not thing.gone]
        world = self.world
        assert world.property_at_cost() == sum(thing.cost for thing in kept)
        assert world.accumulated() == sum(thing.used_up for thing in kept)
        assert world.on("610000") == self.expense
        assert chart.imbalance(world.fund().totals) == (0, 0)
        for code in {thing.asset_class for thing in self.things.values()}:
            book = world.book(code)
            mine = [thing for thing in kept if thing.asset_class == code]
            assert book.holdings == len(mine)
            assert book.entered - book.disposed == sum(thing.cost for thing in mine)
            accumulated = book.charged + book.impaired - book.written_off
            assert accumulated == sum(thing.used_up for thing in mine)
            assert book.rate >= 0


Holdings.TestCase.settings = settings(max_examples=30, stateful_step_count=25)
TestHoldings = Holdings.TestCase
