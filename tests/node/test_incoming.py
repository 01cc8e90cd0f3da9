"""Transactions from peers: copies cost a hash, a forgery its sender's message, others nothing."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
import trio

from kit.engines import Network, begun
from kit.ledger import pay
from kit.nets import in_trio
from ledger.transaction import CheckedTransaction
from node import wire
from node.incoming import PIECE, Incoming, in_pieces
from node.metrics import Metrics
from p2p.peers import PeerId
from primitives.errors import Rejected, RemoteFault
from services.table import TRANSACTION

LIAR, HONEST = PeerId("validator 1"), PeerId("validator 2")
Brought = list[tuple[PeerId, list[CheckedTransaction]]]


class Scene:
    """What peers sent is checked until all of it was taken or blamed."""

    def __init__(self) -> None:
        self.network = begun()
        self.engine = self.network.validators()[0].alive
        self.incoming = Incoming(self.engine, Metrics(), chain=self.network.chain, kind=TRANSACTION)
        self.taken: Brought = []
        self.blamed: list[PeerId] = []

    def some(self, count: int) -> list[CheckedTransaction]:
        return [
            self.network.transaction("treasury", pay("works", 1, f"{number}"))
            for number in range(count)
        ]

    def send(self, peer: PeerId, *data: bytes) -> None:
        assert self.incoming.put(peer, wire.Transactions(data))

    async def play(self) -> None:
        def take(peer: PeerId, checked: Sequence[CheckedTransaction]) -> None:
            self.taken.append((peer, list(checked)))
            self.engine.take(peer, checked, self.network.now_ms)

        async with trio.open_nursery() as tasks:

            def blame(peer: PeerId, _fault: RemoteFault) -> None:
                self.blamed.append(peer)

            tasks.start_soon(self.incoming.run, take, blame)
            self.send(
                PeerId("the last"), self.network.transaction("works", pay("health", 1, "z")).data
            )
            while not any(peer == "the last" for peer, _ in self.taken):
                await trio.lowlevel.checkpoint()
            tasks.cancel_scope.cancel()


def spoilt(tx: CheckedTransaction) -> bytes:
    return tx.data[:-1] + bytes([tx.data[-1] ^ 1])


@in_trio
async def test_what_is_here_already_is_not_checked_again() -> None:
    """And the peer is known to have it: our own push of it goes past that peer."""
    scene = Scene()
    one, two = scene.some(2)
    _, out = scene.engine.submit([one], scene.network.now_ms)
    scene.send(HONEST, one.data, two.data, two.data)

    await scene.play()

    assert scene.taken[0] == (HONEST, [two])
    told = {link for link, _ in scene.engine.relay.push(out.relay).messages}
    assert HONEST not in told


@in_trio
async def test_a_message_is_read_to_its_first_fault() -> None:
    """What came before it is taken, what comes after is not worth a check, and one is blamed."""
    scene = Scene()
    good, bad, late = scene.some(3)
    scene.send(LIAR, good.data, spoilt(bad), late.data, spoilt(late))
    scene.send(HONEST, late.data)

    await scene.play()

    assert scene.taken[:2] == [(LIAR, [good]), (HONEST, [late])]
    assert scene.blamed == [LIAR]


@in_trio
async def test_much_is_judged_in_pieces_with_the_loop_free_in_between() -> None:
    """From peers and from clients alike."""
    scene = Scene()
    many = scene.some(2 * PIECE + 1)
    scene.send(HONEST, *(tx.data for tx in many))

    await scene.play()

    sizes = [len(checked) for peer, checked in scene.taken if peer == HONEST]
    assert sizes == [PIECE, PIECE, 1]
    seen: list[int] = []

    def judge(piece: Sequence[CheckedTransaction]) -> list[Rejected | None]:
        seen.append(len(piece))
        return [None] * len(piece)

    assert await in_pieces(many, judge) == [None] * len(many)
    assert seen == sizes


@pytest.mark.parametrize("votes", [True, False])
def test_what_a_peer_brings_waits_under_its_name(*, votes: bool) -> None:
    """A validator's share, or that of the nodes without a vote."""
    network: Network = begun(observers=1)
    node = network.validators()[0]
    link = "validator 1" if votes else "observer 0"
    tx = network.transaction("treasury", pay("works", 1, "x"))

    node.alive.take(link, [tx], network.now_ms)

    (held,) = node.alive.mempool.held
    assert held.source is not None
    assert (held.source.link, held.source.votes, held.since_ms) == (link, votes, network.now_ms)


def test_what_a_client_hands_over_again_is_not_checked_again() -> None:
    """Clients do so when a network is slow, which is when a check costs most."""
    scene = Scene()
    [tx, other] = scene.some(2)
    scene.engine.submit([tx], scene.network.now_ms)

    async def ask() -> None:
        first, second = await scene.incoming.checked([tx.data, other.data])
        assert first is scene.engine.mempool.find(tx.hash)
        assert second == other

    in_trio(ask)
    assert scene.engine.submit([tx], scene.network.now_ms)[0] == [None]
    assert len(scene.engine.mempool) == 1
