"""The evidence that a node keeps, for whoever asks: what it is, and the files to take away.

Like `node.queries`, synchronous and run in worker threads; a node that is asked keeps nothing back
and judges nothing anew: what it kept was proved before (node/evidence.py).
"""

from typing import final

from msgspec import Struct

from ledger.membership import suspended, validator_records
from ledger.state import StateReader
from ledger.suspensions import SUSPENSIONS
from node.evidence import read_kept
from node.evidence_file import evidence_file, write_evidence
from node.forensics import testify, write_testimony
from primitives.evidence import Case, EvidenceKind
from primitives.ids import (
    Digest,
    Height,
    Natural,
    Sized32,
    ValidatorKey,
    View,
    ViewNumber,
)
from storage.chain import ChainStore


@final
class CaseAnswer(Struct, frozen=True, kw_only=True):
    """A case that this node has evidence of.

    `name` is the signer's at that height. `suspended_since` is the block in which the first case
    against the signer was proved on chain; null before. `marked` says that it votes until a
    replacement joins, because the network needs its minimum.
    """

    id: Sized32[Digest]
    kind: EvidenceKind
    signer: Sized32[ValidatorKey]
    name: str
    height: Natural[Height]
    view: ViewNumber[View]
    suspended_since: Natural[Height] | None
    marked: bool


@final
class CasesAnswer(Struct, frozen=True, kw_only=True):
    """Every case that this node has evidence of, by height."""

    cases: tuple[CaseAnswer, ...]


@final
class Accusations:
    """Answers from one store; safe in any number of threads."""

    def __init__(self, store: ChainStore) -> None:
        self._store = store

    def cases(self) -> CasesAnswer:
        """Every case."""
        kept = [read_kept(one, self._store.chain)[1] for one in self._store.evidence()]
        with self._store.state() as state:
            return CasesAnswer(cases=tuple(_answer(state, case) for case in kept))

    def file(self, identifier: Digest) -> bytes | None:
        """The evidence file of a case, or None.

        Raises:
            Rejected: it would be larger than anybody reads.
        """
        for kept in self._store.evidence():
            if kept.case == identifier:
                evidence, case = read_kept(kept, self._store.chain)
                return write_evidence(evidence_file(evidence, case, self._store))
        return None

    def testimony(self, height: Height) -> bytes:
        """What this node holds about a height that it decided, above 0."""
        return write_testimony(testify(self._store, height))


def _answer(state: StateReader, case: Case) -> CaseAnswer:
    records = validator_records(state, case.height)
    row = SUSPENSIONS.read(state, case.signer)
    return CaseAnswer(
        id=case.id,
        kind=case.kind,
        signer=case.signer,
        name=next(record.name for record in records if record.key == case.signer),
        height=case.height,
        view=case.view,
        suspended_since=None if row is None else row.since,
        marked=case.signer in suspended(state),
    )
