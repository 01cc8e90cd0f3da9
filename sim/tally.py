"""How often each rule fired: seen from the steps of the replicas, the notes and the faults.

A rule that never fires in a run of thousands of schedules is not proved by them, whatever they say.
For a rule that asks for something, counted is that it was asked; for one that refuses, that it
refused; for a guard that hardly ever finds anything, that it stood at its post.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import final

from consensus import effects as do
from consensus import events as on
from consensus.effects import Effect
from consensus.events import Event, Verdict
from consensus.instance import Instance
from consensus.messages import Claim, Commit, Prepare, PrePrepare, Proposal, ViewChange
from node import wire
from node.outbox import HeartbeatDue, Note, Outbox, Timer
from primitives.certificate import Certificate
from primitives.errors import BadBlock, RemoteFault
from primitives.ids import View
from primitives.validators import faults_tolerated
from sim.letters import Letter
from sim.machine import Machine
from sim.spoken import Statement
from sim.watch import Watch

NOTES = {
    "block.refused": (31,),
    "state.diverged": (31,),
    "chain.halted": (31,),
    "signer.refused": (37,),
    "votelog.rolled_back": (40,),
    "replica.awake": (41,),
    "signer.fenced": (50,),
    "signer.returns": (51,),
    "signer.cloned": (52,),
    "consensus.equivocation": (46, 47, 48),
}
"""Notes that say that a rule has fired."""


@final
class Tally(Watch):
    """Counts rules, and what the report says of a schedule."""

    def __init__(self) -> None:
        self.rules: Counter[int] = Counter()
        self.highest_view = View(0)
        self.reproposed = 0
        """Proposals of a block that was prepared in an earlier view."""

    # --- steps of replicas ------------------------------------------------------------------

    def observed(self, machine: Machine, event: Event, effects: Sequence[Effect]) -> None:
        """A replica took a step."""
        engine = machine.engine
        if engine is None:
            return
        now = engine.instance
        if now.wish > self.highest_view:
            self.highest_view = now.wish
        self._count_event(event, effects, now)
        for effect in effects:
            self._count_effect(event, effect, now)
        if any(isinstance(effect, do.Persist) for effect in effects):
            self.rules[35] += 1

    def _count_event(self, event: Event, effects: Sequence[Effect], now: Instance) -> None:
        rules = self.rules
        match event:
            case on.HeightStarted(log=log):
                rules[6] += 1
                rules[45] += 1
                rules[39] += 1 if log else 0
            case on.TimerFired(height, view):
                rules[24] += 0 if effects else 1
            case on.ClaimTimedOut(height, view):
                rules[11] += 1 if (height, view) == (now.height, now.wish) else 0
            case on.PrePrepareReceived(message, _):
                rules[2] += 1
                rules[14 if message.view else 13] += 1
                rules[43] += 1 if message.height > now.height else 0
            case on.PrepareReceived(vote) | on.CommitReceived(vote):
                self._count_vote(vote, now)
            case on.ViewChangeReceived(_):
                rules[26] += 1
            case on.StatusReceived(_, _):
                rules[29] += 1 if effects else 0
            case on.Checked(_, _, _):
                rules[17] += 1
            case _:
                pass

    def _count_vote(self, vote: Prepare | Commit, now: Instance) -> None:
        if vote.height > now.height:
            self.rules[43] += 1
        elif vote.height == now.height and not now.keeps_votes_of(vote.view):
            self.rules[42] += 1

    def _count_effect(self, event: Event, effect: Effect, now: Instance) -> None:
        rules = self.rules
        match effect:
            case do.After(_, on.TimerFired(_, view)):
                rules[8] += 1
                rules[7] += 1 if view == 0 else 0
                rules[33] += 1 if view > 0 else 0
                rules[28] += 1 if isinstance(event, on.ViewChangeReceived) else 0
            case do.Persist(Certificate()):
                rules[1] += 1
            case do.CastPrePrepare(proposal):
                self._count_proposal(proposal)
            case do.CastPrepare():
                rules[18] += 1
                rules[3] += 1
            case do.CastCommit():
                rules[19] += 1
                rules[3] += 1
            case do.CastViewChange(claim):
                self._count_change(event, claim)
            case do.Build(_, view):
                rules[34] += 1 if view > faults_tolerated(now.validators) else 0
            case do.Check(_, fresh_view):
                rules[15 if fresh_view is None else 16] += 1
            case do.Decide():
                rules[23] += 1
                rules[22 if isinstance(event, on.CertificateReceived) else 21] += 1
            case do.Fetch():
                rules[30] += 1
            case do.Equivocation(first, _):
                rules[12 if isinstance(first, PrePrepare) else 20] += 1
            case _:
                pass
        if isinstance(event, on.Awoke | on.HeightStarted) and isinstance(
            effect, do.CastPrePrepare | do.CastPrepare | do.CastCommit | do.CastViewChange
        ):
            rules[36] += 1  # said again, byte for byte

    def _count_proposal(self, proposal: Proposal) -> None:
        self.rules[10 if proposal.view else 9] += 1
        self.rules[3] += 1
        if proposal.prepared is not None:
            self.reproposed += 1

    def _count_change(self, event: Event, claim: Claim) -> None:
        self.rules[27 if isinstance(event, on.ViewChangeReceived) else 25] += 1
        self.rules[3] += 1
        if claim.prepared is not None:
            self.rules[37] += 1  # the signer compared the claim with the commits that it remembers

    # --- everything else --------------------------------------------------------------------

    def heard(self, machine: Machine, letter: Letter) -> None:
        """Certificates are counted where they are judged."""
        del machine
        match letter.message:
            case wire.Decided() | ViewChange(prepared=Certificate()):
                self.rules[4] += 1
            case wire.Proposed(PrePrepare(prepared=Certificate()), _):
                self.rules[4] += 1
            case _:
                pass

    def refused(self, machine: Machine, letter: Letter, fault: RemoteFault) -> None:
        """A bound, a signature, an attachment."""
        del machine
        attached = isinstance(letter.message, wire.Proposed | wire.Decided | wire.Body | ViewChange)
        self.rules[5] += 0 if isinstance(fault, BadBlock) else 1
        self.rules[32] += 1 if attached else 0

    def fired(self, machine: Machine, timer: Timer, out: Outbox) -> None:
        """Heartbeats."""
        del out
        if isinstance(timer, HeartbeatDue) and timer.height == machine.alive.height:
            self.rules[44] += 1

    def noted(self, machine: Machine, note: Note) -> None:
        """What the engine says itself."""
        del machine
        self.count_notes([note])

    def count_notes(self, notes: Iterable[Note]) -> None:
        """Also of machines that nobody watches, because their seat is not honest."""
        for note in notes:
            if note.facts.get("verdict") != Verdict.EARLY.value:  # that is R16, counted there
                self.rules.update(NOTES.get(note.event, ()))

    def spoke(self, machine: Machine, statement: Statement) -> None:
        """A commit is signed after its prepare."""
        del machine
        if isinstance(statement, Commit):
            self.rules[37] += 1

    def happened(self, what: str, who: str = "") -> None:
        """What was submitted and passed the door, which tries it on the state."""
        del who
        if what == "submits ProposeValidatorChange: accepted":
            self.rules.update((53, 54, 55, 56))
        elif what == "submits ReportEquivocation: accepted":
            self.rules[49] += 1

    def ended(self, machine: Machine, why: str) -> None:
        """By a disk?"""
        del machine
        if why.startswith("sync failed"):
            self.rules[38] += 1
