"""Streams of events: server-sent events that follow the chain (docs/api.md).

A stream keeps a cursor and nothing else. It reads a part from the database, sends it, and reads the
next when the client has taken it; at the end of the chain it waits for the next block. A slow
client therefore costs no memory, and a fast one misses nothing. Who takes 64 KiB no faster than in
`API_SEND_S` is disconnected, as with every answer, and goes on from its cursor when it returns.

The cursor also goes out with every heartbeat, so that a filter that rarely matches does not make
the node read the same blocks again after each reconnect.
"""

from typing import Final, final

import trio
from litestar.response.base import ASGIResponse
from litestar.types import Receive, Scope, Send

from node.api.backend import Backend
from node.api.problems import BUSY, Problem, problem
from node.api.responses import Write, problem_response, send_until_gone
from node.events import Cursor, EventReader, Wanted
from primitives import limits
from primitives.errors import Rejected

STREAM_TYPE: Final = "text/event-stream"


@final
class Streams:
    """The open streams of a node; the only writer of their set."""

    def __init__(self, backend: Backend, readers: trio.CapacityLimiter) -> None:
        self._backend = backend
        self._reader = EventReader(backend.store)
        self._readers = readers
        self._idle: set[trio.CancelScope] = set()
        self._ending = False
        self.count = 0

    async def open(self, after: Cursor | None, wanted: Wanted) -> ASGIResponse:
        """A stream of what comes after a cursor, or of what comes from now on.

        Raises:
            Rejected: what comes after it is not kept here.
        """
        if after is None:
            after = await trio.to_thread.run_sync(self._reader.end, limiter=self._readers)
        self._reader.need(after)
        return _EventStream(self, after, wanted)

    def end(self) -> None:
        """The node stops: each stream ends whole, at once if it waits for a block."""
        self._ending = True
        for scope in self._idle:
            scope.cancel()

    async def follow(self, after: Cursor, wanted: Wanted, send: Write) -> None:
        """Send until the node stops."""
        cursor = after
        # The cursor comes first: who is cut off before the first event goes on from here.
        await send(_heartbeat(cursor))
        spoken = trio.current_time()
        while not self._ending:
            try:
                read = await trio.to_thread.run_sync(
                    self._reader.read, cursor, wanted, limiter=self._readers
                )
            except Rejected:  # it fell so far behind; when it comes again it is told
                return
            cursor = read.cursor
            if read.data:
                await send(read.data)
                spoken = trio.current_time()
            elif trio.current_time() - spoken >= limits.API_HEARTBEAT_S:
                await send(_heartbeat(cursor))
                spoken = trio.current_time()
            if read.at_end and not self._ending:
                with trio.move_on_at(spoken + limits.API_HEARTBEAT_S) as idle:
                    self._idle.add(idle)
                    try:
                        await self._backend.next_block(read.head)
                    finally:
                        self._idle.discard(idle)


@final
class _EventStream(ASGIResponse):
    """The answer that does not end."""

    _should_set_content_length = False

    def __init__(self, streams: Streams, after: Cursor, wanted: Wanted) -> None:
        super().__init__(
            media_type=STREAM_TYPE,
            headers={"cache-control": "no-store", "x-accel-buffering": "no"},
        )
        self._streams, self._after, self._wanted = streams, after, wanted

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Take a place and stream, or say that there is none."""
        if self._streams.count >= limits.API_STREAMS_MAX:
            await problem_response(_busy())(scope, receive, send)
            return
        self._streams.count += 1
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._streams.count -= 1

    async def send_body(self, send: Send, receive: Receive) -> None:
        """Until the node stops or the client has gone."""

        async def follow(write: Write) -> None:
            await self._streams.follow(self._after, self._wanted, write)

        await send_until_gone(send, receive, follow)


def _busy() -> Problem:
    highest = limits.API_STREAMS_MAX
    return problem(
        BUSY,
        f"{highest} streams are open, which is all that this node serves at a time",
        {"expected": f"fewer than {highest}", "actual": highest},
    )


def _heartbeat(cursor: Cursor) -> bytes:
    return f": heartbeat\nid: {cursor}\n\n".encode()
