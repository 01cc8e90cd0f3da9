"""When a fence opens by itself: who counts, and from which height on (rule R51)."""

from __future__ import annotations

from dataclasses import replace as with_fields

import pytest
from msgspec.structs import replace

from consensus.messages import Status
from kit.disks import MortalFile
from kit.engines import begun
from node.execution import Parent, read_parent
from node.fence import Fence
from node.guard import Guard
from node.outbox import Note
from node.signer import Signer
from node.verify import Gate
from primitives.crypto import ED25519
from primitives.domains import Domain
from primitives.ids import BlockId, Height, TimeMs, ValidatorKey, View
from primitives.statements import Witness, vote_bytes
from primitives.validators import ValidatorSet

NOW = TimeMs(1_790_000_000_000)


class Scene:
    """A fenced member of n validators, whose newest block is `newest`."""

    def __init__(self, validators: int = 4, *, newest: int = 10) -> None:
        self.network = begun(validators)
        self.node, *others = self.network.validators()
        self.others = [ValidatorKey(self.network.voice(other).key.public) for other in others]
        self.voice = self.network.voice(self.node)
        self.own = ValidatorKey(self.voice.key.public)
        self.fence = Fence(self.own)
        self.said: Status = self.node.alive.instance.status()
        head = self.node.store.head()
        with self.node.store.state() as state:
            parent = read_parent(state, self.network.chain, head.header, head.block_id)
        self.parent: Parent = with_fields(parent, height=Height(newest + 1))

    def status(self, height: int, *, signs: bool = True) -> Status:
        return replace(self.said, height=Height(height), signs=signs)

    def answer(self, *heights: int, signs: bool = True) -> Height | None:
        """Others answer in turn; from which height on it may sign."""
        for key, height in zip(self.others, heights, strict=False):
            self.fence.hear(key, self.status(height, signs=signs))
        return self.fence.height_to_sign_from(self.parent)


@pytest.mark.parametrize("newest", [0, 1, 10])
def test_the_height_is_three_above_the_newest_block(newest: int) -> None:
    """t + 3: at t + 1 and t + 2 it may have voted."""
    scene = Scene(newest=newest)

    assert scene.answer(newest, newest + 1, newest + 1) == newest + 3


@pytest.mark.parametrize(("validators", "needed"), [(4, 3), (5, 4), (7, 5), (10, 7)])
def test_a_quorum_of_others_is_needed(validators: int, needed: int) -> None:
    """One less shares too few with those who may have decided."""
    scene = Scene(validators)

    assert scene.answer(*[11] * (needed - 1)) is None
    assert scene.answer(*[11] * needed) == 13
    assert scene.fence.answered(scene.parent) == scene.fence.needed(scene.parent) == needed


@pytest.mark.parametrize("validators", [1, 2, 3])
def test_with_f_of_zero_no_answers_are_enough(validators: int) -> None:
    """All others together are no quorum of others."""
    scene = Scene(validators)

    assert scene.answer(*[11] * (validators - 1)) is None


def test_an_answer_counts_when_what_it_claims_is_proved() -> None:
    """It is kept until then; of several of one validator the lowest is enough."""
    scene = Scene(newest=10)

    assert scene.answer(11, 11, 12) is None
    scene.parent = with_fields(scene.parent, height=Height(12))
    assert scene.answer() == 14
    scene.parent = with_fields(scene.parent, height=Height(11))
    assert scene.answer(10**9, 10**9, 11) == 13


def test_who_says_that_it_does_not_sign_does_not_count() -> None:
    """Until it does."""
    scene = Scene()

    assert scene.answer(11, 11, 11, signs=False) is None
    assert scene.answer(11, 11) is None
    assert scene.answer(11, 11, 11) == 13


def test_only_others_count() -> None:
    """Not itself, and no stranger."""
    scene = Scene()
    scene.answer(11, 11)

    for key in (scene.own, ValidatorKey(bytes(32))):
        scene.fence.hear(key, scene.status(11))

    assert scene.fence.height_to_sign_from(scene.parent) is None


def test_only_validators_of_the_height_after_the_next_count() -> None:
    """Those of t + 2, whose decision its vote at t + 3 would have needed."""
    scene = Scene()
    newcomer = ValidatorKey(b"n" * 32)
    after = ValidatorSet.of([scene.own, *scene.others[:2], newcomer])
    scene.parent = with_fields(scene.parent, next_validators=after)

    assert scene.answer(11, 11, 11) is None
    scene.fence.hear(newcomer, scene.status(11))

    assert scene.fence.height_to_sign_from(scene.parent) == 13


def test_answers_can_be_forgotten() -> None:
    """Then all must answer anew."""
    scene = Scene()
    scene.answer(11, 11, 11)

    scene.fence.forget_answers()

    assert scene.answer() is None
    assert scene.answer(11, 11, 11) == 13


def test_what_more_than_f_others_claim_is_certainly_decided() -> None:
    """One claim may be a lie; a claim is the height that is being decided."""
    scene = Scene(newest=10)

    scene.answer(10**9, signs=False)
    one = scene.fence.certainly_decided(scene.parent)
    scene.answer(10**9, 21, 15, signs=False)
    two = scene.fence.certainly_decided(scene.parent)

    assert (one, two) == (10, 20)
    assert Scene(1).fence.certainly_decided(Scene(1).parent) == 10


def test_no_height_is_taken_that_is_not_above_what_was_shown() -> None:
    """A vote of ours at 13 means that block 12 exists: it waits until that is here."""
    scene = Scene(newest=10)
    notes: list[Note] = []
    memory = MortalFile(None)
    signer = Signer(scene.voice.key, memory, scene.network.chain)
    gate = Gate(scene.network.chain, ED25519)
    guard = Guard(signer, scene.node.store, gate, notes.append)
    statement = vote_bytes(
        Domain.PREPARE, scene.network.chain, Height(13), View(0), BlockId(b"x" * 32)
    )
    guard.hear_own(Witness(statement, scene.voice.key.sign(statement)), NOW)

    for key in scene.others:
        guard.hear_answer(key, scene.status(11), scene.parent, NOW)
    early = memory.read()
    guard.look_for_way_back(with_fields(scene.parent, height=Height(12)), NOW)

    assert early is None
    assert signer.sign_from == 14
    assert [note.event for note in notes] == ["signer.returns"]
