"""Snapshots of a small chain with real signatures, made small enough to have many chunks."""

from pathlib import Path

from msgspec.structs import replace

from kit.api import ChainOfOne
from kit.ledger import genesis_document, pay
from ledger.parameters import DEFAULTS
from ledger.transaction import check_transaction
from node.snapshot_check import Source, open_snapshot
from node.snapshot_create import create
from node.work import finish
from services.table import TRANSACTION

SMALL_CHUNK = 600
"""Bytes: a handful of entries."""


WINDOW_MS = 8_500
"""Eight blocks: of a longer chain, the rows of earlier ones were deleted from the state."""


def chain_with_payments(heights: int, *, folder: Path | None = None) -> ChainOfOne:
    """A chain whose blocks hold two payments each, but every third one none."""
    parameters = replace(DEFAULTS, window_ms=WINDOW_MS)
    made = ChainOfOne(document=genesis_document(parameters=parameters), folder=folder)
    for height in range(1, heights + 1):
        for number in range(0 if height % 3 == 0 else 2):
            operation = pay("health", 1, f"{height}/{number}")
            data = made.signed("treasury", operation, valid_for_ms=1_000 + 3_000 * number)
            tx = check_transaction(data, made.chain, TRANSACTION)
            made.waiting[tx.id] = tx
        made.make_block()
    return made


def snapshot_of(chain: ChainOfOne, folder: Path, *, chunk_bytes: int = SMALL_CHUNK) -> Source:
    """The snapshot of a chain's head in a folder, opened."""
    with chain.store.state() as state:
        finish(create(chain.store, state, folder, chunk_bytes=chunk_bytes), lambda _: None)
    return open_snapshot(folder, chain.chain)
