"""Engines die, one or all, at any point of any deed; the chain is the same everywhere afterwards.

Whatever a node lets go is checked by the network against its disk (kit/engines.py), and whatever
any node signed in all its lives against everything else it signed.
"""

from __future__ import annotations

from random import Random

import pytest

from kit.disks import PowerLoss
from kit.engines import Network, Node, begun, everything
from kit.ledger import pay
from ledger.parameters import DEFAULTS
from primitives.errors import StorageFault

MINUTE = 60_000


def pay_once(network: Network, name: str, door: Node | None = None) -> None:
    """A payment, and the time until everybody who is up has it."""
    payment = network.transaction("treasury", pay("works", 1, name))
    network.submit(door or network.up()[0], payment)
    network.run(network.is_final(payment))


def check(network: Network) -> None:
    network.check_agreement()
    network.check_honesty()


def test_a_killed_primary_costs_one_view() -> None:
    """The next block is there a little after T0."""
    network = begun()
    network.crash(network.primary().name)
    began = network.now_ms

    pay_once(network, "after the primary's death")

    assert network.now_ms - began < DEFAULTS.t0_ms + 500
    check(network)


def test_a_write_that_fails_ends_the_node_before_anything_leaves_it() -> None:
    """The fault goes up through the engine (R38); the others go on, and it comes back by itself."""
    network = begun()
    node = network.validators()[0]

    def fail(point: str) -> None:
        if point.startswith("before"):
            raise StorageFault("the disk is full")

    node.database.danger = fail
    with pytest.raises(StorageFault, match="the disk is full"):
        pay_once(network, "for all", network.validators()[1])
    node.database.danger = lambda _: None
    network.crash(node.name)
    pay_once(network, "without it", network.validators()[1])

    network.start(node.name)
    pay_once(network, "with it")
    check(network)


def test_two_of_four_down_halt_the_chain_and_one_back_continues_it() -> None:
    """It stops rather than guesses, for five minutes, and then needs no hand."""
    network = begun()
    first, second, *others = network.validators()
    network.crash(first.name, second.name)
    payment = network.transaction("treasury", pay("works", 1, "in vain"), ms=10 * MINUTE)
    network.submit(others[0], payment)

    network.run_for(5 * MINUTE)
    assert [node.height for node in network.validators()] == [1] * 4

    network.start(second.name)
    network.run(network.is_final(payment), limit_ms=2 * DEFAULTS.tmax_ms)
    check(network)


@pytest.mark.parametrize("seed", range(3))
def test_after_an_hour_without_a_quorum_the_chain_resumes_within_two_timeouts(seed: int) -> None:
    """Timeouts are capped, and whoever hears f + 1 higher wishes joins them (R33)."""
    network = begun(seed=seed)
    gone = network.validators()[: 2 + seed % 2]
    payment = network.transaction("treasury", pay("works", 1, "an hour later"), ms=7_000_000)
    network.submit(network.validators()[3], payment)
    network.crash(*(node.name for node in gone))

    network.run_for(60 * MINUTE)
    assert max(node.height for node in network.validators()) <= 2
    network.start(*(node.name for node in gone))
    network.run(network.all_at(2), limit_ms=2 * DEFAULTS.tmax_ms)

    check(network)


def test_after_an_hour_of_partition_the_chain_resumes_within_two_timeouts() -> None:
    """Two and two: neither half decides, and nobody restarts."""
    network = begun()
    left = {node.name for node in network.validators()[:2]}
    network.passes = lambda sender, receiver, _: (sender in left) == (receiver in left)
    payment = network.transaction("treasury", pay("works", 1, "an hour later"), ms=7_000_000)
    network.submit(network.validators()[3], payment)

    network.run_for(60 * MINUTE)
    assert [node.height for node in network.validators()] == [1] * 4
    network.passes = everything
    network.run(network.all_at(2), limit_ms=2 * DEFAULTS.tmax_ms)

    check(network)


