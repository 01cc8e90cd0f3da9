"""Snapshots that a running node writes by itself."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trio

from kit.api import ChainOfOne, in_trio
from kit.snapshots import chain_with_payments
from node.config import LogLevel, SnapshotsConfig
from node.log import Log
from node.snapshot_check import open_snapshot, verify
from node.snapshot_task import keep_snapshots
from node.snapshots import snapshots_in
from node.work import finish
from primitives.ids import Height


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
        log = Log("node0", LogLevel.INFO)
        nursery.start_soon(keep_snapshots, chain.store, policy, folder, log, next_block)
        yield look
        nursery.cancel_scope.cancel()


def heights(folder: Path) -> list[int]:
    return [one.height for one in snapshots_in(folder)]


def events(capfd: pytest.CaptureFixture[str]) -> list[tuple[str, int | None]]:
    lines = [json.loads(line) for line in capfd.readouterr().out.splitlines()]
    return [(line["event"], line.get("height")) for line in lines]


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
    log = Log("node0", LogLevel.INFO)

    async def never(_: Height) -> None:
        raise AssertionError("there is nothing to wait for")

    trio.run(keep_snapshots, chain.store, SnapshotsConfig(), tmp_path, log, never)

    assert list(tmp_path.iterdir()) == []
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

    async def never(_: Height) -> None:
        raise AssertionError("there is nothing to wait for")

    log = Log("node0", LogLevel.INFO)
    trio.run(keep_snapshots, chain.store, SnapshotsConfig(), tmp_path, log, never)

    assert events(capfd) == [("snapshot.failed", None)]
    assert (tmp_path / "old.part" / "things").exists()
