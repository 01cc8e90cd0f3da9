"""The signer keeps its order, repeats byte for byte, and remembers before it speaks (R35-R37)."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from kit.certified import signing_key
from kit.disks import MortalFile, PowerLoss
from node.signer import Refused, Request, Signer, place_of
from node.signer_memory import FORMAT, VERSION, Memory, Turn
from primitives import limits
from primitives.codec import decode, encode
from primitives.crypto import check_signature
from primitives.domains import Domain
from primitives.errors import Malformed, OperatorFault, StorageFault
from primitives.ids import (
    NO_VIEW,
    ZERO32,
    BlockId,
    ChainId,
    Height,
    Signature,
    TimeMs,
    ValidatorKey,
    View,
)
from primitives.statements import view_change_bytes, vote_bytes
from storage.decision import VoteStep

KEY = signing_key("a validator")
OWN = ValidatorKey(KEY.public)
CHAIN = ChainId(hashlib.sha256(b"chain").digest())
VC, PP, PR, CM = VoteStep


def block(name: str) -> BlockId:
    return BlockId(hashlib.sha256(name.encode()).digest())


def request(step: VoteStep, name: str = "X", *, height: int = 1, view: int = 0) -> Request:
    return Request(step=step, height=Height(height), view=View(view), block_id=block(name))


def ask(view: int, *, height: int = 1, prepared: int = -1, name: str = "X") -> Request:
    """A view change that claims a prepared block, or none."""
    return Request(
        step=VC,
        height=Height(height),
        view=View(view),
        block_id=block(name) if prepared >= 0 else BlockId(ZERO32),
        prepared_view=View(prepared),
    )


def new_signer() -> tuple[Signer, MortalFile]:
    file = MortalFile()
    Signer.create_memory(OWN, file)
    return Signer(KEY, file, CHAIN), file


def sign(signer: Signer, one: Request) -> Signature | Refused:
    (answer,) = signer.sign_all([one])
    return answer


def signed(*requests: Request) -> Signer:
    """A signer that has signed these."""
    signer, _ = new_signer()
    for answer in signer.sign_all(requests):
        assert not isinstance(answer, Refused), answer.reason
    return signer


@pytest.mark.parametrize(
    ("step", "domain"),
    [(PP, Domain.PRE_PREPARE), (PR, Domain.PREPARE), (CM, Domain.COMMIT)],
)
def test_each_step_is_signed_under_its_own_domain(step: VoteStep, domain: Domain) -> None:
    """And the signature is over chain, height, view and block."""
    signer = signed(request(PR, view=3)) if step is CM else new_signer()[0]

    answer = sign(signer, request(step, view=3))

    assert not isinstance(answer, Refused)
    statement = vote_bytes(domain, CHAIN, Height(1), View(3), block("X"))  # type: ignore[arg-type]  # one of the three
    check_signature(OWN, statement, answer)
    assert place_of(statement, CHAIN) == (1, 3, step)


@pytest.mark.parametrize("prepared", [-1, 0, 1])
def test_a_view_change_signs_its_claim(prepared: int) -> None:
    """The highest prepared view and its block; minus one and zeros for none."""
    signer, _ = new_signer()

    answer = sign(signer, ask(2, prepared=prepared))

    assert not isinstance(answer, Refused)
    claimed = block("X") if prepared >= 0 else BlockId(ZERO32)
    statement = view_change_bytes(CHAIN, Height(1), View(2), View(prepared), claimed)
    check_signature(OWN, statement, answer)
    assert place_of(statement, CHAIN) == (1, 2, VC)


REFUSED = {
    "another prepare of this view": ((request(PR),), request(PR, "Y")),
    "another pre-prepare of this view": ((request(PP),), request(PP, "Y")),
    "another commit of this view": ((request(PR), request(CM)), request(CM, "Y")),
    "another claim for this view": ((ask(1),), ask(1, prepared=0)),
    "a prepare of a lower view": ((request(PR, view=1),), request(PR)),
    "a prepare after asking for a higher view": ((ask(1),), request(PR)),
    "a commit after asking for a higher view": ((request(PR), ask(1)), request(CM)),
    "a pre-prepare after the prepare of its view": ((request(PR),), request(PP)),
    "a view change after the pre-prepare of its view": ((request(PP, view=1),), ask(1)),
    "a prepare of a lower height": ((request(PR, height=2),), request(PR, view=5)),
    "a commit without a prepare": ((), request(CM)),
    "a commit without a prepare of this view": ((request(PR),), request(CM, view=1)),
    "a commit without a prepare of this height": ((request(PR),), request(CM, height=2)),
    "a commit for another block than the prepare": ((request(PR),), request(CM, "Y")),
    "a claim below a commit": ((request(PR), request(CM)), ask(1)),
    "a claim below a commit of two views ago": (
        (request(PR, view=1), request(CM, view=1), ask(2, prepared=1)),
        ask(3, prepared=0),
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_contradicts_a_promise_is_refused(name: str) -> None:
    """The reason is said, nothing is signed, the memory stays as it was."""
    before, contradiction = REFUSED[name]
    signer = signed(*before)
    top = signer.top

    answer = sign(signer, contradiction)

    assert isinstance(answer, Refused)
    assert answer.reason
    assert signer.top == top


def test_a_commit_of_an_earlier_height_binds_no_claim_of_this_one() -> None:
    """Views begin anew with each height."""
    signer = signed(request(PR, view=4), request(CM, view=4))

    assert not isinstance(sign(signer, ask(1, height=2)), Refused)


def test_the_four_of_the_highest_view_are_repeated_byte_for_byte() -> None:
    """In any order, after a restart too, and without another write."""
    four = [ask(1, prepared=0), request(PP, view=1), request(PR, view=1), request(CM, view=1)]
    signer, file = new_signer()
    first = signer.sign_all(four)
    assert not any(isinstance(answer, Refused) for answer in first)
    writes = file.replacements

    again = Signer(KEY, file, CHAIN)

    assert [sign(again, one) for one in reversed(four)] == first[::-1]
    assert file.replacements == writes


def test_a_step_is_one_write() -> None:
    """All signatures of a step are remembered at once."""
    signer, file = new_signer()

    signer.sign_all([ask(1), request(PP, view=1), request(PR, view=1)])

    assert file.replacements == 1


@pytest.mark.parametrize("when", ["before", "after"])
def test_nothing_is_signed_when_the_memory_may_not_be_durable(when: str) -> None:
    """It goes up, and the signer of this run never signs again, not even a repeat (R38)."""
    signer, file = new_signer()

    def danger(point: str) -> None:
        if point.startswith(when):
            raise PowerLoss(point)

    file.danger = danger
    with pytest.raises(PowerLoss):
        signer.sign_all([request(PR)])
    file.danger = lambda _: None

    assert isinstance(sign(signer, request(PR)), Refused)
    assert isinstance(sign(signer, request(PR, view=1)), Refused)
    assert signer.muted is not None
    again = Signer(KEY, file, CHAIN)
    knows = again.top is not None
    assert knows is (when == "after")


def test_without_its_memory_a_signer_signs_nothing_and_makes_no_new_one() -> None:
    """Whoever lost the file cannot know what was promised (R50)."""
    file = MortalFile(None)
    signer = Signer(KEY, file, CHAIN)

    answer = sign(signer, request(PR))

    assert isinstance(answer, Refused)
    assert signer.muted == answer.reason
    assert file.read() is None


def test_the_memory_is_made_once() -> None:
    """A second command does not make a new one over it."""
    _, file = new_signer()

    with pytest.raises(OperatorFault):
        Signer.create_memory(OWN, file)


def memory_bytes(**fields: object) -> bytes:
    values: dict[str, object] = {
        "format": FORMAT,
        "version": VERSION,
        "key": OWN,
        "height": 0,
        "view": 0,
        "signed": (),
        "committed_view": -1,
        "sign_from": 0,
        "forgotten": 0,
        "story": (),
        **fields,
    }
    return encode(Memory(**values))  # type: ignore[arg-type]  # as given


def first_version(**fields: object) -> bytes:
    """The same as version 1 had it."""
    data = memory_bytes(version=1, **fields) if "version" not in fields else memory_bytes(**fields)
    return encode(tuple(decode(data, tuple[Any, ...], limit=len(data))[:7]))


@pytest.mark.parametrize(
    "data",
    [
        memory_bytes(view=-1),
        memory_bytes() + b"\0",
        b"",
        memory_bytes()[:-1],
        bytes(limits.SIGNER_MEMORY_BYTES_MAX + 1),
    ],
)
def test_a_damaged_memory_is_a_lost_one(data: bytes) -> None:
    """The node does not end: it follows, signs nothing, and leaves the file as it is (R50)."""
    file = MortalFile(data)
    signer = Signer(KEY, file, CHAIN)

    answer = sign(signer, request(PR))

    assert isinstance(answer, Refused)
    assert signer.is_fenced
    assert answer.reason.startswith("the signer's memory is damaged: ")
    assert file.read() == data


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (memory_bytes(key=ValidatorKey(bytes(32))), "is of key"),
        (memory_bytes(format="mithaq.other"), "expected mithaq.signer 2"),
        (memory_bytes(version=3), "mithaq.signer 3"),
        (first_version(version=2), "expected mithaq.signer 1"),
        (first_version(key=ValidatorKey(bytes(32))), "is of key"),
    ],
)
def test_a_memory_that_is_not_this_signers_is_refused(data: bytes, words: str) -> None:
    """Another key's, another format's, a newer version's: nothing is lost, so nothing is made."""
    with pytest.raises(StorageFault, match=words):
        Signer(KEY, MortalFile(data), CHAIN)


