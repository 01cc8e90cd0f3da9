"""What queries cost over four years of a city's payments: 15,742 to 2,313 vendors, on disk.

The chain is built straight into a store, with the blocks of an import: 50 payments each, of one
line, signed; a vendor pays some of them back. Then each query is asked as a node asks it, in the
same process but alone: what it costs beside a busy node is measured with the import.
"""

import random
import statistics
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from bench import bodies
from bench.report import Report
from ledger.accounts import AccountKind, WeightedKey, account_of_key
from ledger.block import BlockRun
from ledger.books import Line
from ledger.genesis import (
    GenesisAccount,
    GenesisAsset,
    GenesisBalance,
    GenesisDocument,
    genesis_block,
)
from ledger.parameters import DEFAULTS
from ledger.transaction import Body, Call, CheckedTransaction, check_transaction, sign_body
from node.reports import Reports
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
    Seat,
    Signature,
    TimeMs,
    View,
)
from primitives.named import to_named
from services.money import Transfer
from services.table import LAW, TRANSACTION
from storage.chain import ChainStore
from storage.decision import Decision, Genesis
from storage.opening import create_database

PAYMENTS: Final = 15_742
VENDORS: Final = 2_313
DESCRIPTIONS: Final = 331
PER_BLOCK: Final = 50
CREDIT_NOTES: Final = 688
RUNS: Final = 5
GOAL_MS: Final = 1_000.0

_KEY: Final = SigningKey(bytes(32))
_AGENCY: Final = account_of_key(_KEY.public)


def _vendor(number: int) -> AccountId:
    return AccountId(digest(Domain.ACCOUNT, b"vendor %d" % number))


def document() -> GenesisDocument:
    """A network of an agency and its vendors."""
    agency = GenesisAccount(
        id=_AGENCY,
        kind=AccountKind.ORGANISATION,
        threshold=1,
        keys=(WeightedKey(_KEY.public, 1),),
        name="Agency",
        keeper=None,
        floor=0,
    )
    vendors = (
        GenesisAccount(
            id=_vendor(number),
            kind=AccountKind.ORGANISATION,
            threshold=0,
            keys=(),
            name="",
            keeper=_AGENCY,
            floor=None,
        )
        for number in range(VENDORS)
    )
    return GenesisDocument(
        format="mithaq.genesis",
        version=5,
        network="bench",
        time_ms=TimeMs(0),
        governor=None,
        parameters=DEFAULTS,
        validators=bodies.records(),
        observers=(),
        accounts=(agency, *vendors, *bodies.accounts()),
        bodies=(),
        role_definitions=(),
        roles=(),
        norms=(),
        assets=(GenesisAsset("GBP", 2, _AGENCY),),
        balances=(GenesisBalance(_AGENCY, "GBP", 10**15),),
    )


def _payments(chain: ChainId) -> list[CheckedTransaction]:
    chance = random.Random(1)
    backwards = set(chance.sample(range(PAYMENTS), CREDIT_NOTES))
    made: list[CheckedTransaction] = []
    for number in range(PAYMENTS):
        vendor = _vendor(number if number < VENDORS else chance.randrange(VENDORS))
        payer, payee = (vendor, _AGENCY) if number in backwards else (_AGENCY, vendor)
        day = f"{2008 + number * 4 // PAYMENTS}-{1 + number % 12:02}-{1 + number % 28:02}"
        text = f"Description {chance.randrange(DESCRIPTIONS)}"
        line = Line(payee, chance.randrange(1, 10_000_000), f"{number}-april", text, day, None)
        body = Body(
            chain=chain,
            valid_until=TimeMs(DEFAULTS.window_ms),
            salt=number.to_bytes(16, "big"),
            calls=(Call(payer, Transfer("GBP", (line,))),),
        )
        made.append(check_transaction(encode(sign_body(body, [_KEY])), chain, TRANSACTION))
    return made


def _commit(store: ChainStore, transactions: Sequence[CheckedTransaction]) -> None:
    head = store.head()
    height, time_ms = Height(head.height + 1), TimeMs(head.header.time_ms + 100)
    with store.state() as state:
        run = BlockRun(state, LAW, chain=store.chain, height=height, time_ms=time_ms)
        for each in transactions:
            run.admit(each)
            run.apply(each)
        execution = run.finish()
    header = Header(
        chain=store.chain,
        height=height,
        parent=head.block_id,
        time_ms=time_ms,
        proposer=head.header.proposer,
        transactions_root=transactions_root([transaction_hash(each.data) for each in transactions]),
        state_root=execution.state_root,
        receipts_root=execution.receipts_root,
        validators_hash=head.header.validators_hash,
        next_validators_hash=head.header.next_validators_hash,
    )
    identifier = block_id(header)
    # Nobody checks the seals here; a query only counts them.
    seals = tuple(Seal(Seat(seat), Signature(bytes(64))) for seat in range(3))
    store.commit(
        Decision(
            block=Block(header, tuple(each.data for each in transactions)),
            block_id=identifier,
            certificate=Certificate(height, View(0), identifier, seals),
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


def _median(reports: Reports, query: str, **given: str) -> float:
    """Milliseconds of an answer in its named form."""
    taken: list[float] = []
    for _ in range(RUNS):
        begun = time.perf_counter()
        to_named(reports.answer(query, given))
        taken.append((time.perf_counter() - begun) * 1_000)
    return statistics.median(taken)


def run(report: Report) -> None:
    """Each query over the whole chain; the median of five."""
    founded = document()
    begun = genesis_block(founded)
    genesis = Genesis(
        header=begun.header,
        state_writes=begun.execution.state_writes,
        node_writes=begun.execution.node_writes,
    )
    agency = _AGENCY.hex()
    with (
        tempfile.TemporaryDirectory(prefix="mithaq-bench-") as name,
        create_database(Path(name) / "chain", genesis) as store,
    ):
        payments = _payments(begun.chain)
        for start in range(0, PAYMENTS, PER_BLOCK):
            _commit(store, payments[start : start + PER_BLOCK])
        reports = Reports(store, founded)
        for by in ("year", "payee", "description"):
            figure = _median(reports, "money.totals", account=agency, by=by)
            report.goal(f"queries.totals by {by}", figure, "ms", at_most=GOAL_MS)
        vendor = _vendor(7).hex()
        pages: tuple[tuple[str, str, dict[str, str]], ...] = (
            ("statement, oldest", "money.statement", {"account": agency}),
            ("statement, newest", "money.statement", {"account": agency, "order": "newest"}),
            ("entries of a vendor", "money.entries", {"account": agency, "payee": vendor}),
            ("accounts", "ledger.accounts", {}),
            ("transactions", "ledger.transactions", {"account": agency}),
            ("blocks", "chain.blocks", {}),
        )
        for shown, query, given in pages:
            report.fact(f"queries.{shown}", _median(reports, query, **given), "ms per page of 100")
