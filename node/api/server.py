"""Hypercorn's trio server, inside the node's own loop.

Hypercorn speaks HTTP: its `TCPServer` serves one connection, and `hypercorn.trio.serve` would be
the loop around it. The loop is ours for three reasons, each tried: Hypercorn counts no connections;
it shields what it sends from cancellation, so that one client who does not read keeps a node from
stopping; and an error in one connection ends the server, with us the node. Ours has places for so
many connections, a deadline for what is sent, and a hard end. No signal handler is installed and
nothing is logged but what `log` says here.
"""

import errno
import os
import socket
import stat
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, final

import structlog
import trio
from hypercorn.config import Config
from hypercorn.trio.tcp_server import TCPServer
from hypercorn.trio.worker_context import WorkerContext
from hypercorn.typing import ConnectionState
from hypercorn.utils import wrap_app

from node.api.admin import AdminApi
from node.api.application import application
from node.api.backend import AdminBackend, Backend
from node.api.gate import Gate
from node.api.public import PublicApi
from node.api.shedding import Shedding
from node.premises import Upkeep
from node.upkeep import UPKEEP
from primitives import limits
from primitives.errors import OperatorFault

if TYPE_CHECKING:
    # libp2p brings types for trio that hide trio's own, and keep this one elsewhere.
    from trio_typing import TaskStatus

_SEND_BYTES: Final = 64 * 1024
_BACKLOG: Final = 128

Stop = Callable[[], Awaitable[None]]

log: Final = structlog.get_logger("api")


async def serve(
    backend: Backend,
    *,
    listen: str,
    stop: Stop = trio.sleep_forever,
    task_status: "TaskStatus[str]" = trio.TASK_STATUS_IGNORED,
) -> None:
    """Serve the public API on `host:port` until `stop` returns; started with the real address.

    Raises:
        OperatorFault: the address cannot be listened on.
    """
    api = PublicApi(backend)
    server = _Server(application(api.routes(), Shedding(backend)))

    async def stop_streams() -> None:
        await stop()
        api.end_streams()

    with _tcp_socket(listen) as listening:
        await server.run(listening, stop_streams, task_status)


async def serve_admin(
    backend: AdminBackend,
    *,
    path: Path,
    stop: Stop = trio.sleep_forever,
    upkeep: Sequence[Upkeep[Any, Any]] = UPKEEP,
    task_status: "TaskStatus[str]" = trio.TASK_STATUS_IGNORED,
) -> None:
    """Serve the operator's API on a Unix socket that only its owner may open.

    Raises:
        OperatorFault: another process serves there, or the socket cannot be made.
    """
    server = _Server(application(AdminApi(backend, upkeep).routes()))
    with _unix_socket(path) as listening:
        try:
            await server.run(listening, stop, task_status)
        finally:
            os.unlink(path)


def _tcp_socket(listen: str) -> socket.socket:
    host, _, port = listen.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not host or not port.isascii() or not port.isdigit() or int(port) > 65_535:
        raise OperatorFault(f"the API cannot listen on {listen!r}, expected host:port")
    made = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        made.bind((host, int(port)))
        made.listen(_BACKLOG)
    except OSError as error:
        made.close()
        why = error.strerror or str(error)
        if error.errno == errno.EADDRINUSE:
            why = "another process listens there"
        raise OperatorFault(f"the API cannot listen on {listen}: {why}") from error
    return made


def _unix_socket(path: Path) -> socket.socket:
    _remove_stale(path)
    made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        # The mode of the descriptor becomes that of the file: at no moment can others open it.
        os.fchmod(made.fileno(), stat.S_IRUSR | stat.S_IWUSR)
        made.bind(str(path))
        made.listen(_BACKLOG)
    except OSError as error:
        made.close()
        raise OperatorFault(f"{path} cannot be made: {error.strerror or error}") from error
    return made


def _remove_stale(path: Path) -> None:
    """Remove what a killed process left; a living one's socket answers."""
    if not path.is_socket():
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as asking:
        asking.settimeout(1)
        try:
            asking.connect(str(path))
        except OSError:
            path.unlink(missing_ok=True)
            return
    raise OperatorFault(f"{path} is in use by another process")


