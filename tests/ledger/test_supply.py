"""Money is neither made nor lost: not by the rules, and not by a rule with a bug."""

from typing import Any, Union

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kit.ledger import (
    GBP,
    TREASURY_BALANCE,
    Chain,
    account_id,
    genesis_document,
    line,
    running_account,
)
from ledger import books, views
from ledger.act import Act
from ledger.agenda import AgendaKey
from ledger.books import BALANCES, SUPPLIES, Balance, Holding, Supply
from ledger.holds import HOLDS, Hold, HoldId
from ledger.operation import Operation
from ledger.transaction import Transaction
from primitives.ids import INTEGER_MAX, Digest, TimeMs
from services import money
from services.money import Transfer


class Mint(Operation, tag="test.mint", frozen=True):
    """A rule with a bug: it pays out of nothing."""

    amount: int

    def apply(self, act: Act) -> None:
        held = books.balance_of(act.state, act.actor, GBP)
        act.state[BALANCES][Holding(act.actor, GBP)] = Balance(held + self.amount, 0)


class Burn(Operation, tag="test.burn", frozen=True):
    """A rule with a bug: a balance is gone."""

    def apply(self, act: Act) -> None:
        del act.state[BALANCES][Holding(act.actor, GBP)]


class Issue(Operation, tag="test.issue", frozen=True):
    """A rule as it should be: supply and balance rise together."""

    amount: int

    def apply(self, act: Act) -> None:
        supply = act.state[SUPPLIES].find(GBP)
        assert supply is not None
        act.state[SUPPLIES][GBP] = Supply(supply.amount + self.amount)
        Mint(self.amount).apply(act)


class Seize(Operation, tag="test.seize", frozen=True):
    """A rule with a bug: money is held for nobody."""

    def apply(self, act: Act) -> None:
        held = books.holding_of(act.state, Holding(act.actor, GBP))
        act.state[BALANCES][Holding(act.actor, GBP)] = Balance(held.amount, held.held + 1)


class Forge(Operation, tag="test.forge", frozen=True):
    """A rule with a bug: a hold of money that is not held."""

    def apply(self, act: Act) -> None:
        until = AgendaKey(TimeMs(0), Digest(bytes(32)))
        hold = Hold(act.actor, GBP, 1, act.actor, None, None, TimeMs(0), until)
        act.state[HOLDS][HoldId(bytes(32))] = hold


KIND: Any = Transaction[Union[Transfer, Mint, Burn, Issue, Seize, Forge]]  # noqa: UP007 # a value
HOLDERS = ("treasury", "health", "works", "registrar")


def begin() -> Chain:
    chain = Chain.begin()
    chain.kind = KIND
    return chain


@pytest.mark.parametrize("bug", [Mint(1), Burn()])
def test_a_rule_that_makes_or_loses_money_stops_the_block(bug: Operation) -> None:
    """No receipt and no root come out of it."""
    chain = begin()
    run = chain.run()
    run.apply(chain.act("treasury", bug))

    with pytest.raises(AssertionError, match=r"drift apart by \{'GBP': "):
        run.finish()


@pytest.mark.parametrize("bug", [Seize(), Forge()])
def test_what_is_held_and_its_holds_are_one(bug: Operation) -> None:
    """Neither without the other comes out of a block."""
    chain = begin()
    run = chain.run()
    run.apply(chain.act("treasury", bug))

    with pytest.raises(AssertionError, match="holds and what is held drift apart by"):
        run.finish()


def test_the_law_is_about_what_a_block_leaves_behind() -> None:
    """Two bugs that cancel out are seen by nobody."""
    chain = begin()

    chain.block(chain.act("treasury", Mint(5), Mint(-5)))

    assert views.balances(chain.state, account_id("treasury"), limit=9) == {GBP: TREASURY_BALANCE}


def test_supply_and_balance_may_rise_together() -> None:
    """The law is equality, not standstill."""
    chain = begin()

    chain.block(chain.act("health", Issue(7)))

    assert views.supply(chain.state, GBP) == TREASURY_BALANCE + 7
    assert views.balances(chain.state, account_id("health"), limit=9) == {GBP: 7}


payments = st.lists(
    st.tuples(
        st.sampled_from(HOLDERS),
        st.lists(
            st.tuples(
                st.sampled_from((*HOLDERS, "stranger")),
                st.integers(1, TREASURY_BALANCE),
                st.integers(0, 12),
            ),
            min_size=1,
            max_size=3,
        ),
    ),
    max_size=12,
)


