"""The server around the API: addresses, connections, the end."""

from __future__ import annotations

import gc
import logging
import os
import resource
import signal
import socket
import stat
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest
import structlog.testing
import trio
from hypercorn.trio.tcp_server import TCPServer

from kit.api import (
    ChainOfOne,
    administering,
    connect,
    everything_from,
    exchange,
    listening,
    serving,
)
from kit.ledger import pay
from kit.nets import in_trio
from node.api import serve, serve_admin
from node.queries import id_of_transaction
from primitives import limits
from primitives.errors import OperatorFault

if TYPE_CHECKING:
    from trio_typing import TaskStatus  # libp2p brings types for trio that hide trio's own

HEALTH = b"GET /v1/health HTTP/1.1\r\nhost: x\r\n\r\n"
CLOSING = b"GET /v1/health HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"
STOP_S = 10
"""API_GRACE_S and whatever the machine takes; the clients here would wait for a minute."""


async def fault_of(listen: str) -> str:
    with pytest.raises(OperatorFault) as caught:
        await serve(ChainOfOne(), listen=listen)
    return str(caught.value)


@in_trio
async def test_an_address_in_use_is_said_in_one_line() -> None:
    """With the address that the operator wrote."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"

        said = await fault_of(address)

    assert said == f"the API cannot listen on {address}: another process listens there"


@pytest.mark.parametrize("listen", ["", "8000", ":8000", "127.0.0.1:", "127.0.0.1:65536", "a:b"])
def test_what_is_no_address_is_the_operators_fault(listen: str) -> None:
    """The message shows what was given and what would do."""

    @in_trio
    async def scene() -> None:
        assert await fault_of(listen) == f"the API cannot listen on {listen!r}, expected host:port"

    scene()


@in_trio
async def test_an_address_of_another_machine_is_the_operators_fault() -> None:
    """The system's reason is passed on."""
    said = await fault_of("192.0.2.1:8000")

    assert said.startswith("the API cannot listen on 192.0.2.1:8000: ")
    assert "\n" not in said


@in_trio
async def test_both_families_of_addresses_are_served() -> None:
    """The address that is reported can be dialled as it stands."""
    async with trio.open_nursery() as nursery:

        async def run(*, task_status: TaskStatus[str]) -> None:
            await serve(ChainOfOne(), listen="[::1]:0", task_status=task_status)

        address = await nursery.start(run)
        async with httpx.AsyncClient(base_url=f"http://{address}", timeout=30) as client:
            answer = await client.get("/v1/health")
        nursery.cancel_scope.cancel()

    assert address.startswith("[::1]:")
    assert answer.status_code == 200


@in_trio
async def test_serving_leaves_signals_and_logging_alone() -> None:
    """Both belong to the node."""
    signals = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = [signal.getsignal(number) for number in signals]
    handlers = list(logging.getLogger().handlers)

    async with serving(ChainOfOne()) as client:
        await client.get("/v1/health")
        after = [signal.getsignal(number) for number in signals]

    assert after == before
    assert logging.getLogger().handlers == handlers
    for name in ("hypercorn", "hypercorn.access", "hypercorn.error", "litestar"):
        assert not logging.getLogger(name).handlers


@in_trio
async def test_one_connection_too_many_waits_for_a_place(monkeypatch: pytest.MonkeyPatch) -> None:
    """API_CONNECTIONS_MAX are served; the next is when one of them ends."""
    monkeypatch.setattr(limits, "API_CONNECTIONS_MAX", 2)

    async with listening(ChainOfOne()) as address:
        first, second = await connect(address), await connect(address)
        for stream in (first, second):
            await stream.send_all(HEALTH)
            assert await stream.receive_some(4096)
        third = await connect(address)
        await third.send_all(HEALTH)
        with trio.move_on_after(0.2) as waited:
            await third.receive_some(4096)
        await first.aclose()
        heard = await third.receive_some(4096)
        await second.aclose()
        await third.aclose()

    assert waited.cancelled_caught
    assert heard.startswith(b"HTTP/1.1 200")


@in_trio
async def test_a_connection_that_ends_badly_ends_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """A reset in the middle of an answer is nobody else's affair, and frees its place."""
    monkeypatch.setattr(limits, "API_CONNECTIONS_MAX", 2)

    async with serving(ChainOfOne()) as client:
        address = str(client.base_url).removeprefix("http://").rstrip("/")
        for _ in range(5):
            stream = await connect(address)
            await stream.send_all(b"GET /v1/genesis HTTP/1.1\r\nhost: x\r\n\r\n" * 20)
            stream.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            await stream.aclose()
        answer = await client.get("/v1/health")

    assert answer.status_code == 200


