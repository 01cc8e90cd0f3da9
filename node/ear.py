"""The ear: what a message from outside means to the replica, once the gate let it pass.

Each statement is judged against the validators of its height, its author's newest words are noted
for the Status we send (rule R41), and the event for the replica comes out. What is not of the
heights at hand is dropped unread (consensus.md §3).
"""

from typing import final

from consensus import events as on
from consensus.messages import Commit, Prepare, PrePrepare, ViewChange
from consensus.replica import Replica
from node import wire
from node.blocks import Blocks
from node.bodies import CheckedBlock
from node.verify import Gate
from node.witnesses import Witnesses
from primitives.block import block_id
from primitives.ids import Height, View
from primitives.validators import ValidatorSet


@final
class Ear:
    """Hears for one engine. Every method raises RemoteFault for what breaks a rule."""

    def __init__(self, gate: Gate, blocks: Blocks, witnesses: Witnesses) -> None:
        self._gate, self._blocks, self._witnesses = gate, blocks, witnesses

    def needs_body(self, message: wire.Wire, replica: Replica) -> bool:
        """Whether the body in a message is worth checking: expected here, and not here yet.

        Its transactions may cost 5,000 signature checks; this costs those of its author or of a
        quorum, so that nobody without a vote in the matter makes us work.

        Raises:
            RemoteFault: nobody stands behind it.
        """
        match message:
            case wire.Proposed(pre_prepare, _):
                validators = self._validators_of(pre_prepare.height, pre_prepare.view)
                if validators is None or self._blocks.get(pre_prepare.block_id) is not None:
                    return False
                self._gate.pre_prepare(pre_prepare, validators)
                return replica.could_consider(pre_prepare)
            case wire.Decided(block, certificate):
                held = self._blocks.get(certificate.block_id) is not None
                if held or block.header.height != self._blocks.height:
                    return False
                parent = self._blocks.parent
                self._gate.decided(certificate, parent.height, parent.validators)
                return True
            case wire.Body(block):
                return block_id(block.header) in replica.now.wanted
            case _:
                return False

    def pre_prepare(self, message: PrePrepare, body: CheckedBlock | None) -> on.Event | None:
        """A proposal, with its checked body if that came along."""
        validators = self._validators_of(message.height, message.view)
        if validators is None:
            return None
        witness = self._gate.pre_prepare(message, validators)
        self._witnesses.note_proposal(message, witness, validators)
        if body is not None and body.id == message.block_id:
            self._blocks.keep(body)
        has_body = self._blocks.get(message.block_id) is not None
        return on.PrePrepareReceived(message, has_body=has_body)

    def vote(self, vote: Prepare | Commit) -> on.Event | None:
        """A prepare or a commit."""
        validators = self._validators_of(vote.height, vote.view)
        if validators is None:
            return None
        witness = self._gate.vote(vote, validators)
        self._witnesses.note(validators.keys[vote.seat], witness)
        if isinstance(vote, Prepare):
            return on.PrepareReceived(vote)
        return on.CommitReceived(vote)

    def view_change(self, message: ViewChange) -> on.Event | None:
        """A view change of the height at hand."""
        parent = self._blocks.parent
        if message.height != parent.height:
            return None
        self._gate.view_change(message, parent.validators)
        self._witnesses.note_view_change(message, parent.validators)
        return on.ViewChangeReceived(message)

    def _validators_of(self, height: Height, view: View) -> ValidatorSet | None:
        """Who votes there; None for what is dropped unread."""
        parent = self._blocks.parent
        if height == parent.height:
            return parent.validators
        if height == parent.height + 1 and view == 0:
            return parent.next_validators
        return None
