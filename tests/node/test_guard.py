"""The guard: lost memory, clones, forks. Whoever shows us our own words must have them right."""

from __future__ import annotations

import pytest

from kit.disks import MortalFile
from kit.engines import begun
from kit.spoken import Voice
from node.guard import Guard
from node.outbox import Note
from node.signer import Request, Signer
from node.verify import Gate
from node.witnesses import Witnesses
from primitives.crypto import ED25519
from primitives.domains import Domain
from primitives.errors import BadSignature, Malformed
from primitives.ids import BlockId, ChainId, Height, ValidatorKey, View
from primitives.statements import VoteDomain, Witness, view_change_bytes, vote_bytes
from storage.decision import VoteStep

X, Y = BlockId(b"x" * 32), BlockId(b"y" * 32)


class Watch:
    """A guard over a signer that has prepared X and committed to it at 7/3."""

    def __init__(self) -> None:
        network = begun(1)
        node = network.validators()[0]
        self.chain = network.chain
        self.voice: Voice = network.voice(node)
        self.notes: list[Note] = []
        memory = MortalFile()
        key = ValidatorKey(self.voice.key.public)
        Signer.create_memory(key, memory)
        self.signer = Signer(self.voice.key, memory, self.chain)
        self.signer.sign_all(
            [
                Request(step=step, height=Height(7), view=View(3), block_id=X)
                for step in (VoteStep.PREPARE, VoteStep.COMMIT)
            ]
        )
        self.guard = Guard(self.signer, node.store, Gate(self.chain, ED25519), self.notes.append)

    def witness(self, domain: VoteDomain, height: int, view: int, block_id: BlockId = X) -> Witness:
        statement = vote_bytes(domain, self.chain, Height(height), View(view), block_id)
        return Witness(statement, self.voice.key.sign(statement))


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
    watch = Watch()

    watch.guard.hear_own(watch.witness(domain, height, view, block_id))

    assert watch.signer.muted is None
    assert watch.notes == []


@pytest.mark.parametrize(
    ("domain", "height", "view", "block_id"),
    [
        (Domain.PREPARE, 7, 4, X),
        (Domain.PREPARE, 8, 0, X),
        (Domain.COMMIT, 7, 3, Y),
        (Domain.PREPARE, 7, 3, Y),
        (Domain.PRE_PREPARE, 7, 3, X),
    ],
)
def test_what_the_signer_cannot_have_signed_mutes_it(
    domain: VoteDomain, height: int, view: int, block_id: BlockId
) -> None:
    """Above its top, or in its highest view and unknown: somebody else has the key."""
    watch = Watch()

    watch.guard.hear_own(watch.witness(domain, height, view, block_id))
    watch.guard.hear_own(watch.witness(Domain.COMMIT, 9, 9))

    assert watch.signer.muted is not None
    assert [note.event for note in watch.notes] == ["signer.muted"], "said once"
    assert watch.notes[0].alarming


def test_a_view_change_of_a_clone_mutes_it() -> None:
    """Every step counts."""
    watch = Watch()
    statement = view_change_bytes(watch.chain, Height(7), View(4), View(3), X)

    watch.guard.hear_own(Witness(statement, watch.voice.key.sign(statement)))

    assert watch.signer.muted is not None


def test_a_forged_statement_of_ours_is_its_deliverers_fault() -> None:
    """It silences nobody."""
    watch = Watch()
    real = watch.witness(Domain.PREPARE, 9, 0)

    with pytest.raises(BadSignature):
        watch.guard.hear_own(Witness(real.statement, watch.witness(Domain.COMMIT, 9, 0).signature))
    with pytest.raises(Malformed):
        watch.guard.hear_own(Witness(b"no statement", real.signature))

    assert watch.signer.muted is None


def test_a_statement_of_ours_on_another_chain_is_malformed() -> None:
    """Each chain has its own order of statements."""
    watch = Watch()
    statement = vote_bytes(Domain.PREPARE, ChainId(bytes(32)), Height(9), View(0), X)

    with pytest.raises(Malformed):
        watch.guard.hear_own(Witness(statement, watch.voice.key.sign(statement)))


def test_the_newest_statement_of_each_validator_is_kept() -> None:
    """By height, view and step; of equals the first."""
    watch = Watch()
    author = ValidatorKey(watch.voice.key.public)
    witnesses = Witnesses(watch.chain)
    low, high = watch.witness(Domain.COMMIT, 7, 3), watch.witness(Domain.PREPARE, 8, 0)

    assert witnesses.of(author) is None
    for witness in (low, high, watch.witness(Domain.PREPARE, 8, 0, Y), low):
        witnesses.note(author, witness)

    assert witnesses.of(author) == high
    assert witnesses.of(ValidatorKey(bytes(32))) is None
