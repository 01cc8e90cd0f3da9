"""Kinds of records: a registrar defines them, their owners amend them."""

from typing import Annotated, final

from msgspec import Meta, Struct

from ledger import kinds
from ledger.act import Act
from ledger.kinds import KINDS, Content, Days, FieldRules, Kind, KindCode, PerSubject
from ledger.operation import Event, Operation
from ledger.policy import Policy
from ledger.query import After, Limit, Page, Query, Reading
from ledger.roles import REGISTRAR, Role
from primitives.ids import AccountId, Natural, Sized32


@final
class KindDefined(Event, tag="registry.kind_defined", frozen=True):
    """There is a kind of records {kind}, owned by {owner} and issued by role {issuer_role}."""

    kind: KindCode
    owner: Sized32[AccountId]
    issuer_role: Role
    scope: Sized32[AccountId] | None


@final
class KindAmended(Event, tag="registry.kind_amended", frozen=True):
    """The kind of records {kind} has the version {version}."""

    kind: KindCode
    version: Natural[int]


KindField = Annotated[KindCode, Meta(description="code of the kind, such as civil.marriage")]
IssuerField = Annotated[Role, Meta(description="role whose holders issue records of the kind")]
OverseerField = Annotated[
    Role | None, Meta(description="role whose holders change the status too, such as a court's")
]
ScopeField = Annotated[
    Sized32[AccountId] | None,
    Meta(description="account for which they have these roles; none is the network"),
]
SubjectConsentsField = Annotated[
    bool, Meta(description="whether the subject must consent to each version")
]
ConsentsField = Annotated[
    Policy | None, Meta(description="who else must consent to each version, the issuer included")
]
ContentField = Annotated[Content, Meta(description="what a record has besides its public fields")]
RulesField = Annotated[FieldRules, Meta(description="what is public of a record, in this order")]
KeptField = Annotated[
    Days | None, Meta(description="days that a document is kept after its end; none is for ever")
]


@final
class DefineKind(Operation, tag="registry.define_kind", frozen=True):
    """Define a kind of records: who issues, who must consent, what is public, how long it is kept.

    Needs the role registrar for the network. The owner amends the kind from then on.
    """

    kind: KindField
    owner: Annotated[
        AccountId, Meta(min_length=32, max_length=32, description="account that amends the kind")
    ]
    per_subject: Annotated[
        PerSubject, Meta(description="whether a subject has one record at the most; fixed for ever")
    ]
    issuer_role: IssuerField
    overseer_role: OverseerField
    scope: ScopeField
    subject_consents: SubjectConsentsField
    consents: ConsentsField
    content: ContentField
    fields: RulesField
    kept_days: KeptField

    def apply(self, act: Act) -> None:
        """Write the kind."""
        act.require_role(REGISTRAR)
        row = Kind(
            owner=self.owner,
            version=0,
            per_subject=self.per_subject,
            issuer_role=self.issuer_role,
            overseer_role=self.overseer_role,
            scope=self.scope,
            subject_consents=self.subject_consents,
            consents=self.consents,
            content=self.content,
            fields=self.fields,
            kept_days=self.kept_days,
        )
        kinds.define(act, self.kind, row)
        act.emit(KindDefined(self.kind, self.owner, self.issuer_role, self.scope))


@final
class AmendKind(Operation, tag="registry.amend_kind", frozen=True):
    """Write the next version of a kind of records. Only its owner may.

    Records that were issued stay as they are, and say under which version they were issued.
    """

    kind: KindField
    issuer_role: IssuerField
    overseer_role: OverseerField
    scope: ScopeField
    subject_consents: SubjectConsentsField
    consents: ConsentsField
    content: ContentField
    fields: RulesField
    kept_days: KeptField

    def apply(self, act: Act) -> None:
        """Write the kind's next version."""
        known = kinds.find(act, self.kind)
        row = Kind(
            owner=known.owner,
            version=known.version + 1,
            per_subject=known.per_subject,
            issuer_role=self.issuer_role,
            overseer_role=self.overseer_role,
            scope=self.scope,
            subject_consents=self.subject_consents,
            consents=self.consents,
            content=self.content,
            fields=self.fields,
            kept_days=self.kept_days,
        )
        kinds.amend(act, self.kind, row)
        act.emit(KindAmended(self.kind, row.version))


@final
class KindRow(Struct, frozen=True, kw_only=True):
    """A kind: who issues its records, and what each has."""

    kind: KindCode
    version: Natural[int]
    owner: Sized32[AccountId]
    per_subject: PerSubject
    issuer_role: Role
    overseer_role: Role | None
    scope: Sized32[AccountId] | None
    subject_consents: bool
    consents: Policy | None
    content: Content
    fields: FieldRules
    kept_days: Days | None


@final
class Kinds(Query, tag="registry.kinds", frozen=True, kw_only=True):
    """Kinds of records, in the order of their codes; or one of them."""

    kind: Annotated[KindCode, Meta(description="only this one")] | None
    after: After | None
    limit: Limit | None

    def answer(self, reading: Reading) -> Page[KindRow]:
        """List."""

        def row(code: str, kind: Kind) -> KindRow:
            return KindRow(
                kind=code, **{name: getattr(kind, name) for name in kind.__struct_fields__}
            )

        if self.kind is not None:
            only = self.kind
            return reading.look_up(KINDS, only, lambda kind: row(only, kind))
        return reading.list(
            KINDS,
            lambda key, kind: row(key[:-1].decode("ascii"), kind),
            after=self.after,
            limit=self.limit,
        )
