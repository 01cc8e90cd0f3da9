"""Catching up: ranges of certified blocks, from several peers at once (R22, R69, R70)."""

from __future__ import annotations

import functools
from collections.abc import Awaitable, Callable
from typing import ParamSpec

import pytest
import trio
import trio.testing
from hypothesis import given, settings
from hypothesis import strategies as st

from kit.catching import (
    SPOILT,
    Babbling,
    Boaster,
    Contradicting,
    Newcomer,
    Peer,
    Refusing,
    Silent,
    Spoiling,
    Stalling,
    chain,
)
from node.catchup_check import Proven
from node.catchup_plan import PATIENCE_S
from p2p.peers import PeerId
from primitives import limits

P = ParamSpec("P")
TIP = 60


def in_virtual_time(test: Callable[P, Awaitable[None]]) -> Callable[P, None]:
    """Run an async test on a clock that jumps whenever everybody waits."""

    @functools.wraps(test)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        clock = trio.testing.MockClock(autojump_threshold=0)
        trio.run(functools.partial(test, *args, **kwargs), clock=clock)

    return run


@in_virtual_time
async def test_a_node_far_behind_asks_several_peers_at_once() -> None:
    """Across the change of validators: each of three brings a share, and nothing comes twice."""
    newcomer = Newcomer({name: Peer() for name in ("validator a", "validator b", "validator c")})

    await newcomer.catch_up(within_s=5)

    asked = {name for name, _ in newcomer.questions}
    heights = sorted(
        height
        for _, one in newcomer.questions
        for height in range(one.height, min(one.height + one.count, newcomer.tip + 1))
    )
    assert newcomer.height == newcomer.tip + 1
    assert asked == set(newcomer.peers)
    assert heights == list(range(1, newcomer.tip + 1))
    assert newcomer.lies == []


@pytest.mark.parametrize("spoil", SPOILT)
@in_virtual_time
async def test_a_liar_is_caught_once_and_never_asked_again(spoil: object) -> None:
    """With what it sent, for the log; the others bring the blocks."""
    assert callable(spoil)
    newcomer = Newcomer({"liar": Spoiling(spoil), "honest": Peer(delay_s=0.5)})

    await newcomer.catch_up(within_s=20)

    assert [lie.link for lie in newcomer.lies] == ["liar"]
    assert len(newcomer.lies[0].sent) == 64
    assert newcomer.after_the_lie == []


@pytest.mark.parametrize("liar", [Contradicting(), Babbling()])
@in_virtual_time
async def test_an_answer_that_contradicts_itself_or_is_none_is_a_lie(liar: Peer) -> None:
    """What it announced and what it sent stand in the same answer."""
    newcomer = Newcomer({"liar": liar, "honest": Peer(delay_s=0.5)})

    await newcomer.catch_up(within_s=20)

    assert [lie.link for lie in newcomer.lies] == ["liar"]
    assert newcomer.after_the_lie == []


@in_virtual_time
async def test_a_claim_without_blocks_holds_nobody_up() -> None:
    """Who has nothing of what it promised is asked once, and believed no more; no lie is proved."""
    newcomer = Newcomer({"boaster": Boaster(), "honest": Peer()})
    newcomer.height = 100
    newcomer.peers["boaster"].lags = 100

    await newcomer.catch_up(within_s=5)

    assert [name for name, _ in newcomer.questions].count("boaster") == 1
    assert sorted(event for event, _ in newcomer.said) == [
        "catchup.began",
        "catchup.disbelieved",
        "catchup.level",
    ]
    assert newcomer.lies == []
    assert newcomer.catchup.behind == 0


@in_virtual_time
async def test_a_silent_peer_costs_patience_once() -> None:
    """What it was asked is asked of another, and while it is silent it is asked nothing else."""
    newcomer = Newcomer({"silent": Silent(), "honest": Peer()})

    took_s = await newcomer.catch_up(within_s=200)

    assert took_s < 2 * PATIENCE_S
    assert [name for name, _ in newcomer.questions].count("silent") == 1
    assert newcomer.lies == []


@pytest.mark.parametrize("other", [Stalling, Refusing])
@in_virtual_time
async def test_who_stalls_or_refuses_is_overtaken(other: type[Peer]) -> None:
    """Half-way, or from the beginning."""
    newcomer = Newcomer({"a": other(), "b": other(), "honest": Peer()})

    took_s = await newcomer.catch_up(within_s=30)

    assert took_s < 4 * PATIENCE_S
    assert newcomer.lies == []


