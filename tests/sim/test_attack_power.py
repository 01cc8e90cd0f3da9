"""Power fails everywhere in one act of a step, and why the acts are in that order (R35).

A step is written, signed and released. Whichever act is the last that happens, on all nodes at
once, the network goes on by itself. Signed before it is written, a step halts the chain: the file
knows of a statement that the vote log has lost, on more nodes than can be spared (R40).
"""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from consensus import effects as do
from consensus.effects import Effect
from consensus.events import Event
from kit.attacks import FOUNDING
from ledger.parameters import DEFAULTS
from node.signer import Request, Signer
from sim.disk import PowerLoss, no_danger
from sim.letters import Letter, Phase
from sim.machine import Machine
from sim.watch import Watch
from sim.world import World, everything
from storage.decision import VoteStep

STEPS: dict[str, type[Effect]] = {
    "proposal": do.CastPrePrepare,
    "prepare": do.CastPrepare,
    "commit": do.CastCommit,
    "view change": do.CastViewChange,
}
ACTS = [
    "before the database",
    "after the database",
    "before the signer's file",
    "after the signer's file",
    "before a message",
]


class Doom(Watch):
    """Takes the power of nodes when they come to an act of a step of height 2, each once."""

    def __init__(self, step: str, act: str, doomed: Sequence[str]) -> None:
        self.step, self.act = STEPS[step], act
        self.doomed = set(doomed)
        self.doing: dict[str, do.CastCommit | None] = {}

    def observed(self, machine: Machine, event: Event, effects: Sequence[Effect]) -> None:
        del event
        casts = [effect for effect in effects if isinstance(effect, self.step)]
        if casts and machine.height == 1 and machine.name in self.doomed:
            commit = casts[0] if isinstance(casts[0], do.CastCommit) else None
            self.doing[machine.name] = commit

    def arm(self, machine: Machine) -> None:
        def danger(point: str) -> None:
            if machine.name in self.doing and point == self.act:
                self.doomed.discard(machine.name)
                self.strike(machine)
                raise PowerLoss(point)

        machine.arm(danger)

    def strike(self, machine: Machine) -> None:
        """What else is lost or not."""


class SignedFirst(Doom):
    """The reverse order: the commit is signed, and its record was never written."""

    def strike(self, machine: Machine) -> None:
        commit, key = self.doing[machine.name], machine.key
        assert commit is not None
        assert key is not None
        machine.database.danger = machine.memory.danger = no_danger
        request = Request(
            step=VoteStep.COMMIT, height=commit.height, view=commit.view, block_id=commit.block_id
        )
        Signer(key, machine.memory, machine.site.chain).sign_all([request])


def no_proposal_of_view_0(letter: Letter) -> bool:
    return not (letter.phase is Phase.PRE_PREPARE and letter.view == 0 and letter.height == 2)


def struck(doom: Doom, step: str) -> World:
    """Height 1 is decided; then the doomed lose power when they come to their point.

    Who waits for what another did not live to say does not come to it. All are down in the end.
    """
    world = World(FOUNDING, watches=[doom])
    for machine in world.nodes.values():
        doom.arm(machine)
    world.start()
    world.run(world.all_at(1))
    if step == "view change":
        world.lets_through = no_proposal_of_view_0
    payment = world.payment(ms=3_600_000)
    for node in world.validators():
        world.submit(node, payment)
    world.run_for(DEFAULTS.t0_ms + 500)
    world.crash(*(node.name for node in world.up()))
    for machine in world.nodes.values():
        machine.arm(no_danger)
    world.lets_through = everything
    return world


@pytest.mark.parametrize("act", ACTS)
@pytest.mark.parametrize("step", STEPS)
def test_power_is_lost_everywhere_in_one_act_of_one_step(step: str, act: str) -> None:
    """Everybody who takes the step dies of it; the same block, or another one, is decided."""
    world = struck(Doom(step, act, list(FOUNDING.keys)), step)
    assert world.losses >= (1 if step in {"proposal", "prepare"} else 4)

    world.revive()
    world.run(world.all_at(2), limit_ms=5_000)

    heads = {node.store.head().block_id for node in world.validators()}
    assert len(heads) == 1
    assert not any("votelog.rolled_back" in node.events() for node in world.validators())


@pytest.mark.parametrize("count", [1, 2, 4])
def test_signing_before_writing_would_halt_the_chain(count: int) -> None:
    """One node can be spared; two that must not sign at a height stop it for ever."""
    doomed = list(FOUNDING.keys)[:count]
    world = struck(SignedFirst("commit", "before the database", doomed), "commit")
    assert world.losses == count

    world.revive()
    world.run_for(300_000)

    rolled_back = [n.name for n in world.validators() if "votelog.rolled_back" in n.events()]
    assert rolled_back == doomed
    assert {node.height > 1 for node in world.validators()} == {count == 1}
