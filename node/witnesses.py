"""The newest signed statement of every validator, across heights (consensus.md §8).

Each Status carries the receiver's own newest statement that we know. A validator that is shown a
statement of its own above its signer's top has lost memory or has a clone: it must not sign.
"""

from typing import Final, final

from consensus.messages import Witness
from primitives.certificate import Certificate
from primitives.domains import Domain
from primitives.errors import Malformed
from primitives.ids import ChainId, Height, ValidatorKey, View
from primitives.statements import vote_bytes
from primitives.validators import ValidatorSet
from storage.decision import VoteStep

Place = tuple[Height, View, VoteStep]

_STEPS: Final = {
    Domain.VIEW_CHANGE.tag: VoteStep.VIEW_CHANGE,
    Domain.PRE_PREPARE.tag: VoteStep.PRE_PREPARE,
    Domain.PREPARE.tag: VoteStep.PREPARE,
    Domain.COMMIT.tag: VoteStep.COMMIT,
}


def place_of(witness: Witness, chain: ChainId) -> Place:
    """Height, view and step of a signed statement (their layout is in statements.py).

    Raises:
        Malformed: not a statement of this chain.
    """
    tag, zero, fields = witness.statement.partition(b"\0")
    step = _STEPS.get(tag + zero)
    if step is None or len(fields) < 44 or fields[:32] != chain:
        raise Malformed(f"{len(witness.statement)} bytes that are no statement of this chain")
    height, view = int.from_bytes(fields[32:40], "big"), int.from_bytes(fields[40:44], "big")
    return Height(height), View(view), step


@final
class Witnesses:
    """One statement per validator. Written by the engine alone."""

    def __init__(self, chain: ChainId) -> None:
        self._chain = chain
        self._newest: dict[ValidatorKey, tuple[Place, Witness]] = {}

    def note(self, author: ValidatorKey, witness: Witness) -> None:
        """Keep a verified statement if it is newer."""
        place = place_of(witness, self._chain)
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
