"""Structured logs: one JSON object a line on standard output.

The engine's notes are the transcript of the chain: heights, views, ids. Never a key, never the
payload of a transaction.
"""

import logging
import sys
from typing import Final, final

import structlog
from structlog.typing import EventDict, FilteringBoundLogger, Processor, WrappedLogger

from node.config import LogLevel

_NUMBERS: Final = {
    LogLevel.DEBUG: logging.DEBUG,
    LogLevel.INFO: logging.INFO,
    LogLevel.WARNING: logging.WARNING,
    LogLevel.ERROR: logging.ERROR,
}


@final
class Log:
    """The node's logger, and its level, which may change while the node runs."""

    def __init__(self, name: str, level: LogLevel) -> None:
        self.level = level
        processors: list[Processor] = [
            self._filter,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(default=_shown),
        ]
        self.write: FilteringBoundLogger = structlog.wrap_logger(
            structlog.PrintLogger(sys.stdout), processors=processors
        ).bind(node=name)

    def _filter(self, _logger: WrappedLogger, method: str, event: EventDict) -> EventDict:
        number = logging.getLevelNamesMapping().get(method.upper(), logging.INFO)
        if number < _NUMBERS[self.level]:
            raise structlog.DropEvent
        return event


def _shown(value: object) -> str:
    return value.hex() if isinstance(value, bytes) else repr(value)
