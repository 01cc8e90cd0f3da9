"""Edges: from which height on a node still holds each part of the chain.

A part is whole from its edge up to the head; below it there is nothing to read. An edge only ever
moves up. It may be the height after the head: a node that was born from a snapshot has no body yet.
Block 0 is outside of this: it has no transactions, everybody has its header, and none of the three
is ever dropped; only its state is.

Headers and certificates are never dropped by anybody. Their edge is above 0 where a node was born
from a snapshot; below it lie only those that lead from genesis to its validators (rule R45).
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, unique
from typing import Final, final

from primitives.errors import Rejected
from primitives.ids import ChainId, Height
from storage import schema
from storage.decision import Head
from storage.keyvalue import Reader
from storage.reading import need

HISTORY_PRUNED: Final = "history.pruned"


@final
@unique
class Part(Enum):
    """A part of the chain with an edge of its own."""

    HEADERS = "headers"
    """Headers and commit certificates."""
    BODIES = "bodies"
    """The blocks' transactions."""
    RECEIPTS = "receipts"
    """What became of each, with its events."""
    INDEX = "index"
    """Where a transaction stands, and which ones touched an account."""
    STATE = "state"
    """The state tree, for reading and proving at a height."""


_NOT_KEPT: Final = {
    Part.HEADERS: "the header of height {} is",
    Part.BODIES: "the body of height {} is",
    Part.RECEIPTS: "the receipts of height {} are",
    Part.INDEX: "the index of height {} is",
    Part.STATE: "the state of height {} is",
}


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Edges:
    """The lowest height from which each part is whole up to the head."""

    headers: Height
    bodies: Height
    receipts: Height
    index: Height
    state: Height

    def of(self, part: Part) -> Height:
        """The edge of a part."""
        edge: Height = getattr(self, part.value)
        return edge

    def keeps(self, part: Part, height: Height) -> bool:
        """Whether a part is there at a height up to the head."""
        return height >= self.of(part) or (height == 0 and part is not Part.STATE)

    def need(self, part: Part, height: Height) -> None:
        """Nothing, where the part is there.

        Raises:
            Rejected: it is not kept.
        """
        if not self.keeps(part, height):
            raise pruned(part, height, self.of(part))


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Retirement:
    """An edge that moves: what its record in the retention log must say."""

    chain: ChainId
    part: Part
    first: Height
    """The lowest height that is dropped."""
    edge: Height
    """The lowest height that stays."""
    head: Head
    sequence: int
    """Of the record; they are counted from 0."""
    previous: bytes | None
    """The record before it, or None."""


def born_at(height: Height) -> Edges:
    """The edges of a database that begins with the header and the state of a height.

    What the blocks after it bring is the rest: with genesis, everything.
    """
    after = Height(height + 1)
    return Edges(headers=height, bodies=after, receipts=after, index=after, state=height)


WriteRecord = Callable[[Retirement], bytes]
"""Makes the record of a retirement."""


def pruned(part: Part, height: Height, edge: Height) -> Rejected:
    """What is said about a height below an edge."""
    return Rejected(
        HISTORY_PRUNED,
        f"{_NOT_KEPT[part].format(height)} not kept here: kept from {edge} on",
        {"part": part.value, "expected": f"at least {edge}", "actual": height},
    )


def read_edges(reader: Reader) -> Edges:
    """The edges as `reader` sees them.

    Raises:
        StorageFault: one is missing.
    """
    return _read(reader, schema.edge_key, "edge")


def read_swept(reader: Reader) -> Edges:
    """For each part the height below which no row is left; at most its edge.

    Raises:
        StorageFault: one is missing.
    """
    return _read(reader, schema.swept_key, "swept height")


def _read(reader: Reader, key_of: Callable[[str], bytes], what: str) -> Edges:
    found: dict[str, Height] = {}
    for part in Part:
        value = need(reader, key_of(part.value), f"the {what} of {part.value}")
        found[part.value] = Height(schema.read_number(value))
    return Edges(**found)


def edge_rows(edges: Edges) -> dict[bytes, bytes]:
    """The rows of a database that begins with these edges; its retention log is empty."""
    rows = {schema.RECORDS_KEY: schema.pack_number(0)}
    for part in Part:
        number = schema.pack_number(edges.of(part))
        rows[schema.edge_key(part.value)] = rows[schema.swept_key(part.value)] = number
    return rows


EVERYTHING: Final = born_at(Height(0))
"""Of a node that has seen and kept every height."""
