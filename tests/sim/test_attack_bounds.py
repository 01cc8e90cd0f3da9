"""The last view, timers that come too late, floods: whole engines at their bounds and beyond."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from msgspec.structs import replace

from consensus import events as on
from consensus.instance import Instance
from consensus.messages import ViewChange
from kit.attacks import Attack, isolated, sealed
from ledger.parameters import DEFAULTS
from node import wire
from node.outbox import HeartbeatDue, Outbox
from primitives import limits
from primitives.block import block_id
from primitives.domains import Domain
from primitives.errors import Malformed
from primitives.ids import VIEW_MAX, BlockId, Height, View
from sim.machine import Machine
from sim.watch import Watch


def instance(node: Machine) -> Instance:
    """The replica's state of the height at hand."""
    return node.alive.instance


# --- the last view ------------------------------------------------------------------------------


def driven_to_the_last_view() -> Attack:
    """f + 1 voices ask for it: the attacker's, and one that a script makes up for v2."""
    attack = Attack()
    attack.cut(isolated("v2"))
    last = [attack.voice(name).view_change(2, VIEW_MAX) for name in ("v3", "v2")]
    for change in last:
        attack.tell(change, "v0", "v1")
    attack.run(lambda: all(attack.nodes[v].alive.wish == VIEW_MAX for v in ("v0", "v1")))
    return attack


def test_one_voice_leads_nobody_to_the_last_view() -> None:
    """f members may ask for whatever they like (R27); what it costs is one view change kept."""
    attack = Attack()
    attack.tell(attack.voice().view_change(2, VIEW_MAX))
    attack.run_for(100)

    assert [node.alive.wish for node in attack.validators()] == [0, 0, 0]
    attack.submit(attack.nodes["v0"], attack.payment())
    attack.run(attack.all_at(2), limit_ms=1_000)


def test_the_timer_of_the_last_view_asks_for_nothing_more() -> None:
    """There is no view 2³¹: the node waits there, says where it stands, and takes a decision."""
    attack = driven_to_the_last_view()
    attack.run_for(3 * DEFAULTS.tmax_ms)

    assert [attack.nodes[v].alive.wish for v in ("v0", "v1")] == [VIEW_MAX, VIEW_MAX]
    views = {letter.view for letter in attack.ear.letters if isinstance(letter.message, ViewChange)}
    assert max(view for view in views if view is not None) == VIEW_MAX
    block = attack.block(attack.payment())
    voices = [attack.voice(name) for name in ("v1", "v2", "v3")]
    certificate = sealed(voices, Domain.COMMIT, 2, 0, block_id(block.header))
    attack.tell(wire.Decided(block, certificate), "v0", "v1")
    attack.run_for(20)
    assert attack.heads(2, "v0", "v1") == {block_id(block.header)}


@pytest.mark.parametrize("kind", ["prepare", "commit", "view change", "proposal", "status"])
def test_a_view_of_two_to_the_thirty_first_is_read_by_nobody(kind: str) -> None:
    """One more than the last: the decoder refuses it, whatever it is in."""
    attack = Attack()
    voice, name = attack.voice(), BlockId(bytes(32))
    attack.greet(2)
    greeting = attack.ear.letters[-1].message
    good: dict[str, wire.Wire] = {
        "prepare": voice.prepare(2, VIEW_MAX, name),
        "commit": voice.commit(2, VIEW_MAX, name),
        "view change": voice.view_change(2, VIEW_MAX),
        "proposal": wire.Proposed(voice.pre_prepare(2, VIEW_MAX, name), None),
        "status": replace(greeting, wish=VIEW_MAX),
    }
    at_limit = good[kind]
    assert wire.read(wire.write(at_limit)) == at_limit

    if isinstance(at_limit, wire.Proposed):
        beyond: wire.Wire = replace(
            at_limit, pre_prepare=replace(at_limit.pre_prepare, view=View(VIEW_MAX + 1))
        )
    else:
        field = "wish" if kind == "status" else "view"
        beyond = replace(at_limit, **{field: VIEW_MAX + 1})
    with pytest.raises(Malformed):
        wire.read(wire.write(beyond))


# --- timers that come too late ------------------------------------------------------------------


class Clockmaker(Watch):
    """Collects every timer that fired."""

    def __init__(self) -> None:
        self.fired_at: dict[str, list[on.Timed | HeartbeatDue]] = {}

    def firing(self, machine: Machine, timer: on.Timed | HeartbeatDue) -> None:
        self.fired_at.setdefault(machine.name, []).append(timer)


