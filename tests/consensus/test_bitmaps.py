"""Seats as bitmaps, and the bounds of what replicas say (rules R5, R29)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consensus.messages import Claim, Prepare, PrePrepare, Status, ViewChange, bitmap, seats_of
from kit.consensus import pre_prepare, prepare, prepared, view_change
from primitives import limits
from primitives.codec import decode, encode
from primitives.errors import Malformed
from primitives.ids import NO_VIEW, VIEW_MAX, BlockId, Height, Seat, View

BYTES = limits.MESSAGE_BYTES_MAX


def status(*, seats: set[Seat], views: int) -> Status:
    bits = bitmap(seats)
    return Status(
        height=Height(1),
        wish=View(0),
        entered=NO_VIEW,
        has_proposal=False,
        prepares=bits,
        commits=bits,
        view_changes=(View(0),) * views,
        newest_of_yours=None,
        signs=True,
    )


@given(st.sets(st.integers(0, limits.VALIDATORS_MAX - 1).map(Seat)))
def test_seats_survive_as_a_bitmap(seats: set[Seat]) -> None:
    """R29: exactly the seats that went in, in at most one bit per validator."""
    bits = bitmap(seats)

    assert seats_of(bits) == seats
    assert len(bits) <= (limits.VALIDATORS_MAX + 7) // 8
    assert not bits.endswith(b"\0")


@pytest.mark.parametrize(
    ("seats", "bits"), [(set(), ""), ({0}, "01"), ({3, 1}, "0a"), ({8}, "0001"), ({7, 15}, "8080")]
)
def test_seat_i_is_bit_i_modulo_8_of_byte_i_over_8(seats: set[int], bits: str) -> None:
    """R29: an implementation of its own can write these."""
    assert bitmap({Seat(seat) for seat in seats}).hex() == bits


def test_a_status_of_the_most_validators_fits_and_of_one_more_does_not() -> None:
    """R5: bitmaps and lists are as long as there can be validators."""
    fits = status(seats={Seat(limits.VALIDATORS_MAX - 1)}, views=limits.VALIDATORS_MAX)
    wide = status(seats={Seat(limits.VALIDATORS_MAX)}, views=0)
    long = status(seats=set(), views=limits.VALIDATORS_MAX + 1)

    assert decode(encode(fits), Status, limit=BYTES) == fits
    for status_beyond in (wide, long):
        with pytest.raises(Malformed):
            decode(encode(status_beyond), Status, limit=BYTES)


def test_a_proposal_carries_at_most_as_many_view_changes_as_validators() -> None:
    """R5: one more is refused before any signature is looked at."""
    changes = [view_change(seat, 1) for seat in range(limits.VALIDATORS_MAX + 1)]

    fits = pre_prepare("A", view=1, changes=changes[1:])
    assert decode(encode(fits), PrePrepare, limit=BYTES) == fits
    with pytest.raises(Malformed):
        decode(encode(pre_prepare("A", view=1, changes=changes)), PrePrepare, limit=BYTES)


@pytest.mark.parametrize(
    "message",
    [
        prepare(0, "A", view=VIEW_MAX + 1),
        prepare(0, "A", view=-1),
        prepare(256, "A"),
        prepare(0, "A", height=-1),
        prepare(0, "A", height=2**63),
        Prepare(Height(1), View(0), BlockId(bytes(31)), Seat(0), prepare(0, "A").signature),
    ],
    ids=["view 2³¹", "view −1", "seat 256", "height −1", "height 2⁶³", "id of 31 bytes"],
)
def test_a_vote_outside_its_bounds_is_not_read(message: Prepare) -> None:
    """R5: the decoder refuses it."""
    with pytest.raises(Malformed):
        decode(encode(message), Prepare, limit=BYTES)


def test_nobody_asks_for_view_zero_or_claims_below_none() -> None:
    """R5: a view change is for a view above 0 and claims −1 or more."""
    zero = view_change(0, 0)
    below = ViewChange(
        Height(1), View(1), Seat(0), View(-2), BlockId(bytes(32)), zero.signature, None
    )

    for change in (zero, below):
        with pytest.raises(Malformed):
            decode(encode(change), ViewChange, limit=BYTES)
    with pytest.raises(Malformed):
        decode(encode(Claim(Height(1), View(0), prepared("A"))), Claim, limit=BYTES)


def test_the_largest_messages_are_as_large_as_their_limits_say() -> None:
    """R5: every seat in every list fits, and one byte less than a message has does not read it."""
    most = range(limits.VALIDATORS_MAX)
    certificate = prepared("A", view=VIEW_MAX - 1, seats=most, height=2**63 - 1)
    changes = [view_change(seat, VIEW_MAX, certificate, height=2**63 - 1) for seat in most]
    new_view = pre_prepare("A", view=VIEW_MAX, changes=changes, proof=certificate, height=2**63 - 1)

    assert len(encode(certificate)) <= limits.CERTIFICATE_BYTES_MAX
    assert len(encode(changes[-1])) <= limits.VIEW_CHANGE_BYTES_MAX
    room = limits.MESSAGE_BYTES_MAX - limits.BLOCK_MESSAGE_BYTES_MAX
    assert len(encode(new_view)) <= room
    with pytest.raises(Malformed):
        decode(encode(new_view), PrePrepare, limit=len(encode(new_view)) - 1)
