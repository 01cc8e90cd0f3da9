"""What a proof costs who makes it and who checks it, and how many bytes it has: seven validators.

A real ledger on disk: 10,000 accounts, then a block of 5,000 payments of one line each, certified
by all seven. A node's `Queries` make the files, `verifier` checks them; the figure is CPU time of
one thread, the mean of many. The trees over a block's transactions and receipts are built at the
first proof out of it and kept, so that one is told apart.

Files with a lineage are put together from headers of the same shape whose validators change, all
seven at a time: a step for each change, which is the most that there can be.
"""

import random
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Final

from msgspec.structs import replace

from bench.report import Report
from ledger.accounts import AccountKind, WeightedKey, account_of_key
from ledger.block import BlockRun
from ledger.books import BALANCES, Holding, Line
from ledger.genesis import (
    GenesisAccount,
    GenesisAsset,
    GenesisBalance,
    GenesisDocument,
    genesis_block,
)
from ledger.parameters import DEFAULTS
from ledger.transaction import Body, Call, CheckedTransaction, check_transaction, sign_body
from ledger.validators import ValidatorRecord
from node.lineage import GenesisAnchor, Lineage, Period, shortest
from node.proof import ProofFile, proof_file, read_proof, write_proof
from node.queries import Queries
from primitives import limits
from primitives.block import Block, Header, block_id, transaction_hash, transactions_root
from primitives.certificate import Certificate, Seal
from primitives.codec import encode
from primitives.crypto import SigningKey
from primitives.digest import digest
from primitives.domains import Domain
from primitives.ids import (
    AccountId,
    ChainId,
    Height,
    NodeKey,
    Seat,
    Signature,
    TimeMs,
    TransactionId,
    ValidatorKey,
    View,
)
from primitives.statements import vote_bytes
from primitives.validators import ValidatorSet
from services.money import Transfer
from services.table import LAW, TRANSACTION
from storage.chain import ChainStore
from storage.decision import Decision, Genesis
from storage.opening import create_database
from verifier import Outcome, Pin, verify

VALIDATORS: Final = 7
ACCOUNTS: Final = 10_000
PAYMENTS: Final = 5_000
RUNS: Final = 200
GOAL_MS: Final = 1.0
HOP_BYTES: Final = 1_024
ONE_HOP_BYTES: Final = 4_096

_BEGUN: Final = TimeMs(1_795_342_500_000)
_KEY: Final = SigningKey(bytes(32))
_AGENCY: Final = account_of_key(_KEY.public)
_Keys = Sequence[SigningKey]


def _account(number: int) -> AccountId:
    return AccountId(digest(Domain.ACCOUNT, b"account %d" % number))


def _voters(generation: int) -> _Keys:
    """Seven keys; none of one generation is of another."""
    seeds = (sha256(b"vote %d %d" % (generation, number)).digest() for number in range(VALIDATORS))
    return sorted((SigningKey(seed) for seed in seeds), key=lambda key: key.public)


def _set_of(keys: _Keys) -> ValidatorSet:
    return ValidatorSet(tuple(ValidatorKey(key.public) for key in keys))


def _organisation(identifier: AccountId) -> GenesisAccount:
    return GenesisAccount(
        id=identifier,
        kind=AccountKind.ORGANISATION,
        threshold=1,
        keys=(WeightedKey(_KEY.public, 1),),
        name="",
        keeper=None,
        floor=0,
    )


def _document() -> GenesisDocument:
    records = tuple(
        ValidatorRecord(
            f"ministry {number}",
            ValidatorKey(key.public),
            NodeKey(sha256(b"node %d" % number).digest()),
            _account(number),
        )
        for number, key in enumerate(_voters(0))
    )
    return GenesisDocument(
        format="mithaq.genesis",
        version=5,
        network="bench",
        time_ms=_BEGUN,
        governor=None,
        parameters=DEFAULTS,
        validators=records,
        observers=(),
        accounts=tuple(_organisation(each) for each in (*map(_account, range(ACCOUNTS)), _AGENCY)),
        bodies=(),
        role_definitions=(),
        roles=(),
        norms=(),
        assets=(GenesisAsset("GBP", 2, _AGENCY),),
        balances=(GenesisBalance(_AGENCY, "GBP", 10**15),),
    )


def _payments(chain: ChainId) -> list[CheckedTransaction]:
    chance, made = random.Random(1), []
    for number in range(PAYMENTS):
        payee = _account(chance.randrange(ACCOUNTS))
        line = Line(
            payee, 125_000, f"INV-2026-{number:06}", "Road repair, lot 7", "2026-06-01", None
        )
        body = Body(
            chain=chain,
            valid_until=TimeMs(_BEGUN + DEFAULTS.window_ms),
            salt=number.to_bytes(16, "big"),
            calls=(Call(_AGENCY, Transfer("GBP", (line,))),),
        )
        made.append(check_transaction(encode(sign_body(body, [_KEY])), chain, TRANSACTION))
    return made


def _certificate(header: Header, keys: _Keys) -> Certificate:
    identifier = block_id(header)
    statement = vote_bytes(Domain.COMMIT, header.chain, header.height, View(0), identifier)
    seals = (Seal(Seat(at), Signature(key.sign(statement))) for at, key in enumerate(keys))
    return Certificate(header.height, View(0), identifier, tuple(seals))


