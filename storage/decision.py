"""What goes into the database at once: the genesis, a decision, a step of voting."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum, unique
from typing import final

from primitives.block import Block, Header
from primitives.certificate import Certificate
from primitives.ids import AccountId, BlockId, Digest, Height, TimeMs, TransactionId, View

StateWrites = Mapping[tuple[int, bytes], bytes | None]
"""(table number, key) to the new value, or None where the entry is deleted."""
NodeWrites = Mapping[bytes, bytes | None]
"""Key of a tree node to its new bytes, or None where the node is dropped."""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Genesis:
    """Block 0 and the state that it begins with."""

    header: Header
    state_writes: StateWrites
    node_writes: NodeWrites


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """A decided and executed block: everything that one batch makes durable.

    `committed` (valid_until and id of each transaction) follows the order of the block's
    transactions. So do `receipts`, `touched` (the accounts that each names) and `moved` (what their
    index keeps of it), and go on with what the block did besides them; of that `done` has the ids.
    Ids with valid_until < `forget_before` leave the window.
    """

    block: Block
    block_id: BlockId
    certificate: Certificate
    receipts: tuple[bytes, ...]
    state_writes: StateWrites
    node_writes: NodeWrites
    committed: tuple[tuple[TimeMs, TransactionId], ...]
    done: tuple[TransactionId, ...]
    touched: tuple[tuple[AccountId, ...], ...]
    moved: tuple[Mapping[AccountId, bytes], ...]
    forget_before: TimeMs


@unique
class VoteStep(IntEnum):
    """Steps of one view in the order in which a validator can sign them (consensus.md §7)."""

    VIEW_CHANGE = 0
    PRE_PREPARE = 1
    PREPARE = 2
    COMMIT = 3


@final
@dataclass(frozen=True, slots=True)
class VoteRecord:
    """Our own record of one step; `data` is the replica's own affair."""

    height: Height
    view: View
    step: VoteStep
    data: bytes


@final
@dataclass(frozen=True, slots=True)
class Head:
    """The newest decided block."""

    height: Height
    block_id: BlockId
    header: Header


@final
@dataclass(frozen=True, slots=True, order=True)
class TransactionPlace:
    """Where a transaction stands: the height of its block, and its index there."""

    height: Height
    index: int


@final
@dataclass(frozen=True, slots=True)
class CertifiedBlock:
    """A block's canonical bytes as they go over the wire, and its commit certificate."""

    block: bytes
    certificate: Certificate


@final
@dataclass(frozen=True, slots=True)
class KeptEvidence:
    """Evidence against a validator, as canonical bytes; `case` is its case's id."""

    height: Height
    case: Digest
    data: bytes
