"""What an auditor executes blocks on: the state alone, in memory as long as it fits.

An audit needs the entries, the tree of the newest height and the window of ids, and nothing else of
what a node has: no blocks, no indexes, no older trees. They lie under the keys of `storage.schema`,
gathered in memory (`storage.behind`) and, beyond MEMORY_BYTES, in a database of the caller's, in a
folder that is removed afterwards. So a chain may be larger than the memory, and what belongs to a
small one never touches a disk.
"""

from typing import Final, final

from ledger import tree
from ledger.genesis import Genesis
from primitives.ids import BlockId, Height, TimeMs
from storage import schema
from storage.behind import WriteBehind
from storage.decision import Decision, Head, NodeWrites, StateWrites
from storage.edges import Edges
from storage.keyvalue import KeyValue
from storage.schema import Region
from storage.state import StateSnapshot

MEMORY_BYTES: Final = 256 * 1024 * 1024
"""Of entries, tree and window: those of some 250,000 accounts. A laptop has it to spare."""
FORGET_EVERY: Final = 64
"""Blocks between two looks at which ids are past: nobody asks for those, they only take room."""


@final
class AuditGround:
    """The state after one block, and the way to the next. One thread's."""

    def __init__(self, floor: KeyValue, head: Head, *, memory_bytes: int = MEMORY_BYTES) -> None:
        """`floor` holds the state after `head`, under the keys of `storage.schema`."""
        self._database = WriteBehind(
            floor, bytes_max=memory_bytes, written_once=(Region.NODE, Region.WINDOW)
        )
        self._head = head
        self._forgotten = TimeMs(0)

    @classmethod
    def begin(
        cls, floor: KeyValue, genesis: Genesis, *, memory_bytes: int = MEMORY_BYTES
    ) -> "AuditGround":
        """At block 0, over an empty database."""
        head = Head(Height(0), BlockId(genesis.chain), genesis.header)
        ground = cls(floor, head, memory_bytes=memory_bytes)
        begun = genesis.execution
        ground._database.write(_rows(begun.state_writes, begun.node_writes))
        return ground

    def head(self) -> Head:
        """The newest block."""
        return self._head

    def state(self) -> StateSnapshot:
        """The state after it, until the next commit."""
        height = self._head.height
        return StateSnapshot(
            self._database.snapshot(),
            self._head.header,
            Edges(headers=height, bodies=height, receipts=height, index=height, state=height),
        )

    def commit(self, decision: Decision) -> None:
        """Go on to the next block; the tree of the one before is dropped."""
        header = decision.block.header
        batch = _rows(decision.state_writes, decision.node_writes)
        for key in tree.replaced(decision.node_writes.get, header.height):
            batch[schema.node_key(key)] = None
        for valid_until, identifier in decision.committed:
            height = schema.pack_number(header.height)
            batch[schema.window_key(valid_until, identifier)] = height
        if header.height % FORGET_EVERY == 0:
            # A node remembers for longer, so that it can hand the window over in a snapshot.
            past = self._database.iterate(
                start=schema.window_start(self._forgotten),
                stop=schema.window_start(header.time_ms),
            )
            batch.update((key, None) for key, _ in past)
            self._forgotten = header.time_ms
        self._database.write(batch)
        self._head = Head(header.height, decision.block_id, header)

    @property
    def memory_bytes(self) -> int:
        """Roughly what is in memory now."""
        return self._database.gathered_bytes


def _rows(entries: StateWrites, nodes: NodeWrites) -> dict[bytes, bytes | None]:
    rows: dict[bytes, bytes | None] = {
        schema.state_key(table, key): value for (table, key), value in entries.items()
    }
    rows.update((schema.node_key(key), node) for key, node in nodes.items())
    return rows
