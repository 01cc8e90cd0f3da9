"""The evidence that this node holds: found by its replica, proved again, and kept (rule R48).

What the replica reports is put into the portable form and checked like a stranger's before anything
is said: nobody is named by a mistake of ours. A case is kept once, durably, and reported once, as
an alarm. A validator can make any number of cases, so few are kept of each, and those that no block
takes any more (R49) make room for new ones; when there are too many in all, the one of the lowest
height does.

A contradiction of our own key is not kept: it means that a copy of it is about, which is the
guard's affair (node/guard.py).
"""

from collections import Counter
from collections.abc import Callable
from typing import assert_never, final

from consensus.contradictions import Signed
from consensus.effects import Equivocation
from consensus.messages import Commit, Prepare, PrePrepare, ViewChange
from node.outbox import Note
from node.verify import Gate
from primitives import limits
from primitives.codec import decode, encode
from primitives.domains import Domain
from primitives.errors import Malformed, StorageFault
from primitives.evidence import (
    Case,
    Evidence,
    NotEvidence,
    case_of,
    check_evidence,
    evidence_of,
)
from primitives.ids import ChainId, ValidatorKey
from primitives.statements import Witness, view_change_bytes, vote_bytes
from primitives.validators import ValidatorSet
from storage.chain import ChainStore
from storage.decision import KeptEvidence


@final
class Cases:
    """Written by the engine alone; the store may be read by anybody."""

    def __init__(
        self,
        store: ChainStore,
        gate: Gate,
        note: Callable[[Note], None],
        *,
        own: ValidatorKey | None,
    ) -> None:
        self._store, self._note, self._own = store, note, own
        self._chain, self._scheme = gate.chain, gate.scheme
        kept = [(one, read_kept(one, gate.chain)[1]) for one in store.evidence()]
        self._kept = {one.case: (one, case) for one, case in kept}
        self._of = Counter(case.signer for _, case in kept)

    def found(self, pair: Equivocation, validators: ValidatorSet) -> None:
        """The replica of the current height, which `validators` decide, saw a contradiction."""
        signer = author_of(pair.first, validators)
        if signer == self._own:
            return
        first = witness_of(pair.first, self._chain)
        second = witness_of(pair.second, self._chain)
        self.keep(evidence_of(signer, first, second), validators)

    def keep(self, evidence: Evidence, validators: ValidatorSet) -> None:
        """Keep evidence of a height that `validators` decide, unless its case is known."""
        try:
            case = case_of(evidence, self._chain)
            # Known ones first: a liar repeats itself, and each check costs two signatures.
            if case.id in self._kept or not self._has_room_for(case):
                return
            check_evidence(evidence, chain=self._chain, validators=validators, scheme=self._scheme)
        except NotEvidence as error:
            raise AssertionError(f"we accused an innocent: {error}") from error
        kept = KeptEvidence(case.height, case.id, encode(evidence))
        leaving = self._making_room_for(case)
        self._store.keep_evidence(kept, instead_of=[one for one, _ in leaving])
        for one, past in leaving:
            del self._kept[one.case]
            self._of[past.signer] -= 1
        self._kept[case.id] = kept, case
        self._of[case.signer] += 1
        self._note(
            Note(
                "consensus.equivocation",
                {
                    "kind": case.kind.value,
                    "signer": case.signer.hex(),
                    "height": case.height,
                    "view": case.view,
                    "case": case.id.hex(),
                },
                alarming=True,
            )
        )

    def _has_room_for(self, case: Case) -> bool:
        return not self._is_full_of(case.signer) or bool(self._outlived(case))

    def _making_room_for(self, case: Case) -> list[tuple[KeptEvidence, Case]]:
        """Those that leave: the signer's that no block takes any more, else the lowest of all."""
        if self._is_full_of(case.signer):
            return self._outlived(case)
        if len(self._kept) >= limits.EVIDENCE_CASES_MAX:
            return [min(self._kept.values(), key=lambda one: (one[0].height, one[0].case))]
        return []

    def _is_full_of(self, signer: ValidatorKey) -> bool:
        return self._of[signer] >= limits.EVIDENCE_CASES_PER_VALIDATOR_MAX

    def _outlived(self, case: Case) -> list[tuple[KeptEvidence, Case]]:
        oldest = case.height - limits.EVIDENCE_AGE_HEIGHTS_MAX
        return [
            one
            for one in self._kept.values()
            if one[1].signer == case.signer and one[1].height < oldest
        ]


def read_kept(kept: KeptEvidence, chain: ChainId) -> tuple[Evidence, Case]:
    """What the database holds, and its case.

    Raises:
        StorageFault: it is not evidence of this chain.
    """
    try:
        evidence = decode(kept.data, Evidence, limit=len(kept.data))
        return evidence, case_of(evidence, chain)
    except (Malformed, NotEvidence) as error:
        raise StorageFault(
            f"the database is damaged: evidence {kept.case.hex()}: {error}"
        ) from error


def author_of(statement: Signed, validators: ValidatorSet) -> ValidatorKey:
    """Who signed it."""
    if isinstance(statement, PrePrepare):
        return validators.primary(statement.height, statement.view)
    return validators.keys[statement.seat]


def witness_of(statement: Signed, chain: ChainId) -> Witness:
    """The bytes that its author signed, and the signature."""
    height, view = statement.height, statement.view
    match statement:
        case PrePrepare():
            data = vote_bytes(Domain.PRE_PREPARE, chain, height, view, statement.block_id)
        case Prepare():
            data = vote_bytes(Domain.PREPARE, chain, height, view, statement.block_id)
        case Commit():
            data = vote_bytes(Domain.COMMIT, chain, height, view, statement.block_id)
        case ViewChange():
            claim = statement.prepared_view, statement.prepared_id
            data = view_change_bytes(chain, height, view, *claim)
        case _:
            assert_never(statement)
    return Witness(data, statement.signature)
