"""A small database with a row in every region, made by real validators' keys, for checks of it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from msgspec.structs import replace

from consensus.messages import PrePrepare, ViewChange
from kit.accused import two_prepares
from kit.api import ChainOfOne
from kit.ledger import key, pay
from ledger.transaction import check_transaction
from ledger.tree import replaced
from node.addresses import sign_address
from node.check.run import CheckReport, CheckRequest, check_snapshot
from node.retention import Policy, recorder
from node.work import finish
from primitives.block import Block, block_id
from primitives.codec import encode
from primitives.crypto import SigningKey
from primitives.domains import Domain
from primitives.evidence import case_of
from primitives.ids import NO_VIEW, ZERO32, BlockId, ChainId, Height, Seat, View
from primitives.statements import view_change_bytes, vote_bytes
from primitives.validators import ValidatorSet
from services.table import TRANSACTION
from storage.chain import ChainStore
from storage.decision import KeptEvidence, VoteRecord, VoteStep
from storage.edges import Part
from storage.keyvalue import KeyValue
from storage.memory import MemoryKeyValue


def proposal(
    keys: Sequence[SigningKey],
    validators: ValidatorSet,
    chain: ChainId,
    *,
    height: int,
    view: int,
    block: BlockId,
) -> PrePrepare:
    """A proposal of the primary of a view, justified by everybody's view change."""
    at, seen = Height(height), View(view)
    by_key = {bytes(one.public): one for one in keys}
    changes = []
    for seat, one in enumerate(validators.keys if view else ()):
        statement = view_change_bytes(chain, at, seen, NO_VIEW, BlockId(ZERO32))
        signed = by_key[bytes(one)].sign(statement)
        nothing = BlockId(ZERO32)
        changes.append(ViewChange(at, seen, Seat(seat), NO_VIEW, nothing, signed, None))
    statement = vote_bytes(Domain.PRE_PREPARE, chain, at, seen, block)
    signed = by_key[bytes(validators.primary(at, seen))].sign(statement)
    return PrePrepare(at, seen, block, signed, tuple(changes), None)


def specimen() -> tuple[ChainId, dict[bytes, bytes]]:
    """The rows of a database with something in every region."""
    database = MemoryKeyValue()
    return specimen_chain(database).chain, database.contents()


def specimen_chain(database: KeyValue, folder: Path | None = None) -> ChainOfOne:
    """Six blocks, votes on the seventh, an archived view; evidence, addresses, a retention log."""
    chain = ChainOfOne(database, folder=folder)
    chain.holding = True
    for number in range(6):
        for index in range(number % 3):
            line = pay("health", 1 + index, f"INV-{number}-{index}")
            tx = check_transaction(chain.signed("treasury", line), chain.chain, TRANSACTION)
            chain.waiting[tx.id] = tx
        if number == 3:
            chain.store.append([_prepare(chain, 2, BlockId(b"\7" * 32))], {})
        chain.make_block()
    store, head = chain.store, chain.store.head()
    body = Block(replace(head.header, height=Height(head.height + 1)), ())
    identifier = block_id(body.header)
    store.append([_prepare(chain, 0, identifier)], {identifier: encode(body)})
    piece = two_prepares(key("validator 1"), chain.chain, height=2)
    page = sign_address(key("node 1"), chain.chain, ("10.0.0.1:17000",), sequence=1)
    store.keep_addresses({page.node_key: encode(page)})
    store.keep_evidence(KeptEvidence(Height(2), case_of(piece, chain.chain).id, encode(piece)))
    retire(store, Part.STATE, 2)
    return chain


def retire(store: ChainStore, part: Part, edge: int) -> None:
    """Move an edge up, and sweep."""
    store.retire(part, Height(edge), recorder(Policy(state=2), key("node 0")))
    while store.sweep(rows_max=1_000, replaced=replaced):
        pass


def _prepare(chain: ChainOfOne, view: int, block: BlockId) -> VoteRecord:
    height = chain.store.head().height + 1
    made = proposal(
        chain.signers, chain.validators, chain.chain, height=height, view=view, block=block
    )
    return VoteRecord(Height(height), View(view), VoteStep.PREPARE, encode(made))


def checked(
    chain: ChainId, rows: dict[bytes, bytes], first: int | None = None, last: int | None = None
) -> CheckReport:
    """What a check says of a database with these rows."""
    asked = CheckRequest(
        first=None if first is None else Height(first), last=None if last is None else Height(last)
    )
    snapshot = MemoryKeyValue(rows).snapshot()
    return finish(check_snapshot(snapshot, chain, asked), lambda _: None)
