"""Motions: who opens and cancels them, when they close, and how a decision is carried out."""

from dataclasses import dataclass
from typing import Any

import pytest
from msgspec.structs import replace

from kit.ledger import GBP, Chain, account_id, line, pay
from kit.motions import (
    BODY,
    TEXT,
    YES,
    calls_of,
    charter_of,
    council,
    does,
    motion_of,
    motion_row,
    opened,
    procedure,
    shareholders,
    tally_row,
    votes,
    wait_until,
)
from ledger import views
from ledger.agenda import AGENDA
from ledger.calls import NO_CALLS, Unreadable
from ledger.charters import CHARTERS, MEMBER, NoCharter, UnknownProcedure
from ledger.motions import (
    BODY_MOTIONS,
    BeyondPower,
    BodyMotion,
    BodyMotionKey,
    CannotCancel,
    ClosesOutOfRange,
    Motion,
    Option,
    OptionReserved,
    OptionTwice,
    UnknownMotion,
)
from ledger.operation import Refusal, sentence
from ledger.roles import NOTARY, MissingRole
from ledger.tallies import MotionId, MotionStatus, NobodyMayVote, NoVote, Tally
from ledger.worklist import WORKLIST, Place, Task, Waiting, desk_of_account, desk_of_role
from primitives import kernel_limits
from primitives.errors import Malformed
from primitives.ids import Digest, Height, TimeMs
from primitives.named import from_named, to_named
from services.assembly import AmendCharter, CancelMotion, OpenMotion, Vote
from services.money import Transfer
from services.registry.stamps import StampAct, StampDocument

ORDINARY = procedure()


def pays(amount: int = 5, reference: str = "grant") -> Option:
    """An option by which the council pays the ministry of works."""
    transfer = Transfer(GBP, (line("works", amount, reference),))
    return Option("yes", calls_of((BODY, transfer)))


def carried(chain: Chain, motion: MotionId) -> MotionStatus:
    """Everybody votes yes, time passes, and the decision is due."""
    votes(chain, motion, ann="yes", bob="yes", cem="yes", dua="yes", eva="yes")
    wait_until(chain, motion_row(chain, motion).closes_ms)
    wait_until(chain, motion_row(chain, motion).carries_out_ms + 1_000)
    return motion_row(chain, motion).status


def works(chain: Chain) -> int:
    """What the ministry of works has."""
    return views.balance(chain.state, account_id("works"), GBP)


# opening


def test_a_member_opens_a_motion() -> None:
    """It stands with its rules, on the desk of those who vote, in the list of the body."""
    chain = council()
    motion = opened(chain)

    row = motion_row(chain, motion)
    assert row.duty is not None
    assert row == Motion(
        body=BODY,
        procedure=ORDINARY,
        text=TEXT,
        options=(YES,),
        opener=account_id("ann"),
        height=chain.state.height,
        closes_ms=TimeMs(chain.time_ms + 10_000),
        electorate=5,
        status=MotionStatus.OPEN,
        winner=None,
        duty=row.duty,
    )
    assert tally_row(chain, motion) == Tally((0, 0, 0), 0, 0)
    place = Place(desk_of_role(MEMBER, BODY), Task.MOTION, motion)
    assert WORKLIST.read(chain.state, place) == Waiting(row.closes_ms)
    key = BodyMotionKey(BODY, chain.state.height, motion)
    assert BODY_MOTIONS.read(chain.state, key) == BodyMotion("ordinary")
    assert AGENDA.read(chain.state, row.duty) is not None


def test_a_motion_of_shareholders_is_on_the_desk_of_the_body() -> None:
    """They have no desk of their own."""
    chain = council(shareholders(), shares={"ann": 7, "treasury": 3})
    motion = opened(chain, "shares")

    place = Place(desk_of_account(BODY), Task.MOTION, motion)
    assert WORKLIST.read(chain.state, place) is not None
    assert motion_row(chain, motion).electorate == 10


def test_two_motions_of_one_transaction_are_two() -> None:
    """Each has an id of its own."""
    chain = council()
    (receipt,) = chain.block(chain.act("ann", motion_of(chain), motion_of(chain)))

    assert len({event.motion for event in receipt.events}) == 2


@dataclass
class Asked:
    """A motion that is refused, by whom it is asked, and why."""

    refusal: Refusal
    by: str = "ann"
    body: str = "council"
    code: str = "ordinary"
    options: tuple[Option, ...] = (YES,)


