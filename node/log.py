"""Structured logs: one JSON object a line on standard output.

The engine's notes are the transcript of the chain: heights, views, ids. Never a key, never the
payload of a transaction.

A peer can make us say something about it as often as it likes, and so fill our disk: of each event
about a peer there is a bounded number of lines, and the next one says how many were left out. So it
is with events that name no peer, as the one who brought it is not its author: a proposal that is
too early is judged, and refused, whenever anybody brings it again.

A node does not end because nobody keeps what it says: where standard output takes no more, as a
file on a full disk, lines are lost, and the first that is taken again says how many.
"""

import json
import logging
import os
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, final

import structlog
from structlog.typing import EventDict, FilteringBoundLogger, Processor, WrappedLogger

from node.config import LogLevel
from p2p.bucket import Bucket
from primitives import limits

_NUMBERS: Final = {
    LogLevel.DEBUG: logging.DEBUG,
    LogLevel.INFO: logging.INFO,
    LogLevel.WARNING: logging.WARNING,
    LogLevel.ERROR: logging.ERROR,
}
_PROVOKED: Final = frozenset({"block.refused", "transaction.poisonous"})
"""Events that a message can cause and that are about no peer."""
_SHARES_MAX: Final = 16 * limits.PEERS_MAX
"""Peers times the events about one."""


@final
class Log:
    """The node's logger, and its level, which may change while the node runs."""

    def __init__(
        self,
        name: str,
        level: LogLevel,
        clock: Callable[[], float] = time.monotonic,
        *,
        output: int | None = None,
    ) -> None:
        """`output` is a descriptor; if not said, that of standard output."""
        self.level = level
        self._name = name
        self._processors: list[Processor] = [
            self._filter,
            _PeerShares(clock),
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(default=_shown),
        ]
        self._output = _Output(name, sys.stdout.fileno() if output is None else output)
        self.write: FilteringBoundLogger = structlog.wrap_logger(
            self._output, processors=self._processors
        ).bind(node=name)

    def for_all(self) -> None:
        """From now on every logger of this process writes here: the API's have no node at hand."""
        structlog.configure(
            processors=[self._named, *self._processors],
            logger_factory=lambda *_: self._output,
            cache_logger_on_first_use=False,
        )

    def _named(self, _logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
        return {"node": self._name, **event}

    def _filter(self, _logger: WrappedLogger, method: str, event: EventDict) -> EventDict:
        number = logging.getLevelNamesMapping().get(method.upper(), logging.INFO)
        if number < _NUMBERS[self.level]:
            raise structlog.DropEvent
        return event


@final
class _PeerShares:
    """Of each event about a peer, or that peers provoke, some lines and then a few every minute."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._shares: dict[tuple[object, object], _PeerShare] = {}

    def __call__(self, _logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
        peer = event.get("peer")
        if peer is None and event.get("event") not in _PROVOKED:
            return event
        share = self._shares.setdefault((peer, event.get("event")), _PeerShare())
        if len(self._shares) > _SHARES_MAX:
            del self._shares[next(iter(self._shares))]
        now = self._clock()
        if not share.bucket.has(now):
            share.left_out += 1
            raise structlog.DropEvent
        share.bucket.take(1, now)
        if share.left_out:
            event["left_out"], share.left_out = share.left_out, 0
        if isinstance(reason := event.get("reason"), str):
            event["reason"] = reason[: limits.LOG_REASON_LENGTH_MAX]
        return event


@dataclass
class _PeerShare:
    """What one peer may cause to be said by one event."""

    bucket: Bucket = field(
        default_factory=lambda: Bucket(
            per_second=limits.LOG_LINES_PER_MINUTE / 60, full=limits.LOG_LINES_AT_ONCE
        )
    )
    left_out: int = 0


@final
class _Output:
    """Whole lines, unbuffered: what could not be written does not come later, out of order."""

    def __init__(self, node: str, descriptor: int) -> None:
        self._node, self._descriptor = node, descriptor
        self._lost = 0
        self._is_torn = False

    def msg(self, line: str) -> None:
        """Write a line, or count it."""
        try:
            if self._lost:
                lost = {"node": self._node, "lines": self._lost, "event": "log.lost"}
                self._write(json.dumps({**lost, "level": "warning"}))
                self._lost = 0
            self._write(line)
        except OSError:
            self._lost += 1

    debug = info = warning = error = msg

    def _write(self, line: str) -> None:
        data = (b"\n" if self._is_torn else b"") + line.encode() + b"\n"
        written = os.write(self._descriptor, data)
        self._is_torn = written < len(data)
        if self._is_torn:
            raise OSError


def _shown(value: object) -> str:
    return value.hex() if isinstance(value, bytes) else repr(value)
