"""What it costs to follow money through 1,000,000 transfers, and what keeping track costs a block.

The transfers are between 100,000 accounts, in random order, written straight into a store on disk:
receipts and the index are those of real transfers. Among them the money of one payment is passed on
for six steps, by each holder to four others: 5,460 hands. That payment is followed, then traced
back from its last hand; then an ordinary account is followed, which leads to so much that it is
refused.
"""

import random
import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from bench import queries
from bench.report import Report
from ledger.genesis import GenesisDocument, genesis_block
from ledger.lots import REFERENCES, PayerReference, ReferenceUse, lot_of
from ledger.movements import movements
from ledger.receipt import Outcome, Receipt
from ledger.state import Table
from ledger.touched import accounts_named
from node.reports import Reports
from primitives.block import Block, Header, block_id
from primitives.certificate import Certificate, Seal
from primitives.codec import encode
from primitives.digest import digest
from primitives.domains import Domain
from primitives.errors import Rejected
from primitives.ids import (
    ZERO32,
    AccountId,
    Digest,
    Height,
    Seat,
    Signature,
    TimeMs,
    TransactionId,
    View,
)
from primitives.named import to_named
from services.money import Transferred
from storage.chain import ChainStore
from storage.decision import Decision, Genesis
from storage.opening import create_database

TRANSFERS: Final = 1_000_000
PER_BLOCK: Final = 1_000
ACCOUNTS: Final = 100_000
DEPTH: Final = 6
HANDS: Final = 4
"""To which each holder of the payment passes his share on."""
RUNS: Final = 5
GOAL_MS: Final = 1_000.0
_SEALS: Final = tuple(Seal(Seat(seat), Signature(bytes(64))) for seat in range(3))
_UNSIGNED: Final = Digest(ZERO32)


def _accounts(founded: GenesisDocument) -> list[AccountId]:
    """Those of the network, and as many others."""
    known = [each.id for each in founded.accounts]
    others = range(ACCOUNTS - len(known))
    return [*known, *(AccountId(digest(Domain.ACCOUNT, b"hand %d" % each)) for each in others)]


def _transfers(chance: random.Random, known: list[AccountId]) -> list[Transferred]:
    """The first is the payment that is followed; its hands come among the others in their order."""
    first = Transferred(known[0], 0, known[1], "GBP", HANDS**DEPTH, "start", None, None)
    lot, followed = lot_of(known[0], "start"), list[Transferred]()
    holders, following, amount = [known[1]], 2, HANDS**DEPTH
    for _ in range(DEPTH):
        amount //= HANDS
        passed = []
        for holder in holders:
            for _ in range(HANDS):
                to, following = known[following], following + 1
                text = f"on/{following}"
                followed.append(Transferred(holder, 0, to, "GBP", amount, text, None, lot))
                passed.append(to)
        holders = passed
    others = (
        Transferred(*_two(chance, known), "GBP", 1, f"r/{number}", None, None)
        for number in range(TRANSFERS - len(followed) - 1)
    )
    places = iter(sorted(chance.sample(range(1, TRANSFERS), len(followed))))
    made, at = [first], next(places)
    for each in followed:
        made += [next(others) for _ in range(at - len(made))]
        made.append(each)
        at = next(places, TRANSFERS)
    return [*made, *others]


def _two(chance: random.Random, known: list[AccountId]) -> tuple[AccountId, int, AccountId]:
    payer, to = chance.sample(range(1, ACCOUNTS), 2)
    return known[payer], 0, known[to]


def _blocks(made: list[Transferred]) -> Iterator[list[Receipt[Any, Transferred]]]:
    for start in range(0, len(made), PER_BLOCK):
        yield [
            Receipt(
                TransactionId(digest(Domain.TRANSACTION_ID, b"%d" % number)),
                Outcome.APPLIED,
                None,
                (event,),
            )
            for number, event in enumerate(made[start : start + PER_BLOCK], start)
        ]


