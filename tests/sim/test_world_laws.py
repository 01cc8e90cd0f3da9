"""Every law of the world can be broken: each is shown what it must never see."""

from __future__ import annotations

from random import Random

import pytest
from msgspec.structs import replace

from consensus.events import TimerFired
from consensus.messages import Commit, Prepare, ViewChange
from kit.spoken import certificate_by
from node import wire
from node.outbox import Note, Outbox
from primitives import limits
from primitives.block import Block, block_id
from primitives.certificate import Certificate
from primitives.domains import Domain
from primitives.errors import Malformed, StorageFault
from primitives.ids import BlockId, Height, Seat, TimeMs, View
from sim.faults import Faults
from sim.founding import found
from sim.laws.agreement import Agreement
from sim.laws.honesty import Honesty, OneHeight
from sim.laws.state import Bounds, Courtesy, Restarts, Timers, Upward
from sim.letters import Letter, Phase
from sim.run import Plan, Schedule
from sim.spoken import Statement, Voice
from sim.violations import (
    Accusation,
    BadCertificate,
    Blamed,
    Disagreement,
    Divergence,
    Equivocation,
    ExecutedTwice,
    Forgotten,
    NotDurable,
    NotTheSame,
    Overgrown,
    ProcessEnded,
    RestartDiffers,
    StaleTimer,
    Stuck,
    Unjustified,
    Violation,
    WentBack,
)
from sim.world import World
from storage.keyvalue import Batch
from storage.schema import Region

X, Y = BlockId(b"x" * 32), BlockId(b"y" * 32)


def begun() -> World:
    """Four nodes, one block."""
    world = World(found(4), seed=1)
    world.start()
    world.run(world.all_at(1))
    return world


def voices(world: World) -> list[Voice]:
    keys = [machine.key for machine in world.validators()]
    return [Voice(key, world.chain, world.members) for key in keys if key is not None]


def decided(world: World, block: Block, certificate: Certificate | None = None) -> wire.Decided:
    named = block_id(block.header)
    height = block.header.height
    proof = certificate_by(voices(world)[:3], Domain.COMMIT, height, 0, named)
    return wire.Decided(block, certificate or proof)


def block_of(world: World, height: int) -> Block:
    return world.nodes["v0"].store.block(Height(height))


# --- one chain ----------------------------------------------------------------------------------


def test_two_blocks_of_one_height_are_a_disagreement() -> None:
    """Both certified: that is what a fork looks like."""
    world, law = begun(), Agreement(begun().site)
    law.decided(world.nodes["v0"], decided(world, block_of(world, 1)))
    first = block_of(world, 1)
    other = Block(replace(first.header, time_ms=TimeMs(first.header.time_ms + 1)), ())

    with pytest.raises(Disagreement, match="v1 decided"):
        law.decided(world.nodes["v1"], decided(world, other))


@pytest.mark.parametrize("kind", ["too few", "one twice", "another height", "a stranger"])
def test_a_certificate_that_is_no_quorum_of_members_is_noticed(kind: str) -> None:
    """Counted here, not by the product."""
    world, law = begun(), Agreement(begun().site)
    block = block_of(world, 1)
    good = certificate_by(voices(world)[:3], Domain.COMMIT, 1, 0, block_id(block.header))
    seals = {
        "too few": good.seals[:2],
        "one twice": (good.seals[0], good.seals[0], good.seals[1]),
        "a stranger": (*good.seals[:2], replace(good.seals[2], seat=Seat(9))),
    }.get(kind, good.seals)
    height = Height(2) if kind == "another height" else Height(1)
    bad = replace(good, seals=seals, height=height)

    with pytest.raises(BadCertificate):
        law.decided(world.nodes["v0"], decided(world, block, bad))


@pytest.mark.parametrize("region", [Region.STATE, Region.NODE])
def test_another_state_at_one_height_is_a_divergence(region: Region) -> None:
    """Even if nothing that was executed has touched what differs."""
    world = begun()
    world.watches.append(Agreement(world.site))
    database = world.nodes["v2"].database
    rows = list(database.iterate(start=bytes([region]), stop=bytes([region + 1])))
    database.write({rows[-1][0] + b"\xff": rows[-1][1]})

    world.submit(world.nodes["v0"], world.payment())
    with pytest.raises(Divergence):
        world.run(world.all_at(2))