def test_the_fullest_memory_fits_its_limit() -> None:
    """Four statements of the highest view of the highest height."""
    top = 2**31 - 1
    signer, file = new_signer()
    four = [
        ask(top, height=2**63 - 1, prepared=top - 1),
        *(request(step, height=2**63 - 1, view=top) for step in (PP, PR, CM)),
    ]
    words = "\N{GOTHIC LETTER HWAIR}" * (limits.SIGNER_WORDS_MAX + 1)

    answers = signer.sign_all(four)
    signer.forget_up_to(Height(2**63 - 2))
    for _ in range(limits.SIGNER_STORY_MAX):
        signer.silence(Turn.FENCED, words, TimeMs(2**63 - 1))
        signer.sign_again(Turn.UNFENCED, Height(2**63 - 1), words, TimeMs(2**63 - 1))

    assert not any(isinstance(answer, Refused) for answer in answers)
    assert len(signer.story) == limits.SIGNER_STORY_MAX
    assert signer.story[-1].words == words[: limits.SIGNER_WORDS_MAX]
    again = Signer(KEY, file, CHAIN)
    assert (again.story, again.top, again.muted) == (signer.story, signer.top, None)


def test_below_the_height_to_sign_from_nothing_is_signed() -> None:
    """Not even a repeat; from it on, everything as ever. The file keeps it (R51)."""
    signer, file = new_signer()
    signer.sign_all([request(PR, height=3)])
    signer.silence(Turn.FENCED, "an old memory", TimeMs(1))
    silent = sign(signer, request(PR, height=9))
    signer.sign_again(Turn.RETURNED, Height(7), "three answered", TimeMs(2))

    for one in (signer, Signer(KEY, file, CHAIN)):
        for height in (3, 6):
            assert sign(one, request(PR, height=height)) == Refused(f"height {height} is below 7")

    assert silent == Refused("an old memory")
    assert not isinstance(sign(signer, request(PR, height=7)), Refused)
    assert not signer.waits


