"""Tables with typed rows, and the overlay on which a block runs.

Below the ledger a state entry is (table number, key bytes, value bytes); here it is a record of a
`Table`. An `Overlay` holds what a block changed above a snapshot that somebody else keeps: changes
of the running transaction stand apart until they are kept or dropped, so a refused transaction
leaves no trace. Records are immutable and are encoded once, when the block is finished.

Invariant: an overlay never writes below itself; it reads each entry of its snapshot at most once.
"""

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from typing import Any, Generic, Protocol, TypeVar, final

import msgspec

from ledger.operation import Refusal, Refused
from primitives.codec import encode
from primitives.ids import Digest, Height, TimeMs, TransactionId

K = TypeVar("K")
R = TypeVar("R", bound=msgspec.Struct)


class StateReader(Protocol):
    """A consistent snapshot of the state after one block. Storage fulfils it."""

    @property
    def height(self) -> Height:
        """The height of the block whose state this is."""

    @property
    def root(self) -> Digest:
        """The state root in that block's header."""

    def get(self, table: int, key: bytes) -> bytes | None:
        """The value of an entry."""

    def scan(
        self, table: int, *, prefix: bytes = b"", after: bytes | None = None, limit: int
    ) -> Iterator[tuple[bytes, bytes]]:
        """At most `limit` entries (key, value) of a table in key order, above `after`."""

    def node(self, key: bytes) -> bytes | None:
        """A node of the state tree, of this height or of an earlier one that is still kept."""

    def is_committed(self, valid_until: TimeMs, transaction_id: TransactionId) -> bool:
        """Whether the window of remembered ids holds this one."""


class EntrySource(Protocol):
    """Whatever knows the value of an entry: a snapshot, or the tree at an older height."""

    def get(self, table: int, key: bytes) -> bytes | None:
        """The value of an entry."""


@final
@dataclass(frozen=True, eq=False)
class Table(Generic[K, R]):
    """One kind of record: its number on the wire, how its keys are written, its rows."""

    number: int
    name: str
    key: Callable[[K], bytes]
    record: type[R]
    _decoder: "msgspec.msgpack.Decoder[R]" = field(init=False, repr=False)

    def __post_init__(self) -> None:
        assert 0 < self.number < 65_536, f"table number {self.number} does not fit 16 bits"
        object.__setattr__(self, "_decoder", msgspec.msgpack.Decoder(self.record))

    def read(self, source: EntrySource, key: K) -> R | None:
        """The row of a key, or None."""
        value = source.get(self.number, self.key(key))
        return None if value is None else self.decode(value)

    def scan(
        self, state: StateReader, *, prefix: bytes = b"", after: bytes | None = None, limit: int
    ) -> Iterator[tuple[bytes, R]]:
        """At most `limit` rows with their key bytes, in key order."""
        for key, value in state.scan(self.number, prefix=prefix, after=after, limit=limit):
            yield key, self.decode(value)

    def decode(self, value: bytes) -> R:
        """A row that this node wrote itself, hence without the check that it is canonical."""
        return self._decoder.decode(value)


Slot = tuple[int, bytes]
"""(table number, key bytes): names one entry."""


@final
class Rows(Generic[K, R]):
    """One table as a running transaction sees it."""

    __slots__ = ("_overlay", "_table")

    def __init__(self, overlay: "Overlay", table: Table[K, R]) -> None:
        self._overlay = overlay
        self._table = table

    def find(self, key: K) -> R | None:
        """The row of a key, or None."""
        table = self._table
        return self._overlay.read(table, table.key(key))

    def need(self, key: K, refusal: Refusal) -> R:
        """The row of a key.

        Raises:
            Refused: there is none; with `refusal`.
        """
        row = self.find(key)
        if row is None:
            raise Refused(refusal)
        return row

    def __contains__(self, key: K) -> bool:
        return self.find(key) is not None

    def __setitem__(self, key: K, row: R) -> None:
        table = self._table
        assert type(row) is table.record, f"a {type(row).__name__} in the table {table.name}"
        self._overlay.write((table.number, table.key(key)), row)

    def __delitem__(self, key: K) -> None:
        self._overlay.write((self._table.number, self._table.key(key)), None)


@final
class Overlay:
    """What a block, and its running transaction, changed above a snapshot.

    Written through `Rows` only. `keep` and `drop` end a transaction. Within one, `mark` sets a
    savepoint: `settle` keeps what was written since, `forget` drops it.
    """

    __slots__ = ("_base", "_block", "_marked", "_newest", "_running", "_state")

    def __init__(self, state: StateReader) -> None:
        self._state = state
        self._base: dict[Slot, Any] = {}
        self._block: dict[Slot, Any] = {}
        self._running: dict[Slot, Any] = {}
        self._marked: list[dict[Slot, Any]] = []
        """What the transaction wrote before each savepoint that is open, outermost first."""
        self._newest: dict[Slot, Any] = self._running

    def __getitem__(self, table: Table[K, R]) -> Rows[K, R]:
        return Rows(self, table)

    def read(self, table: Table[K, R], key: bytes) -> R | None:
        """The newest row of an entry."""
        slot = (table.number, key)
        layers = (self._running, self._block)
        if self._marked:
            layers = (self._running, *reversed(self._marked), self._block)
        for layer in layers:
            if slot in layer:
                row: R | None = layer[slot]
                return row
        return self.before(table, key)

    def before(self, table: Table[K, R], key: bytes) -> R | None:
        """The row of an entry as it was before the block."""
        slot = (table.number, key)
        try:
            row: R | None = self._base[slot]
        except KeyError:
            value = self._state.get(table.number, key)
            row = self._base[slot] = None if value is None else table.decode(value)
        return row

    def write(self, slot: Slot, row: msgspec.Struct | None) -> None:
        """Set an entry for the running transaction; None deletes it."""
        self._running[slot] = row

    def mark(self) -> None:
        """Set a savepoint."""
        self._marked.append(self._running)
        self._running = {}

    def settle(self) -> None:
        """What was written since the last savepoint belongs to the running transaction."""
        below = self._marked.pop()
        below.update(self._running)
        self._running = below

    def forget(self) -> None:
        """What was written since the last savepoint leaves no trace."""
        self._running = self._marked.pop()

    def keep(self) -> None:
        """The running transaction stands."""
        assert not self._marked, "a savepoint is open"
        self._block.update(self._running)
        self._newest = self._running
        self._running = {}

    @property
    def newest(self) -> Collection[Slot]:
        """The entries that the transaction wrote that was kept last."""
        return self._newest.keys()

    def drop(self) -> None:
        """The running transaction leaves no trace."""
        self._marked.clear()
        self._running = {}

    @property
    def seen(self) -> Collection[Slot]:
        """The entries of the snapshot that somebody looked at."""
        return self._base.keys()

    def changed(self, table: Table[K, R]) -> Iterator[tuple[bytes, R | None, R | None]]:
        """Entries (key, row before the block, row now) of a table that kept transactions wrote."""
        for (number, key), row in self._block.items():
            if number == table.number:
                yield key, self.before(table, key), row

    def writes(self) -> dict[Slot, bytes | None]:
        """Every entry that differs from before the block, with its new value bytes."""
        assert not self._running, "a transaction is still running"
        return {
            slot: None if row is None else encode(row)
            for slot, row in self._block.items()
            if self._differs(slot, row)
        }

    def _differs(self, slot: Slot, row: Any) -> bool:  # noqa: ANN401 - a row of any table
        if slot in self._base:
            return bool(self._base[slot] != row)
        # What a block made and took away again, nobody may have looked for below.
        return row is not None or self._state.get(*slot) is not None