PAYS_ONLY = procedure("payments", operations=("money.transfer",))
STAMP = StampDocument(Digest(b"d" * 32), StampAct.TIMESTAMP)


@pytest.mark.parametrize(
    "asked",
    [
        Asked(NoCharter(account_id("works")), body="works"),
        Asked(UnknownProcedure(BODY, "none"), code="none"),
        Asked(OptionTwice("yes"), options=(YES, YES)),
        Asked(OptionReserved("veto"), options=(YES, Option("veto", NO_CALLS))),
        Asked(OptionReserved("against"), options=(Option("against", NO_CALLS),)),
        Asked(OptionReserved("abstain"), options=(Option("abstain", NO_CALLS),)),
        Asked(Unreadable(), options=(Option("yes", b"\xc1"),)),
        Asked(
            BeyondPower(BODY, "payments", "registry.stamp_document"),
            code="payments",
            options=(pays(), Option("no", calls_of((BODY, pay("works", 1, "r")), (BODY, STAMP)))),
        ),
        Asked(NoVote(account_id("works"), BODY, Height(2)), by="works"),
        Asked(NobodyMayVote(BODY, "notaries"), code="notaries"),
        Asked(MissingRole(account_id("ann"), NOTARY, BODY), code="chaired"),
    ],
    ids=lambda asked: type(asked.refusal).__name__,
)
def test_what_no_motion_can_be(asked: Asked) -> None:
    """Refused, it leaves nothing behind."""
    rules = (
        ORDINARY,
        PAYS_ONLY,
        procedure("notaries", electorate=NOTARY),
        procedure("chaired", opener=NOTARY),
    )
    chain = council(*rules)
    opens = replace(
        motion_of(chain, asked.code), body=account_id(asked.body), options=asked.options
    )

    assert does(chain, asked.by, opens) == asked.refusal
    assert sentence(asked.refusal)
    assert not list(BODY_MOTIONS.scan(chain.state, limit=1))
    assert not list(AGENDA.scan(chain.state, limit=1))


def test_a_vote_closes_neither_too_early_nor_too_late() -> None:
    """The procedure says how long at least, the ledger how long at most."""
    chain = council(procedure(least_ms=5_000))
    first, last = chain.time_ms + 1_000 + 5_000, chain.time_ms + 1_000 + kernel_limits.VOTING_MS_MAX

    def closing(time_ms: int) -> OpenMotion:
        return replace(motion_of(chain), closes_ms=TimeMs(time_ms))

    early, late, *fine = chain.block(
        *(chain.act("ann", closing(time)) for time in (first - 1, last + 1, first, last))
    )

    for receipt, time in ((early, first - 1), (late, last + 1)):
        assert receipt.refusal == ClosesOutOfRange(TimeMs(time), TimeMs(first), TimeMs(last))
    assert not [receipt.refusal for receipt in fine if receipt.refusal]


def test_a_procedure_may_name_who_opens_its_motions() -> None:
    """He needs no vote; and who has one, but not the role, may not."""
    chain = council(procedure(opener=MEMBER, electorate=MEMBER), members=("bob", "cem"))

    assert isinstance(does(chain, "ann", motion_of(chain)), MissingRole)
    assert does(chain, "bob", motion_of(chain)) is None


@pytest.mark.parametrize(
    ("inside", "outside"),
    [
        (
            tuple(Option(f"o{n}", NO_CALLS) for n in range(kernel_limits.OPTIONS_MAX)),
            tuple(Option(f"o{n}", NO_CALLS) for n in range(kernel_limits.OPTIONS_MAX + 1)),
        ),
        (
            (Option("o" * kernel_limits.CHOICE_LENGTH_MAX, NO_CALLS),),
            (Option("o" * (kernel_limits.CHOICE_LENGTH_MAX + 1), NO_CALLS),),
        ),
        ((YES,), ()),
    ],
)
def test_the_limits_of_options(inside: tuple[Option, ...], outside: tuple[Option, ...]) -> None:
    """As many as fit stand in a motion and are counted; one more is not read."""
    chain = council()
    motion = opened(chain, options=inside)

    votes(chain, motion, bob=inside[-1].code)
    assert tally_row(chain, motion).weights[len(inside) - 1] == 1
    with pytest.raises(Malformed):
        chain.act("ann", motion_of(chain, options=outside))
    with pytest.raises(Malformed):
        from_named(to_named(motion_of(chain, options=outside)), OpenMotion)


