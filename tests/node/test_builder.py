"""The builder's policy: what it takes, when it stops, and what it throws out (rule R34)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import count
from typing import Any

import pytest

from kit.ledger import GBP, GENESIS_TIME, account_id, genesis_document, key, pay
from ledger.act import Act
from ledger.books import BALANCES, Balance, Holding
from ledger.genesis import genesis_block
from ledger.operation import Operation
from ledger.parameters import DEFAULTS
from ledger.transaction import (
    Body,
    Call,
    CheckedTransaction,
    Transaction,
    check_transaction,
    sign_body,
)
from node.builder import Built, Task, build, transactions_limit
from node.execution import execute, read_parent
from node.mempool import Mempool
from primitives import limits
from primitives.block import body_bytes
from primitives.codec import encode
from primitives.ids import ChainId, TimeMs, ValidatorKey, View
from services.money import Transfer
from storage.chain import ChainStore, install_genesis
from storage.decision import Genesis
from storage.memory import MemoryKeyValue

NOW = TimeMs(GENESIS_TIME + 5_000)


class Poison(Operation, tag="test.poison", frozen=True):
    """A rule with a bug."""

    number: int

    def apply(self, _act: Act) -> None:
        raise ZeroDivisionError(self.number)


class Forge(Operation, tag="test.forge", frozen=True):
    """A rule that makes money from nothing: no call fails, the block does."""

    amount: int

    def apply(self, act: Act) -> None:
        balances, holding = act.state[BALANCES], Holding(act.actor, GBP)
        row = balances.find(holding)
        assert row is not None
        balances[holding] = Balance(row.amount + self.amount, row.held)


KIND = Transaction[Transfer | Poison | Forge]


class Desk:
    """A chain at its genesis, and what somebody wants to be built on it."""

    def __init__(self) -> None:
        begun = genesis_block(genesis_document())
        self.chain = ChainId(begun.chain)
        self.store: ChainStore = install_genesis(
            MemoryKeyValue(),
            Genesis(
                header=begun.header,
                state_writes=begun.execution.state_writes,
                node_writes=begun.execution.node_writes,
            ),
        )
        self.mempool = Mempool()
        self._salts = count()

    def wants(self, operation: Operation, *, until: int = NOW + 60_000) -> CheckedTransaction:
        body: Body[Operation] = Body(
            chain=self.chain,
            valid_until=TimeMs(until),
            salt=next(self._salts).to_bytes(16, "big"),
            calls=(Call(account_id("treasury"), operation),),
        )
        tx = check_transaction(encode(sign_body(body, [key("treasury")])), self.chain, KIND)
        self.mempool.add(tx)
        return tx

    def pays(self, number: int, **fields: Any) -> CheckedTransaction:  # noqa: ANN401
        return self.wants(pay("works", 1, f"line {number}"), **fields)

    def build(
        self,
        *,
        most: int = limits.BLOCK_TRANSACTIONS_MAX,
        budget_ms: int = 125,
        clock: Callable[[], float] = lambda: 0.0,
    ) -> Built:
        head = self.store.head()
        with self.store.state() as state:
            task = Task(
                parent=read_parent(state, self.chain, head.header, head.block_id),
                time_ms=NOW,
                proposer=ValidatorKey(key("validator 0").public),
                transactions_max=most,
                budget_ms=budget_ms,
            )
            built = build(state, self.mempool, task, clock)
            # What it says is what everybody else finds.
            checked = execute(state, task.parent, built.body)
        assert checked.state_root == built.body.block.header.state_root
        return built


def taken(built: Built) -> list[CheckedTransaction]:
    return list(built.body.transactions)


def test_it_takes_what_waits_in_order() -> None:
    """And leaves it in the mempool until it is decided."""
    desk = Desk()
    transactions = [desk.pays(number) for number in range(5)]

    assert taken(desk.build()) == transactions
    assert list(desk.mempool) == transactions


def test_an_empty_mempool_gives_an_empty_block() -> None:
    """Whether that is proposed is the engine's question."""
    assert taken(Desk().build()) == []


@pytest.mark.parametrize("most", [0, 1, 4, 5])
def test_it_stops_at_the_count(most: int) -> None:
    """Not one more."""
    desk = Desk()
    transactions = [desk.pays(number) for number in range(5)]

    assert taken(desk.build(most=most)) == transactions[:most]


