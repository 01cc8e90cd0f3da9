"""A message on its way between two nodes, as faults and scenarios see it.

What decides whether a block can be prepared at one node only is not how many messages are lost, but
which: so a letter says its height, view and phase beside its sender and receiver.
"""

from dataclasses import dataclass
from enum import Enum, unique
from typing import Final, final

from consensus.messages import Commit, Prepare, Status, ViewChange
from node import wire
from primitives.ids import Height, View


@final
@unique
class Phase(Enum):
    """What a message is about; its value is the word of the trace."""

    PRE_PREPARE = "pre-prepare"
    PREPARE = "prepare"
    COMMIT = "commit"
    VIEW_CHANGE = "view-change"
    STATUS = "status"
    DECIDED = "decided"
    FETCH = "fetch"
    BODY = "body"
    TRANSACTIONS = "transactions"
    OFFER = "offer"
    WANT = "want"


_PHASES: Final[dict[type, Phase]] = {
    wire.Proposed: Phase.PRE_PREPARE,
    Prepare: Phase.PREPARE,
    Commit: Phase.COMMIT,
    ViewChange: Phase.VIEW_CHANGE,
    Status: Phase.STATUS,
    wire.Decided: Phase.DECIDED,
    wire.Fetch: Phase.FETCH,
    wire.Body: Phase.BODY,
    wire.Transactions: Phase.TRANSACTIONS,
    wire.Offer: Phase.OFFER,
    wire.Want: Phase.WANT,
}
VOTING: Final = (Phase.PRE_PREPARE, Phase.PREPARE, Phase.COMMIT, Phase.VIEW_CHANGE)
"""The phases whose messages their authors sign."""


@final
@dataclass(frozen=True, slots=True)
class Letter:
    """One message to one receiver."""

    sender: str
    receiver: str
    message: wire.Wire
    phase: Phase
    height: Height | None
    view: View | None
    """None where the phase has no view."""


def place(message: wire.Wire) -> tuple[Phase, Height | None, View | None]:
    """Which phase, of which height and view, a message belongs to."""
    phase = _PHASES[type(message)]
    match message:
        case wire.Proposed(pre_prepare, _):
            return phase, pre_prepare.height, pre_prepare.view
        case Prepare() | Commit() | ViewChange():
            return phase, message.height, message.view
        case Status():
            return phase, message.height, message.wish
        case wire.Decided(_, certificate):
            return phase, certificate.height, certificate.view
        case wire.Body(block):
            return phase, block.header.height, None
        case _:
            return phase, None, None
