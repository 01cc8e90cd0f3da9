"""When a proposal may be voted for (rules R13, R14). A pure predicate over verified parts."""

from consensus.messages import PrePrepare, ViewChange
from primitives.ids import NO_VIEW, Seat
from primitives.validators import quorum


class Unjustified(Exception):
    """The proposal's attachments do not justify it; the message says which rule it breaks."""


def check_justified(proposal: PrePrepare, validators: int) -> None:
    """The view changes and the certificate of a pre-prepare justify its block in its view.

    Signatures, bounds and the certificate's own validity were checked before (node/verify.py).

    Raises:
        Unjustified: with the reason.
    """
    if proposal.view == 0:
        if proposal.view_changes or proposal.prepared is not None:
            raise Unjustified("a proposal of view 0 carries no view changes and no certificate")
        return
    changes = _distinct(proposal)
    if len(changes) < quorum(validators):
        raise Unjustified(
            f"{len(changes)} view changes for view {proposal.view}, "
            f"a quorum of {validators} is {quorum(validators)}"
        )
    top = max(change.prepared_view for change in changes.values())
    if top == NO_VIEW:
        if proposal.prepared is not None:
            raise Unjustified("a certificate although nobody in the quorum prepared anything")
        return
    _check_highest(proposal, changes, top)


def _distinct(proposal: PrePrepare) -> dict[Seat, ViewChange]:
    """One view change per member, each for exactly this height and view, claiming a lower one."""
    changes: dict[Seat, ViewChange] = {}
    for change in proposal.view_changes:
        if (change.height, change.view) != (proposal.height, proposal.view):
            raise Unjustified(
                f"a view change for {change.height}/{change.view} "
                f"in a proposal for {proposal.height}/{proposal.view}"
            )
        if not NO_VIEW <= change.prepared_view < proposal.view:
            raise Unjustified(f"a claim of view {change.prepared_view} before {proposal.view}")
        changes.setdefault(change.seat, change)
    return changes


def _check_highest(proposal: PrePrepare, changes: dict[Seat, ViewChange], top: int) -> None:
    highest = [change for change in changes.values() if change.prepared_view == top]
    if all(change.prepared_id != proposal.block_id for change in highest):
        raise Unjustified(f"the highest claim, of view {top}, is for another block")
    certificate = proposal.prepared
    if certificate is None:
        raise Unjustified(f"no certificate for the highest claim, of view {top}")
    proved = (certificate.height, certificate.view, certificate.block_id)
    if proved != (proposal.height, top, proposal.block_id):
        raise Unjustified(f"the certificate proves {proved[:2]}, not the highest claim")
