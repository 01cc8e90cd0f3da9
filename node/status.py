"""What a node says about itself, and whether it is ready.

The composition root fills these in, the API answers with their named form, the command line reads
it back with `from_named`: one set of names for all three.
"""

from collections.abc import Iterator
from enum import Enum, unique
from typing import Final, final

from msgspec import Struct

from node.standing import SigningState, SigningStatus, in_words
from primitives.ids import (
    AccountId,
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
from primitives.validators import faults_tolerated, quorum

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
    account: Sized32[AccountId]
    """Of its public body: that one decides about validators."""
    seat: SeatNumber[Seat]
    suspended: bool
    """Proved guilty, and kept until another takes its place, because the minimum needs it."""
    connected: bool
    signs: bool | None
    """Whether it said that it signs; None where it said nothing in this run."""
    last_seen_height: Natural[Height] | None


@final
class MemberStatus(Struct, frozen=True, kw_only=True):
    """A validator of a height to come, or one that leaves."""

    name: str
    key: Sized32[ValidatorKey]
    node_key: Sized32[NodeKey]
    account: Sized32[AccountId]


@final
class ChangeStatus(Struct, frozen=True, kw_only=True):
    """A change of validators that is decided, and the height from which on it is in force."""

    height: Natural[Height]
    added: tuple[MemberStatus, ...]
    removed: tuple[MemberStatus, ...]


@final
class PeerStatus(Struct, frozen=True, kw_only=True):
    """A node with which this one keeps a link.

    `addresses` are where it is dialled, in turn; `role` and `account` are what the chain says of
    it, null where only the bootstrap list names it.
    """

    name: str
    node_key: Sized32[NodeKey]
    addresses: tuple[str, ...]
    role: NodeRole | None
    account: Sized32[AccountId] | None
    connected: bool
    last_seen_height: Natural[Height] | None


@final
class Syncing(Struct, frozen=True, kw_only=True):
    """Blocks that this node lacks, and how it gets on with them."""

    from_height: Natural[Height]
    """The newest block that was durable here when it began."""
    height: Natural[Height]
    """The newest that is."""
    target: Natural[Height]
    """The newest of the chain, as far as more than f validators say so."""
    peers: Natural[int]
    """That say they have the next one."""
    blocks_per_s: Natural[int]
    """Over the last ten seconds."""


@final
class MempoolStatus(Struct, frozen=True, kw_only=True):
    """Transactions that wait here."""

    count: Natural[int]
    bytes: Natural[int]


@final
class NodeStatus(Struct, frozen=True, kw_only=True):
    """The answer of `GET /v1/status`.

    `view` is that of a validator's replica, and `signing` says whether it signs; one that does not
    counts as missing. An observer has neither. `halted` says why the node stopped following.
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
    signing: SigningStatus | None
    halted: str | None
    key: Sized32[ValidatorKey] | None
    """With which it votes, or would; None where there is none."""
    validators: tuple[ValidatorStatus, ...]
    """Of the height after the head."""
    change: ChangeStatus | None
    """Of the validators, at the height after that."""
    evidence: Natural[int]
    """Cases of equivocation that this node has evidence of."""
    peers: tuple[PeerStatus, ...]
    sync: Syncing | None
    """Null when this node is level with the others."""
    mempool: MempoolStatus
    clock_ahead_ms: int | None
    """How far this machine's clock is ahead of the others', behind if negative; null where it is
    right, or nobody else's blocks tell."""


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
    signing = status.signing
    if signing is not None and signing.state is SigningState.ASLEEP:
        yield f"starting: {in_words(signing)}"
    count = len(status.validators)
    missing = [validator.name for validator in status.validators if not validator.connected]
    silent = [v.name for v in status.validators if v.connected and v.signs is False]
    present = count - len(missing) - len(silent)
    if status.role is NodeRole.VALIDATOR and present < quorum(count):
        yield (
            f"{present} of {count} validators connected and signing, expected at least "
            f"{quorum(count)}; missing: {_names(missing)}; signing nothing: {_names(silent)}"
        )
    if status.role is NodeRole.OBSERVER and status.validators and len(missing) == count:
        yield "connected to no validator, expected at least 1"
    if status.clock_ahead_ms is not None:
        yield clock_in_words(status.clock_ahead_ms)
    heights = sorted((v.last_seen_height or 0 for v in status.validators), reverse=True)
    credible = heights[faults_tolerated(count)] if heights else 0  # of so many, one is honest
    if credible > status.height + BEHIND_MAX:
        yield f"behind: at height {status.height}, others are at {credible}"


def clock_in_words(ahead_ms: int) -> str:
    """For people: a clock that is wrong."""
    seconds = abs(ahead_ms) / 1000
    much = f"{seconds:.1f} s" if seconds < 120 else f"{seconds / 60:.0f} min"
    return f"its clock is {much} {'ahead' if ahead_ms > 0 else 'behind'}"


def _names(names: list[str]) -> str:
    return ", ".join(names) or "none"
