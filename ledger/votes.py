"""Votes on motions: cast, changed, handed over and withdrawn while voting is open (K6).

Each account has at most one **ballot** on a motion: it says the account's choice, or to whom the
account has handed its vote, or neither. A choice counts for the account and for all who handed it
their votes. A vote that was handed over is not passed on, and counts while its delegate has a
choice. Whoever votes or hands over again replaces what he did before.

Every change of a ballot goes through `_set`, which keeps the tally: the sum over all ballots, at
every moment. So a vote costs the same however many vote, and so does the count.
"""

from typing import TYPE_CHECKING, Final, NamedTuple, final

from msgspec import Struct
from msgspec.structs import replace

from ledger.motions import Motion, rows_of, standing
from ledger.operation import Refusal, Refused
from ledger.state import Table
from ledger.tallies import TALLIES, Choice, MotionId, MotionStatus, Tally
from primitives.ids import INTEGER_MAX, AccountId, Natural, Sized32

if TYPE_CHECKING:
    from ledger.act import Act


@final
class Ballot(Struct, array_like=True, frozen=True):
    """The row of an account's vote: what it weighs, what others handed it, what became of it."""

    weight: Natural[int]
    carried: Natural[int]
    carried_heads: Natural[int]
    choice: Choice | None
    delegate: Sized32[AccountId] | None

    @property
    def counts(self) -> int:
        """What its choice counts."""
        return self.weight + self.carried

    @property
    def heads(self) -> int:
        """How many accounts speak by it."""
        return 1 + self.carried_heads


class BallotKey(NamedTuple):
    """What a ballot is found by."""

    motion: MotionId
    voter: AccountId


BALLOTS: Final = Table[BallotKey, Ballot](41, "ballots", b"".join, Ballot)


class NotOpen(Refusal, tag="votes.not_open", frozen=True):
    """The motion {motion} is not open for votes: {status}."""

    motion: Sized32[MotionId]
    status: MotionStatus


class UnknownChoice(Refusal, tag="votes.unknown_choice", frozen=True):
    """The motion {motion} has no choice {choice}."""

    motion: Sized32[MotionId]
    choice: Choice


class TooManyVotes(Refusal, tag="votes.too_many", frozen=True):
    """The motion {motion} knows votes of {known}; with {weight} more they could not be counted."""

    motion: Sized32[MotionId]
    known: Natural[int]
    weight: Natural[int]


class HandedToItself(Refusal, tag="votes.handed_to_itself", frozen=True):
    """Account {account} cannot hand its vote to itself."""

    account: Sized32[AccountId]


class NotPassedOn(Refusal, tag="votes.not_passed_on", frozen=True):
    """Account {account} has handed its own vote to {delegate}: what it were handed would not
    count."""

    account: Sized32[AccountId]
    delegate: Sized32[AccountId]


class NothingToWithdraw(Refusal, tag="votes.nothing_to_withdraw", frozen=True):
    """Account {account} has neither voted on the motion {motion} nor handed its vote over."""

    motion: Sized32[MotionId]
    account: Sized32[AccountId]


def vote(act: "Act", motion_id: MotionId, choice: str) -> int:
    """The actor's choice from now on; gives what it counts: its own vote and those handed to it.

    Raises:
        Refused: no such motion or choice, voting is not open, or the actor has no vote.
    """
    motion, tally = _open(act, motion_id)
    if choice not in motion.choices:
        raise Refused(UnknownChoice(motion_id, choice))
    ballot = _ballot(act, motion_id, motion, act.actor)
    _check_known(act, motion_id, tally, {act.actor: ballot})

    _take_back(act, motion_id, motion, ballot)
    _set(act, motion_id, motion, act.actor, replace(ballot, choice=choice, delegate=None))
    return ballot.counts


