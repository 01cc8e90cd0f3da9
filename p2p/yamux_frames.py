"""Frames of yamux: twelve bytes of head, then the data of a data frame. Pure.

    version (1)  kind (1)  flags (2)  stream (4)  length (4)

The length is that of the data, or an amount of credit, a ping's number, a reason to go away. What
the specification (github.com/hashicorp/yamux/blob/master/spec.md) does not know is refused.
"""

import struct
from collections.abc import Iterator
from enum import IntEnum, IntFlag
from typing import Final, NamedTuple, final

from primitives import limits
from primitives.errors import Malformed

_HEAD: Final = struct.Struct("!BBHII")


class Kind(IntEnum):
    """What a frame is."""

    DATA = 0
    CREDIT = 1
    PING = 2
    GO_AWAY = 3


class Flags(IntFlag):
    """What else it says."""

    NONE = 0
    SYN = 1
    """It opens a stream; a ping with it asks for an answer."""
    ACK = 2
    """It accepts one, or answers a ping."""
    FIN = 4
    """Nothing more will be written on this stream from this side."""
    RST = 8
    """The stream is over, both ways."""


_OF_STREAM: Final = (Kind.DATA, Kind.CREDIT)
_FLAGS_MAX: Final = int(Flags.SYN | Flags.ACK | Flags.FIN | Flags.RST)


class Frame(NamedTuple):
    """A frame, or a piece of a data frame; its flags come with the first piece, FIN with the last.

    `amount` is what its length says, for a piece of data 0.
    """

    kind: int
    flags: int
    stream: int
    amount: int
    data: bytes


def written(kind: Kind, flags: Flags, stream: int, amount: int, data: bytes = b"") -> bytes:
    """The bytes of a frame."""
    return _HEAD.pack(0, kind, flags, stream, amount) + data


@final
class FrameReader:
    """Cuts what arrives into frames, and keeps no more of it than half a head."""

    def __init__(self) -> None:
        self._rest = b""
        self._stream = self._flags = 0
        """Of the data frame that is being read."""
        self._missing = 0

    def feed(self, chunk: bytes) -> Iterator[Frame]:
        """The frames, and pieces of data, in a chunk.

        Raises:
            Malformed: a frame that no honest peer writes.
        """
        data = self._rest + chunk
        at, end = 0, len(data)
        while at < end:
            if self._missing:
                piece = data[at : at + self._missing]
                at += len(piece)
                self._missing -= len(piece)
                flags, self._flags = self._flags, self._flags & Flags.FIN
                if self._missing:
                    flags &= ~Flags.FIN
                yield Frame(Kind.DATA, flags, self._stream, 0, piece)
                continue
            if end - at < _HEAD.size:
                break
            version, kind, flags, stream, length = _HEAD.unpack_from(data, at)
            at += _HEAD.size
            _check(version, kind, flags, stream, length)
            if kind == Kind.DATA and length:
                self._stream, self._flags, self._missing = stream, flags, length
                continue
            yield Frame(kind, flags, stream, length, b"")
        self._rest = data[at:]


def _check(version: int, kind: int, flags: int, stream: int, length: int) -> None:
    if version:
        raise Malformed(f"yamux: version {version}, expected 0")
    if kind > Kind.GO_AWAY:
        raise Malformed(f"yamux: a frame of kind {kind}")
    if flags > _FLAGS_MAX:
        raise Malformed(f"yamux: flags {flags:#x}")
    if (kind in _OF_STREAM) != (stream != 0):
        raise Malformed(f"yamux: a frame of kind {kind} on stream {stream}")
    if kind == Kind.DATA and length > limits.MUX_FRAME_BYTES_MAX:
        raise Malformed(
            f"yamux: a frame announces {length} bytes, at most {limits.MUX_FRAME_BYTES_MAX}"
        )