@in_trio
async def test_an_error_in_one_connection_ends_that_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is logged; the server, and with it the node, goes on."""
    real = TCPServer._read_data  # the door through which everything from a client comes
    failed: list[TCPServer] = []

    async def once(connection: TCPServer) -> None:
        if not failed:
            failed.append(connection)
            raise RuntimeError("nobody foresaw this")
        await real(connection)

    monkeypatch.setattr(TCPServer, "_read_data", once)
    with structlog.testing.capture_logs() as events:
        async with listening(ChainOfOne()) as address:
            first = await exchange(address, HEALTH)
            second = await exchange(address, CLOSING)

    assert first == b""
    assert second.startswith(b"HTTP/1.1 200")
    assert [event["event"] for event in events] == ["api.connection_failed"]


@in_trio
async def test_no_descriptor_left_is_a_pause_and_not_the_end() -> None:
    """Whoever connects meanwhile is served afterwards."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    gc.collect()  # what it closed later would be a descriptor again

    with structlog.testing.capture_logs() as events:
        async with listening(ChainOfOne()) as address:
            host, _, port = address.rpartition(":")
            ours = trio.socket.socket()
            resource.setrlimit(resource.RLIMIT_NOFILE, (ours.fileno() + 1, hard))
            try:
                await ours.connect((host, int(port)))
                while not events:
                    await trio.lowlevel.checkpoint()
            finally:
                resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
            async with trio.SocketStream(ours) as stream:
                await stream.send_all(CLOSING)
                heard = await everything_from(stream)

    assert events[0]["event"] == "api.accept_failed"
    assert heard.startswith(b"HTTP/1.1 200")


HANGING = {
    "idle": b"",
    "half a head": b"GET /v1/hea",
    "half a body": b"POST /v1/transactions HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n"
    b"content-type: application/json\r\n\r\n{",
    "waiting": b"GET /v1/transactions/" + b"00" * 32 + b"?wait_s=60 HTTP/1.1\r\nhost: x\r\n\r\n",
}


@pytest.mark.parametrize("what", HANGING)
def test_no_hanging_client_keeps_the_node_from_stopping(what: str) -> None:
    """Whatever it waits for: API_GRACE_S, and the server is gone."""

    @in_trio
    async def scene() -> None:
        async with listening(ChainOfOne()) as address:
            stream = await connect(address)
            await stream.send_all(HANGING[what])
            # The server has seen it once it has answered somebody who came later.
            await exchange(address, CLOSING)
            began = trio.current_time()
        assert trio.current_time() - began < STOP_S
        await everything_from(stream)
        await stream.aclose()

    scene()


@in_trio
async def test_a_client_that_does_not_read_keeps_nobody_either() -> None:
    """Hypercorn would wait for it without end: it shields what it sends."""
    async with listening(ChainOfOne()) as address:
        stream = await connect(address)
        with trio.move_on_after(1):
            while True:
                await stream.send_all(b"GET /v1/genesis HTTP/1.1\r\nhost: x\r\n\r\n" * 50)
        began = trio.current_time()

    assert trio.current_time() - began < STOP_S
    await stream.aclose()


@in_trio
async def test_cancelling_ends_it_as_well() -> None:
    """At once, the stuck client included."""
    async with trio.open_nursery() as nursery:

        async def run(*, task_status: TaskStatus[str]) -> None:
            await serve(ChainOfOne(), listen="127.0.0.1:0", task_status=task_status)

        address = await nursery.start(run)
        stream = await connect(address)
        with trio.move_on_after(0.5):
            while True:
                await stream.send_all(b"GET /v1/genesis HTTP/1.1\r\nhost: x\r\n\r\n" * 50)
        began = trio.current_time()
        nursery.cancel_scope.cancel()

    assert trio.current_time() - began < STOP_S
    await stream.aclose()


@in_trio
async def test_a_request_in_progress_is_answered_before_the_end() -> None:
    """It has API_GRACE_S for that, while idle connections are closed at once."""
    chain = ChainOfOne()
    chain.holding = True
    data = chain.signed("treasury", pay("health", 1, "A"))
    path = f"/v1/transactions/{id_of_transaction(data).hex()}?wait_s=60"
    assert limits.API_GRACE_S < STOP_S

    async with trio.open_nursery() as nursery:
        stop = trio.Event()

        async def run(*, task_status: TaskStatus[str]) -> None:
            await serve(chain, listen="127.0.0.1:0", stop=stop.wait, task_status=task_status)

        address = await nursery.start(run)
        idle, asking = await connect(address), await connect(address)
        await asking.send_all(f"GET {path} HTTP/1.1\r\nhost: x\r\n\r\n".encode())
        while not chain.waits:
            await trio.lowlevel.checkpoint()
        stop.set()
        nothing = await everything_from(idle)
        await chain.submit(data)
        chain.make_block()
        heard = await everything_from(asking)
        await idle.aclose()
        await asking.aclose()

    assert nothing == b""
    assert heard.startswith(b"HTTP/1.1 200")
    assert b'"status":"final"' in heard


