"""The law of lots: however money is passed on, nobody passes on what he has not.

A schoolbook of dictionaries keeps who has how much of which payment. Payments go between any
accounts, out of any lot or none; each must be done or refused as the schoolbook says, and the
shares of every lot sum up to what was paid first.
"""

from collections import Counter

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from kit.ledger import GBP, Chain, account_id, pay
from kit.purses import begin
from ledger.books import Line
from ledger.lots import LotTooSmall, UnknownLot, lot_of, share_of
from ledger.receipt import Outcome
from ledger.state import Overlay
from services.money import Transfer

NAMES = ("treasury", "health", "works")
NAME = st.sampled_from(NAMES)
LOT = st.integers(-1, 6)
"""Which of the payments so far, by its number; -1 is none."""
AMOUNT = st.integers(1, 12)


class Hands(RuleBasedStateMachine):
    """Three accounts that pay each other."""

    @initialize()
    def found(self) -> None:
        """Everybody has money enough: what is refused is refused for the lot alone."""
        self.chain: Chain = begin()
        for name in NAMES[1:]:
            [receipt] = self.chain.block(self.chain.act("treasury", pay(name, 1_000_000, name)))
            assert receipt.outcome is Outcome.APPLIED
        self.lots: list[tuple[str, int]] = []
        self.shares: dict[str, Counter[str]] = {}
        self.count = 0

    @rule(payer=NAME, lines=st.lists(st.tuples(NAME, AMOUNT, LOT), min_size=1, max_size=3))
    def pays(self, payer: str, lines: list[tuple[str, int, int]]) -> None:
        """Some lines at once, each out of a lot or of nothing."""
        named = [(to, amount, self._lot(lot)) for to, amount, lot in lines if to != payer]
        if not named:
            return
        made, begun = [], []
        for to, amount, lot in named:
            self.count += 1
            made.append(Line(account_id(to), amount, f"p/{self.count}", "", None, lot))
            begun.append((lot_of(account_id(payer), f"p/{self.count}"), to, amount))
        after = {lot: Counter(shares) for lot, shares in self.shares.items()}
        allowed = True
        for to, amount, lot in named:
            if lot is not None:
                allowed = allowed and after[lot][payer] >= amount
                after[lot][payer] -= amount
                after[lot][to] += amount

        [receipt] = self.chain.block(self.chain.act(payer, Transfer(GBP, tuple(made))))

        assert (receipt.outcome is Outcome.APPLIED) == allowed, receipt.refusal
        if not allowed:
            assert isinstance(receipt.refusal, LotTooSmall)
            return
        self.shares = after
        for name, to, amount in begun:
            self.lots.append((name, amount))
            self.shares[name] = Counter({to: amount})

    @rule(payer=NAME, to=NAME)
    def names_a_payment_that_was_not_made(self, payer: str, to: str) -> None:
        """It is refused, whoever says it."""
        if payer != to:
            line = Line(account_id(to), 1, "never", "", None, lot_of(account_id(to), "never"))
            [receipt] = self.chain.block(self.chain.act(payer, Transfer(GBP, (line,))))
            assert isinstance(receipt.refusal, UnknownLot)

    def _lot(self, number: int) -> str | None:
        return None if number < 0 or not self.lots else self.lots[number % len(self.lots)][0]

    @invariant()
    def shares_are_those_of_the_schoolbook(self) -> None:
        """And sum up to what was paid first."""
        if not hasattr(self, "chain"):
            return
        state = Overlay(self.chain.state)
        for lot, paid in self.lots:
            found = {name: share_of(state, lot, account_id(name)) for name in NAMES}
            assert found == {name: self.shares[lot][name] for name in NAMES}
            assert sum(found.values()) == paid


Hands.TestCase.settings = settings(max_examples=15, stateful_step_count=12, deadline=None)
TestHands = Hands.TestCase
