"""One question, one answer, a stream each: how a node fetches ranges of blocks.

The asker opens a stream of `/mithaq/request/1/<chain>`, writes a length (four bytes, big endian)
and the question; the other writes a length and the answer; the asker resets. The first bit of the
answer's length says that it is a refusal, whose bytes are the reason as text. Both lengths are
looked at before a byte of the body is kept. Both sides have a deadline, and slots: a peer that
hangs holds only its own.

Answers are bulk, and yield to votes: they are written in pieces, those of one peer one after the
other, as its quota allows. What a vote on the same path can find before it is one stream's window.
"""

from collections.abc import Awaitable, Callable
from typing import Final

import trio

from p2p.faults import PayloadTooLarge, PeerUnavailable, RequestRefused
from p2p.host import Host
from p2p.peers import PeerId
from p2p.quota import FOLLOWER
from p2p.streams import STREAM_ERRORS, Stream, drop, write_pieces
from primitives import limits
from primitives.errors import Malformed, RemoteFault

Answerer = Callable[[PeerId, bytes], Awaitable[bytes]]

_REFUSAL: Final = 1 << 31
_REASON_BYTES_MAX: Final = 512
_READ_BYTES: Final = 64 * 1024
ANSWER_S: Final = 20.0
"""For reading a question, answering it and having the answer taken: 8 MiB at 4 Mbit/s."""


class Requests:
    """Asks peers, and answers them with `answer`.

    `answer` may raise RemoteFault; the peer then gets its text as a refusal.
    """

    def __init__(self, host: Host, protocol: str, answer: Answerer) -> None:
        self._host = host
        self._protocol = protocol
        self._answer = answer
        self._asking: dict[PeerId, trio.CapacityLimiter] = {}
        self._answering: dict[PeerId, int] = {}
        self._writing: dict[PeerId, trio.Lock] = {}
        self.answered = 0
        self.refused = 0
        host.answer(protocol, self._serve)

    async def ask(self, peer: PeerId, question: bytes, *, timeout_s: float) -> bytes:
        """The peer's answer.

        Raises:
            PeerUnavailable: not connected, no answer in time, or it broke off.
            RequestRefused: the peer says why not.
            PayloadTooLarge: our question exceeds `REQUEST_BYTES_MAX`.
            Malformed: the answer exceeds `RESPONSE_BYTES_MAX`.
        """
        if len(question) > limits.REQUEST_BYTES_MAX:
            raise PayloadTooLarge(
                f"a question of {len(question)} bytes, at most {limits.REQUEST_BYTES_MAX}"
            )
        slots = self._asking.setdefault(peer, trio.CapacityLimiter(limits.REQUESTS_PER_PEER_MAX))
        try:
            with trio.fail_after(timeout_s):
                async with slots:
                    return await self._ask(peer, question)
        except trio.TooSlowError:
            raise PeerUnavailable(f"no answer in {timeout_s:g} s") from None
        except STREAM_ERRORS as error:
            raise PeerUnavailable(f"the answer broke off: {error!r}") from error

    def forget(self, peer: PeerId) -> None:
        """This is no peer any more."""
        self._asking.pop(peer, None)

    async def _ask(self, peer: PeerId, question: bytes) -> bytes:
        stream = await self._host.open(peer, self._protocol)
        try:
            await stream.write(len(question).to_bytes(4) + question)
            length = int.from_bytes(await read_exactly(stream, 4))
            if length & _REFUSAL:
                size = min(length ^ _REFUSAL, _REASON_BYTES_MAX)
                reason = await read_exactly(stream, size)
                raise RequestRefused(reason.decode(errors="replace"))
            if length > limits.RESPONSE_BYTES_MAX:
                raise Malformed(
                    f"an answer announces {length} bytes, at most {limits.RESPONSE_BYTES_MAX}"
                )
            return await read_exactly(stream, length)
        finally:
            await drop(stream)

    async def _serve(self, peer: PeerId, stream: Stream) -> None:
        """Answer one question of one peer.

        Raises:
            Malformed: the question exceeds `REQUEST_BYTES_MAX`.
        """
        has_slot = self._has_slot(peer)
        self._answering[peer] = self._answering.get(peer, 0) + has_slot
        try:
            with trio.move_on_after(ANSWER_S):
                if has_slot:
                    await self._reply(peer, stream)
                else:
                    self.refused += 1
                    await _refuse(stream, "too many questions at once")
                await stream.read(1)  # the asker resets the stream when it has everything
        finally:
            self._answering[peer] -= has_slot
            if not self._answering[peer]:
                del self._answering[peer]
                self._writing.pop(peer, None)
            await drop(stream)

    def _has_slot(self, peer: PeerId) -> bool:
        """Whether one more question of this peer finds a place; validators keep some of them."""
        held = self._answering
        if held.get(peer, 0) >= limits.REQUESTS_PER_PEER_MAX:
            return False
        if sum(held.values()) >= limits.REQUESTS_MAX:
            return False
        followers = sum(count for other, count in held.items() if self._follows(other))
        return not self._follows(peer) or followers < limits.FOLLOWER_REQUESTS_MAX

    def _follows(self, peer: PeerId) -> bool:
        return self._host.gate.quota(peer).share is FOLLOWER

    async def _reply(self, peer: PeerId, stream: Stream) -> None:
        length = int.from_bytes(await read_exactly(stream, 4))
        if length > limits.REQUEST_BYTES_MAX:
            raise Malformed(
                f"a question announces {length} bytes, at most {limits.REQUEST_BYTES_MAX}"
            )
        quota = self._host.gate.quota(peer)
        await quota.read_message()
        await quota.read_bytes(length)
        question = await read_exactly(stream, length)
        try:
            answer = await self._answer(peer, question)
        except RemoteFault as fault:
            self.refused += 1
            await _refuse(stream, str(fault))
            return
        assert len(answer) <= limits.RESPONSE_BYTES_MAX, f"an answer of {len(answer)} bytes"
        self.answered += 1
        async with self._writing.setdefault(peer, trio.Lock()):  # one by one: see the module
            await write_pieces(stream, len(answer).to_bytes(4) + answer, quota.write_answer)


async def read_exactly(stream: Stream, size: int) -> bytes:
    """`size` bytes of a stream, of which no more than is there is held."""
    held = bytearray()
    while len(held) < size:
        chunk = await stream.read(min(_READ_BYTES, size - len(held)))
        if not chunk:
            raise PeerUnavailable(f"the stream ended after {len(held)} of {size} bytes")
        held += chunk
    return bytes(held)


async def _refuse(stream: Stream, reason: str) -> None:
    text = reason.encode()[:_REASON_BYTES_MAX]
    await stream.write((_REFUSAL | len(text)).to_bytes(4) + text)
