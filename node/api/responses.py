"""What goes out: JSON in the named form, raw bytes, problems."""

from collections.abc import Awaitable, Callable
from typing import Any, Final

import msgspec
import trio
from litestar.response.base import ASGIResponse
from litestar.types import Receive, Send

from node.api.intake import JSON
from node.api.problems import PROBLEM_TYPE, Problem, headers_of
from primitives.named import to_named

PROOF_TYPE: Final = "application/vnd.mithaq.proof"
EVIDENCE_TYPE: Final = "application/vnd.mithaq.evidence"
TESTIMONY_TYPE: Final = "application/vnd.mithaq.testimony"

Write = Callable[[bytes], Awaitable[None]]
"""Sends the next piece of a body, when the client has taken the ones before."""


def json_response(value: Any, *, status: int = 200, location: str = "") -> ASGIResponse:  # noqa: ANN401 - whatever has a named form
    """A Struct, or a list of them, in the named form."""
    headers = {"location": location} if location else {}
    return raw_response(msgspec.json.encode(to_named(value)), JSON, status=status, headers=headers)


def problem_response(found: Problem) -> ASGIResponse:
    """An error."""
    data = msgspec.json.encode(found)
    return raw_response(data, PROBLEM_TYPE, status=found.status, headers=headers_of(found))


def raw_response(
    data: bytes, media_type: str, *, status: int = 200, headers: dict[str, str] | None = None
) -> ASGIResponse:
    """Bytes that are already written."""
    return ASGIResponse(body=data, status_code=status, media_type=media_type, headers=headers)


async def send_until_gone(
    send: Send, receive: Receive, produce: Callable[[Write], Awaitable[None]]
) -> None:
    """A body of pieces, until `produce` ends; a client that goes away cancels it."""

    async def write(data: bytes) -> None:
        await send({"type": "http.response.body", "body": data, "more_body": True})

    async with trio.open_nursery() as nursery:

        async def watch() -> None:
            while (await receive())["type"] == "http.request":
                pass
            nursery.cancel_scope.cancel()

        nursery.start_soon(watch)
        await produce(write)
        await send({"type": "http.response.body", "body": b"", "more_body": False})
        nursery.cancel_scope.cancel()