# closing and carrying out


def test_a_decision_is_carried_out_with_the_authority_of_the_body() -> None:
    """Nobody signs for it: the duty pays."""
    chain = council()
    does(chain, "treasury", pay("council", 9, "endowment"))
    motion = opened(chain, options=(pays(),))

    assert carried(chain, motion) is MotionStatus.CARRIED_OUT
    assert works(chain) == 5
    assert motion_row(chain, motion).winner == "yes"
    assert motion_row(chain, motion).duty is None
    assert not list(AGENDA.scan(chain.state, limit=1))
    assert not list(WORKLIST.scan(chain.state, limit=1))


def test_nothing_is_carried_out_before_the_timelock_is_over() -> None:
    """And then at once."""
    chain = council(procedure(timelock_ms=60_000))
    does(chain, "treasury", pay("council", 9, "endowment"))
    motion = opened(chain, options=(pays(),))
    votes(chain, motion, ann="yes", bob="yes", cem="yes")
    closes = motion_row(chain, motion).closes_ms

    wait_until(chain, closes)
    assert motion_row(chain, motion).status is MotionStatus.PASSED
    wait_until(chain, closes + 59_999)
    assert (motion_row(chain, motion).status, works(chain)) == (MotionStatus.PASSED, 0)
    wait_until(chain, closes + 60_000)
    assert (motion_row(chain, motion).status, works(chain)) == (MotionStatus.CARRIED_OUT, 5)


@pytest.mark.parametrize(
    "calls",
    [
        ((BODY, pay("works", 1, "a")), (BODY, pay("works", 100, "b"))),
        ((account_id("treasury"), pay("works", 1, "theirs")),),
    ],
    ids=["more than it has", "another's money"],
)
def test_calls_that_are_refused_leave_no_trace(calls: Any) -> None:  # noqa: ANN401
    """The motion says that it failed; not even the first call stands."""
    chain = council()
    does(chain, "treasury", pay("council", 9, "endowment"))
    motion = opened(chain, options=(Option("yes", calls_of(*calls)),))

    assert carried(chain, motion) is MotionStatus.FAILED
    assert works(chain) == 0


def test_a_decision_without_calls_is_a_decision() -> None:
    """It has passed, and nothing falls due."""
    chain = council(procedure(timelock_ms=60_000))
    motion = opened(chain)

    assert carried(chain, motion) is MotionStatus.PASSED
    assert motion_row(chain, motion).duty is None


@pytest.mark.parametrize(
    ("said", "status"),
    [
        ({"ann": "yes", "bob": "yes"}, MotionStatus.NO_QUORUM),
        ({"ann": "yes", "bob": "against", "cem": "abstain"}, MotionStatus.REJECTED),
        ({"ann": "yes", "bob": "yes", "cem": "yes", "dua": "veto"}, MotionStatus.VETOED),
        ({"ann": "yes", "bob": "yes", "cem": "against"}, MotionStatus.CARRIED_OUT),
    ],
)
def test_only_what_was_decided_is_carried_out(said: dict[str, str], status: MotionStatus) -> None:
    """Of several options the one that won."""
    chain = council(procedure(veto_bp=2_000))
    does(chain, "treasury", pay("council", 9, "endowment"))
    other = Option("other", calls_of((BODY, pay("works", 7, "other"))))
    motion = opened(chain, options=(other, pays()))
    votes(chain, motion, **said)

    wait_until(chain, motion_row(chain, motion).carries_out_ms)
    wait_until(chain, 0)

    assert motion_row(chain, motion).status is status
    assert works(chain) == (5 if status is MotionStatus.CARRIED_OUT else 0)


def test_a_body_amends_its_charter_and_nobody_else_does() -> None:
    """An open motion keeps the procedure that it was opened under."""
    chain = council()
    amended = charter_of(procedure(quorum_bp=10_000))
    amend = Option("yes", calls_of((BODY, AmendCharter(amended))))
    assert does(chain, "ann", AmendCharter(amended)) == NoCharter(account_id("ann"))
    before, motion = opened(chain, closes_in_ms=60_000), opened(chain, options=(amend,))

    assert carried(chain, motion) is MotionStatus.CARRIED_OUT
    assert CHARTERS.read(chain.state, BODY) == amended
    assert motion_row(chain, before).procedure.quorum_bp == 5_000
    assert motion_row(chain, opened(chain)).procedure.quorum_bp == 10_000


