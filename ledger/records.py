"""Records: licences, certificates, registrations, with their versions and their status (K3).

A record is found by its kind, its subject and a number: by what anybody can write down who asks
whether there is one. So its absence is an absence of that key, and provable. A subject with many
records of a kind has the numbers from 0 on, without a gap; with one at the most, the number 0.

What is issued stays: an amendment is the next version, and no version is ever changed or deleted.
What changes is the status, with a reason: valid, suspended, and at the end revoked or superseded. A
record is in force while it is valid and its time is not over. Where a subject has one record, it is
issued anew after its end, as its next version.

Issuers are the holders of the role that the kind names. The role of an overseer, such as a court,
changes the status too, and what an overseer suspended the issuer does not reinstate.
"""

from enum import Enum, unique
from typing import TYPE_CHECKING, Annotated, Final, NamedTuple, final

from msgspec import Meta, Struct
from msgspec.structs import replace

from ledger import kinds, policy, roles
from ledger.kinds import Fields, Kind, KindCode, PerSubject, PlainText, kind_key
from ledger.operation import Refusal, Refused
from ledger.policy import ReasonCode
from ledger.roles import Role
from ledger.state import Overlay, Table
from primitives import kernel_limits
from primitives.ids import AccountId, Digest, Height, Natural, Sized32, TimeMs, TransactionId

if TYPE_CHECKING:
    from ledger.act import Act

Number = Annotated[int, Meta(ge=0, le=kernel_limits.RECORDS_PER_SUBJECT_MAX - 1)]
Consenting = Annotated[
    tuple[Sized32[AccountId], ...], Meta(max_length=kernel_limits.POLICY_ACCOUNTS_MAX)
]
_DAY_MS: Final = 86_400_000


@unique
class RecordStatus(Enum):
    """What a record is worth."""

    VALID = "valid"
    SUSPENDED = "suspended"
    REVOKED = "revoked"
    SUPERSEDED = "superseded"


ENDED: Final = frozenset({RecordStatus.REVOKED, RecordStatus.SUPERSEDED})
"""What is never again anything else."""


@final
class RecordKey(NamedTuple):
    """What a record is found by. The subject is an account, or 32 bytes that name a thing."""

    kind: str
    subject: AccountId
    number: int


class VersionKey(NamedTuple):
    """What a version of a record is found by."""

    record: RecordKey
    version: int


class SubjectKey(NamedTuple):
    """What the number of a subject's records of a kind is found by."""

    kind: str
    subject: AccountId


@final
class Record(Struct, array_like=True, frozen=True):
    """The row of a record: its newest version, its status, since when, and why."""

    version: Natural[int]
    status: RecordStatus
    reason: ReasonCode | None
    since_ms: Natural[TimeMs]
    until_ms: Natural[TimeMs] | None
    by_overseer: bool

    def in_force(self, time_ms: TimeMs) -> bool:
        """Whether it is valid at a time; without `until_ms` for ever."""
        timely = self.until_ms is None or time_ms < self.until_ms
        return timely and self.status is RecordStatus.VALID


@final
class Draft(Struct, array_like=True, frozen=True):
    """What the issuer says: a commitment or a text, public fields, until when it is in force."""

    commitment: Sized32[Digest] | None
    text: PlainText | None
    fields: Fields
    until_ms: Natural[TimeMs] | None


@final
class RecordVersion(Struct, array_like=True, frozen=True):
    """The row of one version, written once: what was said, by whom, under which law, and when."""

    draft: Draft
    issuer: Sized32[AccountId]
    consenting: Consenting
    kind_version: Natural[int]
    transaction: Sized32[TransactionId]
    height: Natural[Height]
    time_ms: Natural[TimeMs]


@final
class RecordCount(Struct, array_like=True, frozen=True):
    """The row of how many records of a kind a subject has, where it may have many."""

    count: Annotated[int, Meta(ge=1, le=kernel_limits.RECORDS_PER_SUBJECT_MAX)]


def subject_key(key: SubjectKey) -> bytes:
    """The beginning of the keys of all records of a kind about a subject."""
    return kind_key(key.kind) + key.subject


