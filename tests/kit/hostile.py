"""libp2p spoken by hand: every layer of it as bytes, so that each may be wrong.

A `Line` is a TCP connection. `negotiated` speaks multistream on it, `secured` runs Noise XX as the
one who dials, `Mux` writes frames of yamux. Nothing here keeps a rule that its caller wants broken.
"""

from __future__ import annotations

import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import trio
from libp2p.crypto.ed25519 import create_new_key_pair
from noise.connection import Keypair, NoiseConnection  # type: ignore[import-untyped]  # no type hints

from kit.nets import CHAIN
from p2p.peers import parse_address

MULTISTREAM: Final = "/multistream/1.0.0"
NOISE: Final = "/noise"
YAMUX: Final = "/yamux/1.0.0"
GOSSIP: Final = "/meshsub/1.1.0"
TOPIC: Final = f"mithaq/blocks/1/{CHAIN.hex()}"

DATA, WINDOW, PING, GO_AWAY = range(4)
SYN, ACK, FIN, RST = 1, 2, 4, 8
RSA, ED25519, SECP256K1 = range(3)
NOISE_BYTES_MAX: Final = 65_535 - 16
"""Of plain text in one Noise message."""


class Gone(Exception):
    """The other side has ended the connection."""


class Line:
    """A TCP connection, read by exact numbers of bytes."""

    def __init__(self, socket: trio.SocketStream) -> None:
        self.socket = socket
        self._ahead = bytearray()

    async def send(self, data: bytes) -> None:
        try:
            await self.socket.send_all(data)
        except (trio.BrokenResourceError, trio.ClosedResourceError) as error:
            raise Gone from error

    async def read(self, size: int) -> bytes:
        while len(self._ahead) < size:
            try:
                chunk = await self.socket.receive_some()
            except (trio.BrokenResourceError, trio.ClosedResourceError) as error:
                raise Gone from error
            if not chunk:
                raise Gone
            self._ahead += chunk
        found = bytes(self._ahead[:size])
        del self._ahead[:size]
        return found

    async def ended(self) -> None:
        """Returns when the other side closes or resets; what it says until then is ignored."""
        try:
            while True:
                await self.read(1)
        except Gone:
            return


@asynccontextmanager
async def line_to(address: str) -> AsyncIterator[Line]:
    host, port = parse_address(address)
    async with await trio.open_tcp_stream(host, port) as socket:
        yield Line(socket)


class Sealed:
    """Noise messages on a line whose handshake is done."""

    def __init__(self, line: Line, noise: NoiseConnection) -> None:
        self.line, self._noise = line, noise
        self._ahead = bytearray()

    def seal(self, data: bytes) -> bytes:
        """What travels for this plain text: messages as full as they may be."""
        pieces = []
        for start in range(0, max(len(data), 1), NOISE_BYTES_MAX):
            sealed = self._noise.encrypt(data[start : start + NOISE_BYTES_MAX])
            pieces += [len(sealed).to_bytes(2), sealed]
        return b"".join(pieces)

    async def send(self, data: bytes) -> None:
        await self.line.send(self.seal(data))

    async def read(self, size: int) -> bytes:
        while len(self._ahead) < size:
            length = int.from_bytes(await self.line.read(2))
            self._ahead += self._noise.decrypt(await self.line.read(length))
        found = bytes(self._ahead[:size])
        del self._ahead[:size]
        return found


def varint(number: int) -> bytes:
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def field(number: int, value: bytes | str | int) -> bytes:
    """A field of a protobuf message."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    data = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(data)) + data


def spoken(*words: str) -> bytes:
    """Lines of multistream."""
    return b"".join(varint(len(word) + 1) + word.encode() + b"\n" for word in words)


async def _hear(stream: Line | Sealed) -> str:
    length, shift = 0, 0
    while True:
        byte = (await stream.read(1))[0]
        length |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return (await stream.read(length)).decode().removesuffix("\n")


async def negotiated(stream: Line | Sealed, protocol: str) -> None:
    """Agree on a protocol as an honest dialler does."""
    await stream.send(spoken(MULTISTREAM, protocol))
    for expected in (MULTISTREAM, protocol):
        heard = await _hear(stream)
        assert heard == expected, heard


def identity(kind: int, public: bytes) -> bytes:
    """A public key in libp2p's protobuf."""
    return field(1, kind) + field(2, public)


def noise_of(private: bytes) -> NoiseConnection:
    noise = NoiseConnection.from_name(b"Noise_XX_25519_ChaChaPoly_SHA256")
    noise.set_keypair_from_private_bytes(Keypair.STATIC, private)
    noise.set_as_initiator()
    noise.start_handshake()
    return noise


def signed_payload(seed: bytes, static: bytes, *, claims: bytes | None = None) -> bytes:
    """The third message's payload: who we are (or claim to be), signed with the key of `seed`."""
    pair = create_new_key_pair(seed)
    public = claims if claims is not None else pair.public_key.to_bytes()
    signature = pair.private_key.sign(b"noise-libp2p-static-key:" + static)
    return field(1, identity(ED25519, public)) + field(2, signature)


