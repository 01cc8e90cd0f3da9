"""Points, pauses and what an operator sees of them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from kit.nets import EAGER, id_of, in_own_time, next_of, node, payloads, peer, until, village
from p2p.conduct import Conduct, Penalty
from p2p.frames import Lane
from p2p.inbox import LinkDown, LinkUp
from p2p.peers import Peer
from primitives import limits

FULL = limits.PENALTY_POINTS_MAX
FIRST_S = 5.0


def penalise(conduct: Conduct, now: float, points: int, longest_s: float = 600.0) -> float:
    return conduct.penalise(now, Penalty(now, "a fault", points), longest_s=longest_s)


def test_a_peer_is_paused_at_the_points_and_not_one_below() -> None:
    """PENALTY_POINTS_MAX − 1 are a warning."""
    conduct = Conduct(pause_first_s=FIRST_S)

    assert penalise(conduct, 10.0, FULL - 1) == 0.0
    assert (conduct.points(10.0), conduct.paused_s(10.0)) == (FULL - 1, 0.0)
    assert penalise(conduct, 10.0, 1) == FIRST_S
    assert (conduct.points(10.0), conduct.paused_s(12.0)) == (0, 3.0)
    assert conduct.paused_s(15.0) == 0.0


def test_points_halve_with_time() -> None:
    """Half are left after the half-life: the same fault each minute never pauses."""
    conduct = Conduct(pause_first_s=FIRST_S)
    penalise(conduct, 0.0, FULL - 1)
    assert conduct.points(limits.PENALTY_HALF_LIFE_S) == (FULL - 1) / 2

    slow = Conduct(pause_first_s=FIRST_S)
    pauses = [penalise(slow, minute * 60.0, FULL // 2 - 1) for minute in range(1_000)]
    assert set(pauses) == {0.0}
    assert slow.count == 1_000


@pytest.mark.parametrize("longest_s", [limits.PAUSE_S_MAX, limits.PAUSE_VOTER_S_MAX])
def test_pauses_double_to_their_longest(longest_s: float) -> None:
    """5 s, 10 s, 20 s … and never more; a validator's end sooner."""
    conduct, now, pauses = Conduct(pause_first_s=FIRST_S), 0.0, []
    for _ in range(12):
        pauses.append(penalise(conduct, now, FULL, longest_s))
        now += pauses[-1]

    assert pauses == [min(FIRST_S * 2**number, longest_s) for number in range(12)]


def test_a_quiet_time_forgets_one_doubling() -> None:
    """Half an hour after each pause, the next is no longer than the one before."""
    conduct = Conduct(pause_first_s=FIRST_S)
    assert [penalise(conduct, now, FULL) for now in (0.0, 5.0, 15.0)] == [5.0, 10.0, 20.0]
    now = 35.0 + limits.PAUSE_FORGOTTEN_S

    assert penalise(conduct, now, FULL) == 20.0
    assert penalise(conduct, now + 20.0 + 100 * limits.PAUSE_FORGOTTEN_S, FULL) == FIRST_S


def test_what_is_heard_late_does_not_lengthen_a_pause() -> None:
    """A flood that is still in the inbox when its sender is paused is one offence."""
    conduct = Conduct(pause_first_s=FIRST_S)
    penalise(conduct, 0.0, FULL)

    assert [penalise(conduct, 1.0, FULL) for _ in range(50)] == [0.0] * 50
    assert conduct.paused_s(1.0) == 4.0
    assert penalise(conduct, 5.0, FULL) == 2 * FIRST_S


def test_the_latest_penalties_are_shown_and_all_are_counted() -> None:
    """PENALTIES_SHOWN of them, newest first."""
    conduct = Conduct(pause_first_s=FIRST_S)
    for number in range(limits.PENALTIES_SHOWN + 1):
        conduct.penalise(0.0, Penalty(0.0, f"fault {number}", 1), longest_s=60.0)

    assert len(conduct.latest) == limits.PENALTIES_SHOWN
    assert conduct.latest[0].reason == f"fault {limits.PENALTIES_SHOWN}"
    assert conduct.latest[-1].reason == "fault 1"
    assert conduct.count == limits.PENALTIES_SHOWN + 1


@in_own_time
async def test_a_penalised_peer_is_paused_and_comes_back() -> None:
    """Below the points it only shows; at them its connections end, for the pause."""
    async with village(2) as (ours, theirs):
        ours.penalise(theirs.id, "a signature is wrong", points=FULL // 2)
        status = ours.links()[theirs.id]
        assert (status.connected, status.paused_s, status.points) == (True, 0.0, FULL // 2)
        assert [penalty.reason for penalty in status.penalties] == ["a signature is wrong"]

        ours.penalise(theirs.id, "it lied", points=FULL)

        status = ours.links()[theirs.id]
        assert 0.0 < status.paused_s <= EAGER.pause_s
        assert [penalty.reason for penalty in status.penalties] == [
            "it lied",
            "a signature is wrong",
        ]
        assert await next_of(ours.inbox, LinkDown) == LinkDown(theirs.id, "it lied")
        assert (await next_of(ours.inbox, LinkUp)).peer == theirs.id
        assert ours.links()[theirs.id].paused_s == 0.0
        await until(lambda: theirs.send(ours.id, b"back", Lane.VOTES))
        assert await payloads(ours.inbox, 1) == [b"back"]


@in_own_time
async def test_who_does_not_vote_may_be_paused_for_longer() -> None:
    """An observer's pauses grow beyond a validator's."""
    long = replace(EAGER, pause_s=2 * limits.PAUSE_VOTER_S_MAX)
    observer = Peer(id_of(2), "observer", votes=False)
    async with node(0, peer(1), observer, timing=long) as ours:
        for number in (1, 2):
            for _ in range(2):
                ours.penalise(id_of(number), "a fault", points=FULL)

        paused = [ours.links()[id_of(number)].paused_s for number in (1, 2)]
        assert paused[0] <= limits.PAUSE_VOTER_S_MAX < paused[1]


@in_own_time
async def test_nobody_is_penalised_who_is_no_peer() -> None:
    """What a peer said may be judged after it has gone."""
    async with node(0, peer(1)) as ours:
        ours.penalise(id_of(2), "too late", points=FULL)

        assert ours.links()[id_of(1)].penalties == ()


@in_own_time
async def test_a_paused_peer_is_neither_dialled_nor_admitted() -> None:
    """Until its time is over it is refused, and we leave it alone."""
    patient = replace(EAGER, pause_s=limits.PAUSE_VOTER_S_MAX)
    async with node(0, peer(1), timing=patient) as ours, node(1, peer(0, ours.address)) as theirs:
        await next_of(ours.inbox, LinkUp)

        ours.penalise(theirs.id, "it lied", points=FULL)

        await until(lambda: ours.refusals().get("paused", 0) >= 2)
        assert not ours.links()[theirs.id].connected
        assert "does not admit this node" in theirs.links()[ours.id].last_error
