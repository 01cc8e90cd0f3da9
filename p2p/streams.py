"""libp2p's sockets and streams, with the bounds that it leaves to us.

- A socket is read in large pieces, and a message may come in as many as it likes.
- A stream has a window of `STREAM_WINDOW_BYTES`, refilled by halves; what a peer sends beyond its
  credit ends the stream.
- A peer holds `STREAMS_PER_PEER_MAX` streams.
"""

from collections.abc import Awaitable, Callable, Iterable
from typing import Final, SupportsIndex, TypeAlias, cast

import trio
from libp2p.abc import INetStream
from libp2p.exceptions import BaseLibp2pError
from libp2p.io.trio import TrioTCPStream
from libp2p.network.connection.raw_connection import RawConnection
from libp2p.network.stream.net_stream import NetStream
from libp2p.peer.id import ID
from libp2p.stream_muxer.yamux.yamux import DEFAULT_WINDOW_SIZE, YamuxStream

from p2p.peers import PeerId
from primitives import limits
from primitives.errors import Malformed

Stream: TypeAlias = INetStream

STREAM_ERRORS: Final = (
    BaseLibp2pError,
    OSError,
    trio.BrokenResourceError,
    trio.ClosedResourceError,
)
"""What a read, a write or the opening of a stream raises when the other side is gone."""

_DROP_S: Final = 0.5
"""For telling a peer that a stream is over."""
_SOCKET_BYTES: Final = 128 * 1024
"""One read of a socket: two Noise messages."""


def peer_id_text(peer: ID) -> PeerId:
    """libp2p's id as our name of it."""
    return PeerId(peer.to_base58())


def stream_peer(stream: Stream) -> PeerId:
    """Who is at the other end of a stream, as Noise proved it."""
    return peer_id_text(stream.muxed_conn.peer_id)


async def drop(stream: Stream) -> None:
    """Reset a stream, even while we are being cancelled; a dead connection may not take it."""
    with trio.CancelScope(deadline=trio.current_time() + _DROP_S, shield=True):
        await stream.reset()


async def write_pieces(stream: Stream, data: bytes, pay: Callable[[int], Awaitable[None]]) -> None:
    """Write as a link does, piece by piece, so that other streams of the connection have turns."""
    for start in range(0, len(data), limits.LINK_WRITE_BYTES):
        piece = data[start : start + limits.LINK_WRITE_BYTES]
        await pay(len(piece))
        await stream.write(piece)


def check_streams(stream: Stream) -> None:
    """Raises:
    Malformed: the connection of this stream carries too many.
    """
    connection = cast(NetStream, stream).swarm_conn
    assert connection is not None, "a stream that a peer opened belongs to a connection"
    held = len(connection.get_streams())
    if held > limits.STREAMS_PER_PEER_MAX:
        raise Malformed(f"{held} streams are open, at most {limits.STREAMS_PER_PEER_MAX}")


async def widen(stream: Stream) -> None:
    """Give a stream a window of `STREAM_WINDOW_BYTES`, refilled when half of it is read.

    libp2p's yamux answers nearly every read with a frame of credit, which is a third of what a
    small message costs, and lets the window grow to 16 MiB for a slow reader.
    """
    muxed = cast(NetStream, stream).muxed_stream
    assert isinstance(muxed, YamuxStream), "yamux is the only multiplexer"
    owed = limits.STREAM_WINDOW_BYTES - DEFAULT_WINDOW_SIZE

    async def credit(*, bytes_read: int = 0) -> None:
        nonlocal owed
        owed += bytes_read
        if owed >= limits.STREAM_WINDOW_BYTES // 2:
            grant, owed = owed, 0
            muxed.recv_window += grant
            await muxed.send_window_update(grant)

    buffers = muxed.conn.stream_buffers
    if muxed.stream_id in buffers:  # else the peer has reset it already
        buffers[muxed.stream_id] = _Bounded(buffers[muxed.stream_id])
    muxed._auto_tune_and_send_window_update = credit  # type: ignore[method-assign]
    await credit()


class _Bounded(bytearray):
    """What a stream has received and we have not read.

    libp2p only logs that a peer writes beyond its window. The error ends the stream's reading side
    behind what came before it. The factor covers credit that libp2p gave before `widen`.
    """

    is_overrun = False

    def extend(self, data: Iterable[SupportsIndex], /) -> None:
        """Refuse what no credit was given for, and everything after it."""
        chunk = bytes(data)
        if self.is_overrun or len(self) + len(chunk) > 2 * limits.STREAM_WINDOW_BYTES:
            self.is_overrun = True
            raise Malformed(f"{len(self) + len(chunk)} unread bytes on a stream")
        super().extend(chunk)


def raw_connection(socket: trio.SocketStream, *, is_dialler: bool) -> RawConnection:
    """A connection over this socket, before any handshake."""
    return RawConnection(_Socket(socket), initiator=is_dialler)


class _Socket(TrioTCPStream):
    """A socket that is read in large pieces, and hands out exactly what is asked for.

    libp2p reads each Noise message in two calls, and gives a message up that arrives in more than
    a hundred pieces: 64 KiB do, over a path with small packets.
    """

    def __init__(self, stream: trio.SocketStream) -> None:
        super().__init__(stream)
        self._ahead = bytearray()

    async def read(self, n: int | None = None) -> bytes:
        """`n` bytes, fewer only at the end; any number when `n` is none."""
        while len(self._ahead) < (1 if n is None else n):
            piece = await super().read(_SOCKET_BYTES)
            if not piece:
                break
            self._ahead += piece
        wanted = bytes(self._ahead[:n])
        del self._ahead[:n]
        return wanted
