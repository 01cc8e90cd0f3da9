"""An observer that the chain admits, and that does its worst: all floods at once, for ever.

    PYTHONPATH=.:tests python -m kit.hostile_observer [--only KIND] NODE_FOLDER

It takes the place of the node in the folder, whose identity it has, and attacks every node that the
folder's bootstrap list names. On standard error it says each second what it got through.
"""

from __future__ import annotations

import http.client
import json
import os
import sys
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

import trio

from consensus.messages import Prepare, Status
from kit.hostile import (
    ACK,
    DATA,
    GOSSIP,
    PING,
    RST,
    SYN,
    WINDOW,
    Gone,
    Mux,
    control,
    field,
    frame,
    muxed,
    publication,
    rpc,
    subscription,
)
from node import questions, wire
from node.folder import LoadedNode, load_node
from p2p.gossip import topic_of
from p2p.peers import parse_address
from primitives.ids import BlockId, Height, Seat, Signature, TransactionHash, View

PIECE: Final = 60_000
API_PORT_ABOVE: Final = 1_000
"""The kit's networks serve their API so far above the port of their links."""


class Target:
    """One node under attack, and what the attacks upon it share."""

    def __init__(self, loaded: LoadedNode, address: str) -> None:
        self.address = address
        self.chain = loaded.genesis.chain
        self.seed = loaded.node_key.seed
        self.height = 1
        self.done = Counter[str]()

    @property
    def link(self) -> str:
        return f"/mithaq/link/1/{self.chain.hex()[:16]}"

    @property
    def request(self) -> str:
        return f"/mithaq/request/1/{self.chain.hex()[:16]}"

    async def watch_height(self) -> None:
        """What its API says, so that votes are for the height at hand."""
        host, port = parse_address(self.address)

        def ask() -> int:
            api = http.client.HTTPConnection(host, port + API_PORT_ABOVE, timeout=2)
            api.request("GET", "/v1/status")
            return int(json.loads(api.getresponse().read())["height"])

        while True:
            with suppress(OSError, ValueError, KeyError, http.client.HTTPException):
                self.height = 1 + await trio.to_thread.run_sync(ask)
            await trio.sleep(0.2)


async def say(mux: Mux, stream: int, data: bytes) -> None:
    for start in range(0, len(data), PIECE):
        await mux.send(frame(DATA, 0, stream, data=data[start : start + PIECE]))


async def credited(mux: Mux, stream: int, sent: int) -> None:
    """Wait for credit, as whoever wants to flood a stream must: 256 KiB, and what was granted."""
    while True:
        granted = sum(more for kind, _, number, more in mux.frames if (kind, number) == (1, stream))
        if sent <= 256 * 1024 + granted:
            return
        if mux.gone.is_set():
            raise Gone
        await trio.sleep(0.01)


def _framed(*messages: wire.Wire) -> bytes:
    payloads = [wire.write(message) for message in messages]
    return b"".join(len(payload).to_bytes(4) + payload for payload in payloads)


def forged_vote(target: Target) -> bytes:
    """Of a validator, for the height at hand, with a signature that is none."""
    height, block = Height(target.height), BlockId(os.urandom(32))
    vote = Prepare(height, View(0), block, Seat(0), Signature(os.urandom(64)))
    return _framed(vote) * 200


def lie_about_height(target: Target) -> bytes:
    """A million blocks ahead."""
    ahead = Height(target.height + 1_000_000)
    status = Status(ahead, View(0), View(-1), False, b"", b"", (), None, False)  # noqa: FBT003 - its order
    return _framed(status) * 200


def _names(count: int) -> tuple[TransactionHash, ...]:
    return tuple(TransactionHash(os.urandom(32)) for _ in range(count))


def offers(_target: Target) -> bytes:
    """Names of transactions that nobody has."""
    return _framed(wire.Offer(_names(1_000)))


def transactions(_target: Target) -> bytes:
    """Bytes that are none."""
    return _framed(wire.Transactions(tuple(os.urandom(300) for _ in range(200))))


def fetches(_target: Target) -> bytes:
    """Bodies that nobody has, and transactions likewise."""
    return _framed(
        *[wire.Fetch(BlockId(os.urandom(32))) for _ in range(100)], wire.Want(_names(500))
    )


def tiny_frames(_target: Target) -> bytes:
    """Payloads of one byte."""
    return b"\0\0\0\1x" * 2_000


