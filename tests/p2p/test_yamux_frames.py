"""The bytes of yamux: frames are found in whatever pieces they come, and only honest ones."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kit.hostile import frame
from p2p.yamux_frames import Flags, Frame, FrameReader, Kind, written
from primitives import limits
from primitives.errors import Malformed

Sent = tuple[Kind, Flags, int, int, bytes]

_flags = st.sampled_from([Flags.NONE, Flags.SYN, Flags.ACK, Flags.FIN, Flags.RST])
_amounts = st.integers(0, 2**32 - 1)
_numbers = st.integers(1, 2**32 - 1)
_sent = st.one_of(
    st.builds(
        lambda flags, number, data: (Kind.DATA, flags, number, len(data), data),
        _flags,
        _numbers,
        st.binary(max_size=200),
    ),
    st.builds(
        lambda flags, number, more: (Kind.CREDIT, flags, number, more, b""),
        _flags,
        _numbers,
        _amounts,
    ),
    st.builds(lambda flags, more: (Kind.PING, flags, 0, more, b""), _flags, _amounts),
    st.builds(lambda why: (Kind.GO_AWAY, Flags.NONE, 0, why, b""), _amounts),
)


def whole(frames: list[Frame]) -> list[Sent]:
    """Pieces of data put together again; flags of a piece are those of its frame."""
    found: list[Sent] = []
    for kind, flags, number, amount, data in frames:
        found.append((Kind(kind), Flags(flags), number, amount or len(data), data))
    return found


@given(st.lists(_sent, max_size=12), st.integers(1, 64))
def test_what_was_written_is_read_in_any_pieces(sent: list[Sent], size: int) -> None:
    """Amounts, flags and the data of each stream arrive as they were sent."""
    stream = b"".join(written(*one) for one in sent)
    reader = FrameReader()
    found = [
        each
        for start in range(0, len(stream), size)
        for each in reader.feed(stream[start : start + size])
    ]

    heads = [one for one in whole(found) if one[0] != Kind.DATA]
    assert heads == [one for one in sent if one[0] != Kind.DATA]
    for number in {one[2] for one in sent}:
        ours = [one for one in sent if one[0] == Kind.DATA and one[2] == number]
        theirs = [one for one in found if one.kind == Kind.DATA and one.stream == number]
        assert b"".join(one.data for one in theirs) == b"".join(one[4] for one in ours)
        for flag in (Flags.SYN, Flags.ACK, Flags.FIN, Flags.RST):
            assert sum(bool(one.flags & flag) for one in theirs) == sum(
                bool(one[1] & flag) for one in ours
            )


def test_the_end_of_a_stream_comes_with_its_last_piece() -> None:
    """FIN in the head of a frame is not heard before the frame's data."""
    data = written(Kind.DATA, Flags.SYN | Flags.FIN, 7, 4, b"data")
    reader = FrameReader()

    first, last = [*reader.feed(data[:14]), *reader.feed(data[14:])]

    assert first == Frame(Kind.DATA, Flags.SYN, 7, 0, b"da")
    assert last == Frame(Kind.DATA, Flags.FIN, 7, 0, b"ta")


@pytest.mark.parametrize(
    "head",
    [
        b"\1" + frame(Kind.PING)[1:],
        frame(4),
        frame(Kind.PING, 16),
        frame(Kind.DATA, 0, 0, data=b"x"),
        frame(Kind.CREDIT, 0, 0, 1),
        frame(Kind.PING, 1, 3),
        frame(Kind.GO_AWAY, 0, 3),
        frame(Kind.DATA, 0, 1, limits.MUX_FRAME_BYTES_MAX + 1),
        frame(Kind.DATA, 0, 1, 2**32 - 1),
    ],
    ids=[
        "version",
        "kind",
        "flags",
        "data of no stream",
        "credit of no stream",
        "a stream's ping",
        "a stream's goodbye",
        "a byte too many",
        "four gigabytes",
    ],
)
def test_what_the_specification_does_not_know_is_refused(head: bytes) -> None:
    """Before a byte of what it announces is kept."""
    with pytest.raises(Malformed, match="yamux: "):
        list(FrameReader().feed(head))


def test_a_frame_at_the_bound_is_read() -> None:
    """MUX_FRAME_BYTES_MAX, in pieces that are not kept."""
    data = bytes(limits.MUX_FRAME_BYTES_MAX)
    reader = FrameReader()
    found = list(reader.feed(written(Kind.DATA, Flags.NONE, 1, len(data), data)))
    assert sum(len(one.data) for one in found) == len(data)
    assert reader._rest == b""
