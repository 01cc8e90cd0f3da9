"""One of each operation, refusal and event of policies, records and intents: for golden vectors."""

import hashlib

from kit.intents import kept
from kit.ledger import account_id, pay
from kit.policies import all_of, either, holders, signers, way
from kit.records import LICENCE, amend, amend_kind, define, issue, judged, rule
from ledger.intents import (
    AlreadyAnswered,
    IntentExpired,
    IntentExpiryOutOfRange,
    IntentOver,
    IntentStatus,
    KeysJustChanged,
    NotAParty,
    NotTheOpener,
    Stance,
    TooManyAnswers,
    UnknownIntent,
)
from ledger.kinds import (
    Content,
    Field,
    FieldContradicts,
    FieldMissing,
    FieldOutOfPlace,
    FieldType,
    KindInUse,
    NotTheOwner,
    PerSubject,
    UnknownKind,
    WrongContent,
    WrongValue,
)
from ledger.operation import Event, Operation, Refusal
from ledger.policy import NamedTwice, OutOfReach, TooManyAccounts
from ledger.records import (
    AlreadyIssued,
    ConsentMissing,
    ConsentsTwice,
    HeldByOverseer,
    OverBeforeIssue,
    RecordEnded,
    RecordStatus,
    StatusUnchanged,
    TooManyRecords,
    UnknownRecord,
)
from primitives.ids import INTEGER_MAX, Digest, Height, TimeMs
from services.consent import (
    ApproveIntent,
    CancelIntent,
    IntentApproved,
    IntentCancelled,
    IntentDone,
    IntentFailed,
    IntentOpened,
    IntentRefused,
    OpenIntent,
    RefuseIntent,
)
from services.registry.kinds import KindAmended, KindDefined
from services.registry.records import RecordAmended, RecordIssued, RecordStatusSet

A, B = account_id("treasury"), account_id("health")
INTENT = Digest(hashlib.sha256(b"intent").digest())

TRANSACTIONS: dict[str, tuple[list[tuple[str, Operation]], list[str]]] = {
    "an intent and its answers": (
        [
            (
                "works",
                OpenIntent(
                    calls=kept(
                        ("treasury", pay("works", 100, "INV-1")), ("health", ApproveIntent(INTENT))
                    ),
                    policy=either(
                        all_of("treasury", "health"),
                        way(holders(2, "notary"), holders(1, "registrar", "works")),
                    ),
                    expires_ms=TimeMs(1_780_000_000_001),
                ),
            ),
            ("health", ApproveIntent(INTENT)),
            ("treasury", RefuseIntent(INTENT, "too_dear")),
            ("works", CancelIntent(INTENT)),
        ],
        ["health", "treasury", "works"],
    ),
    "kinds of records": (
        [
            ("registrar", define()),
            (
                "registrar",
                define(
                    "civil.marriage",
                    per_subject=PerSubject.MANY,
                    overseer_role="court",
                    scope=A,
                    subject_consents=True,
                    consents=either(
                        all_of("health", "works"),
                        way(signers(1, "health"), holders(2, "witness", "works")),
                    ),
                    content=Content.TEXT,
                    fields=(
                        rule("class", FieldType.CODE, choices=("A", "B")),
                        rule("beds", FieldType.INTEGER, required=False, least=-5, most=INTEGER_MAX),
                    ),
                    kept_days=3_650,
                ),
            ),
            ("health", amend_kind(content=Content.NOTHING)),
        ],
        ["health", "registrar"],
    ),
    "records": (
        [
            ("notary", issue("health", fields=(Field("class", "A"), Field("beds", "-5")))),
            ("notary", amend("health", 7, commitment=None, text="قانون 7\n", until_ms=TimeMs(9))),
            ("notary", issue("works", consenting=(A, B))),
            ("notary", judged("health", RecordStatus.SUSPENDED)),
        ],
        ["notary", "health", "treasury"],
    ),
}
REFUSED: list[Refusal] = [
    UnknownIntent(INTENT),
    IntentOver(INTENT, IntentStatus.FAILED),
    NotAParty(INTENT, A),
    AlreadyAnswered(INTENT, A, Stance.APPROVED, Height(7)),
    TooManyAnswers(INTENT, 64),
    KeysJustChanged(A),
    NotTheOpener(INTENT, A, B),
    IntentExpiryOutOfRange(TimeMs(1), TimeMs(2), TimeMs(3)),
    OutOfReach(1),
    TooManyAccounts(33, 32),
    NamedTwice(0, A),
    UnknownKind(LICENCE),
    KindInUse(LICENCE, A),
    NotTheOwner(LICENCE, B, A),
    FieldContradicts("class"),
    WrongContent(LICENCE, Content.COMMITMENT),
    FieldMissing(LICENCE, "class"),
    FieldOutOfPlace(LICENCE, "beds"),
    WrongValue("beds", FieldType.INTEGER, -5, INTEGER_MAX, "x"),
    UnknownRecord(LICENCE, A, 7),
    AlreadyIssued(LICENCE, A, RecordStatus.VALID),
    TooManyRecords(LICENCE, A, 1_000_000),
    RecordEnded(LICENCE, A, 0, RecordStatus.REVOKED),
    StatusUnchanged(LICENCE, A, 0, RecordStatus.SUSPENDED),
    HeldByOverseer(LICENCE, A, "court"),
    ConsentMissing(LICENCE, 2),
    ConsentsTwice(A),
    OverBeforeIssue(TimeMs(1), TimeMs(2)),
]
HAPPENED: list[Event] = [
    IntentOpened(INTENT, A, TimeMs(7)),
    IntentApproved(INTENT, B),
    IntentRefused(INTENT, B, "too_dear", IntentStatus.OPEN),
    IntentCancelled(INTENT, A),
    IntentExpired(INTENT),
    IntentDone(INTENT, (A, B)),
    IntentFailed(INTENT, (A, B), "books.overdraft"),
    KindDefined(LICENCE, A, "notary", None),
    KindDefined(LICENCE, A, "notary", B),
    KindAmended(LICENCE, 1),
    RecordIssued(LICENCE, A, 7, 0, B),
    RecordAmended(LICENCE, A, 7, 1, B),
    RecordStatusSet(LICENCE, A, 7, RecordStatus.SUPERSEDED, "renewed", B),
]
