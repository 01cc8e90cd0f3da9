"""What comes early for the next height at view 0 (rule R43).

A replica that decides later than its peers would otherwise lose their first messages and wait for
the next Status. Bounded: one proposal, one prepare and one commit per seat, one height.
"""

from typing import final

from consensus.messages import Commit, Prepare, PrePrepare
from primitives.ids import Height, Seat


@final
class Ahead:
    """Messages of `height`, the one after the current; written by the replica alone."""

    def __init__(self, height: Height) -> None:
        self.height = height
        self.proposal: PrePrepare | None = None
        self.has_body = False
        self.prepares: dict[Seat, Prepare] = {}
        self.commits: dict[Seat, Commit] = {}

    def takes(self, message: PrePrepare | Prepare | Commit) -> bool:
        """Whether this is the place for a message."""
        return message.height == self.height and message.view == 0

    def keep_proposal(self, message: PrePrepare, *, has_body: bool) -> None:
        """The first one stands; its body may come with a repetition. At view 0 nothing is attached
        to a proposal, so what a relaying peer spoilt takes no place here (R13, R32)."""
        if message.view_changes or message.prepared is not None:
            return
        if self.proposal is None:
            self.proposal = message
        if self.proposal.block_id == message.block_id:
            self.has_body = self.has_body or has_body

    def keep_vote(self, vote: Prepare | Commit) -> None:
        """The first per seat stands."""
        if isinstance(vote, Prepare):
            self.prepares.setdefault(vote.seat, vote)
        else:
            self.commits.setdefault(vote.seat, vote)
