"""The typed client against the API's real server: submitting, waiting, looking, losing a node."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace

import verifier
from client.client import Accepted, Client, check_applied
from client.connection import Node
from client.faults import NotFinal, Unreachable
from client.wallet import Wallet, line
from kit.desk import Desk, desk
from kit.ledger import account_id, key
from kit.servers import silent_url
from ledger.receipt import Outcome
from ledger.transaction import Transaction
from node.queries import FinalTransaction, PendingTransaction
from primitives import limits
from primitives.codec import encode
from primitives.errors import OperatorFault, Rejected
from primitives.ids import TransactionId
from services.money import Transfer, Transferred


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Desk]:
    with desk(tmp_path / "home") as made:
        yield made


@pytest.fixture
def client(office: Desk) -> Iterator[Client]:
    with Client([office.url]) as made:
        yield made


@pytest.fixture
def treasury(office: Desk, client: Client) -> Wallet:
    file = office.home / "keys" / "treasury.key"
    return Wallet.open(file, chain=client.chain(), account=account_id("treasury"))


def payment(wallet: Wallet, reference: str, amount: int = 100) -> Transaction[Transfer]:
    return wallet.transfer("GBP", line(to=account_id("health"), amount=amount, reference=reference))


def test_a_payment_is_built_signed_and_final(client: Client, treasury: Wallet) -> None:
    """The receipt is a Struct with typed events."""
    found = client.settle(payment(treasury, "INV-1"))

    assert found.receipt.outcome is Outcome.APPLIED
    assert found.height == 1
    [event] = found.receipt.events
    assert isinstance(event, Transferred)
    assert (event.amount, event.to) == (100, account_id("health"))
    check_applied(found)


def test_what_was_submitted_is_looked_up_by_its_id(client: Client, treasury: Wallet) -> None:
    """In the state, in its block, and by itself; with a proof that verifies offline."""
    taken = client.submit(payment(treasury, "INV-1"))
    found = client.wait(taken.id)

    assert client.transaction(taken.id) == found
    assert client.block(found.height).transactions == (taken.id,)
    assert client.block() == client.block(1)
    [held] = client.account(account_id("health")).balances
    assert (held.asset, held.amount, held.exponent) == ("GBP", 100, 2)
    verdict = verifier.verify(client.proof(taken.id), verifier.Pin(client.chain()))
    assert verdict.outcome is verifier.Outcome.VALID
    entry = client.state_proof("accounts", account_id("health"))
    assert verifier.verify(entry, verifier.Pin(client.chain())).outcome is verifier.Outcome.VALID


def test_status_is_a_struct(office: Desk, client: Client) -> None:
    """The same that the node made."""
    assert client.status() == office.chain.status()


def test_submitting_again_finds_the_block(client: Client, treasury: Wallet) -> None:
    """It is committed once."""
    sent = payment(treasury, "INV-1")
    client.settle(sent)

    again = client.submit(sent)

    assert isinstance(again, FinalTransaction)
    assert again.height == 1
    assert client.settle(encode(sent)) == again


def test_a_refusal_has_its_code_and_facts(client: Client, office: Desk) -> None:
    """At the door, before anything stands in a block."""
    poor = Wallet.of_key(key("works"), chain=office.chain.chain, account=account_id("works"))

    with pytest.raises(Rejected) as refused:
        client.submit(payment(poor, "INV-1"))

    assert refused.value.code == "books.overdraft"
    assert refused.value.facts["available"] == 0


def test_a_refusal_in_a_block_is_final_and_checked(
    client: Client, office: Desk, treasury: Wallet
) -> None:
    """Two payments with one reference wait; the second one's receipt says no."""
    office.chain.holding = True
    client.submit(payment(treasury, "same"))
    second = client.submit(payment(treasury, "same", amount=7))
    office.chain.make_block()

    found = client.wait(second.id)

    assert isinstance(second, PendingTransaction)
    assert found.receipt.outcome is Outcome.REFUSED
    with pytest.raises(Rejected) as refused:
        check_applied(found)
    assert refused.value.code == "books.duplicate_reference"
    assert refused.value.facts["reference"] == "same"


def test_each_of_a_batch_has_its_own_answer(client: Client, office: Desk, treasury: Wallet) -> None:
    """Taken, final already, refused, and no transaction at all; in order."""
    office.chain.holding = False
    before = payment(treasury, "before")
    client.settle(before)
    office.chain.holding = True
    poor = Wallet.of_key(key("works"), chain=office.chain.chain, account=account_id("works"))

    taken, final, refused, malformed = client.submit_batch(
        [payment(treasury, "a"), before, payment(poor, "b"), b"\x00"]
    )

    assert isinstance(taken, Accepted)
    assert not taken.final
    assert isinstance(final, Accepted)
    assert final.final
    assert isinstance(refused, Rejected)
    assert refused.code == "books.overdraft"
    assert isinstance(malformed, Rejected)
    assert malformed.code == "transaction.malformed"


def test_more_than_one_request_holds_is_sent_in_parts(
    client: Client, office: Desk, treasury: Wallet
) -> None:
    """One more than API_BATCH_MAX."""
    office.chain.holding = True
    one = encode(payment(treasury, "a"))

    answers = client.submit_batch([one] * (limits.API_BATCH_MAX + 1))

    assert len(answers) == limits.API_BATCH_MAX + 1
    assert all(isinstance(answer, Accepted) for answer in answers)
    assert client.submit_batch([]) == []


def test_waiting_ends_in_time(client: Client, office: Desk, treasury: Wallet) -> None:
    """It may still become final, and then is."""
    office.chain.holding = True
    sent = payment(treasury, "a")

    with pytest.raises(NotFinal, match=r"[0-9a-f]{64} is not final after 0.2 s"):
        client.settle(sent, timeout_s=0.2)
    with pytest.raises(NotFinal):
        client.wait(TransactionId(bytes(32)), timeout_s=0)
    office.chain.make_block()

    assert client.settle(sent, timeout_s=0).height == 1


def test_an_unknown_transaction_is_refused(client: Client) -> None:
    """Unless it is waited for."""
    with pytest.raises(Rejected) as refused:
        client.transaction(TransactionId(bytes(32)))

    assert refused.value.code == "transaction.unknown"


def test_a_client_outlives_a_node(office: Desk) -> None:
    """The first that answers is asked, and asked first from then on."""
    with Client([Node("dead", silent_url()), Node("alive", office.url)]) as client:
        assert client.status().height == 0
        assert client.block(0).count == 0


def test_where_none_answers_all_are_named() -> None:
    """One is named with its address."""
    finance, health = Node("finance", silent_url()), Node("health", silent_url())

    with pytest.raises(Unreachable, match=r"none of 2 nodes answers \(finance, health\)"):
        Client([finance, health]).status()
    with pytest.raises(Unreachable, match=r"finance does not answer at http://127.0.0.1:\d+: "):
        Client([finance]).status()


def test_a_client_without_nodes_is_an_operator_s_fault() -> None:
    """There is nobody to ask."""
    with pytest.raises(OperatorFault, match="name one by its address"):
        Client([])


def test_every_transaction_of_a_wallet_has_an_id_of_its_own(treasury: Wallet) -> None:
    """The same payment twice is two payments: each has its salt."""
    one, two = payment(treasury, "a"), payment(treasury, "a")

    assert one.body.salt != two.body.salt
    assert replace(one.body, salt=b"").calls == two.body.calls