def test_a_fork_silences_for_good() -> None:
    """Nobody gives a height after that, not even to one that waits for its own (R51)."""
    signer, file = new_signer()
    signer.silence(Turn.FENCED, "an old memory", TimeMs(1))
    signer.sign_again(Turn.RETURNED, Height(9), "three answered", TimeMs(2))
    assert signer.can_return
    signer.silence(Turn.FORKED, "two blocks", TimeMs(3))

    again = Signer(KEY, file, CHAIN)

    assert sign(again, request(PR)) == Refused("two blocks")
    assert (again.is_fenced, again.is_cloned, again.can_return) == (False, False, False)


def test_a_mute_signer_gives_its_first_reason() -> None:
    """Later ones do not cover up why it fell silent."""
    signer = signed(request(PR))

    signer.mute("one")
    signer.mute("two")

    assert sign(signer, request(PR)) == Refused("one")


@dataclass
class Model:
    """The rules of consensus.md §7, as they stand there."""

    said: dict[tuple[int, int, VoteStep], tuple[str, int]] = field(default_factory=dict)

    def allows(self, one: Request, name: str) -> bool:
        place = (one.height, one.view, one.step)
        content = (name, one.prepared_view)
        top = max(self.said, default=None)
        if top is not None and place[:2] == top[:2] and place in self.said:
            return self.said[place] == content
        if top is not None and place <= top:
            return False
        if one.step is CM:
            prepare = self.said.get((one.height, one.view, PR))
            return prepare is not None and prepare[0] == name
        if one.step is VC:
            committed = [v for h, v, step in self.said if h == one.height and step is CM]
            return one.prepared_view >= max(committed, default=-1)
        return True


