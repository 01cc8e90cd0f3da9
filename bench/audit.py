"""An audit: payments of an export executed again, every signature checked, from file to report.

Blocks of 1,000 payments between random accounts, each signed by its payer, on a state of 100,000
entries; certified by four validators. The export lies on disk. Making it is not measured.
"""

import os
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Final

from bench.report import Report
from bench.town import Town
from node.audit_ground import MEMORY_BYTES, AuditGround
from node.auditing import AuditTask, audit_files
from node.export_file import ExportAbout, ExportGenesis, export_head
from node.replay import Exported
from node.work import finish
from primitives.codec import encode
from primitives.ids import Height
from storage.memory import MemoryKeyValue
from storage.stream import StreamWriter

ACCOUNTS: Final = 50_000
BLOCK_TRANSACTIONS: Final = 1_000
BLOCKS: Final = 20
SMALL_MEMORY: Final = 4 * 1024 * 1024
"""Of state in memory, where most of it must lie in the scratch folder."""
GOAL_RATE: Final = 3_000
RUNS: Final = 3


def write_export(town: Town, path: Path) -> None:
    """The chain of a town in a file."""
    with path.open("wb") as file:
        about = ExportAbout(Height(1), Height(BLOCKS))
        writer = StreamWriter(file, export_head(town.genesis.chain, about))
        writer.write(encode(ExportGenesis(town.document, town.genesis.header)))
        ground = AuditGround.begin(MemoryKeyValue(), town.genesis)
        for _ in range(BLOCKS):
            made = town.decision(ground.head(), ground.state(), BLOCK_TRANSACTIONS)
            ground.commit(made)
            writer.write(encode(Exported(made.block, made.certificate, made.receipts)))
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
        town = Town(ACCOUNTS)
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
