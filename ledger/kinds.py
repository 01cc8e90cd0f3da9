"""Kinds of records, as data: who issues and consents, what is public, how long it is kept (K3).

A kind is law in force: its owner, such as a ministry or a parliament, amends it, and each version
of a record says which version of its kind it was issued under. Two things never change: the owner,
and whether a subject has one record of the kind or many, since proofs of absence rest on it.

What is public of a record are the fields that its kind names, each of a type and within limits;
values are written as text in one way only. There is no type for prose. A document itself stays with
whoever holds it, and a salted commitment to it stands on chain; a kind of public documents, such as
laws, may hold the text instead.
"""

import datetime
import re
from collections.abc import Iterator, Sequence
from enum import Enum, unique
from typing import TYPE_CHECKING, Annotated, Final, final

from msgspec import Meta, Struct

from ledger import policy
from ledger.accounts import ACCOUNTS, UnknownAccount
from ledger.operation import Refusal, Refused
from ledger.policy import Policy
from ledger.roles import ROLE_DEFINITIONS, Role, UnknownRole
from ledger.state import Table
from primitives import kernel_limits
from primitives.ids import AccountId, Digest, Natural, Signed, Sized32

if TYPE_CHECKING:
    from ledger.act import Act

KindCode = Annotated[
    str, Meta(pattern=r"^[a-z][a-z0-9_.]*(?!\n)$", max_length=kernel_limits.RECORD_KIND_LENGTH_MAX)
]
FieldName = Annotated[
    str, Meta(pattern=r"^[a-z][a-z0-9_]*(?!\n)$", max_length=kernel_limits.RECORD_FIELD_LENGTH_MAX)
]
Value = Annotated[
    str, Meta(pattern=r"^[!-~]+(?!\n)$", max_length=kernel_limits.RECORD_VALUE_LENGTH_MAX)
]
Days = Annotated[int, Meta(ge=0, le=kernel_limits.RECORD_KEPT_DAYS_MAX)]
PlainText = Annotated[
    str,
    Meta(
        pattern=r"^[^\x00-\x09\x0b-\x1f\x7f-\x9f]*$",
        max_length=kernel_limits.RECORD_TEXT_LENGTH_MAX,
    ),
]
"""Text in lines, without other control characters."""

_SHAPES: Final = {
    "integer": re.compile(r"0|-?[1-9][0-9]{0,18}", re.ASCII),
    "code": re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:/-]*"),
    "date": re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}"),
    "account": re.compile(r"[0-9a-f]{64}"),
    "digest": re.compile(r"[0-9a-f]{64}"),
}


@unique
class FieldType(Enum):
    """What a public field holds."""

    INTEGER = "integer"
    """From `least` to `most`."""
    CODE = "code"
    """From `least` to `most` characters; one of the choices, if there are any."""
    DATE = "date"
    """A day, as YYYY-MM-DD."""
    ACCOUNT = "account"
    """An account that exists, as 64 hexadecimal digits."""
    DIGEST = "digest"
    """32 bytes, such as a commitment or the id of something, as 64 hexadecimal digits."""


@unique
class Content(Enum):
    """What a record says besides its public fields."""

    COMMITMENT = "commitment"
    """The salted commitment to a document that somebody keeps."""
    TEXT = "text"
    """A public text, in full."""
    NOTHING = "nothing"


@unique
class PerSubject(Enum):
    """How many records of the kind a subject has."""

    ONE = "one"
    """Its absence says: not licensed, not married. After its end it is issued anew."""
    MANY = "many"
    """Numbered from 0 without a gap: where number n is absent, there are n and no more."""


@final
class FieldRule(Struct, array_like=True, frozen=True):
    """What a public field may hold."""

    name: Annotated[FieldName, Meta(description="name of the field")]
    type: Annotated[FieldType, Meta(description="what it holds")]
    required: Annotated[bool, Meta(description="whether every record has it")]
    least: Annotated[Signed[int], Meta(description="of an integer or a code's length; else 0")]
    most: Annotated[Signed[int], Meta(description="of an integer or a code's length; else 0")]
    choices: Annotated[
        tuple[Value, ...],
        Meta(
            max_length=kernel_limits.RECORD_CHOICES_MAX, description="all a code may be; none: any"
        ),
    ]


@final
class Field(Struct, array_like=True, frozen=True):
    """A public field of a record."""

    name: Annotated[FieldName, Meta(description="as the kind names it")]
    value: Annotated[Value, Meta(description="as the kind's type writes it")]


FieldRules = Annotated[tuple[FieldRule, ...], Meta(max_length=kernel_limits.RECORD_FIELDS_MAX)]
Fields = Annotated[tuple[Field, ...], Meta(max_length=kernel_limits.RECORD_FIELDS_MAX)]


@final
class Kind(Struct, array_like=True, frozen=True):
    """The row of a kind. `scope` is the account for which issuer and overseer need their roles."""

    owner: Sized32[AccountId]
    version: Natural[int]
    per_subject: PerSubject
    issuer_role: Role
    overseer_role: Role | None
    scope: Sized32[AccountId] | None
    subject_consents: bool
    consents: Policy | None
    content: Content
    fields: FieldRules
    kept_days: Days | None


def kind_key(code: str) -> bytes:
    """A code has no zero byte, so what follows it in a key is never taken for a part of it."""
    return code.encode("ascii") + b"\0"


KINDS: Final = Table[str, Kind](29, "record_kinds", kind_key, Kind)


class UnknownKind(Refusal, tag="kinds.unknown", frozen=True):
    """There is no kind of records {kind}."""

    kind: KindCode


