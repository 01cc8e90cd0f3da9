"""Votes on motions: cast, replaced, handed over, withdrawn; and who has one."""

from collections.abc import Callable
from functools import partial

import pytest
from msgspec.structs import replace

from kit.ledger import Chain, account_id, line, running_account
from kit.motions import (
    BODY,
    SHARES,
    Join,
    Leave,
    ballot_row,
    council,
    counted,
    does,
    motion_in,
    motion_of,
    motion_row,
    opened,
    procedure,
    roots,
    shareholders,
    tally_row,
    votes,
    wait_until,
)
from ledger.motions import CannotCancel
from ledger.operation import Operation, sentence
from ledger.tallies import MotionId, MotionStatus, NoVote
from ledger.votes import (
    Ballot,
    HandedToItself,
    NothingToWithdraw,
    NotOpen,
    NotPassedOn,
    TooManyVotes,
    UnknownChoice,
)
from primitives import kernel_limits
from primitives.ids import INTEGER_MAX, TimeMs
from services.assembly import (
    CancelMotion,
    DelegateVote,
    Vote,
    Voted,
    VoteDelegated,
    VoteWithdrawn,
    WithdrawVote,
)
from services.money import Transfer


def hand(chain: Chain, motion: MotionId, by: str, to: str) -> None:
    """One hands its vote to the other."""
    assert does(chain, by, DelegateVote(motion, account_id(to))) is None


def give(to: str, amount: int) -> Transfer:
    """Shares to somebody."""
    return Transfer(SHARES, (line(to, amount, f"{to} {amount}"),))


# casting


def test_a_vote_counts_and_says_so() -> None:
    """With the account that cast it: votes are open."""
    chain = council()
    motion = opened(chain)

    (receipt,) = chain.block(chain.act("bob", Vote(motion, "yes")))

    assert receipt.events == (Voted(motion, account_id("bob"), "yes", 1),)
    assert counted(chain, motion) == {"yes": 1}
    assert tally_row(chain, motion).heads == 1
    assert ballot_row(chain, motion, "bob") == Ballot(1, 0, 0, "yes", None)


def test_a_second_vote_replaces_the_first() -> None:
    """Also in the same block, and by the same choice."""
    chain = council()
    motion = opened(chain)
    chain.block(*(chain.act("bob", Vote(motion, c)) for c in ("yes", "against", "against")))

    votes(chain, motion, bob="abstain")

    assert counted(chain, motion) == {"abstain": 1}
    assert tally_row(chain, motion).heads == 1


def test_shares_weigh_what_they_were_before_the_motion() -> None:
    """Who sells keeps his votes on it, and who buys has none."""
    chain = council(shareholders(), members=(), shares={"ann": 60, "treasury": 40})
    motion = opened(chain, "shares")
    does(chain, "ann", give("bob", 60))

    votes(chain, motion, ann="yes", treasury="against")

    assert counted(chain, motion) == {"yes": 60, "against": 40}
    assert does(chain, "bob", Vote(motion, "yes")) == NoVote(
        account_id("bob"), BODY, motion_row(chain, motion).height
    )


def test_shares_that_move_in_the_block_of_the_motion_have_moved_too_late() -> None:
    """Whether before it in the block or behind."""
    chain = council(shareholders(), members=(), shares={"ann": 60, "treasury": 40})
    _, receipt, _ = chain.block(
        chain.act("ann", give("bob", 30)),
        chain.act("treasury", motion_of(chain, "shares")),
        chain.act("ann", give("cem", 30)),
    )
    motion = motion_in(receipt)

    votes(chain, motion, ann="yes")
    assert counted(chain, motion) == {"yes": 60}
    for late in ("bob", "cem"):
        assert isinstance(does(chain, late, Vote(motion, "yes")), NoVote)


def test_roots_weigh_by_the_square_root_rounded_down() -> None:
    """Members only; the shares of others and members without shares have no vote."""
    held = {"ann": 100, "bob": 99, "cem": 1, "treasury": 1_000_000}
    chain = council(roots(), shares=held)
    motion = opened(chain, "roots")

    votes(chain, motion, ann="yes", bob="against", cem="abstain")

    assert counted(chain, motion) == {"yes": 10, "against": 9, "abstain": 1}
    for nobody in ("dua", "treasury"):
        assert isinstance(does(chain, nobody, Vote(motion, "yes")), NoVote)


def test_who_joins_with_or_after_the_motion_has_no_vote_on_it() -> None:
    """Nor who was a member before and is one again."""
    chain = council(members=("ann", "bob", "cem"))
    *_, receipt = chain.block(
        chain.act("dua", Join(BODY)),
        chain.act("bob", Leave(BODY)),
        chain.act("ann", motion_of(chain)),
    )
    motion = motion_in(receipt)
    chain.block(*(chain.act(name, Join(BODY)) for name in ("bob", "eva")))

    for late in ("dua", "bob", "eva"):
        assert isinstance(does(chain, late, Vote(motion, "yes")), NoVote)
    votes(chain, motion, cem="yes")


