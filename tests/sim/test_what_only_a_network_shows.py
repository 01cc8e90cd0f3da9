"""What no part shows by itself: many views, restarts in the middle of one, clocks that differ.

Each scenario is a rule that looks kept in every single step, and is not: memory that grows by a
little at each view (R42), a wake-up that overlooks what came during the sleep (R41), a promise that
is remembered for the wrong view (R39).
"""

from __future__ import annotations

from msgspec.structs import replace

from ledger.parameters import DEFAULTS
from primitives.ids import Height
from sim.founding import found
from sim.laws.state import Bounds
from sim.letters import Letter, Phase
from sim.world import World, everything

QUICK = replace(DEFAULTS, t0_ms=100, tmax_ms=200)
AT_ONCE_MS = 100


def at_height_1(*, quick: bool = False) -> World:
    """Four validators that have decided the empty block that is due at once."""
    parameters = QUICK if quick else DEFAULTS
    world = World(found(4, parameters=parameters), watches=[Bounds()])
    world.start()
    world.run(world.all_at(1))
    return world


def lose(world: World, *phases: Phase) -> None:
    world.lets_through = lambda letter: letter.phase not in phases


def view_of(world: World, height: int) -> int:
    certificate = world.up()[0].store.certificate(Height(height))
    assert certificate is not None
    return certificate.view


def test_votes_of_views_that_were_left_are_forgotten() -> None:
    """R42: commits are lost for twenty views; then the block of the first is decided."""
    world = at_height_1(quick=True)
    lose(world, Phase.COMMIT)
    tx = world.payment()
    world.submit(world.nodes["v0"], tx)

    world.run(lambda: all(node.alive.wish >= 20 for node in world.up()))
    world.lets_through = everything
    world.run(world.all_at(2))

    assert world.is_final(tx)()


def test_blocks_of_views_that_were_left_are_forgotten() -> None:
    """R42: prepares are lost for forty views, each with a block of its own."""
    world = at_height_1(quick=True)
    lose(world, Phase.PREPARE)
    world.submit(world.nodes["v0"], world.payment())

    world.run(lambda: all(node.alive.wish >= 40 for node in world.up()))
    world.lets_through = everything

    world.run(world.all_at(2))


def test_restarted_nodes_wake_each_other_at_once() -> None:
    """R29, R41: whoever is there again says where it stands; nobody waits for a tick."""
    world = at_height_1()
    world.crash()
    world.start()

    world.run(lambda: all(node.alive.awake for node in world.up()), limit_ms=AT_ONCE_MS)


def test_who_wakes_joins_those_who_asked_during_its_sleep() -> None:
    """R27, R41: two ask for view 1, one sleeps, one is dead; the sleeper makes them a quorum."""
    world = at_height_1()
    dead, sleeper = world.proposer(2), world.proposer(2, 2)
    world.crash(dead.name, sleeper.name)
    awake = world.up()
    world.submit(awake[0], world.payment())
    world.run(lambda: all(node.alive.wish == 1 for node in awake))
    world.lets_through = lambda letter: (
        not (letter.receiver == sleeper.name and letter.phase in (Phase.STATUS, Phase.OFFER))
    )
    world.start(sleeper.name)
    world.run_for(1_000)
    assert not sleeper.alive.awake
    assert len(sleeper.alive.instance.view_changes) == 2

    world.lets_through = everything
    world.run(lambda: sleeper.alive.awake)
    world.run(world.all_at(2), limit_ms=AT_ONCE_MS)

    assert view_of(world, 2) == 1


def test_whoever_decided_a_block_still_gives_its_body_away() -> None:
    """R30: one has a quorum of commits and no body; it asks when the others have moved on."""
    world = at_height_1()
    poor = world.proposer(3)

    def passes(letter: Letter) -> bool:
        told = letter.receiver == poor.name and letter.phase in (
            Phase.PRE_PREPARE,
            Phase.TRANSACTIONS,
        )
        return not told and not (letter.sender == poor.name and letter.phase is Phase.STATUS)

    world.run_for(1_000)
    world.lets_through = passes
    world.submit(world.proposer(2), world.payment())

    world.run(world.all_at(2), limit_ms=AT_ONCE_MS)


def test_a_slow_clock_follows_its_parent() -> None:
    """R16: a block a moment after its parent is not early, though both are ahead of a clock."""
    world = at_height_1()
    fast, slow = world.proposer(2), world.proposer(4)
    world.run_for(1_000)
    fast.skew_ms, slow.skew_ms = 400, -300
    for height in (2, 3):
        world.submit(world.proposer(height), world.payment())
        world.run(world.all_at(height), limit_ms=1_000)

    verdicts = [note.facts["block"] for note in slow.notes if note.event == "block.refused"]
    second = slow.store.head().header.parent
    assert verdicts == [second.hex()]


def test_a_commit_of_an_earlier_view_is_no_commit_of_this_one() -> None:
    """R19, R39: prepared in views 0 and 1, killed before it committed in the second."""
    world = at_height_1()
    lose(world, Phase.COMMIT)
    world.submit(world.proposer(2), world.payment())
    world.run(lambda: all(node.alive.instance.sent_commit for node in world.up()))
    lose(world, Phase.COMMIT, Phase.PREPARE)
    world.run(
        lambda: all(
            node.alive.wish == 1 and node.alive.instance.accepted is not None for node in world.up()
        ),
        limit_ms=3_000,
    )
    dead, restarted = world.proposer(2), world.proposer(2, 2)
    world.crash(dead.name, restarted.name)

    world.lets_through = everything
    world.start(restarted.name)
    world.run(world.all_at(2), limit_ms=5_000)

    assert view_of(world, 2) == 1
