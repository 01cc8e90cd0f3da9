"""The event stream of a network: every event once, whatever happens to connections and nodes.

The place in the stream is a cursor that means the same at every node. It moves when an event has
arrived whole and with each heartbeat; whoever reconnects, to the same node or to another, says the
last one. What arrived in part is asked for again, what arrived whole never is.
"""

import http.client
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Final, final
from urllib.parse import urlencode

from client.connection import ANSWER_BYTES_MAX, Connection, Node
from client.faults import Unreachable
from node.events import CommittedEvent
from primitives import limits
from primitives.errors import Rejected
from primitives.named import from_named
from storage.edges import HISTORY_PRUNED

PATIENCE_S: Final = 60.0
"""How long a stream goes on trying while no node answers."""
_PAUSE_S: Final = 0.2
_PAUSE_MAX_S: Final = 5.0
_SILENCE_S: Final = 3.0 * limits.API_HEARTBEAT_S
"""A node that says nothing for so long has gone without closing its connection."""


@final
@dataclass(slots=True)
class EventStream:
    """Follows the chain at the first of some nodes that answers. For one thread at a time."""

    nodes: Sequence[Node]
    parameters: Mapping[str, str]
    cursor: str | None
    """Where it stands: what comes after it has not been read; None is wherever it begins."""
    patience_s: float
    _heard_s: float = 0.0

    def __iter__(self) -> Iterator[CommittedEvent]:
        """Yield events as they become final, for ever.

        Raises:
            Rejected: the node refuses the question: a cursor or a filter that is none; or no node
                keeps what comes after the cursor any more.
            Unreachable: no node answered for `patience_s`.
        """
        self._heard_s = time.monotonic()
        pause_s, turn = _PAUSE_S, 0
        without: set[int] = set()
        while True:
            began_s = time.monotonic()
            try:
                yield from self._until_cut(self.nodes[turn % len(self.nodes)])
            except Rejected as refused:
                without.add(turn % len(self.nodes))
                if refused.code != HISTORY_PRUNED or len(without) == len(self.nodes):
                    raise
            except Unreachable as error:
                if time.monotonic() - self._heard_s > self.patience_s:
                    raise Unreachable(f"{error}; tried for {self.patience_s:g} s") from error
            turn += 1
            if self._heard_s > began_s:
                pause_s = _PAUSE_S
                without.clear()
            if turn % len(self.nodes) == 0:
                time.sleep(pause_s)
                pause_s = min(2 * pause_s, _PAUSE_MAX_S)

    def _until_cut(self, node: Node) -> Iterator[CommittedEvent]:
        with closing(Connection(node)) as connection:
            path = "/v1/events" + (f"?{urlencode(self.parameters)}" if self.parameters else "")
            headers = {"Accept": "text/event-stream"}
            if self.cursor is not None:
                headers["Last-Event-ID"] = self.cursor
            answer = connection.open_stream(path, headers, timeout_s=_SILENCE_S)
            for cursor, data in _parts(answer, node):
                # Before the event is handed out: who stops in the middle has seen it.
                self.cursor = cursor or self.cursor
                self._heard_s = time.monotonic()
                if data:
                    yield from_named(data, CommittedEvent)


def _parts(answer: http.client.HTTPResponse, node: Node) -> Iterator[tuple[str, bytes]]:
    """Cursor and data of each part that arrived whole; a heartbeat has no data."""
    cursor, data = "", b""
    while True:
        try:
            line = answer.readline(ANSWER_BYTES_MAX)
        except (OSError, http.client.HTTPException) as error:
            why = str(error) or type(error).__name__
            raise Unreachable(f"{node.name} fell silent at {node.url}: {why}") from error
        if not line.endswith(b"\n"):
            return
        name, _, value = line.rstrip(b"\r\n").partition(b":")
        value = value.removeprefix(b" ")
        if name == b"id":
            cursor = value.decode("ascii", errors="replace")
        elif name == b"data":
            data += value
        elif not name and not value and line.strip() == b"":
            yield cursor, data
            cursor, data = "", b""
