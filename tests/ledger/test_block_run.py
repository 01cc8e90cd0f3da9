"""A block on an overlay: what is admitted, what leaves a trace, what the execution says."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest

from kit.ledger import (
    TREASURY_BALANCE,
    Chain,
    account_id,
    genesis_document,
    line,
    pay,
)
from ledger import views
from ledger.block import BlockRun
from ledger.books import DuplicateReference
from ledger.parameters import DEFAULTS
from ledger.receipt import Outcome, read_receipt, receipt_hash, receipts_root
from ledger.transaction import ALREADY_COMMITTED, EXPIRED, TOO_FAR_AHEAD, WRONG_CHAIN
from ledger.tree import StateTree, key_hash, value_hash
from ledger.window import WINDOW_IDS, forgotten_by, ids_hash, past_heights
from primitives import limits
from primitives.digest import list_root
from primitives.errors import Malformed, Rejected
from primitives.ids import ChainId, Height, TimeMs
from services.money import Transfer
from services.table import LAW, RECEIPT

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def chain() -> Chain:
    return Chain.begin()


def rejection(run: BlockRun, tx: Any) -> Rejected:  # noqa: ANN401
    with pytest.raises(Rejected) as caught:
        run.admit(tx)
    return caught.value


def test_a_payment_moves_money_and_says_so(chain: Chain) -> None:
    """The receipt names the transaction and what became true."""
    tx = chain.act("treasury", pay("health", 700, "r1"))

    (receipt,) = chain.block(tx)

    assert (receipt.transaction_id, receipt.outcome) == (tx.id, Outcome.APPLIED)
    assert receipt.refusal is None
    assert len(receipt.events) == 1
    assert views.balances(chain.state, account_id("health"), limit=9) == {"GBP": 700}
    assert views.balances(chain.state, account_id("treasury"), limit=9) == {
        "GBP": TREASURY_BALANCE - 700
    }


def test_receipts_stand_in_the_order_of_the_transactions(chain: Chain) -> None:
    """Applied or refused; their root is the list root of their hashes."""
    run = chain.run()
    txs = [chain.act("treasury", pay("health", 1, reference)) for reference in ("a", "a", "b")]
    for tx in txs:
        run.admit(tx)
        run.apply(tx)

    execution = run.finish()

    receipts = [read_receipt(data, RECEIPT) for data in execution.receipts]
    assert [receipt.transaction_id for receipt in receipts] == [tx.id for tx in txs]
    assert [receipt.outcome.value for receipt in receipts] == ["applied", "refused", "applied"]
    assert execution.receipts_root == receipts_root(execution.receipts)
    assert execution.receipts_root == list_root([receipt_hash(r) for r in execution.receipts])
    assert execution.committed == tuple((tx.valid_until, tx.id) for tx in txs)


def test_an_empty_block_has_an_empty_list_of_receipts(chain: Chain) -> None:
    """And still leaves its entry of ids: its root is new."""
    before = chain.root
    execution = chain.run().finish()

    assert execution.receipts == ()
    assert execution.receipts_root == list_root(())
    assert execution.state_root != before
    assert [table for table, _ in execution.state_writes] == [WINDOW_IDS.number]


def test_a_refused_transaction_leaves_no_trace() -> None:
    """Its first call was fine, its second is refused: state is as if it had never been."""
    with_it, without_it = Chain.begin(), Chain.begin()
    refused = with_it.act(
        "treasury", pay("health", 5, "first"), pay("works", TREASURY_BALANCE, "second")
    )
    run = with_it.run()
    run.admit(refused)

    receipt = run.apply(refused)
    execution = run.finish()

    assert receipt.outcome is Outcome.REFUSED
    assert receipt.events == ()
    assert [table for table, _ in execution.state_writes] == [WINDOW_IDS.number]
    expected = without_it.run().finish()
    only_ids = {slot for slot, _ in execution.state_writes.items()}
    assert only_ids == set(expected.state_writes)


def test_what_a_refused_transaction_tried_can_be_done_after_it(chain: Chain) -> None:
    """Its references are not used up, in the same block."""
    refused = chain.act("treasury", pay("health", 5, "r"), pay("works", TREASURY_BALANCE, "s"))
    again = chain.act("treasury", pay("health", 5, "r"))

    outcomes = [receipt.outcome for receipt in chain.block(refused, again)]

    assert outcomes == [Outcome.REFUSED, Outcome.APPLIED]


def test_calls_see_what_calls_before_them_did(chain: Chain) -> None:
    """All or nothing, but in order: what is received is spent at once."""
    body = chain.body(("treasury", pay("health", 9, "r")), ("health", pay("works", 9, "r")))

    (receipt,) = chain.block(chain.check(body, "treasury", "health"))

    assert receipt.outcome is Outcome.APPLIED
    assert views.balances(chain.state, account_id("health"), limit=9) == {}
    assert views.balances(chain.state, account_id("works"), limit=9) == {"GBP": 9}


def test_transactions_see_what_transactions_before_them_did(chain: Chain) -> None:
    """Within one block."""
    first = chain.act("treasury", pay("health", 9, "r"))
    second = chain.act("health", pay("works", 9, "r"))

    assert [r.outcome.value for r in chain.block(first, second)] == ["applied", "applied"]


def test_a_transaction_of_another_chain_is_not_admitted(chain: Chain) -> None:
    """Even if it slipped through the check of its bytes."""
    tx = chain.act("treasury", pay("health", 1, "r"))
    run = BlockRun(
        chain.state,
        LAW,
        chain=ChainId(b"\x01" * 32),
        height=Height(1),
        time_ms=chain.time_ms,
    )

    assert rejection(run, tx).code == WRONG_CHAIN


def test_a_transaction_is_admitted_until_its_last_moment(chain: Chain) -> None:
    """A block at valid_until may hold it, one a millisecond later may not."""
    last = chain.check(
        chain.body(("treasury", pay("health", 1, "r")), valid_for_ms=1_000), "treasury"
    )
    late = chain.check(
        chain.body(("treasury", pay("health", 1, "r")), valid_for_ms=999), "treasury"
    )
    run = chain.run()

    run.admit(last)
    refused = rejection(run, late)

    assert refused.code == EXPIRED
    assert refused.facts == {
        "expected": f"at least {late.valid_until + 1}",
        "actual": late.valid_until,
    }


def test_a_transaction_is_admitted_at_most_a_window_ahead(chain: Chain) -> None:
    """One millisecond more and nobody remembers its id long enough."""
    furthest = 1_000 + DEFAULTS.window_ms
    operation = ("treasury", pay("health", 1, "r"))
    near = chain.check(chain.body(operation, valid_for_ms=furthest), "treasury")
    far = chain.check(chain.body(operation, valid_for_ms=furthest + 1), "treasury")
    run = chain.run()

    run.admit(near)

    assert rejection(run, far).code == TOO_FAR_AHEAD


def test_an_id_is_committed_once(chain: Chain) -> None:
    """Twice in a block, or again in a later one; refused or applied."""
    applied = chain.act("treasury", pay("health", 1, "r"))
    refused = chain.act("treasury", pay("health", 1, "r"))
    run = chain.run()
    for tx in (applied, refused):
        run.admit(tx)
        run.apply(tx)
        assert rejection(run, tx).code == ALREADY_COMMITTED
    chain.state.commit(run.finish())
    chain.time_ms = TimeMs(chain.time_ms + 1_000)

    for tx in (applied, refused):
        assert rejection(chain.run(), tx).code == ALREADY_COMMITTED


def test_other_signatures_do_not_make_another_act(chain: Chain) -> None:
    """The id is of the body: the same act signed by more keys is the same act."""
    body = chain.body(("treasury", pay("health", 1, "r")))
    chain.block(chain.check(body, "treasury"))

    assert rejection(chain.run(), chain.check(body, "treasury", "health")).code == ALREADY_COMMITTED


def test_a_preview_tells_the_receipt_and_changes_nothing(chain: Chain) -> None:
    """The mempool asks it before a transaction costs anybody anything."""
    run = chain.run()
    tx = chain.act("treasury", pay("health", 5, "r"))

    assert run.preview(tx) == run.preview(tx)
    assert run.preview(tx).outcome is Outcome.APPLIED
    assert run.finish() == chain.run().finish()


def test_a_preview_rejects_what_would_not_be_admitted(chain: Chain) -> None:
    """With the same code."""
    late = chain.check(chain.body(("treasury", pay("health", 1, "r")), valid_for_ms=1), "treasury")

    with pytest.raises(Rejected) as caught:
        chain.run().preview(late)
    assert caught.value.code == EXPIRED


def test_ids_are_remembered_as_long_as_they_could_come_again() -> None:
    """A block's entry of ids stays for the window, then it is dropped; none earlier, none later."""
    short = msgspec.structs.replace(DEFAULTS, window_ms=2_000)
    chain = Chain.begin(genesis_document(parameters=short))
    tx = chain.check(
        chain.body(("treasury", pay("health", 1, "r")), valid_for_ms=1_000), "treasury"
    )
    chain.block(tx)

    heights = []
    for _ in range(4):
        rows = WINDOW_IDS.scan(chain.state, limit=9)
        heights.append([int.from_bytes(key, "big") for key, _ in rows])
        chain.block()

    assert heights == [[1], [1, 2], [1, 2, 3], [2, 3, 4]]
    row = WINDOW_IDS.read(chain.state, Height(4))
    assert row is not None
    assert row.ids_hash == ids_hash([])
    assert ids_hash([(tx.valid_until, tx.id)]) != ids_hash([])