def test_two_sets_of_validators_at_one_height_are_a_divergence() -> None:
    """Who votes is part of the state."""
    world = begun()

    with pytest.raises(Divergence, match="two sets"):
        world.site.learn(Height(2), found(5).genesis.validators)


def test_a_transaction_in_two_blocks_is_executed_twice() -> None:
    """Whatever its id says."""
    world, law = begun(), Agreement(begun().site)
    tx = world.payment()
    first = block_of(world, 1)
    one = Block(replace(first.header, height=Height(7)), (tx.data,))
    two = Block(replace(first.header, height=Height(8)), (tx.data,))
    law.decided(world.nodes["v0"], decided(world, one))

    with pytest.raises(ExecutedTwice, match="at 7 and at 8"):
        law.decided(world.nodes["v0"], decided(world, two))


def test_what_was_final_and_is_gone_is_forgotten() -> None:
    """At the next start at the latest."""
    world = begun()
    world.watches.append(Agreement(world.site))
    world.crash("v0")
    world.nodes["v0"].reported[Height(1)] = X

    with pytest.raises(Forgotten):
        world.start("v0")


# --- honesty ------------------------------------------------------------------------------------


def pairs(voice: Voice) -> dict[str, tuple[Statement, Statement]]:
    """Two statements of one validator that exclude each other."""
    others = [voice.prepare(4, 1, X)]
    proof = Certificate(Height(4), View(1), X, ())
    return {
        "E1": (voice.pre_prepare(4, 1, X), voice.pre_prepare(4, 1, Y)),
        "E2": (others[0], voice.prepare(4, 1, Y)),
        "E3": (voice.commit(4, 1, X), voice.commit(4, 1, Y)),
        "E4": (voice.view_change(4, 2), voice.view_change(4, 2, proof)),
        "E5": (voice.commit(4, 1, X), voice.view_change(4, 3)),
        "E6": (voice.prepare(4, 1, X), voice.commit(4, 1, Y)),
        "not byte for byte": (others[0], replace(others[0], signature=bytes(64))),
    }


@pytest.mark.parametrize("kind", ["E1", "E2", "E3", "E4", "E5", "E6", "not byte for byte"])
@pytest.mark.parametrize("turned", [False, True], ids=["in order", "turned round"])
def test_words_that_exclude_each_other_are_noticed(kind: str, turned: bool) -> None:  # noqa: FBT001 - a parameter
    """Of each of the six kinds, whichever comes first."""
    first, second = pairs(voices(begun())[0])[kind]
    if turned:
        first, second = second, first
    said = OneHeight()

    assert said.add(first) is None
    assert kind in (said.add(second) or "")


def test_an_honest_node_that_contradicts_itself_has_equivocated() -> None:
    """The law of the world says who and where."""
    world = begun()
    law = Honesty(world.site, frozenset(world.nodes))
    machine, voice = world.nodes["v0"], voices(world)[0]
    law._said[world.members.keys[0], Height(9)] = OneHeight()
    law._said[world.members.keys[0], Height(9)].add(voice.prepare(9, 0, X))

    with pytest.raises(Equivocation, match="v0 at height 9"):
        law.spoke(machine, voice.prepare(9, 0, Y))


def test_an_honest_seat_must_not_be_accused() -> None:
    """Whoever says it."""
    world = begun()
    law = Honesty(world.site, frozenset(world.nodes))
    note = Note("consensus.equivocation", {"signer": world.members.keys[1].hex()})

    with pytest.raises(Accusation, match="v0 accuses v1"):
        law.noted(world.nodes["v0"], note)


def test_what_is_on_no_disk_must_not_leave() -> None:
    """A promise that a power failure takes back."""
    world = begun()
    law = Honesty(world.site, frozenset(world.nodes))

    with pytest.raises(NotDurable, match="go unrecorded"):
        law.spoke(world.nodes["v0"], voices(world)[0].prepare(2, 0, X))