def test_who_leaves_has_no_vote_any_more_but_what_he_cast_stands() -> None:
    """Until he withdraws it."""
    chain = council()
    motion = opened(chain)
    votes(chain, motion, bob="yes")
    does(chain, "bob", Leave(BODY))

    assert isinstance(does(chain, "bob", Vote(motion, "against")), NoVote)
    assert counted(chain, motion) == {"yes": 1}
    assert does(chain, "bob", WithdrawVote(motion)) is None
    assert counted(chain, motion) == {}


def test_a_member_whose_term_is_over_has_no_vote() -> None:
    """From that time on, whether or not the end of the term was written down."""
    chain = council(members=("ann",))
    does(chain, "bob", Join(BODY, TimeMs(chain.time_ms + 5_000)))
    motion = opened(chain)

    votes(chain, motion, bob="yes")
    wait_until(chain, chain.time_ms + 4_000)
    assert isinstance(does(chain, "bob", Vote(motion, "against")), NoVote)


@pytest.mark.parametrize(
    "operation",
    [
        partial(Vote, choice="yes"),
        WithdrawVote,
        partial(DelegateVote, to=account_id("cem")),
    ],
    ids=["vote", "withdraw", "delegate"],
)
def test_no_vote_is_moved_when_voting_is_over(
    operation: Callable[[MotionId], Operation],
) -> None:
    """At the millisecond of its end; a block earlier it is."""
    chain = council()
    motion = opened(chain)
    votes(chain, motion, bob="yes", dua="yes")
    wait_until(chain, motion_row(chain, motion).closes_ms - 2_000)

    assert does(chain, "bob", operation(motion)) is None
    late = does(chain, "dua", operation(motion))

    assert isinstance(late, NotOpen)
    assert late.status is not MotionStatus.OPEN
    assert sentence(late)


def test_voting_is_over_even_where_the_block_has_no_time_to_say_so() -> None:
    """More votes end than a block does duties: those that are left take no vote either."""
    chain = council()
    closes = TimeMs(chain.time_ms + 10_000)
    asked = replace(motion_of(chain), closes_ms=closes)
    many = kernel_limits.AGENDA_DUTIES_MAX + 8
    receipts = chain.block(*(chain.act("ann", asked) for _ in range(many)))
    motions = [motion_in(receipt) for receipt in receipts]
    chain.time_ms = TimeMs(closes - 1_000)

    late = chain.block(*(chain.act("bob", Vote(motion, "yes")) for motion in motions))

    left = [m for m in motions if motion_row(chain, m).status is MotionStatus.OPEN]
    assert len(left) == 8
    over = [NotOpen(motion, MotionStatus.NO_QUORUM) for motion in motions]
    assert [receipt.refusal for receipt in late] == over
    cancels = does(chain, "ann", *(CancelMotion(motion) for motion in left))
    assert isinstance(cancels, CannotCancel)
    chain.block()
    assert {motion_row(chain, motion).status for motion in motions} == {MotionStatus.NO_QUORUM}


def test_what_is_no_choice() -> None:
    """A veto where there is none, and a word that is no option."""
    chain = council(procedure(), procedure("vetoable", veto_bp=0))
    motion, vetoable = opened(chain), opened(chain, "vetoable")

    assert does(chain, "bob", Vote(motion, "veto")) == UnknownChoice(motion, "veto")
    assert does(chain, "bob", Vote(motion, "maybe")) == UnknownChoice(motion, "maybe")
    assert does(chain, "bob", Vote(vetoable, "veto")) is None
    assert counted(chain, vetoable) == {"veto": 1}


def test_more_votes_than_can_be_counted_are_refused() -> None:
    """Where one account owes without a floor, others hold more together than there is."""
    debtors = [running_account(name, "health") for name in ("first", "second")]
    chain = council(shareholders(), members=(), shares={"treasury": 1}, accounts=debtors)
    half = INTEGER_MAX // 2 + 1
    for debtor, holder in (("first", "ann"), ("second", "bob")):
        body = chain.body((debtor, give(holder, half)))
        (receipt,) = chain.block(chain.check(body, "health"))
        assert receipt.refusal is None
    motion = opened(chain, "shares", by="treasury")
    votes(chain, motion, ann="yes", treasury="yes")

    refusal = TooManyVotes(motion, half + 1, half)
    assert does(chain, "bob", Vote(motion, "yes")) == refusal
    assert does(chain, "ann", DelegateVote(motion, account_id("bob"))) == refusal
    assert counted(chain, motion) == {"yes": half + 1}
    votes(chain, motion, ann="against")


# handing over


