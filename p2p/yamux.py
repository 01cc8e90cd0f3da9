"""yamux, strictly: many streams on one connection, and what a peer may ask of it is bounded.

libp2p's own answers every frame as fast as it comes: ten thousand pings fit into 128 KB, each costs
a write; it makes a stream before anybody counts them, reads what was never granted, and polls for
credit. This one keeps the same wire format and libp2p's interfaces, and these bounds:

- **Work.** Each frame, and each message of Noise, costs the peer one of `MUX_WORK_PER_SECOND`; what
  makes us do more costs more. Beyond it the peer's connections are read more slowly: a flood
  slows down the one who sends it.
- **Streams.** `STREAMS_PER_PEER_MAX` that the peer opened, counted before one is made.
- **Credit.** `STREAM_WINDOW_BYTES` for a stream, renewed when half of it was read. Data beyond it,
  and whatever the specification does not know, ends the connection: no honest peer sends it.
- **Replies** are written before the next frame is read: who does not take them is not read.

A stream that was reset is forgotten at once, with what it had not read.
"""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Final, final

import trio
from libp2p.abc import IMuxedConn, IMuxedStream, ISecureConn
from libp2p.connection_types import ConnectionType
from libp2p.peer.id import ID
from libp2p.stream_muxer.exceptions import (
    MuxedConnUnavailable,
    MuxedStreamClosed,
    MuxedStreamEOF,
    MuxedStreamError,
    MuxedStreamReset,
)
from multiaddr import Multiaddr  # type: ignore[import-untyped]  # it has no type hints
from trio.lowlevel import ParkingLot

from p2p.bucket import Bucket
from p2p.yamux_frames import Flags, Frame, FrameReader, Kind, written
from primitives import limits
from primitives.errors import Malformed

_CREDIT_MAX: Final = 2**32 - 1
_CHUNK_BYTES: Final = 65_535 - 16 - 12
"""Data of one frame that fills one message of Noise."""
_STALL_S: Final = 20.0
"""A peer that grants nothing for so long does not read this stream any more."""
_SOCKET_S: Final = 4.0
"""A socket that takes not even one message for so long leads nowhere."""

_WORK_OF_STREAM: Final = 40
"""A stream's task and negotiation: 40 frames' worth."""
_WORK_OF_REPLY: Final = 3
_UNASKED_BYTES: Final = 1024
"""Data for a stream that is over costs a frame's worth for each so many bytes."""


@dataclass(slots=True)
class Allotment:
    """What a peer has of us, in all its connections."""

    work: Bucket
    streams: int = 0
    """That it opened and that are open."""


