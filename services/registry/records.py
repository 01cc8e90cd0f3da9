"""Records: who has a kind's issuer role issues them, amends them, and says what they are worth."""

from typing import Annotated, final

from msgspec import Meta, Struct

from ledger import records
from ledger.act import Act
from ledger.kinds import KINDS, Fields, KindCode, PlainText, kind_key
from ledger.operation import Event, Operation
from ledger.policy import ReasonCode
from ledger.query import After, Limit, Page, Query, Reading
from ledger.records import (
    RECORDS,
    VERSIONS,
    Consenting,
    Draft,
    Number,
    Record,
    RecordKey,
    RecordStatus,
    RecordVersion,
    SubjectKey,
    record_key,
    subject_key,
)
from primitives.ids import AccountId, Digest, Height, Natural, Sized32, TimeMs, TransactionId
from services.registry.kinds import KindField


@final
class RecordIssued(Event, tag="registry.record_issued", frozen=True):
    """{issuer} issued the record {kind} number {number} of {subject}, version {version}."""

    kind: KindCode
    subject: Sized32[AccountId]
    number: Number
    version: Natural[int]
    issuer: Sized32[AccountId]


@final
class RecordAmended(Event, tag="registry.record_amended", frozen=True):
    """{issuer} amended the record {kind} number {number} of {subject}: version {version}."""

    kind: KindCode
    subject: Sized32[AccountId]
    number: Number
    version: Natural[int]
    issuer: Sized32[AccountId]


@final
class RecordStatusSet(Event, tag="registry.record_status_set", frozen=True):
    """{by} made the record {kind} number {number} of {subject} {status}: {reason}."""

    kind: KindCode
    subject: Sized32[AccountId]
    number: Number
    status: RecordStatus
    reason: ReasonCode
    by: Sized32[AccountId]


SubjectField = Annotated[
    AccountId,
    Meta(
        min_length=32,
        max_length=32,
        description="account it is about, or 32 bytes that name a thing",
    ),
]
NumberField = Annotated[
    Number, Meta(description="which of the subject's records of the kind; 0 is the first")
]
CommitmentField = Annotated[
    Sized32[Digest] | None, Meta(description="SHA-256(domain ‖ salt ‖ document), if the kind asks")
]
TextField = Annotated[
    PlainText | None,
    Meta(description="public text, if the kind asks; must not name or describe a person"),
]
FieldsField = Annotated[Fields, Meta(description="what is public, in the order of the kind")]
UntilField = Annotated[
    Natural[TimeMs] | None, Meta(description="time (ms) at which it is no longer in force")
]
ConsentingField = Annotated[
    Consenting, Meta(description="accounts that sign too, to meet the kind's policy")
]


@final
class IssueRecord(Operation, tag="registry.issue_record", frozen=True):
    """Issue a record about a subject.

    Needs the kind's issuer role in the kind's scope, and the consent that the kind asks for: of the
    subject, or of accounts that meet its policy, who all sign. Where a subject has one record at
    the most, it is issued anew after it was revoked or superseded, as its next version.
    """

    kind: KindField
    subject: SubjectField
    commitment: CommitmentField
    text: TextField
    fields: FieldsField
    until_ms: UntilField
    consenting: ConsentingField

    def apply(self, act: Act) -> None:
        """Write the record and its version."""
        draft = Draft(self.commitment, self.text, self.fields, self.until_ms)
        key, version = records.issue(act, self.kind, self.subject, draft, self.consenting)
        act.emit(RecordIssued(*key, version, act.actor))


@final
class AmendRecord(Operation, tag="registry.amend_record", frozen=True):
    """Issue the next version of a record that was neither revoked nor superseded.

    Needs what issuing needs. Earlier versions stay, and so does the status.
    """

    kind: KindField
    subject: SubjectField
    number: NumberField
    commitment: CommitmentField
    text: TextField
    fields: FieldsField
    until_ms: UntilField
    consenting: ConsentingField

    def apply(self, act: Act) -> None:
        """Write the record's next version."""
        draft = Draft(self.commitment, self.text, self.fields, self.until_ms)
        record = RecordKey(self.kind, self.subject, self.number)
        key, version = records.amend(act, record, draft, self.consenting)
        act.emit(RecordAmended(*key, version, act.actor))


