"""What is to fall due is kept by the database, goes along in a snapshot, and is told everywhere."""

from pathlib import Path

import pytest

from kit.actors import give, new_role
from kit.api import ChainOfOne
from kit.ledger import account_id
from kit.snapshots import snapshot_of
from ledger.appointments import TermEnded
from ledger.block import BlockRun, Execution
from ledger.operation import Operation
from ledger.transaction import check_transaction
from node.queries import NO_TRANSACTION, Queries
from node.snapshot_restore import restore
from primitives.errors import Rejected
from primitives.ids import Height, TimeMs, TransactionId
from services.table import LAW, TRANSACTION
from storage.chain import ChainStore
from storage.opening import open_database
from verifier import Outcome, Pin, verify

DAY = 86_400_000
HEALTH = account_id("health")


def act(chain: ChainOfOne, actor: str, operation: Operation) -> TransactionId:
    tx = check_transaction(chain.signed(actor, operation), chain.chain, TRANSACTION)
    chain.waiting[tx.id] = tx
    chain.make_block()
    return tx.id


@pytest.fixture
def chain(tmp_path: Path) -> ChainOfOne:
    """A term that is over a day after the newest block."""
    made = ChainOfOne(folder=tmp_path)
    act(made, "registrar", new_role("inspector"))
    until = TimeMs(made.store.head().header.time_ms + DAY)
    act(made, "registrar", give("inspector", None, HEALTH, until))
    return made


def a_day_later(store: ChainStore) -> Execution:
    with store.state() as state:
        run = BlockRun(
            state,
            LAW,
            chain=store.chain,
            height=Height(state.height + 1),
            time_ms=TimeMs(state.header.time_ms + DAY),
        )
        return run.finish()


def test_a_node_that_came_by_a_snapshot_does_what_all_do(chain: ChainOfOne, tmp_path: Path) -> None:
    """The same receipts and the same root where the history is and where only the state is."""
    source = snapshot_of(chain, tmp_path / "s")
    restore(source, tmp_path / "data", lambda _: None)
    with open_database(tmp_path / "data", chain.chain) as restored:
        there = a_day_later(restored)

    here = a_day_later(chain.store)
    assert len(here.done) == 1
    assert (there.done, there.receipts, there.state_root) == (
        here.done,
        here.receipts,
        here.state_root,
    )


def test_what_fell_due_is_found_and_proved(chain: ChainOfOne) -> None:
    """By the id of its receipt, and by the account that it names."""
    chain.make_block(after_ms=DAY)
    queries = Queries(chain.store)
    head = chain.store.head().height

    block = queries.block(head)
    assert block is not None
    [identifier] = block.duties
    assert (block.transactions, block.count) == ((), 0)
    found = queries.transaction(identifier)
    assert found is not None
    assert found.transaction is None
    assert found.receipt.events == (TermEnded("inspector", None, HEALTH),)
    [*_, last] = chain.store.transactions_of(HEALTH, after=None, limit=10)
    assert (last.height, last.index) == (head, 0)

    proof = queries.event_proof(identifier, 1)
    assert proof is not None
    verdict = verify(proof, Pin(chain.chain))
    assert verdict.outcome is Outcome.VALID, verdict.sentence
    with pytest.raises(Rejected) as raised:
        queries.transaction_proof(identifier)
    assert raised.value.code == NO_TRANSACTION


def test_a_transaction_beside_what_fell_due_is_proved_as_ever(chain: ChainOfOne) -> None:
    """The block has one transaction and two receipts."""
    tx = check_transaction(
        chain.signed("registrar", new_role("auditor"), valid_for_ms=DAY + 5_000),
        chain.chain,
        TRANSACTION,
    )
    chain.waiting[tx.id] = tx
    chain.make_block(after_ms=DAY)

    proof = Queries(chain.store).transaction_proof(tx.id)

    assert len(chain.store.receipts(chain.store.head().height)) == 2
    assert proof is not None
    assert verify(proof, Pin(chain.chain)).outcome is Outcome.VALID


def test_it_falls_due_once(chain: ChainOfOne) -> None:
    """The block after it has nothing to do."""
    chain.make_block(after_ms=DAY)

    assert a_day_later(chain.store).done == ()