@final
class YamuxStream(IMuxedStream):
    """One stream, as libp2p wants it. Made by `Yamux`."""

    def __init__(self, number: int, connection: "Yamux") -> None:
        self.stream_id = number
        self.muxed_conn: Yamux = connection
        self.is_reset = False
        self._unread = bytearray()
        self._room = limits.STREAM_WINDOW_BYTES
        """What the peer may still send."""
        self._owed = 0
        """What was read and not granted again."""
        self._credit = limits.STREAM_WINDOW_BYTES
        self._has_ended = False
        """The peer writes no more."""
        self._is_finished = False
        """We write no more."""
        self._news = ParkingLot()
        self._turn = trio.Lock()
        """Of those who write: gossip has several tasks for one stream."""

    async def read(self, n: int | None = None) -> bytes:
        """What is there, `n` bytes at the most; waits for the first.

        Raises:
            MuxedStreamEOF: the peer has written everything it will.
            MuxedStreamReset: the stream is over.
        """
        while not self._unread:
            if self.is_reset:
                raise MuxedStreamReset
            if self._has_ended:
                raise MuxedStreamEOF
            await self._news.park()
        if self.is_reset:
            raise MuxedStreamReset
        size = len(self._unread) if n is None or n < 0 else n
        data = bytes(self._unread[:size])
        del self._unread[:size]
        self._owed += len(data)
        if self._owed >= limits.STREAM_WINDOW_BYTES // 2 and not self._has_ended:
            grant, self._owed = self._owed, 0
            await self._grant(grant)
        return data

    async def _grant(self, amount: int) -> None:
        self._room += amount
        await self.muxed_conn.write_frame(Kind.CREDIT, Flags.NONE, self.stream_id, amount)

    async def write(self, data: bytes) -> None:
        """All of it, as the peer grants credit, and nothing of another write in between.

        Raises:
            MuxedStreamReset: the stream is over.
            MuxedStreamClosed: it was closed from this side, or half a write was its last.
            MuxedStreamError: the peer has not read for a long time.
        """
        try:
            self._turn.acquire_nowait()
        except trio.WouldBlock:
            await self._turn.acquire()
        sent = 0
        try:
            while sent < len(data):
                await self._has_credit()
                chunk = data[sent : sent + min(_CHUNK_BYTES, self._credit)]
                self._credit -= len(chunk)
                await self.muxed_conn.write_frame(
                    Kind.DATA, Flags.NONE, self.stream_id, len(chunk), chunk
                )
                sent += len(chunk)
        finally:
            if 0 < sent < len(data):  # what came next would be read as the rest of this
                self._is_finished = True
            self._turn.release()

    async def _has_credit(self) -> None:
        with trio.move_on_after(_STALL_S) as patience:
            while True:
                if self.is_reset:
                    raise MuxedStreamReset
                if self._is_finished:
                    raise MuxedStreamClosed
                if self._credit > 0:
                    return
                await self._news.park()
        if patience.cancelled_caught:
            raise MuxedStreamError(f"nothing was read for {_STALL_S:g} s")

    async def close(self) -> None:
        """Write no more; what the peer writes may still be read."""
        if self._is_finished or self.is_reset:
            return
        self._is_finished = True
        self._news.unpark_all()
        if self._has_ended:
            self.muxed_conn.forget(self.stream_id)
        await self.muxed_conn.write_frame(Kind.CREDIT, Flags.FIN, self.stream_id, 0)

    async def reset(self) -> None:
        """End it both ways."""
        if self.is_reset:
            return
        self.be_over()
        self.muxed_conn.forget(self.stream_id)
        await self.muxed_conn.write_frame(Kind.CREDIT, Flags.RST, self.stream_id, 0)

    def be_over(self) -> None:
        """Whoever reads or writes hears so."""
        self.is_reset = True
        self._unread.clear()
        self._news.unpark_all()

    def take(self, data: bytes) -> None:
        """Data has come.

        Raises:
            Malformed: more than was granted, or after its end.
        """
        if data and self._has_ended:
            raise Malformed(f"yamux: data on stream {self.stream_id} after its end")
        if len(data) > self._room:
            raise Malformed(f"yamux: {len(data)} bytes on a stream with room for {self._room}")
        self._room -= len(data)
        self._unread += data
        self._news.unpark_all()

    def take_credit(self, amount: int) -> None:
        """The peer has read something."""
        self._credit = min(self._credit + amount, _CREDIT_MAX)
        self._news.unpark_all()

    def take_end(self) -> None:
        """The peer writes no more."""
        self._has_ended = True
        if self._is_finished:
            self.muxed_conn.forget(self.stream_id)
        self._news.unpark_all()

    def set_deadline(self, ttl: int) -> None:
        """Deadlines are trio's."""
        raise NotImplementedError

    def get_remote_address(self) -> tuple[str, int] | None:
        """Where the other end is."""
        return self.muxed_conn.get_remote_address()

    async def __aenter__(self) -> "YamuxStream":
        return self