def test_it_stops_at_the_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    """The next one would be too much; a smaller one behind it waits its turn."""
    desk = Desk()
    large = [desk.wants(pay("works", 1, f"{n}", description="x" * 140)) for n in range(3)]
    size = len(large[0].data)
    small = desk.pays(3)
    assert len(small.data) < size

    monkeypatch.setattr(limits, "BLOCK_BYTES_MAX", 2 * size)
    at_the_bound = desk.build()
    monkeypatch.setattr(limits, "BLOCK_BYTES_MAX", 3 * size - 1)
    below = desk.build()

    assert taken(at_the_bound) == taken(below) == large[:2]
    assert body_bytes([tx.data for tx in taken(below)]) == 2 * size


def ticking(step_s: float) -> Callable[[], float]:
    times: Iterator[float] = (number * step_s for number in count())
    return lambda: next(times)


def test_it_stops_when_its_time_is_over() -> None:
    """A clock that gains 10 ms at each look, and 45 ms to build."""
    desk = Desk()
    transactions = [desk.pays(number) for number in range(20)]

    built = desk.build(budget_ms=45, clock=ticking(0.010))

    assert taken(built) == transactions[:4]


def test_all_attempts_share_one_deadline() -> None:
    """A mempool full of poison costs the time of one block, not one time for each."""
    desk = Desk()
    for number in range(50):
        desk.wants(Poison(number))
    looks = count()

    def clock() -> float:
        return next(looks) * 0.010

    desk.build(budget_ms=45, clock=clock)

    assert next(looks) <= 8


@pytest.mark.parametrize(
    ("view", "validators", "most"),
    [
        (0, 4, 5_000),
        (1, 4, 5_000),
        (2, 4, 2_500),
        (3, 4, 2_500),
        (4, 4, 1_250),
        (24, 4, 1),
        (26, 4, 0),
        (2**31 - 1, 4, 0),
        (1, 1, 2_500),
        (2, 7, 5_000),
        (3, 7, 2_500),
    ],
)
def test_later_views_take_less_and_in_the_end_nothing(
    view: int, validators: int, most: int
) -> None:
    """Half every f + 1 views."""
    assert transactions_limit(View(view), validators, limits.BLOCK_TRANSACTIONS_MAX) == most


def test_a_poisonous_transaction_is_thrown_out_and_the_block_is_built() -> None:
    """Wherever it stands."""
    desk = Desk()
    before, poison, after = desk.pays(1), desk.wants(Poison(1)), desk.pays(2)
    second = desk.wants(Poison(2))

    built = desk.build()

    assert taken(built) == [before, after]
    assert poison.id not in desk.mempool
    assert second.id not in desk.mempool


@pytest.mark.parametrize("place", [0, 1, 5, 9])
def test_a_transaction_that_spoils_the_whole_block_is_closed_in_on(place: int) -> None:
    """What stands in front of it is built; alone it is thrown out; no block is lost over it."""
    desk = Desk()
    good = [desk.pays(number) for number in range(place)]
    forged = desk.wants(Forge(1))
    good += [desk.pays(number) for number in range(place, 9)]

    done: list[CheckedTransaction] = []
    for _ in range(10):
        new = taken(desk.build())
        done += new
        desk.mempool.drop([tx.id for tx in new])

    assert forged.id not in desk.mempool
    assert done == good


def test_expired_ones_leave_and_early_ones_stay() -> None:
    """At the bounds of the window, and a millisecond beyond."""
    desk = Desk()
    expired = desk.pays(1, until=NOW - 1)
    last = desk.pays(2, until=NOW)
    first = desk.pays(3, until=NOW + DEFAULTS.window_ms)
    early = desk.pays(4, until=NOW + DEFAULTS.window_ms + 1)

    built = desk.build()

    assert taken(built) == [last, first]
    assert expired.id not in desk.mempool
    assert early.id in desk.mempool


def test_a_refused_transaction_stands_in_the_block_with_its_receipt() -> None:
    """Whoever wrote it learns why; it is not tried for ever."""
    desk = Desk()
    fine = desk.pays(1)
    again = desk.wants(pay("works", 1, "line 1"))

    built = desk.build()

    assert taken(built) == [fine, again]
    assert len(built.execution.receipts) == 2
