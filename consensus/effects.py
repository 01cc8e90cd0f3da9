"""Everything a replica can ask for: one closed union. The order of a list of effects is a contract.

The engine performs them in order with the discipline of consensus.md §7: what is persisted in a
step is durable before anything of that step is signed, and what is signed is durable in the
signer's memory before it leaves. A cast comes back as an event; only then does it count.
"""

from dataclasses import dataclass

from consensus.events import Link, Timed
from consensus.messages import (
    Claim,
    Commit,
    LogEntry,
    Message,
    Prepare,
    PrePrepare,
    Proposal,
    Status,
    ViewChange,
)
from primitives.certificate import Certificate
from primitives.ids import BlockId, Height, Seat, View


@dataclass(frozen=True, slots=True)
class Persist:
    """Write this record (with the body of its block) before anything of this step is signed."""

    entry: LogEntry


@dataclass(frozen=True, slots=True)
class CastPrePrepare:
    """Sign this proposal, broadcast it with its body, and hand it back."""

    proposal: Proposal


@dataclass(frozen=True, slots=True)
class CastPrepare:
    """Sign, broadcast, hand back."""

    height: Height
    view: View
    block_id: BlockId


@dataclass(frozen=True, slots=True)
class CastCommit:
    """Sign, broadcast, hand back."""

    height: Height
    view: View
    block_id: BlockId


@dataclass(frozen=True, slots=True)
class CastViewChange:
    """Sign, broadcast, hand back."""

    claim: Claim


@dataclass(frozen=True, slots=True)
class Relay:
    """Send a signed message, its author's or ours, to one peer that lacks it."""

    link: Link
    message: Message


@dataclass(frozen=True, slots=True)
class TellStatus:
    """Send where we stand to one peer, or to all with link None; it needs no signature."""

    link: Link | None
    status: Status


@dataclass(frozen=True, slots=True)
class SendDecided:
    """A peer is behind: send it the decided block of this height."""

    link: Link
    height: Height


@dataclass(frozen=True, slots=True)
class Behind:
    """A peer says that it is ahead: a hint for whoever fetches certified blocks."""

    link: Link
    height: Height


@dataclass(frozen=True, slots=True)
class Fetch:
    """Ask this validator for the body of a block."""

    block_id: BlockId
    seat: Seat


@dataclass(frozen=True, slots=True)
class After:
    """Deliver this event when the delay has passed."""

    delay_ms: int
    event: Timed


@dataclass(frozen=True, slots=True)
class Build:
    """Build a fresh block; the answer is Built."""

    height: Height
    view: View


@dataclass(frozen=True, slots=True)
class Check:
    """Judge a block whose body is here; the answer is Checked.

    `fresh_view` is the view it is fresh in; None for a block that a certificate proves, which is
    judged by its execution alone (rule R15).
    """

    block_id: BlockId
    fresh_view: View | None


@dataclass(frozen=True, slots=True)
class Decide:
    """A commit certificate exists and the body is here: make it durable, start the next height."""

    certificate: Certificate


@dataclass(frozen=True, slots=True)
class Equivocation:
    """A seat signed two statements that exclude each other, the second one heard later."""

    first: PrePrepare | Prepare | Commit | ViewChange
    second: PrePrepare | Prepare | Commit | ViewChange


@dataclass(frozen=True, slots=True)
class Diverged:
    """A quorum prepared a block that is bad in our state: our state differs from a quorum's."""

    block_id: BlockId


Sending = Relay | TellStatus | SendDecided | Behind | Fetch | After | Equivocation | Diverged
"""Promises nothing: done when its turn comes."""

Effect = (
    Persist
    | CastPrePrepare
    | CastPrepare
    | CastCommit
    | CastViewChange
    | Build
    | Check
    | Decide
    | Sending
)
