"""What the golden vectors hold of bodies and their motions (K6)."""

from hashlib import sha256

from kit.ledger import GBP, account_id, line
from kit.motions import (
    BODY,
    TEXT,
    YES,
    calls_of,
    charter_of,
    procedure,
    roots,
    shareholders,
)
from ledger.accounts import AccountKind
from ledger.charters import (
    AssetMisplaced,
    NoCharter,
    NoElectorate,
    NotABody,
    ProcedureTwice,
    UnknownProcedure,
    Weighing,
)
from ledger.motions import (
    BeyondPower,
    CannotCancel,
    CarriedOut,
    Closed,
    ClosesOutOfRange,
    Option,
    OptionReserved,
    OptionTwice,
    UnknownMotion,
)
from ledger.operation import Event, Operation, Refusal
from ledger.tallies import MotionId, MotionStatus, NobodyMayVote, NoVote
from ledger.votes import (
    HandedToItself,
    NothingToWithdraw,
    NotOpen,
    NotPassedOn,
    TooManyVotes,
    UnknownChoice,
)
from primitives.ids import INTEGER_MAX, Height, TimeMs
from services.assembly import (
    AmendCharter,
    CancelMotion,
    CharterAmended,
    DelegateVote,
    MotionCancelled,
    MotionOpened,
    OpenMotion,
    Vote,
    Voted,
    VoteDelegated,
    VoteWithdrawn,
    WithdrawVote,
)
from services.money import Transfer

A, B = account_id("treasury"), account_id("health")
MOTION = MotionId(sha256(b"motion").digest())
CLOSES = TimeMs(1_780_000_600_000)
PAYS = calls_of((BODY, Transfer(GBP, (line("works", 5, "grant"),))))
CHARTER = charter_of(
    procedure(veto_bp=3_333, guardian="court", timelock_ms=259_200_000),
    shareholders(opener="board", operations=("money.transfer", "money.retire")),
    roots(quorum_bp=0),
)

TRANSACTIONS: dict[str, tuple[list[tuple[str, Operation]], list[str]]] = {
    "a motion, with what it would do and without": (
        [
            ("treasury", OpenMotion(BODY, "shares", TEXT, (Option("grant", PAYS), YES), CLOSES)),
            ("treasury", CancelMotion(MOTION)),
        ],
        ["treasury"],
    ),
    "votes": (
        [
            ("treasury", Vote(MOTION, "grant")),
            ("treasury", DelegateVote(MOTION, B)),
            ("treasury", WithdrawVote(MOTION)),
        ],
        ["treasury"],
    ),
    "another charter, of every kind of procedure": (
        [("treasury", AmendCharter(CHARTER))],
        ["treasury"],
    ),
}
REFUSED: list[Refusal] = [
    NoCharter(A),
    NotABody(A, AccountKind.OFFICE),
    ProcedureTwice("ordinary"),
    NoElectorate("ordinary", Weighing.ONE),
    AssetMisplaced("ordinary", Weighing.ONE, GBP),
    AssetMisplaced("ordinary", Weighing.QUADRATIC, None),
    UnknownProcedure(A, "ordinary"),
    NobodyMayVote(BODY, "ordinary"),
    NoVote(A, BODY, Height(7)),
    UnknownMotion(MOTION),
    OptionTwice("yes"),
    OptionReserved("veto"),
    ClosesOutOfRange(TimeMs(1), TimeMs(2), CLOSES),
    BeyondPower(BODY, "shares", "registry.stamp_document"),
    CannotCancel(MOTION, A, MotionStatus.CARRIED_OUT),
    NotOpen(MOTION, MotionStatus.VETOED),
    UnknownChoice(MOTION, "maybe"),
    TooManyVotes(MOTION, INTEGER_MAX, 1),
    HandedToItself(A),
    NotPassedOn(A, B),
    NothingToWithdraw(MOTION, A),
]
HAPPENED: list[Event] = [
    MotionOpened(MOTION, BODY, "shares", A, TEXT, CLOSES),
    Voted(MOTION, A, "abstain", INTEGER_MAX),
    VoteDelegated(MOTION, A, B, 1),
    VoteWithdrawn(MOTION, A),
    MotionCancelled(MOTION, BODY, A),
    CharterAmended(BODY, 3),
    Closed(MOTION, BODY, MotionStatus.PASSED, "yes", (3, 2, 0), 5, 9),
    Closed(MOTION, BODY, MotionStatus.NO_QUORUM, None, (0, 0, 0), 0, 9),
    CarriedOut(MOTION, BODY, "yes", MotionStatus.CARRIED_OUT, None),
    CarriedOut(MOTION, BODY, "yes", MotionStatus.FAILED, "books.overdraft"),
]