@final
class _Stream:
    """A connection as Hypercorn uses it, with a deadline for what is sent."""

    def __init__(self, stream: trio.SocketStream, turnstile: trio.Lock) -> None:
        self._stream = stream
        self.socket = stream.socket
        self.life = trio.CancelScope()
        self._turnstile = turnstile

    async def send_all(self, data: bytes) -> None:
        """Send, or give the connection up.

        Raises:
            BrokenResourceError: the other side is gone, or does not read.
        """
        try:
            for start in range(0, len(data), _SEND_BYTES):
                with trio.fail_after(limits.API_SEND_S):
                    await self._stream.send_all(data[start : start + _SEND_BYTES])
        except (trio.TooSlowError, trio.BrokenResourceError, trio.ClosedResourceError) as error:
            # Hypercorn would go on with the next request, or wait for one for ever.
            self.life.cancel()
            raise trio.BrokenResourceError from error

    async def receive_some(self, size: int) -> bytes | bytearray:
        """Receive, and wait for our turn: one connection goes on per round of the loop.

        However many requests arrive at once, whatever else the loop has to do (votes, links) has
        its round between any two of them.
        """
        data = await self._stream.receive_some(size)
        async with self._turnstile:
            await trio.lowlevel.checkpoint()
        return data

    async def send_eof(self) -> None:
        await self._stream.send_eof()

    async def aclose(self) -> None:
        await self._stream.aclose()

    def cut(self) -> None:
        """Close at once; whoever sends or receives is woken."""
        self.socket.close()


@final
class _Connection(TCPServer):
    """Ends when its client has gone; Hypercorn would first let the time for idle ones pass."""

    async def _read_data(self) -> None:
        await super()._read_data()
        await self.idle_task.stop()


@final
class _Server:
    """The connections of one listening socket; the only writer of their set."""

    def __init__(self, app: Gate) -> None:
        self._app = wrap_app(app, 0, "asgi")  # type: ignore[arg-type] # ASGI typed twice
        self._config = _config()
        self._context = WorkerContext(None)
        self._places = trio.Semaphore(limits.API_CONNECTIONS_MAX)
        self._open: set[_Stream] = set()
        self._empty = trio.Event()
        self._turnstile = trio.Lock()

    async def run(
        self, listening: socket.socket, stop: Stop, task_status: "TaskStatus[str]"
    ) -> None:
        """Accept until `stop` returns; then idle connections end, requests have a moment left."""
        listening.setblocking(False)  # noqa: FBT003 - the standard library's own
        listener = trio.SocketListener(trio.socket.from_stdlib_socket(listening))
        async with trio.open_nursery() as connections:
            try:
                async with trio.open_nursery() as accepting:
                    accepting.start_soon(self._accept, listener, connections)
                    task_status.started(_address(listening))
                    await stop()
                    accepting.cancel_scope.cancel()
                await self._context.terminated.set()
                with trio.move_on_after(limits.API_GRACE_S):
                    while self._open:
                        self._empty = trio.Event()
                        await self._empty.wait()
            finally:
                connections.cancel_scope.cancel()
                for stream in self._open:
                    stream.cut()

    async def _accept(self, listener: trio.SocketListener, connections: trio.Nursery) -> None:
        while True:
            await self._places.acquire()
            stream = _Stream(await _next(listener), self._turnstile)
            self._open.add(stream)
            connections.start_soon(self._serve, stream)

    async def _serve(self, stream: _Stream) -> None:
        state: ConnectionState = ConnectionState({})
        try:
            with stream.life:
                await _Connection(self._app, self._config, self._context, state, stream)  # type: ignore[arg-type] # what it uses of a stream
        except* Exception as group:  # one connection never ends the node
            log.error("api.connection_failed", exc_info=group)
        finally:
            stream.cut()
            self._open.discard(stream)
            self._places.release()
            if not self._open:
                self._empty.set()


async def _next(listener: trio.SocketListener) -> trio.SocketStream:
    while True:
        try:
            return await listener.accept()
        except OSError as error:  # out of descriptors or memory: others close theirs first
            log.warning("api.accept_failed", error=error.strerror)
            await trio.sleep(0.1)


def _address(listening: socket.socket) -> str:
    name: Any = listening.getsockname()
    if isinstance(name, str):
        return name
    host = f"[{name[0]}]" if ":" in name[0] else name[0]
    return f"{host}:{name[1]}"


def _config() -> Config:
    config = Config()
    config.accesslog = config.errorlog = None
    config.include_server_header = False
    config.keep_alive_timeout = limits.API_IDLE_S
    return config
