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
from node.shares import Source
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
    assert [held.tx for held in mempool.after(-1)] == transactions
    assert [held.tx for held in mempool.after(0)] == transactions[1:]
    assert list(mempool.after(2)) == []


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


def brought(mempool: Mempool, source: Source, numbers: range) -> int:
    """How many of these a link finds room for, each under an account of its own."""
    taken = 0
    for number in numbers:
        try:
            taken += mempool.add(waiting(number, f"account {number}", size=1), source=source)
        except Rejected:
            break
    return taken


def test_a_link_holds_no_more_than_what_is_still_free() -> None:
    """R68: one that fills what it can leaves half for the next, two a third, and so on."""
    most = limits.MEMPOOL_TRANSACTIONS_MAX
    mempool = Mempool()

    first = brought(mempool, Source("one", votes=True), range(most))
    second = brought(mempool, Source("two", votes=True), range(most, 2 * most))
    mempool.drop([waiting(0).id])
    again = brought(mempool, Source("one", votes=True), range(2 * most, 3 * most))

    assert (first, second, again) == (most // 2, most // 4, 0)
    assert mempool.add(waiting(3 * most, "a client"))


def test_links_without_a_vote_share_a_part_of_the_mempool() -> None:
    """R68: however many observers there are, three quarters are for others; in count and bytes."""
    most = limits.MEMPOOL_OBSERVERS_TRANSACTIONS_MAX
    mempool = Mempool()
    filled_by = [
        brought(mempool, Source(f"observer {n}", votes=False), range(n * most, (n + 1) * most))
        for n in range(3)
    ]
    large = Mempool()
    half = limits.MEMPOOL_OBSERVERS_BYTES_MAX // 2
    observer = Source("observer", votes=False)

    assert filled_by == [6_250, 3_125, 1_563], f"of {most}"
    assert large.add(waiting(1, size=half), source=observer)
    with pytest.raises(Rejected, match="try again later"):
        large.add(waiting(2, size=1), source=observer)
    assert large.add(waiting(2, size=half), source=Source("a validator", votes=True))


def test_a_share_is_free_again_when_its_transactions_left() -> None:
    """Dropped, expired or decided."""
    mempool, source = Mempool(), Source("observer", votes=False)
    half = limits.MEMPOOL_OBSERVERS_BYTES_MAX // 2
    tx = waiting(1, size=half)

    assert mempool.add(tx, source=source)
    mempool.drop([tx.id])
    assert mempool.add(tx, source=source)
    mempool.expire(tx.valid_until)
    assert mempool.add(tx, source=source)
    mempool.decide([tx], TimeMs(0))
    assert mempool.add(tx, source=source)


@pytest.mark.parametrize("gap_ms", [1, 7, 1_000, 61_000])
def test_deadlines_are_found_wherever_they_lie(gap_ms: int) -> None:
    """Within a second and over many: what is due, and whether one lies in a range."""
    mempool = filled(*(waiting(number, until=5_000 + number * gap_ms) for number in range(50)))
    last = 5_000 + 49 * gap_ms

    for number in range(50):
        until = 5_000 + number * gap_ms
        assert mempool.has_ripe(TimeMs(until), TimeMs(until))
        assert mempool.has_ripe(TimeMs(until - gap_ms + 1), TimeMs(last + 1))
        assert not mempool.has_ripe(TimeMs(until + 1), TimeMs(until + gap_ms - 1))
        mempool.expire(TimeMs(until - 1))
        assert len(mempool) == 50 - number
    assert not mempool.has_ripe(TimeMs(last + 1), TimeMs(last + 10_000_000))


def test_places_of_what_left_are_swept() -> None:
    """An old transaction that stays does not make the mempool remember all that came after it."""
    mempool = filled(waiting(0))

    for number in range(1, 5_000):
        mempool.add(waiting(number))
        mempool.drop([waiting(number).id])

    assert [held.place for held in mempool.after(-1)] == [0]
    assert len(mempool._order) < 2_000


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
        assert [held.tx for held in self.mempool.after(-1)] == self.model.waiting
        for time in range(1, 10):
            ripe = any(tx.valid_until == time for tx in self.model.waiting)
            assert self.mempool.has_ripe(TimeMs(time), TimeMs(time)) is ripe
        assert len(self.mempool) == len(self.model.waiting)
        assert self.mempool.bytes == sum(len(tx.data) for tx in self.model.waiting)
        assert all(self.mempool.find(tx.hash) is tx for tx in self.model.waiting)
        assert self.mempool.find(TransactionHash(bytes(32))) is None


TestMempoolAgainstAList = MempoolMachine.TestCase
TestMempoolAgainstAList.settings = settings(max_examples=40, stateful_step_count=30)