def test_the_hash_of_ids_does_not_depend_on_their_order(chain: Chain) -> None:
    """Whoever hands over a list of ids keeps them in any order."""
    a, b = (chain.act("treasury", pay("health", 1, r)) for r in "ab")
    ids = [(a.valid_until, a.id), (b.valid_until, b.id)]

    assert ids_hash(ids) == ids_hash(reversed(ids))


def test_no_entry_of_ids_is_dropped_while_one_of_its_ids_is_valid(chain: Chain) -> None:
    """At time t + window it could still come; a millisecond later it could not."""
    chain.block()
    window = DEFAULTS.window_ms

    def past(time_ms: int) -> range:
        forgotten = forgotten_by(
            chain.state, height=Height(2), time_ms=TimeMs(time_ms), window_ms=window
        )
        return past_heights(chain.state, height=Height(2), forgotten=forgotten)

    still, gone = past(chain.time_ms + window), past(chain.time_ms + window + 1)

    assert (list(still), list(gone)) == ([], [1])


def test_a_block_after_a_long_silence_drops_a_bounded_number_of_entries() -> None:
    """The next ones drop the rest."""
    most = limits.WINDOW_ENTRIES_DROPPED_MAX
    chain = Chain.begin()
    for _ in range(most + 5):
        chain.block()
    chain.time_ms = TimeMs(chain.time_ms + 2 * DEFAULTS.window_ms)

    kept = []
    for _ in range(3):
        chain.block()
        rows = WINDOW_IDS.scan(chain.state, limit=9)
        kept.append([int.from_bytes(key, "big") for key, _ in rows])

    assert kept[0] == [most + 1, most + 2, most + 3, most + 4, most + 5, most + 6]
    assert kept[1] == [most + 6, most + 7]
    assert kept[2] == [most + 6, most + 7, most + 8]