def test_a_body_opens_a_motion_of_its_own_by_a_motion() -> None:
    """Which no vote of a member is needed for, and which stands for votes as any other."""
    chain = council()
    opens = replace(motion_of(chain), closes_ms=TimeMs(chain.time_ms + 100_000))
    motion = opened(chain, options=(Option("yes", calls_of((BODY, opens))),))

    assert carried(chain, motion) is MotionStatus.CARRIED_OUT
    assert len(list(BODY_MOTIONS.scan(chain.state, limit=9))) == 2


# cancelling

GUARDED = procedure(guardian=NOTARY, timelock_ms=60_000)


def cancels(chain: Chain, motion: MotionId, by: str) -> Refusal | None:
    return does(chain, by, CancelMotion(motion))


def test_its_opener_cancels_a_motion_while_voting_is_open() -> None:
    """It leaves the desk and the agenda, and takes no more votes."""
    chain = council(GUARDED)
    motion = opened(chain)

    assert cancels(chain, motion, "bob") == CannotCancel(
        motion, account_id("bob"), MotionStatus.OPEN
    )
    assert cancels(chain, motion, "ann") is None
    assert motion_row(chain, motion).status is MotionStatus.CANCELLED
    assert does(chain, "bob", Vote(motion, "yes")) is not None
    assert not list(AGENDA.scan(chain.state, limit=1))
    assert not list(WORKLIST.scan(chain.state, limit=1))
    assert cancels(chain, motion, "ann") == CannotCancel(
        motion, account_id("ann"), MotionStatus.CANCELLED
    )


def test_a_guardian_cancels_until_the_decision_is_carried_out() -> None:
    """That is what the timelock is for. The opener no longer may."""
    chain = council(GUARDED)
    motion = opened(chain, options=(pays(),))
    votes(chain, motion, ann="yes", bob="yes", cem="yes")
    wait_until(chain, motion_row(chain, motion).closes_ms)

    assert cancels(chain, motion, "ann") == CannotCancel(
        motion, account_id("ann"), MotionStatus.PASSED
    )
    assert cancels(chain, motion, "notary") is None
    assert motion_row(chain, motion).status is MotionStatus.CANCELLED
    assert not list(AGENDA.scan(chain.state, limit=1))


@pytest.mark.parametrize(("late_ms", "may"), [(-1, True), (0, False)])
def test_after_its_timelock_nothing_is_cancelled(late_ms: int, may: bool) -> None:  # noqa: FBT001
    """At the very millisecond, a decision without calls included."""
    chain = council(GUARDED)
    motion = opened(chain)
    votes(chain, motion, ann="yes", bob="yes", cem="yes")
    due = motion_row(chain, motion).carries_out_ms
    wait_until(chain, due + late_ms - 1_000)

    assert (cancels(chain, motion, "notary") is None) == may


def test_what_was_not_decided_is_not_cancelled() -> None:
    """There is nothing to cancel."""
    chain = council(GUARDED)
    motion = opened(chain)
    wait_until(chain, motion_row(chain, motion).closes_ms)

    assert cancels(chain, motion, "notary") == CannotCancel(
        motion, account_id("notary"), MotionStatus.NO_QUORUM
    )


def test_a_body_cancels_by_another_motion() -> None:
    """A second thought within the timelock of the first."""
    chain = council(procedure(timelock_ms=60_000), procedure("urgent"))
    does(chain, "treasury", pay("council", 9, "endowment"))
    first = opened(chain, options=(pays(),))
    votes(chain, first, ann="yes", bob="yes", cem="yes")
    cancel = Option("yes", calls_of((BODY, CancelMotion(first))))
    second = opened(chain, "urgent", options=(cancel,))

    assert carried(chain, second) is MotionStatus.CARRIED_OUT
    wait_until(chain, chain.time_ms + 120_000)
    assert (motion_row(chain, first).status, works(chain)) == (MotionStatus.CANCELLED, 0)


def test_a_motion_that_there_is_not() -> None:
    """Is neither voted on nor cancelled."""
    chain = council()
    nothing = MotionId(bytes(32))

    assert cancels(chain, nothing, "ann") == UnknownMotion(nothing)
    assert does(chain, "ann", Vote(nothing, "yes")) == UnknownMotion(nothing)
