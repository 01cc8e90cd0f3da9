"""Evidence: two signed statements of one validator that exclude each other (consensus.md §10).

| kind | what was signed, at one height                                                |
|------|-------------------------------------------------------------------------------|
| E1   | two pre-prepares of one view for different blocks                             |
| E2   | two prepares of one view for different blocks                                 |
| E3   | two commits of one view for different blocks                                  |
| E4   | two view changes for one view with different claims                           |
| E5   | a commit, and a view change for a later view that claims less than the commit |
| E6   | a prepare and a commit of one view for different blocks                       |

An honest validator can never be named (rule R46): in one view it proposes, prepares and commits one
block, that it prepared; it asks for a view once; and what it committed it claims ever after. None
of it rests on time or on silence, and its signer refuses each of the six besides (rules R36, R37).

Whether two statements are evidence depends on them, the chain and the validators of their height,
and on nothing else (rule R47). A pair has one order, that of its bytes: hence the same content with
another signature is no pair. A case is named by kind, signer, height and view (of E5: the view of
the commit), however many pairs show it.
"""

from enum import Enum, unique
from typing import Annotated, final

from msgspec import Meta, Struct

from primitives.codec import encode
from primitives.crypto import Scheme
from primitives.digest import digest
from primitives.domains import Domain
from primitives.errors import BadSignature, Malformed, RemoteFault
from primitives.ids import ChainId, Digest, Height, Natural, Sized32, ValidatorKey, View, ViewNumber
from primitives.statements import (
    Statement,
    ViewChangeStatement,
    VoteStatement,
    Witness,
    read_statement,
)
from primitives.validators import ValidatorSet


@unique
class EvidenceKind(Enum):
    """Which promise was broken."""

    TWO_PROPOSALS = "E1"
    TWO_PREPARES = "E2"
    TWO_COMMITS = "E3"
    TWO_VIEW_CHANGES = "E4"
    AMNESIA = "E5"
    COMMIT_UNPREPARED = "E6"


@unique
class Flaw(Enum):
    """Why two statements are not evidence."""

    UNREADABLE = "unreadable"
    """One of them is no statement of a validator."""
    OTHER_CHAIN = "other_chain"
    """One of them is of another chain."""
    ORDER = "order"
    """They are the same, or the second one stands first."""
    COMPATIBLE = "compatible"
    """An honest validator may sign both."""
    NO_VALIDATOR = "no_validator"
    """The signer had no vote at that height."""
    SIGNATURE = "signature"
    """A signature is not the signer's."""


@final
class NotEvidence(RemoteFault):
    """It accuses nobody; `flaw` says why, for programs."""

    def __init__(self, flaw: Flaw, message: str) -> None:
        super().__init__(message)
        self.flaw = flaw


@final
class Evidence(Struct, array_like=True, frozen=True):
    """Who signed, and the two statements, the one with the smaller bytes first."""

    signer: Annotated[
        ValidatorKey, Meta(min_length=32, max_length=32, description="validator that signed both")
    ]
    first: Annotated[Witness, Meta(description="the statement with the smaller bytes")]
    second: Annotated[Witness, Meta(description="the one that it excludes")]


@final
class Case(Struct, array_like=True, frozen=True):
    """What evidence is about; two pieces of evidence of one case say the same."""

    kind: EvidenceKind
    signer: Sized32[ValidatorKey]
    height: Natural[Height]
    view: ViewNumber[View]

    @property
    def id(self) -> Digest:
        """What it is called: SHA-256(domain ‖ canonical case)."""
        return digest(Domain.EVIDENCE, encode(self))


def evidence_of(signer: ValidatorKey, one: Witness, other: Witness) -> Evidence:
    """Two statements in their order."""
    first, second = sorted((one, other), key=lambda witness: witness.statement)
    return Evidence(signer, first, second)


def case_of(evidence: Evidence, chain: ChainId) -> Case:
    """What the statements are about, whoever signed them: neither member nor signature is asked.

    Raises:
        NotEvidence: they do not exclude each other.
    """
    if evidence.first.statement >= evidence.second.statement:
        raise NotEvidence(Flaw.ORDER, "the statements are the same, or not in order of their bytes")
    first, second = _read(evidence.first, chain), _read(evidence.second, chain)
    kind = excludes(first, second)
    if kind is None:
        raise NotEvidence(
            Flaw.COMPATIBLE, f"an honest validator may sign both {first} and {second}"
        )
    return Case(kind, evidence.signer, first.height, first.view)


def check_evidence(
    evidence: Evidence, *, chain: ChainId, validators: ValidatorSet, scheme: Scheme
) -> Case:
    """The case that evidence proves; `validators` are those of its height (rule R47).

    Raises:
        NotEvidence: with its flaw.
    """
    case = case_of(evidence, chain)
    if validators.seat(case.signer) is None:
        raise NotEvidence(
            Flaw.NO_VALIDATOR,
            f"{case.signer.hex()} is none of the {validators.size} validators of {case.height}",
        )
    for witness in (evidence.first, evidence.second):
        try:
            scheme.check(case.signer, witness.statement, witness.signature)
        except BadSignature as error:
            raise NotEvidence(Flaw.SIGNATURE, str(error)) from error
    return case


def excludes(first: Statement, second: Statement) -> EvidenceKind | None:
    """Which promise two statements of one signer break, in the order of their bytes (rule R46)."""
    if (first.chain, first.height) != (second.chain, second.height):
        return None
    match first, second:
        case VoteStatement(), VoteStatement():
            return _votes(first, second)
        case VoteStatement(domain=Domain.COMMIT), ViewChangeStatement():
            return EvidenceKind.AMNESIA if _forgets(second, first) else None
        case ViewChangeStatement(), ViewChangeStatement():
            same = first.view == second.view and first != second
            return EvidenceKind.TWO_VIEW_CHANGES if same else None
        case _:
            return None


def _votes(first: VoteStatement, second: VoteStatement) -> EvidenceKind | None:
    if first.view != second.view or first.block_id == second.block_id:
        return None
    match first.domain, second.domain:
        case Domain.PRE_PREPARE, Domain.PRE_PREPARE:
            return EvidenceKind.TWO_PROPOSALS
        case Domain.PREPARE, Domain.PREPARE:
            return EvidenceKind.TWO_PREPARES
        case Domain.COMMIT, Domain.COMMIT:
            return EvidenceKind.TWO_COMMITS
        case Domain.COMMIT, Domain.PREPARE:
            return EvidenceKind.COMMIT_UNPREPARED
        case _:
            return None


def _forgets(change: ViewChangeStatement, commit: VoteStatement) -> bool:
    return change.prepared_view < commit.view < change.view


def _read(witness: Witness, chain: ChainId) -> Statement:
    try:
        statement = read_statement(witness.statement)
    except Malformed as error:
        raise NotEvidence(Flaw.UNREADABLE, str(error)) from error
    if statement.chain != chain:
        raise NotEvidence(
            Flaw.OTHER_CHAIN,
            f"a statement of chain {statement.chain.hex()}, expected {chain.hex()}",
        )
    return statement
