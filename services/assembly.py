"""Assembly: bodies decide by motions, over the kernel's charters, motions and votes.

Votes are open: each ballot stands on chain under the account that cast it. Text and reasons do not:
a motion carries the commitment to its text, whose salt and plain words the body keeps.
"""

from typing import Annotated, final

from msgspec import Meta, Struct

from ledger import charters, motions, votes
from ledger.act import Act
from ledger.assets import AssetCode
from ledger.charters import CHARTERS, Charter, NoCharter, ProcedureCode, Weighing
from ledger.motions import BODY_MOTIONS, MOTIONS, BodyMotion, Motion, standing
from ledger.operation import Event, Operation
from ledger.query import After, Limit, OneAccount, Page, Query, Reading, entry_name
from ledger.roles import Role
from ledger.tallies import TALLIES, Choice, MotionId, MotionStatus, Tally
from ledger.votes import BALLOTS, Ballot, BallotKey
from primitives.ids import AccountId, Digest, Height, Natural, Sized32, TimeMs

OneMotion = Annotated[MotionId, Meta(min_length=32, max_length=32, description="id of the motion")]


@final
class MotionOpened(Event, tag="assembly.motion_opened", frozen=True):
    """{opener} opened the motion {motion} of {body} by the procedure {procedure}."""

    motion: Sized32[MotionId]
    body: Sized32[AccountId]
    procedure: ProcedureCode
    opener: Sized32[AccountId]
    text: Sized32[Digest]
    closes_ms: Natural[TimeMs]


@final
class Voted(Event, tag="assembly.voted", frozen=True):
    """{voter} votes {choice} on the motion {motion}, which counts {weight}."""

    motion: Sized32[MotionId]
    voter: Sized32[AccountId]
    choice: Choice
    weight: Natural[int]


@final
class VoteDelegated(Event, tag="assembly.vote_delegated", frozen=True):
    """{voter} handed its vote on the motion {motion}, which counts {weight}, to {to}."""

    motion: Sized32[MotionId]
    voter: Sized32[AccountId]
    to: Sized32[AccountId]
    weight: Natural[int]


@final
class VoteWithdrawn(Event, tag="assembly.vote_withdrawn", frozen=True):
    """{voter} withdrew its vote on the motion {motion}."""

    motion: Sized32[MotionId]
    voter: Sized32[AccountId]


@final
class MotionCancelled(Event, tag="assembly.motion_cancelled", frozen=True):
    """{by} cancelled the motion {motion} of {body}."""

    motion: Sized32[MotionId]
    body: Sized32[AccountId]
    by: Sized32[AccountId]


@final
class CharterAmended(Event, tag="assembly.charter_amended", frozen=True):
    """The body {body} gave itself another charter, with {procedures} procedures."""

    body: Sized32[AccountId]
    procedures: Natural[int]


@final
class OpenMotion(Operation, tag="assembly.open_motion", frozen=True):
    """Ask a body to decide, by one of the procedures in its charter.

    Needs the procedure's opener role in the body's scope, or, where it names none, a vote. Who may
    vote is settled by this block. A decision is carried out after the procedure's timelock.
    """

    body: Annotated[AccountId, Meta(min_length=32, max_length=32, description="body that is asked")]
    procedure: Annotated[ProcedureCode, Meta(description="procedure of its charter")]
    text: Annotated[
        Digest, Meta(min_length=32, max_length=32, description="commitment to the motion's text")
    ]
    options: Annotated[motions.Options, Meta(description="what may be decided")]
    closes_ms: Annotated[Natural[TimeMs], Meta(description="votes count before this time (ms)")]

    def apply(self, act: Act) -> None:
        """Write the motion; put it on the desk of those who vote."""
        motion = motions.open_motion(
            act,
            body=self.body,
            procedure=self.procedure,
            text=self.text,
            options=self.options,
            closes_ms=self.closes_ms,
        )
        act.emit(
            MotionOpened(motion, self.body, self.procedure, act.actor, self.text, self.closes_ms)
        )


