"""The task that writes a running node's snapshots: at heights that its operator's number divides.

The moment is frozen in the loop, right after the block; the work goes on in a worker thread that
rests more than it works (`node.api.labour`), so that blocks come first. Nodes with the same number
hold snapshots of the same heights, and their chunks are the same bytes. A height that goes by while
the one before is still being written, or while the node catches up, is left out.
"""

import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import trio

from node.api.labour import drive
from node.config import SnapshotsConfig
from node.log import Log
from node.snapshot_format import folder_name
from node.snapshots import Snapshot, clear_unfinished, keep_newest, write_snapshot
from node.work import Progress, Work
from primitives.errors import MithaqError
from primitives.ids import Height
from storage.chain import ChainStore


async def keep_snapshots(
    store: ChainStore,
    policy: SnapshotsConfig,
    folder: Path,
    log: Log,
    next_block: Callable[[Height], Awaitable[None]],
) -> None:
    """For ever; `next_block` waits until the newest block is above a height."""
    try:
        for left in await trio.to_thread.run_sync(clear_unfinished, folder):
            log.write.info("snapshot.cleared", folder=str(left))
    except OSError as error:
        log.write.warning("snapshot.failed", reason=f"{folder} cannot be cleared: {error}")
    while policy.every:
        head = store.head()
        due = head.height > 0 and head.height % policy.every == 0
        if due and not (folder / folder_name(head.header)).exists():
            await _write(store, policy, folder, log)
        await next_block(head.height)


async def _write(store: ChainStore, policy: SnapshotsConfig, folder: Path, log: Log) -> None:
    state = store.state()
    work = write_snapshot(store, state, folder)
    began = time.perf_counter()
    try:
        made = await trio.to_thread.run_sync(_done, work)
        for past in await trio.to_thread.run_sync(keep_newest, folder, policy.keep):
            log.write.info("snapshot.removed", folder=str(past))
    except (MithaqError, OSError) as fault:
        # The chain goes on without: whoever reads the log sees to the disk.
        log.write.warning("snapshot.failed", height=state.height, reason=str(fault))
        return
    finally:
        state.close()
    log.write.info(
        "snapshot.written",
        height=made.height,
        folder=made.folder,
        entries=made.entries,
        bytes=made.bytes,
        seconds=round(time.perf_counter() - began, 1),
    )


def _done(work: Work[Snapshot]) -> Snapshot:
    def unheard(_: Progress) -> None: ...

    return drive(work, unheard)
