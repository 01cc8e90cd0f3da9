"""Honest nodes keep their word: what they sign never contradicts itself, and has its reasons.

Only what leaves an honest machine as its own counts here, in all its lives. The reasons are looked
up among all statements that anybody ever said in this world: a commit needs a quorum of prepares, a
later view a quorum of view changes and the block of their highest claim.
"""

from typing import Final, final

from consensus.messages import Commit, Prepare, PrePrepare, ViewChange
from node import wire
from node.outbox import Note
from primitives.certificate import Certificate
from primitives.errors import BadSignature
from primitives.ids import NO_VIEW, BlockId, Height, Signature, ValidatorKey, View
from primitives.validators import ValidatorSet
from sim.durability import check_durable
from sim.laws.agreement import quorum_of
from sim.machine import Machine, Site
from sim.spoken import (
    Content,
    Statement,
    author_of,
    bytes_of,
    content_of,
    place_of,
    statements_in,
)
from sim.violations import Accusation, Equivocation, TooSoon, Unjustified
from sim.watch import Watch
from storage.decision import VoteStep

_KINDS: Final = {
    VoteStep.PRE_PREPARE: "E1",
    VoteStep.PREPARE: "E2",
    VoteStep.COMMIT: "E3",
    VoteStep.VIEW_CHANGE: "E4",
}
Ballot = tuple[Height, View, BlockId]


@final
class OneHeight:
    """What one validator said at one height."""

    def __init__(self) -> None:
        self._said: dict[tuple[View, VoteStep], tuple[Content, Signature]] = {}

    def knows(self, statement: Statement) -> bool:
        """Whether exactly this was said before."""
        _, view, step = place_of(statement)
        return self._said.get((view, step)) == (content_of(statement), statement.signature)

    def add(self, statement: Statement) -> str | None:
        """Keep a statement; the contradiction that it makes, if it makes one."""
        _, view, step = place_of(statement)
        content = content_of(statement)
        before = self._said.setdefault((view, step), (content, statement.signature))
        if before[0] != content:
            return f"{_KINDS[step]}: two statements {step.name} of view {view}"
        if before[1] != statement.signature:
            return f"{step.name} of view {view} was repeated, but not byte for byte"
        return self._amnesia(statement)

    def _amnesia(self, statement: Statement) -> str | None:
        match statement:
            case ViewChange(view=view, prepared_view=claimed):
                forgot = [v for v in self._views(VoteStep.COMMIT) if claimed < v < view]
                return f"E5: {view} claims {claimed} after a commit in {forgot}" if forgot else None
            case Commit(view=view, block_id=named):
                for other in self._views(VoteStep.VIEW_CHANGE):
                    claimed = self._said[other, VoteStep.VIEW_CHANGE][0][0]
                    if other > view > claimed:
                        return f"E5: a commit in {view} beside a claim of {claimed} in {other}"
                return self._differ(view, VoteStep.PREPARE, named)
            case Prepare(view=view, block_id=named):
                return self._differ(view, VoteStep.COMMIT, named)
            case _:
                return None

    def _differ(self, view: View, step: VoteStep, named: BlockId) -> str | None:
        other = self._said.get((view, step))
        if other is not None and other[0][1] != named:
            return f"E6: prepare and commit of view {view} name different blocks"
        return None

    def _views(self, step: VoteStep) -> list[View]:
        return [view for view, one in self._said if one is step]


