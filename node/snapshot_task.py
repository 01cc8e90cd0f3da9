"""The task that writes a running node's snapshots: at heights that its operator's number divides,
and when a peer that joins finds none that serves it.

The moment is frozen in the loop, right after the block; the work goes on in a worker thread that
rests more than it works (`node.api.labour`), so that blocks come first. Nodes with the same number
hold snapshots of the same heights, and their chunks are the same bytes. A height that goes by while
the one before is still being written, or while the node catches up, is left out.

On request one is written only where the newest that is here is old, or leads nowhere because this
node has dropped the blocks above it; and not again for a while, however many ask.
"""

import time
from collections.abc import Awaitable, Callable
from typing import final

import trio

from node.api.labour import drive
from node.config import SnapshotsConfig
from node.log import Log
from node.snapshot_format import folder_name
from node.snapshot_shelf import Shelf
from node.snapshots import clear_unfinished, keep_newest, snapshots_in, write_snapshot
from node.work import Progress
from primitives import limits
from primitives.errors import MithaqError
from primitives.ids import Height
from storage.chain import ChainStore
from storage.state import StateSnapshot


@final
class SnapshotTask:
    """Writes one snapshot at a time. Its methods are for the node's loop."""

    def __init__(
        self,
        store: ChainStore,
        policy: SnapshotsConfig,
        shelf: Shelf,
        log: Log,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.writing: Progress | None = None
        """How far the one is that is under way."""
        self._store, self._policy, self._shelf = store, policy, shelf
        self._log, self._clock = log, clock
        self._one_at_a_time = trio.Lock()
        self._asked = trio.Event()
        self._last_request = float("-inf")

    async def run(self, next_block: Callable[[Height], Awaitable[None]]) -> None:
        """For ever; `next_block` waits until the newest block is above a height."""
        folder, write = self._shelf.folder, self._log.write
        try:
            for left in await trio.to_thread.run_sync(clear_unfinished, folder):
                write.info("snapshot.cleared", folder=str(left))
        except OSError as error:
            write.warning("snapshot.failed", reason=f"{folder} cannot be cleared: {error}")
        async with trio.open_nursery() as tasks:
            if self._policy.every:
                tasks.start_soon(self._by_height, next_block)
            tasks.start_soon(self._on_request)

    def request(self) -> None:
        """A peer that joins has found nothing that serves it."""
        if self._policy.on_request and self.writing is None:
            self._asked.set()

    async def _by_height(self, next_block: Callable[[Height], Awaitable[None]]) -> None:
        while True:
            head = self._store.head()
            if head.height > 0 and head.height % self._policy.every == 0:
                await self._write_head()
            await next_block(head.height)

    async def _on_request(self) -> None:
        while True:
            await self._asked.wait()
            self._asked = trio.Event()
            waited = self._clock() - self._last_request
            if waited >= limits.SNAPSHOT_ON_REQUEST_S and await trio.to_thread.run_sync(
                self._is_needed
            ):
                self._last_request = self._clock()
                await self._write_head()

    def _is_needed(self) -> bool:
        """Whether no snapshot here serves who joins."""
        head, edges = self._store.head(), self._store.edges()
        oldest_ms = head.header.time_ms - limits.SNAPSHOT_YOUNG_MS
        try:
            found = snapshots_in(self._shelf.folder)
        except MithaqError:
            return True  # what cannot be read serves nobody
        return head.height > 0 and not any(
            one.height + 1 >= edges.bodies
            and (one.block_time_ms >= oldest_ms or one.height >= head.height)
            for one in found
        )

    async def _write_head(self) -> None:
        state = self._store.state()  # of this moment, however long another one is still written
        name = folder_name(state.height, state.header.state_root)
        try:
            async with self._one_at_a_time:
                if not (self._shelf.folder / name).exists():
                    self.writing = Progress(0, 0, "entries")
                    await self._drive(state)
        finally:
            self.writing = None
            state.close()

    async def _drive(self, state: StateSnapshot) -> None:
        folder, write = self._shelf.folder, self._log.write
        work = write_snapshot(self._store, state, folder)
        began = self._clock()

        def hear(progress: Progress) -> None:
            self.writing = progress

        try:
            made = await trio.to_thread.run_sync(drive, work, hear)
            spared = self._shelf.spared()
            past = await trio.to_thread.run_sync(keep_newest, folder, self._policy.keep, spared)
        except (MithaqError, OSError) as fault:
            # The chain goes on without: whoever reads the log sees to the disk.
            write.warning("snapshot.failed", height=state.height, reason=str(fault))
            return
        for one in past:
            write.info("snapshot.removed", folder=str(one))
        write.info(
            "snapshot.written",
            height=made.height,
            folder=made.folder,
            entries=made.entries,
            bytes=made.bytes,
            seconds=round(self._clock() - began, 1),
        )
