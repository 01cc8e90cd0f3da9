"""Every well-formed lie, told to whole engines: nobody votes for it, and the chain goes on.

The lies are those of sim/byzantine (each field of a justification in turn, another known block, a
swapped signer, one element dropped …); here each is told by itself, at the moment that suits it,
and never the truth beside it. A few are true enough; they are listed, with the reason. What stands
against the lies about a proposal is R4, R12, R13, R14, R16, R17 and R32.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest
from msgspec.structs import replace

from consensus.messages import Prepare, ViewChange
from kit.attacks import Attack, isolated, kept_from
from ledger.parameters import DEFAULTS
from node import wire
from primitives.block import Block, block_id
from primitives.ids import BlockId, Height, Seat
from sim.byzantine.false_proposals import Forger
from sim.byzantine.lies import Lies, lies_about
from sim.byzantine.notebook import Notebook
from sim.letters import Letter, Phase


@dataclass
class Scene:
    """A moment at which the attacker's word is waited for."""

    attack: Attack
    true: wire.Proposed
    fresh: Block | None
    proved: BlockId | None = None

    def lies(self) -> Lies:
        known = Notebook()
        for letter in self.attack.ear.letters:
            known.note(letter.message)
        known.note(self.true)
        return Forger(self.attack.voice(), known).lies(self.true, self.fresh)


def proposes_at_view_0() -> Scene:
    """Height 3 is the attacker's to propose at."""
    attack = Attack()
    attack.submit(attack.nodes["v0"], attack.payment())
    attack.run(attack.all_at(2))
    block = attack.block(attack.payment())
    said = attack.voice().pre_prepare(3, 0, block_id(block.header))
    return Scene(attack, wire.Proposed(said, wire.FullBody(block)), None)


def asked_for_view_1(lost: Phase) -> Attack:
    """View 0 of height 2 ran out over letters that were lost; v1 has prepared nothing."""
    attack = Attack()
    attack.cut(
        lambda letter: letter.phase is lost and letter.height == 2 and letter.view == 0,
        kept_from("v1", Phase.PREPARE, height=2),
    )
    attack.submit(attack.nodes["v2"], attack.payment())
    attack.run_for(DEFAULTS.t0_ms + 300)
    return attack


def changes_heard(
    attack: Attack, *seats: int, height: int = 2, view: int = 1
) -> tuple[ViewChange, ...]:
    heard = {
        letter.message.seat: letter.message
        for letter in attack.ear.letters
        if isinstance(letter.message, ViewChange) and (letter.height, letter.view) == (height, view)
    }
    heard[attack.voice().seat] = attack.voice().view_change(height, view)
    return tuple(heard[Seat(seat)] for seat in seats)


def proposes_a_fresh_block_at_view_1() -> Scene:
    """Nobody prepared anything: three view changes without a claim, its own among them."""
    attack = asked_for_view_1(Phase.PRE_PREPARE)
    block = attack.block(attack.payment(), view=1)
    changes = changes_heard(attack, 0, 1, 3)
    said = attack.voice().pre_prepare(2, 1, block_id(block.header), changes)
    other = attack.block(attack.payment(), view=1, later_ms=1)
    return Scene(attack, wire.Proposed(said, wire.FullBody(block)), other)


def again(attack: Attack, changes: tuple[ViewChange, ...]) -> wire.Proposed:
    """The highest claim's block, justified as it should be."""
    top = max(changes, key=lambda change: change.prepared_view)
    bare = tuple(replace(change, prepared=None) for change in changes)
    said = attack.voice().pre_prepare(top.height, top.view, top.prepared_id, bare, top.prepared)
    return wire.Proposed(said, wire.FullBody(attack.blocks[top.prepared_id]))


def proposes_the_proved_block(*seats: int) -> Scene:
    """v0 and v2 claim the block of view 0; v1 and the attacker claim nothing."""
    attack = asked_for_view_1(Phase.COMMIT)
    true = again(attack, changes_heard(attack, *seats))
    fresh = attack.block(attack.payment(), view=1)
    return Scene(attack, true, fresh, true.pre_prepare.block_id)


