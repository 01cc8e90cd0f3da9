"""Snapshots that a running node writes by itself."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trio

from kit.api import ChainOfOne
from kit.nets import in_trio, until
from kit.snapshots import chain_with_payments, snapshot_of
from node.config import LogLevel, SnapshotsConfig
from node.log import Log
from node.snapshot_check import open_snapshot, verify
from node.snapshot_create import remove_folder
from node.snapshot_format import folder_name
from node.snapshot_questions import SnapshotManifest
from node.snapshot_shelf import Shelf
from node.snapshot_task import SnapshotTask
from node.snapshots import keep_newest, snapshots_in
from node.work import finish
from primitives import limits
from primitives.ids import Height


def task_of(
    chain: ChainOfOne,
    folder: Path,
    policy: SnapshotsConfig,
    clock: Callable[[], float] = time.monotonic,
) -> SnapshotTask:
    log = Log("node0", LogLevel.INFO)
    return SnapshotTask(chain.store, policy, Shelf(folder, chain.chain), log, clock=clock)


@asynccontextmanager
async def keeping(
    chain: ChainOfOne, folder: Path, *, every: int, keep: int = 2
) -> AsyncIterator[Callable[[], Awaitable[None]]]:
    """The task; what is yielded has it look at the newest block, and returns when it has."""
    send, receive = trio.open_memory_channel[None](0)

    async def next_block(_: Height) -> None:
        await receive.receive()

    async def look() -> None:
        await send.send(None)
        await send.send(None)  # taken when it waits for a block again

    policy = SnapshotsConfig(every=every, keep=keep)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(task_of(chain, folder, policy).run, next_block)
        yield look
        nursery.cancel_scope.cancel()


def heights(folder: Path) -> list[int]:
    return [one.height for one in snapshots_in(folder)]


def events(capfd: pytest.CaptureFixture[str]) -> list[tuple[str, int | None]]:
    lines = [json.loads(line) for line in capfd.readouterr().out.splitlines()]
    return [(line["event"], line.get("height")) for line in lines]


async def no_block(_: Height) -> None:
    await trio.sleep_forever()


def run_until(task: SnapshotTask, condition: Callable[[], bool]) -> None:
    @in_trio
    async def run() -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(task.run, no_block)
            await until(condition)
            nursery.cancel_scope.cancel()

    run()


def test_one_is_written_at_every_height_that_the_number_divides(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Each is valid, the newest stay, and the log tells of them."""
    chain = ChainOfOne()

    @in_trio
    async def run() -> None:
        async with keeping(chain, tmp_path, every=3) as look:
            for height in range(1, 11):
                chain.make_block()
                await look()
                divided = [at for at in (3, 6, 9) if at <= height]
                assert heights(tmp_path) == divided[-2:]

    run()

    for one in snapshots_in(tmp_path):
        finish(verify(open_snapshot(Path(one.folder), chain.chain)), lambda _: None)
    assert events(capfd) == [
        ("snapshot.written", 3),
        ("snapshot.written", 6),
        ("snapshot.removed", None),
        ("snapshot.written", 9),
    ]


def test_a_height_that_went_by_is_left_out(tmp_path: Path) -> None:
    """So that the heights are those of every other node with this number."""
    chain = ChainOfOne()

    @in_trio
    async def run() -> None:
        async with keeping(chain, tmp_path, every=3) as look:
            for _ in range(4):
                chain.make_block()
            await look()
            assert heights(tmp_path) == []
            for _ in range(2):
                chain.make_block()
            await look()
            assert heights(tmp_path) == [6]

    run()


