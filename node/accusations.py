"""The evidence that a node keeps, for whoever asks: what it is, and the files to take away.

Like `node.queries`, synchronous and run in worker threads; a node that is asked keeps nothing back
and judges nothing anew: what it kept was proved before (node/evidence.py).
"""

from typing import final

from ledger.membership import suspended, validator_records
from ledger.state import StateReader
from ledger.suspensions import SUSPENSIONS
from node.cases import CaseAnswer, CasesAnswer
from node.evidence import read_kept
from node.evidence_file import evidence_file, write_evidence
from node.forensics import testify, write_testimony
from primitives.evidence import Case
from primitives.ids import Digest, Height
from storage.chain import ChainStore


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
