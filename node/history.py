"""The state as it was after an earlier block, read and proved through the state tree of its height.

The tree of every height that is kept (`[retention] state`) is whole: each read walks down from the
root of that height, so a value is as old as the height and never a later one. Where the tree of a
height is no longer here, that is said (`history.pruned`); a missing record above the edge is damage
and a StorageFault.
"""

from typing import Any, Final, final

from msgspec import Struct

from ledger.tree import Path, StateTree
from primitives.errors import Rejected
from primitives.ids import Digest, Height, Natural, Sized32
from services.table import TABLES
from storage.chain import ChainStore
from storage.edges import Part
from storage.state import StateSnapshot

UNKNOWN_BLOCK: Final = "block.unknown"

TABLE_OF_NUMBER: Final = {table.number: table for table in TABLES}
RECORDS: Final = tuple(dict.fromkeys(table.record for table in TABLE_OF_NUMBER.values()))
"""The kinds of rows."""


@final
class HistoricState:
    """The state after the block of one height. Fulfils `EntrySource` of ledger/state.py."""

    def __init__(self, state: StateSnapshot, height: Height) -> None:
        """Use `at`. It reads `state`, so it ends with it."""
        self._tree = StateTree(state.node, height)

    @property
    def height(self) -> Height:
        """The height of that block."""
        return self._tree.height

    @property
    def root(self) -> Digest:
        """The state root in that block's header."""
        return self._tree.root

    def get(self, table: int, key: bytes) -> bytes | None:
        """The value of an entry."""
        return self._tree.get(table, key)

    def prove(self, table: int, key: bytes) -> Path:
        """The path of an entry: of its value, or of its absence."""
        return self._tree.prove(table, key)


def at(state: StateSnapshot, height: Height) -> HistoricState:
    """The state after the block at `height`, out of a snapshot of the same or a later height.

    Raises:
        Rejected: there is no such block yet, or its state is not kept here.
    """
    if height > state.height:
        raise unknown_block(height, state.height)
    state.edges.need(Part.STATE, height)
    return HistoricState(state, height)


def unknown_block(height: Height, head: Height) -> Rejected:
    """What is said about a height above the head."""
    return Rejected(
        UNKNOWN_BLOCK,
        f"there is no block {height} yet, the newest is {head}",
        {"expected": f"at most {head}", "actual": height},
    )


@final
class EntryAnswer(Struct, frozen=True, kw_only=True):
    """An entry of the state as it is after the block at `height`, in canonical form."""

    height: Natural[Height]
    state_root: Sized32[Digest]
    table: str
    key: bytes
    value: bytes | None
    """None: that block's state has no such entry."""


def entry(store: ChainStore, table: int, key: bytes, height: Height | None) -> EntryAnswer:
    """An entry after the block at `height`, or after the newest.

    Raises:
        Rejected: there is no such block yet, or its state is not kept here.
    """
    with store.state() as state:
        then = at(state, state.height if height is None else height)
        return EntryAnswer(
            height=then.height,
            state_root=then.root,
            table=TABLE_OF_NUMBER[table].name,
            key=key,
            value=then.get(table, key),
        )


def record_of(table: int, value: bytes) -> Any:  # noqa: ANN401 - a row of that table
    """The row that an entry's value is the canonical form of."""
    return TABLE_OF_NUMBER[table].decode(value)