def keep_alives(_target: Target) -> bytes:
    """Which are answered."""
    return bytes(4) * 5_000


ON_A_LINK: Final[dict[str, Callable[[Target], bytes]]] = {
    made.__name__: made
    for made in (
        forged_vote,
        lie_about_height,
        offers,
        transactions,
        fetches,
        tiny_frames,
        keep_alives,
    )
}


async def flood_link(target: Target, mux: Mux, kind: str) -> None:
    """One kind of payload on a link's stream, as fast as credit comes."""
    stream, sent = await mux.open(target.link), 0
    while True:
        data = ON_A_LINK[kind](target)
        sent += len(data)
        await credited(mux, stream, sent)
        await say(mux, stream, data)
        target.done[kind] += 1


async def flood_gossip(target: Target, mux: Mux) -> None:
    """Payloads that are no blocks, and control messages."""
    topic = topic_of(target.chain)
    stream, sent = await mux.open(GOSSIP), 0
    await say(mux, stream, rpc(subscription(topic)))
    while True:
        junk = b"".join(publication(os.urandom(1_000), topic) for _ in range(50))
        grafts = control(*[field(3, field(1, topic)) for _ in range(50)])
        names = control(field(1, field(1, topic) + field(2, os.urandom(32)) * 50))
        data = rpc(junk) + rpc(grafts) + rpc(names)
        sent += len(data)
        await credited(mux, stream, sent)
        await say(mux, stream, data)
        target.done["gossip"] += 1


async def flood_requests(target: Target, mux: Mux) -> None:
    """Questions with long answers, given up as soon as they are asked."""
    question = questions.write(questions.Range(Height(1), 256))
    while True:
        stream = await mux.open(target.request)
        data = len(question).to_bytes(4) + question
        await mux.send(frame(DATA, 0, stream, data=data))
        with suppress(trio.TooSlowError), trio.fail_after(0.5):
            await mux.heard(stream, 4)
        await mux.send(frame(WINDOW, RST, stream))
        mux.data.pop(stream, None)
        target.done["requests"] += 1


async def flood_frames(target: Target, mux: Mux) -> None:
    """Pings, credit for no stream, streams opened and reset."""
    number = 100_001
    while True:
        pairs = b"".join(frame(WINDOW, SYN | RST, number + 2 * each) for each in range(20))
        number += 40
        await mux.send((frame(PING, SYN) + frame(WINDOW, ACK, 9, 1)) * 500 + pairs)
        target.done["frames"] += 1


async def come_and_go(_target: Target, _mux: Mux) -> None:
    """A connection, and its end."""


OTHERS: Final = {
    "gossip": flood_gossip,
    "requests": flood_requests,
    "frames": flood_frames,
    "connections": come_and_go,
}


async def again(target: Target, kind: str) -> None:
    """One kind of attack upon one node, for ever: whenever it is shut out, it comes back."""
    while True:
        with suppress(Gone, OSError, ExceptionGroup):
            await _visit(target, kind)
        target.done["comings"] += 1
        await trio.sleep(0.05)


async def _visit(target: Target, kind: str) -> None:
    async with muxed(target.address, target.seed) as mux, trio.open_nursery() as tasks:
        tasks.start_soon(mux.oblige)
        await _attack(target, mux, kind)
        tasks.cancel_scope.cancel()


async def _attack(target: Target, mux: Mux, kind: str) -> None:
    if kind in ON_A_LINK:
        await flood_link(target, mux, kind)
    else:
        await OTHERS[kind](target, mux)


async def main(folder: Path, only: str | None) -> None:
    """All kinds upon all nodes."""
    loaded = load_node(folder)
    targets = [Target(loaded, one.address) for one in loaded.bootstrap]
    kinds = [only] if only is not None else [*ON_A_LINK, *OTHERS]
    async with trio.open_nursery() as attacks:
        for target in targets:
            attacks.start_soon(target.watch_height)
            for kind in kinds:
                attacks.start_soon(again, target, kind)
        while True:
            await trio.sleep(1)
            done = sum((target.done for target in targets), Counter[str]())
            sys.stderr.write(json.dumps(done) + "\n")


if __name__ == "__main__":
    *options, place = sys.argv[1:]
    chosen = options[1] if options else None
    trio.run(main, Path(place), chosen)