@final
class Honesty(Watch):
    """Judges the words of honest machines."""

    def __init__(self, site: Site, honest: frozenset[str]) -> None:
        self._site, self._honest = site, set(honest)
        self._said: dict[tuple[ValidatorKey, Height], OneHeight] = {}
        self._prepares: dict[Ballot, set[ValidatorKey]] = {}
        self._changes: dict[tuple[Height, View, ValidatorKey], set[Content]] = {}
        self._proposed: set[Ballot] = set()

    def excuse(self, name: str) -> None:
        """This machine lost what it had promised: it is held to nothing any more."""
        self._honest.discard(name)

    def uttered(self, sender: str, message: wire.Wire) -> None:
        """Everybody's statements may be reasons, if they are signed."""
        for statement in statements_in(message):
            members = self._site.members_of(statement.height)
            if sender not in self._honest and not is_signed(statement, members, self._site):
                continue
            author = author_of(statement, members)
            match statement:
                case Prepare(height, view, named):
                    self._prepares.setdefault((height, view, named), set()).add(author)
                case PrePrepare(height, view, named):
                    self._proposed.add((height, view, named))
                case ViewChange(height, view):
                    place = (height, view, author)
                    self._changes.setdefault(place, set()).add(content_of(statement))
                case _:
                    pass

    def spoke(self, machine: Machine, statement: Statement) -> None:
        """An honest machine lets go of a statement of its own."""
        author = machine.validator
        if author is None or machine.name not in self._honest:
            return
        said = self._said.setdefault((author, statement.height), OneHeight())
        is_new = not said.knows(statement)  # else others may have brought it back
        found = said.add(statement)
        if found is not None:
            raise Equivocation(f"{machine.name} at height {statement.height}: {found}")
        if is_new:
            check_durable(machine, statement)
            asleep = not machine.alive.awake
            if asleep and not isinstance(statement, PrePrepare):  # its record holds the signature
                raise TooSoon(f"{machine.name} signs at {statement.height} while asleep")
        match statement:
            case PrePrepare():
                self._judge_proposal(machine, statement)
            case Prepare(height, view, named):
                self._judge_prepare(machine, (height, view, named))
            case Commit(height, view, named):
                self._judge_commit(machine, (height, view, named))
            case ViewChange():
                self._judge_change(machine, statement)

    def _judge_proposal(self, machine: Machine, said: PrePrepare) -> None:
        members = self._site.members_of(said.height)
        if said.view == 0:
            if said.view_changes or said.prepared is not None:
                raise Unjustified(f"{machine.name} justifies a proposal of view 0")
            return
        changes = {change.seat: change for change in said.view_changes if change.view == said.view}
        if len(changes) < quorum_of(members.size):
            raise Unjustified(
                f"{machine.name} proposes in {said.height}/{said.view} "
                f"with {len(changes)} view changes"
            )
        top = max(changes.values(), key=lambda change: change.prepared_view)
        if top.prepared_view == NO_VIEW:
            if said.prepared is not None:
                raise Unjustified(f"{machine.name} attaches a certificate that nobody claimed")
            return
        tops = {
            one.prepared_id for one in changes.values() if one.prepared_view == top.prepared_view
        }
        if said.block_id not in tops:
            raise Unjustified(f"{machine.name} does not propose the block of the highest claim")
        self._judge_prepared(
            machine, said.prepared, (said.height, top.prepared_view, said.block_id)
        )

    def _judge_prepare(self, machine: Machine, ballot: Ballot) -> None:
        if ballot not in self._proposed:
            raise Unjustified(
                f"{machine.name} prepares in {ballot[0]}/{ballot[1]} what nobody proposed"
            )

    def _judge_commit(self, machine: Machine, ballot: Ballot) -> None:
        height, view, _ = ballot
        members = self._site.members_of(height)
        behind = {*self._prepares.get(ballot, ()), machine.validator}
        if len(behind & set(members.keys)) < quorum_of(members.size):
            raise Unjustified(
                f"{machine.name} commits in {height}/{view} on {len(behind)} prepares"
            )

    def _judge_change(self, machine: Machine, said: ViewChange) -> None:
        if said.prepared_view >= said.view:
            raise Unjustified(f"{machine.name} claims {said.prepared_view} for view {said.view}")
        if said.prepared_view != NO_VIEW:
            ballot = (said.height, said.prepared_view, said.prepared_id)
            self._judge_prepared(machine, said.prepared, ballot)

    def _judge_prepared(
        self, machine: Machine, certificate: Certificate | None, ballot: Ballot
    ) -> None:
        """A certificate of exactly this, and its seats have really said it."""
        height, view, named = ballot
        if certificate is None:
            raise Unjustified(f"{machine.name} claims view {view} of {height} without a proof")
        if (certificate.height, certificate.view, certificate.block_id) != ballot:
            raise Unjustified(f"{machine.name} proves another claim than {height}/{view}")
        members = self._site.members_of(height)
        signers = {
            members.keys[seal.seat] for seal in certificate.seals if seal.seat < members.size
        }
        said = {*self._prepares.get((height, view, named), ()), machine.validator}
        # A liar may say a prepare in a certificate of its own making and nowhere else.
        behind = {one for one in signers if one in said or not self._is_honest(one)}
        if len(behind) < quorum_of(members.size):
            raise Unjustified(f"{machine.name} shows {len(behind)} prepares of {height}/{view}")

    def _is_honest(self, author: ValidatorKey) -> bool:
        return self._site.links[author] in self._honest

    def noted(self, machine: Machine, note: Note) -> None:
        """An honest seat is never named."""
        if note.event != "consensus.equivocation":
            return
        accused = self._site.links[ValidatorKey(bytes.fromhex(str(note.facts["signer"])))]
        if accused in self._honest:
            raise Accusation(f"{machine.name} accuses {accused}, which is honest")


def is_signed(statement: Statement, members: ValidatorSet, site: Site) -> bool:
    """Whether its author is a member and has signed it; anybody may utter anything."""
    if not isinstance(statement, PrePrepare) and statement.seat >= members.size:
        return False
    try:
        site.scheme.check(
            author_of(statement, members), bytes_of(statement, site.chain), statement.signature
        )
    except BadSignature:
        return False
    return True
