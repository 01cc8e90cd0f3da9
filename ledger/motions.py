"""Motions: what a body is asked to decide, and what becomes of it (ledger.md §3, K6).

A motion names a body and one of its procedures (ledger/charters.py), a text (its commitment), one
or more options with the calls that each would carry out, and when voting closes. Who may vote and
what votes decide is in ledger/tallies.py, the votes themselves are in ledger/votes.py.

The result is a function of the votes cast before `closes_ms`, and is written by a duty. A decision
then waits for its timelock and is carried out by another, with the authority of the body: all its
calls, or none. `standing` says how a motion stands whether or not its duties have run yet.
"""

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Final, NamedTuple, final

from msgspec import Meta, Struct
from msgspec.structs import replace

from ledger import charters, roles, tallies, worklist
from ledger.agenda import AgendaKey
from ledger.calls import NO_CALLS, Calls
from ledger.charters import Procedure, ProcedureCode
from ledger.operation import Duty, Event, OperationTag, Refusal, Refused, code
from ledger.state import Table
from ledger.tallies import (
    RESERVED,
    TALLIES,
    Choice,
    MotionId,
    MotionStatus,
    Tally,
    Weights,
)
from ledger.worklist import Desk, Task
from primitives import kernel_limits
from primitives.domains import Domain
from primitives.ids import AccountId, Digest, Height, Natural, Sized32, TimeMs

if TYPE_CHECKING:
    from ledger.act import Act


@final
class Option(Struct, array_like=True, frozen=True):
    """What may be decided: a word for it, and the calls that it means."""

    code: Annotated[Choice, Meta(description="word for it, as votes say it")]
    calls: Calls


Options = Annotated[tuple[Option, ...], Meta(min_length=1, max_length=kernel_limits.OPTIONS_MAX)]


@final
class Motion(Struct, array_like=True, frozen=True):
    """The row of a motion: all but its votes. `electorate` is who may vote: heads, or units."""

    body: Sized32[AccountId]
    procedure: Procedure
    text: Sized32[Digest]
    options: Options
    opener: Sized32[AccountId]
    height: Natural[Height]
    closes_ms: Natural[TimeMs]
    electorate: Natural[int]
    status: MotionStatus
    winner: Choice | None
    duty: AgendaKey | None

    @property
    def codes(self) -> tuple[str, ...]:
        """Its options."""
        return tuple(option.code for option in self.options)

    @property
    def choices(self) -> tuple[str, ...]:
        """What a vote may say, in the order of the tally."""
        return tallies.choices(self.procedure, self.codes)

    @property
    def carries_out_ms(self) -> TimeMs:
        """When its decision is carried out."""
        return TimeMs(self.closes_ms + self.procedure.timelock_ms)

    def result(self, tally: Tally) -> tuple[MotionStatus, str | None]:
        """What these votes decide, and which option."""
        return tallies.result(self.procedure, self.codes, self.electorate, tally)

    def weight_of(self, act: "Act", account: AccountId) -> int:
        """What the vote of an account weighs.

        Raises:
            Refused: it has no vote.
        """
        return tallies.weight_of(
            act, self.procedure, body=self.body, opened=self.height, account=account
        )


@final
class BodyMotion(Struct, array_like=True, frozen=True):
    """The row by which the motions of a body are listed in the order in which they were opened."""

    procedure: ProcedureCode


class BodyMotionKey(NamedTuple):
    """What a motion of a body is listed by."""

    body: AccountId
    height: Height
    motion: MotionId


def _listed(key: BodyMotionKey) -> bytes:
    return key.body + key.height.to_bytes(8, "big") + key.motion


MOTIONS: Final = Table[MotionId, Motion](39, "motions", bytes, Motion)
BODY_MOTIONS: Final = Table[BodyMotionKey, BodyMotion](42, "body_motions", _listed, BodyMotion)


class UnknownMotion(Refusal, tag="motions.unknown", frozen=True):
    """There is no motion {motion}."""

    motion: Sized32[MotionId]


class OptionTwice(Refusal, tag="motions.option_twice", frozen=True):
    """The option {option} stands twice."""

    option: Choice


