"""Builders of what replicas say to each other: blocks by name, statements by seat.

The core never looks into a signature, so one is sixty-four bytes that name their author and the
statement: equal statements of one author have equal signatures, as with Ed25519.
"""

import hashlib
from collections.abc import Iterable

from consensus.messages import Commit, Prepare, PrePrepare, ViewChange
from primitives.certificate import Certificate, Seal
from primitives.ids import NO_VIEW, ZERO32, BlockId, Height, Seat, Signature, View
from primitives.validators import primary_of, quorum

HEIGHT = Height(1)


def block(name: str) -> BlockId:
    """The id of the block that a test calls by this name."""
    return BlockId(hashlib.sha256(f"block {name}".encode()).digest())


def signature(seat: int, *statement: object) -> Signature:
    """What `seat` signs a statement with."""
    return Signature(hashlib.sha512(f"{seat} {statement}".encode()).digest())


def prepare(seat: int, name: str, *, view: int = 0, height: int = HEIGHT) -> Prepare:
    """A prepare of a seat."""
    return prepare_of(seat, Height(height), View(view), block(name))


def prepare_of(seat: int, height: Height, view: View, block_id: BlockId) -> Prepare:
    """The same for a block by its id."""
    signed = signature(seat, "prepare", height, view, block_id)
    return Prepare(height, view, block_id, Seat(seat), signed)


def commit(seat: int, name: str, *, view: int = 0, height: int = HEIGHT) -> Commit:
    """A commit of a seat."""
    return commit_of(seat, Height(height), View(view), block(name))


def commit_of(seat: int, height: Height, view: View, block_id: BlockId) -> Commit:
    """The same for a block by its id."""
    signed = signature(seat, "commit", height, view, block_id)
    return Commit(height, view, block_id, Seat(seat), signed)


def prepared(
    name: str, *, view: int = 0, seats: Iterable[int] = (0, 1, 2), height: int = HEIGHT
) -> Certificate:
    """A prepared certificate."""
    return prepared_of(Height(height), View(view), block(name), seats)


def prepared_of(height: Height, view: View, block_id: BlockId, seats: Iterable[int]) -> Certificate:
    """The same for a block by its id."""
    votes = [prepare_of(seat, height, view, block_id) for seat in sorted(seats)]
    seals = tuple(Seal(vote.seat, vote.signature) for vote in votes)
    return Certificate(height, view, block_id, seals)


def committed(
    name: str, *, view: int = 0, seats: Iterable[int] = (0, 1, 2), height: int = HEIGHT
) -> Certificate:
    """A commit certificate."""
    votes = [commit(seat, name, view=view, height=height) for seat in sorted(seats)]
    seals = tuple(Seal(vote.seat, vote.signature) for vote in votes)
    return Certificate(Height(height), View(view), block(name), seals)


def view_change(
    seat: int, view: int, claim: Certificate | None = None, *, height: int = HEIGHT
) -> ViewChange:
    """A view change with the proof of its claim."""
    claimed_view = NO_VIEW if claim is None else claim.view
    claimed_id = BlockId(ZERO32) if claim is None else claim.block_id
    signed = signature(seat, "view-change", height, view, claimed_view, claimed_id)
    return ViewChange(
        Height(height), View(view), Seat(seat), claimed_view, claimed_id, signed, claim
    )


def stripped(change: ViewChange) -> ViewChange:
    """As it stands in a proposal: without its certificate."""
    return ViewChange(
        change.height,
        change.view,
        change.seat,
        change.prepared_view,
        change.prepared_id,
        change.signature,
        None,
    )


def pre_prepare(
    name: str,
    *,
    view: int = 0,
    changes: Iterable[ViewChange] = (),
    proof: Certificate | None = None,
    height: int = HEIGHT,
    validators: int = 4,
) -> PrePrepare:
    """A proposal of the primary, justified by whatever is given."""
    return pre_prepare_of(
        Height(height), View(view), block(name), changes, proof, validators=validators
    )


def pre_prepare_of(
    height: Height,
    view: View,
    block_id: BlockId,
    changes: Iterable[ViewChange],
    proof: Certificate | None,
    *,
    validators: int,
) -> PrePrepare:
    """The same for a block by its id."""
    primary = primary_of(validators, height, view)
    signed = signature(primary, "pre-prepare", height, view, block_id)
    attached = tuple(stripped(change) for change in changes)
    return PrePrepare(height, view, block_id, signed, attached, proof)


def seats_of_quorum(validators: int) -> range:
    """The lowest seats that make a quorum."""
    return range(quorum(validators))
