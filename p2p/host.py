"""The main door to libp2p: an authenticated, multiplexed connection to a listed peer, or none.

What is used of libp2p: Noise, yamux, multistream, streams, and (in `p2p.gossip`) gossipsub. What is
not: plaintext, TLS, QUIC, WebSocket, discovery of any kind, identify, ping, port mapping, automatic
dialling, its resource manager, its listener and its address book.

- **Allow-list.** The gate is asked when the handshake has proved a key (`p2p.gate`), and, because
  the list may change at any time, again when the connection stands and with each stream.
- **Listener.** Ours: libp2p's binds with SO_REUSEPORT, under which a second node on the same port
  silently takes half of the connections; and it keeps an inbound slot for every connection that it
  ever accepted, so that a node grows deaf with its peers' restarts.
- **Streams.** `Host.open` opens one on an existing connection and never dials (`p2p.streams`).
- **Bounds.** Dials and handshakes in progress, connections and streams per peer, and the time of
  each step.
- **Failure.** An error in a stream's handler ends that stream, or for a violation that peer's
  connections; it never reaches libp2p's own tasks, where it would end the node.
"""

import errno
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Sequence
from contextlib import asynccontextmanager
from typing import Final, TypeAlias
from weakref import WeakKeyDictionary, WeakSet

import trio
from libp2p.abc import IMuxedConn, INetConn
from libp2p.crypto.ed25519 import create_new_key_pair
from libp2p.custom_types import TProtocol
from libp2p.host.basic_host import BasicHost
from libp2p.io.exceptions import IOException
from libp2p.network.auto_connector import AutoConnector
from libp2p.network.config import ConnectionConfig, RetryConfig
from libp2p.network.swarm import Swarm
from libp2p.peer.id import ID
from libp2p.peer.peerstore import PeerStore
from libp2p.protocol_muxer.multiselect_communicator import MultiselectCommunicator
from libp2p.tools.anyio_service import background_trio_service
from multiaddr import Multiaddr  # type: ignore[import-untyped]  # it has no type hints

from p2p.bucket import Bucket
from p2p.doorway import Doorway, origin_of
from p2p.faults import PeerUnavailable
from p2p.gate import Gate, GatedNoise, Refused
from p2p.negotiation import Answering, Asking
from p2p.peers import PeerId, parse_address
from p2p.streams import (
    STREAM_ERRORS,
    Stream,
    drop,
    peer_id_text,
    raw_connection,
    stream_peer,
)
from p2p.upgrader import STEP_S, FaultHandler, Upgrader
from primitives import limits
from primitives.errors import Malformed, OperatorFault, RemoteFault

StreamHandler: TypeAlias = Callable[[PeerId, Stream], Awaitable[None]]

_CONNECT_S: Final = 2.5
"""Two SYNs; the next would follow four seconds after the first, when a new attempt is as good."""
_GOODBYE_S: Final = 1.0
"""For closing connections politely at the end."""
_ACCEPT_PAUSE_S: Final = 0.1
"""When the process has no descriptor left for a connection, others must close first."""
_NOT_ADMITTED: Final = (
    "connected, then closed by the other side before anything was said: "
    "it does not admit this node (yet)"
)
_ACCEPT_ERRNOS: Final = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENOBUFS})


class _QuietHost(BasicHost):
    """libp2p's host without identify, and whose stream handlers cannot bring down the swarm."""

    def __init__(self, swarm: Swarm, gate: Gate, on_fault: FaultHandler) -> None:
        super().__init__(swarm, disable_identify_address_discovery=True)
        self._gate = gate
        self.multiselect = Answering({})
        self.multiselect_client = Asking()
        self._on_fault = on_fault

    def _schedule_identify(self, peer_id: ID, *, reason: str) -> None:
        """Peers are listed by their operators; there is nothing to ask them."""

    async def _push_identify_to_all_peers(self) -> None:
        """Nor anything to tell them."""

    async def _swarm_stream_handler(self, net_stream: Stream) -> None:
        """Negotiate, then hand over. What a peer sends may end its stream, never the swarm."""
        peer = stream_peer(net_stream)
        if not self._gate.admits(peer):  # it was one of ours a moment ago
            await drop(net_stream)
            return
        try:
            protocol, handler = await self.multiselect.negotiate(
                MultiselectCommunicator(net_stream), int(STEP_S)
            )
        except STREAM_ERRORS:
            await drop(net_stream)
        except RemoteFault as fault:
            await drop(net_stream)
            await self._on_fault(peer, fault)
        except Exception as error:  # noqa: BLE001 - a parser of libp2p's, and the peer's bytes
            await drop(net_stream)
            await self._on_fault(peer, Malformed(f"negotiation: {error!r}"))
        else:
            assert protocol is not None, "only our protocols are registered"
            assert handler is not None, "and each with its handler"
            net_stream.set_protocol(protocol)
            await handler(net_stream)


