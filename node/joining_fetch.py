"""Fetching the chunks of one snapshot from all who hold it, each checked on arrival.

A chunk is asked for by its SHA-256. A peer that sends other bytes is convicted by them; one that
has it no longer says so, and keeps its part in the rest. Where the bytes are those of the manifest
and yet do not lead to the state root, the manifest lists something false: whoever gave it, or sent
that, is dropped, and with it the choice (rule R62).
"""

from enum import Enum, unique
from typing import Final, final

import trio

from node.joining_choice import Proved, holds
from node.joining_disk import Larder
from node.joining_peers import UNREACHED, Circle
from node.joining_plan import Plan
from node.snapshot_check import check_chunk, check_listed
from node.snapshot_questions import Chunk, SnapshotChunk
from node.work import Progress
from p2p.peers import PeerId
from primitives import limits
from primitives.errors import RemoteFault

CHECKERS: Final = 2
"""Threads that check chunks: Python runs one of them at a time, the other one reads."""
LOOK_S: Final = 1.0
"""How often peers are asked again what they hold."""
PATIENCE_S: Final = 15.0
"""So long somebody who holds the snapshot may come back, before another one is chosen."""
RETRY_S: Final = 0.5
"""After a peer did not answer; then twice as long, up to RETRY_S_MAX."""
RETRY_S_MAX: Final = 8.0


@final
@unique
class Outcome(Enum):
    """How a fetch ended."""

    WHOLE = "every chunk is on the disk"
    GONE = "nobody offers it any longer"
    NOWHERE = "a chunk that the manifest lists is nowhere"
    FALSE = "a chunk that the manifest lists is false"


@final
class Fetch:
    """One snapshot's. Written in its trio thread only."""

    def __init__(self, circle: Circle, larder: Larder, chosen: Proved) -> None:
        self._circle, self._larder, self._chosen = circle, larder, chosen
        self._manifest = chosen.manifest
        self._files = dict(self._manifest.files())
        self._plan = Plan((), 0)
        self._bytes = 0
        self._is_false = False
        self._ended = trio.Event()
        self._threads = trio.CapacityLimiter(CHECKERS)

    async def run(self) -> Outcome:
        """Until it has ended one way or the other.

        Raises:
            OperatorFault: the disk.
        """
        await trio.to_thread.run_sync(self._larder.begin, self._manifest, self._chosen.data)
        lacking = await trio.to_thread.run_sync(self._larder.lacking, self._manifest)
        self._plan = Plan(lacking, len(self._files))
        self._bytes = self._manifest.bytes - sum(self._files[name].bytes for name in lacking)
        if lacking and self._plan.done:
            self._circle.ear.say(f"{self._plan.done} of {self._plan.total} chunks are here already")
        self._show()
        async with trio.open_nursery() as tasks:
            for peer in self._circle.names:
                for _ in range(limits.JOIN_ASKED_AT_ONCE):
                    tasks.start_soon(self._work, peer)
            outcome = await self._oversee()
            tasks.cancel_scope.cancel()
        return outcome

    async def _oversee(self) -> Outcome:
        held_s = trio.current_time()
        while not self._plan.is_complete:
            if self._is_false:
                return Outcome.FALSE
            await self._circle.ask_offers()
            self._circle.change()
            sources = [peer for peer in self._circle.present() if self._holds(peer)]
            if sources:
                held_s = trio.current_time()
                if self._plan.out_of_reach(sources) is not None:
                    return Outcome.NOWHERE
            elif self._circle.has_heard_all or trio.current_time() - held_s > PATIENCE_S:
                return Outcome.GONE
            with trio.move_on_after(LOOK_S):
                await self._ended.wait()
        return Outcome.WHOLE

    def _holds(self, peer: PeerId) -> bool:
        offer = self._circle.offers.get(peer)
        return offer is not None and holds(offer, self._chosen.place)

    async def _work(self, peer: PeerId) -> None:
        """Ask one peer for one chunk after the other; several such tasks ask it at once."""
        retry_s = RETRY_S
        while True:
            name = self._plan.take(peer, trio.current_time()) if self._holds(peer) else None
            if name is None:
                await self._circle.changes(within_s=LOOK_S)
                continue
            try:
                await self._get(peer, name)
            except UNREACHED:
                self._plan.failed(name, peer)
                await trio.sleep(retry_s)
                retry_s = min(2 * retry_s, RETRY_S_MAX)
            except RemoteFault:
                self._plan.failed(name, peer)
            else:
                retry_s = RETRY_S

    async def _get(self, peer: PeerId, name: str) -> None:
        """Have a chunk of a peer, if it has it.

        Raises:
            PeerUnavailable, RequestRefused: no answer.
            RemoteFault: what came is not what was asked for; the peer is dropped.
        """
        question = SnapshotChunk(*self._chosen.place, name, self._files[name].sha256)
        found: Chunk | None = await self._circle.ask(
            peer, question, Chunk | None, timeout_s=limits.JOIN_PIECE_S
        )
        if found is None:
            self._plan.refused(name, peer)
            return
        try:
            await trio.to_thread.run_sync(self._judge, name, found.data, limiter=self._threads)
        except RemoteFault as fault:
            self._circle.lied(peer, f"{name} of height {self._manifest.height}: {fault}")
            raise
        if self._plan.came(name):
            keep = self._larder.keep
            await trio.to_thread.run_sync(keep, self._manifest, name, found.data)
            self._bytes += len(found.data)
            self._show()
            if self._plan.is_complete:
                self._ended.set()

    def _judge(self, name: str, data: bytes) -> None:
        check_listed(data, self._files[name])
        try:
            check_chunk(data, self._manifest, name)
        except RemoteFault:
            trio.from_thread.run_sync(self._found_false)
            raise

    def _found_false(self) -> None:
        self._is_false = True
        self._ended.set()

    def _show(self) -> None:
        what = f"bytes of the snapshot of height {self._manifest.height}"
        self._circle.ear.hear(Progress(self._bytes, self._manifest.bytes, what))
