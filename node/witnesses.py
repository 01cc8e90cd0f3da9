"""The newest signed statement of every validator, across heights (consensus.md §8).

Each Status carries the receiver's own newest statement that we know. A validator that is shown a
statement of its own above its signer's top has lost memory or has a clone: it must not sign.
"""

from typing import final

from node.signer import Place, place_of
from primitives.certificate import Certificate
from primitives.domains import Domain
from primitives.ids import ChainId, ValidatorKey
from primitives.statements import Witness, vote_bytes
from primitives.validators import ValidatorSet


@final
class Witnesses:
    """One statement per validator. Written by the engine alone."""

    def __init__(self, chain: ChainId) -> None:
        self._chain = chain
        self._newest: dict[ValidatorKey, tuple[Place, Witness]] = {}

    def note(self, author: ValidatorKey, witness: Witness) -> None:
        """Keep a verified statement if it is newer."""
        place = place_of(witness.statement, self._chain)
        known = self._newest.get(author)
        if known is None or place > known[0]:
            self._newest[author] = (place, witness)

    def note_certificate(self, certificate: Certificate, validators: ValidatorSet) -> None:
        """Keep the commits of a decided block."""
        statement = vote_bytes(
            Domain.COMMIT,
            self._chain,
            certificate.height,
            certificate.view,
            certificate.block_id,
        )
        for seal in certificate.seals:
            self.note(validators.keys[seal.seat], Witness(statement, seal.signature))

    def of(self, author: ValidatorKey) -> Witness | None:
        """The newest statement of a validator that we know."""
        known = self._newest.get(author)
        return None if known is None else known[1]
