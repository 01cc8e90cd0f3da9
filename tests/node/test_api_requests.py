"""Requests that are no requests, too large, too slow or too many."""

from __future__ import annotations

import re
import threading
from collections.abc import Sequence
from typing import Any

import msgspec
import pytest
import structlog.testing
import trio
import trio.testing

from kit.api import ChainOfOne, connect, exchange, listening, serving, submit, submit_named
from kit.ledger import pay
from kit.nets import in_trio
from node.api.shedding import STANDING
from primitives import limits
from primitives.codec import encode
from primitives.errors import MithaqError, StorageFault
from primitives.ids import TransactionId

JSON = {"content-type": "application/json"}
MSGPACK = {"content-type": "application/msgpack"}


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/", 404, "request.unknown_path"),
        ("GET", "/v2/status", 404, "request.unknown_path"),
        ("GET", "/v1/status/x", 404, "request.unknown_path"),
        ("GET", "/v1/accounts", 404, "request.unknown_path"),
        ("GET", "/v1/admin/peers", 404, "request.unknown_path"),
        ("POST", "/v1/admin/shutdown", 404, "request.unknown_path"),
        ("GET", "/v1/transactions", 405, "request.wrong_method"),
        ("DELETE", "/v1/status", 405, "request.wrong_method"),
        ("HEAD", "/v1/status", 405, None),
        ("BREW", "/v1/status", 405, "request.wrong_method"),
        ("GET", "/v1/status?verbose=1", 400, "request.parameter"),
        ("GET", "/v1/transactions/abc", 400, "request.parameter"),
        ("GET", f"/v1/transactions/{'AB' * 32}", 400, "request.parameter"),
        ("GET", f"/v1/accounts/{'ab' * 33}", 400, "request.parameter"),
        ("GET", "/v1/state/accounts/abc/proof", 400, "request.parameter"),
        ("GET", f"/v1/accounts/{'%00%ff' * 20}", 400, "request.parameter"),
    ],
)
def test_what_is_not_served_is_a_problem(
    method: str, path: str, status: int, code: str | None
) -> None:
    """With a code, and never with a traceback."""

    @in_trio
    async def scene() -> None:
        async with serving(ChainOfOne()) as client:
            answer = await client.request(method, path)

        assert answer.status_code == status
        assert answer.headers["content-type"] == "application/problem+json"
        if code is not None:
            assert answer.json()["code"] == code
        if status == 405:
            assert answer.headers["allow"]

    scene()


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"\xff",
        b'{"a":1} x',
        b"NaN",
        b"[" * 100_000,
        b'{"a":' * 50_000,
    ],
)
def test_what_is_not_json_is_malformed(body: bytes) -> None:
    """400 with expected and actual, alone and as a batch."""

    @in_trio
    async def scene() -> None:
        async with serving(ChainOfOne()) as client:
            one = await submit_named(client, body)
            many = await submit_named(client, body, path="/batch")

        for answer in (one, many):
            assert (answer.status_code, answer.json()["code"]) == (400, "request.malformed")
            assert set(answer.json()["facts"]) == {"expected", "actual"}

    scene()


@pytest.mark.parametrize("body", [b"{}", b"[]", b"1", b'"x"', b"null", b'{"body":{},"body":{}}'])
def test_json_that_is_no_transaction_says_where(body: bytes) -> None:
    """400; a field twice is none either."""

    @in_trio
    async def scene() -> None:
        async with serving(ChainOfOne()) as client:
            answer = await submit_named(client, body)

        assert (answer.status_code, answer.json()["code"]) == (400, "transaction.malformed")

    scene()


@pytest.mark.parametrize(
    "body", [b"", b"\xc1", b"\x93\x01", b"\x91\x01", b"\xdc\x00\x00", b"\x90\x90"]
)
def test_a_batch_is_a_canonical_array_of_bytes(body: bytes) -> None:
    """Anything else is refused whole, a longer form of the same array included."""

    @in_trio
    async def scene() -> None:
        async with serving(ChainOfOne()) as client:
            answer = await client.post("/v1/transactions/batch", content=body, headers=MSGPACK)

        assert (answer.status_code, answer.json()["code"]) == (400, "request.malformed")

    scene()


