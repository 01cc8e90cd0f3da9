"""The production catch-up over real connections: honest peers, one liar, and what it costs it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import trio

from kit.catching import (
    Newcomer,
    Peer,
    Spoiling,
    chain,
    with_a_forged_body,
)
from kit.nets import id_of, in_trio, next_of, node, peer
from node import questions
from node.catchup import Catchup
from node.catchup_check import Lie
from node.questions import Range
from p2p.inbox import LinkDown, LinkUp
from p2p.peers import PeerId
from primitives import limits
from primitives.ids import Height
from services.table import TRANSACTION


def answering(manner: Peer) -> Callable[[PeerId, bytes], Awaitable[bytes]]:
    """Answers the questions of whoever asks."""

    async def answer(_peer: PeerId, data: bytes) -> bytes:
        asked = questions.read(data)
        assert isinstance(asked, Range)
        return await manner.answer(asked, chain().tip)

    return answer


@in_trio
async def test_a_liar_on_the_wire_loses_its_links_and_the_honest_ones_bring_the_chain() -> None:
    """With the reason in the link's status, for its operator and ours."""
    honest, liar = Peer(delay_s=0.05), Spoiling(with_a_forged_body)
    async with (
        node(1, peer(0), answer=answering(honest)) as one,
        node(2, peer(0), answer=answering(honest)) as other,
        node(3, peer(0), answer=answering(liar)) as traitor,
        node(
            0, *(peer(n, to.address) for n, to in ((1, one), (2, other), (3, traitor)))
        ) as network,
        trio.open_nursery() as tasks,
    ):
        for _ in range(3):
            await next_of(network.inbox, LinkUp)
        newcomer = Newcomer({})

        def penalise(lie: Lie) -> None:
            newcomer.lies.append(lie)
            network.penalise(PeerId(lie.link), str(lie.fault), points=limits.PENALTY_POINTS_MAX)

        newcomer.caught = penalise  # type: ignore[method-assign]  # what the shell does
        catchup = Catchup(network, newcomer, newcomer, chain=chain().id, kind=TRANSACTION)
        newcomer.catchup = catchup
        tasks.start_soon(catchup.run)
        catchup.promise(id_of(3), Height(chain().tip + 1))
        down = await next_of(network.inbox, LinkDown)
        catchup.forget(down.peer)
        for number in (1, 2):
            catchup.promise(id_of(number), Height(chain().tip + 1))
        await newcomer.level.wait()

        links = network.links()
        assert [lie.link for lie in newcomer.lies] == [id_of(3)]
        assert down.peer == id_of(3)
        assert links[id_of(3)].penalties[0].points == limits.PENALTY_POINTS_MAX
        assert "transactions have root" in links[id_of(3)].penalties[0].reason
        assert all(links[id_of(number)].penalties == () for number in (1, 2))
        tasks.cancel_scope.cancel()