@given(payments, st.integers(1, 4))
def test_no_series_of_transfers_changes_what_there_is(
    series: list[tuple[str, list[tuple[str, int, int]]]], per_block: int
) -> None:
    """Nor lets a balance fall below zero, nor breaks a receipt's word."""
    chain = begin()
    expected = {name: TREASURY_BALANCE if name == "treasury" else 0 for name in HOLDERS}
    txs = [
        (
            payer,
            lines,
            chain.act(payer, Transfer(GBP, tuple(line(t, a, f"{r}") for t, a, r in lines))),
        )
        for payer, lines in series
    ]
    for start in range(0, len(txs), per_block):
        batch = txs[start : start + per_block]
        receipts = chain.block(*(tx for _, _, tx in batch))
        for (payer, lines, _), receipt in zip(batch, receipts, strict=True):
            if receipt.refusal is None:
                for to, amount, _ in lines:
                    expected[payer] -= amount
                    expected[to] += amount

    held = {n: views.balances(chain.state, account_id(n), limit=9).get(GBP, 0) for n in HOLDERS}
    assert held == expected
    assert min(held.values()) >= 0
    assert sum(held.values()) == views.supply(chain.state, GBP) == TREASURY_BALANCE


FLOORS = {"treasury": 0, "health": 0, "works": 0, "limited": -100, "vendor": -INTEGER_MAX}
"""The lowest balance of each account; the last two have no keys, and health keeps them."""
amounts = st.one_of(
    st.integers(1, 200),
    st.integers(1, INTEGER_MAX),
    st.sampled_from((TREASURY_BALANCE, INTEGER_MAX - TREASURY_BALANCE, INTEGER_MAX)),
)
parties = st.sampled_from(tuple(FLOORS))
acts = st.lists(
    st.one_of(
        st.tuples(st.just("pay"), parties, st.lists(st.tuples(parties, amounts), min_size=1)),
        st.tuples(st.just("issue"), parties, amounts),
        st.tuples(st.just("retire"), st.just("treasury"), amounts),
    ),
    max_size=15,
)


class Model:
    """The books as a schoolbook has them: an act that breaks a rule did not happen."""

    def __init__(self) -> None:
        self.held = dict.fromkeys(FLOORS, 0) | {"treasury": TREASURY_BALANCE}
        self.supply = TREASURY_BALANCE

    def does(self, act: tuple[Any, ...]) -> bool:
        held, supply = dict(self.held), self.supply
        match act:
            case ("pay", payer, lines):
                for to, amount in lines:
                    held[payer] -= amount
                    held[to] += amount
                    if to == payer or held[to] > INTEGER_MAX or held[payer] < FLOORS[payer]:
                        return False
            case ("issue", to, amount):
                held[to], supply = held[to] + amount, supply + amount
            case ("retire", issuer, amount):
                held[issuer], supply = held[issuer] - amount, supply - amount
        if not 0 <= supply <= INTEGER_MAX or max(held.values()) > INTEGER_MAX:
            return False
        if any(held[name] < floor for name, floor in FLOORS.items()):
            return False
        self.held, self.supply = held, supply
        return True


def operation_of(act: tuple[Any, ...], number: int) -> tuple[str, Operation]:
    """Who acts, and what."""
    match act:
        case ("pay", payer, lines):
            made = (line(to, n, f"{number}/{i}") for i, (to, n) in enumerate(lines))
            return payer, Transfer(GBP, tuple(made))
        case ("issue", to, amount):
            return "treasury", money.Issue(GBP, account_id(to), amount, f"{number}")
        case (_, _, amount):
            return "treasury", money.Retire(GBP, amount, f"{number}")
    raise AssertionError(act)


@given(acts, st.integers(1, 4))
def test_with_issue_and_debts_the_balances_still_sum_up_to_the_supply(
    series: list[tuple[Any, ...]], per_block: int
) -> None:
    """Each act is applied or refused as the schoolbook says; a refused one leaves no trace."""
    kept = [
        running_account("vendor", "health"),
        running_account("limited", "health", floor=FLOORS["limited"]),
    ]
    chain, model = Chain.begin(genesis_document(accounts=kept)), Model()
    for start in range(0, len(series), per_block):
        batch = series[start : start + per_block]
        txs = []
        for number, act in enumerate(batch, start):
            actor, operation = operation_of(act, number)
            signer = "health" if actor in ("vendor", "limited") else actor
            txs.append(chain.check(chain.body((actor, operation)), signer))
        receipts = chain.block(*txs)
        for act, receipt in zip(batch, receipts, strict=True):
            assert model.does(act) == (receipt.refusal is None), receipt.refusal

        held = {n: views.balance(chain.state, account_id(n), GBP) for n in FLOORS}
        assert held == model.held
        assert sum(held.values()) == views.supply(chain.state, GBP) == model.supply
        assert all(held[name] >= floor for name, floor in FLOORS.items())
