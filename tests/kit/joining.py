"""A newcomer among real peers on loopback, some of which lie."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import trio

from kit.api import ChainOfOne
from kit.nets import node, peer, seed_of
from kit.snapshots import snapshot_of
from node import questions
from node.config import LogLevel, SnapshotsConfig
from node.joining import Newcomer, Session, among_peers
from node.joining_choice import Pin
from node.joining_disk import Larder
from node.log import Log
from node.snapshot_check import Checkpoint
from node.snapshot_format import Manifest
from node.snapshot_serve import SnapshotService
from node.snapshot_shelf import Shelf
from node.snapshot_task import SnapshotTask
from node.work import Progress
from p2p.peers import PeerId
from primitives.errors import sole

if TYPE_CHECKING:
    from trio_typing import TaskStatus  # libp2p brings types for trio that hide trio's own

NEWCOMER = 9

Answer = Callable[[questions.Question], Awaitable[bytes]]
Lie = Callable[[questions.Question, Answer], Awaitable[bytes]]
"""What a liar says to a question, given what it would honestly say."""


@dataclass
class Heard:
    """An ear that remembers."""

    words: list[str] = field(default_factory=list)
    progress: list[Progress] = field(default_factory=list)

    def say(self, words: str) -> None:
        self.words.append(words)

    def hear(self, progress: Progress) -> None:
        self.progress.append(progress)

    def has(self, words: str) -> bool:
        return any(words in one for one in self.words)


class Host:
    """A peer with a chain and a folder of snapshots; `lie` alters what it says."""

    def __init__(
        self,
        number: int,
        chain: ChainOfOne,
        folder: Path,
        *,
        lie: Lie | None = None,
        policy: SnapshotsConfig | None = None,
    ) -> None:
        self.number, self.chain, self.folder, self.lie = number, chain, folder, lie
        log = Log(f"node{number}", LogLevel.ERROR)
        shelf = Shelf(folder, chain.chain)
        self.task = SnapshotTask(chain.store, policy or SnapshotsConfig(), shelf, log)
        self._service = SnapshotService(chain.store, chain.genesis, shelf, self.task)
        self.asked: list[questions.Question] = []
        self.scope = trio.CancelScope()

    def snapshot(self) -> Manifest:
        """Write one of the head, in many small chunks."""
        height = self.chain.store.head().height
        root = self.chain.store.head().header.state_root
        folder = self.folder / f"{height}-{root[:4].hex()}"
        return snapshot_of(self.chain, folder).manifest

    async def answer(self, _peer: PeerId, data: bytes) -> bytes:
        question = questions.read(data)
        self.asked.append(question)
        if self.lie is not None:
            return await self.lie(question, self._honestly)
        return await self._honestly(question)

    async def _honestly(self, question: questions.Question) -> bytes:
        assert not isinstance(question, questions.Range), "a newcomer asks for no blocks yet"
        return await self._service.answer(question)

    async def serve(self, *, task_status: TaskStatus[str] = trio.TASK_STATUS_IGNORED) -> None:
        """Until `scope` is cancelled; starts with its address."""
        links = node(self.number, peer(NEWCOMER), chain_id=self.chain.chain, answer=self.answer)
        with self.scope:
            async with links as network:
                task_status.started(network.address)
                await trio.sleep_forever()

    def count(self, kind: type[Any]) -> int:
        return sum(isinstance(question, kind) for question in self.asked)


@asynccontextmanager
async def joining(
    hosts: list[Host], folder: Path, ear: Heard, *, checkpoint: Checkpoint | None = None
) -> AsyncIterator[Session]:
    """A newcomer that was given these hosts, which serve meanwhile."""
    for host in hosts:
        host.scope = trio.CancelScope()
    try:
        async with trio.open_nursery() as serving:
            addresses = [await serving.start(host.serve) for host in hosts]
            newcomer = Newcomer(
                node_seed=seed_of(NEWCOMER),
                listen="127.0.0.1:0",
                pin=Pin(hosts[0].chain.chain, checkpoint),
                peers=tuple(
                    peer(host.number, at) for host, at in zip(hosts, addresses, strict=True)
                ),
                larder=Larder(folder / "joining"),
                data=folder / "data",
            )
            async with among_peers(newcomer, ear) as session:
                yield session
            serving.cancel_scope.cancel()
    except BaseExceptionGroup as group:
        raise sole(group) from None
