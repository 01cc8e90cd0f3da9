"""What waits: in order, once, within bounds, until it is final or expired."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from kit.ledger import account_id, pay
from ledger.operation import Operation
from ledger.transaction import Body, Call, CheckedTransaction, Transaction, transaction_id
from node.mempool import FULL, QUOTA_EXCEEDED, Mempool
from primitives import limits
from primitives.block import transaction_hash
from primitives.errors import Rejected
from primitives.ids import ChainId, TimeMs, TransactionHash, TransactionId

PAY = pay("works", 1, "a reference")


def waiting(
    number: int, *actors: str, size: int = 100, until: int = 1_000, version: int = 0
) -> CheckedTransaction:
    """A transaction of these actors that claims to have `size` bytes; nobody here reads them."""
    names = actors or ("treasury",)
    body: Body[Operation] = Body(
        chain=ChainId(bytes(32)),
        valid_until=TimeMs(until),
        salt=number.to_bytes(16, "big"),
        calls=tuple(Call(account_id(name), PAY) for name in names),
    )
    name = number.to_bytes(16, "big")
    return CheckedTransaction(
        data=bytes(size),
        hash=transaction_hash(name + bytes([version])),
        id=transaction_id(name),
        transaction=Transaction(body, ()),
        signers=frozenset(),
    )


def filled(*transactions: CheckedTransaction) -> Mempool:
    mempool = Mempool()
    for tx in transactions:
        mempool.add(tx)
    return mempool


def code_of(mempool: Mempool, tx: CheckedTransaction) -> str | None:
    try:
        mempool.add(tx)
    except Rejected as rejected:
        return rejected.code
    return None


def test_the_oldest_comes_first() -> None:
    """In the order of arrival, whatever their ids."""
    transactions = [waiting(number) for number in (5, 1, 4)]

    mempool = filled(*transactions)

    assert list(mempool) == transactions
    assert mempool.oldest(2) == transactions[:2]
    assert mempool.oldest(9) == transactions


def test_an_act_waits_once_whoever_signed_it() -> None:
    """The second version of a body is not kept beside the first."""
    first, second = waiting(1), waiting(1, version=1)
    mempool = Mempool()

    assert mempool.add(first)
    assert not mempool.add(first)
    assert not mempool.add(second)
    assert (mempool.find(first.hash), mempool.find(second.hash)) == (first, None)
    assert len(mempool) == 1


def test_what_is_dropped_is_forgotten_whole() -> None:
    """By id and by hash, with its bytes; unknown ids are nothing."""
    one, two = waiting(1), waiting(2, size=70)
    mempool = filled(one, two)

    mempool.drop([one.id, TransactionId(bytes(32))])

    assert one.id not in mempool
    assert mempool.find(one.hash) is None
    assert (list(mempool), mempool.bytes) == ([two], 70)
    assert mempool.add(one), "it may come again"


def test_iterating_survives_dropping() -> None:
    """The builder throws out what it finds on its way."""
    mempool = filled(*(waiting(number) for number in range(5)))

    for tx in mempool:
        mempool.drop([tx.id])

    assert len(mempool) == 0
    assert mempool.bytes == 0


def test_what_is_valid_until_a_blocks_time_leaves_with_it() -> None:
    """No later block may hold it: block times ascend."""
    mempool = filled(waiting(1, until=999), waiting(2, until=1_000), waiting(3, until=1_001))

    mempool.expire(TimeMs(1_000))

    assert [tx.valid_until for tx in mempool] == [1_001]


@pytest.mark.parametrize(
    ("earliest", "latest", "ripe"),
    [(1_000, 1_000, True), (1_001, 9_000, False), (0, 999, False), (0, 9_000, True)],
)
def test_work_is_what_a_block_could_hold_now(earliest: int, latest: int, *, ripe: bool) -> None:
    """Neither expired nor too far ahead."""
    mempool = filled(waiting(1, until=1_000))

    assert mempool.has_ripe(TimeMs(earliest), TimeMs(latest)) is ripe
    assert not Mempool().has_ripe(TimeMs(earliest), TimeMs(latest))


def test_an_account_may_have_so_many_waiting() -> None:
    """One more is refused for that account alone, with the figures."""
    most = limits.MEMPOOL_ACCOUNT_TRANSACTIONS_MAX
    mempool = filled(*(waiting(number, size=1) for number in range(most)))

    with pytest.raises(Rejected) as refused:
        mempool.add(waiting(most, size=1))

    assert refused.value.code == QUOTA_EXCEEDED
    assert refused.value.facts["waiting"] == most
    assert refused.value.facts["account"] == account_id("treasury").hex()
    assert len(mempool) == most
    assert mempool.add(waiting(most, "health", size=1))


def test_an_account_may_have_so_many_bytes_waiting() -> None:
    """At the bound, and one byte more."""
    half = limits.MEMPOOL_ACCOUNT_BYTES_MAX // 2
    mempool = filled(waiting(1, size=half))

    assert code_of(mempool, waiting(2, size=half + 1)) == QUOTA_EXCEEDED
    assert code_of(mempool, waiting(2, size=half)) is None


def test_every_actor_of_a_transaction_is_charged() -> None:
    """Once each, however many calls are its own."""
    half = limits.MEMPOOL_ACCOUNT_BYTES_MAX // 2
    mempool = filled(waiting(1, "health", "works", "works", size=half))

    assert code_of(mempool, waiting(2, "works", size=half + 1)) == QUOTA_EXCEEDED
    assert code_of(mempool, waiting(2, "treasury", "health", size=half + 1)) == QUOTA_EXCEEDED
    assert code_of(mempool, waiting(2, "works", size=half)) is None


def test_all_together_have_so_much_room() -> None:
    """In count and in bytes; at the bound, and one more."""
    per_account = limits.MEMPOOL_ACCOUNT_TRANSACTIONS_MAX
    most = limits.MEMPOOL_TRANSACTIONS_MAX
    many = filled(*(waiting(n, f"account {n // per_account}", size=1) for n in range(most)))
    assert code_of(many, waiting(most, "another", size=1)) == FULL

    quarter = limits.MEMPOOL_BYTES_MAX // 8
    large = filled(*(waiting(n, f"account {n}", size=quarter) for n in range(7)))
    assert code_of(large, waiting(7, "another", size=quarter + 1)) == FULL
    assert code_of(large, waiting(7, "another", size=quarter)) is None


@dataclass
class Model:
    waiting: list[CheckedTransaction] = field(default_factory=list)


class MempoolMachine(RuleBasedStateMachine):
    """Anything in any order, against a list."""

    def __init__(self) -> None:
        super().__init__()
        self.mempool, self.model = Mempool(), Model()

    @rule(
        number=st.integers(0, 20),
        version=st.integers(0, 1),
        until=st.integers(1, 9),
        actors=st.lists(st.sampled_from(["a", "b"]), min_size=1, max_size=2),
    )
    def added(self, number: int, version: int, until: int, actors: list[str]) -> None:
        tx = waiting(number, *actors, until=until, version=version, size=number + 1)
        is_new = all(tx.id != known.id for known in self.model.waiting)

        assert self.mempool.add(tx) is is_new
        if is_new:
            self.model.waiting.append(tx)

    @rule(number=st.integers(0, 20))
    def dropped(self, number: int) -> None:
        name = waiting(number).id
        self.mempool.drop([name])
        self.model.waiting = [tx for tx in self.model.waiting if tx.id != name]

    @rule(time=st.integers(1, 9))
    def expired(self, time: int) -> None:
        self.mempool.expire(TimeMs(time))
        self.model.waiting = [tx for tx in self.model.waiting if tx.valid_until > time]

    @invariant()
    def is_the_list(self) -> None:
        assert list(self.mempool) == self.model.waiting
        assert len(self.mempool) == len(self.model.waiting)
        assert self.mempool.bytes == sum(len(tx.data) for tx in self.model.waiting)
        assert all(self.mempool.find(tx.hash) is tx for tx in self.model.waiting)
        assert self.mempool.find(TransactionHash(bytes(32))) is None


TestMempoolAgainstAList = MempoolMachine.TestCase
TestMempoolAgainstAList.settings = settings(max_examples=40, stateful_step_count=30)
