"""One of each operation, refusal and event of flows and cases: for golden vectors."""

from kit.flows import (
    ANYONE,
    APPLICANT,
    DAY,
    FLOW,
    flow,
    moving,
    opening,
    paper,
    party,
    silent,
    simple,
    state,
    way,
)
from kit.ledger import account_id
from ledger.cases import (
    AssigneeMissing,
    CaseMoved,
    DocumentMissing,
    NobodyYet,
    NoSuchMove,
    NotAskedFor,
    NotTheirs,
    OtherParties,
    OwnCause,
    RecordMissing,
    SameHand,
    SilenceFirst,
    TooEarly,
    UnknownCase,
)
from ledger.flows import (
    Consent,
    FlowIsRetired,
    HandedIn,
    Holder,
    HolderFor,
    Impartial,
    IntoTheDoor,
    NotTheLatest,
    OtherHand,
    PartyTwice,
    SilenceAsks,
    SilenceCircles,
    SilenceTwice,
    SilentDoor,
    StateTwice,
    TooManyParties,
    TooManyVersions,
    TransitionTwice,
    UnknownFlow,
    UnknownParty,
    UnknownState,
    Unreachable,
    ValidRecord,
)
from ledger.operation import Event, Operation, Refusal
from ledger.placeholders import UnknownPlaceholder, placeholder
from ledger.transaction import Call
from primitives.codec import encode
from primitives.ids import AccountId, Digest, TimeMs
from services.casework.cases import CaseOpened, DefineFlow, FlowDefined, RetireFlow
from services.casework.cases import FlowRetired as FlowWasRetired
from services.registry.stamps import StampAct, StampDocument

A, B = account_id("treasury"), account_id("health")
_PARTIES = (party("applicant", "health"), party("officer", "works"))
_STAMP = Call(
    AccountId(placeholder("OWNER")),
    StampDocument(Digest(placeholder("DOCUMENT")), StampAct.TIMESTAMP),
)
_WHOLE = flow(
    state("door", way("apply", "open", APPLICANT, HandedIn())),
    state(
        "open",
        way("name", "open", Holder("head", A), assigns="officer"),
        way(
            "grant",
            "closed",
            HolderFor("clerk", "officer"),
            Consent("applicant"),
            ValidRecord("fire.report", "applicant"),
            Impartial(),
            OtherHand(),
            rest_ms=DAY,
            calls=encode((_STAMP,)),
        ),
        way("note", "open", ANYONE),
        silent("lapse", "closed", 30 * DAY),
    ),
    state("closed"),
)

TRANSACTIONS: dict[str, tuple[list[tuple[str, Operation]], list[str]]] = {
    "flows": (
        [
            ("works", DefineFlow(FLOW, simple())),
            ("works", DefineFlow("permit", _WHOLE)),
            ("works", RetireFlow(FLOW)),
        ],
        ["works"],
    ),
    "cases": (
        [
            ("health", opening()),
            ("health", opening(document=paper("application"), records=(0, 7), assignee=A)),
            ("works", moving(paper("case"), "grant")),
            ("works", moving(paper("case"), "name", document=paper("x"), assignee=A, records=(1,))),
        ],
        ["works", "health"],
    ),
}
REFUSED: list[Refusal] = [
    UnknownFlow(A, FLOW),
    FlowIsRetired(A, FLOW),
    NotTheLatest(FLOW, 1, 2),
    TooManyVersions(FLOW, 65_535),
    StateTwice("open"),
    TransitionTwice("open", "grant"),
    PartyTwice("applicant"),
    TooManyParties(9, 8),
    UnknownState("open", "grant", "shut"),
    UnknownParty("open", "grant", "judge"),
    Unreachable("lost"),
    IntoTheDoor("open", "again"),
    SilentDoor("begin"),
    SilenceTwice("open", "lapse"),
    SilenceAsks("open", "lapse"),
    SilenceCircles("open"),
    UnknownPlaceholder("judge"),
    UnknownCase(paper("case")),
    OtherParties(FLOW, ("applicant", "office")),
    NoSuchMove(paper("case"), "open", "grant"),
    SilenceFirst(paper("case"), TimeMs(1)),
    NotTheirs(paper("case"), "grant", A),
    NobodyYet(paper("case"), "officer"),
    TooEarly(paper("case"), "grant", TimeMs(1)),
    RecordMissing(paper("case"), "applicant", A, "fire.report", 0),
    DocumentMissing(paper("case"), "grant"),
    AssigneeMissing(paper("case"), "name", "officer"),
    NotAskedFor(paper("case"), "grant"),
    OwnCause(paper("case"), "grant", A),
    SameHand(paper("case"), "grant", A),
]
HAPPENED: list[Event] = [
    FlowDefined(A, FLOW, 1),
    FlowWasRetired(A, FLOW),
    CaseOpened(paper("case"), A, FLOW, 1, B, _PARTIES),
    CaseMoved(paper("case"), A, FLOW, 1, "open", "grant", "closed", B, paper("reasons"), _PARTIES),
    CaseMoved(paper("case"), A, FLOW, 1, "open", "lapse", "closed", None, None, ()),
]