def test_every_row_is_in_the_tree_of_its_height(chain: Chain) -> None:
    """What storage holds flat is what the root proves."""
    chain.block(chain.act("treasury", pay("health", 5, "a"), pay("works", 6, "b")))
    chain.block(chain.act("health", pay("works", 5, "c")))
    proved = StateTree(chain.state.node, chain.state.height)

    assert proved.root == chain.root
    for (table, key), value in chain.state.rows.items():
        path = proved.prove(table, key)
        assert proved.get(table, key) == value
        assert path.proves(key_hash(table, key), value_hash(value), chain.root)
    spent = b"".join((account_id("health"), b"GBP"))
    assert proved.prove(4, spent).proves_absent(key_hash(4, spent), chain.root)


def test_the_execution_does_not_depend_on_the_seed_of_hashing() -> None:
    """Two processes with different PYTHONHASHSEED agree on every byte."""
    program = (
        "from kit.ledger import *\n"
        "from hashlib import sha256\n"
        "chain = Chain.begin()\n"
        "names = ['health', 'works', 'registrar', 'notary']\n"
        "pays = [[pay(n, i + 1, f'{n}{i}') for n in names] for i in range(9)]\n"
        "txs = [chain.act('treasury', *operations) for operations in pays]\n"
        "run = chain.run()\n"
        "for tx in txs: run.admit(tx); run.apply(tx)\n"
        "done = run.finish()\n"
        "print(done.state_root.hex(), done.receipts_root.hex())\n"
        "print(sha256(repr(done).encode()).hexdigest())\n"
    )

    def output(seed: str) -> str:
        environment = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": f"{ROOT}:{ROOT}/tests"}
        return subprocess.run(
            [sys.executable, "-c", program],
            env=environment,
            capture_output=True,
            text=True,
            check=True,
        ).stdout

    first = output("1")
    assert len(first.split()) == 3
    assert output("4711") == first


def test_a_block_follows_its_state(chain: Chain) -> None:
    """A run on the wrong height is our bug, not a verdict."""
    with pytest.raises(AssertionError, match="height 2 on the state of 0"):
        BlockRun(chain.state, LAW, chain=chain.id, height=Height(2), time_ms=chain.time_ms)


def test_the_largest_receipt_is_within_its_limit(chain: Chain) -> None:
    """A body full of the shortest lines makes the most of events; one byte more is refused."""
    lines = [line("health", 1, f"{i:x}") for i in range(limits.LINES_MAX)]
    operations = [
        Transfer(
            "GBP", tuple(msgspec.structs.replace(a, reference=f"{n:x}{a.reference}") for a in lines)
        )
        for n in range(5)
    ]
    tx = chain.act(
        "treasury",
        *operations,
        Transfer(
            "GBP",
            tuple(msgspec.structs.replace(a, reference=f"-{a.reference}") for a in lines[:160]),
        ),
    )
    assert len(tx.data) > 0.9 * limits.TRANSACTION_BODY_BYTES_MAX

    run = chain.run()
    run.apply(tx)
    (receipt,) = run.finish().receipts

    assert len(read_receipt(receipt, RECEIPT).events) == 5 * limits.LINES_MAX + 160
    assert len(receipt) <= limits.RECEIPT_BYTES_MAX
    with pytest.raises(Malformed, match="bytes where at most"):
        read_receipt(bytes(limits.RECEIPT_BYTES_MAX + 1), RECEIPT)


def test_a_reference_used_twice_in_a_block_is_refused_with_the_first_ones_id(chain: Chain) -> None:
    """So that the payer finds what was paid."""
    first, second = (chain.act("treasury", pay("health", 1, "r")) for _ in range(2))

    refused = chain.block(first, second)[1]

    assert refused.refusal == DuplicateReference(account_id("treasury"), 0, "r", first.id)
