"""The courier: what nodes refuse for now, or lose when they die, gets there anyway."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from cli import courier as couriers
from cli.booking import Signer
from cli.courier import Courier, Errand, Parcel
from client.connection import node_at
from client.faults import NotFinal, Unreachable
from kit.desk import Desk, desk
from kit.ledger import account_id, key
from kit.servers import silent_url
from ledger.books import Line
from ledger.transaction import EXPIRED, CheckedTransaction, check_transaction
from node.mempool import FULL, QUOTA_EXCEEDED
from primitives.errors import MithaqError, OperatorFault, Rejected
from primitives.ids import TransactionId
from services.money import Transfer
from services.table import TRANSACTION

Answers = list[TransactionId | MithaqError]


@pytest.fixture
def office(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    monkeypatch.setattr(couriers, "BACK_OFF_S", 0.05)
    with desk(tmp_path / "home") as made:
        yield made


class Sender:
    """Pays by number, and remembers what it was told of each."""

    def __init__(self, office: Desk, *, to: str = "health", passing: Sequence[str] = ()) -> None:
        treasury = account_id("treasury")
        self.signer = Signer(chain=office.chain.chain, account=treasury, key=key("treasury"))
        self.to, self.passing = to, passing
        self.signed: list[int] = []
        self.told: dict[int, str] = {}

    def sign(self, number: int) -> Parcel:
        self.signed.append(number)
        line = Line(account_id(self.to), 1, f"r-{number}", "", None, None)
        salt = len(self.signed).to_bytes(16, "big")
        return self.signer.parcel(number, account_id("treasury"), salt, Transfer("GBP", (line,)))

    def tell(self, number: int, what: str) -> None:
        assert number not in self.told, f"{number} was told twice"
        self.told[number] = what

    def send(self, courier: Courier, count: int) -> None:
        errand = Errand(
            sign=self.sign,
            settled=lambda number: self.tell(number, "settled"),
            refused=lambda number, refusal: self.tell(number, refusal.code),
            passing=frozenset(self.passing),
        )
        courier.carry(range(count), errand)
        assert sorted(self.told) == list(range(count))


def intake(office: Desk, answer: Callable[[list[bytes], int], Answers | None]) -> list[int]:
    """Have batches answered by a script, which sees their number; None lets one through.

    Returns the sizes of the batches that came.
    """
    real, sizes = office.chain.submit_many, list[int]()

    async def submit_many(batch: Sequence[bytes]) -> Answers:
        sizes.append(len(batch))
        scripted = answer(list(batch), len(sizes))
        return await real(batch) if scripted is None else scripted

    office.chain.submit_many = submit_many  # type: ignore[method-assign]  # a node with its moods
    return sizes


def courier_to(*urls: str, patience_s: float = 10) -> Courier:
    return Courier([node_at(url) for url in urls], patience_s=patience_s)


def paid(office: Desk) -> int:
    answer = office.asking("account", "health", "--json").result
    return sum(int(held["amount"]) for held in answer["balances"])


def test_every_number_is_settled_once(office: Desk) -> None:
    """In as many batches as it takes."""
    sizes = intake(office, lambda _batch, _count: None)
    sender = Sender(office)

    with courier_to(office.url) as courier:
        sender.send(courier, couriers.BATCH + 1)

    assert set(sender.told.values()) == {"settled"}
    assert sizes == [couriers.BATCH, 1]
    assert paid(office) == couriers.BATCH + 1


def test_nothing_to_carry_is_carried_at_once(office: Desk) -> None:
    """No batch is sent."""
    sizes = intake(office, lambda _batch, _count: None)

    with courier_to(office.url) as courier:
        Sender(office).send(courier, 0)

    assert sizes == []


@pytest.mark.parametrize("code", [FULL, QUOTA_EXCEEDED])
def test_a_node_without_room_is_asked_again_later(office: Desk, code: str) -> None:
    """The same transactions, not signed anew."""
    intake(office, lambda batch, n: [Rejected(code, "no room")] * len(batch) if n < 3 else None)
    sender = Sender(office)

    with courier_to(office.url) as courier:
        sender.send(courier, 3)

    assert paid(office) == 3
    assert sender.signed == [0, 1, 2]


def test_what_expired_meanwhile_is_signed_again(office: Desk) -> None:
    """With a fresh time, and so under another id."""
    intake(office, lambda batch, n: [Rejected(EXPIRED, "late")] * len(batch) if n == 1 else None)
    sender = Sender(office)

    with courier_to(office.url) as courier:
        sender.send(courier, 2)

    assert sender.signed == [0, 1, 0, 1]
    assert paid(office) == 2


def test_a_refusal_that_passes_is_tried_again(office: Desk) -> None:
    """A node that is behind the others does not know a new account yet."""
    code = "accounts.unknown"
    intake(office, lambda batch, n: [Rejected(code, "who?")] * len(batch) if n == 1 else None)
    sender = Sender(office, passing=[code])

    with courier_to(office.url) as courier:
        sender.send(courier, 1)

    assert sender.told == {0: "settled"}


def test_a_refusal_that_does_not_pass_ends_in_time(office: Desk) -> None:
    """The account does not exist anywhere."""
    sender = Sender(office, to="nobody", passing=["accounts.unknown"])

    with courier_to(office.url) as courier:
        sender.send(courier, 1)

    assert sender.told == {0: "accounts.unknown"}


def test_a_refusal_costs_its_own_transaction_only(office: Desk) -> None:
    """The others go on."""
    assert office.pay("--wait", line="to=works,amount=1,reference=r-1").code == 0
    sender = Sender(office)

    with courier_to(office.url) as courier:
        sender.send(courier, 3)

    assert sender.told == {0: "settled", 1: "books.duplicate_reference", 2: "settled"}


def test_what_a_node_lost_is_handed_over_again(
    office: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was killed after it said that the transactions wait."""
    monkeypatch.setattr(couriers, "AGAIN_S", 0.2)

    def lose(batch: list[bytes], count: int) -> Answers | None:
        return [TransactionId(bytes(32))] * len(batch) if count == 1 else None

    sizes = intake(office, lose)
    sender = Sender(office)

    with courier_to(office.url) as courier:
        sender.send(courier, 2)

    assert sizes == [2, 2]
    assert sender.signed == [0, 1]
    assert paid(office) == 2