# the operator's socket


@in_trio
async def test_only_the_owner_can_open_the_admin_socket(tmp_path: Path) -> None:
    """From its first moment on, whatever the umask; it is gone afterwards."""
    path = tmp_path / "admin.sock"
    before = os.umask(0)
    try:
        async with administering(ChainOfOne(), path):
            mode = stat.S_IMODE(path.stat().st_mode)
    finally:
        os.umask(before)

    assert mode == 0o600
    assert not path.exists()


@in_trio
async def test_the_operator_sees_peers_sets_the_log_level_and_stops_the_node(
    tmp_path: Path,
) -> None:
    """Here and nowhere else: the public API serves none of it."""
    chain = ChainOfOne()

    async with administering(chain, tmp_path / "admin.sock") as client:
        peers = await client.get("/v1/admin/peers")
        level = await client.post("/v1/admin/log-level", json={"level": "debug"})
        public = await client.get("/v1/status")
        stopping = await client.post("/v1/admin/shutdown")

    assert [peer["name"] for peer in peers.json()] == ["observer0"]
    assert (level.status_code, level.json()) == (200, {"level": "debug"})
    assert chain.log_level is not None
    assert chain.log_level.value == "debug"
    assert public.status_code == 404
    assert (stopping.status_code, stopping.json()) == (202, {"stopping": True})
    assert chain.stopping.is_set()


@in_trio
async def test_who_stops_the_node_hears_that_it_stops(tmp_path: Path) -> None:
    """The answer is out before the node begins, even if it then drops everything."""
    chain, path = ChainOfOne(), tmp_path / "admin.sock"
    answers: list[httpx.Response] = []

    async def ask() -> None:
        transport = httpx.AsyncHTTPTransport(uds=str(path))
        async with httpx.AsyncClient(
            transport=transport, base_url="http://node", timeout=30
        ) as client:
            answers.append(await client.post("/v1/admin/shutdown"))

    async with trio.open_nursery() as outside, trio.open_nursery() as node:

        async def run(*, task_status: TaskStatus[str]) -> None:
            await serve_admin(chain, path=path, task_status=task_status)

        await node.start(run)
        outside.start_soon(ask)
        await chain.stopping.wait()
        node.cancel_scope.cancel()

    assert [answer.status_code for answer in answers] == [202]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b'{"level":"loud"}', 400),
        (b'{"level":"debug","for":"ever"}', 400),
        (b"debug", 400),
        (b" " * 1025, 413),
    ],
)
def test_no_other_log_level_is_set(body: bytes, status: int, tmp_path: Path) -> None:
    """The problem says what was expected."""

    @in_trio
    async def scene() -> None:
        chain = ChainOfOne()
        async with administering(chain, tmp_path / "admin.sock") as client:
            answer = await client.post("/v1/admin/log-level", content=body)

        assert answer.status_code == status
        assert answer.json()["facts"]["expected"]
        assert chain.log_level is None

    scene()


@in_trio
async def test_the_socket_of_a_killed_node_is_replaced(tmp_path: Path) -> None:
    """Nobody answers there any more."""
    path = tmp_path / "admin.sock"
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(path))

    async with administering(ChainOfOne(), path) as client:
        answer = await client.get("/v1/admin/peers")

    assert answer.status_code == 200


@in_trio
async def test_the_socket_of_a_living_node_is_not(tmp_path: Path) -> None:
    """Two processes do not share a folder."""
    path = tmp_path / "admin.sock"

    async with administering(ChainOfOne(), path) as client:
        with pytest.raises(OperatorFault, match=r"admin\.sock is in use by another process$"):
            await serve_admin(ChainOfOne(), path=path)
        answer = await client.get("/v1/admin/peers")

    assert answer.status_code == 200


@in_trio
async def test_a_folder_that_takes_no_socket_is_the_operators_fault(tmp_path: Path) -> None:
    """A missing folder, and a path longer than the system takes."""
    for path in (tmp_path / "nowhere" / "admin.sock", tmp_path / ("x" * 120)):
        with pytest.raises(OperatorFault, match="cannot be made"):
            await serve_admin(ChainOfOne(), path=path)