def test_without_a_number_none_is_written_and_leftovers_are_cleared(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """What a killed process left goes at the next start, whatever is configured."""
    chain = chain_with_payments(2)
    (tmp_path / "2-0a0b0c0d.part").mkdir()
    (tmp_path / "2-0a0b0c0d.part" / "manifest").write_bytes(b"half")

    run_until(task_of(chain, tmp_path, SnapshotsConfig()), lambda: not any(tmp_path.iterdir()))

    assert events(capfd) == [("snapshot.cleared", None)]


def test_one_that_cannot_be_written_is_no_reason_to_end(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """The log says why; the next one is tried."""
    chain = ChainOfOne()
    (tmp_path / "file").write_bytes(b"")

    @in_trio
    async def run() -> None:
        async with keeping(chain, tmp_path / "file" / "snapshots", every=1) as look:
            for _ in range(2):
                chain.make_block()
                await look()

    run()

    assert ("snapshot.failed", 1) in events(capfd)


def test_what_cannot_be_cleared_is_no_reason_to_end_either(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Somebody put a folder there that is not the node's."""
    chain = chain_with_payments(1)
    (tmp_path / "old.part" / "things").mkdir(parents=True)

    said: list[tuple[str, int | None]] = []

    def has_failed() -> bool:
        said.extend(events(capfd))
        return bool(said)

    run_until(task_of(chain, tmp_path, SnapshotsConfig()), has_failed)

    assert said == [("snapshot.failed", None)]
    assert (tmp_path / "old.part" / "things").exists()


# --- on request -----------------------------------------------------------------------------------


class Requests:
    """A task whose clock stands, and what came of each request."""

    def __init__(self, chain: ChainOfOne, folder: Path, policy: SnapshotsConfig) -> None:
        self.now_s = 0.0
        self.chain, self.folder = chain, folder
        self.task = task_of(chain, folder, policy, lambda: self.now_s)

    async def ask(self) -> list[int]:
        """The heights of the snapshots after a request was seen to."""
        self.task.request()
        await until(self.is_idle)
        return heights(self.folder)

    def is_idle(self) -> bool:
        """Whether it waits for a request."""
        return self.task._asked.statistics().tasks_waiting == 1


@asynccontextmanager
async def requesting(
    chain: ChainOfOne, folder: Path, policy: SnapshotsConfig
) -> AsyncIterator[Requests]:
    requests = Requests(chain, folder, policy)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(requests.task.run, no_block)
        await until(requests.is_idle)
        yield requests
        nursery.cancel_scope.cancel()


def test_one_is_written_on_request_where_there_is_none(tmp_path: Path) -> None:
    """And not of block 0, nor where the operator does not want it."""
    chain = ChainOfOne()

    @in_trio
    async def run() -> None:
        async with requesting(chain, tmp_path / "a", SnapshotsConfig()) as requests:
            assert await requests.ask() == []
            chain.make_block()
            requests.now_s += limits.SNAPSHOT_ON_REQUEST_S
            assert await requests.ask() == [1]
        unwilling = SnapshotsConfig(on_request=False)
        async with requesting(chain, tmp_path / "b", unwilling) as requests:
            assert await requests.ask() == []

    run()


def test_a_young_one_is_not_followed_by_another_on_request(tmp_path: Path) -> None:
    """An hour of the chain's time later it is."""
    chain = ChainOfOne()

    @in_trio
    async def run() -> None:
        async with requesting(chain, tmp_path, SnapshotsConfig()) as requests:
            chain.make_block()
            assert await requests.ask() == [1]
            chain.make_block(limits.SNAPSHOT_YOUNG_MS)
            requests.now_s += limits.SNAPSHOT_ON_REQUEST_S
            assert await requests.ask() == [1]
            chain.make_block(1)
            requests.now_s += limits.SNAPSHOT_ON_REQUEST_S
            assert await requests.ask() == [1, 3]

    run()


def test_requests_that_follow_each_other_write_one(tmp_path: Path) -> None:
    """However old it is: ten minutes must have gone by."""
    chain = ChainOfOne()

    @in_trio
    async def run() -> None:
        async with requesting(chain, tmp_path, SnapshotsConfig()) as requests:
            chain.make_block()
            assert await requests.ask() == [1]
            remove_folder(Path(snapshots_in(tmp_path)[0].folder))
            requests.now_s += limits.SNAPSHOT_ON_REQUEST_S - 1
            assert await requests.ask() == []
            requests.now_s += 1
            assert await requests.ask() == [1]

    run()


def test_one_that_somebody_reads_from_makes_room_later(tmp_path: Path) -> None:
    """Who fetches it would have to begin anew; after a minute of silence it goes."""
    chain = ChainOfOne()
    now_s = 0.0
    shelf = Shelf(tmp_path, chain.chain, clock=lambda: now_s)
    folders: list[Path] = []
    for height in range(1, 4):
        chain.make_block()
        folders.append(snapshot_of(chain, tmp_path / name_of(chain)).folder)
        assert shelf.offered()[0].height == height
    oldest = shelf.offered()[-1]
    assert shelf.manifest(SnapshotManifest(oldest.height, oldest.state_root, 0)) is not None

    assert keep_newest(tmp_path, 1, shelf.spared()) == folders[1:2]
    now_s += limits.SNAPSHOT_SPARED_S + 1
    assert keep_newest(tmp_path, 1, shelf.spared()) == folders[:1]


def name_of(chain: ChainOfOne) -> str:
    header = chain.store.head().header
    return folder_name(header.height, header.state_root)
