"""A replica's casts: requests to the signer, then messages, then events that come back."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import assert_never, final

from consensus import effects as do
from consensus import events as on
from consensus.messages import Commit, LogEntry, Prepare, PrePrepare, ViewChange
from node.signer import Refused, Request, Signer
from primitives.certificate import Certificate
from primitives.ids import NO_VIEW, ZERO32, BlockId, Seat, Signature, View
from storage.decision import VoteStep

Cast = do.CastPrePrepare | do.CastPrepare | do.CastCommit | do.CastViewChange
Statement = PrePrepare | Prepare | Commit | ViewChange


@final
@dataclass(slots=True)
class Step:
    """What one step of the replica asked for, until it is written and signed."""

    entries: list[LogEntry] = field(default_factory=list)
    casts: list[Cast] = field(default_factory=list)


def sign_all(casts: Sequence[Cast], signer: Signer, seat: Seat) -> list[Statement | Refused]:
    """What may be sent, or why not, in turn; the signer's memory is durable when this returns.

    Raises:
        StorageFault: it could not be made durable; nothing may leave.
    """
    answers = signer.sign_all([request_of(cast) for cast in casts])
    return [
        answer if isinstance(answer, Refused) else message_of(cast, seat, answer)
        for cast, answer in zip(casts, answers, strict=True)
    ]


def request_of(cast: Cast) -> Request:
    """What the signer is asked."""
    match cast:
        case do.CastPrePrepare(proposal):
            return Request(
                step=VoteStep.PRE_PREPARE,
                height=proposal.height,
                view=proposal.view,
                block_id=proposal.block_id,
            )
        case do.CastPrepare(height, view, block_id):
            return Request(step=VoteStep.PREPARE, height=height, view=view, block_id=block_id)
        case do.CastCommit(height, view, block_id):
            return Request(step=VoteStep.COMMIT, height=height, view=view, block_id=block_id)
        case do.CastViewChange(claim):
            prepared_view, block_id = _claimed(claim.prepared)
            return Request(
                step=VoteStep.VIEW_CHANGE,
                height=claim.height,
                view=claim.view,
                block_id=block_id,
                prepared_view=prepared_view,
            )
        case _:
            assert_never(cast)


def message_of(cast: Cast, seat: Seat, signature: Signature) -> Statement:
    """What is sent once it is signed."""
    match cast:
        case do.CastPrePrepare(proposal):
            return PrePrepare(
                proposal.height,
                proposal.view,
                proposal.block_id,
                signature,
                proposal.view_changes,
                proposal.prepared,
            )
        case do.CastPrepare(height, view, block_id):
            return Prepare(height, view, block_id, seat, signature)
        case do.CastCommit(height, view, block_id):
            return Commit(height, view, block_id, seat, signature)
        case do.CastViewChange(claim):
            prepared_view, block_id = _claimed(claim.prepared)
            return ViewChange(
                claim.height, claim.view, seat, prepared_view, block_id, signature, claim.prepared
            )
        case _:
            assert_never(cast)


def event_of(message: Statement) -> on.Event:
    """How our own statement comes back: through the public door (rule R35)."""
    match message:
        case PrePrepare():
            return on.PrePrepareReceived(message, has_body=True)
        case Prepare():
            return on.PrepareReceived(message)
        case Commit():
            return on.CommitReceived(message)
        case ViewChange():
            return on.ViewChangeReceived(message)
        case _:
            assert_never(message)


def _claimed(prepared: Certificate | None) -> tuple[View, BlockId]:
    if prepared is None:
        return NO_VIEW, BlockId(ZERO32)
    return prepared.view, prepared.block_id
