"""Showing the retention log: `mithaq db log`, and its file for an auditor.

The log is always read whole and judged, from the first record to the edges of the database; what is
shown of it is the end. A log that is not what a node wrote is shown as far as it is, with what is
wrong: the node does not repair it.

The file (storage/stream.py) holds every record as it is signed, and in its head the edges that the
node has, which are its word and not signed. Whoever holds the node's public key, which stands in
genesis and on chain, checks the file without the node.
"""

from collections import deque
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, BinaryIO, Final, final

from msgspec import Meta, Struct

from node.premises import Premises, Upkeep
from node.retention_log import BrokenLog, LogCheck, SignedRecord
from node.work import Progress, Work
from primitives import limits
from primitives.codec import decode, encode
from primitives.crypto import ED25519
from primitives.errors import OperatorFault
from primitives.ids import BlockId, ChainId, Height, Natural, NodeKey, Sized32, TimeMs
from storage.edges import Edges, Part
from storage.new_file import new_file
from storage.stream import StreamHead, StreamReader, StreamWriter

NAME: Final = "mithaq.retention-log"
VERSION: Final = 1
_ROWS: Final = 20
"""Records between two steps: each has a signature, 60 us."""


@final
class LogRequest(Struct, frozen=True, kw_only=True):
    """How many records are shown, and the full path of a new file for all of them."""

    last: Annotated[int, Meta(ge=0, le=limits.RETENTION_SHOWN_MAX)]
    file: str | None


@final
class KeptFrom(Struct, array_like=True, frozen=True, kw_only=True):
    """The edges of a node."""

    headers: Natural[Height]
    bodies: Natural[Height]
    receipts: Natural[Height]
    index: Natural[Height]
    state: Natural[Height]


@final
class LogEntry(Struct, frozen=True, kw_only=True):
    """A record: heights `first` to `last` went when the chain was at `head`."""

    sequence: Natural[int]
    part: Part
    first: Natural[Height]
    last: Natural[Height]
    policy: Natural[int]
    """So many of the newest heights were to be kept."""
    head: Natural[Height]
    head_id: Sized32[BlockId]
    head_time_ms: Natural[TimeMs]
    node_key: Sized32[NodeKey]


@final
class LogAnswer(Struct, frozen=True, kw_only=True):
    """A log that was read and judged."""

    chain: Sized32[ChainId]
    count: Natural[int]
    """Records that are as a node wrote them."""
    fault: str | None
    """What is wrong with the next one, or with the log's end."""
    keys: tuple[Sized32[NodeKey], ...]
    """That signed."""
    kept_from: KeptFrom
    entries: tuple[LogEntry, ...]
    """The last ones."""
    file: str | None


def show(premises: Premises, asked: LogRequest) -> Work[LogAnswer]:
    """Read and judge the log of a node, and write its file if that is asked for."""
    store = premises.store
    edges, count = store.edges(), store.records()
    records = (data for sequence, data in store.retention_log() if sequence < count)
    if asked.file is None:
        return (yield from _judged(records, store.chain, edges, asked.last, None))
    path = Path(asked.file)
    if not path.is_absolute():
        raise OperatorFault(f"{path}: expected a full path, the node has another working folder")
    with new_file(path) as file:
        yield from _write(file, records, store.chain, edges)
        records = (data for sequence, data in store.retention_log() if sequence < count)
        return (yield from _judged(records, store.chain, edges, asked.last, str(path)))


LOG: Final = Upkeep("db/log", LogRequest, LogAnswer, show)


def judge_file(file: BinaryIO, path: Path, *, last: int) -> Work[LogAnswer]:
    """Read and judge the file of a log, of whatever chain it is.

    Raises:
        Malformed: it is no such file, or it is damaged.
    """
    reader = StreamReader(
        file,
        name=NAME,
        version=VERSION,
        record_bytes_max=limits.RETENTION_RECORD_BYTES_MAX,
        where=str(path),
    )
    kept = decode(reader.head.about, KeptFrom, limit=limits.RETENTION_RECORD_BYTES_MAX)
    edges = Edges(**{part.value: getattr(kept, part.value) for part in Part})
    chain = ChainId(reader.head.chain)
    return (yield from _judged(reader, chain, edges, last, str(path)))


def _write(file: BinaryIO, records: Iterable[bytes], chain: ChainId, edges: Edges) -> Work[None]:
    writer = StreamWriter(file, StreamHead(NAME, VERSION, chain, encode(_kept_from(edges))))
    for count, data in enumerate(records):
        if count % _ROWS == 0:
            yield Progress(count, 0, "records written")
        writer.write(data)
    writer.end()


def _judged(
    records: Iterable[bytes], chain: ChainId, edges: Edges, last: int, file: str | None
) -> Work[LogAnswer]:
    check, fault = LogCheck(chain, ED25519), None
    entries: deque[SignedRecord] = deque(maxlen=last)
    try:
        for data in records:
            if check.count % _ROWS == 0:
                yield Progress(check.count, 0, "records checked")
            entries.append(check.read(data))
        check.check_edges(edges)
    except BrokenLog as error:
        fault = str(error)
    return LogAnswer(
        chain=chain,
        count=check.count,
        fault=fault,
        keys=tuple(sorted(check.keys)),
        kept_from=_kept_from(edges),
        entries=tuple(_entry(signed) for signed in entries),
        file=file,
    )


def _kept_from(edges: Edges) -> KeptFrom:
    return KeptFrom(**{part.value: edges.of(part) for part in Part})


def _entry(signed: SignedRecord) -> LogEntry:
    record = signed.record
    return LogEntry(
        sequence=record.sequence,
        part=record.part,
        first=record.first,
        last=record.last,
        policy=record.kept,
        head=record.head,
        head_id=record.head_id,
        head_time_ms=record.head_time_ms,
        node_key=record.node_key,
    )
