"""How patient a newcomer is, and what it takes for an answer."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import trio
from msgspec.structs import replace
from trio.testing import MockClock

from kit.joining import Heard
from kit.nets import in_trio
from node.joining_choice import Pin
from node.joining_offers import WRITTEN_S, Chooser
from node.joining_peers import Circle
from node.snapshot_questions import Held, Offers, Writing
from p2p.faults import PeerUnavailable
from p2p.inbox import LinkUp
from p2p.peers import PeerId
from primitives import limits
from primitives.codec import encode
from primitives.errors import Malformed, OperatorFault
from primitives.ids import ChainId, Height

ONE, TWO = PeerId("one"), PeerId("two")
FAR = Height(limits.JOIN_SHORT_HEIGHTS + 1)
OFFERS = Offers(Height(3), Height(1), None, ())


class Scripted:
    """Answers in turn; remembers how long it would have been waited for."""

    def __init__(self, *answers: bytes) -> None:
        self.answers, self.waited_s = list(answers), list[float]()

    async def request(self, peer: PeerId, question: bytes, *, timeout_s: float) -> bytes:
        assert question
        self.waited_s.append(timeout_s)
        if not self.answers:
            raise PeerUnavailable(f"{peer} is away")
        return self.answers.pop(0)


class Trial:
    """A circle of two whose links are up."""

    def __init__(self, *answers: bytes) -> None:
        self.network, self.ear = Scripted(*answers), Heard()
        self.penalised: list[PeerId] = []
        names = {ONE: "one", TWO: "two"}
        self.circle = Circle(
            self.network, names, self.ear, lambda peer, _: self.penalised.append(peer)
        )
        self.circle.linked |= {ONE, TWO}


@in_trio
async def test_what_is_offered_is_waited_for_shortly() -> None:
    """A peer that does not say is none of those who offer anything."""
    trial = Trial(encode(OFFERS))
    await trial.circle.ask_offers()

    assert list(trial.circle.offers.values()) == [OFFERS]
    assert trial.network.waited_s == [limits.JOIN_OFFER_S] * 2
    assert not trial.circle.has_heard_all
    assert trial.circle.present() == [ONE, TWO]


@in_trio
async def test_a_genesis_document_comes_in_pieces() -> None:
    """Each is waited for as long as the slowest line needs."""
    total = limits.JOIN_PIECE_BYTES + 2
    whole = bytes(limits.JOIN_PIECE_BYTES)
    trial = Trial(encode(Held(total, whole)), encode(Held(total, b"de")))

    assert await trial.circle.fetch_genesis(ONE) == whole + b"de"
    assert trial.network.waited_s == [limits.JOIN_PIECE_S] * 2


@pytest.mark.parametrize(
    "pieces",
    [
        (Held(5, b""),),
        (Held(5, b"abcdef"),),
        (Held(5, b"abc"),),
        (Held(limits.JOIN_PIECE_BYTES + 2, bytes(limits.JOIN_PIECE_BYTES - 1)),),
        (Held(limits.JOIN_PIECE_BYTES + 2, bytes(limits.JOIN_PIECE_BYTES)), Held(5, b"d")),
        (
            Held(limits.JOIN_PIECE_BYTES + 2, bytes(limits.JOIN_PIECE_BYTES)),
            Held(limits.JOIN_PIECE_BYTES, b""),
        ),
        (Held(limits.GENESIS_BYTES_MAX + 1, bytes(limits.JOIN_PIECE_BYTES)),),
    ],
)
def test_pieces_that_do_not_add_up_cost_the_peer_its_part(pieces: tuple[Held, ...]) -> None:
    """None, more or less than is left and fits, or of more than there may be."""

    @in_trio
    async def run() -> None:
        trial = Trial(*map(encode, pieces))
        with pytest.raises(Malformed, match="the genesis document"):
            await trial.circle.fetch_genesis(ONE)
        assert trial.penalised == [ONE]
        assert trial.circle.present() == [TWO]

    run()


@in_trio
async def test_when_everybody_was_dropped_nobody_is_waited_for() -> None:
    """The bundle is wrong, or its nodes are: a person must say which."""
    trial = Trial(b"nonsense", b"more of it")
    await trial.circle.ask_offers()

    assert sorted(trial.penalised) == [ONE, TWO]
    with pytest.raises(OperatorFault, match="ask for another one"):
        await trial.circle.gather()


@in_trio
async def test_others_have_a_moment_once_one_is_linked() -> None:
    """Then it goes on without them."""
    trial = Trial()
    trial.circle.linked.clear()

    async def come() -> None:
        async def events() -> AsyncIterator[LinkUp]:
            yield LinkUp(ONE)

        await trial.circle.listen(events())

    began = trio.current_time()
    async with trio.open_nursery() as tasks:
        tasks.start_soon(trial.circle.gather)
        tasks.start_soon(come)

    assert limits.JOIN_GRACE_S <= trio.current_time() - began < limits.JOIN_GRACE_S + 5


def test_a_peer_that_only_says_that_it_writes_is_not_waited_for_for_ever() -> None:
    """WRITTEN_S at the most, however it gets on; then the node fetches the blocks themselves."""

    class Boasting:
        """Says each time that it has written one entry more."""

        written = 0

        async def request(self, peer: PeerId, question: bytes, *, timeout_s: float) -> bytes:
            assert (peer, timeout_s) == (ONE, limits.JOIN_OFFER_S)
            assert question
            await trio.lowlevel.checkpoint()
            self.written += 1
            return encode(replace(OFFERS, height=FAR, writing=Writing(self.written, 2**40)))

    async def run() -> float:
        circle = Circle(Boasting(), {ONE: "one"}, Heard(), lambda _peer, _reason: None)
        circle.linked.add(ONE)
        began = trio.current_time()
        with trio.fail_after(2 * WRITTEN_S):
            assert await Chooser(circle, Pin(ChainId(bytes(32)), None)).choose() is None
        return trio.current_time() - began

    took_s = trio.run(run, clock=MockClock(autojump_threshold=0))
    assert WRITTEN_S <= took_s < WRITTEN_S + 10
