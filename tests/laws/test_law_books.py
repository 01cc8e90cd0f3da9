"""The law of the books: whatever is done in whatever order, money is neither made nor lost.

Beside a real chain stands a schoolbook: dictionaries and sums. Every act is done or refused as the
schoolbook says, and after every block

- the balances of all accounts sum up to the supply;
- what is held of a balance is the sum of its holds, and no hold outlives its time;
- what is not held never falls below the floor;
- nothing left a frozen account, and no more than its limit left a limited one.
"""

from dataclasses import dataclass
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from kit.ledger import GBP, TREASURY_BALANCE, account_id, pay
from kit.purses import HOUR, begin, give, promise
from ledger import books
from ledger.books import Holding
from ledger.holds import HOLDS, HoldId
from ledger.operation import Operation
from ledger.restraints import RESTRAINTS, PeriodBound
from ledger.state import Overlay
from primitives.ids import INTEGER_MAX, Digest, TimeMs
from services.money import Issue, Retire
from services.money.holds import CaptureHold, ReleaseHold
from services.money.restraints import FreezeAccount, SetLimit, ThawAccount

FLOORS = {"treasury": 0, "health": 0, "works": 0, "limited": -100, "vendor": -INTEGER_MAX}
KEPT = ("limited", "vendor")
accounts = st.sampled_from(tuple(FLOORS))
amounts = st.one_of(
    st.integers(1, 200), st.sampled_from(("free", "more", "whole", INTEGER_MAX - 100, INTEGER_MAX))
)
"""Or what the payer can spend, one more, or all that it has."""
payers = st.sampled_from(("health", "works", "health", "works", "treasury", "limited", "vendor"))
restrained = st.sampled_from(("health", "works"))
spans = st.sampled_from((2_000, 5_000, HOUR))


@dataclass
class Promise:
    """A hold as the schoolbook has it."""

    id: HoldId
    payer: str
    to: str
    left: int
    until: int


