"""The guard: lost memory, clones, forks. Whoever shows us our own words must have them right."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from msgspec.structs import replace

from consensus.messages import PrePrepare
from kit.disks import MortalFile
from kit.engines import begun
from kit.spoken import Voice, certificate_by
from node.guard import Guard
from node.outbox import Note
from node.signer import Place, Request, Signer, place_of
from node.signer_memory import Turn
from node.verify import Gate
from node.witnesses import Witnesses
from primitives.crypto import ED25519
from primitives.domains import Domain
from primitives.errors import BadSignature, Malformed
from primitives.ids import (
    BlockId,
    ChainId,
    Height,
    Seat,
    Signature,
    TimeMs,
    ValidatorKey,
    View,
)
from primitives.statements import VoteDomain, Witness, view_change_bytes, vote_bytes
from storage.decision import VoteStep

NOW = TimeMs(1_790_000_000_000)
X, Y = BlockId(b"x" * 32), BlockId(b"y" * 32)


class Watch:
    """A guard over a signer that has prepared X and committed to it at 7/3."""

    def __init__(self, *, restarted: bool = False) -> None:
        network = begun(1)
        node = network.validators()[0]
        self.chain = network.chain
        self.voice: Voice = network.voice(node)
        self.key = ValidatorKey(self.voice.key.public)
        self.notes: list[Note] = []
        self.memory = MortalFile()
        Signer.create_memory(self.key, self.memory)
        self.signer = Signer(self.voice.key, self.memory, self.chain)
        self.signer.sign_all(
            [
                Request(step=step, height=Height(7), view=View(3), block_id=X)
                for step in (VoteStep.PREPARE, VoteStep.COMMIT)
            ]
        )
        if restarted:
            self.signer = self.again()
        self.guard = Guard(self.signer, node.store, Gate(self.chain, ED25519), self.notes.append)

    def again(self) -> Signer:
        """The signer of the next run."""
        return Signer(self.voice.key, self.memory, self.chain)

    def witness(self, domain: VoteDomain, height: int, view: int, block_id: BlockId = X) -> Witness:
        statement = vote_bytes(domain, self.chain, Height(height), View(view), block_id)
        return Witness(statement, self.voice.key.sign(statement))

    def hear(self, *witnesses: Witness) -> list[str]:
        """What it notes when it meets these."""
        for witness in witnesses:
            self.guard.hear_own(witness, NOW)
        return [note.event for note in self.notes]


@pytest.mark.parametrize(
    ("domain", "height", "view", "block_id"),
    [
        (Domain.COMMIT, 7, 3, X),
        (Domain.PREPARE, 7, 3, X),
        (Domain.COMMIT, 7, 2, Y),
        (Domain.PREPARE, 6, 9, Y),
    ],
)
def test_what_the_signer_remembers_or_cannot_tell_is_no_alarm(
    domain: VoteDomain, height: int, view: int, block_id: BlockId
) -> None:
    """The statements of its highest view, and whatever lies below it."""
    for restarted in (False, True):
        watch = Watch(restarted=restarted)

        assert watch.hear(watch.witness(domain, height, view, block_id)) == []
        assert watch.signer.muted is None


UNKNOWN = [
    (Domain.PREPARE, 7, 4, X),
    (Domain.PREPARE, 8, 0, X),
    (Domain.COMMIT, 7, 3, Y),
    (Domain.PREPARE, 7, 3, Y),
    (Domain.PRE_PREPARE, 7, 3, X),
]


@pytest.mark.parametrize(("domain", "height", "view", "block_id"), UNKNOWN)
def test_who_has_signed_in_this_run_and_meets_a_statement_it_does_not_know_is_cloned(
    domain: VoteDomain, height: int, view: int, block_id: BlockId
) -> None:
    """Above its top, or in its highest view and unknown: somebody else has the key (R52)."""
    watch = Watch()

    noted = watch.hear(
        watch.witness(domain, height, view, block_id), watch.witness(Domain.COMMIT, 9, 9)
    )

    assert noted == ["signer.cloned"], "said once"
    assert watch.notes[0].alarming
    assert watch.signer.is_cloned
    again = watch.again()
    assert again.is_cloned, "a restart changes nothing"
    assert (again.muted, again.forgotten) == (watch.signer.muted, 9)


@pytest.mark.parametrize(("domain", "height", "view", "block_id"), UNKNOWN)
def test_who_has_signed_nothing_new_yet_and_meets_one_is_fenced(
    domain: VoteDomain, height: int, view: int, block_id: BlockId
) -> None:
    """Its memory is an old one; the file says so from then on (R50)."""
    watch = Watch(restarted=True)
    repeat = Request(step=VoteStep.PREPARE, height=Height(7), view=View(3), block_id=X)
    watch.signer.sign_all([repeat])

    noted = watch.hear(
        watch.witness(domain, height, view, block_id), watch.witness(Domain.COMMIT, 9, 9)
    )

    assert noted == ["signer.fenced"]
    again = watch.again()
    assert again.is_fenced
    assert again.muted is not None
    assert again.muted.startswith(f"the signer's memory is an old one: others hold {domain.name}")
    assert [(entry.turn, entry.at_ms) for entry in again.story] == [(Turn.FENCED, NOW)]
    assert again.forgotten == 9, "nothing is signed again at a height that was shown"


def test_who_waits_for_its_height_and_meets_a_statement_there_is_cloned() -> None:
    """Below that height it is one that was forgotten (R52)."""
    watch = Watch(restarted=True)
    watch.hear(watch.witness(Domain.COMMIT, 9, 0))
    watch.signer.sign_again(Turn.RETURNED, Height(12), "three answered", NOW)

    below = watch.hear(watch.witness(Domain.COMMIT, 11, 5))
    above = watch.hear(watch.witness(Domain.PREPARE, 12, 0))

    assert below == ["signer.fenced"]
    assert above == ["signer.fenced", "signer.cloned"]


def test_a_view_change_of_a_clone_silences_it() -> None:
    """Every step counts."""
    watch = Watch()
    statement = view_change_bytes(watch.chain, Height(7), View(4), View(3), X)

    assert watch.hear(Witness(statement, watch.voice.key.sign(statement))) == ["signer.cloned"]


def test_a_forged_statement_of_ours_is_its_deliverers_fault() -> None:
    """It silences nobody."""
    watch = Watch()
    real = watch.witness(Domain.PREPARE, 9, 0)

    with pytest.raises(BadSignature):
        watch.hear(Witness(real.statement, watch.witness(Domain.COMMIT, 9, 0).signature))
    with pytest.raises(Malformed):
        watch.hear(Witness(b"no statement", real.signature))

    assert watch.signer.muted is None


def test_a_statement_of_ours_on_another_chain_is_malformed() -> None:
    """Each chain has its own order of statements."""
    watch = Watch()
    statement = vote_bytes(Domain.PREPARE, ChainId(bytes(32)), Height(9), View(0), X)

    with pytest.raises(Malformed):
        watch.hear(Witness(statement, watch.voice.key.sign(statement)))


def heard(chain: ChainId, own: ValidatorKey | None = None) -> tuple[Witnesses, list[Witness]]:
    """Witnesses, and what it says to be ours."""
    ours: list[Witness] = []
    return Witnesses(chain, own, ours.append), ours


def test_the_newest_statement_of_each_validator_is_kept() -> None:
    """By height, view and step; of equals the first."""
    watch = Watch()
    witnesses, ours = heard(watch.chain)
    low, high = watch.witness(Domain.COMMIT, 7, 3), watch.witness(Domain.PREPARE, 8, 0)

    assert witnesses.of(watch.key) is None
    assert witnesses.height_of(watch.key) == 0
    for witness in (low, high, watch.witness(Domain.PREPARE, 8, 0, Y), low):
        witnesses.note(watch.key, witness)

    assert witnesses.of(watch.key) == high
    assert witnesses.height_of(watch.key) == 8
    assert witnesses.of(ValidatorKey(bytes(32))) is None
    assert ours == []


def test_our_own_statement_goes_to_the_guard() -> None:
    """Wherever it was met; it is not kept for others."""
    watch = Watch()
    witnesses, ours = heard(watch.chain, watch.key)
    own = watch.witness(Domain.PREPARE, 8, 0)

    witnesses.note(watch.key, own)

    assert ours == [own]
    assert witnesses.of(watch.key) is None


def test_whatever_a_message_carries_is_noted() -> None:
    """View changes in a proposal, the prepares of a claim, the commits of a decision (R50)."""
    network = begun()
    voices = [network.voice(node) for node in network.validators()]
    proof = certificate_by(voices[:3], Domain.PREPARE, 8, 0, X)
    commits = certificate_by(voices[:3], Domain.COMMIT, 8, 1, X)
    change, other = voices[3].view_change(8, 1, proof), voices[1].view_change(8, 2)
    stripped = replace(change, prepared=None)
    primary = network.node_of(network.members.primary(Height(8), View(1)))
    proposal = network.voice(primary).pre_prepare(8, 1, X, (stripped,), proof)
    key = {voice.seat: ValidatorKey(voice.key.public) for voice in voices}

    def newest(note: Callable[[Witnesses], None]) -> dict[Seat, Place]:
        witnesses, _ = heard(network.chain)
        note(witnesses)
        found = {seat: witnesses.of(key[seat]) for seat in key}
        return {seat: place_of(w.statement, network.chain) for seat, w in found.items() if w}

    prepared: dict[Seat, Place] = {
        voice.seat: (Height(8), View(0), VoteStep.PREPARE) for voice in voices[:3]
    }
    asked: Place = (Height(8), View(1), VoteStep.VIEW_CHANGE)
    of_change = newest(lambda seen: seen.note_view_change(change, network.members))
    of_decision = newest(
        lambda seen: seen.note_certificate(commits, Domain.COMMIT, network.members)
    )
    of_proposal = newest(
        lambda seen: seen.note_proposal(
            proposal, Witness(*signed_by(network.voice(primary), proposal)), network.members
        )
    )

    assert of_change == {**prepared, voices[3].seat: asked}
    assert of_decision == dict.fromkeys(prepared, (8, 1, VoteStep.COMMIT))
    assert of_proposal == {
        **of_change,
        network.voice(primary).seat: (8, 1, VoteStep.PRE_PREPARE),
    }
    assert newest(lambda seen: seen.note_view_change(other, network.members)) == {
        voices[1].seat: (8, 2, VoteStep.VIEW_CHANGE)
    }


def signed_by(voice: Voice, proposal: PrePrepare) -> tuple[bytes, Signature]:
    """The statement of a proposal, and the signature under it."""
    statement = vote_bytes(
        Domain.PRE_PREPARE, voice.chain, proposal.height, proposal.view, proposal.block_id
    )
    return statement, proposal.signature
