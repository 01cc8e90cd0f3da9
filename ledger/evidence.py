"""Evidence on chain: what two contradicting statements do to the validator that signed them.

Anybody with an account may report. Whether it holds is a function of the chain alone: the
statements, the chain id, the validators of their height, Ed25519 (rule R47). So every node gives
the same verdict, and no clock and no vote of anybody's is asked. What is proved suspends the
validator by `membership.suspend`, the one place that may (rule R49).

The cheap comes first, signatures last. What is bounded: the age of a case, one report per case, and
the reports of a block; a report that is refused leaves nothing and has checked two signatures, as
many as its own transaction may have cost.
"""

from typing import Annotated, Final, final

from msgspec import Meta, Struct

from ledger.act import Act
from ledger.membership import Suspension, suspend, validators_in
from ledger.operation import Refusal, Refused
from ledger.state import Table
from ledger.suspensions import SUSPENSIONS, SuspensionRow
from primitives import limits
from primitives.crypto import ED25519
from primitives.evidence import (
    Case,
    Evidence,
    EvidenceKind,
    Flaw,
    NotEvidence,
    case_of,
    check_evidence,
)
from primitives.ids import (
    Height,
    Natural,
    Sized32,
    TransactionId,
    ValidatorKey,
    View,
    ViewNumber,
)

Count = Annotated[int, Meta(ge=0, le=limits.EVIDENCE_REPORTS_PER_BLOCK_MAX + 1)]


@final
class ProvedCase(Struct, array_like=True, frozen=True):
    """The row of a case: where it was proved."""

    transaction: Sized32[TransactionId]
    height: Natural[Height]


@final
class ReportsRow(Struct, array_like=True, frozen=True):
    """How many reports the newest block with one has taken."""

    height: Natural[Height]
    count: Count


def _case_key(case: Case) -> bytes:
    place = case.height.to_bytes(8, "big") + case.view.to_bytes(4, "big")
    return case.signer + place + case.kind.value.encode("ascii")


def _only(_: None) -> bytes:
    return b"\0"


EVIDENCE_CASES: Final = Table[Case, ProvedCase](14, "evidence_cases", _case_key, ProvedCase)
EVIDENCE_REPORTS: Final = Table[None, ReportsRow](15, "evidence_reports", _only, ReportsRow)


class Unproven(Refusal, tag="evidence.unproven", frozen=True):
    """The two statements are not evidence against {signer}: {flaw}."""

    signer: Sized32[ValidatorKey]
    flaw: Flaw


class OutOfRange(Refusal, tag="evidence.out_of_range", frozen=True):
    """The evidence is about height {height}; this block takes heights {lowest} to {highest}."""

    height: Natural[Height]
    lowest: Natural[Height]
    highest: Natural[Height]


class AlreadyReported(Refusal, tag="evidence.already_reported", frozen=True):
    """{kind} of {signer} at height {height}, view {view} was proved in {transaction}."""

    kind: EvidenceKind
    signer: Sized32[ValidatorKey]
    height: Natural[Height]
    view: ViewNumber[View]
    transaction: Sized32[TransactionId]


class TooManyReports(Refusal, tag="evidence.too_many_reports", frozen=True):
    """Block {height} has taken {most} reports, which is all that a block takes."""

    height: Natural[Height]
    most: Count


def report(act: Act, evidence: Evidence) -> tuple[Case, Suspension]:
    """Prove a case, put it on record, and suspend the signer.

    Raises:
        Refused: it does not hold, is too old, was reported before, or this block has had its share
            of reports or of changes of validators.
    """
    reports = _reports_in(act)
    try:
        case = case_of(evidence, act.chain)
        _require_new(act, case)
        validators = validators_in(act, case.height)
        check_evidence(evidence, chain=act.chain, validators=validators, scheme=ED25519)
    except NotEvidence as error:
        raise Refused(Unproven(evidence.signer, error.flaw)) from error
    outcome = suspend(act, case.signer)
    act.state[EVIDENCE_CASES][case] = ProvedCase(act.transaction_id, act.height)
    act.state[EVIDENCE_REPORTS][None] = ReportsRow(act.height, reports + 1)
    if case.signer not in act.state[SUSPENSIONS]:
        row = SuspensionRow(case.kind, case.height, case.view, act.height)
        act.state[SUSPENSIONS][case.signer] = row
    return case, outcome


def _reports_in(act: Act) -> int:
    """Reports that this block has taken so far; there is room for one more."""
    row = act.state[EVIDENCE_REPORTS].find(None)
    taken = row.count if row is not None and row.height == act.height else 0
    most = limits.EVIDENCE_REPORTS_PER_BLOCK_MAX
    act.require(taken < most, TooManyReports(act.height, most))
    return taken


def _require_new(act: Act, case: Case) -> None:
    lowest = Height(max(1, act.height - limits.EVIDENCE_AGE_HEIGHTS_MAX))
    in_range = lowest <= case.height <= act.height
    act.require(in_range, OutOfRange(case.height, lowest, act.height))
    known = act.state[EVIDENCE_CASES].find(case)
    if known is not None:
        act.refuse(
            AlreadyReported(case.kind, case.signer, case.height, case.view, known.transaction)
        )
