"""Everything that can happen to a replica: one closed union.

Messages arrive verified: their encoding, bounds, membership, signatures and certificates were
judged by node/verify.py, so an event is a fact that its author stated. What its author may state is
the replica's business.
"""

from dataclasses import dataclass
from enum import Enum

from consensus.messages import Commit, LogEntry, Prepare, PrePrepare, Status, ViewChange
from primitives.certificate import Certificate
from primitives.ids import BlockId, Height, Seat, View

Link = str
"""Names a peer's link; opaque here. The empty name is this replica itself."""


class Verdict(Enum):
    """What execution and the rules for fresh blocks say about a block."""

    GOOD = "good"
    BAD = "bad"
    EARLY = "early"
    """Its time lies too far ahead of our clock: judged again when it is delivered again."""


@dataclass(frozen=True, slots=True)
class HeightStarted:
    """The block below `height` is durable; `log` holds our own records of this height."""

    height: Height
    validators: int
    seat: Seat | None
    """Our seat, or None: then nothing is signed at this height."""
    t0_ms: int
    tmax_ms: int
    minimum_interval_ms: int
    log: tuple[LogEntry, ...] = ()


@dataclass(frozen=True, slots=True)
class Awoke:
    """q − 1 other validators have answered in this run: from now on we may sign (rule R41)."""


@dataclass(frozen=True, slots=True)
class IntervalOver:
    """The minimum interval since our decision of the block below has passed."""

    height: Height


@dataclass(frozen=True, slots=True)
class WorkArrived:
    """The mempool holds something to build from, or a heartbeat is due."""

    height: Height


@dataclass(frozen=True, slots=True)
class TimerFired:
    """T(view) has passed since view was entered."""

    height: Height
    view: View


@dataclass(frozen=True, slots=True)
class ClaimTimedOut:
    """The block of the highest claim did not come within T(view) / 4."""

    height: Height
    view: View


@dataclass(frozen=True, slots=True)
class Ticked:
    """Time without progress: say where we stand, ask the next peer for what is missing."""


@dataclass(frozen=True, slots=True)
class PrePrepareReceived:
    """A proposal, and whether its body is here."""

    message: PrePrepare
    has_body: bool


@dataclass(frozen=True, slots=True)
class PrepareReceived:
    """A prepare."""

    message: Prepare


@dataclass(frozen=True, slots=True)
class CommitReceived:
    """A commit."""

    message: Commit


@dataclass(frozen=True, slots=True)
class ViewChangeReceived:
    """A view change whose claim is proved by its certificate."""

    message: ViewChange


@dataclass(frozen=True, slots=True)
class StatusReceived:
    """Where a peer stands."""

    message: Status
    link: Link


@dataclass(frozen=True, slots=True)
class BodyArrived:
    """A body that was wanted is here, and hashes to its id."""

    block_id: BlockId


@dataclass(frozen=True, slots=True)
class Built:
    """The answer to Build: a block whose body is here, or None when there was nothing to build."""

    height: Height
    view: View
    block_id: BlockId | None


@dataclass(frozen=True, slots=True)
class Checked:
    """The answer to Check."""

    block_id: BlockId
    fresh_view: View | None
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class CertificateReceived:
    """A commit certificate of this height that verifies; its body is here."""

    certificate: Certificate


Event = (
    HeightStarted
    | Awoke
    | IntervalOver
    | WorkArrived
    | TimerFired
    | ClaimTimedOut
    | Ticked
    | PrePrepareReceived
    | PrepareReceived
    | CommitReceived
    | ViewChangeReceived
    | StatusReceived
    | BodyArrived
    | Built
    | Checked
    | CertificateReceived
)
Timed = IntervalOver | TimerFired | ClaimTimedOut
