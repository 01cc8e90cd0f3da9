"""Taking away what lies below the edges, a bounded number of rows at a time.

An edge moves in one write of three rows; the rows below it may be millions. They go afterwards, in
batches of their own, from the oldest on, and each batch says in the same write how far it came. So
a crash between two of them leaves rows that nobody reads, and the next start goes on with them.

Bodies and receipts are named by their heights, without a look at them. What of the state tree goes
is the rule of the tree. The rows of the two indexes are in the order of their names, and only their
ends tell a height: all of them are walked through, for one edge at a time, so whoever moves the
edge of the index moves it far (node/retention.py).
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import islice
from typing import final

from primitives.ids import Height
from storage import schema
from storage.edges import Edges, Part, read_swept
from storage.keyvalue import KeyValue
from storage.schema import Region

ReadNode = Callable[[bytes], bytes | None]
Replaced = Callable[[ReadNode, Height], Sequence[bytes]]
"""The keys of tree nodes that only trees below a height need."""


@final
class Sweeper:
    """Deletes rows below the edges. Of one thread at a time."""

    def __init__(self, database: KeyValue) -> None:
        self._database = database
        self._swept = read_swept(database)

    def sweep(self, edges: Edges, *, rows_max: int, replaced: Replaced) -> int:
        """One batch; how many rows it looked at, 0 when there are none left.

        Raises:
            StorageFault: the write failed, or a row that names others is damaged.
        """
        assert rows_max > 0, f"{rows_max} rows"
        for part, region in ((Part.BODIES, Region.BODY), (Part.RECEIPTS, Region.RECEIPTS)):
            if self._swept.of(part) < edges.of(part):
                return self._heights(part, region, edges.of(part), rows_max)
        if self._swept.state < edges.state:
            return self._state(edges.state, rows_max, replaced)
        if self._swept.index < edges.index:
            return self._index(edges.index, rows_max)
        return 0

    def _heights(self, part: Part, region: Region, edge: Height, rows_max: int) -> int:
        first = max(1, self._swept.of(part))
        stop = min(first + rows_max, edge)
        batch: dict[bytes, bytes | None] = {
            schema.of_height(region, Height(height))[0]: None for height in range(first, stop)
        }
        self._write(batch, part, Height(stop))
        return max(1, stop - first)

    def _state(self, edge: Height, rows_max: int, replaced: Replaced) -> int:
        # One height at least, which is about as much as its decision wrote.
        batch: dict[bytes, bytes | None] = {}
        height = self._swept.state
        stop = min(edge, height + rows_max)
        while height < stop and len(batch) < rows_max:
            height = Height(height + 1)
            for key in replaced(self._node, height):
                batch[schema.node_key(key)] = None
        seen = len(batch)
        self._write(batch, Part.STATE, height)
        return max(1, seen)

    def _node(self, key: bytes) -> bytes | None:
        return self._database.get(schema.node_key(key))

    def _index(self, edge: Height, rows_max: int) -> int:
        kept = self._database.get(schema.SWEEP_KEY)
        target, start = (edge, bytes([Region.TRANSACTION]))
        if kept is not None:
            target, start = schema.read_sweep(kept)
        region = Region(start[0])
        rows = self._database.iterate(start=start, stop=bytes([region + 1]))
        batch: dict[bytes, bytes | None] = {}
        seen, last = 0, start
        for key, value in islice(rows, rows_max):
            height, _ = (
                schema.read_place(value)
                if region is Region.TRANSACTION
                else schema.read_account_tx_key(key)
            )
            if height < target:
                batch[key] = None
            seen, last = seen + 1, key
        if seen == rows_max:
            batch[schema.SWEEP_KEY] = schema.pack_sweep(target, last + b"\0")
        elif region is Region.TRANSACTION:
            batch[schema.SWEEP_KEY] = schema.pack_sweep(target, bytes([Region.ACCOUNT_TX]))
        else:
            batch[schema.SWEEP_KEY] = None
            self._write(batch, Part.INDEX, target)
            return max(1, seen)
        self._database.write(batch)
        return max(1, seen)

    def _write(self, batch: dict[bytes, bytes | None], part: Part, swept: Height) -> None:
        batch[schema.swept_key(part.value)] = schema.pack_number(swept)
        self._database.write(batch)
        self._swept = replace(self._swept, **{part.value: swept})