class OptionReserved(Refusal, tag="motions.option_reserved", frozen=True):
    """No option can be called {option}: that choice means something else."""

    option: Choice


class ClosesOutOfRange(Refusal, tag="motions.closes_out_of_range", frozen=True):
    """Voting cannot close at {closes_ms}: only from {earliest_ms} to {latest_ms}."""

    closes_ms: Natural[TimeMs]
    earliest_ms: Natural[TimeMs]
    latest_ms: Natural[TimeMs]


class BeyondPower(Refusal, tag="motions.beyond_power", frozen=True):
    """The procedure {procedure} of {body} cannot decide on {operation}."""

    body: Sized32[AccountId]
    procedure: ProcedureCode
    operation: OperationTag


class CannotCancel(Refusal, tag="motions.cannot_cancel", frozen=True):
    """Account {account} cannot cancel the motion {motion}, which is {status}."""

    motion: Sized32[MotionId]
    account: Sized32[AccountId]
    status: MotionStatus


@final
class Closed(Event, tag="motions.closed", frozen=True):
    """Voting on the motion {motion} of {body} is over: {status}, option {winner}."""

    motion: Sized32[MotionId]
    body: Sized32[AccountId]
    status: MotionStatus
    winner: Choice | None
    weights: Weights
    heads: Natural[int]
    electorate: Natural[int]


@final
class CarriedOut(Event, tag="motions.carried_out", frozen=True):
    """{body} decided {winner} on the motion {motion}: {status}, refusal {refusal}."""

    motion: Sized32[MotionId]
    body: Sized32[AccountId]
    winner: Choice
    status: MotionStatus
    refusal: OperationTag | None


@final
class Close(Duty, tag="motions.close", frozen=True):
    """Voting on the motion {motion} is over: count it."""

    motion: Sized32[MotionId]

    def fall_due(self, act: "Act") -> None:
        """Write the result; a decision that has calls waits for its timelock."""
        motion, tally = rows_of(act, self.motion)
        status, winner = motion.result(tally)
        duty = None
        if winner is not None and _calls(motion, winner) != NO_CALLS:
            duty = act.schedule(motion.carries_out_ms, CarryOut(self.motion))
        _leave_desk(act, self.motion, motion)
        act.state[MOTIONS][self.motion] = replace(motion, status=status, winner=winner, duty=duty)
        act.emit(
            Closed(
                motion=self.motion,
                body=motion.body,
                status=status,
                winner=winner,
                weights=tally.weights,
                heads=tally.heads,
                electorate=motion.electorate,
            )
        )


@final
class CarryOut(Duty, tag="motions.carry_out", frozen=True):
    """The timelock of the motion {motion} is over: carry its decision out."""

    motion: Sized32[MotionId]

    def fall_due(self, act: "Act") -> None:
        """Perform the calls with the authority of the body; refused, they leave no trace."""
        motion, _ = rows_of(act, self.motion)
        assert motion.winner is not None, "nothing was decided"
        calls = _calls(motion, motion.winner)
        refusal = act.attempt(calls, authority=frozenset((motion.body,)))
        status = MotionStatus.CARRIED_OUT if refusal is None else MotionStatus.FAILED
        act.state[MOTIONS][self.motion] = replace(motion, status=status, duty=None)
        why = None if refusal is None else code(refusal)
        act.emit(CarriedOut(self.motion, motion.body, motion.winner, status, why))


