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


def drain(outbox: Outbox) -> list[bytes]:
    """Every write, until nothing waits."""
    writes = []
    while (taken := outbox.take())[0]:
        writes.append(taken[0])
    return writes


@given(
    st.lists(st.tuples(st.sampled_from(Lane), st.binary(min_size=1, max_size=40))),
    st.integers(min_value=1, max_value=9),
)
def test_payloads_survive_any_cutting_of_the_stream(
    payloads: list[tuple[Lane, bytes]], step: int
) -> None:
    """However the bytes arrive, the same payloads come out, each lane's in order."""
    outbox, parser = Outbox(), FrameParser()
    for lane, payload in payloads:
        assert outbox.put(payload, lane)
    data, count = outbox.take()

    heard = [
        payload
        for start in range(0, len(data), step)
        for payload in parser.feed(data[start : start + step])
    ]

    in_lanes = [payload for lane in Lane for of, payload in payloads if of is lane]
    assert heard == in_lanes
    assert count == len(payloads)


@given(
    st.lists(
        st.tuples(st.sampled_from(Lane), st.integers(min_value=1, max_value=200_000)), max_size=8
    ),
    st.data(),
)
def test_large_payloads_are_put_together_in_each_lane(
    sizes: list[tuple[Lane, int]], data: st.DataObject
) -> None:
    """Whatever is queued between two writes, nothing is lost, mixed or out of its lane's order."""
    outbox, parser = Outbox(), FrameParser()
    heard: list[bytes] = []
    queued: dict[Lane, list[bytes]] = {lane: [] for lane in Lane}
    for number, (lane, size) in enumerate(sizes):
        payload = bytes([lane, number]) * size
        assert outbox.put(payload, lane)
        queued[lane].append(payload)
        if data.draw(st.booleans()):
            heard += parser.feed(outbox.take()[0])
    for write in drain(outbox):
        assert len(write) <= limits.LINK_WRITE_BYTES
        heard += parser.feed(write)

    assert outbox.waiting_bytes == 0
    for lane in Lane:
        assert [payload for payload in heard if payload[0] == lane] == queued[lane]


def test_votes_overtake_transactions() -> None:
    """A write carries the votes first, whatever came first."""
    outbox = Outbox()
    outbox.put(b"transaction", Lane.TRANSACTIONS)
    outbox.put(b"vote 1", Lane.VOTES)
    outbox.put(b"vote 2", Lane.VOTES)

    data, _ = outbox.take()

    assert parse(data) == [b"vote 1", b"vote 2", b"transaction"]


def test_a_vote_waits_behind_one_write_at_most() -> None:
    """A write ends after LINK_WRITE_BYTES, in the midst of a block, and the next begins with it."""
    outbox, parser, block = Outbox(), FrameParser(), bytes(2_000_000)
    outbox.put(block, Lane.BLOCKS)
    outbox.put(b"transaction", Lane.TRANSACTIONS)

    first, ended = outbox.take()
    outbox.put(b"vote", Lane.VOTES)
    writes = drain(outbox)

    assert (len(first), ended) == (limits.LINK_WRITE_BYTES, 0)
    assert list(parser.feed(first)) == []
    assert list(parser.feed(writes[0])) == [b"vote"]
    assert [payload for write in writes[1:] for payload in parser.feed(write)] == [
        block,
        b"transaction",
    ]


def test_a_largest_payload_goes_out_whole() -> None:
    """FRAME_BYTES_MAX bytes arrive; a stranger's byte more is refused when it is announced."""
    largest = bytes(limits.FRAME_BYTES_MAX)
    outbox, parser = Outbox(), FrameParser()
    assert outbox.put(largest, Lane.BLOCKS)
    writes = drain(outbox)

    assert [payload for write in writes for payload in parser.feed(write)] == [largest]

    greedy = FrameParser()
    more = (1 << 31 | Lane.BLOCKS << 29 | limits.LINK_WRITE_BYTES).to_bytes(4)
    piece = more + bytes(limits.LINK_WRITE_BYTES)
    pieces, rest = divmod(limits.FRAME_BYTES_MAX, limits.LINK_WRITE_BYTES)
    assert rest == 0
    assert list(greedy.feed(piece * pieces)) == []
    with pytest.raises(Malformed, match=f"grows to {limits.FRAME_BYTES_MAX + 1} bytes, at most"):
        list(greedy.feed((Lane.BLOCKS << 29 | 1).to_bytes(4)))