class _NeverByItself(AutoConnector):
    """libp2p's dialler towards a target number of connections; links alone decide to dial."""

    async def maybe_connect(self) -> None:
        """Not even when the library counts too few."""


class Host:
    """Connections and streams to listed peers, by their ids. Made by `open_host`."""

    def __init__(
        self,
        swarm: Swarm,
        noise: GatedNoise,
        tasks: trio.Nursery,
        *,
        address: str,
        on_fault: FaultHandler,
    ) -> None:
        self._swarm = swarm
        self._noise = noise
        self._tasks = tasks
        self._on_fault = on_fault
        self._dials = trio.CapacityLimiter(limits.DIALS_MAX)
        self._is_closing = False
        self._doorway = Doorway[trio.SocketStream]()
        self._accepted = Bucket(per_second=limits.ACCEPTS_PER_SECOND, full=limits.HANDSHAKES_MAX)
        self._sockets = WeakSet[trio.SocketStream]()
        self._socket_of = WeakKeyDictionary[IMuxedConn, trio.SocketStream]()
        self.gate = noise.gate
        self.libp2p = _QuietHost(swarm, self.gate, on_fault)
        """For `p2p.gossip` alone."""
        self.id = peer_id_text(swarm.get_peer_id())
        self.address = address
        """Where we listen, with the port that was really bound."""

    @property
    def protocols(self) -> tuple[str, ...]:
        """What is answered when a peer asks for a protocol."""
        return tuple(str(protocol) for protocol in self.libp2p.get_mux().get_protocols())

    def answer(self, protocol: str, handler: StreamHandler) -> None:
        """Let `handler` have every stream that a peer opens for this protocol."""

        async def handle(stream: Stream) -> None:
            try:
                await handler(stream_peer(stream), stream)
            except (*STREAM_ERRORS, PeerUnavailable):
                await drop(stream)
            except RemoteFault as fault:
                await drop(stream)
                await self._on_fault(stream_peer(stream), fault)

        self.libp2p.set_stream_handler(TProtocol(protocol), handle)

    def is_connected(self, peer: PeerId) -> bool:
        """Whether a stream to this peer could be opened."""
        return any(not held.is_closed for held in self._swarm.get_connections(_id(peer)))

    async def dial(self, peer: PeerId, address: str) -> None:
        """Open a connection to this peer at this address, unless there is one.

        Raises:
            PeerUnavailable: nobody answers there, or somebody else does.
        """
        async with self._dials:
            if self.is_connected(peer):  # it came to us while we waited for our turn
                return
            socket = await self._connect(address)
            raw = raw_connection(socket, is_dialler=True)
            stands = False
            try:
                with trio.fail_after(STEP_S):
                    connection = await self._swarm.upgrade_outbound_raw_conn(raw, _id(peer))
                await self._stands(connection.muxed_conn, socket)
                stands = True
            except trio.TooSlowError:
                raise PeerUnavailable(f"{address}: no handshake in {STEP_S:g} s") from None
            except Exception as error:  # its Noise and its sockets share no base class
                is_shown_out = self._noise.has_proved(raw) and _is_end(error)
                words = _NOT_ADMITTED if is_shown_out else _describe(error)
                raise PeerUnavailable(f"{address}: {words}") from error
            finally:
                if not stands:  # libp2p forgets it when an attempt is cancelled
                    await trio.aclose_forcefully(socket)

    async def _connect(self, address: str) -> trio.SocketStream:
        host, port = parse_address(address)
        try:
            with trio.fail_after(_CONNECT_S):
                socket = await trio.open_tcp_stream(host, port)
        except trio.TooSlowError:
            raise PeerUnavailable(f"{address}: no connection in {_CONNECT_S:g} s") from None
        except OSError as error:
            raise PeerUnavailable(f"{address}: {_describe(error)}") from error
        self._sockets.add(socket)
        return socket

    async def _stands(self, connection: IMuxedConn, socket: trio.SocketStream) -> None:
        """A connection has passed the gate, which may have closed behind it.

        libp2p trims no connection that is younger than a while; ours ends the oldest beyond the
        bound, so that a peer that restarts often is heard at once.

        Raises:
            Refused: the peer is none any more.
        """
        self._socket_of[connection] = socket
        peer = peer_id_text(connection.peer_id)
        if not self.gate.admits(peer):
            await trio.aclose_forcefully(socket)
            self.gate.check(peer)
        held = self._swarm.get_connections(connection.peer_id)
        self._end_soon(held[: -limits.CONNECTIONS_PER_PEER_MAX])

    async def open(self, peer: PeerId, protocol: str) -> Stream:
        """Open a stream on a connection that exists.

        Raises:
            PeerUnavailable: no connection, or the peer does not speak this protocol.
        """
        if not self.is_connected(peer):
            raise PeerUnavailable(f"no connection to {peer}")
        try:
            with trio.fail_after(STEP_S):
                return await self.libp2p.new_stream(_id(peer), [TProtocol(protocol)])
        except trio.TooSlowError:
            raise PeerUnavailable(f"no stream {protocol} in {STEP_S:g} s") from None
        except Exception as error:  # as above
            raise PeerUnavailable(f"stream {protocol}: {_describe(error)}") from error

    def end(self, peer: PeerId) -> None:
        """Close every connection to this peer soon, and with them its streams; returns at once."""
        self._end_soon(self._swarm.get_connections(_id(peer)))

    def _end_soon(self, connections: Sequence[INetConn]) -> None:
        if connections and not self._is_closing:
            self._tasks.start_soon(self._end, list(connections))

    async def _end(self, connections: Sequence[INetConn]) -> None:
        with trio.move_on_after(_GOODBYE_S):
            async with trio.open_nursery() as closing:
                for connection in connections:
                    closing.start_soon(connection.close)
        for connection in connections:  # a dead one takes no goodbye, and would linger
            if (socket := self._socket_of.get(connection.muxed_conn)) is not None:
                await trio.aclose_forcefully(socket)

    async def serve(self, listener: trio.SocketListener) -> None:
        """Accept for ever; a connection lives in the swarm once its handshake is done."""
        nowhere = Multiaddr("/ip4/0.0.0.0/tcp/0")  # only for libp2p's log

        async def admit(socket: trio.SocketStream) -> None:
            try:
                raw = raw_connection(socket, is_dialler=False)
                muxed = await self._swarm.upgrade_inbound_raw_conn(raw, nowhere)
                await self._stands(muxed, socket)
            except Exception as error:  # noqa: BLE001 - whatever a stranger sends; it is closed
                if not isinstance(_root_cause(error), Refused):
                    self.gate.refusals["handshake"] += 1
            finally:
                self._doorway.leave(socket)

        async with trio.open_nursery() as handshakes:
            while True:
                try:
                    socket = await listener.accept()
                except OSError as error:
                    if error.errno not in _ACCEPT_ERRNOS:
                        raise
                    self.gate.refusals["no descriptors"] += 1
                    await trio.sleep(_ACCEPT_PAUSE_S)
                    continue
                if await self._let_in(socket):
                    handshakes.start_soon(admit, socket)

    async def _let_in(self, socket: trio.SocketStream) -> bool:
        """Whether a stranger's socket may begin a handshake; otherwise it is closed."""
        now = trio.current_time()
        try:
            origin = origin_of(socket.socket.getpeername()[0])
        except OSError:  # gone already
            origin = None
        if origin is None or not self._doorway.may_begin(origin, now):
            self.gate.refusals["too many handshakes"] += 1
            await trio.aclose_forcefully(socket)
            await trio.sleep(self._accepted.take(1, now))
            return False
        self._sockets.add(socket)
        if (displaced := self._doorway.enter(socket, origin)) is not None:
            await trio.aclose_forcefully(displaced)
        return True

    async def close(self) -> None:
        """Say goodbye to everybody at once (libp2p does it one by one), then close for sure."""
        self._is_closing = True
        with trio.CancelScope(shield=True):
            with trio.move_on_after(_GOODBYE_S):
                async with trio.open_nursery() as closing:
                    for connection in self._swarm.get_connections():
                        closing.start_soon(connection.close)
            for socket in list(self._sockets):
                await trio.aclose_forcefully(socket)


