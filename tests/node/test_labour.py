"""Long work of a running node: told by lines, one at a time, ended with its client."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx
import pytest
import trio

from kit.api import ChainOfOne, administering
from kit.nets import in_trio
from kit.toil import Toil, failing, toil
from node.api.labour import Pace
from node.work import Progress, Work, finish
from primitives import limits
from primitives.errors import Malformed, OperatorFault, Rejected, StorageFault

PATH = "/v1/admin/db/toil"


def lines_of(answer: httpx.Response) -> list[dict[str, Any]]:
    assert answer.headers["content-type"] == "application/x-ndjson"
    return [json.loads(line) for line in answer.content.splitlines()]


async def until(event: Any) -> None:  # noqa: ANN401 - a thread's event
    await trio.to_thread.run_sync(event.wait)


async def asked(folder: Path, done: Toil, steps: int = 3) -> httpx.Response:
    chain = ChainOfOne(folder=folder)
    async with administering(chain, folder / "admin.sock", [done.upkeep]) as client:
        return await client.post(PATH, json={"steps": steps})


@in_trio
async def test_the_last_line_is_the_result(tmp_path: Path) -> None:
    """In the named form; there may be lines of progress before it."""
    assert lines_of(await asked(tmp_path, toil()))[-1] == {"result": {"steps": 3}}


@in_trio
async def test_lines_say_how_far_it_is(tmp_path: Path) -> None:
    """Every ADMIN_PROGRESS_S, until the work is done."""
    toiling = Toil()
    chain = ChainOfOne(folder=tmp_path)
    async with (
        administering(chain, tmp_path / "admin.sock", [toiling.upkeep]) as client,
        client.stream("POST", PATH, json={"steps": 3}) as answer,
    ):
        lines = answer.aiter_lines()
        first = json.loads(await anext(lines))
        toiling.enough.set()
        rest = [json.loads(line) async for line in lines]

    assert first == {"progress": {"done": 3, "total": 3, "what": "steps"}}
    assert rest[-1] == {"result": {"steps": 3}}
    assert limits.ADMIN_PROGRESS_S < 1


@in_trio
async def test_a_second_work_is_refused_while_one_goes_on(tmp_path: Path) -> None:
    """By a problem that says which; afterwards there is room again."""
    toiling = Toil()
    chain = ChainOfOne(folder=tmp_path)
    async with administering(chain, tmp_path / "admin.sock", [toiling.upkeep]) as client:
        async with client.stream("POST", PATH, json={"steps": 1}) as first:
            await until(toiling.begun)
            second = await client.post(PATH, json={"steps": 1})
            toiling.enough.set()
            await first.aread()
        third = await client.post(PATH, json={"steps": 2})

    assert second.status_code == 409
    assert second.json()["code"] == "node.at_work"
    assert second.json()["facts"] == {"expected": "no other work", "actual": "db/toil"}
    assert lines_of(third)[-1] == {"result": {"steps": 2}}


@in_trio
async def test_a_client_that_goes_away_ends_the_work(tmp_path: Path) -> None:
    """Its files and snapshots are let go, and the next one has its place."""
    toiling = Toil()
    chain = ChainOfOne(folder=tmp_path)
    async with administering(chain, tmp_path / "admin.sock", [toiling.upkeep]) as client:
        async with client.stream("POST", PATH, json={"steps": 1}):
            await until(toiling.begun)
        await until(toiling.let_go)
        toiling.enough.set()
        while (answer := await client.post(PATH, json={"steps": 2})).status_code == 409:
            await trio.lowlevel.checkpoint()

    assert lines_of(answer)[-1] == {"result": {"steps": 2}}


@in_trio
async def test_a_node_that_stops_ends_the_work(tmp_path: Path) -> None:
    """After the moment that requests in progress have."""
    toiling = Toil()
    chain = ChainOfOne(folder=tmp_path)
    async with (
        administering(chain, tmp_path / "admin.sock", [toiling.upkeep]) as client,
        client.stream("POST", PATH, json={"steps": 1}) as answer,
    ):
        await until(toiling.begun)
        chain.stopping.set()
        with pytest.raises(httpx.RemoteProtocolError):
            await answer.aread()

    assert toiling.let_go.is_set()
    assert not toiling.enough.is_set()


@pytest.mark.parametrize(
    ("failure", "code"),
    [
        (Rejected("history.pruned", "not kept"), "history.pruned"),
        (OperatorFault("the disk is full"), "node.local_fault"),
        (StorageFault("the head is missing"), "node.storage_fault"),
        (Malformed("not a backup"), "file.malformed"),
    ],
)
def test_what_went_wrong_is_the_last_line(tmp_path: Path, failure: Exception, code: str) -> None:
    """With its code, and in full: it is the operator who reads it."""

    @in_trio
    async def run() -> None:
        last = lines_of(await asked(tmp_path, failing(failure)))[-1]
        assert last["problem"]["code"] == code
        assert last["problem"]["detail"] == str(failure)

    run()


@in_trio
async def test_a_fault_of_ours_has_a_number_and_the_node_goes_on(tmp_path: Path) -> None:
    """A tool that fails is no reason to stop voting."""
    chain, broken = ChainOfOne(folder=tmp_path), failing(ZeroDivisionError("of ours"))
    async with administering(chain, tmp_path / "admin.sock", [broken.upkeep]) as client:
        last = lines_of(await client.post(PATH, json={"steps": 1}))[-1]
        peers = await client.get("/v1/admin/peers")

    assert last["problem"]["code"] == "node.internal"
    assert "of ours" not in last["problem"]["detail"]
    assert peers.status_code == 200


@in_trio
async def test_a_request_that_is_none_is_refused_at_once(tmp_path: Path) -> None:
    """No work begins."""
    toiling = toil()
    chain = ChainOfOne(folder=tmp_path)
    async with administering(chain, tmp_path / "admin.sock", [toiling.upkeep]) as client:
        answer = await client.post(PATH, json={"steps": "many"})

    assert (answer.status_code, answer.json()["code"]) == (400, "request.malformed")
    assert not toiling.begun.is_set()


def test_work_here_is_heard_and_finished() -> None:
    """Without a node: the same steps, the same result."""
    heard: list[Progress] = []

    def counting() -> Work[str]:
        yield Progress(0, 2, "steps")
        yield Progress(1, 2, "steps")
        return "done"

    assert finish(counting(), heard.append) == "done"
    assert [progress.done for progress in heard] == [0, 1]


def test_work_whose_listener_fails_is_let_go() -> None:
    """An interrupt comes through the drawing of the bar."""
    let_go: list[bool] = []

    def holding() -> Work[None]:
        try:
            yield Progress(0, 1, "steps")
        finally:
            let_go.append(True)

    def interrupt(_: Progress) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        finish(holding(), interrupt)
    assert let_go == [True]


def test_a_working_thread_rests_as_long_as_it_works() -> None:
    """After ADMIN_WORK_S of work, ADMIN_REST times as much: the loop has its turn."""
    times = iter([0.0, limits.ADMIN_WORK_S / 2, limits.ADMIN_WORK_S, 7.0, 7.0, 9.0, 9.0])
    rested: list[float] = []
    pace = Pace(clock=lambda: next(times), sleep=rested.append)

    assert [pace.rest(), pace.rest(), pace.rest(), pace.rest()] == [False, True, False, True]
    assert rested == [limits.ADMIN_WORK_S * limits.ADMIN_REST, limits.ADMIN_REST_S_MAX]
