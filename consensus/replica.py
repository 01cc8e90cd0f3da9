"""A replica: PBFT for one height at a time, as a pure machine.

    effects = replica.step(event)

**Theory.** Each height is one instance of PBFT in the form of QBFT: a block is decided by a quorum
of commits in one view; a view is left by a quorum of view changes; the first message of a later
view is a pre-prepare that carries them as its justification. The numbered rules (R1 ...) are those
of docs/protocol.md, where each is stated with its source.

**Normal case** (R7, R9, R13, R16-R21): with work there, view 0 is entered; the primary proposes;
everyone executes the block, prepares it once, commits on a quorum of prepares, and decides on a
quorum of commits.

**View change** (R24-R28, R10, R14): a view that runs out is left by asking for the next. f + 1
replicas that ask higher pull the others along; the timer of a view runs only when a quorum stands
behind it. The new primary proposes the block of the highest proved claim, or a fresh one.

**Invariants.** `wish` never falls within a height. At most one block is accepted per view. Nothing
is asked for below what is persisted earlier in the same list of effects. Our own statements count
when they come back signed, never before (R35). Without a seat, or before Awoke, nothing is cast.

**Deliberately absent.** Clocks (delays go out, events come back), keys and bytes (messages are
verified before they come here), transactions, addresses, randomness, logging, and any mode for
recovery or for catching up: our own records come with HeightStarted, certificates at any time.

**Deviations from Castro and Liskov (OSDI 1999)**: one instance per height instead of a watermark
window; no checkpoint messages, since a commit certificate is one; quorum n − f for every n;
re-proposal instead of a separate new-view message (QBFT).
"""

from typing import assert_never, final

from consensus import effects as do
from consensus import events as on
from consensus.ahead import Ahead
from consensus.contradictions import contradictions, contradictions_in
from consensus.effects import Effect
from consensus.events import Event, Verdict
from consensus.instance import Instance, judged_as
from consensus.justification import Unjustified, check_justified
from consensus.messages import (
    Claim,
    Commit,
    Prepare,
    PrePrepare,
    Proposal,
    Status,
    ViewChange,
)
from consensus.restart import repeats, restore
from primitives import limits
from primitives.certificate import Certificate
from primitives.ids import VIEW_MAX, BlockId, Height, Seat, View
from primitives.validators import primary_of


