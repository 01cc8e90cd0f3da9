"""What a chain costs on the disk, and what is left of it after pruning.

Blocks of a few payments between random accounts, each signed by its payer, committed to a LevelDB
as a node commits them, and compacted. Then everything but the last 1,000 heights is dropped, the
files are compacted again, and held against a node that was restored from a snapshot 1,000 heights
below the same head and executed the same blocks since: it never had what the other one dropped.
`disk.fresh/0 heights` is what a snapshot alone makes: one state, and no block. What lies between
the two is the history that is kept, most of it the state at each of the last 1,000 heights.

`python -m bench.disk 400` takes so many heights to drop instead.
"""

import random
import sys
import tempfile
import time
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from msgspec.structs import replace

from bench import bodies
from bench.report import Report
from ledger.accounts import AccountKind, WeightedKey
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
from node.bodies import CheckedBlock
from node.replay import decision_of
from node.retention import Policy, at_once, retire_due, sweep_some
from node.snapshot_check import open_snapshot
from node.snapshot_create import create
from node.snapshot_restore import restore
from node.stats import folder_bytes
from node.work import finish
from primitives import limits
from primitives.block import Block, Header, block_id, transactions_root
from primitives.certificate import Certificate, Seal
from primitives.codec import encode
from primitives.crypto import SigningKey
from primitives.domains import Domain
from primitives.ids import AccountId, Height, PublicKey, Seat, TimeMs, ValidatorKey, View
from primitives.statements import vote_bytes
from services.money import Transfer
from services.table import TRANSACTION
from storage.chain import ChainStore
from storage.decision import Genesis
from storage.opening import create_database, open_database
from storage.schema import Region

ACCOUNTS: Final = 20_000
PAYMENTS: Final = 10
"""In a block."""
KEPT: Final = 1_000
DROPPED: Final = 1_000
EMPTY: Final = 200
"""Blocks without a payment, for what one costs by itself."""
GOAL: Final = 1.3
_POLICY: Final = Policy(bodies=KEPT, receipts=KEPT, index=KEPT, state=KEPT)
_BLOCK_MS: Final = 1_000


def _signing(word: str, number: int) -> SigningKey:
    return SigningKey(sha256(f"disk {word} {number}".encode()).digest())


class Town:
    """Payers, voters, and the blocks that they make: the same ones on every store."""

    def __init__(self) -> None:
        self.payers = [_signing("payer", number) for number in range(ACCOUNTS)]
        voters = [_signing("voter", number) for number in range(bodies.COUNT)]
        self.document = _document(self.payers, voters)
        self.begun = genesis_block(self.document)
        by_key = {bytes(key.public): key for key in voters}
        self._voters = [by_key[bytes(key)] for key in self.begun.validators.keys]
        self.key = _signing("node", 0)

    def begin(self, folder: Path) -> ChainStore:
        """The chain in an empty folder."""
        execution = self.begun.execution
        return create_database(
            folder,
            Genesis(
                header=self.begun.header,
                state_writes=execution.state_writes,
                node_writes=execution.node_writes,
            ),
        )

    def extend(self, store: ChainStore, blocks: int, payments: int) -> None:
        """Commit so many more blocks of so many payments."""
        for _ in range(blocks):
            self._block(store, payments)

    def _block(self, store: ChainStore, payments: int) -> None:
        head, chain = store.head(), self.begun.chain
        height, time_ms = Height(head.height + 1), TimeMs(head.header.time_ms + _BLOCK_MS)
        checked = tuple(self._payments(height, time_ms, payments))
        with store.state() as state:
            run = BlockRun(state, chain=chain, height=height, time_ms=time_ms)
            for tx in checked:
                run.admit(tx)
                run.apply(tx)
            done = run.finish()
        validators = self.begun.validators
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
            Seal(Seat(seat), self._voters[seat].sign(statement))
            for seat in range(validators.quorum)
        )
        certificate = Certificate(height, View(0), identifier, seals)
        body = CheckedBlock(Block(header, tuple(tx.data for tx in checked)), identifier, checked)
        store.commit(decision_of(body, certificate, done))

    def _payments(
        self, height: Height, time_ms: TimeMs, count: int
    ) -> Iterator[CheckedTransaction]:
        chance = random.Random(height)
        for index in range(count):
            payer, payee = chance.sample(range(ACCOUNTS), 2)
            line = Line(_account(payee), 1, f"disk/{height}/{index}", "", None)
            body: Body[Any] = Body(
                chain=self.begun.chain,
                valid_until=TimeMs(time_ms + 60_000),
                salt=(height * PAYMENTS + index).to_bytes(16, "big"),
                calls=(Call(_account(payer), Transfer("GBP", (line,))),),
            )
            data = encode(sign_body(body, [self.payers[payer]]))
            yield check_transaction(data, self.begun.chain, TRANSACTION)


def _account(number: int) -> AccountId:
    return AccountId(sha256(b"disk account %d" % number).digest())


