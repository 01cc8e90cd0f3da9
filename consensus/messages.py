"""What replicas say to each other (consensus.md §3), without bodies.

A pre-prepare names its block by id; the body travels beside it (node/wire.py) and the core only
asks whether it is there. View changes inside a pre-prepare are stripped of their certificates: the
highest claim alone must be proved, by the certificate of the pre-prepare itself (rule R14).
"""

from typing import Annotated, final

from msgspec import Meta, Struct

from primitives import limits
from primitives.certificate import Certificate
from primitives.ids import (
    VIEW_MAX,
    BlockId,
    ClaimedView,
    Height,
    Natural,
    Seat,
    SeatNumber,
    Signature,
    Sized32,
    Sized64,
    View,
    ViewNumber,
)
from primitives.statements import Witness

Bitmap = Annotated[bytes, Meta(max_length=(limits.VALIDATORS_MAX + 7) // 8)]
"""Seat i is bit i % 8 of byte i // 8; trailing zero bytes are left out."""


@final
class ViewChange(Struct, array_like=True, frozen=True, tag=1):
    """ "I ask for `view`, and this is the highest I prepared at this height." """

    height: Natural[Height]
    view: Annotated[View, Meta(ge=1, le=VIEW_MAX)]
    seat: SeatNumber[Seat]
    prepared_view: ClaimedView[View]
    prepared_id: Sized32[BlockId]
    signature: Sized64[Signature]
    prepared: Certificate | None
    """Proves the claim; attached, not signed. None where nothing is claimed, or when stripped."""


ViewChanges = Annotated[tuple[ViewChange, ...], Meta(max_length=limits.VALIDATORS_MAX)]


@final
class Proposal(Struct, array_like=True, frozen=True, tag=2):
    """A pre-prepare before it is signed: what its author makes durable first."""

    height: Natural[Height]
    view: ViewNumber[View]
    block_id: Sized32[BlockId]
    view_changes: ViewChanges
    prepared: Certificate | None


@final
class PrePrepare(Struct, array_like=True, frozen=True, tag=3):
    """The primary of (height, view) proposes a block; with view > 0 this is the new-view."""

    height: Natural[Height]
    view: ViewNumber[View]
    block_id: Sized32[BlockId]
    signature: Sized64[Signature]
    view_changes: ViewChanges
    prepared: Certificate | None


@final
class Prepare(Struct, array_like=True, frozen=True, tag=4):
    """ "This block is what (height, view) is about." """

    height: Natural[Height]
    view: ViewNumber[View]
    block_id: Sized32[BlockId]
    seat: SeatNumber[Seat]
    signature: Sized64[Signature]


@final
class Commit(Struct, array_like=True, frozen=True, tag=5):
    """ "I hold a prepared certificate for this block in this view." """

    height: Natural[Height]
    view: ViewNumber[View]
    block_id: Sized32[BlockId]
    seat: SeatNumber[Seat]
    signature: Sized64[Signature]


@final
class Status(Struct, array_like=True, frozen=True, tag=6):
    """Where a replica stands. Unsigned: a hint about what to send it, never a reason to act."""

    height: Natural[Height]
    wish: ViewNumber[View]
    entered: ClaimedView[View]
    has_proposal: bool
    prepares: Bitmap
    """Seats whose prepare of view `wish` it has."""
    commits: Bitmap
    view_changes: Annotated[tuple[ViewNumber[View], ...], Meta(max_length=limits.VALIDATORS_MAX)]
    """The highest view each seat asked for, as far as it knows; 0 for none."""
    newest_of_yours: Witness | None
    """The newest signed statement of the receiver that the sender knows, of any height."""
    signs: bool
    """Whether the sender signs at this height: it is awake, has a seat, and lost nothing (R51)."""


@final
class Claim(Struct, array_like=True, frozen=True, tag=7):
    """A view change before it is signed."""

    height: Natural[Height]
    view: Annotated[View, Meta(ge=1, le=VIEW_MAX)]
    prepared: Certificate | None


LogEntry = Proposal | PrePrepare | Certificate | Claim
"""What a replica makes durable: PP, PR, CM and VC of consensus.md §7, in this order."""

Vote = Prepare | Commit
Message = PrePrepare | Prepare | Commit | ViewChange | Status


def bitmap(seats: set[Seat]) -> bytes:
    """The set of seats as a bitmap."""
    number = sum(1 << seat for seat in seats)
    return number.to_bytes((number.bit_length() + 7) // 8, "little")


def seats_of(bits: bytes) -> set[Seat]:
    """The seats in a bitmap."""
    return {
        Seat(8 * index + bit)
        for index, byte in enumerate(bits)
        for bit in range(8)
        if byte >> bit & 1
    }