def static_of(noise: NoiseConnection) -> bytes:
    public = noise.noise_protocol.keypairs["s"].public_bytes
    assert isinstance(public, bytes)
    return public


async def greeted(line: Line) -> NoiseConnection:
    """Noise as far as the third message, which is the dialler's to send."""
    await negotiated(line, NOISE)
    noise = noise_of(bytes(range(1, 33)))
    first = noise.write_message()
    await line.send(len(first).to_bytes(2) + first)
    answer = await line.read(int.from_bytes(await line.read(2)))
    noise.read_message(answer)
    return noise


async def introduced(line: Line, noise: NoiseConnection, payload: bytes) -> Sealed:
    """The third message, whatever it says of us."""
    third = noise.write_message(payload)
    await line.send(len(third).to_bytes(2) + third)
    return Sealed(line, noise)


async def secured(line: Line, seed: bytes) -> Sealed:
    """The whole handshake, honestly."""
    noise = await greeted(line)
    return await introduced(line, noise, signed_payload(seed, static_of(noise)))


def frame(
    kind: int, flags: int = 0, stream: int = 0, length: int | None = None, data: bytes = b""
) -> bytes:
    """A frame of yamux, with the length of its data unless another one is announced."""
    announced = len(data) if length is None else length
    return struct.pack("!BBHII", 0, kind, flags, stream, announced) + data


class Mux:
    """yamux by hand: what comes is sorted by stream, what goes is the caller's."""

    def __init__(self, sealed: Sealed) -> None:
        self.sealed = sealed
        self.frames: list[tuple[int, int, int, int]] = []
        """Kind, flags, stream and length of what came and is no data."""
        self.data: dict[int, bytearray] = {}
        self.gone = trio.Event()
        self._news = trio.Event()
        self._next = 1

    async def send(self, *frames: bytes) -> None:
        await self.sealed.send(b"".join(frames))

    async def listen(self) -> None:
        """Take in whatever comes, until the other side is gone."""
        try:
            while True:
                head = await self.sealed.read(12)
                _, kind, flags, stream, length = struct.unpack("!BBHII", head)
                if kind == DATA:
                    self.data.setdefault(stream, bytearray()).extend(await self.sealed.read(length))
                else:
                    self.frames.append((kind, flags, stream, length))
                self._news.set()
                self._news = trio.Event()
        except Gone:
            self.gone.set()
            self._news.set()

    async def heard(self, stream: int, size: int) -> bytes:
        """So much of what came on a stream."""
        while len(self.data.get(stream, b"")) < size:
            if self.gone.is_set():
                raise Gone
            await self._news.wait()
        held = self.data[stream]
        found = bytes(held[:size])
        del held[:size]
        return found

    async def saw(self, kind: int, flags: int, stream: int) -> None:
        """Until such a frame has come."""
        while not any(seen[:3] == (kind, flags, stream) for seen in self.frames):
            if self.gone.is_set():
                raise Gone
            await self._news.wait()

    async def oblige(self) -> None:
        """Agree to every protocol for which the other side opens a stream, for ever."""
        agreed: set[int] = set()
        while True:
            for _, flags, stream, _ in self.frames:
                if flags & SYN and stream and stream not in agreed:
                    agreed.add(stream)
                    greeting = await self.heard(stream, len(spoken(MULTISTREAM)))
                    await self.send(
                        frame(WINDOW, ACK, stream), frame(DATA, 0, stream, data=greeting)
                    )
                    size = await self.heard(stream, 1)
                    line = await self.heard(stream, size[0])
                    await self.send(frame(DATA, 0, stream, data=size + line))
            await self._news.wait()

    def opening(self, *words: str) -> tuple[int, bytes]:
        """A stream's number, and the frames that open it and say these words of multistream."""
        stream, self._next = self._next, self._next + 2
        said = spoken(*words)
        return stream, frame(WINDOW, SYN, stream) + (frame(DATA, 0, stream, data=said))

    async def open(self, protocol: str) -> int:
        """A stream on which this protocol is agreed."""
        stream, frames = self.opening(MULTISTREAM, protocol)
        await self.send(frames)
        expected = spoken(MULTISTREAM, protocol)
        answer = await self.heard(stream, len(expected))
        assert answer == expected, answer
        return stream


@asynccontextmanager
async def muxed(address: str, seed: bytes) -> AsyncIterator[Mux]:
    """An authenticated connection, up to the frames of yamux."""
    async with line_to(address) as line:
        sealed = await secured(line, seed)
        await negotiated(sealed, YAMUX)
        mux = Mux(sealed)
        async with trio.open_nursery() as tasks:
            tasks.start_soon(mux.listen)
            yield mux
            tasks.cancel_scope.cancel()


# --- gossipsub --------------------------------------------------------------------------------


def rpc(message: bytes) -> bytes:
    """An RPC as it travels."""
    return varint(len(message)) + message


def subscription(topic: str = TOPIC) -> bytes:
    return field(1, field(1, 1) + field(2, topic))


def publication(data: bytes, topic: str = TOPIC) -> bytes:
    return field(2, field(2, data) + field(4, topic))


def control(*entries: bytes) -> bytes:
    return field(3, b"".join(entries))