@final
class Yamux(IMuxedConn):
    """One connection, as libp2p wants it; `start` reads it until it ends."""

    def __init__(
        self,
        conn: ISecureConn,
        peer_id: ID,
        share: Allotment,
        on_fault: Callable[[Malformed], Awaitable[None]],
    ) -> None:
        self.peer_id = peer_id
        self.event_started = trio.Event()
        self.on_close: Callable[[], Awaitable[None]] | None = None
        """libp2p's: called when the connection has ended."""
        self._conn = conn
        self._share = share
        self._on_fault = on_fault
        self._is_dialler = conn.is_initiator
        self._next = 1 if self._is_dialler else 2
        self._streams: dict[int, YamuxStream] = {}
        self._accepted, self._to_accept = trio.open_memory_channel[YamuxStream](
            limits.STREAMS_PER_PEER_MAX
        )
        self._writing = trio.Lock()
        self._is_over = False

    @property
    def is_initiator(self) -> bool:
        """Whether we dialled."""
        return self._is_dialler

    @property
    def is_established(self) -> bool:
        """Whether streams can be opened."""
        return self.event_started.is_set() and not self._is_over

    @property
    def is_closed(self) -> bool:
        """Whether it has ended."""
        return self._is_over

    async def start(self) -> None:
        """Read until the connection ends."""
        self.event_started.set()
        fault: Malformed | None = None
        with suppress(Exception):  # whatever it was, it is over
            try:
                await self._read()
            except Malformed as malformed:
                fault = malformed
        if fault is not None:
            await self._on_fault(fault)
        await self._end()

    async def close(self) -> None:
        """Say goodbye, unless something else is being said, and end."""
        if self._is_over:
            return
        if not self._writing.locked():  # else the peer may not be reading, and we would wait
            with suppress(MuxedStreamError):
                await self.write_frame(Kind.GO_AWAY, Flags.NONE, 0, 0)
        await self._end()

    async def open_stream(self) -> IMuxedStream:
        """A new stream.

        Raises:
            MuxedStreamError: the connection has ended.
        """
        number, self._next = self._next, self._next + 2
        stream = self._streams[number] = YamuxStream(number, self)
        await self.write_frame(Kind.CREDIT, Flags.SYN, number, 0)
        return stream

    async def accept_stream(self) -> IMuxedStream:
        """The next stream that the peer opened.

        Raises:
            MuxedConnUnavailable: the connection has ended.
        """
        try:
            return await self._to_accept.receive()
        except trio.EndOfChannel:
            raise MuxedConnUnavailable("the connection has ended") from None

    async def write_frame(
        self, kind: Kind, flags: Flags, stream: int, amount: int, data: bytes = b""
    ) -> None:
        """Write a frame whole, even if the caller is cancelled: half of one would garble the rest.

        Raises:
            MuxedStreamError: the connection has ended, or the peer takes nothing from its socket.
        """
        async with self._writing:
            if self._is_over:
                raise MuxedStreamError("the connection has ended")
            with trio.CancelScope(shield=True) as patience:
                patience.deadline = trio.current_time() + _SOCKET_S
                try:
                    await self._conn.write(written(kind, flags, stream, amount, data))
                except Exception as error:  # sockets and Noise share no base class
                    raise MuxedStreamError(f"the connection broke: {error!r}") from error
            if patience.cancelled_caught:
                await self._end()
                raise MuxedStreamError(f"the socket took nothing for {_SOCKET_S:g} s")

    def forget(self, number: int) -> None:
        """A stream is over."""
        if self._streams.pop(number, None) is not None and self._is_theirs(number):
            self._share.streams -= 1

    def _is_theirs(self, number: int) -> bool:
        return number % 2 != self._is_dialler

    def get_transport_addresses(self) -> list[Multiaddr]:
        """Where the other end is, as libp2p writes it."""
        return self._conn.get_transport_addresses()

    def get_connection_type(self) -> ConnectionType:
        """How it is reached, as libp2p says it."""
        return self._conn.get_connection_type()

    def get_remote_address(self) -> tuple[str, int] | None:
        """Where the other end is."""
        return self._conn.get_remote_address()

    async def _read(self) -> None:
        reader = FrameReader()
        while True:
            chunk = await self._conn.read(None)
            work = 1
            for frame in reader.feed(chunk):
                work += 1 + await self._hear(frame)
                if frame.kind == Kind.GO_AWAY:
                    return
            await trio.sleep(self._share.work.take(work, trio.current_time()))

    async def _hear(self, frame: Frame) -> int:
        """Do what a frame asks; returns what that costs beyond looking at it.

        Raises:
            Malformed: no honest peer would send it now.
        """
        kind, flags, number, amount, data = frame
        if kind == Kind.PING:
            if not flags & Flags.SYN:
                return 0
            await self.write_frame(Kind.PING, Flags.ACK, 0, amount)
            return _WORK_OF_REPLY
        if kind == Kind.GO_AWAY:
            return 0
        work = 0
        if flags & Flags.SYN:
            await self._accept(number)
            work = _WORK_OF_STREAM
        stream = self._streams.get(number)
        if stream is None:  # over, and the peer may not have heard it yet
            return work + len(data) // _UNASKED_BYTES
        if kind == Kind.DATA:
            stream.take(data)
        else:
            stream.take_credit(amount)
        if flags & Flags.RST:
            self.forget(number)
            stream.be_over()
        elif flags & Flags.FIN:
            stream.take_end()
        return work

    async def _accept(self, number: int) -> None:
        if not self._is_theirs(number):
            raise Malformed(f"yamux: stream {number} is not the peer's to open")
        if number in self._streams:
            raise Malformed(f"yamux: stream {number} is open already")
        if self._share.streams >= limits.STREAMS_PER_PEER_MAX:
            raise Malformed(
                f"yamux: {self._share.streams + 1} streams are open, "
                f"at most {limits.STREAMS_PER_PEER_MAX}"
            )
        self._share.streams += 1
        stream = self._streams[number] = YamuxStream(number, self)
        await self.write_frame(Kind.CREDIT, Flags.ACK, number, 0)
        await self._accepted.send(stream)

    async def _end(self) -> None:
        """Wake everybody who waits, close the connection, tell libp2p; once."""
        if self._is_over:
            return
        self._is_over = True
        self._accepted.close()
        for number, stream in tuple(self._streams.items()):
            stream.be_over()
            self.forget(number)
        with suppress(Exception):  # as above: it need not be told
            await self._conn.close()
        if self.on_close is not None:
            await self.on_close()