@final
class Vote(Operation, tag="assembly.vote", frozen=True):
    """Vote on a motion: for one of its options, against, abstain, or veto where it may be vetoed.

    Replaces whatever the actor did before on this motion. It counts for those too who delegated
    their votes to the actor.
    """

    motion: OneMotion
    choice: Annotated[Choice, Meta(description="code of an option, against, abstain, or veto")]

    def apply(self, act: Act) -> None:
        """Write the ballot; move the tally."""
        weight = votes.vote(act, self.motion, self.choice)
        act.emit(Voted(self.motion, act.actor, self.choice, weight))


@final
class DelegateVote(Operation, tag="assembly.delegate_vote", frozen=True):
    """Let another vote in the actor's place on this motion. It does not pass the vote on.

    Replaces whatever the actor did before on this motion; voting takes it back.
    """

    motion: OneMotion
    to: Annotated[
        AccountId, Meta(min_length=32, max_length=32, description="account that has a vote itself")
    ]

    def apply(self, act: Act) -> None:
        """Move the vote to the other's ballot."""
        weight = votes.hand_over(act, self.motion, self.to)
        act.emit(VoteDelegated(self.motion, act.actor, self.to, weight))


@final
class WithdrawVote(Operation, tag="assembly.withdraw_vote", frozen=True):
    """Take back the actor's vote on a motion, cast or delegated, as if it had not been given."""

    motion: OneMotion

    def apply(self, act: Act) -> None:
        """Empty the ballot; move the tally."""
        votes.withdraw(act, self.motion)
        act.emit(VoteWithdrawn(self.motion, act.actor))


@final
class CancelMotion(Operation, tag="assembly.cancel_motion", frozen=True):
    """Cancel a motion: its votes and calls come to nothing.

    Its opener may while voting is open; the body itself and the guardian of the procedure may until
    the decision is carried out.
    """

    motion: OneMotion

    def apply(self, act: Act) -> None:
        """Write that it is cancelled."""
        cancelled = motions.cancel(act, self.motion)
        act.emit(MotionCancelled(self.motion, cancelled.body, act.actor))


@final
class AmendCharter(Operation, tag="assembly.amend_charter", frozen=True):
    """Give a body another charter. Only the body itself may, so by a motion only.

    Motions that are open keep the procedure that they were opened under.
    """

    charter: Annotated[Charter, Meta(description="procedures of the body from now on")]

    def apply(self, act: Act) -> None:
        """Write the charter."""
        act.state[CHARTERS].need(act.actor, NoCharter(act.actor))
        charters.set_charter(act, act.actor, self.charter)
        act.emit(CharterAmended(act.actor, len(self.charter.procedures)))


@final
class ProcedureRow(Struct, frozen=True, kw_only=True):
    """A procedure of a body: who votes, and what it takes to decide."""

    procedure: ProcedureCode
    opener: Role | None
    electorate: Role | None
    weighing: Weighing
    asset: AssetCode | None
    quorum_bp: Natural[int]
    pass_bp: Natural[int]
    veto_bp: Natural[int] | None
    voting_ms: Natural[int]
    timelock_ms: Natural[int]
    guardian: Role | None


@final
class MotionRow(Struct, frozen=True, kw_only=True):
    """A motion: how it stands, how many chose (heads), what they weigh, and of how many."""

    motion: Sized32[MotionId]
    body: Sized32[AccountId]
    procedure: ProcedureCode
    status: MotionStatus
    winner: Choice | None
    closes_ms: Natural[TimeMs]
    carries_out_ms: Natural[TimeMs]
    heads: Natural[int]
    cast: Natural[int]
    electorate: Natural[int]
    opener: Sized32[AccountId]
    height: Natural[Height]
    text: Sized32[Digest]


@final
class TallyRow(Struct, frozen=True, kw_only=True):
    """A choice, and what the votes for it weigh."""

    choice: Choice
    weight: Natural[int]


@final
class BallotRow(Struct, frozen=True, kw_only=True):
    """A ballot: what it weighs, what others handed to it, and the choice or the delegate."""

    voter: Sized32[AccountId]
    choice: Choice | None
    delegate: Sized32[AccountId] | None
    weight: Natural[int]
    carried: Natural[int]


