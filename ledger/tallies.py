"""Tallies: who has a vote on a motion, what it weighs, and what votes decide (K6).

Who may vote is settled by the block that opens the motion: whoever has held the role of the
electorate since an earlier block, and holds it when voting; an asset weighs what an account held of
it before that block. So neither a role nor money that changes hands votes twice.

The count is one row, kept as votes come: what each choice weighs and how many heads chose. From it
and from the procedure alone follows the result:

1. fewer took part than the quorum: nothing is decided;
2. the vetoes are more than their share of all votes: forbidden;
3. one option has more votes than any other, and more than its share of all votes but abstentions:
   it is decided; else rejected.
"""

from collections.abc import Sequence
from enum import Enum, unique
from math import isqrt
from typing import TYPE_CHECKING, Annotated, Final, NewType, final

from msgspec import Meta, Struct

from ledger import books, roles
from ledger.charters import WHOLE_BP, Procedure, ProcedureCode, Weighing
from ledger.operation import Refusal, Refused
from ledger.state import Table
from primitives import kernel_limits
from primitives.ids import AccountId, Height, Natural, Sized32

if TYPE_CHECKING:
    from ledger.act import Act

MotionId = NewType("MotionId", bytes)
"""32 bytes that no other motion has."""

AGAINST: Final = "against"
ABSTAIN: Final = "abstain"
VETO: Final = "veto"
RESERVED: Final = frozenset({AGAINST, ABSTAIN, VETO})

Choice = Annotated[
    str, Meta(pattern=r"^[a-z][a-z0-9_]*(?!\n)$", max_length=kernel_limits.CHOICE_LENGTH_MAX)
]
Weights = Annotated[
    tuple[Natural[int], ...], Meta(max_length=kernel_limits.OPTIONS_MAX + len(RESERVED))
]


@unique
class MotionStatus(Enum):
    """How a motion stands."""

    OPEN = "open"
    NO_QUORUM = "no_quorum"
    VETOED = "vetoed"
    REJECTED = "rejected"
    PASSED = "passed"
    CARRIED_OUT = "carried_out"
    FAILED = "failed"
    CANCELLED = "cancelled"


@final
class Tally(Struct, array_like=True, frozen=True):
    """The row of a count: what each choice weighs, how many heads chose, and what all weigh who
    ever voted or handed their vote over, which bounds every sum."""

    weights: Weights
    heads: Natural[int]
    known: Natural[int]


TALLIES: Final = Table[MotionId, Tally](40, "tallies", bytes, Tally)


class NobodyMayVote(Refusal, tag="tallies.nobody_may_vote", frozen=True):
    """Nobody may vote by the procedure {procedure} of {body}."""

    body: Sized32[AccountId]
    procedure: ProcedureCode


class NoVote(Refusal, tag="tallies.no_vote", frozen=True):
    """Account {account} has no vote on motions of {body} that were opened in block {height}."""

    account: Sized32[AccountId]
    body: Sized32[AccountId]
    height: Natural[Height]


def choices(rule: Procedure, options: Sequence[str]) -> tuple[str, ...]:
    """What a vote may say, in the order of the tally."""
    return (*options, AGAINST, ABSTAIN, *(() if rule.veto_bp is None else (VETO,)))


def electorate(act: "Act", body: AccountId, rule: Procedure) -> int:
    """How many may vote: heads, or by asset all units there were before this block.

    Raises:
        Refused: nobody may.
    """
    if rule.weighing is Weighing.ASSET:
        assert rule.asset is not None, "what is weighed by asset names one"
        count = books.supply_at(act.state, rule.asset, Height(act.height - 1))
    else:
        assert rule.electorate is not None, "heads are counted by their role"
        count = roles.holders(act.state, rule.electorate, body)
    act.require(count > 0, NobodyMayVote(body, rule.code))
    return count


def weight_of(
    act: "Act", rule: Procedure, *, body: AccountId, opened: Height, account: AccountId
) -> int:
    """What the vote of an account weighs, as it was settled when the motion was opened.

    Raises:
        Refused: it has no vote.
    """
    refusal = NoVote(account, body, opened)
    if rule.electorate is not None:
        grant = roles.grant_of(act, rule.electorate, body, account)
        if grant is None or grant.since >= opened:
            raise Refused(refusal)
    if rule.asset is None:
        return 1
    before = Height(opened - 1)
    weight = max(0, books.balance_at(act.state, account, rule.asset, before))
    if rule.weighing is Weighing.QUADRATIC:
        weight = isqrt(weight)
    act.require(weight > 0, refusal)
    return weight


def result(
    rule: Procedure, options: Sequence[str], members: int, tally: Tally
) -> tuple[MotionStatus, str | None]:
    """What these votes decide, and which option: a function of them and the rules alone."""
    votes = dict(zip(choices(rule, options), tally.weights, strict=True))
    cast = sum(tally.weights)
    part = cast if rule.weighing is Weighing.ASSET else tally.heads
    if part * WHOLE_BP < rule.quorum_bp * members:
        return MotionStatus.NO_QUORUM, None
    if rule.veto_bp is not None and votes[VETO] * WHOLE_BP > rule.veto_bp * cast:
        return MotionStatus.VETOED, None
    most = max(tally.weights[: len(options)])
    leaders = [option for option in options if votes[option] == most]
    if len(leaders) > 1 or most * WHOLE_BP <= rule.pass_bp * (cast - votes[ABSTAIN]):
        return MotionStatus.REJECTED, None
    return MotionStatus.PASSED, leaders[0]
