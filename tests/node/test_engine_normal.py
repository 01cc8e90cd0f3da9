"""Four engines agree: payments, empty blocks, followers, full blocks."""

from __future__ import annotations

import time

import pytest
from msgspec.structs import replace

from kit.engines import Network, Node, begun
from kit.ledger import pay
from ledger.accounts import AccountKind, WeightedKey
from ledger.parameters import DEFAULTS
from primitives import limits
from primitives.block import Block, body_bytes
from primitives.digest import digest
from primitives.domains import Domain
from primitives.ids import AccountId, PublicKey
from services.authority.accounts import OpenAccount


def quiet_heights(network: Network, minutes: int) -> list[int]:
    network.run_for(minutes * 60_000)
    return [node.height for node in network.validators()]


def test_a_payment_is_final_everywhere() -> None:
    """Same block, same receipts, same state root on all four, and each act once."""
    network = begun()
    payment = network.transaction("treasury", pay("health", 500, "grant 1"))

    assert network.submit(network.validators()[2], payment) == [None]
    network.run(network.is_final(payment), limit_ms=1_000)

    heads = {node.store.head().block_id for node in network.validators()}
    roots = {node.store.head().header.state_root for node in network.validators()}
    assert len(heads) == len(roots) == 1
    network.check_agreement()
    network.check_honesty()
    assert [node.faults for node in network.validators()] == [[]] * 4


def test_what_is_final_leaves_every_mempool() -> None:
    """And the outbox that says so names the transaction."""
    network = begun()
    payment = network.transaction("treasury", pay("health", 500, "grant 1"))

    network.submit(network.validators()[0], payment)
    network.run(network.is_final(payment))

    assert [len(node.alive.mempool) for node in network.validators()] == [0] * 4


def test_many_payments_through_all_doors_are_each_executed_once() -> None:
    """Two hundred, resubmitted at every node: no act is committed twice."""
    network = begun(seed=3, delay_ms=(1, 40))
    payments = [
        network.transaction("treasury", pay("works", 1, f"line {number}")) for number in range(200)
    ]

    for number, payment in enumerate(payments):
        network.submit(network.validators()[number % 4], payment)
        network.submit(network.validators()[(number + 1) % 4], payment)
        network.run_for(5)
    network.run(lambda: all(network.is_final(payment)() for payment in payments))

    network.check_agreement()
    network.check_honesty()


def test_a_transaction_that_was_final_is_refused_at_every_door() -> None:
    """The window of committed ids says no, with a stable code."""
    network = begun()
    payment = network.transaction("treasury", pay("health", 500, "grant 1"))
    network.submit(network.validators()[0], payment)
    network.run(network.is_final(payment))

    for node in network.validators():
        (refused,) = network.submit(node, payment)

        assert refused is not None
        assert refused.code == "transaction.already_committed"


@pytest.mark.parametrize("validators", [1, 2, 3, 4, 7])
def test_the_first_block_is_due_at_once_and_no_other_without_reason(validators: int) -> None:
    """Block 1 shows that the network lives; then nothing happens for almost a minute (R44)."""
    network = Network(validators)
    network.start()

    network.run(network.all_at(1), limit_ms=1_000)
    assert quiet_heights(network, 0) == [1] * validators
    network.run_for(DEFAULTS.heartbeat_ms - 5_000)
    assert quiet_heights(network, 0) == [1] * validators

    network.run(network.all_at(2), limit_ms=6_000)
    assert network.validators()[0].store.block(network.validators()[0].height).transactions == ()


def test_an_idle_chain_makes_one_empty_block_a_minute() -> None:
    """And no view change."""
    network = begun()

    assert quiet_heights(network, 5) == [6, 6, 6, 6]
    assert {node.store.certificate(node.height).view for node in network.validators()} == {0}  # type: ignore[union-attr]  # decided


def test_a_clock_that_was_set_back_delays_a_heartbeat_by_a_heartbeat() -> None:
    """Not by the hour that it was set back (R9, R44)."""
    network = Network(1)
    node = network.validators()[0]
    network.start()
    network.run(network.all_at(1))

    node.skew_ms = -3_600_000
    network.run(network.all_at(3), limit_ms=3 * DEFAULTS.heartbeat_ms)

    first, second, third = (node.store.header(h).time_ms for h in (1, 2, 3))  # type: ignore[arg-type]  # plain numbers
    assert first < second < third


