"""What validators signed, and voices that sign anything: those of the simulator, and a builder."""

from kit.certified import certify
from primitives.certificate import Certificate
from primitives.ids import BlockId, Height, View
from primitives.statements import VoteDomain
from sim.spoken import (
    Place,
    Spoken,
    Statement,
    Voice,
    author_of,
    place_of,
    statements_in,
)

__all__ = [
    "Place",
    "Spoken",
    "Statement",
    "Voice",
    "author_of",
    "certificate_by",
    "place_of",
    "statements_in",
]


def certificate_by(
    voices: list[Voice], domain: VoteDomain, height: int, view: int, block_id: BlockId
) -> Certificate:
    """A certificate of these voices."""
    first = voices[0]
    return certify(
        [voice.key for voice in voices],
        first.validators,
        chain=first.chain,
        height=Height(height),
        view=View(view),
        block=block_id,
        domain=domain,
    )
