"""The framework, with everything off that we do not use, and every error as a problem.

Litestar routes and, in a later version, describes; it decodes no body, sniffs no handler and logs
nothing. Faults that a client is told of become problems; any other is logged under an incident
number, which is all that the client sees of it.
"""

import secrets
from collections.abc import Sequence
from typing import Any, Final

import msgspec
import structlog
from litestar import Litestar
from litestar.exceptions import HTTPException, MethodNotAllowedException, NotFoundException
from litestar.handlers import HTTPRouteHandler
from litestar.response import Response

from node.api.gate import Gate
from node.api.intake import ClientGone, HttpRequest
from node.api.problems import (
    PROBLEM_TYPE,
    UNKNOWN_PATH,
    WRONG_METHOD,
    Problem,
    headers_of,
    internal,
    problem,
    problem_of,
)
from node.api.shedding import Shedding
from primitives.errors import MithaqError

log: Final = structlog.get_logger("api")


def application(routes: Sequence[HTTPRouteHandler], shedding: Shedding | None = None) -> Gate:
    """The ASGI application that serves these routes, all of them always where nothing is shed."""
    app = Litestar(
        route_handlers=list(routes),
        openapi_config=None,
        logging_config=None,
        debug=False,
        exception_handlers={
            MithaqError: _refused,
            HTTPException: _not_served,
            ClientGone: _gone,
            Exception: _failed,
        },
    )
    return Gate(app, shedding)


def _refused(request: HttpRequest, error: Exception) -> Response[bytes]:
    assert isinstance(error, MithaqError), "registered for nothing else"
    found = problem_of(error)
    return _failed(request, error) if found is None else _response(found)


def _not_served(request: HttpRequest, error: Exception) -> Response[bytes]:
    method = request.method
    match error:
        case NotFoundException():
            return _response(problem(UNKNOWN_PATH, "nothing is served under this path", {}))
        case MethodNotAllowedException(headers=headers):
            allowed = ", ".join((headers or {}).values())  # the framework sets this one only
            facts = {"expected": allowed.split(", "), "actual": method}
            detail = f"{method} is not served under this path, expected {allowed}"
            return _response(problem(WRONG_METHOD, detail, facts), allow=allowed)
    return _failed(request, error)


def _gone(request: HttpRequest, error: Exception) -> Response[bytes]:  # noqa: ARG001 - the framework's signature
    return Response(content=b"", status_code=400)


def _failed(request: HttpRequest, error: Exception) -> Response[bytes]:
    incident = secrets.token_hex(8)
    log.error(
        "api.request_failed",
        incident=incident,
        method=request.method,
        route=request.scope.get("path_template", ""),
        exc_info=error,
    )
    return _response(internal(incident))


def _response(found: Problem, **headers: Any) -> Response[bytes]:  # noqa: ANN401 - the framework's own values
    return Response(
        content=msgspec.json.encode(found),
        status_code=found.status,
        media_type=PROBLEM_TYPE,
        headers={**headers, **headers_of(found)},
    )
