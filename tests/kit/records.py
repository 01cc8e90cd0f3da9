"""Builders for kinds of records and for what is issued under them."""

from typing import Any

from kit.ledger import account_id
from ledger.kinds import Content, FieldRule, FieldType, PerSubject
from ledger.records import RecordStatus
from primitives.ids import Digest
from services.registry.kinds import AmendKind, DefineKind
from services.registry.records import AmendRecord, IssueRecord, SetRecordStatus

PAPER = Digest(b"\x11" * 32)
LICENCE = "pharmacy.licence"


def rule(name: str, kind: FieldType, **fields: Any) -> FieldRule:  # noqa: ANN401
    """A public field that every record has, unless it says otherwise."""
    bounded = kind in (FieldType.INTEGER, FieldType.CODE)
    values: dict[str, Any] = {
        "required": True,
        "least": 1 if bounded else 0,
        "most": 9 if bounded else 0,
        "choices": (),
    }
    return FieldRule(name=name, type=kind, **{**values, **fields})


_RULES: dict[str, Any] = {
    "issuer_role": "notary",
    "overseer_role": None,
    "scope": None,
    "subject_consents": False,
    "consents": None,
    "content": Content.COMMITMENT,
    "fields": (),
    "kept_days": None,
}


def define(kind: str = LICENCE, **fields: Any) -> DefineKind:  # noqa: ANN401
    """Issued by notaries, one per subject, owned by the health agency, unless it says otherwise."""
    values = {**_RULES, "owner": account_id("health"), "per_subject": PerSubject.ONE, **fields}
    return DefineKind(kind=kind, **values)


def amend_kind(kind: str = LICENCE, **fields: Any) -> AmendKind:  # noqa: ANN401
    """The next version of a kind, as `define`."""
    return AmendKind(kind=kind, **{**_RULES, **fields})


_SAID: dict[str, Any] = {
    "commitment": PAPER,
    "text": None,
    "fields": (),
    "until_ms": None,
    "consenting": (),
}


def issue(subject: str, kind: str = LICENCE, **fields: Any) -> IssueRecord:  # noqa: ANN401
    """A record about the account of a name, with a commitment, unless it says otherwise."""
    return IssueRecord(kind=kind, subject=account_id(subject), **{**_SAID, **fields})


def amend(subject: str, number: int = 0, kind: str = LICENCE, **fields: Any) -> AmendRecord:  # noqa: ANN401
    """The next version of a record."""
    values = {**_SAID, **fields}
    return AmendRecord(kind=kind, subject=account_id(subject), number=number, **values)


def judged(
    subject: str,
    status: RecordStatus,
    reason: str = "inspection",
    number: int = 0,
    kind: str = LICENCE,
) -> SetRecordStatus:
    """A new status of a record, with a reason."""
    return SetRecordStatus(
        kind=kind, subject=account_id(subject), number=number, status=status, reason=reason
    )
