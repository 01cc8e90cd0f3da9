"""What the engine hands to the shell after one event: everything in it may leave now."""

from dataclasses import dataclass, field
from typing import final

from consensus.events import Link, Timed
from ledger.transaction import CheckedTransaction
from node.wire import Decided, Wire
from primitives.ids import Height, TransactionId


@final
@dataclass(frozen=True, slots=True)
class HeartbeatDue:
    """The heartbeat of this height is due at this node."""

    height: Height


Timer = Timed | HeartbeatDue


@final
@dataclass(frozen=True, slots=True)
class Note:
    """One line for the log: what happened, with its facts. Never a payload, never a secret."""

    event: str
    facts: dict[str, object]
    alarming: bool = False


@final
@dataclass(slots=True)
class Outbox:
    """Filled by the engine in order; whatever a message promises is durable by now."""

    messages: list[tuple[Link | None, Wire]] = field(default_factory=list)
    """To one link, or to every validator."""
    timers: list[tuple[int, Timer]] = field(default_factory=list)
    """Delay in milliseconds, and what to bring back."""
    decided: list[Decided] = field(default_factory=list)
    """Blocks that became durable, in order."""
    final: list[TransactionId] = field(default_factory=list)
    """Transactions of those blocks."""
    behind: list[tuple[Link, Height]] = field(default_factory=list)
    """Peers that say they are ahead: hints for catching up."""
    relay: list[CheckedTransaction] = field(default_factory=list)
    """New transactions that the other validators should have."""
    notes: list[Note] = field(default_factory=list)