class SignerMachine(RuleBasedStateMachine):
    """A signer that is asked anything, and restarted at any time, against the rules."""

    def __init__(self) -> None:
        super().__init__()
        self.signer, self.file = new_signer()
        self.model = Model()

    @rule(
        step=st.sampled_from(list(VoteStep)),
        height=st.integers(1, 3),
        view=st.integers(0, 3),
        name=st.sampled_from(["X", "Y"]),
        claim=st.integers(-1, 2),
    )
    def asked(self, step: VoteStep, height: int, view: int, name: str, claim: int) -> None:
        if step is VC:
            name = name if claim >= 0 else "none"
            one = ask(view, height=height, prepared=claim, name=name)
        else:
            one = request(step, name, height=height, view=view)

        answer = sign(self.signer, one)

        assert (not isinstance(answer, Refused)) is self.model.allows(one, name), answer
        if not isinstance(answer, Refused):
            self.model.said[height, View(view), step] = (name, one.prepared_view)

    @rule()
    def restarted(self) -> None:
        self.signer = Signer(KEY, self.file, CHAIN)

    @invariant()
    def remembers_its_top_on_disk(self) -> None:
        data = self.file.read()
        assert data is not None
        memory = decode(data, Memory, limit=limits.SIGNER_MEMORY_BYTES_MAX)
        top = max(self.model.said, default=None)
        known = (memory.height, memory.view, memory.signed[-1].step) if memory.signed else None
        assert known == top == self.signer.top


TestSignerAgainstItsRules = SignerMachine.TestCase
TestSignerAgainstItsRules.settings = settings(max_examples=60, stateful_step_count=30)


@pytest.mark.parametrize("cut", [0, 10, 43])
def test_what_is_no_statement_of_this_chain_has_no_place(cut: int) -> None:
    """Too short, of another chain, or under a foreign tag."""
    statement = vote_bytes(Domain.PREPARE, CHAIN, Height(1), View(0), block("X"))
    tag = len(Domain.PREPARE.tag)

    with pytest.raises(Malformed):
        place_of(statement[: tag + cut], CHAIN)
    with pytest.raises(Malformed):
        place_of(statement, ChainId(bytes(32)))
    with pytest.raises(Malformed):
        place_of(Domain.BLOCK.tag + statement[tag:], CHAIN)
    assert place_of(statement, CHAIN)[1] > NO_VIEW
