"""The bytes of a link."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2p.frames import KEEP_ALIVE, FrameParser, Lane, Outbox
from primitives import limits
from primitives.errors import Malformed


def parse(data: bytes) -> list[bytes]:
    return list(FrameParser().feed(data))


@given(st.lists(st.binary(min_size=1, max_size=40)), st.integers(min_value=1, max_value=9))
def test_payloads_survive_any_cutting_of_the_stream(payloads: list[bytes], step: int) -> None:
    """However the bytes arrive, the same payloads come out in order."""
    outbox, parser = Outbox(), FrameParser()
    for payload in payloads:
        assert outbox.put(payload, Lane.TRANSACTIONS)
    data, count = outbox.take()

    heard = [
        payload
        for start in range(0, len(data), step)
        for payload in parser.feed(data[start : start + step])
    ]

    assert heard == payloads
    assert count == len(payloads)


def test_votes_overtake_transactions() -> None:
    """A write carries the votes first, whatever came first."""
    outbox = Outbox()
    outbox.put(b"transaction", Lane.TRANSACTIONS)
    outbox.put(b"vote 1", Lane.VOTES)
    outbox.put(b"vote 2", Lane.VOTES)

    data, _ = outbox.take()

    assert parse(data) == [b"vote 1", b"vote 2", b"transaction"]


def test_a_vote_waits_behind_one_write_of_transactions_at_most() -> None:
    """A write ends after LINK_WRITE_BYTES, so that the next one can begin with a vote."""
    outbox = Outbox()
    for _ in range(100):
        outbox.put(bytes(10_000), Lane.TRANSACTIONS)

    first, _ = outbox.take()
    outbox.put(b"vote", Lane.VOTES)
    second, _ = outbox.take()

    assert len(first) <= limits.LINK_WRITE_BYTES + 10_000 + 4
    assert parse(second)[0] == b"vote"


def test_a_largest_payload_goes_out_whole() -> None:
    """One frame may be larger than a write usually is."""
    outbox = Outbox()
    assert outbox.put(bytes(limits.FRAME_BYTES_MAX), Lane.VOTES)

    data, count = outbox.take()

    assert (len(data), count) == (limits.FRAME_BYTES_MAX + 4, 1)


def test_a_payload_above_the_limit_is_our_own_fault() -> None:
    """The caller cuts; sending more than a frame holds is a bug."""
    with pytest.raises(AssertionError, match="payload has 1 to"):
        Outbox().put(bytes(limits.FRAME_BYTES_MAX + 1), Lane.VOTES)


def test_a_full_lane_of_votes_refuses() -> None:
    """The vote beyond LINK_VOTES_MAX is refused and counted; those that wait stay."""
    outbox = Outbox()
    for _ in range(limits.LINK_VOTES_MAX):
        assert outbox.put(b"v", Lane.VOTES)

    assert not outbox.put(b"one more", Lane.VOTES)
    assert (outbox.waiting_messages, outbox.dropped) == (limits.LINK_VOTES_MAX, 1)


def test_votes_are_bounded_in_bytes() -> None:
    """Large proposals fill the lane before its number of messages does."""
    outbox, large = Outbox(), bytes(limits.LINK_VOTES_BYTES_MAX // 4)
    for _ in range(4):
        assert outbox.put(large, Lane.VOTES)

    assert not outbox.put(b"v", Lane.VOTES)
    assert outbox.waiting_bytes == limits.LINK_VOTES_BYTES_MAX


def test_a_full_lane_of_transactions_drops_the_oldest() -> None:
    """The transaction beyond LINK_TRANSACTIONS_MAX pushes out the first."""
    outbox = Outbox()
    for number in range(limits.LINK_TRANSACTIONS_MAX + 1):
        assert outbox.put(b"%d" % number, Lane.TRANSACTIONS)

    data, count = outbox.take()

    assert parse(data)[0] == b"1"
    assert (count, outbox.dropped) == (limits.LINK_TRANSACTIONS_MAX, 1)


def test_transactions_are_bounded_in_bytes() -> None:
    """As many of the oldest go as a new one needs room."""
    outbox, large = Outbox(), bytes(limits.LINK_TRANSACTIONS_BYTES_MAX // 4)
    for _ in range(4):
        assert outbox.put(large, Lane.TRANSACTIONS)
    assert outbox.put(b"t", Lane.TRANSACTIONS)

    assert outbox.waiting_bytes == 3 * len(large) + 1
    assert outbox.dropped == 1


def test_a_cleared_outbox_counts_what_it_forgot() -> None:
    """A break loses what waited, visibly."""
    outbox = Outbox()
    outbox.put(b"v", Lane.VOTES)
    outbox.put(b"t", Lane.TRANSACTIONS)

    outbox.clear()

    assert outbox.take() == (b"", 0)
    assert (outbox.waiting_bytes, outbox.dropped) == (0, 2)


def test_a_keep_alive_is_an_empty_frame() -> None:
    """It is told apart by its length alone."""
    assert parse(KEEP_ALIVE + b"\0\0\0\1x") == [b"", b"x"]


def test_an_oversize_header_is_refused_before_its_body() -> None:
    """Four bytes suffice to refuse; the frames before it were heard."""
    header = (limits.FRAME_BYTES_MAX + 1).to_bytes(4)
    frames = FrameParser().feed(b"\0\0\0\1x" + header)

    assert next(frames) == b"x"
    with pytest.raises(Malformed, match=f"announces {limits.FRAME_BYTES_MAX + 1} bytes, at most"):
        next(frames)