@asynccontextmanager
async def open_host(
    *, seed: bytes, listen: str, allowed: Collection[PeerId], on_fault: FaultHandler
) -> AsyncIterator[Host]:
    """Listen on `listen` (`host:port`; port 0 takes a free one), for the listed peers only.

    Raises:
        OperatorFault: the address is malformed, in use, or not one of this machine.
    """
    _silence_libp2p()
    listeners = await _bind(listen)
    noise = GatedNoise(create_new_key_pair(seed), Gate(allowed))
    swarm = _swarm(noise, Upgrader(noise, on_fault))
    address = _address_of(listeners[0])
    try:
        async with background_trio_service(swarm), trio.open_nursery() as tasks:
            host = Host(swarm, noise, tasks, address=address, on_fault=on_fault)
            for listener in listeners:
                tasks.start_soon(host.serve, listener)
            try:
                yield host
            finally:
                tasks.cancel_scope.cancel()
                await host.close()
    finally:
        for listener in listeners:
            await trio.aclose_forcefully(listener)


def _swarm(noise: GatedNoise, upgrader: Upgrader) -> Swarm:
    peer_id = ID.from_pubkey(noise.key_pair.public_key)
    peerstore = PeerStore()
    peerstore.add_key_pair(peer_id, noise.key_pair)
    connections = limits.CONNECTIONS_PER_PEER_MAX * limits.PEERS_MAX + limits.HANDSHAKES_MAX
    swarm = Swarm(
        peer_id,
        peerstore,
        upgrader,
        transports=[],
        retry_config=RetryConfig(max_retries=0),
        connection_config=ConnectionConfig(
            max_connections=connections,
            high_watermark=connections,
            min_connections=0,
            low_watermark=0,
            max_connections_per_peer=limits.CONNECTIONS_PER_PEER_MAX,
            inbound_upgrade_timeout=STEP_S,
            outbound_upgrade_timeout=STEP_S,
            inbound_stream_protocol_negotiation_timeout=STEP_S,
            outbound_stream_protocol_negotiation_timeout=STEP_S,
        ),
    )
    swarm.auto_connector = _NeverByItself(swarm)
    return swarm