class KindInUse(Refusal, tag="kinds.in_use", frozen=True):
    """There is a kind of records {kind} already, owned by {owner}."""

    kind: KindCode
    owner: Sized32[AccountId]


class NotTheOwner(Refusal, tag="kinds.not_the_owner", frozen=True):
    """Account {account} does not own the kind {kind}, {owner} does."""

    kind: KindCode
    account: Sized32[AccountId]
    owner: Sized32[AccountId]


class FieldContradicts(Refusal, tag="kinds.field_contradicts", frozen=True):
    """The rule of the public field {field} contradicts itself or another one of its name."""

    field: FieldName


class WrongContent(Refusal, tag="kinds.wrong_content", frozen=True):
    """A record of the kind {kind} has as its content: {content}, and nothing else."""

    kind: KindCode
    content: Content


class FieldMissing(Refusal, tag="kinds.field_missing", frozen=True):
    """A record of the kind {kind} needs the public field {field}."""

    kind: KindCode
    field: FieldName


class FieldOutOfPlace(Refusal, tag="kinds.field_out_of_place", frozen=True):
    """The field {field} is none of the kind {kind}, or does not stand in the kind's order."""

    kind: KindCode
    field: FieldName


class WrongValue(Refusal, tag="kinds.wrong_value", frozen=True):
    """The field {field} is no {type} from {least} to {most}, or none of its choices: {value}."""

    field: FieldName
    type: FieldType
    least: Signed[int]
    most: Signed[int]
    value: Value


def define(act: "Act", code: str, kind: Kind) -> None:
    """Write a new kind. Whether the actor may define it is not asked.

    Raises:
        Refused: the code is in use, or the kind cannot be.
    """
    known = act.state[KINDS].find(code)
    if known is not None:
        raise Refused(KindInUse(code, known.owner))
    act.state[ACCOUNTS].need(kind.owner, UnknownAccount(kind.owner))
    _check(act, kind)

    act.state[KINDS][code] = kind


def amend(act: "Act", code: str, kind: Kind) -> None:
    """Write the next version of a kind, as its owner.

    Raises:
        Refused: there is no such kind, the actor does not own it, or it cannot be.
    """
    known = find(act, code)
    if act.actor != known.owner:
        raise Refused(NotTheOwner(code, act.actor, known.owner))
    _check(act, kind)

    assert (kind.owner, kind.per_subject) == (known.owner, known.per_subject), "what never changes"
    act.state[KINDS][code] = kind


def find(act: "Act", code: str) -> Kind:
    """The kind of a code.

    Raises:
        Refused: there is none.
    """
    return act.state[KINDS].need(code, UnknownKind(code))


def check_content(code: str, kind: Kind, *, commitment: Digest | None, text: str | None) -> None:
    """A record has the content that its kind asks for.

    Raises:
        Refused: it has not, or another one too.
    """
    given = (commitment is not None, text is not None)
    if given != (kind.content is Content.COMMITMENT, kind.content is Content.TEXT):
        raise Refused(WrongContent(code, kind.content))


def check_fields(act: "Act", code: str, kind: Kind, fields: Sequence[Field]) -> None:
    """The public fields of a record are those of its kind, in its order, and hold what they may.

    Raises:
        Refused: one is missing, out of place, or has a value that it may not have.
    """
    left = list(reversed(fields))
    for rule in kind.fields:
        if left and left[-1].name == rule.name:
            _check_value(act, rule, left.pop().value)
        elif rule.required:
            raise Refused(FieldMissing(code, rule.name))
    if left:
        raise Refused(FieldOutOfPlace(code, left[-1].name))


def _check(act: "Act", kind: Kind) -> None:
    for role in (kind.issuer_role, kind.overseer_role):
        if role is not None:
            act.state[ROLE_DEFINITIONS].need(role, UnknownRole(role))
    if kind.scope is not None:
        act.state[ACCOUNTS].need(kind.scope, UnknownAccount(kind.scope))
    if kind.consents is not None:
        policy.check(act, kind.consents)
    for refusal in _contradictions(kind.fields):
        raise Refused(refusal)


def _contradictions(rules: Sequence[FieldRule]) -> Iterator[Refusal]:
    names: set[str] = set()
    for rule in rules:
        bounded = rule.type in (FieldType.INTEGER, FieldType.CODE)
        possible = rule.least <= rule.most if bounded else rule.least == rule.most == 0
        chosen = not rule.choices or rule.type is FieldType.CODE
        if rule.name in names or not possible or not chosen:
            yield FieldContradicts(rule.name)
        names.add(rule.name)


def _check_value(act: "Act", rule: FieldRule, value: str) -> None:
    if not _SHAPES[rule.type.value].fullmatch(value) or not _fits(rule, value):
        raise Refused(WrongValue(rule.name, rule.type, rule.least, rule.most, value))
    if rule.type is FieldType.ACCOUNT:
        account = AccountId(bytes.fromhex(value))
        act.state[ACCOUNTS].need(account, UnknownAccount(account))


def _fits(rule: FieldRule, value: str) -> bool:
    """Whether a value of the right shape is within the rule."""
    match rule.type:
        case FieldType.INTEGER:
            return rule.least <= int(value) <= rule.most
        case FieldType.CODE:
            known = not rule.choices or value in rule.choices
            return known and rule.least <= len(value) <= rule.most
        case FieldType.DATE:
            try:
                datetime.date.fromisoformat(value)
            except ValueError:
                return False
    return True
