"""The door: what fails on the last state costs nobody else anything, and says why."""

from __future__ import annotations

import pytest

from kit.engines import Network, Node, begun
from kit.ledger import GBP, account_id, key, line, pay
from ledger.act import Act
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
from node import wire
from node.door import CANNOT_BE_EXECUTED
from node.outbox import Outbox
from primitives.codec import encode
from primitives.errors import Rejected
from primitives.ids import TimeMs
from services.money import Transfer
from services.table import TRANSACTION


class Poison(Operation, tag="test.poison", frozen=True):
    """A rule with a bug."""

    number: int

    def apply(self, _act: Act) -> None:
        raise ZeroDivisionError(self.number)


def poison(network: Network) -> CheckedTransaction:
    body: Body[Operation] = Body(
        chain=network.chain,
        valid_until=TimeMs(network.now_ms + 60_000),
        salt=bytes(16),
        calls=(Call(account_id("treasury"), Poison(1)),),
    )
    data = encode(sign_body(body, [key("treasury")]))
    return check_transaction(data, network.chain, Transaction[Transfer | Poison])


def at_the_door(
    network: Network, *transactions: CheckedTransaction
) -> tuple[list[Rejected | None], Outbox]:
    return network.validators()[0].alive.submit(transactions, network.now_ms)


def refused(network: Network, tx: CheckedTransaction) -> Rejected:
    (answer,), out = at_the_door(network, tx)
    assert answer is not None
    assert out.relay == []
    assert tx.id not in network.validators()[0].alive.mempool
    return answer


def test_a_good_transaction_waits_and_is_relayed_once() -> None:
    """Sent again it still waits, and nobody else hears of it again."""
    network = begun()
    tx = network.transaction("treasury", pay("works", 1, "x"))

    answers, out = at_the_door(network, tx)
    again, quiet = at_the_door(network, tx)

    assert (answers, again) == ([None], [None])
    assert (out.relay, quiet.relay) == ([tx], [])
    assert tx.id in network.validators()[0].alive.mempool


def test_an_overdraft_is_refused_with_its_facts() -> None:
    """The code of the refusal, its sentence, and what it knows."""
    network = begun()

    answer = refused(network, network.transaction("health", pay("works", 7, "no money")))

    assert answer.code == "books.overdraft"
    assert (answer.facts["amount"], answer.facts["available"]) == (7, 0)
    assert account_id("health").hex() in answer.message


def test_an_unknown_actor_is_refused() -> None:
    """Every sender is known."""
    network = begun()

    answer = refused(network, network.transaction("nobody", pay("works", 7, "x")))

    assert "account" in answer.code


@pytest.mark.parametrize(
    ("ms", "code"),
    [
        (-2_000, "transaction.expired"),
        (DEFAULTS.window_ms + 60_000, "transaction.too_far_ahead"),
    ],
)
def test_what_no_block_could_hold_now_is_refused(ms: int, code: str) -> None:
    """Too late, and too far ahead."""
    network = begun()

    answer = refused(network, network.transaction("treasury", pay("works", 7, "x"), ms=ms))

    assert answer.code == code
    assert "expected" in answer.facts


def test_a_batch_is_answered_in_order() -> None:
    """What is wrong with one is not wrong with its neighbours."""
    network = begun()
    good = network.transaction("treasury", pay("works", 1, "good"))
    bad = network.transaction("health", pay("works", 1, "bad"))
    better = network.transaction(
        "treasury", Transfer(GBP, (line("works", 1, "a"), line("health", 1, "b")))
    )

    answers, out = at_the_door(network, good, bad, better)

    assert [answer is None for answer in answers] == [True, False, True]
    assert out.relay == [good, better]


def test_a_rule_that_fails_is_refused_and_ends_no_node() -> None:
    """With a code of its own and an alarm: it is our bug, not the client's."""
    network = begun()
    node = network.validators()[0]

    answers, out = node.alive.submit([poison(network)], network.now_ms)

    (answer,) = answers
    assert answer is not None
    assert answer.code == CANNOT_BE_EXECUTED
    assert [note.event for note in out.notes if note.alarming] == ["transaction.poisonous"]
    good = network.transaction("treasury", pay("works", 1, "good"))
    assert network.submit(node, good) == [None]
    network.run(network.is_final(good))


