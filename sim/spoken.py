"""What validators signed and let go: collected over all lives of all nodes, and judged.

The six kinds of evidence are those of consensus.md §10. Over honest nodes none may ever be found,
however often they crashed.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from consensus.messages import Commit, Prepare, PrePrepare, ViewChange
from node import wire
from primitives.certificate import Certificate
from primitives.crypto import Key
from primitives.domains import Domain
from primitives.ids import (
    NO_VIEW,
    ZERO32,
    BlockId,
    ChainId,
    Height,
    Seat,
    Signature,
    ValidatorKey,
    View,
)
from primitives.statements import VoteDomain, view_change_bytes, vote_bytes
from primitives.validators import ValidatorSet
from storage.decision import VoteStep

Statement = PrePrepare | Prepare | Commit | ViewChange
STEPS: dict[type, VoteStep] = {
    ViewChange: VoteStep.VIEW_CHANGE,
    PrePrepare: VoteStep.PRE_PREPARE,
    Prepare: VoteStep.PREPARE,
    Commit: VoteStep.COMMIT,
}
Place = tuple[Height, View, VoteStep]
Content = tuple[View, BlockId]


def statements_in(message: wire.Wire) -> Iterator[Statement]:
    """The signed statements that a message carries."""
    match message:
        case wire.Proposed(pre_prepare, _):
            yield pre_prepare
            yield from pre_prepare.view_changes
        case Prepare() | Commit() | ViewChange():
            yield message
        case _:
            return


def author_of(statement: Statement, validators: ValidatorSet) -> ValidatorKey:
    """Who signed it."""
    if isinstance(statement, PrePrepare):
        return validators.primary(statement.height, statement.view)
    return validators.keys[statement.seat]


def place_of(statement: Statement) -> Place:
    """Where it stands in the order of its author's statements."""
    return statement.height, statement.view, STEPS[type(statement)]


def bytes_of(statement: Statement, chain: ChainId) -> bytes:
    """What its author signs."""
    height, view = statement.height, statement.view
    match statement:
        case ViewChange(prepared_view=claimed, prepared_id=named):
            return view_change_bytes(chain, height, view, claimed, named)
        case PrePrepare(block_id=named):
            return vote_bytes(Domain.PRE_PREPARE, chain, height, view, named)
        case Prepare(block_id=named):
            return vote_bytes(Domain.PREPARE, chain, height, view, named)
        case Commit(block_id=named):
            return vote_bytes(Domain.COMMIT, chain, height, view, named)


def content_of(statement: Statement) -> Content:
    """What it says there."""
    if isinstance(statement, ViewChange):
        return statement.prepared_view, statement.prepared_id
    return NO_VIEW, statement.block_id


@dataclass(frozen=True)
class Spoken:
    """Everything that one validator ever let go."""

    by_place: dict[Place, dict[Content, bytes]]
    """At each place, each content that was said there, and the signature under it."""

    def add(self, statement: Statement) -> bool:
        """Keep a statement; whether it is new. A second signature of one content is a lie too."""
        said = self.by_place.setdefault(place_of(statement), {})
        is_new = content_of(statement) not in said
        known = said.setdefault(content_of(statement), statement.signature)
        assert known == statement.signature, "repeated, but not byte for byte"
        return is_new

    def evidence(self) -> list[str]:
        """E1 to E6, as far as this validator's statements hold them."""
        found = [
            f"E1-E4: {len(said)} contents at {place}"
            for place, said in self.by_place.items()
            if len(said) > 1
        ]
        for (height, view, step), said in self.by_place.items():
            if step is not VoteStep.COMMIT:
                continue
            for (other, higher, kind), contents in self.by_place.items():
                if other != height:
                    continue
                if kind is VoteStep.VIEW_CHANGE and higher > view:
                    forgot = [claimed for claimed, _ in contents if claimed < view]
                    found += [f"E5: commit {height}/{view}, {higher} claims {c}" for c in forgot]
                if kind is VoteStep.PREPARE and higher == view and contents.keys() != said.keys():
                    found.append(f"E6: prepare and commit of {height}/{view} differ")
        return found


@dataclass(frozen=True)
class Voice:
    """Signs for a validator whatever it is told to: a liar's tongue."""

    key: Key
    chain: ChainId
    validators: ValidatorSet

    @property
    def seat(self) -> Seat:
        """Where it sits."""
        seat = self.validators.seat(ValidatorKey(self.key.public))
        assert seat is not None, "a voice of a member"
        return seat

    def prepare(self, height: int, view: int, block_id: BlockId) -> Prepare:
        """Signed, whatever else was prepared."""
        signed = self._vote(Domain.PREPARE, height, view, block_id)
        return Prepare(Height(height), View(view), block_id, self.seat, signed)

    def commit(self, height: int, view: int, block_id: BlockId) -> Commit:
        """Signed, prepared or not."""
        signed = self._vote(Domain.COMMIT, height, view, block_id)
        return Commit(Height(height), View(view), block_id, self.seat, signed)

    def view_change(
        self, height: int, view: int, prepared: Certificate | None = None
    ) -> ViewChange:
        """Signed, claiming what the certificate says."""
        claim = (prepared.view, prepared.block_id) if prepared else (NO_VIEW, BlockId(ZERO32))
        statement = view_change_bytes(self.chain, Height(height), View(view), *claim)
        signed = self.key.sign(statement)
        return ViewChange(Height(height), View(view), self.seat, *claim, signed, prepared)

    def pre_prepare(
        self,
        height: int,
        view: int,
        block_id: BlockId,
        changes: tuple[ViewChange, ...] = (),
        prepared: Certificate | None = None,
    ) -> PrePrepare:
        """Signed, its turn or not, with whatever attached."""
        signed = self._vote(Domain.PRE_PREPARE, height, view, block_id)
        return PrePrepare(Height(height), View(view), block_id, signed, changes, prepared)

    def _vote(self, domain: VoteDomain, height: int, view: int, block_id: BlockId) -> Signature:
        return self.key.sign(vote_bytes(domain, self.chain, Height(height), View(view), block_id))
