"""Committed events in the order of the chain, read from the database from a cursor on.

A cursor is `HEIGHT.INDEX` and names an event: the events of a block are counted from 0 through all
its receipts, whatever a reader filters. A block without events ends at `HEIGHT.0`. Blocks never
change, so a cursor means the same at every node and after every restart, and who reads on from the
last cursor it saw misses nothing and sees nothing twice. `HEIGHT.9223372036854775807` stands behind
everything in a block, whatever is in it.

A node that keeps only its newest receipts refuses a cursor from before them: it never skips.

Synchronous, like `node.queries`: whoever asks runs it in a worker thread.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final, NamedTuple, final

import msgspec
from msgspec import Struct

from ledger.operation import Event, code
from ledger.receipt import Receipt
from primitives import limits
from primitives.codec import decode
from primitives.errors import Malformed
from primitives.ids import INTEGER_MAX, Height, Natural, Sized32, TimeMs, TransactionId
from primitives.named import to_named
from services.table import EVENTS, RECEIPT, Events
from storage.chain import ChainStore
from storage.edges import Part

EVENT_TYPES: Final = tuple(sorted(str(kind.__struct_config__.tag) for kind in EVENTS))
"""The tag of every event that there is."""

_CURSOR: Final = re.compile(r"(0|[1-9][0-9]{0,18})\.(0|[1-9][0-9]{0,18})")
_BLOCKS_KEPT: Final = 2
"""Decoded: every stream reads the newest block at the same moment."""


class Cursor(NamedTuple):
    """The place of an event. What comes after it has not been read."""

    height: Height
    number: int

    def __str__(self) -> str:
        return f"{self.height}.{self.number}"


def read_cursor(text: str) -> Cursor | None:
    """The cursor that is written so, or None."""
    found = _CURSOR.fullmatch(text)
    if found is None or max(numbers := (int(found[1]), int(found[2]))) > INTEGER_MAX:
        return None
    return Cursor(Height(numbers[0]), numbers[1])


@final
@dataclass(frozen=True, slots=True)
class Wanted:
    """Which events a reader asks for: of these types, naming this account; None for all.

    Whatever is named by 32 bytes is found as an account is: a case, a motion, a document.
    """

    types: frozenset[str] | None = None
    account: bytes | None = None

    def __contains__(self, event: Event) -> bool:
        if self.types is not None and code(event) not in self.types:
            return False
        return self.account is None or _names(event, self.account)


def _names(value: object, wanted: bytes) -> bool:
    if isinstance(value, Struct):
        return any(_names(getattr(value, name), wanted) for name in value.__struct_fields__)
    if isinstance(value, tuple):
        return any(_names(each, wanted) for each in value)
    return value == wanted


def types_in(text: str) -> frozenset[str]:
    """The types that a filter names, with a comma between them; `money.*` is all of a service.

    Raises:
        Malformed: there are none of that name.
    """
    found: set[str] = set()
    for word in text.split(","):
        service = word.removesuffix("*")
        known = {
            tag
            for tag in EVENT_TYPES
            if tag == word or (word[-2:] == ".*" and tag.startswith(service))
        }
        if not known:
            raise Malformed(
                f"type: expected SERVICE.* or of {', '.join(EVENT_TYPES)}; found {word!r}"
            )
        found |= known
    return frozenset(found)


@final
class CommittedEvent(Struct, frozen=True, kw_only=True):
    """An event, and where it stands: it became true with its block, and is never taken back."""

    cursor: str
    height: Natural[Height]
    index: Natural[int]
    block_time_ms: Natural[TimeMs]
    transaction: Sized32[TransactionId]
    event: Events


@final
@dataclass(frozen=True, slots=True)
class EventsRead:
    """Some events, how far was read, and the newest block at that moment."""

    data: bytes
    """As a stream carries them: `id:` and `data:` lines."""
    cursor: Cursor
    head: Height
    at_end: bool
    """Nothing is left up to `head`."""


@final
class EventReader:
    """Reads one store; safe in any number of threads."""

    def __init__(self, store: ChainStore) -> None:
        self._store = store
        self._events_of = lru_cache(maxsize=_BLOCKS_KEPT)(self._decoded)

    def end(self) -> Cursor:
        """After everything up to the newest block."""
        head = self._store.head().height
        if not self._store.edges().keeps(Part.RECEIPTS, head):  # it was born with this block
            return Cursor(head, INTEGER_MAX)
        return self._end_of(head)

    def need(self, after: Cursor) -> None:
        """Nothing, where what comes after a cursor is kept.

        Raises:
            Rejected: it is not.
        """
        first = max(1, _first_unread(after))  # block 0 has no events
        self._store.edges().need(Part.RECEIPTS, Height(first))

    def read(self, after: Cursor, wanted: Wanted) -> EventsRead:
        """What comes after a cursor: as much as one part of a stream carries.

        Raises:
            Rejected: it is not kept, or no longer.
        """
        self.need(after)
        head = self._store.head().height
        parts: list[bytes] = []
        size, cursor = 0, after
        last = min(head, after.height + limits.API_STREAM_BLOCKS)
        for height in range(_first_unread(after), last + 1):
            for event in self._wanted_of(Height(height), cursor, wanted):
                cursor = Cursor(event.height, event.index)
                parts.append(_written(event))
                size += len(parts[-1])
                if size >= limits.API_STREAM_BYTES:
                    return EventsRead(b"".join(parts), cursor, head, at_end=False)
            cursor = max(cursor, self._end_of(Height(height)))
        return EventsRead(b"".join(parts), cursor, head, at_end=last == head or after.height > head)

    def _wanted_of(self, height: Height, after: Cursor, wanted: Wanted) -> Iterator[CommittedEvent]:
        first = after.number + 1 if height == after.height else 0
        events = self._events_of(height)[first:]
        if not events:
            return
        time_ms = self._store.header(height).time_ms
        for index, (identifier, event) in enumerate(events, first):
            if event in wanted:
                yield CommittedEvent(
                    cursor=str(Cursor(height, index)),
                    height=height,
                    index=index,
                    block_time_ms=time_ms,
                    transaction=identifier,
                    event=event,
                )

    def _end_of(self, height: Height) -> Cursor:
        return Cursor(height, max(0, len(self._events_of(height)) - 1))

    def _decoded(self, height: Height) -> list[tuple[TransactionId, Any]]:
        found: list[tuple[TransactionId, Any]] = []
        for data in self._store.receipts(height):
            receipt: Receipt[Any, Any] = decode(data, RECEIPT, limit=len(data))
            found += ((receipt.transaction_id, event) for event in receipt.events)
        return found


def _first_unread(after: Cursor) -> int:
    """The height in which what comes after a cursor begins."""
    return after.height + 1 if after.number == INTEGER_MAX else after.height


def _written(event: CommittedEvent) -> bytes:
    return b"id: %b\ndata: %b\n\n" % (
        event.cursor.encode(),
        msgspec.json.encode(to_named(event)),
    )
