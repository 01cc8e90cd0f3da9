"""The state of one height (consensus.md §4) and the bounds of its memory (§11).

Volatile, all of it: what must survive a restart is in the records that the replica persists. The
replica is the only writer; nothing here decides.
"""

from typing import final

from consensus import events as on
from consensus.events import Verdict
from consensus.messages import (
    Claim,
    Commit,
    LogEntry,
    Message,
    Prepare,
    PrePrepare,
    Status,
    ViewChange,
    bitmap,
    seats_of,
)
from consensus.timeouts import view_timeout_ms
from consensus.votes import Votes
from primitives import limits
from primitives.certificate import Certificate
from primitives.ids import NO_VIEW, ZERO32, BlockId, Seat, View
from primitives.validators import faults_tolerated, primary_of, quorum


@final
class Instance:
    """One PBFT instance: who we are at this height, what we did, what we heard."""

    def __init__(self, start: on.HeightStarted) -> None:
        self.height = start.height
        self.validators = start.validators
        self.quorum = quorum(start.validators)
        self.faults = faults_tolerated(start.validators)
        self.seat = start.seat
        self._t0_ms, self._tmax_ms = start.t0_ms, start.tmax_ms

        self.wish = View(0)
        """The highest view we asked for or accepted in."""
        self.entered = NO_VIEW
        """The view whose timer runs."""
        self.accepted: PrePrepare | None = None
        """The proposal we prepared in view `wish`."""
        self.prepared: Certificate | None = None
        """The prepared certificate of the highest view in which we committed."""
        self.sent_commit = False
        """Whether we committed in view `wish`."""
        self.proposed = NO_VIEW
        """The highest view in which we proposed."""
        self.decided = False
        self.log: tuple[LogEntry, ...] = start.log
        """Our own records from before a restart, until they are said again."""

        self.work = False
        """Something to build from (R7)."""
        self.work_seen = False
        """Others have begun (R7)."""
        self.interval_over = False

        self.proposals: dict[View, PrePrepare] = {}
        """The first justified proposal of each kept view."""
        self.prepares: Votes[Prepare] = Votes()
        self.commits: Votes[Commit] = Votes()
        self.view_changes: dict[Seat, ViewChange] = {}
        """The highest per sender (R26)."""
        self.quorum_reached: Certificate | None = None
        """A commit certificate whose body is still wanted."""

        self.bodies: set[BlockId] = set()
        """Blocks named here whose bodies the engine holds."""
        self.wanted: dict[BlockId, list[Seat]] = {}
        """Bodies to fetch, and whom to ask next, in turn (R30)."""
        self.verdicts: dict[tuple[BlockId, View | None], Verdict] = {}
        """By block, and the view it was judged fresh in (None: judged by execution alone)."""
        self.judging: set[tuple[BlockId, View | None]] = set()
        """What was given to Check and not answered yet."""
        self.voted: dict[View, BlockId] = {}
        """What we prepared in the kept views: an older commit quorum may still decide it (R21)."""
        self.claim_awaited = NO_VIEW
        """The highest view in which the time for claimed blocks was set (R11)."""
        self.claims_closed = NO_VIEW
        """The highest view in which that time is over."""

    # --- roles and times --------------------------------------------------------------------

    def is_primary(self, view: View) -> bool:
        """Whether we propose in this view (R2)."""
        return self.seat == primary_of(self.validators, self.height, view)

    def timeout_ms(self, view: View) -> int:
        """T(view) (R33)."""
        return view_timeout_ms(
            view, validators=self.validators, t0_ms=self._t0_ms, tmax_ms=self._tmax_ms
        )

    def candidates(self) -> list[ViewChange]:
        """View changes for `wish` that can justify a proposal.

        Once the time for claimed blocks is over (R11), only those whose block, if any, is here.
        """
        return [
            change
            for _, change in sorted(self.view_changes.items())
            if change.view == self.wish
            and (
                change.prepared is None
                or change.prepared_id in self.bodies
                or self.claims_closed < self.wish
            )
        ]

    def unknown_claims(self) -> list[tuple[ViewChange, Certificate]]:
        """View changes for `wish` whose block is not here, with their proofs, highest first."""
        unknown = [
            (change, change.prepared)
            for _, change in sorted(self.view_changes.items())
            if change.view == self.wish
            and change.prepared is not None
            and change.prepared_id not in self.bodies
        ]
        return sorted(unknown, key=lambda claim: -claim[0].prepared_view)

    # --- memory (R42) -----------------------------------------------------------------------

    def raise_wish(self, view: View) -> None:
        """Leave whatever was accepted for a view that is not lower."""
        assert view >= self.wish, f"wish would fall from {self.wish} to {view}"
        self.wish = view
        self.accepted = None
        self.sent_commit = False
        self.trim()

    def keeps_votes_of(self, view: View) -> bool:
        """Votes are kept for wish−2 to wish+2."""
        lowest = self.wish - limits.VIEWS_BEHIND_KEPT
        return lowest <= view <= self.wish + limits.VIEWS_AHEAD_KEPT

    def keep_proposal(self, proposal: PrePrepare) -> None:
        """One per view; a far one gives way to those of wish to wish+2."""
        self.proposals[proposal.view] = proposal
        if len(self.proposals) > limits.VIEWS_AHEAD_KEPT + 1:
            self.trim()

    def has_room_for(self, far: View) -> bool:
        """Whether a proposal of a view beyond wish+2 may be kept until it is judged."""
        return far in self.proposals or len(self.proposals) <= limits.VIEWS_AHEAD_KEPT

    def trim(self) -> None:
        """Forget what lies outside the kept views, and what only that referred to."""
        highest = self.wish + limits.VIEWS_AHEAD_KEPT
        self.prepares.keep(self.keeps_votes_of)
        self.commits.keep(self.keeps_votes_of)
        for view in [view for view in self.proposals if not self.wish <= view <= highest]:
            del self.proposals[view]
        for view in [view for view in self.voted if not self.keeps_votes_of(view)]:
            del self.voted[view]
        kept = self.kept_blocks
        self.bodies &= kept
        self.wanted = {block: seats for block, seats in self.wanted.items() if block in kept}
        self.verdicts = {key: value for key, value in self.verdicts.items() if key[0] in kept}
        self.judging = {key for key in self.judging if key[0] in kept}

    @property
    def kept_blocks(self) -> frozenset[BlockId]:
        """Blocks that proposals, claims and certificates of this height name."""
        kept = {proposal.block_id for proposal in self.proposals.values()}
        kept |= set(self.voted.values())
        kept |= {change.prepared_id for change in self.view_changes.values()}
        kept |= {entry.block_id for entry in self.log if not isinstance(entry, Claim)}
        if self.prepared is not None:
            kept.add(self.prepared.block_id)
        if self.quorum_reached is not None:
            kept.add(self.quorum_reached.block_id)
        kept.discard(BlockId(ZERO32))
        return frozenset(kept)

    # --- where we stand, and who lacks what (R29) -------------------------------------------

    def status(self) -> Status:
        """Where this replica stands."""
        views = [View(0)] * self.validators
        for seat, change in self.view_changes.items():
            views[seat] = change.view
        proposal = self.proposals.get(self.wish)
        return Status(
            height=self.height,
            wish=self.wish,
            entered=self.entered,
            has_proposal=proposal is not None and self._has_good(proposal),
            prepares=bitmap(self.prepares.seats(self.wish)),
            commits=bitmap(self.commits.seats(self.wish)),
            view_changes=tuple(views),
            newest_of_yours=None,
            signs=False,  # the engine knows
        )

    def _has_good(self, proposal: PrePrepare) -> bool:
        """Whether we need it no more: a bad one may have been spoilt by whoever relayed it."""
        bad = self.verdicts.get(judged_as(proposal)) is Verdict.BAD
        return proposal.block_id in self.bodies and not bad

    def lacking(self, status: Status) -> list[Message]:
        """What a peer with this status of our height lacks of what we hold, others' words too."""
        lacking: list[Message] = []
        # View changes first: they take the peer to the views of what follows.
        for seat, change in sorted(self.view_changes.items()):
            known = status.view_changes[seat] if seat < len(status.view_changes) else 0
            if change.view > known:
                lacking.append(change)
        for view in sorted({*self.proposals, *self.prepares.views(), *self.commits.views()}):
            if view < status.wish:
                continue
            same = view == status.wish
            proposal = self.proposals.get(view)
            if proposal is not None and not (same and status.has_proposal):
                lacking.append(proposal)
            prepares = seats_of(status.prepares) if same else set()
            commits = seats_of(status.commits) if same else set()
            lacking += [vote for vote in self.prepares.of(view) if vote.seat not in prepares]
            lacking += [vote for vote in self.commits.of(view) if vote.seat not in commits]
        return lacking


def judged_as(proposal: PrePrepare) -> tuple[BlockId, View | None]:
    """The block, and the view it is judged fresh in; no view if a certificate proves it (R15)."""
    return proposal.block_id, proposal.view if proposal.prepared is None else None