def _commit(store: ChainStore, transactions: Sequence[CheckedTransaction]) -> None:
    head = store.head()
    height, time_ms = Height(head.height + 1), TimeMs(head.header.time_ms + 100)
    with store.state() as state:
        block = BlockRun(state, LAW, chain=store.chain, height=height, time_ms=time_ms)
        for each in transactions:
            block.admit(each)
            block.apply(each)
        execution = block.finish()
    header = replace(
        head.header,
        chain=store.chain,
        height=height,
        parent=head.block_id,
        time_ms=time_ms,
        proposer=ValidatorKey(_voters(0)[0].public),
        transactions_root=transactions_root([transaction_hash(each.data) for each in transactions]),
        state_root=execution.state_root,
        receipts_root=execution.receipts_root,
    )
    store.commit(
        Decision(
            block=Block(header, tuple(each.data for each in transactions)),
            block_id=block_id(header),
            certificate=_certificate(header, _voters(0)),
            receipts=execution.receipts,
            state_writes=execution.state_writes,
            node_writes=execution.node_writes,
            committed=execution.committed,
            done=execution.done,
            touched=execution.touched,
            moved=execution.moved,
            forget_before=execution.forget_before,
        )
    )


@contextmanager
def _paid() -> Iterator[tuple[ChainStore, list[CheckedTransaction]]]:
    """The chain on disk, and the payments of its block 1."""
    begun = genesis_block(_document())
    genesis = Genesis(
        header=begun.header,
        state_writes=begun.execution.state_writes,
        node_writes=begun.execution.node_writes,
    )
    with (
        tempfile.TemporaryDirectory(prefix="mithaq-bench-") as name,
        create_database(Path(name) / "chain", genesis) as store,
    ):
        payments = _payments(begun.chain)
        _commit(store, payments)
        yield store, payments


def _cpu_ms(work: Callable[[int], object], runs: int = RUNS) -> float:
    """Of one thread, the mean of so many runs."""
    begun = time.thread_time()
    for number in range(runs):
        work(number)
    return (time.thread_time() - begun) * 1_000 / runs


def with_hops(proof: ProofFile, count: int) -> tuple[ProofFile, Pin]:
    """The same fact behind so many changes of all seven validators, and the pin for it."""
    assert isinstance(proof.anchor, GenesisAnchor), "it was made without a checkpoint"
    sets = [_voters(generation) for generation in range(count + 1)]
    chain = ChainId(block_id(proof.anchor.genesis))
    height = Height(count + 1)
    periods = [Period(Height(at + 1), Height(at + 1), _set_of(sets[at])) for at in range(count + 1)]

    def certified(at: Height) -> tuple[Header, Certificate]:
        keys, following = sets[at - 1], sets[min(at, count)]
        header = replace(
            proof.header,
            chain=chain,
            height=at,
            validators_hash=_set_of(keys).hash,
            next_validators_hash=_set_of(following).hash,
        )
        return header, _certificate(header, keys)

    lineage: Lineage = shortest(proof.anchor, periods, height, certified)
    assert len(lineage.steps) == count, "nobody stays, so nothing can be skipped"
    return proof_file(lineage, proof.subject), Pin(chain)


def _checked(data: bytes, pin: Pin) -> None:
    verdict = verify(data, pin)
    assert verdict.outcome is Outcome.VALID, verdict.sentence


def _measure_making(
    report: Report, store: ChainStore, payments: Sequence[CheckedTransaction]
) -> dict[str, bytes]:
    queries = Queries(store)
    there = [BALANCES.key(Holding(_account(number), "GBP")) for number in range(ACCOUNTS)]
    missing = [BALANCES.key(Holding(_account(number), "EUR")) for number in range(ACCOUNTS)]

    def receipt(number: int) -> bytes:
        data = queries.transaction_proof(TransactionId(payments[number * 7 % PAYMENTS].id))
        assert data is not None, "it is committed"
        return data

    def event(number: int) -> bytes:
        data = queries.event_proof(TransactionId(payments[number * 7 % PAYMENTS].id), 1)
        assert data is not None, "it is committed"
        return data

    def entry(number: int) -> bytes:
        return queries.state_proof(BALANCES.number, there[number * 7 % ACCOUNTS])

    def absent(number: int) -> bytes:
        return queries.state_proof(BALANCES.number, missing[number * 7 % ACCOUNTS])

    report.fact("proofs.making, first of 5,000 payments", _cpu_ms(receipt, 1), "ms CPU")
    made = {}
    for name, work in (
        ("receipt", receipt),
        ("event", event),
        ("entry", entry),
        ("absent", absent),
    ):
        report.goal(f"proofs.making, {name}", _cpu_ms(work), "ms CPU", at_most=GOAL_MS)
        made[name] = work(PAYMENTS // 2)
    return made


def run(report: Report) -> None:
    """Making and checking each kind, then the sizes."""
    with _paid() as (store, payments):
        pin = Pin(store.chain)
        made = _measure_making(report, store, payments)
    for name, data in made.items():
        figure = _cpu_ms(lambda _, data=data: _checked(data, pin))  # type: ignore[misc]  # bound per turn
        report.goal(f"proofs.checking, {name}", figure, "ms CPU", at_most=GOAL_MS)
    for name, data in made.items():
        limit = limits.QR_BYTES_MAX
        report.goal(f"proofs.bytes, {name}, no lineage", len(data), "bytes", at_most=limit)
    receipt = read_proof(made["receipt"])
    sizes = {}
    for hops in (1, 2, 3):
        proof, pinned = with_hops(receipt, hops)
        data = write_proof(proof)
        figure = _cpu_ms(lambda _, data=data, pinned=pinned: _checked(data, pinned))  # type: ignore[misc]  # bound per turn
        report.fact(f"proofs.checking, receipt, {hops} hops", figure, "ms CPU")
        sizes[hops] = len(data)
    report.goal("proofs.bytes, receipt, 1 hop", sizes[1], "bytes", at_most=ONE_HOP_BYTES)
    report.fact("proofs.bytes, receipt, 3 hops", sizes[3], "bytes")
    report.goal("proofs.bytes per further hop", sizes[3] - sizes[2], "bytes", at_most=HOP_BYTES)
