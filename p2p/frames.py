"""The bytes of a link, without any I/O.

A link's stream is a row of frames, each a piece of a payload in one of three lanes: a head of four
bytes, big endian (bit 31: more pieces follow; bits 30 and 29: the lane; the rest: how many bytes),
then that many bytes. A head of zeros is the keep-alive; it carries nothing and is never handed on.

Outward, `Outbox` holds what waits in each lane. A write takes what waits, votes first, then blocks,
then transactions, and never more than `LINK_WRITE_BYTES`: a vote that comes while a block of 2 MiB
is on its way waits for one piece of it, and the rest of the block follows the vote.
Inward, `FrameParser` looks at a head before it keeps a byte of the piece, and puts lanes together.
"""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Final

from primitives import limits
from primitives.errors import Malformed

KEEP_ALIVE: Final = bytes(4)
_HEAD_BYTES: Final = 4
_MORE: Final = 1 << 31
_LANE_SHIFT: Final = 29
_LENGTH_MASK: Final = (1 << _LANE_SHIFT) - 1
_PIECE_BYTES_MIN: Final = 512
"""A payload is not begun for less at the end of a write."""


class Lane(IntEnum):
    """Which queue of a link; the smaller overtakes the larger, even in the midst of a payload."""

    VOTES = 0
    BLOCKS = 1
    TRANSACTIONS = 2


@dataclass(slots=True)
class _Queue:
    """Payloads that wait in one lane; `waiting_bytes` is the sum of their lengths."""

    messages_max: int
    bytes_max: int
    payloads: deque[bytes] = field(default_factory=deque)
    waiting_bytes: int = 0
    written: int = 0
    """How much of the first is written."""

    def has_room(self, payload: bytes) -> bool:
        return (
            len(self.payloads) < self.messages_max
            and self.waiting_bytes + len(payload) <= self.bytes_max
        )

    def push(self, payload: bytes) -> None:
        self.payloads.append(payload)
        self.waiting_bytes += len(payload)

    def drop_oldest(self) -> None:
        """A payload that is begun is not dropped: the other side holds half of it."""
        index = 1 if self.written else 0
        self.waiting_bytes -= len(self.payloads[index])
        del self.payloads[index]

    def piece(self, room: int) -> tuple[bytes, bool] | None:
        """The next piece of the first payload, and whether it is the last; none without room."""
        first = self.payloads[0]
        rest = len(first) - self.written
        if rest > room and room < _PIECE_BYTES_MIN:
            return None
        if rest > room:
            piece = first[self.written : self.written + room]
            self.written += room
            return piece, False
        piece = first[self.written :]
        self.payloads.popleft()
        self.waiting_bytes -= len(first)
        self.written = 0
        return piece, True

    def clear(self) -> None:
        self.payloads.clear()
        self.waiting_bytes = self.written = 0


class Outbox:
    """What waits to be written to one peer; bounded in messages and in bytes.

    The lanes refuse differently. A vote or a block that finds no room is refused: the peer has
    stopped reading, and consensus repeats itself through Status. A transaction pushes out the
    oldest: the newest have the longest life before them, and an old one is offered by its hash.
    """

    def __init__(self) -> None:
        self._queues = {
            Lane.VOTES: _Queue(limits.LINK_VOTES_MAX, limits.LINK_VOTES_BYTES_MAX),
            Lane.BLOCKS: _Queue(limits.LINK_BLOCKS_MAX, limits.LINK_BLOCKS_BYTES_MAX),
            Lane.TRANSACTIONS: _Queue(
                limits.LINK_TRANSACTIONS_MAX, limits.LINK_TRANSACTIONS_BYTES_MAX
            ),
        }
        self.dropped = 0
        """Payloads refused or pushed out since the start."""

    @property
    def waiting_bytes(self) -> int:
        """Payload bytes in all lanes."""
        return sum(queue.waiting_bytes for queue in self._queues.values())

    @property
    def waiting_messages(self) -> int:
        """Payloads in all lanes."""
        return sum(len(queue.payloads) for queue in self._queues.values())

    def put(self, payload: bytes, lane: Lane) -> bool:
        """Queue a payload; false when it was refused."""
        check_payload(payload)
        queue = self._queues[lane]
        while lane is Lane.TRANSACTIONS and not queue.has_room(payload):
            queue.drop_oldest()
            self.dropped += 1
        if not queue.has_room(payload):
            self.dropped += 1
            return False
        queue.push(payload)
        return True

    def take(self) -> tuple[bytes, int]:
        """What one write carries, and how many payloads end in it."""
        parts: list[bytes] = []
        room, ended = limits.LINK_WRITE_BYTES, 0
        for lane, queue in self._queues.items():
            while queue.payloads and (taken := queue.piece(room - _HEAD_BYTES)) is not None:
                piece, is_last = taken
                head = len(piece) | lane << _LANE_SHIFT | (0 if is_last else _MORE)
                parts += (head.to_bytes(_HEAD_BYTES), piece)
                room -= _HEAD_BYTES + len(piece)
                ended += is_last
        return b"".join(parts), ended

    def clear(self) -> None:
        """Forget what waits: after a break, the peer is asked what it lacks instead."""
        self.dropped += self.waiting_messages
        for queue in self._queues.values():
            queue.clear()


def check_payload(payload: bytes) -> None:
    """Our own payloads keep the bounds; a larger one is a fault of this program."""
    assert 0 < len(payload) <= limits.FRAME_BYTES_MAX, (
        f"a payload has 1 to {limits.FRAME_BYTES_MAX} bytes, not {len(payload)}"
    )


class FrameParser:
    """Puts the pieces of a stream of bytes together.

    Holds at most one unfinished payload for each lane, one unfinished frame and the chunk that it
    was fed last.
    """

    def __init__(self) -> None:
        self._rest = bytearray()
        self._begun: dict[int, bytearray] = {lane: bytearray() for lane in Lane}

    def feed(self, chunk: bytes) -> Iterator[bytes]:
        """The payloads that `chunk` completes, keep-alives as empty bytes.

        Raises:
            Malformed: a frame is larger than a write, of no lane, or adds nothing, or a payload
                grows beyond `FRAME_BYTES_MAX`.
        """
        rest = self._rest
        rest += chunk
        start = 0
        try:
            while len(rest) - start >= _HEAD_BYTES:
                body = start + _HEAD_BYTES
                head = int.from_bytes(rest[start:body])
                length = head & _LENGTH_MASK
                self._check(head, length)
                if len(rest) < body + length:
                    break
                start = body + length
                if not head:
                    yield b""
                    continue
                begun = self._begun[head >> _LANE_SHIFT & 3]
                begun += rest[body:start]
                if not head & _MORE:
                    payload = bytes(begun)
                    begun.clear()
                    yield payload
        finally:
            del rest[:start]

    def _check(self, head: int, length: int) -> None:
        if not head:
            return
        lane = head >> _LANE_SHIFT & 3
        if lane not in self._begun:
            raise Malformed(f"a frame is of lane {lane}, expected 0 to {len(self._begun) - 1}")
        if not 0 < length <= limits.LINK_WRITE_BYTES:
            raise Malformed(
                f"a frame announces {length} bytes, at least 1 and at most "
                f"{limits.LINK_WRITE_BYTES}"
            )
        total = len(self._begun[lane]) + length
        if total > limits.FRAME_BYTES_MAX:
            raise Malformed(f"a payload grows to {total} bytes, at most {limits.FRAME_BYTES_MAX}")
