"""What the ledger costs per transaction: executing a payment, and updating the state tree.

Payments go between random accounts of a state that holds 100,000 entries, in blocks of 100, over
records in memory: this measures our code, not the disk. Signature checks are not included.
"""

import random
import time
from bisect import insort
from collections.abc import Iterator
from hashlib import sha256
from statistics import median
from typing import Any, Final

from bench import bodies
from bench.report import Report
from ledger import tree
from ledger.accounts import AccountKind, WeightedKey
from ledger.agenda import AGENDA
from ledger.block import BlockRun, Execution
from ledger.books import Line
from ledger.genesis import (
    Genesis,
    GenesisAccount,
    GenesisAsset,
    GenesisBalance,
    GenesisDocument,
    genesis_block,
)
from ledger.parameters import DEFAULTS
from ledger.transaction import Body, Call, CheckedTransaction, Transaction, transaction_id
from primitives.block import transaction_hash
from primitives.codec import encode
from primitives.ids import (
    AccountId,
    Digest,
    Height,
    PublicKey,
    TimeMs,
    TransactionId,
)
from services.money import Transfer
from services.table import LAW

ENTRIES: Final = 100_000
BLOCK_TRANSACTIONS: Final = 100
BLOCKS: Final = 20
GOAL_US: Final = 300


class Memory:
    """A state of dictionaries; its clock is the height."""

    def __init__(self, genesis: Genesis) -> None:
        self.height = Height(0)
        self.root: Digest = genesis.header.state_root
        self.rows: dict[tuple[int, bytes], bytes] = {}
        self.nodes: dict[bytes, bytes] = {}
        self.ids: set[tuple[TimeMs, TransactionId]] = set()
        self.agenda: list[bytes] = []
        self.commit(genesis.execution)

    def commit(self, execution: Execution) -> None:
        """Take over what a block wrote."""
        for slot, value in execution.state_writes.items():
            if slot[0] == AGENDA.number and slot not in self.rows:
                insort(self.agenda, slot[1])
            if value is None:
                if slot[0] == AGENDA.number:
                    self.agenda.remove(slot[1])
                del self.rows[slot]
            else:
                self.rows[slot] = value
        self.nodes.update(execution.node_writes)
        self.ids.update(execution.committed)
        self.root = execution.state_root

    def get(self, table: int, key: bytes) -> bytes | None:
        """The value of an entry."""
        return self.rows.get((table, key))

    def scan(
        self, table: int, *, prefix: bytes = b"", after: bytes | None = None, limit: int
    ) -> Iterator[tuple[bytes, bytes]]:
        """The first entries of the agenda, which begin a block; no rule scans."""
        assert (table, prefix, after) == (AGENDA.number, b"", None), f"scan of table {table}"
        for key in self.agenda[:limit]:
            yield key, self.rows[table, key]

    def node(self, key: bytes) -> bytes | None:
        """A node of the tree."""
        return self.nodes.get(key)

    def is_committed(self, valid_until: TimeMs, transaction_id: TransactionId) -> bool:
        """Whether a block of this run held it."""
        return (valid_until, transaction_id) in self.ids


def account(index: int) -> AccountId:
    """The account of a number."""
    return AccountId(sha256(b"bench account %d" % index).digest())


def signer(index: int) -> PublicKey:
    """The only key of an account; it signs nothing here."""
    return PublicKey(sha256(b"bench key %d" % index).digest())


def genesis(accounts: int) -> Genesis:
    """Accounts that each hold something: two entries apiece."""
    numbers = range(accounts)
    return genesis_block(
        GenesisDocument(
            format="mithaq.genesis",
            version=5,
            network="bench",
            time_ms=TimeMs(0),
            governor=None,
            parameters=DEFAULTS,
            validators=bodies.records(),
            observers=(),
            accounts=(
                *(
                    GenesisAccount(
                        id=account(number),
                        kind=AccountKind.DEVICE,
                        threshold=1,
                        keys=(WeightedKey(signer(number), 1),),
                        name="",
                        keeper=None,
                        floor=0,
                    )
                    for number in numbers
                ),
                *bodies.accounts(),
            ),
            bodies=(),
            role_definitions=(),
            roles=(),
            norms=(),
            assets=(GenesisAsset("GBP", 2, account(0)),),
            balances=tuple(GenesisBalance(account(number), "GBP", 10**9) for number in numbers),
        )
    )


def payment(
    begun: Genesis, number: int, chance: random.Random, accounts: int
) -> CheckedTransaction:
    """One line between two random accounts, as if its signature had been checked."""
    payer, payee = chance.sample(range(accounts), 2)
    line = Line(account(payee), 1, f"bench/{number}", "", None, None)
    body: Body[Any] = Body(
        chain=begun.chain,
        valid_until=TimeMs(60_000),
        salt=number.to_bytes(16, "big"),
        calls=(Call(account(payer), Transfer("GBP", (line,))),),
    )
    data = encode(Transaction(body, ()))
    return CheckedTransaction(
        data=data,
        hash=transaction_hash(data),
        id=transaction_id(encode(body)),
        transaction=Transaction(body, ()),
        signers=frozenset((signer(payer),)),
    )


def payments(
    begun: Genesis, *, accounts: int = ENTRIES // 2, per_block: int = BLOCK_TRANSACTIONS
) -> tuple[float, float]:
    """CPU seconds per payment: executing it, and finishing its block with the tree."""
    chance = random.Random(1)
    state = Memory(begun)
    applying, finishing = [], []
    for number in range(BLOCKS):
        first = number * per_block
        block = [payment(begun, first + i, chance, accounts) for i in range(per_block)]
        started = time.process_time()
        run = BlockRun(
            state, LAW, chain=begun.chain, height=Height(number + 1), time_ms=TimeMs(1_000 * number)
        )
        for tx in block:
            run.admit(tx)
            run.apply(tx)
        applied = time.process_time()
        execution = run.finish()
        applying.append((applied - started) / per_block)
        finishing.append((time.process_time() - applied) / per_block)
        state.commit(execution)
        state.height = Height(number + 1)
    return median(applying), median(finishing)


def two_writes(begun: Genesis) -> float:
    """CPU seconds per transaction of two writes to entries that exist, in the tree alone."""
    chance = random.Random(1)
    nodes = dict(begun.execution.node_writes)
    slots = list(begun.execution.state_writes)
    spent = []
    for number in range(BLOCKS):
        writes: dict[tuple[int, bytes], bytes | None] = {
            slot: chance.randbytes(20) for slot in chance.sample(slots, 2 * BLOCK_TRANSACTIONS)
        }
        started = time.process_time()
        updated = tree.update(nodes.get, Height(number + 1), writes)
        spent.append((time.process_time() - started) / BLOCK_TRANSACTIONS)
        nodes.update(updated.nodes)
    return median(spent)


def run(report: Report) -> None:
    """What a payment costs one node, and what of it is the tree."""
    begun = genesis(ENTRIES // 2)
    apply_s, finish_s = payments(begun)
    apply_us, finish_us, tree_us = apply_s * 1e6, finish_s * 1e6, two_writes(begun) * 1e6
    report.fact("ledger.apply/transfer", apply_us, "us per transaction")
    report.fact("ledger.finish/transfer", finish_us, "us per transaction")
    report.fact("ledger.tree/100k", tree_us, "us per transaction")
    total_us = apply_us + finish_us
    report.goal("ledger.total/transfer", total_us, "us per transaction", at_most=GOAL_US)
