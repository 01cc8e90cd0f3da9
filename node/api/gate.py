"""The gate in front of every request: how many at a time, whether now, and that each ends whole.

It is a plain ASGI application around the framework's. It turns away what is not HTTP/1, refuses
when too many requests are in progress (but always says where the node stands), and sees to it that
a body is read to its end before the answer is sent: the server's reader stands still while nobody
takes the body, and would otherwise keep that connection for ever.
"""

from typing import Final, final

import trio
from litestar.enums import ScopeType
from litestar.types import (
    ASGIApp,
    HTTPReceiveMessage,
    Message,
    Receive,
    Scope,
    Send,
    WebSocketReceiveMessage,
)

from node.api.problems import BUSY, WRONG_VERSION, Problem, problem
from node.api.responses import problem_response
from node.api.shedding import STANDING, Shedding
from primitives import limits

ReceivedMessage = HTTPReceiveMessage | WebSocketReceiveMessage

_LINGER_BYTES: Final = limits.API_BATCH_BYTES_MAX


@final
class Gate:
    """Counts the requests in progress; the only writer of the count."""

    def __init__(self, app: ASGIApp, shedding: Shedding | None) -> None:
        self._app, self._shedding = app, shedding
        self._inside = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] == ScopeType.WEBSOCKET:
            await send({"type": "websocket.close", "code": 1003, "reason": "not spoken here"})
            return
        body = _Body(receive)
        if self._inside >= limits.API_REQUESTS_MAX and scope["path"] not in STANDING:
            await self._refuse(_busy(), scope, body, send)
        elif not scope["http_version"].startswith("1"):
            await self._refuse(_not_http_1(scope["http_version"]), scope, body, send)
        elif self._shedding is not None and (why := self._shedding.refusal(scope["path"])):
            await self._refuse(why, scope, body, send)
        else:
            await self._serve(scope, body, send)

    async def _serve(self, scope: Scope, body: "_Body", send: Send) -> None:
        async def answer(message: Message) -> None:
            if message["type"] == "http.response.start" and not body.ended:
                await body.linger()
            if body.ended or message.get("more_body", False):
                await send(message)
            else:
                await _send_while_reading(message, body, send)

        self._inside += 1
        try:
            await self._app(scope, body.receive, answer)
        finally:
            self._inside -= 1

    async def _refuse(self, why: Problem, scope: Scope, body: "_Body", send: Send) -> None:
        async def answer(message: Message) -> None:
            await _send_while_reading(message, body, send)

        await problem_response(why)(scope, body.receive, answer)


async def _send_while_reading(message: Message, body: "_Body", send: Send) -> None:
    async with trio.open_nursery() as nursery:
        nursery.start_soon(body.drain)
        await send(message)
        nursery.cancel_scope.cancel()


@final
class _Body:
    """Knows whether a request's body has been read to its end."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self.ended = False

    async def receive(self) -> ReceivedMessage:
        """The next part, or the end of the connection."""
        message = await self._receive()
        if message["type"] != "http.request" or not message["more_body"]:
            self.ended = True
        return message

    async def linger(self) -> None:
        """Read what is left, within reason."""
        size = 0
        with trio.move_on_after(limits.API_LINGER_S):
            while not self.ended and size <= _LINGER_BYTES:
                message = await self.receive()
                if message["type"] == "http.request":
                    size += len(message["body"])

    async def drain(self) -> None:
        """Read until the client or the server closes the connection."""
        while (await self._receive())["type"] == "http.request":
            pass


def _busy() -> Problem:
    highest = limits.API_REQUESTS_MAX
    return problem(
        BUSY,
        f"{highest} requests are in progress, which is all that this node serves at a time",
        {"expected": f"fewer than {highest}", "actual": highest},
    )


def _not_http_1(version: str) -> Problem:
    return problem(
        WRONG_VERSION,
        f"HTTP {version}, expected 1.1",
        {"expected": "1.1", "actual": version},
    )