def proposes_the_higher_of_two_claims() -> Scene:
    """v0 prepared X in view 0, v1 alone prepared Y in view 1; view 2 is the attacker's."""
    attack = Attack()
    for height in range(2, 5):
        attack.submit(attack.nodes["v0"], attack.payment())
        attack.run(attack.all_at(height))

    def prepared_by_one(letter: Letter) -> bool:
        knows = {0: "v0", 1: "v1"}.get(letter.view or 0)
        return letter.phase is Phase.PREPARE and letter.height == 5 and letter.receiver != knows

    attack.cut(
        prepared_by_one,
        lambda letter: letter.phase is Phase.COMMIT and letter.height == 5,
        lambda letter: (
            letter.phase is Phase.VIEW_CHANGE
            and isinstance(letter.message, ViewChange)
            and (letter.message.seat, letter.view, letter.receiver) == (0, 1, "v2")
        ),
    )
    attack.submit(attack.nodes["v1"], attack.payment())
    attack.run_for(DEFAULTS.t0_ms)
    attack.tell(attack.voice().view_change(5, 1))
    attack.run_for(DEFAULTS.t0_ms + 400)
    changes = changes_heard(attack, 0, 1, 3, height=5, view=2)
    assert [change.prepared_view for change in changes] == [0, 1, -1]
    true = again(attack, changes)
    return Scene(attack, true, attack.block(attack.payment(), view=2), true.pre_prepare.block_id)


SCENES: dict[str, Callable[[], Scene]] = {
    "view 0": proposes_at_view_0,
    "view 1, fresh": proposes_a_fresh_block_at_view_1,
    "view 1, proved by one of three": lambda: proposes_the_proved_block(1, 2, 3),
    "view 1, proved by two of four": lambda: proposes_the_proved_block(0, 1, 2, 3),
    "view 2, two claims": proposes_the_higher_of_two_claims,
}
BODY_AT_HAND = {
    "proposal: no body",
    "proposal: a hash dropped",
    "proposal: body: a transaction dropped",
    "proposal: body: a transaction twice",
    "proposal: body: another block",
    "proposal: body: another's transactions",
}
"""The block is held from view 0: nobody looks at what is sent beside its name."""
BESIDE_THE_HIGHEST = {"justification: own claim invented"}
"""Another claim for the view of the highest proved one: one of them is proved, and proposed."""
STILL_A_QUORUM = {"justification: one dropped", "justification: one twice for another"}
"""Three of four."""
TRUE_ENOUGH: dict[str, set[str]] = {
    "view 0": set(),
    "view 1, fresh": set(),
    "view 1, proved by one of three": BODY_AT_HAND | BESIDE_THE_HIGHEST,
    "view 1, proved by two of four": BODY_AT_HAND | BESIDE_THE_HIGHEST | STILL_A_QUORUM,
    "view 2, two claims": BODY_AT_HAND | BESIDE_THE_HIGHEST,
}
LIES = {
    "view 0": 25,
    "view 1, fresh": 40,
    "view 1, proved by one of three": 55,
    "view 1, proved by two of four": 55,
    "view 2, two claims": 60,
}


def prepares(attack: Attack, since: int) -> int:
    return sum(
        isinstance(letter.message, Prepare) and letter.message.seat == int(letter.sender[1:])
        for letter in attack.ear.letters[since:]
        if letter.sender in attack.nodes
    )


@pytest.mark.parametrize("name", SCENES)
def test_the_truth_gets_every_vote(name: str) -> None:
    """Else nothing is shown by the silence about the lies."""
    scene = SCENES[name]()
    since = len(scene.attack.ear.letters)

    scene.attack.tell(scene.true)
    scene.attack.run_for(50)

    assert prepares(scene.attack, since) == 9, "three prepare, to three each"


@pytest.mark.parametrize("name", SCENES)
def test_no_lie_about_a_proposal_gets_a_vote(name: str) -> None:
    """One world for each: silence within the view, and the next one decides."""
    names = sorted(SCENES[name]().lies())
    believed = set()
    for lie in names:
        scene = SCENES[name]()
        attack, height = scene.attack, scene.true.pre_prepare.height
        since = len(attack.ear.letters)
        attack.tell(scene.lies()[lie])
        attack.run_for(200)
        if prepares(attack, since):
            believed.add(lie)
        attack.cut()
        attack.submit(attack.nodes["v1"], attack.payment())
        attack.run(attack.all_at(height), limit_ms=10_000)
        decided = attack.heads(height)
        assert len(decided) == 1, lie
        if scene.proved is not None:
            assert decided == {scene.proved}, lie
        assert {culprit for culprit, _ in attack.ear.cases()} <= {"v3"}, lie

    assert believed == TRUE_ENOUGH[name] & set(names)
    assert len(names) >= LIES[name]
    assert name != "view 2, two claims" or "fresh: a lower claim" in names


# --- votes, view changes, decisions -------------------------------------------------------------