def test_a_begun_payload_is_never_pushed_out() -> None:
    """The other side holds half of it: the next oldest goes instead."""
    outbox, parser = Outbox(), FrameParser()
    begun, quarter = bytes(limits.LINK_WRITE_BYTES), limits.LINK_TRANSACTIONS_BYTES_MAX // 4
    outbox.put(begun, Lane.TRANSACTIONS)
    first, _ = outbox.take()
    for number in range(4):
        outbox.put(bytes([number]) * quarter, Lane.TRANSACTIONS)

    heard = [p for write in [first, *drain(outbox)] for p in parser.feed(write)]

    assert [payload[:1] for payload in heard] == [b"\0", b"\1", b"\2", b"\3"]
    assert (heard[0], outbox.dropped) == (begun, 1)


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


@pytest.mark.parametrize(
    ("lane", "most"),
    [(Lane.VOTES, limits.LINK_VOTES_BYTES_MAX), (Lane.BLOCKS, limits.LINK_BLOCKS_BYTES_MAX)],
)
def test_votes_and_blocks_are_bounded_in_bytes(lane: Lane, most: int) -> None:
    """Large ones fill the lane before its number of messages does; the other lane has its own."""
    outbox, large = Outbox(), bytes(most // 4)
    for _ in range(4):
        assert outbox.put(large, lane)

    assert not outbox.put(b"v", lane)
    assert outbox.waiting_bytes == most
    assert outbox.put(b"v", Lane.BLOCKS if lane is Lane.VOTES else Lane.VOTES)


def test_a_full_lane_of_blocks_refuses() -> None:
    """The block beyond LINK_BLOCKS_MAX is refused and counted."""
    outbox = Outbox()
    for _ in range(limits.LINK_BLOCKS_MAX):
        assert outbox.put(b"block", Lane.BLOCKS)

    assert not outbox.put(b"one more", Lane.BLOCKS)
    assert (outbox.waiting_messages, outbox.dropped) == (limits.LINK_BLOCKS_MAX, 1)


def test_a_full_lane_of_transactions_drops_the_oldest() -> None:
    """The transaction beyond LINK_TRANSACTIONS_MAX pushes out the first."""
    outbox = Outbox()
    for number in range(limits.LINK_TRANSACTIONS_MAX + 1):
        assert outbox.put(b"%d" % number, Lane.TRANSACTIONS)

    heard = parse(b"".join(drain(outbox)))

    assert (heard[0], len(heard)) == (b"1", limits.LINK_TRANSACTIONS_MAX)
    assert outbox.dropped == 1


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


@pytest.mark.parametrize(
    ("head", "words"),
    [
        (limits.LINK_WRITE_BYTES + 1, f"announces {limits.LINK_WRITE_BYTES + 1} bytes"),
        (3 << 29 | 1, "is of lane 3, expected 0 to 2"),
        (1 << 31, "announces 0 bytes, at least 1"),
        (Lane.BLOCKS << 29, "announces 0 bytes, at least 1"),
        (int.from_bytes(b"GET "), "announces"),
    ],
)
def test_a_wrong_head_is_refused_before_its_body(head: int, words: str) -> None:
    """Four bytes suffice to refuse; the frames before them were heard."""
    frames = FrameParser().feed(b"\0\0\0\1x" + head.to_bytes(4))

    assert next(frames) == b"x"
    with pytest.raises(Malformed, match=words):
        next(frames)
