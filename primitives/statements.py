"""The bytes that validators sign (consensus.md §2). Fixed layout, never maps.

```
PRE-PREPARE, PREPARE, COMMIT
    domain ‖ chain(32) ‖ height(u64) ‖ view(u32) ‖ block_id(32)
VIEW-CHANGE
    domain ‖ chain(32) ‖ height(u64) ‖ view(u32) ‖ prepared_view(i32) ‖ prepared_id(32)
READY
    domain ‖ chain(32) ‖ height(u64) ‖ time of that block(u64) ‖ hash of the validator's record(32)
```
Integers are big-endian. `prepared_view` is −1, and `prepared_id` zero, where nothing was prepared.

`read_statement` is the inverse for what is said of heights and views: what it accepts is exactly
what `vote_bytes` and `view_change_bytes` make within the bounds of consensus.md §3.
"""

import struct
from dataclasses import dataclass
from typing import Annotated, Final, Literal, assert_never, final

from msgspec import Meta, Struct

from primitives import limits
from primitives.domains import Domain
from primitives.errors import Malformed
from primitives.ids import (
    INTEGER_MAX,
    NO_VIEW,
    VIEW_MAX,
    ZERO32,
    BlockId,
    ChainId,
    Digest,
    Height,
    Signature,
    TimeMs,
    View,
)

_VOTE: Final = struct.Struct(">32sQI32s")
_VIEW_CHANGE: Final = struct.Struct(">32sQIi32s")
_READY: Final = struct.Struct(">32sQQ32s")

VoteDomain = Literal[Domain.PRE_PREPARE, Domain.PREPARE, Domain.COMMIT]

_VOTE_DOMAINS: Final[dict[bytes, VoteDomain]] = {
    Domain.PRE_PREPARE.tag: Domain.PRE_PREPARE,
    Domain.PREPARE.tag: Domain.PREPARE,
    Domain.COMMIT.tag: Domain.COMMIT,
}


@final
class Witness(Struct, array_like=True, frozen=True):
    """A statement exactly as it was signed, and the signature."""

    statement: Annotated[
        bytes, Meta(max_length=limits.STATEMENT_BYTES_MAX, description="the bytes that were signed")
    ]
    signature: Annotated[
        Signature, Meta(min_length=64, max_length=64, description="the signature over them")
    ]


@final
@dataclass(frozen=True, slots=True)
class VoteStatement:
    """What a pre-prepare, a prepare or a commit says."""

    domain: VoteDomain
    chain: ChainId
    height: Height
    view: View
    block_id: BlockId


@final
@dataclass(frozen=True, slots=True)
class ViewChangeStatement:
    """What a view change says: it asks for `view`, and claims what its author prepared."""

    chain: ChainId
    height: Height
    view: View
    prepared_view: View
    prepared_id: BlockId


Statement = VoteStatement | ViewChangeStatement


def vote_bytes(
    domain: VoteDomain, chain: ChainId, height: Height, view: View, block_id: BlockId
) -> bytes:
    """What a pre-prepare, a prepare or a commit signs."""
    return domain.tag + _VOTE.pack(chain, height, view, block_id)


def view_change_bytes(
    chain: ChainId, height: Height, view: View, prepared_view: View, prepared_id: BlockId
) -> bytes:
    """What a view change signs; its certificate is attached, not signed."""
    return Domain.VIEW_CHANGE.tag + _VIEW_CHANGE.pack(
        chain, height, view, prepared_view, prepared_id
    )


def ready_bytes(chain: ChainId, height: Height, time_ms: TimeMs, record: Digest) -> bytes:
    """What a validator that is to join signs (rule R56); the block is one that its node has."""
    return Domain.READY.tag + _READY.pack(chain, height, time_ms, record)


def statement_bytes(statement: Statement) -> bytes:
    """The bytes of a statement, whichever it is."""
    match statement:
        case VoteStatement(domain, chain, height, view, block_id):
            return vote_bytes(domain, chain, height, view, block_id)
        case ViewChangeStatement(chain, height, view, prepared_view, prepared_id):
            return view_change_bytes(chain, height, view, prepared_view, prepared_id)
        case _:
            assert_never(statement)


def read_statement(data: bytes) -> Statement:
    """What was signed.

    Raises:
        Malformed: not a statement of a validator, or outside its bounds.
    """
    tag, zero, fields = data.partition(b"\0")
    domain = _VOTE_DOMAINS.get(tag + zero)
    if domain is not None:
        if len(fields) != _VOTE.size:
            raise Malformed(f"a vote of {len(fields)} bytes, expected {_VOTE.size}")
        chain, height, view, block_id = _VOTE.unpack(fields)
        _check_place(height, view, lowest=0)
        return VoteStatement(domain, chain, height, view, block_id)
    if tag + zero != Domain.VIEW_CHANGE.tag:
        raise Malformed(f"{len(data)} bytes that begin with no tag of a validator's statement")
    if len(fields) != _VIEW_CHANGE.size:
        raise Malformed(f"a view change of {len(fields)} bytes, expected {_VIEW_CHANGE.size}")
    chain, height, view, prepared_view, prepared_id = _VIEW_CHANGE.unpack(fields)
    _check_place(height, view, lowest=1)
    if not NO_VIEW <= prepared_view < view:
        raise Malformed(f"a claim of view {prepared_view} in a view change for {view}")
    if (prepared_view == NO_VIEW) != (prepared_id == ZERO32):
        raise Malformed("a view change names a prepared view and a prepared block, or neither")
    return ViewChangeStatement(chain, height, view, prepared_view, prepared_id)


def _check_place(height: int, view: int, *, lowest: int) -> None:
    if not 1 <= height <= INTEGER_MAX:
        raise Malformed(f"height {height}, expected 1 to {INTEGER_MAX}")
    if not lowest <= view <= VIEW_MAX:
        raise Malformed(f"view {view}, expected {lowest} to {VIEW_MAX}")