@pytest.mark.parametrize(
    "declared", ["text/plain", "", "application/x-www-form-urlencoded", "json"]
)
def test_a_body_is_declared_as_one_of_two_types(declared: str) -> None:
    """What a form on another site can send without asking is refused."""

    @in_trio
    async def scene() -> None:
        headers = {"content-type": declared} if declared else {}
        async with serving(ChainOfOne()) as client:
            answer = await client.post("/v1/transactions", content=b"{}", headers=headers)

        assert (answer.status_code, answer.json()["code"]) == (415, "request.media_type")

    scene()


@in_trio
async def test_a_declared_charset_is_no_other_type() -> None:
    """`Application/JSON; charset=utf-8` is JSON."""
    async with serving(ChainOfOne()) as client:
        headers = {"content-type": "Application/JSON; charset=utf-8"}
        answer = await client.post("/v1/transactions/batch", content=b"[]", headers=headers)

    assert (answer.status_code, answer.json()) == (200, [])


SIZES: Any = [
    ("/v1/transactions", MSGPACK, limits.TRANSACTION_BYTES_MAX),
    ("/v1/transactions", JSON, limits.API_TRANSACTION_JSON_BYTES_MAX),
    ("/v1/transactions/batch", MSGPACK, limits.API_BATCH_BYTES_MAX),
    ("/v1/transactions/batch", JSON, limits.API_BATCH_BYTES_MAX),
]