def record_key(key: RecordKey) -> bytes:
    """Kind, subject, and four bytes of the number: in the order of their numbers."""
    return subject_key(SubjectKey(key.kind, key.subject)) + key.number.to_bytes(4, "big")


def _version_key(key: VersionKey) -> bytes:
    return record_key(key.record) + key.version.to_bytes(4, "big")


RECORDS: Final = Table[RecordKey, Record](30, "records", record_key, Record)
VERSIONS: Final = Table[VersionKey, RecordVersion](
    31, "record_versions", _version_key, RecordVersion
)
COUNTS: Final = Table[SubjectKey, RecordCount](52, "record_counts", subject_key, RecordCount)


class UnknownRecord(Refusal, tag="records.unknown", frozen=True):
    """There is no record {kind} number {number} of {subject}."""

    kind: KindCode
    subject: Sized32[AccountId]
    number: Number


class AlreadyIssued(Refusal, tag="records.already_issued", frozen=True):
    """{subject} has its one record {kind} already, and it is {status}."""

    kind: KindCode
    subject: Sized32[AccountId]
    status: RecordStatus


class TooManyRecords(Refusal, tag="records.too_many", frozen=True):
    """{subject} has {most} records {kind}, which is all that it can have."""

    kind: KindCode
    subject: Sized32[AccountId]
    most: Natural[int]


class RecordEnded(Refusal, tag="records.ended", frozen=True):
    """The record {kind} number {number} of {subject} is {status}, for ever."""

    kind: KindCode
    subject: Sized32[AccountId]
    number: Number
    status: RecordStatus


class StatusUnchanged(Refusal, tag="records.status_unchanged", frozen=True):
    """The record {kind} number {number} of {subject} is {status} already."""

    kind: KindCode
    subject: Sized32[AccountId]
    number: Number
    status: RecordStatus


class HeldByOverseer(Refusal, tag="records.held_by_overseer", frozen=True):
    """An overseer suspended the record {kind} of {subject}: only the role {overseer} reinstates."""

    kind: KindCode
    subject: Sized32[AccountId]
    overseer: Role


class ConsentMissing(Refusal, tag="records.consent_missing", frozen=True):
    """The {consenting} accounts that consent are not those that the kind {kind} asks for."""

    kind: KindCode
    consenting: Natural[int]


class ConsentsTwice(Refusal, tag="records.consents_twice", frozen=True):
    """Account {account} is named twice among those that consent."""

    account: Sized32[AccountId]


class OverBeforeIssue(Refusal, tag="records.over_before_issue", frozen=True):
    """The record would be over at {until_ms}, and it is {time_ms} already."""

    until_ms: Natural[TimeMs]
    time_ms: Natural[TimeMs]


def find(state: Overlay, key: RecordKey) -> Record | None:
    """The record of a key, or None."""
    return state[RECORDS].find(key)


def is_valid(act: "Act", key: RecordKey) -> bool:
    """Whether a record exists and is in force at the block's time."""
    row = find(act.state, key)
    return row is not None and row.in_force(act.time_ms)


def kept_until(kind: Kind, row: Record) -> TimeMs | None:
    """Until when a record's document must be kept; None while it is not over, or for ever."""
    over = row.since_ms if row.status in ENDED else row.until_ms
    if over is None or kind.kept_days is None:
        return None
    return TimeMs(over + kind.kept_days * _DAY_MS)


def issue(
    act: "Act", code: str, subject: AccountId, draft: Draft, consenting: tuple[AccountId, ...]
) -> VersionKey:
    """Issue a record, as the actor.

    Raises:
        Refused: the actor is no issuer of the kind; somebody who must does not consent; the draft
            is not as the kind asks; or the subject has its one record, or all it can have.
    """
    kind = kinds.find(act, code)
    _judge(act, code, kind, subject, draft, consenting)
    number = _next_number(act, code, kind, subject)

    key = RecordKey(code, subject, number)
    earlier = find(act.state, key)
    if kind.per_subject is PerSubject.MANY:
        act.state[COUNTS][SubjectKey(code, subject)] = RecordCount(number + 1)
    version = 0 if earlier is None else earlier.version + 1
    act.state[RECORDS][key] = Record(
        version=version,
        status=RecordStatus.VALID,
        reason=None,
        since_ms=act.time_ms,
        until_ms=draft.until_ms,
        by_overseer=False,
    )
    return _write(act, VersionKey(key, version), kind, draft, consenting)