@final
class SetRecordStatus(Operation, tag="registry.set_record_status", frozen=True):
    """Suspend a record, reinstate it, revoke it or say that it is superseded, with a reason.

    Needs the kind's issuer role or its overseer role in the kind's scope. What an overseer
    suspended, only an overseer reinstates. Revoked and superseded are for ever.
    """

    kind: KindField
    subject: SubjectField
    number: NumberField
    status: Annotated[RecordStatus, Meta(description="what it is worth from now on")]
    reason: Annotated[ReasonCode, Meta(description="why, as a code")]

    def apply(self, act: Act) -> None:
        """Write the status."""
        key = RecordKey(self.kind, self.subject, self.number)
        records.set_status(act, key, self.status, self.reason)
        act.emit(RecordStatusSet(*key, self.status, self.reason, act.actor))


@final
class RecordRow(Struct, frozen=True, kw_only=True):
    """A record: what it is worth, since when, and until when its document is kept."""

    kind: KindCode
    subject: Sized32[AccountId]
    number: Number
    version: Natural[int]
    status: RecordStatus
    reason: ReasonCode | None
    in_force: bool
    since_ms: Natural[TimeMs]
    until_ms: Natural[TimeMs] | None
    kept_until_ms: Natural[TimeMs] | None


@final
class VersionRow(Struct, frozen=True, kw_only=True):
    """A version of a record: what was said, by whom, and when."""

    version: Natural[int]
    commitment: Sized32[Digest] | None
    text: PlainText | None
    fields: Fields
    until_ms: Natural[TimeMs] | None
    issuer: Sized32[AccountId]
    consenting: Consenting
    kind_version: Natural[int]
    time_ms: Natural[TimeMs]
    height: Natural[Height]
    transaction: Sized32[TransactionId]


OfKind = Annotated[KindCode, Meta(description="of this kind")]


@final
class RecordLookup(Query, tag="registry.record", frozen=True, kw_only=True):
    """One record. An answer without a row names the entry whose absence proves that there is none.

    Of a kind with one record per subject, or without a number, that is the first one, number 0.
    """

    kind: OfKind
    subject: SubjectField
    number: NumberField | None

    def answer(self, reading: Reading) -> Page[RecordRow]:
        """Look it up."""
        key = RecordKey(self.kind, self.subject, self.number or 0)
        return reading.look_up(RECORDS, key, lambda record: _record_row(reading, key, record))


@final
class Records(Query, tag="registry.records", frozen=True, kw_only=True):
    """Records of a kind, in the order of subjects; or of one subject, in the order of numbers.

    A page may have fewer rows than it could while there are more: it ends after 20,000 records.
    """

    kind: OfKind
    subject: Annotated[SubjectField, Meta(description="only about this subject")] | None
    status: Annotated[RecordStatus, Meta(description="only with this status")] | None
    after: After | None
    limit: Limit | None

    def answer(self, reading: Reading) -> Page[RecordRow]:
        """List."""
        of_kind = kind_key(self.kind)
        one = self.subject

        def row(key: bytes, record: Record) -> RecordRow | None:
            if self.status not in (None, record.status):
                return None
            subject, number = key[len(of_kind) : -4], int.from_bytes(key[-4:], "big")
            found = RecordKey(self.kind, AccountId(subject), number)
            return _record_row(reading, found, record)

        prefix = of_kind if one is None else subject_key(SubjectKey(self.kind, one))
        return reading.list(RECORDS, row, prefix=prefix, after=self.after, limit=self.limit)


@final
class RecordVersions(Query, tag="registry.record_versions", frozen=True, kw_only=True):
    """All versions of a record, the first one first."""

    kind: OfKind
    subject: SubjectField
    number: NumberField | None
    after: After | None
    limit: Limit | None

    def answer(self, reading: Reading) -> Page[VersionRow]:
        """List."""

        def row(key: bytes, version: RecordVersion) -> VersionRow:
            return VersionRow(
                version=int.from_bytes(key[-4:], "big"),
                commitment=version.draft.commitment,
                text=version.draft.text,
                fields=version.draft.fields,
                until_ms=version.draft.until_ms,
                issuer=version.issuer,
                consenting=version.consenting,
                kind_version=version.kind_version,
                time_ms=version.time_ms,
                height=version.height,
                transaction=version.transaction,
            )

        key = RecordKey(self.kind, self.subject, self.number or 0)
        return reading.list(
            VERSIONS, row, prefix=record_key(key), after=self.after, limit=self.limit
        )


def _record_row(reading: Reading, key: RecordKey, record: Record) -> RecordRow:
    kind = KINDS.read(reading.state, key.kind)
    assert kind is not None, f"a record of the kind {key.kind}, which there is not"
    return RecordRow(
        kind=key.kind,
        subject=key.subject,
        number=key.number,
        version=record.version,
        status=record.status,
        reason=record.reason,
        in_force=record.in_force(reading.time_ms),
        since_ms=record.since_ms,
        until_ms=record.until_ms,
        kept_until_ms=records.kept_until(kind, record),
    )
