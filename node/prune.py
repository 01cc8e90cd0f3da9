"""Pruning at once: `mithaq db prune`.

A running node drops by itself what its policy does not keep, in strides (node/retention_task.py).
This moves the edges as far as the policy goes now, and takes away all that lies below them: after a
policy that was tightened, and on a node that does not run.
"""

from typing import Final, final

from msgspec import Struct

from node.premises import Premises, Upkeep
from node.retention import PRUNABLE, Policy, at_once, due, retire_due, sweep_some
from node.work import Progress, Work
from primitives.ids import Height, Natural
from storage import schema
from storage.edges import Edges, Part
from storage.keyvalue import KeyValue
from storage.schema import Region

_REGIONS: Final = {Part.BODIES: Region.BODY, Part.RECEIPTS: Region.RECEIPTS}


@final
class PruneRequest(Struct, frozen=True, kw_only=True):
    """What is kept stands in the node's configuration."""


@final
class PrunedPart(Struct, frozen=True, kw_only=True):
    """A part of the chain: `dropped` heights went, or would go, from `kept_from` - `dropped` on."""

    part: Part
    policy: Natural[int] | None
    """The newest heights that are kept; None for all."""
    kept_from: Natural[Height]
    dropped: Natural[int]
    bytes: Natural[int] | None
    """Roughly what they take on the disk, where that is known beforehand."""


@final
class Pruned(Struct, frozen=True, kw_only=True):
    """What was dropped, or what would be."""

    height: Natural[Height]
    parts: tuple[PrunedPart, ...]
    rows: Natural[int]
    """That were looked at."""


def plan(premises: Premises, _asked: PruneRequest) -> Work[Pruned]:
    """What pruning would drop now."""
    yield Progress(0, 0, "edges")
    return _planned(premises)


def prune(premises: Premises, _asked: PruneRequest) -> Work[Pruned]:
    """Drop it."""
    store, policy = premises.store, premises.node.config.retention
    pruned = _planned(premises)
    retire_due(store, policy, premises.node.node_key.signing(), at_once)
    rows = 0
    while seen := sweep_some(store):
        rows += seen
        yield Progress(rows, 0, "rows looked at")
    return Pruned(height=pruned.height, parts=pruned.parts, rows=rows)


PRUNE: Final = Upkeep("db/prune", PruneRequest, Pruned, prune)
PRUNE_PLAN: Final = Upkeep("db/prune/plan", PruneRequest, Pruned, plan)


def _planned(premises: Premises) -> Pruned:
    store, policy = premises.store, premises.node.config.retention
    edges, height = store.edges(), store.head().height
    moved = due(edges, height, policy, at_once)
    parts = tuple(
        _part(premises.database, policy, edges, part, moved.get(part, edges.of(part)))
        for part in PRUNABLE
    )
    return Pruned(height=height, parts=parts, rows=0)


def _part(database: KeyValue, policy: Policy, edges: Edges, part: Part, edge: Height) -> PrunedPart:
    size: int | None = None
    if part in _REGIONS:
        start, _ = schema.of_height(_REGIONS[part], edges.of(part))
        stop, _ = schema.of_height(_REGIONS[part], edge)
        size = database.size(start=start, stop=stop)
    return PrunedPart(
        part=part,
        policy=policy.kept(part),
        kept_from=edge,
        dropped=edge - edges.of(part),
        bytes=size,
    )
