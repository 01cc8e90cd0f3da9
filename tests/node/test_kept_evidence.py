"""Evidence that a node comes upon: proved, kept once and durably, bounded, and never of the
innocent."""

from __future__ import annotations

import pytest

from kit.accused import HEIGHT, pieces_of_evidence, two_prepares
from kit.certified import named_digest, validator_keys, validator_set
from kit.engines import Network, Node, begun
from kit.stored import new_store
from node.evidence import Cases, author_of, read_kept, witness_of
from node.outbox import Note
from node.verify import Gate
from primitives import limits
from primitives.codec import encode
from primitives.crypto import ED25519, SigningKey
from primitives.errors import StorageFault
from primitives.evidence import Case, EvidenceKind, evidence_of
from primitives.ids import BlockId, ChainId, Height, ValidatorKey, View
from primitives.validators import ValidatorSet
from sim.disk import PowerLoss, no_danger
from storage.chain import ChainStore
from storage.decision import KeptEvidence

X, Y = BlockId(b"x" * 32), BlockId(b"y" * 32)


class Shelf:
    """The cases of one node, and what it noted."""

    def __init__(self, keys: list[SigningKey], *, own: ValidatorKey | None = None) -> None:
        self.store: ChainStore = new_store()
        self.validators: ValidatorSet = validator_set(keys)
        self.notes: list[Note] = []
        self.own = own
        self.cases = self.opened()

    @property
    def chain(self) -> ChainId:
        return self.store.chain

    def opened(self) -> Cases:
        gate = Gate(self.chain, ED25519)
        return Cases(self.store, gate, self.notes.append, own=self.own)

    def kept(self) -> list[Case]:
        return [read_kept(kept, self.chain)[1] for kept in self.store.evidence()]


KEYS = validator_keys(4)


def test_each_case_is_kept_once_and_noted_once() -> None:
    """R48: also after a restart, and whichever pair shows it."""
    shelf = Shelf(KEYS)
    pieces = pieces_of_evidence(KEYS[0], shelf.chain)

    for _ in range(2):
        for piece in pieces.values():
            shelf.cases.keep(piece, shelf.validators)
        shelf.cases = shelf.opened()

    assert sorted(case.kind.value for case in shelf.kept()) == sorted(pieces)
    assert [note.event for note in shelf.notes] == ["consensus.equivocation"] * len(pieces)
    assert all(note.alarming for note in shelf.notes)
    assert shelf.notes[0].facts["signer"] == KEYS[0].public.hex()


def test_of_one_validator_a_bounded_number_is_kept() -> None:
    """R48: limits.EVIDENCE_CASES_PER_VALIDATOR_MAX, and one more that finds no room."""
    shelf = Shelf(KEYS)
    most = limits.EVIDENCE_CASES_PER_VALIDATOR_MAX

    for view in range(most + 1):
        shelf.cases.keep(two_prepares(KEYS[0], shelf.chain, view=view), shelf.validators)
        shelf.cases = shelf.opened()
    shelf.cases.keep(two_prepares(KEYS[1], shelf.chain), shelf.validators)

    kept = shelf.kept()
    assert len(kept) == most + 1
    assert most not in {case.view for case in kept}
    assert ValidatorKey(KEYS[1].public) in {case.signer for case in kept}


def test_what_no_block_takes_any_more_makes_room_for_new_cases() -> None:
    """R48, R49: at limits.EVIDENCE_AGE_HEIGHTS_MAX it stays; one height later it has outlived."""
    shelf = Shelf(KEYS)
    most, age = limits.EVIDENCE_CASES_PER_VALIDATOR_MAX, limits.EVIDENCE_AGE_HEIGHTS_MAX
    for height in range(1, most + 1):
        shelf.cases.keep(two_prepares(KEYS[0], shelf.chain, height=height), shelf.validators)

    for height in (1 + age, 3 + age):
        shelf.cases.keep(two_prepares(KEYS[0], shelf.chain, height=height), shelf.validators)

    assert [case.height for case in shelf.kept()] == [*range(3, most + 1), 3 + age]


