"""The law of motions: nobody's vote counts twice, and the result is that of the votes in time.

Members, shareholders and members by their roots vote, vote again, hand over and withdraw, join,
leave and trade, in any order, several in one block. A model without tallies knows who had a vote
when each motion was opened and what each did last; at every block's end the tallies must be its
sums, and what it would refuse must be refused.
"""

from dataclasses import dataclass, field
from fractions import Fraction
from math import isqrt
from random import Random
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from kit.ledger import Chain, account_id, line
from kit.motions import (
    BODY,
    SHARES,
    VOTERS,
    Join,
    Leave,
    council,
    motion_in,
    motion_of,
    motion_row,
    procedure,
    roots,
    shareholders,
    tally_row,
)
from ledger.block import BlockRun
from ledger.charters import Procedure, Weighing
from ledger.operation import Operation
from ledger.receipt import Receipt
from ledger.tallies import MotionId, MotionStatus
from ledger.votes import BALLOTS
from primitives.ids import Height
from services.assembly import CancelMotion, DelegateVote, Vote, Voted, WithdrawVote
from services.money import Transfer

RULES = {
    "ordinary": procedure(quorum_bp=4_000, veto_bp=2_500),
    "shares": shareholders(quorum_bp=2_000),
    "roots": roots(quorum_bp=2_000, pass_bp=6_666),
}
HELD = {"ann": 40, "bob": 25, "cem": 9, "dua": 1}
MEMBERS = tuple(HELD)
voters = st.sampled_from((*MEMBERS, *MEMBERS, "eva"))
SAYS = ("yes", "yes", "against", "abstain", "veto")
choices = st.sampled_from(SAYS)
ages = st.integers(0, 3)


@dataclass
class Did:
    """What an account did last on a motion."""

    choice: str | None = None
    to: str | None = None


@dataclass
class Question:
    """A motion as the model remembers it."""

    id: MotionId
    rule: Procedure
    opener: str
    height: Height
    closes_ms: int
    electorate: int
    held: dict[str, int]
    """Shares before the block that opened it."""
    done: dict[str, Did] = field(default_factory=dict)
    cancelled: bool = False

    def weight(self, voter: str) -> int:
        shares = self.held[voter]
        by = {Weighing.ONE: 1, Weighing.ASSET: shares, Weighing.QUADRATIC: isqrt(shares)}
        return by[self.rule.weighing]

    def counted(self) -> dict[str, list[str]]:
        """For each choice, whose votes count for it."""
        found: dict[str, list[str]] = {}
        for voter, did in self.done.items():
            said = did if did.to is None else self.done.get(did.to, Did())
            if said.choice is not None:
                found.setdefault(said.choice, []).append(voter)
        return found

    def status(self) -> MotionStatus:
        """What these votes decide."""
        votes = {choice: sum(map(self.weight, who)) for choice, who in self.counted().items()}
        heads = sum(map(len, self.counted().values()))
        cast = sum(votes.values())
        part = cast if self.rule.weighing is Weighing.ASSET else heads
        if Fraction(part, self.electorate) < Fraction(self.rule.quorum_bp, 10_000):
            return MotionStatus.NO_QUORUM
        vetoes = Fraction(votes.get("veto", 0), max(cast, 1))
        if self.rule.veto_bp is not None and vetoes > Fraction(self.rule.veto_bp, 10_000):
            return MotionStatus.VETOED
        said, yes = cast - votes.get("abstain", 0), votes.get("yes", 0)
        passed = said and Fraction(yes, said) > Fraction(self.rule.pass_bp, 10_000)
        return MotionStatus.PASSED if passed else MotionStatus.REJECTED