def test_a_vote_that_is_handed_over_counts_as_the_other_votes() -> None:
    """Before or after the other has voted, and whenever he votes anew."""
    chain = council()
    motion = opened(chain)
    hand(chain, motion, "ann", "cem")
    assert counted(chain, motion) == {}

    votes(chain, motion, cem="yes")
    assert counted(chain, motion) == {"yes": 2}
    (receipt,) = chain.block(chain.act("bob", DelegateVote(motion, account_id("cem"))))
    assert receipt.events == (VoteDelegated(motion, account_id("bob"), account_id("cem"), 1),)
    assert counted(chain, motion) == {"yes": 3}
    votes(chain, motion, cem="against")
    assert counted(chain, motion) == {"against": 3}
    assert tally_row(chain, motion).heads == 3
    assert ballot_row(chain, motion, "cem") == Ballot(1, 2, 2, "against", None)


def test_who_votes_takes_his_vote_back() -> None:
    """Or hands it to another; it counts once."""
    chain = council()
    motion = opened(chain)
    votes(chain, motion, cem="yes", dua="against")
    hand(chain, motion, "ann", "cem")
    hand(chain, motion, "bob", "cem")

    hand(chain, motion, "ann", "dua")
    assert counted(chain, motion) == {"yes": 2, "against": 2}
    votes(chain, motion, ann="abstain", bob="abstain")
    assert counted(chain, motion) == {"yes": 1, "against": 1, "abstain": 2}


def test_handing_over_twice_to_the_same_is_handing_over_once() -> None:
    """Nothing changes."""
    chain = council()
    motion = opened(chain)
    votes(chain, motion, cem="yes")
    hand(chain, motion, "ann", "cem")
    hand(chain, motion, "ann", "cem")

    assert counted(chain, motion) == {"yes": 2}
    assert ballot_row(chain, motion, "cem") == Ballot(1, 1, 1, "yes", None)


def test_votes_are_not_passed_on() -> None:
    """Who hands over his own leaves what he carries, and who relied on him sees it uncounted."""
    chain = council()
    motion = opened(chain)
    hand(chain, motion, "ann", "bob")
    votes(chain, motion, bob="yes", cem="yes")
    assert counted(chain, motion) == {"yes": 3}

    hand(chain, motion, "bob", "cem")
    assert counted(chain, motion) == {"yes": 2}
    assert does(chain, "dua", DelegateVote(motion, account_id("bob"))) == NotPassedOn(
        account_id("bob"), account_id("cem")
    )
    votes(chain, motion, bob="against")
    assert counted(chain, motion) == {"yes": 1, "against": 2}


def test_a_vote_goes_to_somebody_who_has_one() -> None:
    """And not to its owner."""
    chain = council(members=("ann", "bob"))
    motion = opened(chain)
    to_stranger = DelegateVote(motion, account_id("cem"))

    assert does(chain, "ann", to_stranger) == NoVote(
        account_id("cem"), BODY, motion_row(chain, motion).height
    )
    assert isinstance(does(chain, "cem", DelegateVote(motion, account_id("ann"))), NoVote)
    itself = HandedToItself(account_id("ann"))
    assert does(chain, "ann", DelegateVote(motion, account_id("ann"))) == itself


# withdrawing


def test_a_vote_is_withdrawn() -> None:
    """Cast or handed over; what others handed to it comes back with the next vote."""
    chain = council()
    motion = opened(chain)
    votes(chain, motion, bob="yes", cem="yes")
    hand(chain, motion, "ann", "bob")
    hand(chain, motion, "dua", "cem")

    chain_receipts = chain.block(
        chain.act("bob", WithdrawVote(motion)), chain.act("dua", WithdrawVote(motion))
    )
    assert chain_receipts[0].events == (VoteWithdrawn(motion, account_id("bob")),)
    assert counted(chain, motion) == {"yes": 1}
    votes(chain, motion, bob="against")
    assert counted(chain, motion) == {"yes": 1, "against": 2}


@pytest.mark.parametrize("first", [None, "vote"])
def test_there_is_nothing_to_withdraw(first: str | None) -> None:
    """Neither before a vote nor twice."""
    chain = council()
    motion = opened(chain)
    before: list[Operation] = [] if first is None else [Vote(motion, "yes"), WithdrawVote(motion)]

    refused = NothingToWithdraw(motion, account_id("bob"))
    assert does(chain, "bob", *before, WithdrawVote(motion)) == refused
    assert counted(chain, motion) == {}


def test_two_motions_are_voted_on_apart() -> None:
    """A vote on one says nothing on the other."""
    chain = council()
    one, other = opened(chain), opened(chain)

    votes(chain, one, bob="yes")
    hand(chain, other, "bob", "cem")

    assert (counted(chain, one), counted(chain, other)) == ({"yes": 1}, {})