def test_in_all_a_bounded_number_is_kept_the_newest_heights_of_them() -> None:
    """R48: limits.EVIDENCE_CASES_MAX, and one more: the lowest height makes room for it."""
    keys = validator_keys(limits.VALIDATORS_MAX + 1)
    shelf = Shelf(keys[:-1])
    most, each = limits.EVIDENCE_CASES_MAX, limits.EVIDENCE_CASES_PER_VALIDATOR_MAX
    for number in range(most):
        piece = two_prepares(keys[number // each], shelf.chain, height=number + 1)
        shelf.cases.keep(piece, shelf.validators)
    assert len(shelf.kept()) == most

    later = validator_set(keys[1:])
    shelf.cases.keep(two_prepares(keys[-1], shelf.chain, height=most + 1), later)
    again = two_prepares(keys[0], shelf.chain, height=most + 2)
    shelf.cases.keep(again, shelf.validators)

    assert [case.height for case in shelf.kept()] == [*range(3, most + 3)]


def contradict(network: Network, liar: Node, hearer: Node) -> None:
    """Two prepares of one view come, made with the liar's key, over somebody's link."""
    voice = network.voice(liar)
    relay = next(node for node in network.validators() if node is not hearer)
    for block_id in (X, Y):
        network.say(relay, hearer.name, voice.prepare(2, 0, block_id))
    network.run_for(20)


def test_power_that_goes_before_the_write_leaves_nothing_half_kept() -> None:
    """R48: after the restart the case is as new, and is found again when it is told again."""
    network = begun()
    liar, node = network.validators()[:2]

    def dying(point: str) -> None:
        raise PowerLoss(point)

    node.database.danger = dying
    contradict(network, liar, node)
    assert node.engine is None

    node.database.danger = no_danger
    network.start(node.name)
    assert node.store.evidence() == []
    contradict(network, liar, node)
    assert len(node.store.evidence()) == 1


def test_a_node_that_hears_both_keeps_the_case() -> None:
    """R46, R48: the alarm names kind, signer, height, view and the id of the case."""
    network = begun()
    liar, node = network.validators()[:2]

    contradict(network, liar, node)
    contradict(network, liar, node)

    ((evidence, case),) = [read_kept(kept, network.chain) for kept in node.store.evidence()]
    signer = ValidatorKey(network.voice(liar).key.public)
    assert case == Case(EvidenceKind.TWO_PREPARES, signer, Height(2), View(0))
    (note,) = [note for note in node.notes if note.event == "consensus.equivocation"]
    assert note.facts == {
        "kind": "E2",
        "signer": signer.hex(),
        "height": 2,
        "view": 0,
        "case": case.id.hex(),
    }
    assert evidence.signer == signer


def test_a_node_keeps_nothing_against_its_own_key() -> None:
    """R46: a copy of our key is the guard's affair; the others keep it all the same."""
    network = begun()
    own, other = network.validators()[:2]

    contradict(network, own, own)
    contradict(network, own, other)

    assert own.store.evidence() == []
    assert len(other.store.evidence()) == 1


def test_an_observer_keeps_evidence_too() -> None:
    """It has no vote, and sees what passes by."""
    network = begun(observers=1)
    liar, observer = network.validators()[0], network.nodes["observer 0"]
    network.run(network.all_at(1))

    contradict(network, liar, observer)

    assert len(observer.store.evidence()) == 1


def test_what_is_kept_is_what_was_signed() -> None:
    """R47: the statement of a message is its author's bytes, of each kind."""
    network = begun()
    node = network.validators()[0]
    voice = network.voice(node)
    members = network.members
    seat = members.primary(Height(2), View(0))
    primary = network.voice(network.node_of(seat))

    for statement in (voice.prepare(2, 0, X), voice.commit(2, 0, X), voice.view_change(2, 1)):
        witness = witness_of(statement, network.chain)
        ED25519.check(author_of(statement, members), witness.statement, witness.signature)
    proposal = primary.pre_prepare(2, 0, X)
    witness = witness_of(proposal, network.chain)
    ED25519.check(author_of(proposal, members), witness.statement, witness.signature)


def test_an_accusation_that_does_not_hold_ends_the_process() -> None:
    """R48: it would be our own bug, so nobody ever hears of it."""
    shelf = Shelf(KEYS)
    piece = two_prepares(KEYS[0], shelf.chain)
    same = evidence_of(piece.signer, piece.first, piece.first)

    with pytest.raises(AssertionError, match="innocent"):
        shelf.cases.keep(same, shelf.validators)
    with pytest.raises(AssertionError, match="innocent"):
        shelf.cases.keep(piece, validator_set(KEYS[1:]))
    assert shelf.kept() == []


def test_damaged_evidence_stops_the_start() -> None:
    """Nothing on disk is believed because it is there."""
    shelf = Shelf(KEYS)
    case = named_digest("case")

    shelf.store.keep_evidence(KeptEvidence(Height(HEIGHT), case, encode((1, 2, 3))))

    with pytest.raises(StorageFault, match=case.hex()):
        shelf.opened()