def _motion_row(reading: Reading, motion_id: MotionId, motion: Motion) -> MotionRow:
    tally = _tally(reading, motion_id)
    return MotionRow(
        motion=motion_id,
        body=motion.body,
        procedure=motion.procedure.code,
        status=standing(motion, tally, reading.time_ms),
        winner=motion.winner,
        closes_ms=motion.closes_ms,
        carries_out_ms=motion.carries_out_ms,
        heads=tally.heads,
        cast=sum(tally.weights),
        electorate=motion.electorate,
        opener=motion.opener,
        height=motion.height,
        text=motion.text,
    )


def _tally(reading: Reading, motion_id: MotionId) -> Tally:
    tally = TALLIES.read(reading.state, motion_id)
    assert tally is not None, f"the motion {motion_id.hex()} has no tally"
    return tally


def _ballot_row(voter: AccountId, ballot: Ballot) -> BallotRow:
    return BallotRow(
        voter=voter,
        choice=ballot.choice,
        delegate=ballot.delegate,
        weight=ballot.weight,
        carried=ballot.carried,
    )


@final
class Procedures(Query, tag="assembly.procedures", frozen=True, kw_only=True):
    """By which procedures a body decides, as its charter says."""

    body: OneAccount

    def answer(self, reading: Reading) -> Page[ProcedureRow]:
        """The charter, taken apart."""
        charter = CHARTERS.read(reading.state, self.body)
        rows = [
            ProcedureRow(
                procedure=each.code,
                opener=each.opener,
                electorate=each.electorate,
                weighing=each.weighing,
                asset=each.asset,
                quorum_bp=each.quorum_bp,
                pass_bp=each.pass_bp,
                veto_bp=each.veto_bp,
                voting_ms=each.least_ms,
                timelock_ms=each.timelock_ms,
                guardian=each.guardian,
            )
            for each in (charter.procedures if charter is not None else ())
        ]
        return Page(rows, None, [entry_name(CHARTERS, self.body)] * max(1, len(rows)))


@final
class Motions(Query, tag="assembly.motions", frozen=True, kw_only=True):
    """The motions of a body, in the order in which they were opened."""

    body: OneAccount
    after: After | None
    limit: Limit | None

    def answer(self, reading: Reading) -> Page[MotionRow]:
        """List."""

        def row(key: bytes, _: BodyMotion) -> MotionRow | None:
            motion_id = MotionId(key[-32:])
            motion = MOTIONS.read(reading.state, motion_id)
            return None if motion is None else _motion_row(reading, motion_id, motion)

        return reading.list(BODY_MOTIONS, row, prefix=self.body, after=self.after, limit=self.limit)


@final
class OneMotionsState(Query, tag="assembly.motion", frozen=True, kw_only=True):
    """How a motion stands."""

    motion: OneMotion

    def answer(self, reading: Reading) -> Page[MotionRow]:
        """Look it up."""
        return reading.look_up(
            MOTIONS, self.motion, lambda motion: _motion_row(reading, self.motion, motion)
        )


@final
class Counts(Query, tag="assembly.tally", frozen=True, kw_only=True):
    """What the votes for each choice of a motion weigh."""

    motion: OneMotion

    def answer(self, reading: Reading) -> Page[TallyRow]:
        """The tally, taken apart."""
        motion = MOTIONS.read(reading.state, self.motion)
        rows = []
        if motion is not None:
            weights = zip(motion.choices, _tally(reading, self.motion).weights, strict=True)
            rows = [TallyRow(choice=choice, weight=weight) for choice, weight in weights]
        return Page(rows, None, [entry_name(TALLIES, self.motion)] * max(1, len(rows)))


@final
class Ballots(Query, tag="assembly.ballots", frozen=True, kw_only=True):
    """Who votes what on a motion; of one account, or of all in the order of their ids."""

    motion: OneMotion
    voter: (
        Annotated[AccountId, Meta(min_length=32, max_length=32, description="only this account's")]
        | None
    )
    after: After | None
    limit: Limit | None

    def answer(self, reading: Reading) -> Page[BallotRow]:
        """List, or look up."""
        if self.voter is not None:
            voter = self.voter
            key = BallotKey(self.motion, voter)
            return reading.look_up(BALLOTS, key, lambda ballot: _ballot_row(voter, ballot))
        return reading.list(
            BALLOTS,
            lambda key, ballot: _ballot_row(AccountId(key[32:]), ballot),
            prefix=self.motion,
            after=self.after,
            limit=self.limit,
        )
