"""Long work of a running node: in a thread beside the loop, one at a time, told line by line.

The answer is a stream of JSON lines: `{"progress": …}` now and then, and at the end `{"result": …}`
or `{"problem": …}`. The thread shares one interpreter with the loop that votes, so it rests after
each bit of work for as long as it worked: the loop is then never further than a bit away from its
turn, and the block pace hardly notices (bench/upkeep.py measures it).

A client that goes away ends the work at its next step, and so does a node that stops.
"""

import secrets
import time
from collections.abc import Callable
from typing import Any, Final, TypeVar, final

import msgspec
import structlog
import trio
from litestar.response.base import ASGIResponse
from litestar.types import Receive, Scope, Send

from node.api.problems import (
    AT_WORK,
    FILE_MALFORMED,
    LOCAL_FAULT,
    STORAGE_FAULT,
    Problem,
    internal,
    problem,
    problem_of,
)
from node.api.responses import Write, send_until_gone
from node.work import Progress, Work, finish
from primitives import limits
from primitives.errors import Malformed, MithaqError, OperatorFault, Rejected, StorageFault
from primitives.named import to_named

T = TypeVar("T")

LINES: Final = "application/x-ndjson"

log: Final = structlog.get_logger("api")


@final
class Labour:
    """The one place for long work; the only writer of what is in it."""

    def __init__(self) -> None:
        self._at_work: str | None = None

    def answer(self, name: str, work: Work[Any]) -> ASGIResponse:
        """The lines of a work.

        Raises:
            Rejected: the node is at work already.
        """
        if self._at_work is not None:
            work.close()
            raise _busy(self._at_work)
        return _Lines(self, name, work)

    async def do(self, name: str, work: Work[Any], tell: Callable[[Any], Any]) -> None:
        """Do it to its end, and tell what there is to tell."""
        if self._at_work is not None:  # between `answer` and here another one may have begun
            await tell({"problem": _problem_of(_busy(self._at_work))})
            return
        self._at_work = name
        log.info("work.began", work=name)
        try:
            last = await _told(name, work, tell)
        finally:
            self._at_work = None
            log.info("work.ended", work=name)
        await tell(last)


async def _told(name: str, work: Work[Any], tell: Callable[[Any], Any]) -> Any:  # noqa: ANN401 - one JSON line
    """Drive a work in a thread, tell how far it is now and then; the last line."""
    seen = _Seen(Progress(0, 0, name))
    async with trio.open_nursery() as nursery:

        async def say_where() -> None:
            while True:
                await trio.sleep(limits.ADMIN_PROGRESS_S)
                await tell({"progress": to_named(seen.progress)})

        nursery.start_soon(say_where)
        try:
            result = await trio.to_thread.run_sync(drive, work, seen.hear)
        except MithaqError as error:
            last: Any = {"problem": _problem_of(error)}
        except Exception as error:  # a bug in a tool is no reason to end the node
            incident = secrets.token_hex(8)
            log.error("work.failed", work=name, incident=incident, exc_info=error)
            last = {"problem": internal(incident)}
        else:
            last = {"result": to_named(result)}
        nursery.cancel_scope.cancel()
    return last


@final
class _Seen:
    """How far the thread is, for the loop to look at."""

    def __init__(self, progress: Progress) -> None:
        self.progress = progress

    def hear(self, progress: Progress) -> None:
        """It is so far."""
        self.progress = progress


def drive(work: Work[T], hear: Callable[[Progress], None]) -> T:
    """Do a work in a worker thread beside the loop: step by step, at rest in between.

    Raises:
        MithaqError: whatever the work ends with.
    """
    pace = Pace()

    def step(progress: Progress) -> None:
        hear(progress)
        if pace.rest():
            trio.from_thread.check_cancelled()

    return finish(work, step)


@final
class Pace:
    """How much of the machine a thread beside the loop takes."""

    def __init__(
        self,
        *,
        clock: Callable[[], float] = time.perf_counter,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._clock, self._sleep = clock, sleep
        self._began = clock()

    def rest(self) -> bool:
        """Sleep, if enough was done since the last time."""
        worked = self._clock() - self._began
        if worked < limits.ADMIN_WORK_S:
            return False
        self._sleep(min(worked * limits.ADMIN_REST, limits.ADMIN_REST_S_MAX))
        self._began = self._clock()
        return True


def _busy(name: str) -> Rejected:
    return Rejected(
        AT_WORK,
        f"this node is at work at {name}, and does one such thing at a time: ask again when it is "
        "done, or stop the command that asked for it",
        {"expected": "no other work", "actual": name},
    )


def _problem_of(error: MithaqError) -> Problem:
    """For the operator, who may know everything about this machine."""
    match error:
        case OperatorFault():
            return problem(LOCAL_FAULT, str(error), {})
        case StorageFault():
            return problem(STORAGE_FAULT, str(error), {})
        case Malformed():
            return problem(FILE_MALFORMED, str(error), {})
    found = problem_of(error)
    return problem(LOCAL_FAULT, str(error), {}) if found is None else found


@final
class _Lines(ASGIResponse):
    """An answer that ends when the work does."""

    _should_set_content_length = False

    def __init__(self, labour: Labour, name: str, work: Work[Any]) -> None:
        super().__init__(media_type=LINES, headers={"cache-control": "no-store"})
        self._labour, self._name, self._work = labour, name, work

    async def send_body(self, send: Send, receive: Receive) -> None:
        """Until the work is done or the client has gone."""

        async def labour(write: Write) -> None:
            async def tell(line: Any) -> None:  # noqa: ANN401 - whatever JSON is made of
                await write(msgspec.json.encode(line) + b"\n")

            await self._labour.do(self._name, self._work, tell)

        await send_until_gone(send, receive, labour)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer; a work that never began is let go as well."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._work.close()
