"""What the agenda costs a block: nothing that grows with what is not due yet (K8).

The agenda has a thousand entries, then a million; both are real states in LevelDB. A block with
nothing due must cost the same on both; a duty that falls due costs its own rule and its receipt.
"""

import tempfile
import time
from hashlib import sha256
from pathlib import Path
from statistics import median
from typing import Final, final

from bench.ledger import genesis
from bench.report import Report
from ledger import tree
from ledger.act import Act
from ledger.agenda import AGENDA, AgendaKey, AgendaRow
from ledger.block import BlockRun
from ledger.calls import Law
from ledger.operation import Duty
from primitives.block import block_id
from primitives.codec import encode
from primitives.ids import ChainId, Digest, Height, TimeMs
from primitives.kernel_limits import AGENDA_DUTIES_MAX, ECHOES_MAX
from services.table import LAW
from storage.chain import ChainStore
from storage.decision import Genesis
from storage.opening import create_database

FEW: Final = 1_000
MANY: Final = 1_000_000
BLOCKS: Final = 200
ACCOUNTS: Final = 100
SLACK: Final = 2.0
"""Two scans of a database, of which one is a thousand times as large."""


@final
class Nothing(Duty, tag="bench.nothing", frozen=True):
    """A duty without a rule of its own."""

    number: int

    def fall_due(self, act: Act) -> None:
        """Do nothing."""


_LAW: Final = Law(LAW.operations, Nothing)


def _stored(folder: Path, entries: int) -> ChainStore:
    """A chain that begins with so many entries, one due at each second."""
    begun = genesis(ACCOUNTS)
    writes = dict(begun.execution.state_writes)
    for number in range(entries):
        key = AgendaKey(TimeMs(1_000 * number), Digest(sha256(b"duty %d" % number).digest()))
        row = AgendaRow(encode(Nothing(number)), ECHOES_MAX)
        writes[AGENDA.number, AGENDA.key(key)] = encode(row)
    built = tree.update(lambda _: None, Height(0), writes)
    header = begun.header
    return create_database(
        folder, Genesis(header=header, state_writes=writes, node_writes=built.nodes)
    )


def _block_s(store: ChainStore, time_ms: int, *, due: int) -> float:
    """CPU seconds of what a block does first, with so much due."""
    spent = []
    chain = ChainId(block_id(store.head().header))
    with store.state() as state:
        for _ in range(BLOCKS):
            started = time.process_time()
            block = BlockRun(state, _LAW, chain=chain, height=Height(1), time_ms=TimeMs(time_ms))
            done = len(block.done)
            spent.append(time.process_time() - started)
            assert done == due, f"{done} duties done, expected {due}"
    return median(spent)


def run(report: Report) -> None:
    """Blocks with nothing due, and with as much as a block does."""
    first = {}
    for entries in (FEW, MANY):
        with tempfile.TemporaryDirectory() as folder:
            store = _stored(Path(folder) / "data", entries)
            one = first[entries] = _block_s(store, 0, due=1)
            full = _block_s(store, 1_000 * AGENDA_DUTIES_MAX, due=AGENDA_DUTIES_MAX)
            store.close()
        report.fact(f"agenda.block_with_one_due_{entries}_us", 1e6 * one, "µs")
        each = (full - one) / (AGENDA_DUTIES_MAX - 1)
        report.fact(f"agenda.duty_of_{entries}_us", 1e6 * each, "µs")
    report.goal("agenda.million_to_thousand", first[MANY] / first[FEW], "×", at_most=SLACK)