def test_what_is_not_recorded_must_not_be_signed() -> None:
    """Judged when the signer's file is written, before anything leaves."""
    world = begun()
    machine = world.nodes["v0"]
    Upward().watch_signer(machine)
    world.submit(machine, world.payment())

    def forget(batch: Batch) -> None:
        del batch

    machine.database.write = forget  # type: ignore[method-assign]  # a disk that lies

    with pytest.raises(NotDurable, match="unrecorded"):
        world.run(world.all_at(2))


@pytest.mark.parametrize("kind", ["proposal", "prepare", "commit", "change"])
def test_honest_words_need_their_reasons(kind: str) -> None:
    """A quorum of prepares, of view changes, a proposal, a proof."""
    world = begun()
    voice = voices(world)[0]
    law = Honesty(world.site, frozenset(world.nodes))
    claim = Certificate(Height(2), View(0), X, ())
    said: dict[str, Statement] = {
        "proposal": voice.pre_prepare(2, 2, X, (voice.view_change(2, 2),)),
        "prepare": voice.prepare(2, 0, X),
        "commit": voice.commit(2, 0, X),
        "change": voice.view_change(2, 1, claim),
    }
    statement = said[kind]
    height = law._said.setdefault((world.members.keys[0], Height(2)), OneHeight())
    height.add(statement)

    with pytest.raises(Unjustified):
        law.spoke(world.nodes["v0"], statement)


# --- machines -----------------------------------------------------------------------------------


@pytest.mark.parametrize("field", ["wish", "entered"])
def test_views_do_not_fall(field: str) -> None:
    """Within one life and one height."""
    world, law = begun(), Upward()
    machine = world.nodes["v0"]
    setattr(machine.alive.instance, field, View(3))
    law.stepped(machine)
    setattr(machine.alive.instance, field, View(2))

    with pytest.raises(WentBack):
        law.stepped(machine)


def test_a_prepared_view_does_not_fall() -> None:
    """Over restarts too."""
    world, law = begun(), Upward()
    machine = world.nodes["v0"]
    machine.alive.instance.prepared = Certificate(Height(2), View(3), X, ())
    law.stepped(machine)
    machine.alive.instance.prepared = None

    with pytest.raises(WentBack, match="was prepared in 3"):
        law.stepped(machine)


def test_a_start_below_what_was_said_has_gone_back() -> None:
    """The vote log was lost, and nobody noticed."""
    world, law = begun(), Upward()
    law.spoke(world.nodes["v0"], voices(world)[0].view_change(2, 4))

    with pytest.raises(WentBack, match="it had spoken in 2/4"):
        law.started(world.nodes["v0"])


def test_a_signers_memory_does_not_go_back() -> None:
    """Not even to what it held a moment ago."""
    world = begun()
    machine = world.nodes["v0"]
    before = machine.memory.read()
    assert before is not None
    world.submit(machine, world.payment())
    world.run(world.all_at(2))
    Upward().watch_signer(machine)

    with pytest.raises(WentBack, match="the signer of v0"):
        machine.memory.replace(before)


def test_one_more_than_the_bound_is_too_many() -> None:
    """Of view changes there is one per seat."""
    world, law = begun(), Bounds()
    machine, voice = world.nodes["v0"], voices(world)[0]
    now = machine.alive.instance
    for seat in range(4):
        now.view_changes[Seat(seat)] = voice.view_change(2, 1)
    law.stepped(machine)
    now.view_changes[Seat(4)] = voice.view_change(2, 1)

    with pytest.raises(Overgrown, match="5 view changes, at most 4"):
        law.stepped(machine)


def test_one_fetch_more_than_the_bound_is_too_many() -> None:
    """Four bodies at once."""
    world, law = begun(), Bounds()
    now = world.nodes["v0"].alive.instance
    wanted = {BlockId(bytes([n]) * 32): [Seat(1)] for n in range(limits.FETCHES_MAX)}
    now.wanted = wanted
    law.stepped(world.nodes["v0"])
    now.wanted = {**wanted, X: [Seat(1)]}

    with pytest.raises(Overgrown, match="5 fetches"):
        law.stepped(world.nodes["v0"])


