"""An audit from files to report: exports are read, their blocks checked ahead, executed, summed up.

The files are those that anybody may have: exports of the chain, in order, each going on where the
one before ended, or overlapping it. What the first must begin with is height 1, or the height after
the snapshot.
"""

import hashlib
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final, final

from ledger.genesis import Genesis
from node.ahead import checked_ahead
from node.audit import Audit
from node.audit_ground import AuditGround
from node.audit_report import FORMAT, VERSION, AuditReport, InputFile
from node.divergence import EntriesOf
from node.export_file import ExportReader, open_export
from node.replay import Exported
from node.work import Progress, Work
from primitives.crypto import ED25519
from primitives.errors import Malformed, OperatorFault
from primitives.ids import ChainId, Digest, Height
from storage.keyvalue import KeyValue
from storage.leveldb import create_leveldb

READ_BYTES: Final = 1024 * 1024


@final
@dataclass(frozen=True, kw_only=True)
class AuditTask:
    """What is audited, and how."""

    files: Sequence[Path]
    chain: ChainId
    """The one that the auditor has pinned."""
    every: int
    workers: int
    """Processes that check transactions ahead; 0 does it between the blocks."""
    memory_bytes: int
    scratch: Path | None
    """Where a folder may be made for what memory cannot hold; None is the system's choice."""
    program: str
    """Name and version of this program."""
    auditor: str
    against: EntriesOf | None = None


def audit_files(task: AuditTask) -> Work[AuditReport]:
    """Execute what the files have.

    Raises:
        Malformed, BadBlock: a file is damaged, forged, of another chain, or lacks heights.
        OperatorFault: a file cannot be read, or the scratch folder cannot be used.
    """
    try:
        folder = tempfile.TemporaryDirectory(prefix="mithaq-audit-", dir=task.scratch)
    except OSError as error:
        raise OperatorFault(f"no scratch folder can be made: {error}") from error
    with folder as scratch, create_leveldb(Path(scratch) / "state") as floor:
        return (yield from _audit(task, floor))


def _audit(task: AuditTask, floor: KeyValue) -> Work[AuditReport]:
    opened: list[_Input] = []
    try:
        opened.extend(map(_Input, task.files))
        genesis = _same_chain(opened, task.chain)
        ground = AuditGround.begin(floor, genesis, memory_bytes=task.memory_bytes)
        under_way = Audit(
            ground, chain=genesis.chain, scheme=ED25519, every=task.every, against=task.against
        )
        total = opened[-1].reader.about.last - under_way.start.height
        heights = _heights(opened, Height(under_way.next_height))
        with checked_ahead(heights, genesis.chain, workers=task.workers) as blocks:
            for found, body in blocks:
                if not under_way.take(found, body):
                    break
                yield Progress(found.height - under_way.start.height, total, "heights")
        last = under_way.last
        return AuditReport(
            format=FORMAT,
            version=VERSION,
            program=task.program,
            auditor=task.auditor,
            network=opened[0].reader.document.network,
            chain=genesis.chain,
            start=under_way.start,
            last=last,
            time_ms=under_way.head.header.time_ms,
            counts=under_way.counts(),
            assets=under_way.assets(),
            every=task.every,
            roots=tuple(under_way.roots),
            inputs=tuple(one.described() for one in opened),
            divergence=under_way.divergence,
        )
    finally:
        for one in opened:
            one.close()


@final
class _Input:
    """One file of the audit."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file: BinaryIO = open_export(path)
        try:
            self.reader = ExportReader(self._file, str(path))
        except BaseException:
            self._file.close()
            raise

    def described(self) -> InputFile:
        """Name, size and SHA-256 of the whole file, also where the audit ended before it did.

        Raises:
            OperatorFault: it cannot be read any more.
        """
        try:
            self._file.seek(0)
            hashed = hashlib.sha256()
            while data := self._file.read(READ_BYTES):
                hashed.update(data)
            size = self._file.tell()
        except OSError as error:
            raise OperatorFault(f"{self.path} cannot be read: {error.strerror}") from error
        return InputFile(self.path.name, size, Digest(hashed.digest()))

    def close(self) -> None:
        """Let the file go."""
        self._file.close()


def _same_chain(opened: Sequence[_Input], expected: ChainId) -> Genesis:
    """Block 0 of the chain that the auditor means.

    Raises:
        Malformed: a file is of another one.
    """
    for one in opened:
        if one.reader.chain != expected:
            raise Malformed(
                f"{one.path} is of chain {one.reader.chain.hex()}, expected {expected.hex()}"
            )
    return opened[0].reader.genesis()


def _heights(opened: Sequence[_Input], first: Height) -> Iterator[Exported]:
    """Each height from `first` on, once, from whichever file has it first.

    Raises:
        Malformed: a height that no file has.
    """
    wanted = first
    for one in opened:
        about = one.reader.about
        if about.first > wanted:
            raise Malformed(
                f"{one.path} begins with height {about.first}, {wanted} must come first: "
                "give the files in order, without a gap"
            )
        for found in one.reader:
            if found.height == wanted:
                yield found
                wanted = Height(wanted + 1)
