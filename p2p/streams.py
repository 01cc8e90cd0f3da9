"""libp2p's sockets and streams: what they raise, who is at their other end, how they end.

A socket is read in large pieces, and a message may come in as many as it likes.
"""

from collections.abc import Awaitable, Callable
from typing import Final, TypeAlias

import trio
from libp2p.abc import INetStream
from libp2p.exceptions import BaseLibp2pError
from libp2p.io.trio import TrioTCPStream
from libp2p.network.connection.raw_connection import RawConnection
from libp2p.peer.id import ID

from p2p.peers import PeerId
from primitives import limits

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
