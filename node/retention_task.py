"""The task that keeps a running node's history as short as its operator wants it.

After each block it takes the steps that are due (node/retention.py), each in a worker thread, with
a rest after each: blocks come first, and a step is one synchronous write that they may have to wait
for. A policy that was tightened is thus caught up with over minutes or hours; `mithaq db prune`
does it at once.
"""

from collections.abc import Awaitable, Callable
from typing import Final

import trio

from node.log import Log
from node.retention import Policy, in_strides, retire_due, sweep_some
from primitives.crypto import Key
from primitives.ids import Height
from storage.chain import ChainStore
from storage.edges import Part

REST_S: Final = 0.05
"""After a step of some milliseconds: a tenth of the disk's time, and 40,000 rows a second."""


async def keep_retention(
    store: ChainStore,
    policy: Policy,
    key: Key,
    log: Log,
    next_block: Callable[[Height], Awaitable[None]],
) -> None:
    """For ever; `next_block` waits until the newest block is above a height.

    Raises:
        StorageFault: a write failed; the node must end.
    """
    while True:
        height, before = store.head().height, store.edges()
        await trio.to_thread.run_sync(retire_due, store, policy, key, in_strides)
        while await trio.to_thread.run_sync(sweep_some, store):  # noqa: ASYNC110 - not a poll
            await trio.sleep(REST_S)
        for part in Part:
            edge = store.edges().of(part)
            if edge > before.of(part):
                log.write.info("history.dropped", part=part.value, kept_from=edge)
        await next_block(height)
