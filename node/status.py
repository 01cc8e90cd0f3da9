"""What a node says about itself, and whether it is ready.

The composition root fills these in, the API answers with their named form, the command line reads
it back with `from_named`: one set of names for all three.
"""

from collections.abc import Iterator
from enum import Enum, unique
from typing import Final, final

from msgspec import Struct

from primitives.ids import (
    BlockId,
    ChainId,
    ClaimedView,
    Height,
    Natural,
    NodeKey,
    Seat,
    SeatNumber,
    Sized32,
    TimeMs,
    ValidatorKey,
    View,
    ViewNumber,
)
from primitives.validators import quorum

BEHIND_MAX: Final = 3
"""Heights that a ready node may be behind the highest it heard of: gossip needs a moment."""


@unique
class NodeRole(Enum):
    """What a node does."""

    VALIDATOR = "validator"
    OBSERVER = "observer"


@final
class ViewStatus(Struct, frozen=True, kw_only=True):
    """Where the replica stands at the height after the head; `entered` is −1 before any timer."""

    wish: ViewNumber[View]
    entered: ClaimedView[View]


@final
class ValidatorStatus(Struct, frozen=True, kw_only=True):
    """A validator as this node sees it; this node counts as connected to itself."""

    name: str
    key: Sized32[ValidatorKey]
    node_key: Sized32[NodeKey]
    seat: SeatNumber[Seat]
    connected: bool
    last_seen_height: Natural[Height] | None


@final
class PeerStatus(Struct, frozen=True, kw_only=True):
    """A node of the allow-list; `address` is empty where it is never dialled."""

    name: str
    node_key: Sized32[NodeKey]
    address: str
    role: NodeRole
    connected: bool
    last_seen_height: Natural[Height] | None


@final
class MempoolStatus(Struct, frozen=True, kw_only=True):
    """Transactions that wait here."""

    count: Natural[int]
    bytes: Natural[int]


@final
class NodeStatus(Struct, frozen=True, kw_only=True):
    """The answer of `GET /v1/status`.

    `view` is that of a validator's replica. `awake` says that it has heard enough others since its
    start to take part; an observer is always awake. `halted` says why the node stopped following.
    `muted` says why a validator follows and signs nothing: it counts as missing until its operator
    acts.
    """

    name: str
    network: str
    chain: Sized32[ChainId]
    version: str
    role: NodeRole
    height: Natural[Height]
    block_id: Sized32[BlockId]
    block_time_ms: Natural[TimeMs]
    view: ViewStatus | None
    awake: bool
    halted: str | None
    muted: str | None
    validators: tuple[ValidatorStatus, ...]
    peers: tuple[PeerStatus, ...]
    mempool: MempoolStatus


@final
class Readiness(Struct, frozen=True, kw_only=True):
    """The answer of `GET /v1/ready`: whether a transaction submitted here can soon be final."""

    ready: bool
    reasons: tuple[str, ...]


def readiness(status: NodeStatus) -> Readiness:
    """Ready, or every reason why not."""
    reasons = tuple(_obstacles(status))
    return Readiness(ready=not reasons, reasons=reasons)


def _obstacles(status: NodeStatus) -> Iterator[str]:
    if status.halted is not None:
        yield f"halted: {status.halted}"
    if not status.awake:
        yield "starting: not enough validators have been heard since the start"
    missing = [validator.name for validator in status.validators if not validator.connected]
    count = len(status.validators)
    present = count - len(missing) - (status.muted is not None)
    if status.role is NodeRole.VALIDATOR and present < quorum(count):
        if status.muted is not None:
            missing.append(f"this one, which signs nothing: {status.muted}")
        yield (
            f"{present} of {count} validators connected, expected at least {quorum(count)}; "
            f"missing: {', '.join(missing)}"
        )
    if status.role is NodeRole.OBSERVER and status.validators and len(missing) == count:
        yield "connected to no validator, expected at least 1"
    heights = [validator.last_seen_height or 0 for validator in status.validators]
    highest = max(heights, default=0)
    if highest > status.height + BEHIND_MAX:
        yield f"behind: at height {status.height}, others are at {highest}"