def test_what_stands_in_a_block_already_is_settled(office: Desk) -> None:
    """The answer to the first handing over was lost, not the transactions."""

    def forget(batch: list[bytes], count: int) -> Answers | None:
        if count > 1:
            return None
        for data in batch:
            tx = check(office, data)
            office.chain.waiting[tx.id] = tx
        office.chain.make_block()
        return [Rejected(FULL, "no room")] * len(batch)

    intake(office, forget)
    sender = Sender(office)

    with courier_to(office.url) as courier:
        sender.send(courier, 2)

    assert set(sender.told.values()) == {"settled"}
    assert paid(office) == 2


def check(office: Desk, data: bytes) -> CheckedTransaction:
    return check_transaction(data, office.chain.chain, TRANSACTION)


@pytest.mark.parametrize("dead", [0, 1])
def test_a_dead_node_costs_time_only(office: Desk, dead: int) -> None:
    """Wherever it stands in the list."""
    urls = [office.url]
    urls.insert(dead, silent_url())
    sender = Sender(office)

    with courier_to(*urls) as courier:
        sender.send(courier, 3)

    assert paid(office) == 3


def test_patience_ends_when_no_node_answers(office: Desk) -> None:
    """With the nodes that were asked."""
    began = time.monotonic()

    with courier_to(silent_url(), patience_s=0.3) as courier, pytest.raises(Unreachable):
        Sender(office).send(courier, 1)

    assert time.monotonic() - began >= 0.3


def test_patience_ends_when_no_block_comes(office: Desk) -> None:
    """Too few validators: the chain waits, and so may we."""
    office.chain.holding = True

    with (
        courier_to(office.url, patience_s=0.5) as courier,
        pytest.raises(NotFinal, match=r"nothing moved for 0\.5 s; 1 transactions wait"),
    ):
        Sender(office).send(courier, 1)


def test_a_home_without_nodes_is_said() -> None:
    """Nobody could be asked."""
    with pytest.raises(OperatorFault, match="no nodes"):
        Courier([])