@in_virtual_time
async def test_silent_peers_that_take_every_place_do_not_stop_it() -> None:
    """Places are kept for asking somebody else for what everything waits for."""
    silent: dict[str, Peer] = {f"silent {number}": Silent() for number in range(8)}
    newcomer = Newcomer({**silent, "honest": Peer()})

    took_s = await newcomer.catch_up(within_s=120)

    assert took_s < 60
    assert newcomer.outcomes["answered"] >= 1


@in_virtual_time
async def test_peers_may_leave_on_the_way() -> None:
    """Whoever stays brings the rest."""
    peers = {f"leaver {number}": Peer(leaves_after=number) for number in range(3)}
    newcomer = Newcomer({**peers, "honest": Peer()})

    await newcomer.catch_up(within_s=10)

    assert newcomer.lies == []


@in_virtual_time
async def test_a_link_that_goes_down_frees_what_it_was_asked() -> None:
    """At once, without waiting for a deadline."""
    newcomer = Newcomer({"silent": Silent()})
    with trio.fail_after(5):
        async with trio.open_nursery() as tasks:
            tasks.start_soon(newcomer.catchup.run)
            newcomer.hear("silent")
            await trio.testing.wait_all_tasks_blocked()
            newcomer.peers["honest"] = Peer()
            newcomer.hear("honest")
            newcomer.catchup.forget(PeerId("silent"))
            await newcomer.level.wait()
            tasks.cancel_scope.cancel()

    assert trio.current_time() < PATIENCE_S


@in_virtual_time
async def test_without_a_link_it_is_not_level() -> None:
    """What was said before counts on for what it tells; it goes on with whoever comes back."""
    names = [f"validator {letter}" for letter in "abc"]
    newcomer = Newcomer({name: Peer(delay_s=1, most=8) for name in names})

    async with trio.open_nursery() as tasks:
        tasks.start_soon(newcomer.catchup.run)
        for name in names:
            newcomer.hear(name)
        await trio.sleep(3.5)
        for name in names:
            newcomer.catchup.forget(PeerId(name))
        await trio.sleep(5)
        lost = newcomer.catchup.sync
        for name in names:
            newcomer.hear(name)
        await newcomer.level.wait()
        await trio.testing.wait_all_tasks_blocked()
        tasks.cancel_scope.cancel()

    assert lost is not None
    assert (lost.target, lost.peers) == (newcomer.tip, 0)
    events = [event for event, _ in newcomer.said]
    assert events[0] == "catchup.began"
    assert events.count("catchup.began") == events.count("catchup.level") == 1


class Overtaken(Newcomer):
    """While its last block is decided the others decide one more."""

    def follow(self, proven: Proven) -> None:
        super().follow(proven)
        if self.level.is_set() and self.tip == TIP:
            self.tip += 1
            for name in self.peers:
                self.hear(name)


@in_virtual_time
async def test_it_is_level_as_soon_as_the_last_block_comes_by_itself() -> None:
    """One block away it asks nobody for ranges; gossip or a Status brings that one (R29)."""
    newcomer = Overtaken({f"validator {letter}": Peer() for letter in "abc"}, tip=TIP)

    async with trio.open_nursery() as tasks:
        tasks.start_soon(newcomer.catchup.run)
        for name in newcomer.peers:
            newcomer.hear(name)
        await newcomer.level.wait()
        await trio.testing.wait_all_tasks_blocked()
        before = [event for event, _ in newcomer.said]
        newcomer.height += 1
        newcomer.catchup.decided()
        await trio.testing.wait_all_tasks_blocked()
        tasks.cancel_scope.cancel()

    assert before == ["catchup.began"]
    assert [event for event, _ in newcomer.said] == ["catchup.began", "catchup.level"]


@in_virtual_time
async def test_the_chain_may_grow_meanwhile() -> None:
    """Each answer says how far its peer is by now, so nobody need say it again."""
    newcomer = Newcomer({"a": Peer(), "b": Peer(delay_s=0.3)}, tip=60)

    async def grow() -> None:
        for tip in range(61, chain().tip + 1):
            newcomer.tip = tip
            await trio.sleep(0.01)

    async with trio.open_nursery() as tasks:
        tasks.start_soon(grow)
        await newcomer.catch_up(within_s=10)
        tasks.cancel_scope.cancel()

    assert newcomer.height > 61


@in_virtual_time
async def test_a_gap_of_one_block_asks_nobody() -> None:
    """Status and Decided close it (R29)."""
    newcomer = Newcomer({"honest": Peer()})
    newcomer.height = newcomer.tip

    await newcomer.catch_up(within_s=10)

    assert newcomer.questions == []
    assert newcomer.catchup.sync is None


