"""Evidence in the simulated world: liars are caught with it, and the honest never are.

The laws of the simulator have their own idea of what contradicts what (sim/laws/honesty.py); here
the product's own predicate and check are laid over the same words.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from itertools import combinations
from random import Random

import pytest
from msgspec.structs import replace

from node.evidence import read_kept
from primitives.evidence import (
    Case,
    Evidence,
    Flaw,
    NotEvidence,
    case_of,
    check_evidence,
    excludes,
)
from primitives.ids import Height, ValidatorKey
from primitives.statements import Witness, read_statement
from sim.byzantine import KINDS
from sim.founding import found
from sim.machine import Machine
from sim.profiles import PROFILES
from sim.run import Schedule
from sim.spoken import Statement, bytes_of
from sim.sweep import plan
from sim.watch import Watch
from sim.world import World

CAUGHT = frozenset({"equivocator", "twins"})
"""Liars that say two things, and say them loudly enough to be found out within eight heights."""


def kept(world: World) -> Iterator[Case]:
    """Every case that an honest node keeps, judged once more as a stranger's."""
    for node in world.nodes.values():
        for one in node.store.evidence():
            evidence, _ = read_kept(one, world.chain)
            members = world.site.members_of(one.height)
            yield check_evidence(
                evidence, chain=world.chain, validators=members, scheme=world.site.scheme
            )


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_whom_the_honest_keep_evidence_against_is_the_liar(kind: str) -> None:
    """R46, R48: beside each kind of liar, in each seat; those that say two things are caught."""
    found_kinds = set()
    for seat in range(4):
        name = f"v{seat}"
        world = World(found(4), seed=seat, actors={name: KINDS[kind]})
        world.start()
        world.run(world.all_at(1))
        for height in range(2, 9):
            for node in world.validators():
                world.submit(node, world.payment())
            world.run(world.all_at(height))

        cases = list(kept(world))

        assert {case.signer for case in cases} <= {world.members.keys[seat]}
        found_kinds |= {case.kind.value for case in cases}
    assert found_kinds or kind not in CAUGHT


class Notebook(Watch):
    """Every statement that a machine ever let go as its own, by author and height."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.said: dict[tuple[ValidatorKey, Height], dict[bytes, Witness]] = defaultdict(dict)

    def spoke(self, machine: Machine, statement: Statement) -> None:
        author = machine.validator
        assert author is not None, "only validators sign"
        data = bytes_of(statement, self._world.chain)
        words = self.said[author, statement.height]
        words[data] = Witness(data, statement.signature)


@pytest.mark.parametrize("profile", ["turmoil", "phases", "liars"])
def test_of_all_that_the_honest_ever_signed_no_two_statements_are_evidence(profile: str) -> None:
    """R46: crashes, power losses and liars around them; every pair of one author and height."""
    pairs = views = 0
    for seed in range(6):
        chosen = plan(seed, profile=profile)
        faults = PROFILES[profile].draw(Random(f"{seed} faults"), chosen.validators)
        schedule = Schedule(chosen, replace(faults, heights=chosen.heights))
        notebook = Notebook(schedule.world)
        schedule.world.watches.append(notebook)

        schedule.play()

        weak = {
            machine.validator
            for machine in schedule.world.nodes.values()
            if machine.name in schedule.director.weak
        }
        for (author, height), words in notebook.said.items():
            if author in weak:  # it lost its memory, and is held to nothing
                continue
            read = sorted(words)
            views += any(read_statement(data).view > 0 for data in read)
            for first, second in combinations(read, 2):
                pairs += 1
                assert excludes(read_statement(first), read_statement(second)) is None
                with pytest.raises(NotEvidence) as refused:
                    case_of(Evidence(author, words[first], words[second]), schedule.world.chain)
                assert refused.value.flaw is Flaw.COMPATIBLE, f"{author.hex()} at {height}"
    assert pairs > 100
    assert views > 0
