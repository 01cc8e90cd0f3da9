"""The retention log: a node's signed word about every piece of history that it no longer has.

Each record says which heights of which part went, under which policy, and how far the chain was; it
names the record before it by its hash and is signed by the node's key. So a log that is shown whole
cannot leave one out, and cannot be made later than the block that it names. The validator key does
not sign here: it never leaves the signer, and this is about a machine, not about a vote.

A record stands in the database in the same write that moves the edge, and is never dropped. What it
cannot show: that the rows were ever there, or that nobody has a copy. What a node dropped is still
provable by whoever has it, under the headers that everybody keeps.

    record = ["mithaq.retention", 1, chain, sequence, previous, part, first, last, kept,
              head height, head id, head time, node key]
    signed = [record, signature]        Ed25519 over RETENTION ‖ record
    previous = SHA-256(RETAINED ‖ signed record before), 32 zero bytes in the first
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final, Literal, final

from msgspec import Struct

from primitives import limits
from primitives.codec import decode, encode
from primitives.crypto import Key, Scheme
from primitives.digest import digest
from primitives.domains import Domain
from primitives.errors import BadSignature, Malformed, MithaqError
from primitives.ids import (
    ZERO32,
    BlockId,
    ChainId,
    Digest,
    Height,
    Natural,
    NodeKey,
    Signature,
    Sized32,
    Sized64,
    TimeMs,
)
from storage.edges import Edges, Part, Retirement, born_at

_NOTHING: Final = Digest(ZERO32)
_GENESIS: Final = Height(0)


@final
class RetentionRecord(Struct, array_like=True, frozen=True, kw_only=True):
    """Heights `first` to `last` of a part are no longer here, because `kept` are enough."""

    format: Literal["mithaq.retention"]
    version: Literal[1]
    chain: Sized32[ChainId]
    sequence: Natural[int]
    previous: Sized32[Digest]
    part: Part
    first: Natural[Height]
    last: Natural[Height]
    kept: Natural[int]
    head: Natural[Height]
    head_id: Sized32[BlockId]
    head_time_ms: Natural[TimeMs]
    node_key: Sized32[NodeKey]


@final
class SignedRecord(Struct, array_like=True, frozen=True):
    """A record and the node's signature."""

    record: RetentionRecord
    signature: Sized64[Signature]


@final
class BrokenLog(MithaqError):
    """A retention log that is not what a node wrote; names the record."""


def sign_record(retirement: Retirement, *, kept: int, key: Key) -> bytes:
    """The record of an edge that moves, as it stands in the database."""
    head, previous = retirement.head, retirement.previous
    record = RetentionRecord(
        format="mithaq.retention",
        version=1,
        chain=retirement.chain,
        sequence=retirement.sequence,
        previous=_NOTHING if previous is None else record_hash(previous),
        part=retirement.part,
        first=retirement.first,
        last=Height(retirement.edge - 1),
        kept=kept,
        head=head.height,
        head_id=head.block_id,
        head_time_ms=head.header.time_ms,
        node_key=NodeKey(key.public),
    )
    return encode(SignedRecord(record, key.sign(_message(record))))


def record_hash(signed: bytes) -> Digest:
    """How the next record names this one."""
    return digest(Domain.RETAINED, signed)


def _message(record: RetentionRecord) -> bytes:
    return Domain.RETENTION.tag + encode(record)


def read_record(data: bytes) -> SignedRecord:
    """A record, unjudged.

    Raises:
        Malformed: it is none.
    """
    return decode(data, SignedRecord, limit=limits.RETENTION_RECORD_BYTES_MAX)


@final
@dataclass(slots=True)
class LogCheck:
    """Reads a log from its first record on, and says where it is not what a node wrote."""

    chain: ChainId
    scheme: Scheme
    count: int = 0
    keys: set[NodeKey] = field(default_factory=set)
    dropped: dict[Part, tuple[Height, Height]] = field(default_factory=dict)
    """For each part the first and the last height that went."""
    _previous: Digest = _NOTHING
    _head: Height = _GENESIS

    def read(self, data: bytes) -> SignedRecord:
        """The next record.

        Raises:
            BrokenLog: it is not the next record of this chain's log, or not signed.
        """
        try:
            signed = read_record(data)
            record = signed.record
            self.scheme.check(record.node_key, _message(record), signed.signature)
        except (Malformed, BadSignature) as error:
            raise BrokenLog(f"record {self.count} of the retention log: {error}") from error
        if not record.first <= record.last < record.head:
            raise BrokenLog(
                f"record {self.count} of the retention log: drops {record.first} to {record.last} "
                f"of a chain of height {record.head}"
            )
        for what, expected, actual in self._expected(record):
            if expected != actual:
                raise BrokenLog(
                    f"record {self.count} of the retention log: expected {what} {expected}, "
                    f"found {actual}"
                )
        first, _ = self.dropped.get(record.part, (record.first, record.last))
        self.dropped[record.part] = first, record.last
        self.keys.add(record.node_key)
        self.count, self._head, self._previous = self.count + 1, record.head, record_hash(data)
        return signed

    def _expected(self, record: RetentionRecord) -> Iterator[tuple[str, object, object]]:
        yield "chain", self.chain.hex(), record.chain.hex()
        yield "sequence", self.count, record.sequence
        yield "previous record", self._previous.hex(), record.previous.hex()
        if record.part in self.dropped:
            yield f"{record.part.value} from", self.dropped[record.part][1] + 1, record.first
        yield "a head of at least", max(self._head, record.head), record.head

    def check_edges(self, edges: Edges) -> None:
        """Whether the log, read to its end, tells of every edge of a database.

        Raises:
            BrokenLog: an edge is not where the log says.
        """
        for _, words in self.at_odds(edges):
            raise BrokenLog(words)

    def at_odds(self, edges: Edges) -> Iterator[tuple[Part, str]]:
        """Every edge that is not where the log says, and how not.

        A node that was born from a snapshot has edges from its birth on; the log goes on there.
        """
        for part in Part:
            born = born_at(edges.headers).of(part)
            first, last = self.dropped.get(part, (born, born - 1))
            if (first, last + 1) != (born, edges.of(part)):
                words = f"the database keeps {part.value} from {edges.of(part)} on"
                yield part, f"{words} and began with {born}, its log tells of {first} to {last}"
