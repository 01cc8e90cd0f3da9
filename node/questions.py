"""What a node asks a peer on a stream of its own, and what it is answered: one union, one decoder.

A question is answered once, by `Shell.answer`, and has an answer type of its own: whoever asked
knows which one to read. Questions change nothing at the peer; what it answers is a claim until this
node has checked it.
"""

from typing import Annotated, TypeAlias, final

from msgspec import Meta, Struct

from node.snapshot_questions import Joining
from primitives import limits
from primitives.block import Block
from primitives.certificate import Certificate
from primitives.codec import decode, encode
from primitives.ids import Height, Natural


@final
class Range(Struct, array_like=True, frozen=True, tag=1):
    """Certified blocks from a height on, as many as fit into an answer."""

    height: Natural[Height]
    count: Annotated[int, Meta(ge=1, le=limits.RANGE_BLOCKS_MAX)]


@final
class Certified(Struct, array_like=True, frozen=True):
    """A block and its commit certificate."""

    block: Block
    certificate: Certificate


@final
class RangeAnswer(Struct, array_like=True, frozen=True):
    """As many as fit, from the height that was asked for on.

    To have none of it is said in the same breath: `kept_from` is the lowest height that there is a
    block of (decision 0031), `height` the one that the peer had not decided when it looked.
    """

    kept_from: Natural[Height]
    height: Natural[Height]
    blocks: Annotated[tuple[Certified, ...], Meta(max_length=limits.RANGE_BLOCKS_MAX)]


Question: TypeAlias = Range | Joining


def write(question: Question) -> bytes:
    """Canonical bytes."""
    return encode(question)


def read(data: bytes) -> Question:
    """One question.

    Raises:
        Malformed: too large, no known kind, a field outside its bounds, or not canonical.
    """
    question: Question = decode(data, Question, limit=limits.REQUEST_BYTES_MAX)  # type: ignore[arg-type]  # mypy has no type for a union as a value
    return question
