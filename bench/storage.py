"""What a decision costs on this disk: 100 transactions, 400 state entries, 1,000 tree nodes.

Also what one step of voting costs, which every view pays three times, and opening the chain again.
"""

import random
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from bench.report import Report
from primitives.block import Block, Header, block_id, transaction_hash, transactions_root
from primitives.certificate import Certificate, Seal
from primitives.codec import encode
from primitives.digest import digest, list_root
from primitives.domains import Domain
from primitives.ids import (
    ZERO32,
    AccountId,
    BlockId,
    ChainId,
    Digest,
    Height,
    Seat,
    Signature,
    TimeMs,
    TransactionId,
    ValidatorKey,
    View,
)
from storage.chain import ChainStore
from storage.decision import Decision, Genesis, Head, VoteRecord, VoteStep
from storage.opening import create_database, open_database

BLOCKS: Final = 60
TRANSACTIONS: Final = 100
TRANSACTION_BYTES: Final = 400
RECEIPT_BYTES: Final = 250
WRITES_PER_TRANSACTION: Final = 4
NODES_PER_TRANSACTION: Final = 10
NODE_BYTES: Final = 300
ACCOUNTS: Final = 20_000
ACCOUNTS_PER_TRANSACTION: Final = 2
MOVED_BYTES: Final = 57


def _genesis() -> Genesis:
    empty = list_root(())
    zero = Digest(ZERO32)
    header = Header(
        chain=ChainId(ZERO32),
        height=Height(0),
        parent=BlockId(ZERO32),
        time_ms=TimeMs(0),
        proposer=ValidatorKey(ZERO32),
        transactions_root=empty,
        state_root=zero,
        receipts_root=empty,
        validators_hash=zero,
        next_validators_hash=zero,
    )
    return Genesis(header=header, state_writes={}, node_writes={})


def _decision(head: Head, chain: ChainId, chance: random.Random) -> Decision:
    height = Height(head.height + 1)
    bodies = tuple(chance.randbytes(TRANSACTION_BYTES) for _ in range(TRANSACTIONS))
    receipts = tuple(chance.randbytes(RECEIPT_BYTES) for _ in range(TRANSACTIONS))
    header = Header(
        chain=chain,
        height=height,
        parent=head.block_id,
        time_ms=TimeMs(height * 1_000),
        proposer=ValidatorKey(ZERO32),
        transactions_root=transactions_root([transaction_hash(body) for body in bodies]),
        state_root=Digest(chance.randbytes(32)),
        receipts_root=list_root([digest(Domain.RECEIPT, receipt) for receipt in receipts]),
        validators_hash=Digest(ZERO32),
        next_validators_hash=Digest(ZERO32),
    )
    identifier = block_id(header)
    seals = tuple(Seal(Seat(seat), Signature(chance.randbytes(64))) for seat in range(3))
    touched = tuple(
        tuple(AccountId(chance.randbytes(32)) for _ in range(ACCOUNTS_PER_TRANSACTION))
        for _ in range(TRANSACTIONS)
    )
    return Decision(
        block=Block(header, bodies),
        block_id=identifier,
        certificate=Certificate(height, View(0), identifier, seals),
        receipts=receipts,
        state_writes={
            (1, chance.randrange(ACCOUNTS).to_bytes(32, "big")): chance.randbytes(60)
            for _ in range(TRANSACTIONS * WRITES_PER_TRANSACTION)
        },
        node_writes={
            chance.randbytes(32): chance.randbytes(NODE_BYTES)
            for _ in range(TRANSACTIONS * NODES_PER_TRANSACTION)
        },
        done=(),
        committed=tuple(
            (TimeMs(height * 1_000 + 7_200_000), TransactionId(chance.randbytes(32)))
            for _ in range(TRANSACTIONS)
        ),
        touched=touched,
        moved=tuple(dict.fromkeys(each, bytes(MOVED_BYTES)) for each in touched),
        forget_before=header.time_ms,
    )


def _milliseconds(act: Callable[[], object]) -> float:
    begun = time.perf_counter()
    act()
    return (time.perf_counter() - begun) * 1_000


def _vote_and_commit(store: ChainStore, decision: Decision) -> tuple[float, float]:
    height = decision.block.header.height
    record = VoteRecord(height, View(0), VoteStep.PREPARE, bytes(200))
    body = {decision.block_id: encode(decision.block)}
    voting = _milliseconds(lambda: store.append([record], body))
    return voting, _milliseconds(lambda: store.commit(decision))


def run(report: Report) -> None:
    """What a decision and a vote cost on this disk."""
    chance, begun = random.Random(1), _genesis()
    chain = ChainId(block_id(begun.header))
    votes: list[float] = []
    commits: list[float] = []
    with tempfile.TemporaryDirectory(prefix="mithaq-bench-") as name:
        folder = Path(name) / "chain"
        with create_database(folder, begun) as store:
            for _ in range(BLOCKS):
                voting, committing = _vote_and_commit(store, _decision(store.head(), chain, chance))
                votes.append(voting)
                commits.append(committing)
        opening = _milliseconds(lambda: open_database(folder, chain).close())
    report.fact("storage.commit/100tx", statistics.median(commits), "ms")
    report.fact("storage.commit/100tx slowest", max(commits), "ms")
    report.fact("storage.vote/100tx", statistics.median(votes), "ms")
    report.fact(f"storage.open/{BLOCKS} blocks", opening, "ms")
