"""An audit: payments of an export executed again, every signature checked, from file to report.

Blocks of 1,000 payments between random accounts, each signed by its payer, on a state of 100,000
entries; certified by four validators. The export lies on disk. Making it is not measured.
"""

import os
import random
import tempfile
import time
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from statistics import median
from typing import Any, Final

from msgspec.structs import replace

from bench import bodies
from bench.report import Report
from ledger.accounts import AccountKind, WeightedKey
from ledger.block import BlockRun
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
from ledger.transaction import Body, Call, check_transaction, sign_body
from node.audit_ground import MEMORY_BYTES, AuditGround
from node.auditing import AuditTask, audit_files
from node.bodies import CheckedBlock
from node.export_file import ExportAbout, ExportGenesis, export_head
from node.replay import Exported, decision_of
from node.work import finish
from primitives.block import Block, Header, block_id, transactions_root
from primitives.certificate import Certificate, Seal
from primitives.codec import encode
from primitives.crypto import SigningKey
from primitives.domains import Domain
from primitives.ids import AccountId, Height, PublicKey, Seat, TimeMs, ValidatorKey, View
from primitives.statements import vote_bytes
from services.money import Transfer
from services.table import TRANSACTION
from storage.memory import MemoryKeyValue
from storage.stream import StreamWriter

ACCOUNTS: Final = 50_000
BLOCK_TRANSACTIONS: Final = 1_000
BLOCKS: Final = 20
SMALL_MEMORY: Final = 4 * 1024 * 1024
"""Of state in memory, where most of it must lie in the scratch folder."""
GOAL_RATE: Final = 3_000
RUNS: Final = 3


def _signing(word: str, number: int) -> SigningKey:
    return SigningKey(sha256(f"bench {word} {number}".encode()).digest())


def _account(number: int) -> AccountId:
    return AccountId(sha256(b"bench account %d" % number).digest())


class Town:
    """A chain of payments, one block after the other."""

    def __init__(self) -> None:
        self.payers = [_signing("payer", number) for number in range(ACCOUNTS)]
        voters = [_signing("voter", number) for number in range(bodies.COUNT)]
        self.document = _document(self.payers, voters)
        self.genesis: Genesis = genesis_block(self.document)
        by_key = {bytes(key.public): key for key in voters}
        self.voters = [by_key[bytes(key)] for key in self.genesis.validators.keys]
        self._ground = AuditGround.begin(MemoryKeyValue(), self.genesis)
        self._chance = random.Random(1)

    def block(self) -> Exported:
        """The next block, executed and certified."""
        chain, head = self.genesis.chain, self._ground.head()
        height, time_ms = Height(head.height + 1), TimeMs(head.header.time_ms + 1_000)
        run = BlockRun(self._ground.state(), chain=chain, height=height, time_ms=time_ms)
        made = [self._payment(height, index, time_ms) for index in range(BLOCK_TRANSACTIONS)]
        checked = tuple(check_transaction(data, chain, TRANSACTION) for data in made)
        for tx in checked:
            run.admit(tx)
            run.apply(tx)
        done = run.finish()
        validators = self.genesis.validators
        header = Header(
            chain=chain,
            height=height,
            parent=head.block_id,
            time_ms=time_ms,
            proposer=ValidatorKey(validators.primary(height, View(0))),
            transactions_root=transactions_root([tx.hash for tx in checked]),
            state_root=done.state_root,
            receipts_root=done.receipts_root,
            validators_hash=validators.hash,
            next_validators_hash=validators.hash,
        )
        identifier = block_id(header)
        statement = vote_bytes(Domain.COMMIT, chain, height, View(0), identifier)
        seals = tuple(
            Seal(Seat(seat), self.voters[seat].sign(statement)) for seat in range(validators.quorum)
        )
        certificate = Certificate(height, View(0), identifier, seals)
        block = Block(header, tuple(made))
        body = CheckedBlock(block, identifier, checked)
        self._ground.commit(decision_of(body, certificate, done))
        return Exported(block, certificate, done.receipts)

    def _payment(self, height: Height, index: int, time_ms: TimeMs) -> bytes:
        payer, payee = self._chance.sample(range(ACCOUNTS), 2)
        line = Line(_account(payee), 1, f"bench/{height}/{index}", "", None)
        body: Body[Any] = Body(
            chain=self.genesis.chain,
            valid_until=TimeMs(time_ms + 60_000),
            salt=(height * BLOCK_TRANSACTIONS + index).to_bytes(16, "big"),
            calls=(Call(_account(payer), Transfer("GBP", (line,))),),
        )
        return encode(sign_body(body, [self.payers[payer]]))


def _document(payers: list[SigningKey], voters: list[SigningKey]) -> GenesisDocument:
    records = zip(bodies.records(), voters, strict=True)
    return GenesisDocument(
        format="mithaq.genesis",
        version=3,
        network="bench",
        time_ms=TimeMs(0),
        parameters=DEFAULTS,
        validators=tuple(replace(one, key=ValidatorKey(key.public)) for one, key in records),
        accounts=(*bodies.accounts(), *_accounts(payers)),
        roles=(),
        assets=(GenesisAsset("GBP", 2, _account(0)),),
        balances=tuple(GenesisBalance(_account(i), "GBP", 10**9) for i in range(len(payers))),
    )


def _accounts(payers: list[SigningKey]) -> Iterator[GenesisAccount]:
    for number, key in enumerate(payers):
        yield GenesisAccount(
            id=_account(number),
            kind=AccountKind.DEVICE,
            threshold=1,
            keys=(WeightedKey(PublicKey(key.public), 1),),
            name="",
            keeper=None,
            floor=0,
        )


def write_export(town: Town, path: Path) -> None:
    """The chain of a town in a file."""
    with path.open("wb") as file:
        about = ExportAbout(Height(1), Height(BLOCKS))
        writer = StreamWriter(file, export_head(town.genesis.chain, about))
        writer.write(encode(ExportGenesis(town.document, town.genesis.header)))
        for _ in range(BLOCKS):
            writer.write(encode(town.block()))
        writer.end()


def _rate(town: Town, path: Path, *, workers: int, memory_bytes: int = MEMORY_BYTES) -> float:
    task = AuditTask(
        files=[path],
        chain=town.genesis.chain,
        every=10,
        workers=workers,
        memory_bytes=memory_bytes,
        scratch=path.parent,
        program="bench",
        auditor="bench",
    )
    began: list[float] = []

    def hear(_: object) -> None:
        began.append(time.perf_counter())

    finish(audit_files(task, hear), hear)
    # From the first block's end on: making the state of genesis is not execution.
    return (BLOCKS - 1) * BLOCK_TRANSACTIONS / (began[-1] - began[0])


def run(report: Report) -> None:
    """Payments executed again in a second, medians of RUNS."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "bench.export"
        town = Town()
        write_export(town, path)
        others = max(0, (os.cpu_count() or 1) - 1)
        for name, workers, memory, goal in (
            ("audit.rate", others, MEMORY_BYTES, True),
            ("audit.rate, one process", 0, MEMORY_BYTES, False),
            ("audit.rate, state on disk", others, SMALL_MEMORY, False),
        ):
            rate = median(
                _rate(town, path, workers=workers, memory_bytes=memory) for _ in range(RUNS)
            )
            if goal:
                report.goal_at_least(name, rate, "payments/s", at_least=GOAL_RATE)
            else:
                report.fact(name, rate, "payments/s")
        bytes_each = path.stat().st_size / (BLOCKS * BLOCK_TRANSACTIONS)
        report.fact("export.bytes", bytes_each, "per payment")
