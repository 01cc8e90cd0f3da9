"""The bytes of a link, without any I/O.

A link's stream is a row of frames: a length (four bytes, big endian), then that many bytes. A
frame of length zero is the keep-alive; it carries nothing and is never handed on.

Outward, `Outbox` holds what waits in two lanes. Each write takes everything that waits, votes
first, but never more than `WRITE_BYTES` of transactions: a vote that comes while a write is under
way waits for that one write, not for the transactions behind it.
Inward, `FrameParser` looks at a length before it keeps a byte of the body.
"""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Final

from primitives import limits
from primitives.errors import Malformed

KEEP_ALIVE: Final = bytes(4)
_LENGTH_BYTES: Final = 4


class Lane(Enum):
    """Which queue of a link; votes overtake transactions."""

    VOTES = "votes"
    TRANSACTIONS = "transactions"


@dataclass(slots=True)
class _Queue:
    """Frames that wait in one lane; `waiting_bytes` is the sum of their lengths."""

    messages_max: int
    bytes_max: int
    frames: deque[bytes]
    waiting_bytes: int = 0

    def has_room(self, payload: bytes) -> bool:
        return (
            len(self.frames) < self.messages_max
            and self.waiting_bytes + len(payload) <= self.bytes_max
        )

    def push(self, payload: bytes) -> None:
        self.frames.append(payload)
        self.waiting_bytes += len(payload)

    def pop(self) -> bytes:
        payload = self.frames.popleft()
        self.waiting_bytes -= len(payload)
        return payload


class Outbox:
    """What waits to be written to one peer; bounded in messages and in bytes.

    The lanes refuse differently. A vote that finds no room is refused: the peer has stopped reading
    and consensus repeats itself through Status. A transaction pushes out the oldest transactions:
    the newest have the longest life before them, and an old one is offered again by its hash.
    """

    def __init__(self) -> None:
        self._votes = _Queue(limits.LINK_VOTES_MAX, limits.LINK_VOTES_BYTES_MAX, deque())
        self._transactions = _Queue(
            limits.LINK_TRANSACTIONS_MAX, limits.LINK_TRANSACTIONS_BYTES_MAX, deque()
        )
        self.dropped = 0
        """Payloads refused or pushed out since the start."""

    @property
    def waiting_bytes(self) -> int:
        """Payload bytes in both lanes."""
        return self._votes.waiting_bytes + self._transactions.waiting_bytes

    @property
    def waiting_messages(self) -> int:
        """Payloads in both lanes."""
        return len(self._votes.frames) + len(self._transactions.frames)

    def put(self, payload: bytes, lane: Lane) -> bool:
        """Queue a payload; false when it was refused."""
        check_payload(payload)
        if lane is Lane.VOTES:
            if not self._votes.has_room(payload):
                self.dropped += 1
                return False
            self._votes.push(payload)
            return True
        while not self._transactions.has_room(payload):
            self._transactions.pop()
            self.dropped += 1
        self._transactions.push(payload)
        return True

    def take(self) -> tuple[bytes, int]:
        """Everything that one write carries, and how many payloads that is."""
        parts: list[bytes] = []
        room = limits.LINK_WRITE_BYTES
        for queue in (self._votes, self._transactions):
            while queue.frames and (room > 0 or not parts):
                payload = queue.pop()
                parts += (len(payload).to_bytes(_LENGTH_BYTES), payload)
                room -= _LENGTH_BYTES + len(payload)
        return b"".join(parts), len(parts) // 2

    def clear(self) -> None:
        """Forget what waits: after a break, the peer is asked what it lacks instead."""
        self.dropped += self.waiting_messages
        for queue in (self._votes, self._transactions):
            queue.frames.clear()
            queue.waiting_bytes = 0


def check_payload(payload: bytes) -> None:
    """Our own payloads keep the bounds; a larger one is a fault of this program."""
    assert 0 < len(payload) <= limits.FRAME_BYTES_MAX, (
        f"a payload has 1 to {limits.FRAME_BYTES_MAX} bytes, not {len(payload)}"
    )


class FrameParser:
    """Cuts a stream of bytes into payloads.

    Holds at most one unfinished frame and the chunk that it was fed last.
    """

    def __init__(self) -> None:
        self._rest = bytearray()

    def feed(self, chunk: bytes) -> Iterator[bytes]:
        """The payloads that `chunk` completes, keep-alives as empty bytes.

        Raises:
            Malformed: a frame announces more than `FRAME_BYTES_MAX`.
        """
        rest = self._rest
        rest += chunk
        start = 0
        try:
            while len(rest) - start >= _LENGTH_BYTES:
                body = start + _LENGTH_BYTES
                length = int.from_bytes(rest[start:body])
                if length > limits.FRAME_BYTES_MAX:
                    raise Malformed(
                        f"a frame announces {length} bytes, at most {limits.FRAME_BYTES_MAX}"
                    )
                if len(rest) < body + length:
                    break
                start = body + length
                yield bytes(rest[body:start])
        finally:
            del rest[:start]
