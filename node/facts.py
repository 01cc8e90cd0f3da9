"""What a diagnosis is made from: all that a node knows of a moment, as plain values.

`node.observation` reads them off a running node; tests write them down. Nothing here judges.
Times are how long ago something was, in milliseconds of a steady clock; None where it never was in
this run. Seats are those of the height after the newest block.
"""

from enum import Enum, unique
from typing import final

from msgspec import Struct

from node.standing import SigningStatus
from node.status import NodeRole, Syncing
from primitives.ids import (
    BlockId,
    ChainId,
    ClaimedView,
    Height,
    Natural,
    Seat,
    SeatNumber,
    Signed,
    Sized32,
    TimeMs,
    ValidatorKey,
    View,
    ViewNumber,
)

Seats = tuple[SeatNumber[Seat], ...]


@unique
class Trouble(Enum):
    """Why there is no link with a peer, as far as our own attempts tell."""

    NONE = "none"
    """There is one."""
    DOWN = "down"
    """Its machine answers; no node listens there."""
    HUNG = "hung"
    """Connections are taken there, and then nothing is said."""
    NOT_ADMITTED = "not_admitted"
    """It closes the connection before anything is said: it does not admit us."""
    UNKNOWN = "unknown"
    """It is no peer of ours: nobody gave us its address, and it did not come."""
    PAUSED = "paused"
    """We keep it away for a while, because of what it sent."""
    LOST = "lost"
    """The link broke, and no attempt at another one has come to its end."""
    SILENT = "silent"
    """Nothing answers there, or the line does not carry."""


@final
class Word(Struct, frozen=True, kw_only=True):
    """What a validator last said of itself (`node.about`)."""

    age_ms: Natural[int]
    version: str
    same_parameters: bool | None
    """As ours; None where it never spoke of a block that was our newest."""
    height: Natural[Height]
    behind: Signed[int]
    """Blocks that it lacked of ours when it said so; ahead if negative."""
    view: ViewNumber[View]
    standing: str
    disk_low: bool
    waiting: Natural[int]
    reaches: Seats | None
    """Validators that it has a live link with; None where it counts other seats than we do."""
    clock_ahead_ms: Signed[int] | None
    up_ms: Natural[int]


@final
class Seen(Struct, frozen=True, kw_only=True):
    """A validator as this node sees it."""

    name: str
    key: Sized32[ValidatorKey]
    seat: SeatNumber[Seat]
    is_self: bool
    suspended: bool
    linked: bool
    turned_ms: Natural[int] | None
    """Since when the link is up, or down; None where there was none in this run."""
    heard_ms: Natural[int] | None
    """Since something came on it."""
    trouble: Trouble
    error: str
    """Of the last attempt, or why the link ended; empty where there is one."""
    signed_ms: Natural[int] | None
    """Since its newest signed statement came to us, by whatever way."""
    signs: bool | None
    """Whether it signs, as far as it said in the protocol's own words."""
    certified: Natural[Height] | None
    """The newest block watched here whose certificate holds its signature."""
    word: Word | None


@final
class Step(Struct, frozen=True, kw_only=True):
    """Where the replica is at the height after the newest block."""

    wish: ViewNumber[View]
    entered: ClaimedView[View]
    has_proposal: bool
    """Of view `wish`."""
    has_body: bool
    """Of that proposal."""
    refused: bool
    """Whether that proposal was found bad here."""
    accepted: bool
    prepares: Seats
    """Whose prepares of view `wish` are here."""
    commits: Seats
    views: tuple[ViewNumber[View], ...]
    """The highest view that each seat asked for; 0 for none."""
    for_ms: Natural[int]
    """Since when it is there."""
    work_ms: Natural[int] | None
    """Since when there is something to decide at this height; None where there is nothing."""
    timeout_ms: Natural[int]
    """Of view `wish`."""


@final
class Decision(Struct, frozen=True, kw_only=True):
    """A block that became durable here in this run."""

    height: Natural[Height]
    view: ViewNumber[View]
    same_validators: bool
    """Whether those decided it who vote now."""
    age_ms: Natural[int]


@final
class Finality(Struct, frozen=True, kw_only=True):
    """How long transactions took from their submission here to a durable block."""

    count: Natural[int]
    """The newest of this run; at most 100."""
    median_ms: Natural[int]
    longest_ms: Natural[int]


@final
class Rules(Struct, frozen=True, kw_only=True):
    """Of the consensus parameters, what a diagnosis asks for."""

    t0_ms: Natural[int]
    tmax_ms: Natural[int]
    heartbeat_ms: Natural[int]
    drift_ms: Natural[int]


@final
class Machine(Struct, frozen=True, kw_only=True):
    """The node's own process and machine."""

    version: str
    up_ms: Natural[int]
    lag_ms: Natural[int]
    """How late its loop was, at most, of late."""
    disk_free_bytes: Natural[int]
    mempool: Natural[int]
    mempool_bytes: Natural[int]
    clock_ahead_ms: Signed[int] | None
    """As the blocks of others say (`node.clock_check`); None where it is right."""


@final
class Facts(Struct, frozen=True, kw_only=True):
    """All that a diagnosis may know."""

    now_ms: Natural[TimeMs]
    """The machine's clock; only to say when something was."""
    name: str
    network: str
    chain: Sized32[ChainId]
    role: NodeRole
    seat: SeatNumber[Seat] | None
    """Of the key that this node has, at the height at hand; whether or not it signs."""
    height: Natural[Height]
    """The newest block."""
    block_id: Sized32[BlockId]
    block_time_ms: Natural[TimeMs]
    """That it carries."""
    block_ms: Natural[int] | None
    """Since it became durable here; None where that was before this run."""
    halted: str | None
    signing: SigningStatus | None
    """None at an observer."""
    rules: Rules
    sync: Syncing | None
    """How it catches up; None where it is level."""
    step: Step
    validators: tuple[Seen, ...]
    """By seat."""
    decisions: tuple[Decision, ...]
    """The newest, oldest first."""
    finality: Finality | None
    """None where no client's transaction became final here in this run."""
    machine: Machine