def test_an_observer_follows_without_a_vote() -> None:
    """It says where it stands and is sent what was decided."""
    network = begun(observers=2)
    payment = network.transaction("treasury", pay("health", 500, "grant 1"))
    network.submit(network.validators()[0], payment)

    network.run(network.is_final(payment))

    observer = network.nodes["observer 0"]
    assert observer.height == 2
    assert observer.alive.seat is None
    network.check_agreement()


def test_an_observer_takes_transactions_and_passes_them_on() -> None:
    """Its door judges as a validator's does."""
    network = begun(observers=1)
    network.run(network.all_at(1))
    observer = network.nodes["observer 0"]
    good = network.transaction("treasury", pay("health", 500, "grant 1"))
    bad = network.transaction("health", pay("works", 500, "no money"))

    accepted, refused = network.submit(observer, good, bad)

    assert accepted is None
    assert refused is not None
    assert refused.code == "books.overdraft"
    network.run(network.is_final(good))


def test_a_node_two_hundred_blocks_behind_catches_up() -> None:
    """By Status and Decided alone, and then votes again."""
    network = begun()
    late = network.validators()[3]
    network.crash(late.name)
    others = network.validators()[:3]
    for number in range(200):
        network.submit(others[0], network.transaction("treasury", pay("works", 1, f"{number}")))
        network.run(network.all_at(number + 2))
    assert others[0].height == 201

    network.start(late.name)
    network.run(network.all_at(201), limit_ms=120_000)

    network.check_agreement()
    network.crash(others[0].name)
    network.submit(late, network.transaction("treasury", pay("works", 1, "again")))
    network.run(network.all_at(202))
    network.check_honesty()


def bulky(number: int) -> list[OpenAccount]:
    """Accounts of as many keys as may be, 60 kB: much to carry and little to execute."""
    return [
        OpenAccount(
            account=AccountId(digest(Domain.ACCOUNT, f"{number}/{index}".encode())),
            kind=AccountKind.ORGANISATION,
            threshold=1,
            signers=tuple(
                WeightedKey(PublicKey(bytes([key]) * 32), 1)
                for key in range(limits.ACCOUNT_KEYS_MAX)
            ),
            name="A large body",
            keeper=None,
            floor=0,
        )
        for index in range(25)
    ]


def test_a_block_of_two_mebibytes_passes_under_default_parameters() -> None:
    """In view 0, with real time for execution; proposed as hashes, put together from mempools.

    The time is that of this process: what else the machine does is not the builder's work.
    """
    network = begun(clock=time.process_time)
    count = 5 * limits.BLOCK_BYTES_MAX // 4 // 59_000
    openings = [network.transaction("registrar", *bulky(n)) for n in range(count)]
    door = network.validators()[1]
    assert body_bytes([tx.data for tx in openings]) > limits.BLOCK_BYTES_MAX
    assert door is not network.proposer(2)

    network.submit(door, *openings)
    network.run(lambda: all(network.is_final(opening)() for opening in openings))

    sizes = [body_bytes(block.transactions) for block in blocks(door)]
    assert max(sizes) > limits.BLOCK_BYTES_MAX - 64 * 1024
    assert {certificate_view(door, height) for height in range(1, door.height + 1)} == {0}


def blocks(node: Node) -> list[Block]:
    return [node.store.block(height) for height in range(1, node.height + 1)]  # type: ignore[arg-type]  # plain numbers


def certificate_view(node: Node, height: int) -> int:
    certificate = node.store.certificate(height)  # type: ignore[arg-type]  # a plain number
    assert certificate is not None
    return certificate.view


def test_a_block_of_five_thousand_transactions_passes_without_a_view_change() -> None:
    """t0 is raised: the builder stops after t0 / 8, and 5,000 payments take it longer than 125 ms.

    Under default parameters the same payments are spread over several blocks; the limit of a block
    is then the budget, not the count.
    """
    parameters = replace(DEFAULTS, t0_ms=60_000, tmax_ms=120_000)
    network = begun(parameters=parameters, clock=time.process_time)
    payments = [
        network.transaction("treasury", pay("works", 1, f"line {number}"))
        for number in range(limits.BLOCK_TRANSACTIONS_MAX)
    ]

    network.submit(network.proposer(2), *payments)
    network.run(network.all_at(2), limit_ms=10_000)

    door = network.validators()[0]
    assert len(door.store.block(door.height).transactions) == limits.BLOCK_TRANSACTIONS_MAX
    assert certificate_view(door, 2) == 0
    network.check_agreement()
    assert door.store.find_transaction(payments[-1].id) is not None
