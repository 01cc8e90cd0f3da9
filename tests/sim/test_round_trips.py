"""What operators do and what befalls them, with every law in force: restarts, upgrades, nights."""

from __future__ import annotations

import pytest

from ledger.parameters import DEFAULTS
from sim.disk import PowerLoss
from sim.founding import found
from sim.laws.book import LawBook
from sim.letters import VOTING, Letter, Phase
from sim.machine import Machine
from sim.spoken import STEPS, Statement
from sim.watch import Watch
from sim.world import World
from storage.decision import VoteStep

RESUMED_MS = 2 * DEFAULTS.tmax_ms
HOUR_MS = 3_600_000


class Moment(Watch):
    """The `at`-th time that somebody lets go of a statement of a kind in a view of height 3."""

    def __init__(self, step: VoteStep, view: int, at: int) -> None:
        self._wanted, self._at = (step, view), at
        self.came = False

    def spoke(self, machine: Machine, statement: Statement) -> None:
        place = (STEPS[type(statement)], statement.view)
        if statement.height != 3 or place != self._wanted or self.came:
            return
        self._at -= 1
        if self._at == 0:
            self.came = True
            raise PowerLoss(f"when {machine.name} speaks")


def lawful(validators: int = 4, *, seed: int = 0) -> tuple[World, LawBook]:
    """A network that has decided two blocks, under every law."""
    world = World(found(validators), seed=seed)
    laws = LawBook(world)
    world.start()
    pay_until(world, 2)
    return world, laws


def pay_until(world: World, height: int, *, limit_ms: int = RESUMED_MS) -> None:
    """Payments at every door until all that are up have decided a height."""
    end = world.now_ms + limit_ms
    while not world.all_at(height)():
        assert world.now_ms <= end, f"not within {limit_ms} ms: {world.heights()}"
        for node in world.validators():
            if node.engine is not None and len(node.alive.mempool) < 5:
                world.submit(node, world.payment())
        world.run_for(50)


MOMENTS = [
    (step, view, at)
    for step in VoteStep
    for view in (0, 1)
    for at in (1, 3)
    if (step is not VoteStep.VIEW_CHANGE or view > 0)
    and (step is not VoteStep.PRE_PREPARE or at == 1)
]


@pytest.mark.parametrize(("step", "view", "at"), MOMENTS)
def test_all_nodes_restarted_together_at_every_phase_go_on(
    step: VoteStep, view: int, at: int
) -> None:
    """The lights go out for all when a statement leaves the first node, or the third."""
    world, _ = lawful(seed=at)
    moment = Moment(step, view, at)
    world.watches.append(moment)
    if view > 0:
        world.lets_through = lambda letter: not (letter.phase is Phase.COMMIT and letter.view == 0)
    for node in world.validators():
        world.submit(node, world.payment())
    world.run(lambda: moment.came, limit_ms=5_000)

    world.crash(*(node.name for node in world.up()))
    world.run_for(1_000)
    world.revive()
    pay_until(world, 4)


@pytest.mark.parametrize("validators", [4, 7])
def test_an_upgrade_of_one_node_after_the_other_costs_no_height(validators: int) -> None:
    """Each is restarted when it has decided a block; the others go on meanwhile."""
    world, laws = lawful(validators)

    for name in sorted(world.nodes):
        before = laws.top
        world.crash(name)
        pay_until(world, before + 1, limit_ms=3 * DEFAULTS.t0_ms + 1_000)
        world.start(name)
        pay_until(world, before + 2)

    assert laws.top >= 2 + 2 * validators
    assert {node.run for node in world.validators()} == {3}


def test_after_an_hour_in_two_halves_the_chain_goes_on_by_itself() -> None:
    """No quorum anywhere, nobody restarted: two timeouts after the halves meet, a block."""
    world, _ = lawful(seed=1)
    left = {"v0", "v1"}
    world.lets_through = lambda letter: (letter.sender in left) == (letter.receiver in left)
    world.run_for(HOUR_MS)
    height = max(node.height for node in world.validators())

    world.lets_through = lambda _: True
    pay_until(world, height + 1)


def cut(letter: Letter) -> bool:
    """All that carries votes."""
    return letter.phase not in VOTING


def test_votes_that_are_lost_for_a_while_cost_a_while() -> None:
    """Status alone brings them back."""
    world, _ = lawful(seed=5)
    world.lets_through = cut
    for node in world.validators():
        world.submit(node, world.payment())
    world.run_for(30_000)
    assert {node.height for node in world.validators()} == {2}

    world.lets_through = lambda _: True
    pay_until(world, 3)