@in_virtual_time
async def test_a_peer_that_keeps_less_is_asked_where_it_can_help() -> None:
    """Another brings what it lacks; its newer blocks come from it meanwhile, and it is no fault."""
    newcomer = Newcomer({"pruned": Peer(kept_from=100), "whole": Peer(delay_s=0.2)})

    await newcomer.catch_up(within_s=10)

    helped = [one.height for name, one in newcomer.questions if name == "pruned"]
    assert helped[0] < 100 <= min(helped[1:])
    assert newcomer.lies == []


@in_virtual_time
async def test_a_block_that_nobody_has_is_said_once() -> None:
    """However often the others say that they are ahead; each is asked once."""
    newcomer = Newcomer({"a": Peer(kept_from=7), "b": Peer(kept_from=5)})

    with trio.move_on_after(20):
        async with trio.open_nursery() as tasks:
            tasks.start_soon(newcomer.catchup.run)
            for _ in range(5):
                newcomer.hear("a")
                newcomer.hear("b")
                await trio.sleep(1)

    lost = [facts for event, facts in newcomer.said if event == "chain.out_of_reach"]
    assert [facts["kept_from"] for facts in lost] == [5]
    assert all(one.height == 1 or one.height >= 5 for _, one in newcomer.questions)
    assert newcomer.lies == []


@in_virtual_time
async def test_a_peer_that_is_linked_anew_is_asked_anew() -> None:
    """Its operator may have fetched the whole chain, or put it right."""
    newcomer = Newcomer({"peer": Contradicting()})

    async with trio.open_nursery() as tasks:
        tasks.start_soon(newcomer.catchup.run)
        newcomer.hear("peer")
        await trio.sleep(1)
        assert [lie.link for lie in newcomer.lies] == ["peer"]
        newcomer.peers["peer"] = Peer()
        newcomer.hear("peer")
        await trio.sleep(60)
        assert len(newcomer.questions) == 1
        newcomer.catchup.forget(PeerId("peer"))
        newcomer.hear("peer")
        await newcomer.level.wait()
        tasks.cancel_scope.cancel()


@in_virtual_time
async def test_it_tells_how_far_it_is() -> None:
    """A target that more than f validators stand for, and the speed of the last seconds."""
    names = [f"validator {letter}" for letter in "abc"]
    newcomer = Newcomer({"liar": Silent(), **{name: Peer(delay_s=1, most=8) for name in names}})
    newcomer.peers["validator a"] = Boaster()

    async with trio.open_nursery() as tasks:
        tasks.start_soon(newcomer.catchup.run)
        for name in newcomer.peers:
            newcomer.hear(name)
        await trio.sleep(3.5)
        sync = newcomer.catchup.sync
        tasks.cancel_scope.cancel()

    assert sync is not None
    assert (sync.from_height, sync.target) == (0, newcomer.tip)
    assert sync.height == newcomer.height - 1
    assert 1 < sync.blocks_per_s < 100


# --- the law --------------------------------------------------------------------------------------

HONEST = st.builds(
    Peer,
    delay_s=st.floats(0.01, 4),
    kept_from=st.integers(1, 150),
    lags=st.integers(0, 30),
    leaves_after=st.none() | st.integers(0, 4),
    most=st.sampled_from([1, 3, limits.RANGE_BLOCKS_MAX]),
)
OTHERS = st.one_of(
    st.builds(Silent),
    st.builds(Stalling),
    st.builds(Refusing),
    st.builds(Boaster),
    st.builds(Contradicting),
    st.builds(Babbling),
    st.builds(Spoiling, st.sampled_from(SPOILT)),
)


@settings(max_examples=40, deadline=None)
@given(
    helpers=st.lists(HONEST, max_size=4),
    others=st.lists(OTHERS, max_size=5),
    delay_s=st.floats(0.01, 3),
    height=st.integers(1, 120),
    tip=st.integers(130, 157),
)
def test_among_any_peers_it_comes_level(
    helpers: list[Peer], others: list[Peer], delay_s: float, height: int, tip: int
) -> None:
    """If one honest peer has everything; no honest one is ever blamed, memory stays bounded."""
    named = {f"validator {at}": one for at, one in enumerate([*helpers, *others])}

    async def run() -> None:
        newcomer = Newcomer({**named, "whole": Peer(delay_s=delay_s)}, height=height, tip=tip)
        await newcomer.catch_up(within_s=600)

        assert newcomer.height == tip + 1
        assert [lie.link for lie in newcomer.lies if newcomer.peers[lie.link].honest] == []
        assert newcomer.after_the_lie == []
        assert newcomer.bytes_most <= limits.CATCHUP_BYTES_AHEAD
        assert newcomer.outcomes["lied"] <= len(others)

    trio.run(run, clock=trio.testing.MockClock(autojump_threshold=0))