def test_no_timer_of_a_decided_height_has_an_effect() -> None:
    """Every timer that ever fired at a node, once more when its height is decided (R24)."""
    attack = Attack()
    clockmaker = Clockmaker()
    attack.watches.append(clockmaker)
    node = attack.nodes["v0"]
    attack.cut(lambda letter: letter.view == 0 and letter.height == 2)
    for height in (2, 3):
        attack.submit(attack.nodes["v1"], attack.payment())
        attack.run(attack.all_at(height), limit_ms=10_000)
    attack.run_for(DEFAULTS.tmax_ms)

    engine = node.alive
    old = [timer for timer in clockmaker.fired_at["v0"] if timer.height < engine.height]
    assert {type(timer) for timer in old} >= {on.IntervalOver, on.TimerFired}
    assert {timer.view for timer in old if isinstance(timer, on.TimerFired)} >= {0, 1}
    every = [*old, *(on.ClaimTimedOut(Height(height), View(1)) for height in (1, 2, 3))]
    before = (engine.height, engine.wish, engine.entered, node.database.contents())
    for timer in every:
        assert engine.fire(timer, attack.now_ms) == Outbox()
    assert (engine.height, engine.wish, engine.entered, node.database.contents()) == before


# --- floods -------------------------------------------------------------------------------------


def flood(attack: Attack, *, views: int) -> Iterator[wire.Wire]:
    """Everything that one member can say about height 2, in every view from 0 on, and about 3."""
    voice = attack.voice()
    for view in [*range(views), VIEW_MAX - 1, VIEW_MAX]:
        name = BlockId(view.to_bytes(32, "big"))
        yield voice.prepare(2, view, name)
        yield voice.commit(2, view, name)
        yield voice.prepare(2, view, BlockId(bytes(32)))
        if view:
            yield voice.view_change(2, view)
    for number in range(views):
        name = BlockId(number.to_bytes(32, "big"))
        yield voice.prepare(3, 0, name)
        yield voice.commit(3, 0, name)
        yield wire.Proposed(voice.pre_prepare(3, 0, name), None)
        yield wire.Fetch(name)


def test_a_flood_of_one_member_leaves_what_the_bounds_allow() -> None:
    """One vote per kept view, one view change, one proposal ahead: R42 and R43, and no more."""
    attack = Attack()
    attack.cut(lambda letter: letter.sender != "v3")
    kept = limits.VIEWS_AHEAD_KEPT + 1  # from wish 0 there is nothing behind
    for message in flood(attack, views=kept + 20):
        attack.tell(message, "v0")
    attack.run_for(20)

    now = instance(attack.nodes["v0"])
    assert now.wish == 0
    assert now.prepares.views() == now.commits.views() == tuple(range(kept))
    assert all(len(now.prepares.of(View(view))) == 1 for view in range(kept))
    assert {seat: change.view for seat, change in now.view_changes.items()} == {3: VIEW_MAX}
    assert now.proposals == {}
    assert now.wanted == {}
    attack.cut()
    attack.submit(attack.nodes["v0"], attack.payment())
    attack.run(attack.all_at(2), limit_ms=1_000)
    early = instance(attack.nodes["v0"])
    assert early.height == 3
    assert [vote.block_id for vote in early.prepares.of(View(0))] == [BlockId(bytes(32))]
    assert len(early.commits.of(View(0))) == len(early.proposals) == 1


def test_a_flood_of_proposals_of_its_own_views_is_not_kept() -> None:
    """Of each view that it leads, unjustified: refused before anything is remembered (R32)."""
    attack = Attack()
    led = [1 + 4 * number for number in range(20)]
    for view in led:
        name = BlockId(view.to_bytes(32, "big"))
        change = attack.voice().view_change(2, view)
        said = attack.voice().pre_prepare(2, view, name, (change, change, change))
        attack.tell(wire.Proposed(said, None), "v0")
    attack.run_for(20)

    assert len(attack.nodes["v0"].faults) == len(led)
    assert instance(attack.nodes["v0"]).proposals == {}


def test_a_quorum_of_view_changes_for_a_far_view_is_kept_once_per_member() -> None:
    """Three members that climb a thousand views: the highest of each is here, and nothing else."""
    attack = Attack()
    attack.cut(lambda letter: letter.sender != "v3")
    for view in range(1, 1_000, 37):
        for name in ("v1", "v2", "v3"):
            attack.tell(attack.voice(name).view_change(2, view), "v0")
    attack.run_for(50)

    now = instance(attack.nodes["v0"])
    assert now.wish == now.entered == 963
    assert sorted(now.view_changes) == [0, 1, 2, 3]
    assert now.prepares.views() == ()
    assert now.proposals == {}