def _commit(store: ChainStore, receipts: list[Receipt[Any, Transferred]]) -> None:
    head = store.head()
    height, time_ms = Height(head.height + 1), TimeMs(head.header.time_ms + 1_000)
    header = Header(
        chain=store.chain,
        height=height,
        parent=head.block_id,
        time_ms=time_ms,
        proposer=head.header.proposer,
        transactions_root=_UNSIGNED,
        state_root=_UNSIGNED,
        receipts_root=_UNSIGNED,
        validators_hash=_UNSIGNED,
        next_validators_hash=_UNSIGNED,
    )
    identifier = block_id(header)
    uses = {
        _slot(REFERENCES, PayerReference(event.payer, event.reference)): encode(
            ReferenceUse(each.transaction_id, event.to, event.asset, event.amount)
        )
        for each in receipts
        for event in each.events
        if event.lot is not None or event.reference == "start"
    }
    store.commit(
        Decision(
            block=Block(header, tuple(b"" for _ in receipts)),
            block_id=identifier,
            certificate=Certificate(height, View(0), identifier, _SEALS),
            receipts=tuple(map(encode, receipts)),
            state_writes=uses,
            node_writes={},
            committed=tuple((TimeMs(time_ms + 1), each.transaction_id) for each in receipts),
            done=(),
            touched=tuple(accounts_named(each.events) for each in receipts),
            moved=tuple(movements(each.events) for each in receipts),
            forget_before=time_ms,
        )
    )


def _slot(table: Table[PayerReference, ReferenceUse], key: PayerReference) -> tuple[int, bytes]:
    return table.number, table.key(key)


def _median(reports: Reports, **given: str) -> tuple[float, int]:
    """Milliseconds of an answer's first page in its named form; how many steps there are."""
    taken: list[float] = []
    for _ in range(RUNS):
        begun = time.perf_counter()
        to_named(reports.answer("treasury.trace", given))
        taken.append((time.perf_counter() - begun) * 1_000)
    steps, after = 0, dict[str, str]()
    while True:
        page = reports.answer("treasury.trace", {**given, **after, "limit": "1000"})
        steps += len(page.rows)
        if page.next is None:
            return statistics.median(taken), steps
        after = {"after": page.next}


def _cost_of_movements(report: Report, made: list[Transferred]) -> None:
    """What it adds to a transaction, in the thread that executes blocks."""
    sample = [(each,) for each in made[:10_000]]
    begun = time.process_time()
    for events in sample:
        movements(events)
    spent = (time.process_time() - begun) / len(sample) * 1e6
    report.fact("treasury_trace.keeping track", spent, "us per transfer")


def run(report: Report) -> None:
    """Forward, back, and too far; the median of five."""
    founded = queries.document()
    begun = genesis_block(founded)
    genesis = Genesis(
        header=begun.header,
        state_writes=begun.execution.state_writes,
        node_writes=begun.execution.node_writes,
    )
    made = _transfers(random.Random(7), _accounts(founded))
    _cost_of_movements(report, made)
    with (
        tempfile.TemporaryDirectory(prefix="mithaq-bench-") as name,
        create_database(Path(name) / "chain", genesis) as store,
    ):
        started = time.perf_counter()
        for receipts in _blocks(made):
            _commit(store, receipts)
        spent = time.perf_counter() - started
        report.fact("treasury_trace.writing", TRANSFERS / spent, "transfers/s")
        reports, payment = Reports(store, founded), f"payment:{lot_of(made[0].payer, 'start')}"
        forward, steps = _median(reports, from_=payment, depth=str(DEPTH))
        report.goal(f"treasury_trace.depth {DEPTH}, {steps} steps", forward, "ms", at_most=GOAL_MS)
        last = next(each for each in reversed(made) if each.lot is not None)
        back, steps = _median(
            reports,
            from_=f"payment:{lot_of(last.payer, last.reference)}",
            direction="back",
            depth=str(DEPTH),
        )
        report.goal(f"treasury_trace.back, {steps} steps", back, "ms", at_most=GOAL_MS)
        started = time.perf_counter()
        try:
            reports.answer(
                "treasury.trace",
                {"from_": f"account:{made[0].to.hex()}", "asset": "GBP", "depth": str(DEPTH)},
            )
        except Rejected as refusal:
            refused = (time.perf_counter() - started) * 1_000
            report.goal(f"treasury_trace.{refusal.code}", refused, "ms", at_most=GOAL_MS)