def test_a_body_that_nothing_names_is_one_too_many() -> None:
    """The engine has dropped it, and a decision on it would end the process."""
    world, law = begun(), Bounds()
    law.stepped(world.nodes["v0"])
    world.nodes["v0"].alive.instance.bodies.add(X)

    with pytest.raises(Overgrown, match="1 bodies that nothing names"):
        law.stepped(world.nodes["v0"])


def test_a_stale_timer_must_do_nothing() -> None:
    """Of another height, or of a view that was left."""
    world, law = begun(), Timers()
    machine = world.nodes["v0"]
    stale = TimerFired(Height(1), View(0))
    law.firing(machine, stale)
    law.fired(machine, stale, Outbox())
    law.firing(machine, stale)
    machine.alive.instance.wish = View(1)

    with pytest.raises(StaleTimer):
        law.fired(machine, stale, Outbox())


def test_a_start_writes_nothing_and_finds_the_same_place_twice() -> None:
    """Otherwise a restart is not a restart."""
    world, law = begun(), Restarts()
    world.crash("v0")
    machine = world.nodes["v0"]
    law.began(machine)
    machine.start(world.now_ms)
    law.started(machine)
    law.began(machine)
    machine.database.write({b"\xffanything": b""})
    with pytest.raises(RestartDiffers, match="wrote to its disk"):
        law.started(machine)

    law.began(machine)
    machine.alive.instance.wish = View(1)
    with pytest.raises(RestartDiffers, match="v0 begins at"):
        law.started(machine)


def test_honest_nodes_do_not_refuse_each_other() -> None:
    """What is refused between them is a mistake of one of them."""
    world = begun()
    law = Courtesy(frozenset(world.nodes))
    message = voices(world)[1].prepare(2, 0, X)
    letter = Letter("v1", "v0", message, Phase.PREPARE, Height(2), View(0))

    with pytest.raises(Blamed, match="v0 refuses prepare of v1"):
        law.refused(world.nodes["v0"], letter, Malformed("anything"))


def test_what_is_written_is_read_back_as_the_same() -> None:
    """A message that no decoder takes, from an honest node."""
    world = begun()
    message = replace(voices(world)[0].commit(2, 0, X), seat=Seat(256))

    with pytest.raises(NotTheSame):
        world.speak("v0", None, message)


def test_a_process_that_ends_by_a_bug_is_told_from_a_disk_that_failed() -> None:
    """A failed sync is fate; an assertion is a finding."""
    world = begun()

    world.failed(world.nodes["v0"], StorageFault("the disk is full"))
    assert world.nodes["v0"].engine is None
    with pytest.raises(ProcessEnded, match="v1"):
        world.failed(world.nodes["v1"], AssertionError("impossible"))


def test_a_healed_network_that_stands_still_is_stuck() -> None:
    """Here it is cut off once more, and nothing comes of that."""
    schedule = Schedule(Plan(seed=1, profile="calm", validators=4), Faults())
    schedule.world.start()
    schedule.world.lets_through = lambda _: False

    with pytest.raises(Stuck, match="did not decide 1 within 5000 ms"):
        schedule._require(schedule.world.validators(), 1, 5_000)


def test_each_law_names_the_rules_that_it_guards() -> None:
    """But the end of a process, which is nobody's law."""
    laws = {law for law in Violation.__subclasses__() if law is not ProcessEnded}

    assert [law.__name__ for law in laws if not law.rules] == []
    assert ProcessEnded.rules == ()


def test_other_statements_are_no_contradiction() -> None:
    """Of other views, or the same again."""
    voice = voices(begun())[0]
    said, chance = OneHeight(), Random(1)
    fine: list[Prepare | Commit | ViewChange] = [
        voice.prepare(4, 0, X),
        voice.commit(4, 0, X),
        voice.view_change(4, 1, Certificate(Height(4), View(0), X, ())),
        voice.prepare(4, 1, X),
        voice.view_change(4, 2, Certificate(Height(4), View(0), X, ())),
    ]
    chance.shuffle(fine)

    assert [said.add(statement) for statement in [*fine, *fine]] == [None] * 10