def amend(
    act: "Act", key: RecordKey, draft: Draft, consenting: tuple[AccountId, ...]
) -> VersionKey:
    """Issue the next version of a record that has not ended, as the actor; its status stays.

    Raises:
        Refused: there is no such record, it has ended, or as when one is issued.
    """
    kind = kinds.find(act, key.kind)
    row = _unended(act, key)
    _judge(act, key.kind, kind, key.subject, draft, consenting)

    version = row.version + 1
    act.state[RECORDS][key] = replace(row, version=version, until_ms=draft.until_ms)
    return _write(act, VersionKey(key, version), kind, draft, consenting)


def set_status(act: "Act", key: RecordKey, status: RecordStatus, reason: ReasonCode) -> None:
    """Change what a record is worth, as an issuer or an overseer of its kind.

    Raises:
        Refused: the actor is neither; there is no such record; it has ended, or has this status; or
            an overseer suspended it, and the actor is none.
    """
    kind = kinds.find(act, key.kind)
    row = _unended(act, key)
    oversees = kind.overseer_role is not None and roles.has_role(
        act, act.actor, kind.overseer_role, kind.scope
    )
    if not oversees:
        act.require_role(kind.issuer_role, kind.scope)
        if row.by_overseer and kind.overseer_role is not None and status is RecordStatus.VALID:
            raise Refused(HeldByOverseer(key.kind, key.subject, kind.overseer_role))
    if status is row.status:
        raise Refused(StatusUnchanged(*key, status))

    act.state[RECORDS][key] = replace(
        row, status=status, reason=reason, since_ms=act.time_ms, by_overseer=oversees
    )


def _next_number(act: "Act", code: str, kind: Kind, subject: AccountId) -> int:
    if kind.per_subject is PerSubject.ONE:
        row = find(act.state, RecordKey(code, subject, 0))
        if row is not None and row.status not in ENDED:
            raise Refused(AlreadyIssued(code, subject, row.status))
        return 0
    counted = act.state[COUNTS].find(SubjectKey(code, subject))
    number = 0 if counted is None else counted.count
    if number >= kernel_limits.RECORDS_PER_SUBJECT_MAX:
        raise Refused(TooManyRecords(code, subject, number))
    return number


def _unended(act: "Act", key: RecordKey) -> Record:
    row = act.state[RECORDS].need(key, UnknownRecord(*key))
    if row.status in ENDED:
        raise Refused(RecordEnded(*key, row.status))
    return row


def _judge(
    act: "Act",
    code: str,
    kind: Kind,
    subject: AccountId,
    draft: Draft,
    consenting: tuple[AccountId, ...],
) -> None:
    """Whether the actor may issue this, with these who consent."""
    act.require_role(kind.issuer_role, kind.scope)
    kinds.check_content(code, kind, commitment=draft.commitment, text=draft.text)
    kinds.check_fields(act, code, kind, draft.fields)
    if draft.until_ms is not None and draft.until_ms <= act.time_ms:
        raise Refused(OverBeforeIssue(draft.until_ms, act.time_ms))
    for number, account in enumerate(consenting):
        if account in consenting[:number]:
            raise Refused(ConsentsTwice(account))
    if kind.consents is not None and not policy.met(act, kind.consents, consenting):
        raise Refused(ConsentMissing(code, len(consenting)))
    for account in consenting:
        act.require_present(account)
    if kind.subject_consents:
        act.require_present(subject)


def _write(
    act: "Act",
    key: VersionKey,
    kind: Kind,
    draft: Draft,
    consenting: tuple[AccountId, ...],
) -> VersionKey:
    act.state[VERSIONS][key] = RecordVersion(
        draft=draft,
        issuer=act.actor,
        consenting=consenting,
        kind_version=kind.version,
        transaction=act.transaction_id,
        height=act.height,
        time_ms=act.time_ms,
    )
    return key