def told_each(
    scene: Callable[[], tuple[Attack, wire.Wire]],
    believes: Callable[[Attack], bool],
    *receivers: str,
) -> tuple[set[str], int]:
    """Which lies about a message work as the message would, and how many there are."""
    attack, true = scene()
    attack.tell(true, *receivers)
    attack.run_for(50)
    assert believes(attack), "the truth has no effect"
    known = Notebook()
    for letter in attack.ear.letters:
        known.note(letter.message)
    names = sorted(lies_about(true, known, attack.voice()))
    believed = set()
    for lie in names:
        attack, true = scene()
        attack.tell(lies_about(true, known, attack.voice())[lie], *receivers)
        attack.run_for(50)
        if believes(attack):
            believed.add(lie)
        attack.cut()
        attack.run(attack.all_at(2), limit_ms=10_000)
        assert len(attack.heads(2)) == 1, lie
        assert {culprit for culprit, _ in attack.ear.cases()} <= {"v3"}, lie
    return believed, len(names)


def lacking_a_prepare() -> tuple[Attack, wire.Wire]:
    """v2 proposed and fell silent; v0 and v1 lack one prepare."""
    attack = Attack()
    attack.cut(
        lambda letter: letter.sender == "v2" and letter.phase is not Phase.PRE_PREPARE,
        kept_from("v2", Phase.PREPARE, height=2),
    )
    attack.submit(attack.nodes["v2"], attack.payment())
    attack.run_for(150)
    return attack, attack.voice().prepare(2, 0, proposed(attack))


def lacking_a_commit() -> tuple[Attack, wire.Wire]:
    """v0 and v1 committed, v2's commit is lost; they lack one."""
    attack = Attack()
    attack.cut(
        lambda letter: letter.sender == "v2" and letter.phase is Phase.COMMIT,
        kept_from("v2", Phase.COMMIT, height=2),
    )
    attack.submit(attack.nodes["v2"], attack.payment())
    attack.run_for(150)
    return attack, attack.voice().commit(2, 0, proposed(attack))


def lacking_a_view_change() -> tuple[Attack, wire.Wire]:
    """v0 and v1 ask for view 1, and do not time it: two are no quorum."""
    attack = Attack()
    attack.cut(isolated("v2"))
    attack.submit(attack.nodes["v0"], attack.payment())
    attack.run_for(DEFAULTS.t0_ms + 250)
    return attack, attack.voice().view_change(2, 1)


def lacking_a_decision() -> tuple[Attack, wire.Wire]:
    """The others decided while v0 was away."""
    attack = Attack()
    attack.cut(isolated("v0"))
    attack.submit(attack.nodes["v2"], attack.payment())
    attack.run_for(150)
    attack.vote(proposed(attack), 2, 0)
    attack.run(attack.all_at(2, [attack.nodes["v1"], attack.nodes["v2"]]))
    attack.cut(lambda letter: letter.receiver == "v0" and letter.sender != "v3")
    store = attack.nodes["v1"].store
    certificate = store.certificate(Height(2))
    assert certificate is not None
    return attack, wire.Decided(store.block(Height(2)), certificate)


def proposed(attack: Attack) -> BlockId:
    return next(
        letter.message.pre_prepare.block_id
        for letter in attack.ear.letters
        if isinstance(letter.message, wire.Proposed) and letter.height == 2
    )


def test_no_lie_in_a_prepare_prepares_anybody() -> None:
    """Two prepares and anything else are no certificate (R4, R19, R20)."""
    believed, count = told_each(
        lacking_a_prepare,
        lambda attack: attack.ear.count("v0", Phase.COMMIT, height=2) > 0,
    )

    assert believed == set()
    assert count >= 9


def test_no_lie_in_a_commit_decides_anything() -> None:
    """Two commits and anything else are no certificate (R4, R20, R21)."""
    believed, count = told_each(
        lacking_a_commit, lambda attack: attack.nodes["v0"].height == 2, "v0", "v1"
    )

    assert believed == set()
    assert count >= 9


def test_no_lie_in_a_view_change_starts_a_view_but_those_that_ask_higher() -> None:
    """Who asks for a later view asks for this one as well (R28); the claim must be proved (R26)."""
    believed, count = told_each(
        lacking_a_view_change, lambda attack: attack.nodes["v0"].alive.entered == 1
    )

    assert believed == {"view change: view +1", "view change: view far"}
    assert count >= 6


def test_no_lie_in_a_decision_is_taken() -> None:
    """Whose certificate, or whose body, is not that of a quorum's block (R4, R22, R32)."""
    believed, count = told_each(
        lacking_a_decision, lambda attack: attack.nodes["v0"].height == 2, "v0"
    )

    assert believed == set()
    assert count >= 14
