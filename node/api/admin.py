"""What changes a node, or is nobody else's business: served on the socket in its folder only.

Who may open the socket is whom the file system lets: its owner (mode 0600).
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import Annotated, Any, Final, final

import trio
from litestar import get, post
from litestar.background_tasks import BackgroundTask
from litestar.handlers import HTTPRouteHandler
from litestar.response.base import ASGIResponse
from msgspec import Meta, Struct

from node.api import intake
from node.api.backend import AdminBackend
from node.api.intake import HttpRequest
from node.api.labour import Labour
from node.api.responses import json_response
from node.config import LogLevel
from node.mempool_view import Dismissed, view
from node.premises import Upkeep
from node.upkeep import UPKEEP
from primitives import limits
from primitives.ids import AccountId, Height, Natural, Sized32

_BODY_BYTES_MAX: Final = 1024
_WORK_BYTES_MAX: Final = 16 * 1024
"""Two paths of 4,096 bytes with every character escaped, and room."""


@final
class LogLevelRequest(Struct, frozen=True, kw_only=True):
    """From which level on the node logs."""

    level: LogLevel


@final
class UnfenceRequest(Struct, frozen=True, kw_only=True):
    """From which height on to sign, or null to ask the other validators; and who answers for it."""

    height: Natural[Height] | None
    by: Annotated[str, Meta(min_length=1, max_length=limits.OPERATOR_LENGTH_MAX)]


@final
class DropRequest(Struct, frozen=True, kw_only=True):
    """Whose transactions are not to wait here, and who says so."""

    account: Sized32[AccountId]
    by: Annotated[str, Meta(min_length=1, max_length=limits.OPERATOR_LENGTH_MAX)]


@final
class Stopping(Struct, frozen=True, kw_only=True):
    """The node has begun to stop."""

    stopping: bool


@final
class AdminApi:
    """The operator's handlers over one node."""

    def __init__(self, backend: AdminBackend, upkeep: Sequence[Upkeep[Any, Any]] = UPKEEP) -> None:
        self._backend, self._kinds = backend, upkeep
        self._labour = Labour()

    def routes(self) -> list[HTTPRouteHandler]:
        """Every endpoint."""
        return [
            get("/v1/admin/peers")(self.peers),
            post("/v1/admin/log-level")(self.log_level),
            post("/v1/admin/unfence")(self.unfence),
            get("/v1/admin/mempool")(self.mempool),
            post("/v1/admin/mempool/drop")(self.mempool_drop),
            post("/v1/admin/shutdown")(self.shutdown),
            *(post(f"/v1/admin/{upkeep.path}")(self._upkeep(upkeep)) for upkeep in self._kinds),
        ]

    async def peers(self, request: HttpRequest) -> ASGIResponse:
        """The links to other nodes."""
        intake.check_no_query(request)
        return json_response(self._backend.peers())

    async def log_level(self, request: HttpRequest) -> ASGIResponse:
        """Log from another level until the node stops."""
        intake.check_no_query(request)
        body = await intake.read_body(request, limit=_BODY_BYTES_MAX)
        wanted = intake.from_json(body, LogLevelRequest)
        self._backend.set_log_level(wanted.level)
        return json_response(wanted)

    async def unfence(self, request: HttpRequest) -> ASGIResponse:
        """Let a fenced or cloned validator sign again; its operator answers for it."""
        intake.check_no_query(request)
        body = await intake.read_body(request, limit=_BODY_BYTES_MAX)
        wanted = intake.from_json(body, UnfenceRequest)
        return json_response(self._backend.unfence(wanted.height, wanted.by))

    async def mempool(self, request: HttpRequest) -> ASGIResponse:
        """What waits for a block, by account, and with `account` that one's in detail."""
        asked = intake.account_of(request)
        held = self._backend.held()
        return await trio.to_thread.run_sync(lambda: json_response(view(held, asked)))

    async def mempool_drop(self, request: HttpRequest) -> ASGIResponse:
        """Let nothing of an account wait here; its operator answers for it."""
        intake.check_no_query(request)
        body = await intake.read_body(request, limit=_BODY_BYTES_MAX)
        wanted = intake.from_json(body, DropRequest)
        count = self._backend.dismiss(wanted.account, wanted.by)
        return json_response(Dismissed(account=wanted.account, transactions=count))

    def _upkeep(self, upkeep: Upkeep[Any, Any]) -> Callable[[HttpRequest], Awaitable[ASGIResponse]]:
        async def handler(request: HttpRequest) -> ASGIResponse:
            """Long work: lines of progress, then its result or the problem."""
            intake.check_no_query(request)
            body = await intake.read_body(request, limit=_WORK_BYTES_MAX)
            asked = intake.from_json(body, upkeep.asked)
            work = upkeep.work(self._backend.premises, asked)
            return self._labour.answer(upkeep.path, work)

        return handler

    async def shutdown(self, request: HttpRequest) -> ASGIResponse:
        """Stop the node, once this answer is sent: nothing is sent any more after that."""
        intake.check_no_query(request)
        answer = json_response(Stopping(stopping=True), status=202)
        answer.background = BackgroundTask(self._stop)
        return answer

    async def _stop(self) -> None:
        self._backend.request_shutdown()
