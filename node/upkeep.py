"""Every kind of long work that an operator asks a node for, in one list."""

from typing import Any, Final

from node.backup import BACKUP
from node.check.run import CHECK
from node.compact import COMPACT
from node.exporting import EXPORT
from node.premises import Upkeep
from node.prune import PRUNE, PRUNE_PLAN
from node.retention_report import LOG
from node.snapshots import SNAPSHOT
from node.stats import STATS

UPKEEP: Final[tuple[Upkeep[Any, Any], ...]] = (
    BACKUP,
    CHECK,
    COMPACT,
    EXPORT,
    LOG,
    PRUNE,
    PRUNE_PLAN,
    SNAPSHOT,
    STATS,
)
