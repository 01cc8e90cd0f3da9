"""A copy of a node beside the original: both honest, and one key between them (R41, R50, R52)."""

from __future__ import annotations

import pytest

from sim.actors import Stage
from sim.byzantine.clone import Clone
from sim.founding import found
from sim.world import World


@pytest.mark.parametrize("seed", range(4))
def test_a_clone_is_noticed_and_falls_silent(seed: int) -> None:
    """Peers show each of the two what the other one has said; the chain goes on meanwhile."""
    clones: list[Clone] = []

    def seat(stage: Stage) -> Clone:
        clones.append(Clone(stage))
        return clones[-1]

    world = World(found(4), seed=seed, actors={"v1": seat})
    world.start()
    for _ in range(30):
        world.submit(world.nodes["v0"], world.payment())
        world.run_for(300)

    notes = {note.event for machine in clones[0].machines for note in machine.notes}
    assert len(clones[0].machines) == 2
    assert notes & {"signer.cloned", "signer.fenced"}
    assert min(node.height for node in world.validators()) > 10