@final
class Replica:
    """One validator's (or, without a seat, one follower's) consensus machine.

    `now` is the instance of the current height. Written by this class alone; the engine and tests
    may read.
    """

    def __init__(self) -> None:
        self.awake = False
        self._ahead = Ahead(Height(0))
        self.now = Instance(on.HeightStarted(Height(0), 1, None, 1, 1, 1))

    def step(self, event: Event) -> list[Effect]:
        """Take one event; return what must be done, in order."""
        self._out: list[Effect] = []
        match event:
            case on.HeightStarted():
                self._start_height(event)
            case on.Awoke():
                self._awake()
            case on.IntervalOver(height):
                if height == self.now.height:
                    self.now.interval_over = True
                    self._begin()
            case on.WorkArrived(height):
                if height == self.now.height:
                    self.now.work = True
                    self._begin()
            case on.TimerFired(height, view):
                if height == self.now.height and view == self.now.wish == self.now.entered:  # R24
                    self._ask(View(view + 1))
            case on.ClaimTimedOut(height, view):
                if height == self.now.height and view == self.now.wish:
                    self._claim_timed_out()
            case on.Ticked():
                self._tick()
            case on.PrePrepareReceived(message, has_body):
                self._on_pre_prepare(message, has_body=has_body)
            case on.PrepareReceived(message):
                self._on_prepare(message)
            case on.CommitReceived(message):
                self._on_commit(message)
            case on.ViewChangeReceived(message):
                self._on_view_change(message)
            case on.StatusReceived(message, link):
                self._on_status(message, link)
            case on.BodyArrived(block_id):
                self._on_body(block_id)
            case on.Built(height, view, block_id):
                if height == self.now.height:
                    self._on_built(view, block_id)
            case on.Checked(block_id, fresh_view, verdict):
                self._on_checked(block_id, fresh_view, verdict)
            case on.CertificateReceived(certificate):  # R22: in any state
                if certificate.height == self.now.height and not self.now.decided:
                    self._out += contradictions_in(self.now, certificate)
                    self.now.bodies.add(certificate.block_id)
                    self._decide(certificate)
            case _:
                assert_never(event)
        return self._out

    # --- a height begins (R6) ---------------------------------------------------------------

    def _start_height(self, start: on.HeightStarted) -> None:
        self.now = Instance(start)
        restore(self.now)
        self._resume()
        self._after(start.minimum_interval_ms, on.IntervalOver(self.now.height))
        early, self._ahead = self._ahead, Ahead(Height(self.now.height + 1))
        if early.height == self.now.height:
            self._replay(early)

    def _resume(self) -> None:
        """Say again what we had said in view `wish` (R39), and go on."""
        if not self._may_cast:
            return
        self._out += repeats(self.now)
        self.now.log = ()
        self.now.trim()  # the engine drops what only the log still named
        if self.now.accepted is not None:
            self._enter(self.now.wish)

    def _awake(self) -> None:
        if self.awake:
            return
        self.awake = True
        self._resume()
        self._begin()
        self._consider_all()
        self._try_prepared()
        self._synchronise()

    @property
    def _may_cast(self) -> bool:
        return self.awake and self.now.seat is not None and not self.now.decided

    def _begin(self) -> None:
        """Enter view 0 once there is work and the minimum interval is over (R7, R9)."""
        if not self._may_cast or not self.now.interval_over or self.now.wish > 0:
            return
        if self.now.work or self.now.work_seen:
            self._enter(View(0))
        if (
            self.now.work
            and self.now.is_primary(View(0))
            and self.now.proposed < 0
            and View(0) not in self.now.proposals  # ours, if we forgot it or have a clone (R9)
            and not self.now.accepted
        ):
            self._out.append(do.Build(self.now.height, View(0)))

    def _see_work(self) -> None:
        if not self.now.work_seen:
            self.now.work_seen = True
            self._begin()

    def _enter(self, view: View) -> None:
        if view > self.now.entered:  # R8
            self.now.entered = view
            self._after(self.now.timeout_ms(view), on.TimerFired(self.now.height, view))

    # --- proposing --------------------------------------------------------------------------

    def _propose(self) -> None:
        """The primary of `wish` > 0 proposes as soon as a quorum asks for it (R10, R11)."""
        if self.now.proposed >= self.now.wish:
            return
        if self.now.wish in self.now.proposals:
            return  # ours, as in `_begin`
        unknown = self.now.unknown_claims()
        for change, claim in unknown:
            self._want(change.prepared_id, [change.seat, *(seal.seat for seal in claim.seals)])
        candidates = self.now.candidates()
        if len(candidates) < self.now.quorum:
            return
        top = max(candidates, key=lambda change: change.prepared_view)
        if top.prepared is None:
            self._out.append(do.Build(self.now.height, self.now.wish))
        elif top.prepared_id in self.now.bodies:
            self._cast_proposal(top.prepared_id, candidates, top.prepared)
        elif self.now.claim_awaited < self.now.wish:
            self.now.claim_awaited = self.now.wish
            quarter = self.now.timeout_ms(self.now.wish) // 4
            self._after(quarter, on.ClaimTimedOut(self.now.height, self.now.wish))

    def _claim_timed_out(self) -> None:
        self.now.claims_closed = self.now.wish
        self._synchronise()

    def _on_built(self, view: View, block_id: BlockId | None) -> None:
        if block_id is None:
            self.now.work = False
            return
        if (
            view != self.now.wish
            or self.now.proposed >= view
            or self.now.accepted
            or not self._may_cast
        ):
            return
        changes: list[ViewChange] = []
        if view > 0:  # a claim may have come meanwhile: any quorum without one justifies (R11)
            changes = [change for change in self.now.candidates() if change.prepared is None]
            if len(changes) < self.now.quorum:
                self._propose()
                return
        self._cast_proposal(block_id, changes, None)  # its body counts when it comes back (R35)

    def _cast_proposal(
        self, block_id: BlockId, changes: list[ViewChange], prepared: Certificate | None
    ) -> None:
        stripped = tuple(_stripped(change) for change in changes)
        proposal = Proposal(self.now.height, self.now.wish, block_id, stripped, prepared)
        self.now.proposed = self.now.wish
        self._out += [do.Persist(proposal), do.CastPrePrepare(proposal)]

    # --- the three phases -------------------------------------------------------------------

    def _on_pre_prepare(self, message: PrePrepare, *, has_body: bool) -> None:
        if self._ahead.takes(message):
            self._ahead.keep_proposal(message, has_body=has_body)
            return
        if message.height != self.now.height:
            return
        if has_body:
            self._on_body(message.block_id)
        if self.now.decided:
            return
        if message.view == 0:
            self._see_work()
        self._out += contradictions(self.now, message)
        known = self.now.proposals.get(message.view)
        if known is not None and known.block_id != message.block_id:
            return  # R12: the first one stands
        if not self._keeps_proposal_of(message.view, has_body=has_body):
            return
        try:
            check_justified(message, self.now.validators)
        except Unjustified:
            return  # R32: refused without a trace; its deliverer answers for it
        if known is None or known.prepared is None:
            # The attachments are not signed: whoever relays a proved proposal as a fresh one must
            # not take its place.
            self.now.keep_proposal(message)
        if has_body:
            self.now.bodies.add(message.block_id)
        self._consider(self.now.proposals[message.view])

    def _keeps_proposal_of(self, view: View, *, has_body: bool) -> bool:
        """Whether there is room (R42): wish to wish+2, and a later one if it is judged at once."""
        if view > self.now.wish + limits.VIEWS_AHEAD_KEPT:
            return has_body and self._may_cast and self.now.has_room_for(view)
        return view >= self.now.wish

    def _consider(self, proposal: PrePrepare) -> None:
        """Vote for a justified proposal if its body is here and good (R13-R18)."""
        if not self._may_cast or proposal.view < self.now.wish:
            return
        if self.now.accepted is not None and proposal.view == self.now.wish:
            return
        if proposal.block_id not in self.now.bodies:
            holders = [seal.seat for seal in proposal.prepared.seals] if proposal.prepared else []
            primary = primary_of(self.now.validators, self.now.height, proposal.view)
            self._want(proposal.block_id, [*holders, primary])
            return
        judged = judged_as(proposal)
        verdict = self.now.verdicts.get(judged)
        if verdict is Verdict.GOOD:
            self._accept(proposal)
        elif verdict is None and judged not in self.now.judging:
            self.now.judging.add(judged)
            self._out.append(do.Check(*judged))

    def _on_checked(self, block_id: BlockId, fresh_view: View | None, verdict: Verdict) -> None:
        answered = (block_id, fresh_view)
        self.now.judging.discard(answered)
        judged = [
            proposal
            for _, proposal in sorted(self.now.proposals.items())
            if judged_as(proposal) == answered
        ]
        if verdict is not Verdict.EARLY:
            self.now.verdicts[answered] = verdict
        for proposal in judged:
            if verdict is Verdict.EARLY:  # may be delivered again, later
                del self.now.proposals[proposal.view]
            else:
                self._consider(proposal)
        if verdict is Verdict.BAD and fresh_view is None:
            self._out.append(do.Diverged(block_id))  # R31
        self.now.trim()

    def _accept(self, proposal: PrePrepare) -> None:
        self.now.raise_wish(proposal.view)
        self.now.accepted = proposal
        self.now.voted[proposal.view] = proposal.block_id
        self._enter(proposal.view)
        self._out += [
            do.Persist(proposal),
            do.CastPrepare(self.now.height, proposal.view, proposal.block_id),
        ]
        self._try_prepared()

    def _on_prepare(self, message: Prepare) -> None:
        if not self._is_current(message):
            return
        standing = self.now.prepares.add(message)
        if standing.block_id != message.block_id:
            return
        if message.view == 0 and len(self.now.prepares.seats(View(0))) > self.now.faults:
            self._see_work()
        self._try_prepared()

    def _try_prepared(self) -> None:
        """A quorum of prepares for the accepted block: commit to it, once (R19)."""
        if self.now.accepted is None or self.now.sent_commit or not self._may_cast:
            return
        view, block_id = self.now.accepted.view, self.now.accepted.block_id
        certificate = self.now.prepares.certificate(
            self.now.height, view, block_id, self.now.quorum
        )
        if certificate is None:
            return
        self.now.prepared = certificate
        self.now.sent_commit = True
        self._out += [do.Persist(certificate), do.CastCommit(self.now.height, view, block_id)]

    def _on_commit(self, message: Commit) -> None:
        if not self._is_current(message):
            return
        standing = self.now.commits.add(message)
        if standing.block_id != message.block_id:
            return
        certificate = self.now.commits.certificate(
            self.now.height, message.view, message.block_id, self.now.quorum
        )
        if certificate is None:
            return
        if message.block_id in self.now.bodies:  # R21: in whatever view we are
            self._decide(certificate)
        elif self.now.quorum_reached is None:
            self.now.quorum_reached = certificate
            self.now.wanted.clear()  # no other block of this height matters any more
            self._want(message.block_id, [seal.seat for seal in certificate.seals])

    def _decide(self, certificate: Certificate) -> None:
        self.now.decided = True
        self.now.wanted.clear()
        self._out.append(do.Decide(certificate))

    # --- view changes -----------------------------------------------------------------------

    def _ask(self, view: View) -> None:
        """Leave for a higher view (R25)."""
        if not self.now.wish < view <= VIEW_MAX or not self._may_cast:
            return
        self.now.raise_wish(view)
        claim = Claim(self.now.height, view, self.now.prepared)
        self._out += [do.Persist(claim), do.CastViewChange(claim)]
        self._synchronise()

    def _on_view_change(self, message: ViewChange) -> None:
        if message.height != self.now.height or self.now.decided:
            return
        self._out += contradictions(self.now, message)
        known = self.now.view_changes.get(message.seat)
        if known is None or message.view > known.view:
            self.now.view_changes[message.seat] = message
            self.now.trim()
            self._synchronise()

    def _synchronise(self) -> None:
        """Join f + 1 who ask higher; time a view a quorum asks for; propose (R27, R28, R10)."""
        if not self._may_cast:
            return
        views = sorted((change.view for change in self.now.view_changes.values()), reverse=True)
        if len(views) > self.now.faults and views[self.now.faults] > self.now.wish:
            self._ask(views[self.now.faults])
            return
        needed = self.now.quorum
        if len(views) >= needed and views[needed - 1] >= self.now.wish > self.now.entered:
            self._enter(self.now.wish)
        if self.now.wish > 0 and self.now.is_primary(self.now.wish) and self.now.accepted is None:
            self._propose()

    # --- bodies -----------------------------------------------------------------------------

    def _want(self, block_id: BlockId, holders: list[Seat]) -> None:
        """Ask for a body unless it is being asked for, or too many are: `holders` first (R30)."""
        if block_id in self.now.wanted or len(self.now.wanted) >= limits.FETCHES_MAX:
            return
        seats = dict.fromkeys([*holders, *map(Seat, range(self.now.validators))])
        asked = [seat for seat in seats if seat != self.now.seat]
        if asked:
            self.now.wanted[block_id] = [*asked[1:], asked[0]]
            self._out.append(do.Fetch(block_id, asked[0]))

    def _on_body(self, block_id: BlockId) -> None:
        if block_id not in self.now.wanted or self.now.decided:
            return
        self.now.bodies.add(block_id)
        self._body_is_here(block_id)
        self._consider_all()
        self._synchronise()

    def _body_is_here(self, block_id: BlockId) -> None:
        self.now.wanted.pop(block_id, None)
        reached = self.now.quorum_reached
        if reached is not None and reached.block_id == block_id and not self.now.decided:
            self._decide(reached)

    def _consider_all(self) -> None:
        for view in sorted(self.now.proposals):
            if view in self.now.proposals and not self.now.decided:
                self._consider(self.now.proposals[view])

    # --- where we stand, and who lacks what -------------------------------------------------

    def _tick(self) -> None:
        self._out.append(do.TellStatus(None, self.now.status()))
        for block_id, seats in self.now.wanted.items():
            self._out.append(do.Fetch(block_id, seats[0]))
            self.now.wanted[block_id] = [*seats[1:], seats[0]]

    def _on_status(self, status: Status, link: on.Link) -> None:
        """Send what the peer lacks, ours and others' (R29). A claim alone changes nothing here."""
        if status.height > self.now.height:
            self._out.append(do.Behind(link, status.height))
            return
        if status.height < self.now.height:
            self._out.append(do.SendDecided(link, status.height))
            return
        self._out += [do.Relay(link, message) for message in self.now.lacking(status)]

    # --- small things -----------------------------------------------------------------------

    def could_consider(self, message: PrePrepare) -> bool:
        """Whether its body matters: not if its view is left, or has another proposal (R12, R18)."""
        if message.block_id in self.kept_blocks:
            return True
        if self._ahead.takes(message):
            return self._ahead.proposal is None
        return message.view >= self.now.wish and message.view not in self.now.proposals

    @property
    def kept_blocks(self) -> frozenset[BlockId]:
        """Blocks whose bodies the engine must keep for us."""
        early = self._ahead.proposal
        return self.now.kept_blocks | ({early.block_id} if early is not None else frozenset())

    def _replay(self, early: Ahead) -> None:
        if early.proposal is not None:
            self._on_pre_prepare(early.proposal, has_body=early.has_body)
        for prepare in early.prepares.values():
            self._on_prepare(prepare)
        for commit in early.commits.values():
            self._on_commit(commit)

    def _is_current(self, vote: Prepare | Commit) -> bool:
        if self._ahead.takes(vote):
            self._ahead.keep_vote(vote)
            return False
        if vote.height != self.now.height or self.now.decided:
            return False
        self._out += contradictions(self.now, vote)
        return self.now.keeps_votes_of(vote.view)

    def _after(self, delay_ms: int, event: on.Timed) -> None:
        self._out.append(do.After(delay_ms, event))


def _stripped(change: ViewChange) -> ViewChange:
    return ViewChange(
        change.height,
        change.view,
        change.seat,
        change.prepared_view,
        change.prepared_id,
        change.signature,
        None,
    )