def hand_over(act: "Act", motion_id: MotionId, to: AccountId) -> int:
    """The actor's vote counts as `to` votes from now on; gives what it weighs.

    What others handed to the actor stays there, and counts when the actor votes itself again.

    Raises:
        Refused: no such motion, voting is not open, one of the two has no vote, they are the same,
            or `to` has handed over its own.
    """
    motion, tally = _open(act, motion_id)
    if to == act.actor:
        raise Refused(HandedToItself(to))
    ballot = _ballot(act, motion_id, motion, act.actor)
    other = _ballot(act, motion_id, motion, to)
    if other.delegate is not None:
        raise Refused(NotPassedOn(to, other.delegate))
    _check_known(act, motion_id, tally, {act.actor: ballot, to: other})

    if ballot.delegate == to:
        return ballot.weight
    _take_back(act, motion_id, motion, ballot)
    _set(act, motion_id, motion, act.actor, replace(ballot, choice=None, delegate=to))
    carried, heads = other.carried + ballot.weight, other.carried_heads + 1
    _set(act, motion_id, motion, to, replace(other, carried=carried, carried_heads=heads))
    return ballot.weight


def withdraw(act: "Act", motion_id: MotionId) -> None:
    """The actor has no choice and no delegate any more, whether or not it still has a vote.

    Raises:
        Refused: no such motion, voting is not open, or there is nothing to withdraw.
    """
    motion, _ = _open(act, motion_id)
    ballot = act.state[BALLOTS].find(BallotKey(motion_id, act.actor))
    if ballot is None or (ballot.choice is None and ballot.delegate is None):
        raise Refused(NothingToWithdraw(motion_id, act.actor))

    _take_back(act, motion_id, motion, ballot)
    _set(act, motion_id, motion, act.actor, replace(ballot, choice=None, delegate=None))


def _open(act: "Act", motion_id: MotionId) -> tuple[Motion, Tally]:
    motion, tally = rows_of(act, motion_id)
    status = standing(motion, tally, act.time_ms)
    act.require(status is MotionStatus.OPEN, NotOpen(motion_id, status))
    return motion, tally


def _ballot(act: "Act", motion_id: MotionId, motion: Motion, account: AccountId) -> Ballot:
    """The ballot of an account that has a vote, now as when the motion was opened."""
    weight = motion.weight_of(act, account)
    return act.state[BALLOTS].find(BallotKey(motion_id, account)) or Ballot(
        weight, 0, 0, None, None
    )


def _check_known(
    act: "Act", motion_id: MotionId, tally: Tally, ballots: dict[AccountId, Ballot]
) -> None:
    # Units may add up to more than there are: where somebody owes, others hold what he owes.
    rows = act.state[BALLOTS]
    new = sum(
        ballot.weight
        for account, ballot in ballots.items()
        if BallotKey(motion_id, account) not in rows
    )
    act.require(tally.known + new <= INTEGER_MAX, TooManyVotes(motion_id, tally.known, new))


def _take_back(act: "Act", motion_id: MotionId, motion: Motion, ballot: Ballot) -> None:
    """Whoever carries this vote carries it no longer."""
    if ballot.delegate is None:
        return
    other = act.state[BALLOTS].find(BallotKey(motion_id, ballot.delegate))
    assert other is not None, "a vote was handed to nobody"
    carried, heads = other.carried - ballot.weight, other.carried_heads - 1
    other = replace(other, carried=carried, carried_heads=heads)
    _set(act, motion_id, motion, ballot.delegate, other)


def _set(
    act: "Act", motion_id: MotionId, motion: Motion, account: AccountId, ballot: Ballot
) -> None:
    """Write a ballot, and keep the tally the sum over all."""
    key = BallotKey(motion_id, account)
    before = act.state[BALLOTS].find(key)
    tally = act.state[TALLIES].find(motion_id)
    assert tally is not None, "a motion has a tally"
    weights, heads, known = list(tally.weights), tally.heads, tally.known
    if before is None:
        known += ballot.weight
    elif before.choice is not None:
        weights[motion.choices.index(before.choice)] -= before.counts
        heads -= before.heads
    if ballot.choice is not None:
        weights[motion.choices.index(ballot.choice)] += ballot.counts
        heads += ballot.heads
    act.state[TALLIES][motion_id] = Tally(tuple(weights), heads, known)
    act.state[BALLOTS][key] = ballot