class Motions(RuleBasedStateMachine):
    """Blocks of everything that may happen around a motion."""

    def __init__(self) -> None:
        super().__init__()
        self.chain: Chain = council(*RULES.values(), members=MEMBERS, shares=HELD)
        self.since = dict.fromkeys(MEMBERS, Height(1))
        self.held = dict.fromkeys(VOTERS, 0) | HELD
        self.before = dict(self.held)
        self.questions: list[Question] = []
        self.run: BlockRun = self.chain.run()
        self.acts = 0
        for code in RULES:
            self.open("ann", code, 8)
        self.end_block()

    @property
    def now(self) -> int:
        return self.chain.time_ms + 1_000

    def does(self, actor: str, operation: Operation) -> Receipt[Any, Any]:
        tx = self.chain.act(actor, operation)
        self.run.admit(tx)
        return self.run.apply(tx)

    def has_vote(self, voter: str, question: Question) -> bool:
        member = question.rule.electorate is None or (
            voter in self.since and self.since[voter] < question.height
        )
        return member and question.weight(voter) > 0

    def is_open(self, question: Question) -> bool:
        return not question.cancelled and self.now < question.closes_ms

    def pick(self, which: int) -> Question:
        """Counted from the newest."""
        return self.questions[-1 - which % len(self.questions)]

    @rule(opener=voters, code=st.sampled_from(tuple(RULES)), seconds=st.integers(1, 7))
    def open(self, opener: str, code: str, seconds: int) -> None:
        height = Height(self.chain.state.height + 1)
        operation = motion_of(self.chain, code, closes_in_ms=seconds * 1_000)
        rule = RULES[code]
        electorate = sum(self.before.values()) if code == "shares" else len(self.since)
        question = Question(
            id=MotionId(b""),
            rule=rule,
            opener=opener,
            height=height,
            closes_ms=operation.closes_ms,
            electorate=electorate,
            held=dict(self.before),
        )
        receipt = self.does(opener, operation)
        assert (receipt.refusal is None) == (electorate > 0 and self.has_vote(opener, question))
        if receipt.refusal is None:
            question.id = motion_in(receipt)
            self.questions.append(question)

    @rule(voter=voters, choice=choices, which=ages)
    def vote(self, voter: str, choice: str, which: int) -> None:
        question = self.pick(which)
        receipt = self.does(voter, Vote(question.id, choice))
        known = choice != "veto" or question.rule.veto_bp is not None
        may = known and self.is_open(question) and self.has_vote(voter, question)
        assert (receipt.refusal is None) == may, receipt.refusal
        if may:
            question.done[voter] = Did(choice=choice)
            carried = [name for name, did in question.done.items() if did.to == voter]
            weight = sum(question.weight(name) for name in (voter, *carried))
            assert receipt.events == (Voted(question.id, account_id(voter), choice, weight),)

    @rule(voter=voters, to=voters, which=ages)
    def hand_over(self, voter: str, to: str, which: int) -> None:
        question = self.pick(which)
        receipt = self.does(voter, DelegateVote(question.id, account_id(to)))
        may = (
            voter != to
            and self.is_open(question)
            and self.has_vote(voter, question)
            and self.has_vote(to, question)
            and question.done.get(to, Did()).to is None
        )
        assert (receipt.refusal is None) == may, receipt.refusal
        if may:
            question.done[voter] = Did(to=to)

    @rule(voter=voters, which=ages)
    def withdraw(self, voter: str, which: int) -> None:
        question = self.pick(which)
        receipt = self.does(voter, WithdrawVote(question.id))
        may = self.is_open(question) and voter in question.done
        assert (receipt.refusal is None) == may, receipt.refusal
        question.done.pop(voter, None) if may else None

    @rule(voter=voters, which=ages)
    def cancel(self, voter: str, which: int) -> None:
        question = self.pick(which)
        receipt = self.does(voter, CancelMotion(question.id))
        may = self.is_open(question) and voter == question.opener
        assert (receipt.refusal is None) == may, receipt.refusal
        question.cancelled |= may

    @rule(voter=voters)
    def come_or_go(self, voter: str) -> None:
        if voter in self.since:
            assert self.does(voter, Leave(BODY)).refusal is None
            del self.since[voter]
        else:
            assert self.does(voter, Join(BODY)).refusal is None
            self.since[voter] = Height(self.chain.state.height + 1)

    @rule(giver=voters, taker=voters, part=st.integers(1, 3))
    def trade(self, giver: str, taker: str, part: int) -> None:
        amount = max(1, self.held[giver] // part)
        self.acts += 1
        receipt = self.does(giver, Transfer(SHARES, (line(taker, amount, f"{self.acts}"),)))
        may = giver != taker and self.held[giver] >= amount
        assert (receipt.refusal is None) == may, receipt.refusal
        if may:
            self.held[giver] -= amount
            self.held[taker] += amount

    @rule(chance=st.randoms(use_true_random=True))
    def live_for_a_day(self, chance: Random) -> None:
        """Much of everything: what a search for small examples alone would seldom come to."""
        for _ in range(30):
            one, other, which = chance.choice(VOTERS), chance.choice(VOTERS), chance.randrange(4)
            match chance.randrange(12):
                case 0:
                    self.open(one, chance.choice(tuple(RULES)), chance.randrange(1, 9))
                case 1:
                    self.come_or_go(one)
                case 2 | 3:
                    self.trade(one, other, chance.randrange(1, 4))
                case 4:
                    self.withdraw(one, which)
                case 5 | 6 | 7:
                    self.hand_over(one, other, which)
                case 8:
                    self.end_block()
                case _:
                    self.vote(one, chance.choice(SAYS), which)

    @rule()
    def end_block(self) -> None:
        self.chain.state.commit(self.run.finish())
        self.chain.time_ms = type(self.chain.time_ms)(self.now)
        self.before = dict(self.held)
        self.run = self.chain.run()
        self.check()

    def check(self) -> None:
        """The state after the block is what the model says."""
        for question in self.questions:
            row, tally = motion_row(self.chain, question.id), tally_row(self.chain, question.id)
            counted = question.counted()
            weights = {choice: sum(map(question.weight, who)) for choice, who in counted.items()}
            assert tally.weights == tuple(weights.get(choice, 0) for choice in row.choices)
            assert tally.heads == sum(map(len, counted.values()))
            ballots = [b for _, b in BALLOTS.scan(self.chain.state, prefix=question.id, limit=99)]
            cast = [ballot for ballot in ballots if ballot.choice is not None]
            assert sum(tally.weights) == sum(ballot.counts for ballot in cast)
            assert sum(tally.weights) <= sum(map(question.weight, VOTERS))
            over = question.closes_ms <= self.chain.time_ms
            expected = question.status() if over else MotionStatus.OPEN
            assert row.status is (MotionStatus.CANCELLED if question.cancelled else expected)

    @invariant()
    def nobody_counts_twice(self) -> None:
        for question in self.questions:
            heard = [voter for who in question.counted().values() for voter in who]
            assert len(heard) == len(set(heard))

    def teardown(self) -> None:
        self.end_block()


TestMotions = Motions.TestCase
TestMotions.settings = settings(max_examples=35, stateful_step_count=20, deadline=None)
