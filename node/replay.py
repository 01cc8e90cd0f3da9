"""A chain executed again: certified blocks on the state below them, each through the door of R22.

What a node does with the blocks of a peer when it catches up, an import does with those of a file
and an auditor with those of a node that is not believed: certificate by the validators of that
height, form and signatures of every transaction, execution. What is different is what they stand on
(a node's whole database, or the state alone) and what a difference means.
"""

from typing import Annotated, Any, Protocol, final

from msgspec import Meta, Struct

from node.bodies import CheckedBlock, check_block
from node.execution import Parent, read_parent
from node.verify import Gate
from primitives import limits
from primitives.block import Block
from primitives.certificate import Certificate
from primitives.crypto import Scheme
from primitives.errors import BadBlock
from primitives.ids import ChainId, Height
from storage.decision import Decision, Head
from storage.state import StateSnapshot


@final
class Exported(Struct, array_like=True, frozen=True):
    """A height in an export: the block, its certificate, and what is said to have come of it.

    Receipts are not to be believed before they have the root that the header names.
    """

    block: Block
    certificate: Certificate
    receipts: Annotated[
        tuple[Annotated[bytes, Meta(max_length=limits.RECEIPT_BYTES_MAX)], ...],
        Meta(max_length=limits.BLOCK_RECEIPTS_MAX),
    ]

    @property
    def height(self) -> Height:
        """The height that its header states."""
        return self.block.header.height


class Ground(Protocol):
    """What blocks are executed on; a node's ChainStore is one."""

    def head(self) -> Head:
        """The newest block."""
        ...

    def state(self) -> StateSnapshot:
        """The state after it."""
        ...

    def commit(self, decision: Decision) -> None:
        """Go on to the next block."""
        ...


def parent_of(ground: Ground, chain: ChainId) -> Parent:
    """What the state at the head says about the next height."""
    head = ground.head()
    with ground.state() as state:
        return read_parent(state, chain, head.header, head.block_id)


def checked(
    found: Exported,
    chain: ChainId,
    kind: Any,  # noqa: ANN401 - a generic alias, as in ledger.transaction
) -> CheckedBlock:
    """The block with every transaction checked, as far as that needs no state; safe in threads.

    Raises:
        BadBlock: these are not the bytes behind the certificate's block id; with the height.
    """
    identifier = found.certificate.block_id
    try:
        return check_block(found.block, identifier, chain=chain, kind=kind, known=lambda _: None)
    except BadBlock as error:
        raise BadBlock(f"height {found.height}: {error}") from error


def check_certified(certificate: Certificate, parent: Parent, scheme: Scheme) -> None:
    """A quorum of the validators of this height decided it.

    Raises:
        Malformed: of another height, or no quorum.
        BadSignature: one of its signatures does not verify.
    """
    Gate(parent.chain, scheme).decided(certificate, parent.height, parent.validators)
