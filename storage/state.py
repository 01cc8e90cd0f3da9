"""The state after the newest block, frozen for reading.

One database snapshot carries everything, so header, entries, tree nodes and the window of ids are
of the same moment even while the next decision is being written. It fulfils `StateReader` of
ledger/state.py by its shape.
"""

from collections.abc import Iterator
from itertools import islice
from typing import final

from primitives.block import Header
from primitives.ids import Digest, Height, TimeMs, TransactionId
from storage import schema
from storage.closing import Closing
from storage.edges import Edges
from storage.keyvalue import Snapshot
from storage.schema import Region


@final
class StateSnapshot(Closing):
    """Entries, tree nodes and committed ids as they are after block `header`. Close it soon."""

    __slots__ = ("_snapshot", "edges", "header")

    def __init__(self, snapshot: Snapshot, header: Header, edges: Edges) -> None:
        """`header` is that of the snapshot's head, `edges` are of the same moment."""
        self._snapshot = snapshot
        self.header = header
        self.edges = edges

    @property
    def height(self) -> Height:
        """The height of the block whose state this is."""
        return self.header.height

    @property
    def root(self) -> Digest:
        """The state root in that block's header."""
        return self.header.state_root

    def get(self, table: int, key: bytes) -> bytes | None:
        """The value of an entry."""
        return self._snapshot.get(schema.state_key(table, key))

    def scan(
        self, table: int, *, prefix: bytes = b"", after: bytes | None = None, limit: int
    ) -> Iterator[tuple[bytes, bytes]]:
        """At most `limit` entries (key, value) of a table in key order, above `after`."""
        assert limit >= 0, f"a limit of {limit}"
        start = schema.state_key(table, prefix)
        stop = schema.successor(start)
        if after is not None:
            start = max(start, schema.state_key(table, after) + b"\0")
        rows = self._snapshot.iterate(start=start, stop=stop)
        return ((key[schema.STATE_PREFIX_BYTES :], value) for key, value in islice(rows, limit))

    def entries(self) -> Iterator[tuple[int, bytes, bytes]]:
        """Every entry of every table: table, key and value, by table and key."""
        start, stop = bytes([Region.STATE]), bytes([Region.STATE + 1])
        for key, value in self._snapshot.iterate(start=start, stop=stop):
            yield schema.read_state_table(key), key[schema.STATE_PREFIX_BYTES :], value

    def node(self, key: bytes) -> bytes | None:
        """A node of the state tree, of this height or of an earlier one that is still kept."""
        return self._snapshot.get(schema.node_key(key))

    def is_committed(self, valid_until: TimeMs, transaction_id: TransactionId) -> bool:
        """Whether the window of remembered ids holds this one."""
        return self._snapshot.get(schema.window_key(valid_until, transaction_id)) is not None

    def window(self) -> Iterator[tuple[TimeMs, TransactionId, Height]]:
        """Every remembered id: its valid_until and the height that committed it, by valid_until.

        They are all of a block's for every block whose time is not below the head's by more than
        the window (ledger/window.py).
        """
        start, stop = bytes([Region.WINDOW]), bytes([Region.WINDOW + 1])
        for key, value in self._snapshot.iterate(start=start, stop=stop):
            valid_until, identifier = schema.read_window_key(key)
            yield valid_until, identifier, Height(schema.read_number(value))

    def close(self) -> None:
        """Let the old data go. Closing twice is harmless."""
        self._snapshot.close()
