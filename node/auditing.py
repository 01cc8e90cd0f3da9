"""An audit from files to report: exports are read, their blocks checked ahead, executed, summed up.

The files are those that anybody may have: exports of the chain, in order, each going on where the
one before ended, or overlapping it; and, where the chain's beginning is not to be executed, or was
pruned, a snapshot. Its state is proved to be the certified one of its height before a block is
executed on it. The first file must then have the height after it.
"""

import hashlib
import tempfile
from collections.abc import Callable, Iterator, Sequence
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
from node.snapshot_check import Source
from node.snapshot_format import MANIFEST, read_file, sha256
from node.snapshot_restore import restore
from node.work import Progress, Work
from primitives import limits
from primitives.block import block_id
from primitives.crypto import ED25519
from primitives.errors import Malformed, OperatorFault
from primitives.ids import ChainId, Digest, Height
from storage.decision import Head
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
    snapshot: Source | None = None
    """Where it begins, instead of at genesis."""
    against: EntriesOf | None = None
    """Who knows the chain's entries where it diverges."""


def audit_files(task: AuditTask, hear: Callable[[Progress], None]) -> Work[AuditReport]:
    """Execute what the files have; `hear` is told how far the state of a snapshot is made.

    Raises:
        Malformed, BadBlock: a file is damaged, forged, of another chain, or lacks heights.
        OperatorFault: a file cannot be read, or the scratch folder cannot be used.
    """
    try:
        folder = tempfile.TemporaryDirectory(prefix="mithaq-audit-", dir=task.scratch)
    except OSError as error:
        raise OperatorFault(f"no scratch folder can be made: {error}") from error
    with folder as scratch:
        state = Path(scratch) / "state"
        if task.snapshot is not None:
            restore(task.snapshot, state, hear)
        with create_leveldb(state) as floor:
            return (yield from _audit(task, floor))


def _ground(task: AuditTask, floor: KeyValue, genesis: Genesis) -> AuditGround:
    """What the first block is executed on; of a snapshot, `floor` has been made."""
    if task.snapshot is None:
        return AuditGround.begin(floor, genesis, memory_bytes=task.memory_bytes)
    header = task.snapshot.manifest.header
    head = Head(header.height, block_id(header), header)
    return AuditGround(floor, head, memory_bytes=task.memory_bytes)


def _audit(task: AuditTask, floor: KeyValue) -> Work[AuditReport]:
    opened: list[_Input] = []
    try:
        opened.extend(map(_Input, task.files))
        genesis = _same_chain(opened, task.chain)
        under_way = Audit(
            _ground(task, floor, genesis),
            chain=genesis.chain,
            scheme=ED25519,
            every=task.every,
            against=task.against,
        )
        total = opened[-1].reader.about.last - under_way.start.height
        _check_room(total, task.every)
        heights = _heights(opened, under_way.next_height)
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
            inputs=(*_described(task.snapshot), *(one.described() for one in opened)),
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


def _check_room(heights: int, every: int) -> None:
    """Whether a report can list so many roots.

    Raises:
        OperatorFault: it cannot.
    """
    if heights // every > limits.AUDIT_ROOTS_MAX:
        raise OperatorFault(
            f"{heights // every} state roots of {heights} heights, at most "
            f"{limits.AUDIT_ROOTS_MAX} fit a report: list one of "
            f"{-(-heights // limits.AUDIT_ROOTS_MAX)} heights, or of more"
        )


def _described(snapshot: Source | None) -> Iterator[InputFile]:
    """The manifest of a snapshot: it has the hashes of all its chunks."""
    if snapshot is not None:
        data = read_file(snapshot.folder / MANIFEST, limits.SNAPSHOT_MANIFEST_BYTES_MAX)
        yield InputFile(f"{snapshot.manifest.name}/{MANIFEST}", len(data), sha256(data))


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