def _document(payers: list[SigningKey], voters: list[SigningKey]) -> GenesisDocument:
    records = zip(bodies.records(), voters, strict=True)
    accounts = (
        GenesisAccount(
            id=_account(number),
            kind=AccountKind.DEVICE,
            threshold=1,
            keys=(WeightedKey(PublicKey(key.public), 1),),
            name="",
            keeper=None,
            floor=0,
        )
        for number, key in enumerate(payers)
    )
    return GenesisDocument(
        format="mithaq.genesis",
        version=3,
        network="disk",
        time_ms=TimeMs(0),
        parameters=DEFAULTS,
        validators=tuple(replace(one, key=ValidatorKey(key.public)) for one, key in records),
        accounts=(*bodies.accounts(), *accounts),
        roles=(),
        assets=(GenesisAsset("GBP", 2, _account(0)),),
        balances=tuple(GenesisBalance(_account(i), "GBP", 10**9) for i in range(len(payers))),
    )


def _settled(store: ChainStore, folder: Path) -> int:
    """Bytes of all files after compacting: LevelDB's log is then a table too."""
    for region in Region:
        store.compact(region)
    return folder_bytes(folder)


def _regions(report: Report, name: str, store: ChainStore, per: int) -> None:
    for region, size in store.sizes().items():
        if size >= per:
            report.fact(f"disk.{name}/{region}", size / per, "bytes")


def _grown(report: Report, town: Town, folder: Path, dropped: int) -> int:
    """A chain of payments, and what each costs; its bytes."""
    with town.begin(folder) as store:
        first = _settled(store, folder)
        town.extend(store, EMPTY, 0)
        after = _settled(store, folder)
        report.fact("disk.block/empty", (after - first) / EMPTY, "bytes")
        town.extend(store, dropped + KEPT - EMPTY, PAYMENTS)
        whole = _settled(store, folder)
        payments = (dropped + KEPT - EMPTY) * PAYMENTS
        report.fact(f"disk.payment/{PAYMENTS} in a block", (whole - after) / payments, "bytes")
        report.fact(
            f"disk.block/{PAYMENTS} payments", (whole - after) * PAYMENTS / payments, "bytes"
        )
        _regions(report, "payment", store, payments)
    return whole


def _pruned(report: Report, town: Town, folder: Path) -> tuple[int, int]:
    """What is left of it, and what with as little state as a policy may ask for."""
    with open_database(folder, town.begun.chain) as store:
        begun = time.perf_counter()
        _prune(store, _POLICY, town)
        report.fact("disk.prune", time.perf_counter() - begun, "s")
        begun = time.perf_counter()
        left = _settled(store, folder)
        report.fact("disk.compact", time.perf_counter() - begun, "s")
        _regions(report, "pruned", store, 1)
        _prune(store, replace(_POLICY, state=limits.RETENTION_STATE_MIN), town)
        return left, _settled(store, folder)


def _prune(store: ChainStore, policy: Policy, town: Town) -> None:
    retire_due(store, policy, town.key, at_once)
    while sweep_some(store):
        pass


def _reborn(town: Town, home: Path, dropped: int) -> tuple[int, int]:
    """Restored `KEPT` heights below the head, and grown to it; and as it was restored."""
    with town.begin(home / "first") as store:
        town.extend(store, EMPTY, 0)
        town.extend(store, dropped - EMPTY, PAYMENTS)
        with store.state() as state:
            finish(create(store, state, home / "snapshot"), lambda _: None)
    restore(open_snapshot(home / "snapshot", town.begun.chain), home / "again", lambda _: None)
    with open_database(home / "again", town.begun.chain) as store:
        bare = _settled(store, home / "again")
        town.extend(store, KEPT, PAYMENTS)
        return _settled(store, home / "again"), bare


def run(report: Report, *, dropped: int = DROPPED) -> None:
    """Grow, prune, compact, compare."""
    town = Town()
    with tempfile.TemporaryDirectory(prefix="mithaq-bench-") as name:
        home = Path(name)
        whole = _grown(report, town, home / "chain", dropped)
        left, least = _pruned(report, town, home / "chain")
        fresh, bare = _reborn(town, home, dropped)
        report.fact(f"disk.all/{dropped + KEPT} heights", whole / 1e6, "MB")
        report.fact(f"disk.pruned/{KEPT} heights", left / 1e6, "MB")
        state = limits.RETENTION_STATE_MIN
        report.fact(f"disk.pruned/state of {state} heights", least / 1e6, "MB")
        report.fact(f"disk.fresh/{KEPT} heights", fresh / 1e6, "MB")
        report.fact("disk.fresh/0 heights", bare / 1e6, "MB")
        report.fact("disk.kept height", (fresh - bare) / KEPT, "bytes")
        report.goal("disk.pruned to fresh", left / fresh, "times", at_most=GOAL)


if __name__ == "__main__":
    run(Report(), dropped=int(sys.argv[1]) if len(sys.argv) > 1 else DROPPED)