@pytest.mark.parametrize("seed", range(20))
def test_all_killed_at_once_lose_nothing(seed: int) -> None:
    """At a random moment between two deeds, twice, under load."""
    random = Random(seed)
    network = begun(seed=seed, delay_ms=(1, 30))
    for round_ in range(2):
        for number in range(5):
            payment = network.transaction("treasury", pay("works", 1, f"{round_}.{number}"))
            network.submit(random.choice(network.validators()), payment)
        for _ in range(random.randrange(200)):
            network.step()
        network.crash()
        network.start()

    pay_once(network, "afterwards")
    network.run(network.all_at(max(node.height for node in network.validators())))

    check(network)
    assert all(node.engine for node in network.validators())


class Fuse:
    """Blows at the `at`-th point of danger of one node; counts the points."""

    def __init__(self, at: int) -> None:
        self.at = at
        self.points: list[str] = []

    def __call__(self, point: str) -> None:
        self.points.append(point)
        if len(self.points) == self.at:
            raise PowerLoss(point)


def through_two_views(at: int, *, everybody: bool) -> Fuse:
    """A payment in view 0 and one in view 1; one node loses power at its `at`-th point of danger.

    With `everybody` the lights go out for all. Power is back within a second.
    """
    network = begun(seed=at)
    mortal = network.proposer(3, view=1)
    fuse = Fuse(at)
    mortal.database.danger = mortal.memory.danger = fuse

    def pay_through_it(name: str, *, without: str = "") -> None:
        payment = network.transaction("treasury", pay("works", 1, name))
        for _ in range(60):
            door = next(node for node in network.up() if node is not mortal)
            network.submit(door, payment)
            network.run_for(1_000)
            if mortal.engine is None and everybody:
                network.crash()
            network.revive(but=without)
            if network.is_final(payment)():
                return
        raise AssertionError(f"{name}: not final within a minute")

    pay_through_it("in view 0")
    absent = network.proposer(3).name
    network.crash(absent)
    pay_through_it("in view 1", without=absent)
    network.revive()
    network.run(network.all_at(max(node.height for node in network.validators())))
    check(network)
    return fuse


POINTS = 28
"""Points of danger of the mortal node in two heights, without an accident; pinned below."""


def test_the_points_of_danger_are_where_the_rules_put_them() -> None:
    """Before and after each write of the vote log, of the signer's memory, and of a decision."""
    points = through_two_views(0, everybody=False).points

    assert len(points) == POINTS
    assert set(points) == {
        f"{when} the {what}"
        for when in ("before", "after")
        for what in ("database", "signer's file")
    }


@pytest.mark.parametrize("everybody", [False, True], ids=["one dies", "all die"])
@pytest.mark.parametrize("at", range(1, POINTS + 1))
def test_power_lost_at_any_point_of_any_deed(at: int, everybody: bool) -> None:  # noqa: FBT001 - a test's parameter
    """Before and after every durable write of a proposer in two views."""
    assert len(through_two_views(at, everybody=everybody).points) >= at


@pytest.mark.parametrize("seed", range(12))
def test_power_fails_anywhere_all_the_time(seed: int) -> None:
    """Every node, at one write in thirty, while one message in ten is lost."""
    random = Random(seed)
    network = begun(seed=seed, delay_ms=(1, 60))

    def danger(point: str) -> None:
        if random.random() < 1 / 30:
            raise PowerLoss(point)

    for node in network.validators():
        node.database.danger = node.memory.danger = danger
    network.passes = lambda *_: random.random() > 0.1
    for number in range(40):
        door = random.choice(network.up() or [network.validators()[0]])
        if door.engine is not None:
            payment = network.transaction("treasury", pay("works", 1, f"{seed}.{number}"))
            network.submit(door, payment)
        network.run_for(random.randrange(1_500))
        down = [node.name for node in network.validators() if node.engine is None]
        back = [name for name in down if random.random() < 0.7]
        if back:
            network.start(*back)
        check(network)
    assert network.losses > 10

    for node in network.validators():
        node.database.danger = node.memory.danger = lambda _: None
    network.passes = everything
    network.revive()
    network.run_for(2 * DEFAULTS.tmax_ms)
    pay_once(network, "in peace")
    network.run(network.all_at(max(node.height for node in network.validators())))
    check(network)
