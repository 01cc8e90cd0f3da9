"""Seats that break the rules: what they say, that it hurts, and that it hurts nobody's chain.

A seat has its own key only (R3); what it says twice counts once (R12, R20); what it spoils is its
own fault (R32).
"""

from __future__ import annotations

from collections import Counter
from typing import Final

import pytest

from consensus.messages import Commit, Prepare, PrePrepare, ViewChange
from ledger.parameters import DEFAULTS
from node import wire
from primitives.ids import Height
from sim.actors import Stage
from sim.byzantine import KINDS, bent
from sim.byzantine.bent import Bent
from sim.byzantine.deeds import Deeds, Toll, seats_of
from sim.byzantine.latecomer import EARLIER_MS, LATER_MS
from sim.byzantine.liar import Liar
from sim.founding import found
from sim.letters import Letter, Phase
from sim.spoken import statements_in
from sim.watch import Watch
from sim.world import World

BENT: Final = sorted(set(KINDS) - {"silent", "clone"})


class Ear(Watch):
    """Hears what leaves one seat."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.letters: list[Letter] = []

    def sent(self, letter: Letter, delays: tuple[int, ...]) -> None:
        del delays
        if letter.sender == self.name:
            self.letters.append(letter)


def world_with(kind: str, *, seat: int = 2, seed: int = 0) -> tuple[World, Ear]:
    name = f"v{seat}"
    ear = Ear(name)
    return World(found(4), seed=seed, actors={name: KINDS[kind]}, watches=[ear]), ear


def decide(world: World, heights: int) -> None:
    """Work for everybody at each height, and everybody honest decides it."""
    world.start()
    world.run(world.all_at(1))
    for height in range(2, heights + 1):
        for node in world.validators():
            world.submit(node, world.payment())
        world.run(world.all_at(height))


def deeds(world: World) -> Counter[str]:
    told: Counter[str] = Counter()
    for seat in seats_of(world.actors.values()):
        for deed, count in seat.told.items():
            told[deed.name] += count
    return told


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_one_seat_of_any_kind_divides_nobody_and_stops_nothing(kind: str) -> None:
    """Twelve heights beside each, wherever it sits."""
    for seat in range(4):
        world, _ = world_with(kind, seat=seat, seed=seat)
        decide(world, 12)

        stores = [node.store for node in world.validators()]
        for height in range(13):
            assert len({store.block(Height(height)).header for store in stores}) == 1


@pytest.mark.parametrize("kind", BENT)
def test_the_same_seed_tells_the_same_lies(kind: str) -> None:
    """Every letter of a seat, in order, is a function of the seed."""
    letters = []
    for _ in range(2):
        world, ear = world_with(kind, seed=7)
        decide(world, 8)
        letters.append([(letter.receiver, letter.message) for letter in ear.letters])

    assert letters[0] == letters[1]


@pytest.mark.parametrize("kind", sorted(set(BENT) - {"forgetful"}))
def test_each_kind_does_what_it_is_there_for(kind: str) -> None:
    """A seat that never has an effect shows nothing."""
    world, _ = world_with(kind)
    decide(world, 12)

    assert deeds(world).total() >= 3, deeds(world)


def test_a_liar_tells_everybody_the_same() -> None:
    """One content at each place, to every peer, relays included."""
    ear = Ear("v2")
    actors = {"v2": bent(lambda means: Liar(means, percent=100))}
    world = World(found(4), seed=3, actors=actors, watches=[ear])
    decide(world, 12)

    told: dict[tuple[Phase, Height | None, str], set[bytes]] = {}
    for letter in ear.letters:
        if isinstance(letter.message, wire.Proposed | Prepare | Commit):
            key = (letter.phase, letter.height, letter.receiver)
            told.setdefault(key, set()).add(wire.write(letter.message))
    by_place: dict[tuple[Phase, Height | None], set[frozenset[bytes]]] = {}
    for (phase, height, _), messages in told.items():
        by_place.setdefault((phase, height), set()).add(frozenset(messages))
    assert len(by_place) >= 20
    assert all(len(stories) == 1 for stories in by_place.values())


def test_an_equivocator_tells_two_stories() -> None:
    """Two good blocks in one view: the honest see it, and hold to the first."""
    world, ear = world_with("equivocator")
    decide(world, 6)

    said: dict[tuple[int, int], set[bytes]] = {}
    for letter in ear.letters:
        for statement in statements_in(letter.message):
            if isinstance(statement, PrePrepare):
                place = (statement.height, statement.view)
                said.setdefault(place, set()).add(statement.block_id)
    assert any(len(names) == 2 for names in said.values())
    notes = [event for node in world.validators() for event in node.events()]
    assert "consensus.equivocation" in notes


def test_a_forgetful_member_claims_nothing() -> None:
    """It prepared and committed with the others; its view changes know nothing of it."""
    world, ear = world_with("forgetful")
    world.lets_through = lambda letter: not (letter.phase is Phase.COMMIT and letter.view == 0)
    decide(world, 6)

    assert deeds(world)["claim forgotten"] >= 3
    claims = [letter.message for letter in ear.letters if isinstance(letter.message, ViewChange)]
    own = [claim for claim in claims if claim.seat == 2]
    assert own
    assert all(claim.prepared is None for claim in own)


def test_a_latecomer_comes_within_a_hair_of_the_end_of_its_view() -> None:
    """Its proposals leave when a second has passed since it made them, give or take."""
    world, ear = world_with("latecomer")
    world.start()
    world.run(world.all_at(1))
    begun = world.now_ms
    for node in world.validators():
        world.submit(node, world.payment())
    world.run(lambda: any(letter.phase is Phase.PRE_PREPARE for letter in ear.letters))

    interval = DEFAULTS.minimum_interval_ms
    late_ms = world.now_ms - begun - interval - DEFAULTS.t0_ms
    assert -EARLIER_MS <= late_ms <= LATER_MS + 10


def test_a_seat_has_no_key_but_its_own() -> None:
    """What it says in another's name does not verify: every refusal is of a letter of its own."""
    world, _ = world_with("liar", seed=5)
    decide(world, 12)

    faults = [fault for node in world.validators() for fault in node.faults]
    assert len(faults) >= 5


def test_a_stage_gives_a_seat_the_means_it_lies_with() -> None:
    """A good block of the height at hand, of another time."""
    built = []

    def keep(stage: Stage) -> Bent:
        actor = bent(Liar)(stage)
        assert isinstance(actor, Bent)
        built.append(actor)
        return actor

    world = World(found(4), seed=1, actors={"v1": keep})
    decide(world, 2)
    block = built[0].seat.means.build(world.nodes["v0"].alive.wish, world.now_ms)

    assert block.header.height == 3
    assert block.header.proposer == world.members.keys[1]


def test_the_toll_of_a_deed_is_the_views_that_were_lost_by_it() -> None:
    """A latecomer loses each view that it leads; half of a story is told in every view."""
    name, counted = "v2", Deeds()
    world = World(found(4), actors={name: KINDS["latecomer"]}, watches=[counted])
    decide(world, 10)

    tolls = counted.tolls(seats_of(world.actors.values()))
    late = tolls.get("a hair too late", Toll()).plus(tolls.get("a hair too early", Toll()))
    assert late.told == late.views >= 2
    assert 1 <= late.lost <= late.views