def open_motion(
    act: "Act",
    *,
    body: AccountId,
    procedure: str,
    text: Digest,
    options: Sequence[Option],
    closes_ms: TimeMs,
) -> MotionId:
    """Open a motion as the actor: one who may, by the procedure, or the body itself.

    Raises:
        Refused: no such body or procedure; the actor may not open one; options that are twice,
            reserved or beyond the procedure's power; a time out of range; nobody may vote.
    """
    rule = charters.procedure_of(act, body, procedure)
    _check_options(act, body, rule, options)
    earliest, latest = act.time_ms + rule.least_ms, act.time_ms + kernel_limits.VOTING_MS_MAX
    if not earliest <= closes_ms <= latest:
        raise Refused(ClosesOutOfRange(closes_ms, TimeMs(earliest), TimeMs(latest)))
    motion = Motion(
        body=body,
        procedure=rule,
        text=text,
        options=tuple(options),
        opener=act.actor,
        height=act.height,
        closes_ms=closes_ms,
        electorate=tallies.electorate(act, body, rule),
        status=MotionStatus.OPEN,
        winner=None,
        duty=None,
    )
    if act.actor != body:
        if rule.opener is None:
            motion.weight_of(act, act.actor)
        else:
            act.require_role(rule.opener, body)

    motion_id = MotionId(act.fresh_id(Domain.MOTION))
    duty = act.schedule(closes_ms, Close(motion_id))
    act.state[MOTIONS][motion_id] = replace(motion, duty=duty)
    act.state[TALLIES][motion_id] = Tally((0,) * len(motion.choices), 0, 0)
    act.state[BODY_MOTIONS][BodyMotionKey(body, act.height, motion_id)] = BodyMotion(procedure)
    worklist.put(act, _desk(motion), Task.MOTION, motion_id, closes_ms)
    return motion_id


def cancel(act: "Act", motion_id: MotionId) -> Motion:
    """Cancel a motion as the actor; its votes and calls come to nothing.

    The opener may while voting is open; the body (by another motion) and the procedure's guardian
    until the decision is carried out.

    Raises:
        Refused: no such motion, it is over, or the actor may not.
    """
    motion, tally = rows_of(act, motion_id)
    status = standing(motion, tally, act.time_ms)
    voting = status is MotionStatus.OPEN
    waiting = status is MotionStatus.PASSED and act.time_ms < motion.carries_out_ms
    may = (voting and act.actor == motion.opener) or (
        (voting or waiting) and (act.actor == motion.body or _guards(act, motion))
    )
    act.require(may, CannotCancel(motion_id, act.actor, status))

    if motion.duty is not None:
        act.unschedule(motion.duty)
    if motion.status is MotionStatus.OPEN:
        _leave_desk(act, motion_id, motion)
    cancelled = replace(motion, status=MotionStatus.CANCELLED, duty=None)
    act.state[MOTIONS][motion_id] = cancelled
    return cancelled


def rows_of(act: "Act", motion_id: MotionId) -> tuple[Motion, Tally]:
    """A motion and its tally.

    Raises:
        Refused: there is no such motion.
    """
    motion = act.state[MOTIONS].need(motion_id, UnknownMotion(motion_id))
    return motion, act.state[TALLIES].need(motion_id, UnknownMotion(motion_id))


def standing(motion: Motion, tally: Tally, time_ms: TimeMs) -> MotionStatus:
    """How a motion stands at a time, as if voting had been closed exactly when it was due."""
    if motion.status is MotionStatus.OPEN and time_ms >= motion.closes_ms:
        return motion.result(tally)[0]
    return motion.status


def _check_options(act: "Act", body: AccountId, rule: Procedure, options: Sequence[Option]) -> None:
    for option, count in Counter(each.code for each in options).items():
        act.require(count == 1, OptionTwice(option))
        act.require(option not in RESERVED, OptionReserved(option))
    for each in options:
        for call in act.read_calls(each.calls) if each.calls != NO_CALLS else ():
            tag = code(call.operation)
            if rule.operations is not None and tag not in rule.operations:
                raise Refused(BeyondPower(body, rule.code, tag))


def _calls(motion: Motion, winner: str) -> bytes:
    return next(option.calls for option in motion.options if option.code == winner)


def _guards(act: "Act", motion: Motion) -> bool:
    guardian = motion.procedure.guardian
    return guardian is not None and roles.has_role(act, act.actor, guardian, motion.body)


def _desk(motion: Motion) -> Desk:
    """The electorate's; where an asset votes, the body's own."""
    if motion.procedure.electorate is None:
        return worklist.desk_of_account(motion.body)
    return worklist.desk_of_role(motion.procedure.electorate, motion.body)


def _leave_desk(act: "Act", motion_id: MotionId, motion: Motion) -> None:
    worklist.drop(act, _desk(motion), Task.MOTION, motion_id)