class Books(RuleBasedStateMachine):
    """Acts in any order, each in a block of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.chain = begin()
        self.has = dict.fromkeys(FLOORS, 0) | {"treasury": TREASURY_BALANCE - 500}
        self.supply = TREASURY_BALANCE
        for name, amount in (("health", 300), ("works", 200)):
            give(self.chain, name, amount)
            self.has[name] = amount
        self.promises: list[Promise] = []
        self.frozen: dict[str, int] = {}
        self.bounds: dict[str, int] = {}
        self.left_in: dict[tuple[str, int], int] = {}
        self.number = 0
        self.expired = 0
        # What rules meet on: something is promised, and somebody is limited, from the start.
        self.place("health", "works", 100, HOUR)
        self.place("vendor", "health", 50, HOUR)
        self.restrain("works", HOUR, 150, 2)

    # the schoolbook

    @property
    def now(self) -> int:
        """The time of the next block."""
        return self.chain.time_ms + 1_000

    def held(self, name: str) -> int:
        return sum(each.left for each in self.promises if each.payer == name)

    def amount_of(self, name: str, amount: int | str) -> int:
        free = self.has[name] - self.held(name) - FLOORS[name]
        words = {"free": free, "more": free + 1, "whole": self.has[name]}
        return min(max(words[amount] if isinstance(amount, str) else amount, 1), INTEGER_MAX)

    def may_leave(self, name: str, amount: int) -> bool:
        bound = self.bounds.get(name)
        return (
            self.has[name] - self.held(name) - amount >= FLOORS[name]
            and self.now >= self.frozen.get(name, 0)
            and (bound is None or self.spent(name) + amount <= bound)
        )

    def spent(self, name: str) -> int:
        return self.left_in.get((name, self.now // HOUR), 0)

    def leaves(self, name: str, amount: int) -> None:
        if name in self.bounds:
            self.left_in[name, self.now // HOUR] = self.spent(name) + amount

    # what is done

    def does(self, actor: str, operation: Operation, *, expected: bool) -> Any:  # noqa: ANN401
        signer = "health" if actor in KEPT else actor
        before = dict(self.chain.state.rows)
        tx = self.chain.check(self.chain.body((actor, operation)), signer)
        receipt = self.chain.block(tx)[-1]
        assert (receipt.refusal is None) == expected, receipt.refusal
        if not expected and not self.expired:
            changed = {slot for slot, _ in self.chain.state.rows.items() ^ before.items()}
            assert {number for number, _ in changed} <= {10}, "a refusal leaves no trace"
        return receipt.events

    def expire(self) -> None:
        """What the next block does before anything else."""
        kept = [each for each in self.promises if each.until > self.now]
        self.expired = len(self.promises) - len(kept)
        self.promises = kept

    @rule(to=accounts, amount=amounts, back=st.booleans())
    def mint(self, to: str, amount: int | str, back: bool) -> None:  # noqa: FBT001 - drawn
        self.expire()
        self.number += 1
        reference = f"{self.number}"
        if back:
            amount = self.amount_of("treasury", amount)
            may = self.may_leave("treasury", amount) and amount <= self.supply
            self.does("treasury", Retire(GBP, amount, reference), expected=may)
            to, change = "treasury", -amount
        else:
            change = amount = self.amount_of(to, amount)
            may = max(self.supply, self.has[to]) + amount <= INTEGER_MAX
            self.does("treasury", Issue(GBP, account_id(to), amount, reference), expected=may)
        if may:
            self.supply += change
            self.has[to] += change

    @rule(payer=payers, to=accounts, amount=amounts)
    def transfer(self, payer: str, to: str, amount: int | str) -> None:
        self.expire()
        self.number += 1
        amount = self.amount_of(payer, amount)
        may = payer != to and self.has[to] + amount <= INTEGER_MAX and self.may_leave(payer, amount)
        self.does(payer, pay(to, amount, f"{self.number}"), expected=may)
        if may:
            self.leaves(payer, amount)
            self.has[payer] -= amount
            self.has[to] += amount

    @rule(payer=payers, to=accounts, amount=amounts, span=spans)
    def place(self, payer: str, to: str, amount: int | str, span: int) -> None:
        self.expire()
        amount, held = self.amount_of(payer, amount), self.held(payer)
        may = payer != to and held + amount <= INTEGER_MAX and self.may_leave(payer, amount)
        operation = promise(self.chain, to, amount, after_ms=span)
        until = self.now + span
        events = self.does(payer, operation, expected=may)
        if may:
            self.leaves(payer, amount)
            self.promises.append(Promise(events[0].hold, payer, to, amount, until))

    @precondition(lambda self: self.promises)
    @rule(data=st.data(), amount=st.integers(1, 200), whole=st.booleans())
    def capture(self, data: st.DataObject, amount: int, whole: bool) -> None:  # noqa: FBT001
        each = data.draw(st.sampled_from(self.promises))
        self.expire()
        amount = each.left if whole else amount
        may = (
            each in self.promises
            and amount <= each.left
            and self.has[each.to] + amount <= INTEGER_MAX
            and self.now >= self.frozen.get(each.payer, 0)
        )
        self.does(each.to, CaptureHold(each.id, amount), expected=may)
        if may:
            each.left -= amount
            self.has[each.payer] -= amount
            self.has[each.to] += amount
            self.promises = [other for other in self.promises if other.left]

    @precondition(lambda self: self.promises)
    @rule(data=st.data(), by=accounts)
    def release(self, data: st.DataObject, by: str) -> None:
        each = data.draw(st.sampled_from(self.promises))
        self.expire()
        may = each in self.promises and by == each.to
        self.does(by, ReleaseHold(each.id), expected=may)
        if may:
            self.promises.remove(each)

    @rule(name=restrained, span=spans, bound=st.integers(50, 300), what=st.integers(0, 2))
    def restrain(self, name: str, span: int, bound: int, what: int) -> None:
        self.expire()
        account = account_id(name)
        if what == 0:
            until = TimeMs(self.now + span)
            operation = FreezeAccount(account, "inquiry", Digest(bytes(32)), until)
            self.does("judge", operation, expected=True)
            self.frozen[name] = until
        elif what == 1:
            frozen = self.now < self.frozen.get(name, 0)
            self.does("judge", ThawAccount(account, "error"), expected=frozen)
            self.frozen.pop(name, None)
        else:
            limit = SetLimit(account, GBP, None, PeriodBound(bound, HOUR))
            self.does("supervisor", limit, expected=True)
            self.bounds[name] = bound

    @rule(span=spans)
    def wait(self, span: int) -> None:
        self.chain.time_ms = TimeMs(self.chain.time_ms + span)
        self.expire()
        self.chain.block()

    # what always holds

    @invariant()
    def the_chain_is_as_the_schoolbook_says(self) -> None:
        overlay = Overlay(self.chain.state)
        rows = {name: books.holding_of(overlay, Holding(account_id(name), GBP)) for name in FLOORS}
        assert {name: row.amount for name, row in rows.items()} == self.has
        assert {name: row.held for name, row in rows.items()} == {
            name: self.held(name) for name in FLOORS
        }
        assert sum(row.amount for row in rows.values()) == self.supply
        assert books.supply_of(overlay, GBP) == self.supply
        assert all(row.amount - row.held >= FLOORS[name] for name, row in rows.items())
        holds = {
            HoldId(key): HOLDS.decode(value).amount
            for (number, key), value in self.chain.state.rows.items()
            if number == HOLDS.number
        }
        assert holds == {each.id: each.left for each in self.promises}
        for name, bound in self.bounds.items():
            row = overlay[RESTRAINTS].find(account_id(name))
            assert row is not None
            (limit,) = row.limits
            now = self.chain.time_ms
            assert limit.per_period == PeriodBound(bound, HOUR)
            assert limit.spent_at(now) == self.left_in.get((name, now // HOUR), 0)


TestLawOfTheBooks = Books.TestCase
TestLawOfTheBooks.settings = settings(max_examples=80, stateful_step_count=30, deadline=None)
