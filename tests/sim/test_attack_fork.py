"""More liars than a network withstands: it forks, and what the honest keep names enough of them.

Fewer than a quorum tell one story to one part of the honest and another to the rest, while decided
blocks do not pass between them. The testimonies of one honest node of each side are laid beside
each other, as an operator does it (docs/operations.md, R46, R48).
"""

from __future__ import annotations

from collections import Counter

import pytest

from ledger.parameters import DEFAULTS
from node import forensics
from primitives.block import block_id
from primitives.evidence import check_evidence
from primitives.ids import Height
from sim.actors import Actor, Stage
from sim.byzantine.bent import Bent
from sim.byzantine.equivocator import Equivocator, Plot
from sim.founding import found
from sim.letters import Letter, Phase
from sim.world import World

HEIGHTS = 6


def with_plotters(validators: int, liars: int, seed: int) -> World:
    plot = Plot(seed)

    def plotter(stage: Stage) -> Actor:
        return Bent(stage, lambda means: Equivocator(means, plot=plot))

    names = [f"v{(seed + number) % validators}" for number in range(liars)]
    world = World(found(validators), seed=seed, actors=dict.fromkeys(names, plotter))

    def passes(letter: Letter) -> bool:
        if letter.sender in world.actors or letter.receiver in world.actors:
            return True
        one, other = (
            plot.believes_second(name, letter.height or 0)
            for name in (letter.sender, letter.receiver)
        )
        apart = letter.phase in {Phase.DECIDED, Phase.STATUS, Phase.BODY}
        return not apart or one == other

    world.lets_through = passes
    return world


def forked_at(world: World) -> Height | None:
    """The first height with two decided blocks, if there is one."""
    world.start()
    for height in map(Height, range(1, HEIGHTS + 1)):
        for node in world.validators():
            world.submit(node, world.payment())
        for _ in range(40):
            world.run_for(DEFAULTS.t0_ms // 4)
            there = [node for node in world.validators() if node.height >= height]
            if len({block_id(node.store.block(height).header) for node in there}) > 1:
                return height
            if len(there) == len(world.validators()):
                break
    return None


@pytest.mark.parametrize(("validators", "liars"), [(4, 2), (5, 3), (7, 3), (7, 4)])
def test_a_fork_names_f_plus_one_of_those_who_made_it(validators: int, liars: int) -> None:
    """In whatever view the sides decided, and nobody honest among them."""
    forks: Counter[str] = Counter()
    for seed in range(12):
        world = with_plotters(validators, liars, seed)
        height = forked_at(world)
        if height is None:
            continue
        honest = [node for node in world.validators() if node.height >= height]
        sides = {block_id(node.store.block(height).header): node for node in honest}
        testimonies = [forensics.testify(node.store, height) for node in honest]
        views = {testimony.certificate.view for testimony in testimonies}
        forks["one view" if len(views) == 1 else "two views"] += 1

        found_guilty = forensics.culprits(testimonies, scheme=world.site.scheme)

        cases = [
            check_evidence(
                piece, chain=world.chain, validators=world.members, scheme=world.site.scheme
            )
            for piece in found_guilty
        ]
        named = {world.site.links[case.signer] for case in cases}
        assert len(sides) >= 2
        assert named <= set(world.actors), f"seed {seed} names an honest node"
        assert len(named) >= world.members.faults + 1, f"seed {seed} names {named} only"
