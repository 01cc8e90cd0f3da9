"""The newest signed statement of every validator, across heights (consensus.md §8, rule R50).

Whatever is verified here is noted: votes and proposals, the view changes and certificates that come
with them, the certificates of decided blocks. Each Status carries the receiver's own newest
statement that we know. One of our own goes to the guard: above the signer's top it tells of a lost
memory or of a clone.
"""

from collections.abc import Callable
from typing import final

from consensus.messages import PrePrepare, ViewChange
from ledger.membership import validators_at
from node.signer import Place, place_of
from primitives.certificate import Certificate
from primitives.domains import Domain
from primitives.ids import ChainId, Height, ValidatorKey
from primitives.statements import VoteDomain, Witness, view_change_bytes, vote_bytes
from primitives.validators import ValidatorSet
from storage.chain import ChainStore


@final
class Witnesses:
    """One statement per validator. Written by the engine alone."""

    def __init__(
        self, chain: ChainId, own: ValidatorKey | None, hear_own: Callable[[Witness], None]
    ) -> None:
        self._chain, self._own, self._hear_own = chain, own, hear_own
        self._newest: dict[ValidatorKey, tuple[Place, Witness]] = {}

    def note(self, author: ValidatorKey, witness: Witness) -> None:
        """Keep a verified statement if it is newer."""
        if author == self._own:
            self._hear_own(witness)
            return
        place = place_of(witness.statement, self._chain)
        known = self._newest.get(author)
        if known is None or place > known[0]:
            self._newest[author] = (place, witness)

    def note_proposal(
        self, message: PrePrepare, witness: Witness, validators: ValidatorSet
    ) -> None:
        """Keep a verified proposal and what justifies it."""
        self.note(validators.primary(message.height, message.view), witness)
        for change in message.view_changes:
            self._note_claim(change, validators)
        if message.prepared is not None:
            self.note_certificate(message.prepared, Domain.PREPARE, validators)

    def note_view_change(self, message: ViewChange, validators: ValidatorSet) -> None:
        """Keep a verified view change and the prepares that prove its claim."""
        self._note_claim(message, validators)
        if message.prepared is not None:
            self.note_certificate(message.prepared, Domain.PREPARE, validators)

    def note_certificate(
        self, certificate: Certificate, domain: VoteDomain, validators: ValidatorSet
    ) -> None:
        """Keep the votes of a verified certificate."""
        statement = vote_bytes(
            domain,
            self._chain,
            certificate.height,
            certificate.view,
            certificate.block_id,
        )
        for seal in certificate.seals:
            self.note(validators.keys[seal.seat], Witness(statement, seal.signature))

    def note_newest_block(self, store: ChainStore) -> None:
        """Keep the commits of the newest block: what a new run remembers of the last."""
        head = store.head()
        certificate = store.certificate(head.height)
        if certificate is not None:
            with store.state() as state:
                validators = validators_at(state, head.height)
            self.note_certificate(certificate, Domain.COMMIT, validators)

    def _note_claim(self, change: ViewChange, validators: ValidatorSet) -> None:
        statement = view_change_bytes(
            self._chain, change.height, change.view, change.prepared_view, change.prepared_id
        )
        self.note(validators.keys[change.seat], Witness(statement, change.signature))

    def place_of(self, author: ValidatorKey) -> Place | None:
        """Where that statement stands."""
        known = self._newest.get(author)
        return None if known is None else known[0]

    def height_of(self, author: ValidatorKey) -> Height:
        """Its height; 0 for none."""
        place = self.place_of(author)
        return Height(0) if place is None else place[0]

    def of(self, author: ValidatorKey) -> Witness | None:
        """The newest statement of a validator that we know."""
        known = self._newest.get(author)
        return None if known is None else known[1]