@pytest.mark.parametrize("announced", [True, False], ids=["announced", "in chunks"])
@pytest.mark.parametrize(("path", "kind", "limit"), SIZES)
def test_a_body_is_read_up_to_its_limit(
    path: str,
    kind: dict[str, str],
    limit: int,
    announced: bool,  # noqa: FBT001 - pytest's
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """At the limit it is read and judged; one byte more is refused, and the sender hears it."""
    monkeypatch.setattr(limits, "API_LINGER_S", 30)  # for a machine that takes long to send it

    async def pieces(size: int) -> Any:  # noqa: ANN401 - an async generator
        for start in range(0, size, 1 << 20):
            yield b" " * min(1 << 20, size - start)

    @in_trio
    async def scene() -> None:
        def content(size: int) -> Any:  # noqa: ANN401 - as httpx takes it
            return b" " * size if announced else pieces(size)

        async with serving(ChainOfOne()) as client:
            whole = await client.post(path, content=content(limit), headers=kind)
            more = await client.post(path, content=content(limit + 1), headers=kind)

        assert whole.status_code == 400
        assert (more.status_code, more.json()["code"]) == (413, "request.too_large")
        assert more.json()["facts"]["expected"] == f"at most {limit} bytes"

    scene()


async def _send_for_ever(stream: trio.SocketStream, data: bytes) -> None:
    while True:
        await stream.send_all(data)


@in_trio
async def test_an_announcement_is_enough_to_be_refused() -> None:
    """Nobody has to send what will not be read; the connection ends."""
    head = (
        b"POST /v1/transactions HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n"
        b"content-length: 99999999999\r\n\r\n"
    )

    async with listening(ChainOfOne()) as address:
        heard = await exchange(address, head, b"x" * 100)

    assert heard.startswith(b"HTTP/1.1 413")


@pytest.mark.parametrize("path", ["/v1/transactions", "/nothing"])
def test_a_body_without_end_does_not_hold_its_connection(path: str) -> None:
    """After the refusal the server closes, however much is still coming."""
    head = f"POST {path} HTTP/1.1\r\nhost: x\r\ncontent-length: 99999999999\r\n\r\n".encode()

    @in_trio
    async def scene() -> None:
        async with listening(ChainOfOne()) as address, await connect(address) as stream:
            await stream.send_all(head)
            with pytest.raises(trio.BrokenResourceError):
                await _send_for_ever(stream, bytes(65_536))

    scene()


@in_trio
async def test_a_body_that_does_not_come_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """408 after API_BODY_S."""
    monkeypatch.setattr(limits, "API_BODY_S", 0.1)
    monkeypatch.setattr(limits, "API_LINGER_S", 0.1)
    head = (
        b"POST /v1/transactions HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n"
        b"content-length: 10\r\n\r\n{"
    )

    async with listening(ChainOfOne()) as address:
        heard = await exchange(address, head)

    assert heard.startswith(b"HTTP/1.1 408")
    assert b'"code":"request.timeout"' in heard


@pytest.mark.parametrize("begun", [b"", b"GET /v1/health HTTP/1.1\r\nhost:"])
def test_a_request_whose_head_does_not_come_is_given_up(
    begun: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The connection is closed after API_IDLE_S, as it is between two requests."""
    monkeypatch.setattr(limits, "API_IDLE_S", 0.1)

    @in_trio
    async def scene() -> None:
        async with listening(ChainOfOne()) as address:
            assert await exchange(address, begun) == b""
            kept = await exchange(address, b"GET /v1/health HTTP/1.1\r\nhost: x\r\n\r\n")

        assert kept.endswith(b'{"alive":true}')

    scene()


@in_trio
async def test_one_request_too_many_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """503 at once, with its body read, rather than a queue that nobody sees."""
    monkeypatch.setattr(limits, "API_REQUESTS_MAX", 2)
    chain = ChainOfOne()

    async with serving(chain) as client, trio.open_nursery() as nursery:
        for number in (1, 2):
            nursery.start_soon(client.get, f"/v1/transactions/{'00' * 32}?wait_s=60")
            while chain.waits < number:
                await trio.lowlevel.checkpoint()
        refused = await client.post("/v1/transactions", content=b"x" * 1_000, headers=JSON)
        nursery.cancel_scope.cancel()

    assert (refused.status_code, refused.json()["code"]) == (503, "node.busy")
    assert refused.headers["retry-after"] == "1"


@in_trio
async def test_clients_who_wait_never_hide_where_the_node_stands(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """They may fill every place there is; supervisors and operators are answered all the same."""
    monkeypatch.setattr(limits, "API_REQUESTS_MAX", 1)
    chain = ChainOfOne()

    async with serving(chain) as client, trio.open_nursery() as nursery:
        nursery.start_soon(client.get, f"/v1/transactions/{'00' * 32}?wait_s=60")
        while chain.waits < 1:
            await trio.lowlevel.checkpoint()
        refused = await client.get("/v1/info")
        answers = [(await client.get(path)).status_code for path in sorted(STANDING)]
        nursery.cancel_scope.cancel()

    assert refused.status_code == 503
    assert answers == [200] * len(STANDING)


@in_trio
async def test_the_head_of_a_request_is_bounded() -> None:
    """431, and what is no HTTP at all is 400."""
    async with listening(ChainOfOne()) as address:
        large = await exchange(address, b"GET / HTTP/1.1\r\nx: " + b"y" * 70_000 + b"\r\n\r\n")
        nonsense = await exchange(address, b"\x16\x03\x01 hello\r\n\r\n")

    assert large.startswith(b"HTTP/1.1 431")
    assert nonsense.startswith(b"HTTP/1.1 400")


@in_trio
async def test_only_http_1_is_spoken() -> None:
    """HTTP/2 without TLS and websockets are turned away."""
    upgrade = (
        b"GET /v1/health HTTP/1.1\r\nhost: x\r\nupgrade: websocket\r\nconnection: upgrade\r\n"
        b"sec-websocket-key: x3JJHMbDL1EzLkh9GBhXDw==\r\nsec-websocket-version: 13\r\n\r\n"
    )
    h2c = (
        b"GET /v1/health HTTP/1.1\r\nhost: x\r\nupgrade: h2c\r\nconnection: upgrade\r\n"
        b"http2-settings: AAMAAABkAAQAAP__\r\n\r\n"
    )

    async with listening(ChainOfOne()) as address:
        websocket = await exchange(address, upgrade)
        heard = b""
        async with await connect(address) as stream:
            await stream.send_all(h2c)
            while b"request.wrong_version" not in heard:
                heard += await stream.receive_some(4096)

    assert websocket.startswith(b"HTTP/1.1 403")


@in_trio
async def test_a_fault_of_ours_is_an_incident_in_the_log() -> None:
    """The client sees a number, the log has the error under it."""
    chain = ChainOfOne()
    chain.store.close()

    with structlog.testing.capture_logs() as events:
        async with serving(chain) as client:
            answer = await client.get(f"/v1/transactions/{'00' * 32}")

    problem = answer.json()
    assert (answer.status_code, problem["code"]) == (500, "node.internal")
    assert re.fullmatch("[0-9a-f]{16}", problem["facts"]["incident"])
    assert "closed" not in answer.text
    assert [event["incident"] for event in events] == [problem["facts"]["incident"]]
    assert isinstance(events[0]["exc_info"], StorageFault)


class Broken(ChainOfOne):
    async def submit(self, data: bytes) -> Any:  # noqa: ANN401 - it never returns
        raise ZeroDivisionError(f"{len(data)} secrets")


@in_trio
async def test_an_error_that_nobody_foresaw_is_told_as_little() -> None:
    """And the server goes on."""
    chain = Broken()

    with structlog.testing.capture_logs() as events:
        async with serving(chain) as client:
            answer = await submit(client, b"x")
            after = await client.get("/v1/health")

    assert answer.json()["code"] == "node.internal"
    assert "secrets" not in answer.text
    assert after.status_code == 200
    assert events[0]["route"] == "/v1/transactions"


class Failing(ChainOfOne):
    async def submit_many(self, batch: Sequence[bytes]) -> list[TransactionId | MithaqError]:
        return [StorageFault("the disk is full")] * len(batch)


@in_trio
async def test_a_fault_of_ours_is_no_answer_to_an_item() -> None:
    """The whole batch is an incident: nobody knows what became of the others."""
    with structlog.testing.capture_logs() as events:
        async with serving(Failing()) as client:
            answer = await client.post(
                "/v1/transactions/batch", content=encode((b"x", b"y")), headers=MSGPACK
            )

    assert (answer.status_code, answer.json()["code"]) == (500, "node.internal")
    assert len(events) == 1


@in_trio
async def test_a_client_that_leaves_while_it_sends_is_no_incident() -> None:
    """Nothing is submitted, nothing is logged."""
    chain = ChainOfOne()
    head = (
        b"POST /v1/transactions HTTP/1.1\r\nhost: x\r\ncontent-type: application/msgpack\r\n"
        b"content-length: 10\r\n\r\n12345"
    )

    with structlog.testing.capture_logs() as events:
        async with listening(chain) as address:
            async with await connect(address) as stream:
                await stream.send_all(head)
            await trio.testing.wait_all_tasks_blocked(0.05)

    assert events == []
    assert not chain.waiting


@in_trio
async def test_reads_share_a_few_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    """Twenty questions at once occupy API_READERS_MAX threads at most."""
    chain = ChainOfOne()
    await chain.submit(chain.signed("treasury", pay("health", 1, "A")))
    real, inside, most = chain.store.find_transaction, 0, 0
    full = threading.Event()

    def counted(identifier: Any) -> Any:  # noqa: ANN401 - as the store's own
        nonlocal inside, most
        inside += 1
        most = max(most, inside)
        if inside == limits.API_READERS_MAX:
            full.set()
        try:
            assert full.wait(20), "so many are inside together"
            trio.from_thread.run(trio.testing.wait_all_tasks_blocked)
            return real(identifier)
        finally:
            inside -= 1

    monkeypatch.setattr(chain.store, "find_transaction", counted)
    async with serving(chain) as client, trio.open_nursery() as nursery:
        for _ in range(20):
            nursery.start_soon(client.get, f"/v1/transactions/{'00' * 32}")

    assert most == limits.API_READERS_MAX


@in_trio
async def test_pipelined_requests_are_answered_in_order() -> None:
    """One connection is one conversation."""
    ask = "GET /v1/blocks/{} HTTP/1.1\r\nhost: x\r\n{}\r\n"
    text = ask.format(0, "") + ask.format(9, "connection: close\r\n")

    async with listening(ChainOfOne()) as address:
        heard = await exchange(address, text.encode())

    assert [int(status) for status in re.findall(rb"HTTP/1.1 (\d+)", heard)] == [200, 404]


@in_trio
async def test_who_does_not_read_is_disconnected(monkeypatch: pytest.MonkeyPatch) -> None:
    """After API_SEND_S without taking anything."""
    monkeypatch.setattr(limits, "API_SEND_S", 0.2)

    async with listening(ChainOfOne()) as address, await connect(address) as stream:
        with pytest.raises(trio.BrokenResourceError):
            await _send_for_ever(stream, b"GET /v1/genesis HTTP/1.1\r\nhost: x\r\n\r\n" * 50)


def test_json_of_the_smallest_lines_fits() -> None:
    """API_TRANSACTION_JSON_BYTES_MAX is enough for the largest transaction in its named form."""
    line = {
        "to": "ab" * 32,
        "amount": 1,
        "reference": "1234",
        "description": "",
        "value_date": None,
    }
    canonical = [bytes(32), 1, "1234", "", None]

    ratio = (len(msgspec.json.encode(line)) + 1) / len(msgspec.msgpack.encode(canonical))

    assert ratio * limits.TRANSACTION_BYTES_MAX < limits.API_TRANSACTION_JSON_BYTES_MAX