async def _bind(listen: str) -> Sequence[trio.SocketListener]:
    host, port = parse_address(listen)
    try:
        return await trio.open_tcp_listeners(port, host=host)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise OperatorFault(
                f"address {listen} is in use: another node or program listens there"
            ) from None
        raise OperatorFault(f"cannot listen on {listen}: {error.strerror or error}") from None


def _silence_libp2p() -> None:
    """libp2p logs what peers do at WARNING and ERROR; we count and report it ourselves.

    Whoever sets LIBP2P_DEBUG still sees everything.
    Its swarm logs through the root logger, which installs a handler on stderr when there is none.
    """
    root, library = logging.getLogger(), logging.getLogger("libp2p")
    if not root.handlers:
        root.addHandler(logging.NullHandler())
    if not library.handlers:
        library.addHandler(logging.NullHandler())
        library.propagate = False
        library.setLevel(logging.CRITICAL)


def _address_of(listener: trio.SocketListener) -> str:
    host, port = listener.socket.getsockname()[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _id(peer: PeerId) -> ID:
    return ID.from_base58(peer)


def _root_cause(error: BaseException) -> BaseException:
    """What libp2p wrapped, often three times. A refusal of ours is where the search ends."""
    while not isinstance(error, Refused):
        if isinstance(error, ExceptionGroup):
            error = error.exceptions[0]
        elif (cause := error.__cause__ or error.__context__) is not None:
            error = cause
        else:
            break
    return error


def _is_end(error: BaseException) -> bool:
    return isinstance(_root_cause(error), IOException | OSError | trio.BrokenResourceError)


def _describe(error: BaseException) -> str:
    cause = _root_cause(error)
    return str(cause) or type(cause).__name__
