"""Exporting: a chain, or a part of it, into a file that anybody can read and check.

The file is made as NAME.part and gets its name when it is whole. An export that was interrupted
goes on where it stopped: the part is read from its beginning, checked, and cut after the last whole
record; what is written is the same, byte for byte, as without the interruption.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Final, final

import msgspec
from msgspec import Struct

from node.export_file import NAME, VERSION, ExportAbout, ExportGenesis, export_head
from node.premises import Premises, Upkeep
from node.work import Progress, Work
from primitives import limits
from primitives.codec import decode, encode
from primitives.errors import Malformed, OperatorFault, Rejected
from primitives.ids import ChainId, Height, Natural, Sized32
from storage.chain import ChainStore
from storage.new_file import keep, part_of, require_absent
from storage.stream import StreamReader, StreamWriter

NOT_THERE: Final = "export.not_there"


@final
class ExportRequest(Struct, frozen=True, kw_only=True):
    """Which heights, into which file; without `last`, up to the head."""

    file: str
    first: Natural[Height]
    last: Natural[Height] | None


@final
class ExportResult(Struct, frozen=True, kw_only=True):
    """What was written."""

    file: str
    chain: Sized32[ChainId]
    first: Natural[Height]
    last: Natural[Height]
    bytes: Natural[int]
    kept: Natural[int]
    """Heights that an interrupted export had written already."""


def export_chain(premises: Premises, asked: ExportRequest) -> Work[ExportResult]:
    """Write an export; goes on with one of the same heights that was interrupted.

    Raises:
        Rejected: heights that are not there (yet), or were pruned.
        OperatorFault: the file exists, or cannot be written.
    """
    store, path = premises.store, Path(asked.file)
    require_absent(path)
    with _opened(path) as file:
        begun = _begun(file, part_of(path))
        about = _heights(store, asked, begun)
        if about.first <= about.last:
            store.block_bytes(about.first)  # whether it was pruned is said before anything is done
        kept = yield from _write(premises, file, part_of(path), about)
    return ExportResult(
        file=str(path),
        chain=store.chain,
        first=about.first,
        last=about.last,
        bytes=path.stat().st_size,
        kept=kept,
    )


def exported(store: ChainStore, height: Height) -> bytes:
    """The record of a height.

    Raises:
        Rejected: it was pruned.
    """
    block = msgspec.Raw(store.block_bytes(height))
    return encode((block, store.certificate(height), store.receipts(height)))


def _heights(store: ChainStore, asked: ExportRequest, begun: StreamReader | None) -> ExportAbout:
    """What to export. One that goes on ends where it was to end when it began."""
    head, last = store.head().height, asked.last
    old = None if begun is None else decode(begun.head.about, ExportAbout, limit=64)
    if last is None:
        last = head if old is None else old.last
    about = ExportAbout(asked.first, last)
    if not 1 <= asked.first <= last + 1 or last > head:
        raise Rejected(
            NOT_THERE,
            f"heights {asked.first} to {last} cannot be exported: this node has 1 to {head}",
            {"expected": f"1 to {head}", "actual": f"{asked.first} to {last}"},
        )
    if old is not None and begun is not None and (begun.head.chain, old) != (store.chain, about):
        raise OperatorFault(
            f"{part_of(Path(asked.file))} is of heights {old.first} to {old.last} of chain "
            f"{begun.head.chain.hex()}: remove it, or export those"
        )
    return about


def _write(premises: Premises, file: BinaryIO, part: Path, about: ExportAbout) -> Work[int]:
    """Write what the part lacks; returns how many heights it had."""
    store = premises.store
    records = _records(premises, about)
    begun = _begun(file, part)
    if begun is None:
        writer = StreamWriter(file, export_head(store.chain, about))
    else:
        for done, (old, record) in enumerate(zip(_whole(begun), records, strict=False)):
            if old != record:
                raise OperatorFault(f"{begun.fault('this node has another one')}: remove it")
            yield Progress(done, _count(about), "heights checked")
        writer = StreamWriter.resume(file, begun)
        records = _records(premises, about, skip=writer.count)
    kept = max(0, writer.count - 1)
    for record in records:
        writer.write(record)
        yield Progress(writer.count - 1, _count(about), "heights")
    writer.end()
    return kept


def _records(premises: Premises, about: ExportAbout, *, skip: int = 0) -> Iterator[bytes]:
    """Genesis, then each height."""
    if skip == 0:
        header = premises.store.header(Height(0))
        yield encode(ExportGenesis(premises.node.document, header))
    for height in range(about.first + max(0, skip - 1), about.last + 1):
        yield exported(premises.store, Height(height))


def _count(about: ExportAbout) -> int:
    return about.last - about.first + 1


def _begun(file: BinaryIO, part: Path) -> StreamReader | None:
    """An export that was interrupted; None where there is none.

    Raises:
        OperatorFault: it is something else.
    """
    if os.fstat(file.fileno()).st_size == 0:
        return None
    file.seek(0)
    try:
        return StreamReader(
            file,
            name=NAME,
            version=VERSION,
            record_bytes_max=limits.EXPORT_RECORD_BYTES_MAX,
            where=str(part),
        )
    except Malformed as error:
        raise OperatorFault(f"{error}: remove it") from error


def _whole(begun: StreamReader) -> Iterator[bytes]:
    """The records up to where it was interrupted.

    Raises:
        OperatorFault: it is damaged.
    """
    try:
        yield from begun
    except Malformed as error:
        if not begun.cut_off:
            raise OperatorFault(f"{error}: remove it") from error


@contextmanager
def _opened(path: Path) -> Iterator[BinaryIO]:
    """The part of an export, this export's alone; it stays when something goes wrong."""
    part = part_of(path)
    try:
        descriptor = os.open(part, os.O_RDWR | os.O_CREAT, 0o644)
        with open(descriptor, "r+b") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            try:
                yield file
                keep(file, path)
            except BaseException:
                if file.seek(0, os.SEEK_END) == 0:
                    part.unlink()  # nothing was begun
                raise
    except BlockingIOError as error:
        raise OperatorFault(f"{part} is being written by another export") from error
    except OSError as error:
        raise OperatorFault(f"{part} cannot be written: {error.strerror}") from error


EXPORT: Final = Upkeep(
    path="db/export", asked=ExportRequest, answered=ExportResult, work=export_chain
)
