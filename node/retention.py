"""Retention: how much history a node keeps, and what is due to go.

Its operator says for each part of the chain (storage/edges.py) how many of the newest heights are
kept, or "all". That is this node's own affair: no rule of consensus reads it, and nothing that it
drops is needed to go on deciding blocks. Headers and certificates have no such number, because
with them everything else stays provable: whoever still has a body can show that it is the block's.

A policy works backwards too: whatever it no longer wants goes, in steps, until the edges are where
it wants them. An edge is moved in strides, since each move leaves a signed record for ever
(node/retention_log.py); that of the index in longer ones, since taking its rows away walks through
all of it (storage/sweeping.py): moved by a quarter of what is kept, five rows are looked at for one
that goes. A policy that wants more again brings nothing back.

Synchronous and without a clock: whoever drives it says when the next step is.
"""

from collections.abc import Callable
from typing import Annotated, Final, Literal, final

from msgspec import Meta, Struct

from ledger.tree import replaced
from node.retention_log import sign_record
from primitives import limits
from primitives.crypto import Key
from primitives.ids import INTEGER_MAX, Height
from storage.chain import ChainStore
from storage.edges import Edges, Part, Retirement, WriteRecord

ALL: Final = "all"

HistoryKept = Annotated[int, Meta(ge=limits.RETENTION_HEIGHTS_MIN, le=INTEGER_MAX)] | Literal["all"]
StateKept = Annotated[int, Meta(ge=limits.RETENTION_STATE_MIN, le=INTEGER_MAX)] | Literal["all"]

PRUNABLE: Final = (Part.BODIES, Part.RECEIPTS, Part.INDEX, Part.STATE)
"""Every part that a policy has a number for."""


@final
class Policy(Struct, frozen=True, kw_only=True):
    """How many of the newest heights are kept of each part; `[retention]` in config.toml."""

    bodies: HistoryKept = ALL
    receipts: HistoryKept = ALL
    index: HistoryKept = ALL
    state: StateKept = limits.STATE_HEIGHTS_KEPT

    def kept(self, part: Part) -> int | None:
        """Of one part; None for all."""
        kept: int | Literal["all"] = getattr(self, part.value)
        return None if kept == ALL else kept


Stride = Callable[[Part, int], int]
"""Heights that an edge moves at least, for a part of which so many are kept."""


def in_strides(part: Part, kept: int) -> int:
    """As a running node does it."""
    if part is Part.INDEX:
        return max(limits.RETENTION_STRIDE, kept // 4)
    return limits.RETENTION_STRIDE


def at_once(_part: Part, _kept: int) -> int:
    """As an operator does it who asks for it."""
    return 1


def due(edges: Edges, head: Height, policy: Policy, stride: Stride) -> dict[Part, Height]:
    """The edges that should move, and where to."""
    found: dict[Part, Height] = {}
    for part in PRUNABLE:
        kept = policy.kept(part)
        if kept is None:
            continue
        wanted = head - kept + 1
        if wanted - edges.of(part) >= stride(part, kept):
            found[part] = Height(wanted)
    return found


def retire_due(store: ChainStore, policy: Policy, key: Key, stride: Stride) -> None:
    """Move every edge that should move. What lies below is refused from now on, and swept later.

    Raises:
        StorageFault: a write failed.
    """
    for part, edge in due(store.edges(), store.head().height, policy, stride).items():
        store.retire(part, edge, recorder(policy, key))


def sweep_some(store: ChainStore) -> int:
    """Take some rows below the edges away; how many it looked at, 0 when none are left.

    Raises:
        StorageFault: a write failed, or what says which rows go is damaged.
    """
    return store.sweep(rows_max=limits.SWEEP_ROWS, replaced=replaced)


def recorder(policy: Policy, key: Key) -> WriteRecord:
    """Writes a record that is signed by a node's key."""

    def write(retirement: Retirement) -> bytes:
        kept = policy.kept(retirement.part)
        assert kept is not None, "a part of which everything is kept has no edge to move"
        return sign_record(retirement, kept=kept, key=key)

    return write