def test_nothing_that_can_be_built_is_no_reason_for_a_block() -> None:
    """What was waiting turns out to be poison: it is thrown out, and no empty block made (R44)."""
    network = begun()
    primary = network.proposer(2)
    bad = poison(network)
    primary.alive.mempool.add(bad)

    network.run_for(10_000)

    assert bad.id not in primary.alive.mempool
    assert [node.height for node in network.validators()] == [1] * 4


def waiting_at(node: Node, tx: CheckedTransaction, network: Network) -> bool:
    node.alive.take("validator 1", [tx], network.now_ms)
    return tx.id in node.alive.mempool


def test_what_a_validator_relays_is_tried_again() -> None:
    """A faulty one cannot fill other mempools with what its own door should have refused."""
    network = begun()
    node = network.validators()[0]

    assert waiting_at(node, network.transaction("treasury", pay("works", 1, "x")), network)
    assert not waiting_at(node, network.transaction("nobody", pay("works", 1, "x")), network)
    assert not waiting_at(node, network.transaction("health", pay("works", 1, "x")), network)
    assert not waiting_at(node, poison(network), network)
    stale = network.transaction("treasury", pay("works", 1, "y"), ms=-2_000)
    assert not waiting_at(node, stale, network)


def test_nobody_fills_the_quota_of_an_account_that_signed_nothing() -> None:
    """A signature of somebody else for the treasury's payment does not wait."""
    network = begun()
    honest = network.transaction("treasury", pay("works", 1, "x"))
    forged = encode(sign_body(honest.transaction.body, [key("health")]))
    tx = check_transaction(forged, network.chain, TRANSACTION)

    assert not waiting_at(network.validators()[0], tx, network)


def test_what_is_relayed_is_not_relayed_again() -> None:
    """Every validator hears of it from its first node."""
    network = begun()
    tx = network.transaction("treasury", pay("works", 1, "x"))

    out = network.validators()[0].alive.take("validator 1", [tx], network.now_ms)

    assert out.relay == []


def test_a_lonely_transaction_is_offered_and_fetched() -> None:
    """Its node's relay was lost; a tick later the others ask for it."""
    network = begun()
    node = network.proposer(4)
    network.passes = lambda _s, _r, message: not isinstance(message, wire.Transactions)
    tx = network.transaction("treasury", pay("works", 1, "x"))
    network.submit(node, tx)
    network.run_for(50)
    others = [other for other in network.validators() if other is not node]
    assert not any(tx.id in other.alive.mempool for other in others)

    network.passes = lambda _s, _r, message: not isinstance(message, wire.Proposed)
    network.run(lambda: all(tx.id in other.alive.mempool for other in others), limit_ms=1_500)


def test_an_answer_holds_what_is_lacking() -> None:
    """Of an offer, what the peer has not; of a want, what it asked for."""
    network = begun()
    giver, taker = network.validators()[:2]
    one = network.transaction("treasury", pay("works", 1, "one"))
    two = network.transaction("treasury", pay("works", 1, "two"))
    giver.alive.take("validator 2", [one, two], network.now_ms)
    taker.alive.take("validator 2", [one], network.now_ms)

    asked = taker.alive.deliver(giver.name, wire.Offer((one.hash, two.hash)), None, network.now_ms)
    wanted = [message for _, message in asked.messages if isinstance(message, wire.Want)]
    given = giver.alive.deliver(taker.name, wanted[0], None, network.now_ms)

    assert wanted == [wire.Want((two.hash,))]
    assert [m for _, m in given.messages if isinstance(m, wire.Transactions)] == [
        wire.Transactions((two.data,))
    ]
    nothing = taker.alive.deliver(giver.name, wire.Offer((one.hash,)), None, network.now_ms)
    assert not any(isinstance(message, wire.Want) for _, message in nothing.messages)
