"""Certificates: a quorum of signatures over one statement.

A prepared certificate holds PREPARE signatures, a commit certificate COMMIT signatures; which one
it is follows from where it stands, and the domain under each signature keeps them apart. Signatures
are listed by seat, strictly ascending: we count signers, never signatures (rule R4).
"""

import itertools
from typing import Annotated, final

from msgspec import Meta, Struct

from primitives import limits
from primitives.errors import Malformed
from primitives.ids import (
    BlockId,
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
from primitives.validators import quorum


@final
class Seal(Struct, array_like=True, frozen=True):
    """One validator's signature under the statement of the certificate."""

    seat: SeatNumber[Seat]
    signature: Sized64[Signature]


@final
class Certificate(Struct, array_like=True, frozen=True):
    """A quorum of validators signed (height, view, block_id) under one domain."""

    height: Natural[Height]
    view: ViewNumber[View]
    block_id: Sized32[BlockId]
    seals: Annotated[tuple[Seal, ...], Meta(max_length=limits.VALIDATORS_MAX)]


def check_shape(certificate: Certificate, validators: int) -> None:
    """Everything about a certificate that needs no key (rule R4).

    Raises:
        Malformed: seats not ascending or out of range, or fewer signers than a quorum.
    """
    seats = [seal.seat for seal in certificate.seals]
    if any(a >= b for a, b in itertools.pairwise(seats)):
        raise Malformed(f"seats of a certificate must be strictly ascending, found {seats}")
    if seats and seats[-1] >= validators:
        raise Malformed(f"seat {seats[-1]} in a certificate of {validators} validators")
    if len(seats) < quorum(validators):
        raise Malformed(
            f"{len(seats)} signers, a quorum of {validators} validators is {quorum(validators)}"
        )
