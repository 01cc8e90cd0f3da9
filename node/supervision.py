"""The loop under supervision: it says that it turns, to the watchdog's thread and to systemd."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import trio

from node.log import Log
from node.notify import Notifier
from node.watchdog import ROUNDS, Watchdog
from primitives import limits

TURN_S: Final = 1.0
"""Between two signs of life at the most; the loop that gives them is the one that votes."""


@asynccontextmanager
async def supervised(log: Log, *, patience_s: float = limits.WATCHDOG_S) -> AsyncIterator[Notifier]:
    """Watch the loop while the body runs; the notifier is for what the body itself has to say."""
    watchdog, notifier = Watchdog(log, patience_s=patience_s), Notifier()

    async def turn() -> None:
        while True:
            watchdog.turned()
            notifier.alive()
            await trio.sleep(min(TURN_S, patience_s / ROUNDS))

    watchdog.start()
    try:
        async with trio.open_nursery() as tasks:
            tasks.start_soon(turn)
            yield notifier
            tasks.cancel_scope.cancel()
    finally:
        watchdog.stop()
        notifier.close()
