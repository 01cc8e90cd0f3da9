"""Answers for nodes that join: what snapshots are here, their pieces, and the genesis document.

Every answer is of a file that is read in a thread, few at a time: who joins takes what the disk and
the links have to spare. Nothing that is answered needs to be believed.
"""

from functools import cached_property
from typing import Final, final

import trio

from ledger.genesis import GenesisDocument
from node.snapshot_questions import (
    GenesisPart,
    Held,
    Joining,
    Offers,
    SnapshotChunk,
    SnapshotManifest,
    SnapshotOffer,
    Writing,
)
from node.snapshot_shelf import Shelf
from node.snapshot_task import SnapshotTask
from primitives import limits
from primitives.codec import encode
from storage.chain import ChainStore

READERS: Final = 2
"""Threads that read for those who join: a disk gives no more to four."""


@final
class SnapshotService:
    """What a node has for those who join."""

    def __init__(
        self,
        store: ChainStore,
        document: GenesisDocument,
        shelf: Shelf,
        task: SnapshotTask,
    ) -> None:
        self._store, self._document = store, document
        self._shelf, self._task = shelf, task
        self._threads = trio.CapacityLimiter(READERS)

    async def answer(self, question: Joining) -> bytes:
        """The canonical bytes of the answer."""
        if isinstance(question, SnapshotOffer) and question.write:
            self._task.request()
        found = await trio.to_thread.run_sync(self._found, question, limiter=self._threads)
        return encode(found)

    def _found(self, question: Joining) -> object:
        match question:
            case SnapshotOffer():
                return self._offers()
            case SnapshotManifest():
                return self._shelf.manifest(question)
            case SnapshotChunk():
                return self._shelf.chunk(question)
            case GenesisPart(offset):
                whole = self._genesis
                return Held(len(whole), whole[offset : offset + limits.JOIN_PIECE_BYTES])

    def _offers(self) -> Offers:
        writing = self._task.writing
        return Offers(
            height=self._store.head().height,
            kept_from=self._store.edges().bodies,
            writing=None if writing is None else Writing(writing.done, writing.total),
            snapshots=self._shelf.offered(),
        )

    @cached_property
    def _genesis(self) -> bytes:
        return encode(self._document)
