"""Crafted certificates in every place where one may stand, one defect at a time (rule R4).

A certificate stands in a proposal, in a view change, and beside a decided block. In each place the
sound one passes, and every defect alone is refused: by its shape, before a signature is looked at,
or by a signature that is not its seat's under exactly this statement.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest
from msgspec.structs import replace

from consensus.messages import ViewChange
from kit.certified import named_digest, validator_keys, validator_set
from kit.signed import sign_with_nonce
from kit.spoken import Voice, certificate_by
from node.verify import Gate
from primitives.certificate import Certificate, Seal
from primitives.crypto import ED25519, SigningKey, check_signature
from primitives.domains import Domain
from primitives.errors import BadSignature, Malformed
from primitives.ids import BlockId, ChainId, Height, Seat, Signature, View
from primitives.statements import VoteDomain, view_change_bytes, vote_bytes
from primitives.validators import quorum

CHAIN, OTHER_CHAIN = ChainId(named_digest("chain")), ChainId(named_digest("other chain"))
GATE = Gate(CHAIN, ED25519)
X, Y = BlockId(named_digest("X")), BlockId(named_digest("Y"))
HEIGHT, VIEW, ASKED = Height(6), View(1), View(3)


class Counting:
    """Ed25519 that counts how often it is asked."""

    def __init__(self) -> None:
        self.checks = 0

    def check(self, key: bytes, message: bytes, signature: bytes) -> None:
        self.checks += 1
        check_signature(key, message, signature)


@dataclass(frozen=True)
class Place:
    """Where a certificate stands: the domain it must be of, and a message that carries it."""

    domain: VoteDomain
    deliver: Callable[[Gate, list[Voice], Certificate], object]


def in_a_proposal(gate: Gate, voices: list[Voice], certificate: Certificate) -> object:
    """Re-proposed by the primary of view 3, and claimed by a quorum as the certificate says."""
    members = voices[0].validators
    seat = members.keys.index(members.primary(HEIGHT, ASKED))
    asked = [voice.view_change(HEIGHT, ASKED, certificate) for voice in voices]
    changes = tuple(replace(change, prepared=None) for change in asked[: members.quorum])
    message = voices[seat].pre_prepare(HEIGHT, ASKED, X, changes, certificate)
    return gate.pre_prepare(message, members)


def in_a_view_change(gate: Gate, voices: list[Voice], certificate: Certificate) -> object:
    """Claimed by seat 0, exactly as the certificate says."""
    change: ViewChange = voices[0].view_change(HEIGHT, ASKED, certificate)
    return gate.view_change(change, voices[0].validators)


def beside_a_block(gate: Gate, voices: list[Voice], certificate: Certificate) -> object:
    """As a decision of the height at hand."""
    gate.decided(certificate, HEIGHT, voices[0].validators)
    return None


PLACES = {
    "in a proposal": Place(Domain.PREPARE, in_a_proposal),
    "in a view change": Place(Domain.PREPARE, in_a_view_change),
    "beside a block": Place(Domain.COMMIT, beside_a_block),
}


def network(size: int) -> list[Voice]:
    keys = validator_keys(size)
    return [Voice(key, CHAIN, validator_set(keys)) for key in keys]


def sound(voices: list[Voice], domain: VoteDomain, *, signers: int | None = None) -> Certificate:
    count = quorum(len(voices)) if signers is None else signers
    return certificate_by(voices[:count], domain, HEIGHT, VIEW, X)


def signed_over(
    certificate: Certificate, voices: list[Voice], statement: bytes, seat: int
) -> Certificate:
    """The same certificate, in which one seat signed something else."""
    seals = [
        Seal(seal.seat, voices[seal.seat].key.sign(statement)) if seal.seat == seat else seal
        for seal in certificate.seals
    ]
    return replace(certificate, seals=tuple(seals))


Defect = Callable[[list[Voice], VoteDomain], Certificate]


def shaped(*seats: int) -> Defect:
    """Good seals of a quorum, in this order and with these repetitions."""

    def defect(voices: list[Voice], domain: VoteDomain) -> Certificate:
        seals = sound(voices, domain, signers=len(voices)).seals
        return replace(sound(voices, domain), seals=tuple(seals[seat] for seat in seats))

    return defect


def reseated(seat: int) -> Defect:
    """The last good seal under another seat."""

    def defect(voices: list[Voice], domain: VoteDomain) -> Certificate:
        good = sound(voices, domain)
        moved = Seal(Seat(seat), good.seals[-1].signature)
        return replace(good, seals=(*good.seals[:-1], moved))

    return defect


def twice_under_two_signatures(voices: list[Voice], domain: VoteDomain) -> Certificate:
    """Two signers, one of whom signed the same statement in two valid ways."""
    good = sound(voices, domain)
    statement = vote_bytes(domain, CHAIN, HEIGHT, VIEW, X)
    second = another_signature(voices[1], statement)
    check_signature(voices[1].key.public, statement, second)
    assert second != good.seals[1].signature
    return replace(good, seals=(*good.seals[:2], Seal(Seat(1), second)))


def another_signature(voice: Voice, statement: bytes) -> Signature:
    """Of the same key: its seed is the hash of its name (kit/certified.py)."""
    for number in range(len(voice.validators.keys)):
        seed = bytes(named_digest(f"validator {number}"))
        if SigningKey(seed).public == voice.key.public:
            return sign_with_nonce(seed, statement, 12_345)
    raise AssertionError("a voice of a validator")


SHAPELESS: dict[str, tuple[Defect, str]] = {
    "nobody": (shaped(), "0 signers, a quorum of 4 validators is 3"),
    "one": (shaped(2), "1 signers"),
    "one fewer than a quorum": (shaped(0, 1), "2 signers"),
    "a signer three times": (shaped(1, 1, 1), "strictly ascending"),
    "a signer twice in the place of a third": (shaped(0, 1, 1), "strictly ascending"),
    "a signer twice beside a quorum": (shaped(0, 1, 2, 2), "strictly ascending"),
    "descending": (shaped(2, 1, 0), "strictly ascending"),
    "two of them swapped": (shaped(0, 2, 1), "strictly ascending"),
    "the first last": (shaped(1, 2, 3, 0), "strictly ascending"),
    "a seat that nobody has": (reseated(4), "seat 4 in a certificate of 4 validators"),
    "the last seat there is": (reseated(255), "seat 255 in a certificate of 4 validators"),
    "one signer under two signatures": (twice_under_two_signatures, "strictly ascending"),
}


@pytest.mark.parametrize("place", PLACES.values(), ids=PLACES)
@pytest.mark.parametrize(("defect", "why"), SHAPELESS.values(), ids=SHAPELESS)
def test_a_certificate_without_its_shape_is_refused(place: Place, defect: Defect, why: str) -> None:
    """R4, R5: by what needs no key, before the first signature of its message is checked."""
    voices, scheme = network(4), Counting()

    with pytest.raises(Malformed, match=why):
        place.deliver(Gate(CHAIN, scheme), voices, defect(voices, place.domain))

    assert scheme.checks == 0


def statements(domain: VoteDomain) -> dict[str, bytes]:
    """What a member may have signed instead: other kinds, chains, places and blocks."""
    others: tuple[VoteDomain, ...] = (Domain.PRE_PREPARE, Domain.PREPARE, Domain.COMMIT)
    wrong: dict[str, bytes] = {
        f"a {other.name} of the same block": vote_bytes(other, CHAIN, HEIGHT, VIEW, X)
        for other in others
        if other is not domain
    }
    wrong["a view change"] = view_change_bytes(CHAIN, HEIGHT, ASKED, VIEW, X)
    wrong["another chain"] = vote_bytes(domain, OTHER_CHAIN, HEIGHT, VIEW, X)
    wrong["the height below"] = vote_bytes(domain, CHAIN, Height(HEIGHT - 1), VIEW, X)
    wrong["the height above"] = vote_bytes(domain, CHAIN, Height(HEIGHT + 1), VIEW, X)
    wrong["the view below"] = vote_bytes(domain, CHAIN, HEIGHT, View(VIEW - 1), X)
    wrong["the view above"] = vote_bytes(domain, CHAIN, HEIGHT, View(VIEW + 1), X)
    wrong["another block"] = vote_bytes(domain, CHAIN, HEIGHT, VIEW, Y)
    wrong["no block"] = vote_bytes(domain, CHAIN, HEIGHT, VIEW, BlockId(bytes(32)))
    wrong["the statement without its domain"] = b"\0" + vote_bytes(domain, CHAIN, HEIGHT, VIEW, X)
    return wrong


@pytest.mark.parametrize("place", PLACES.values(), ids=PLACES)
@pytest.mark.parametrize("seat", [0, 1, 2])
def test_a_seal_over_anything_else_is_refused(place: Place, seat: int) -> None:
    """R3, R4: whichever of the seals it is, and whatever its seat did sign."""
    voices = network(4)
    good = sound(voices, place.domain)
    for what, statement in statements(place.domain).items():
        crafted = signed_over(good, voices, statement, seat)
        with pytest.raises(BadSignature):
            place.deliver(GATE, voices, crafted)
        assert crafted != good, what


@pytest.mark.parametrize("place", PLACES.values(), ids=PLACES)
def test_a_whole_certificate_of_another_kind_is_refused(place: Place) -> None:
    """R3, R4: prepares decide nothing, and commits prove no claim."""
    voices = network(4)
    other: VoteDomain = Domain.COMMIT if place.domain is Domain.PREPARE else Domain.PREPARE
    kinds: tuple[VoteDomain, ...] = (other, Domain.PRE_PREPARE)
    for kind in kinds:
        with pytest.raises(BadSignature):
            place.deliver(GATE, voices, sound(voices, kind))


@pytest.mark.parametrize("place", PLACES.values(), ids=PLACES)
def test_signatures_that_changed_seats_are_refused(place: Place) -> None:
    """R4: a quorum of good signatures, two of them under each other's seat."""
    voices = network(4)
    good = sound(voices, place.domain)
    first, second, third = (seal.signature for seal in good.seals)
    crafted = (Seal(Seat(0), second), Seal(Seat(1), first), Seal(Seat(2), third))

    with pytest.raises(BadSignature):
        place.deliver(GATE, voices, replace(good, seals=crafted))


@pytest.mark.parametrize("place", PLACES.values(), ids=PLACES)
@pytest.mark.parametrize("bit", [0, 7, 255, 256, 500, 511])
def test_a_spoilt_signature_beside_a_quorum_spoils_it(place: Place, bit: int) -> None:
    """R4: a fourth seal is not needed; if it is there, it is checked."""
    voices = network(4)
    whole = sound(voices, place.domain, signers=4)
    spoilt = int.from_bytes(whole.seals[3].signature, "big") ^ (1 << bit)
    last = Seal(Seat(3), Signature(spoilt.to_bytes(64, "big")))

    place.deliver(GATE, voices, whole)
    with pytest.raises(BadSignature):
        place.deliver(GATE, voices, replace(whole, seals=(*whole.seals[:3], last)))


@pytest.mark.parametrize("place", PLACES.values(), ids=PLACES)
def test_a_stranger_in_a_members_seat_is_refused(place: Place) -> None:
    """R4: a good signature of a key that has no seat."""
    voices = network(4)
    stranger = Voice(SigningKey(bytes(32)), CHAIN, voices[0].validators)
    good = sound(voices, place.domain)
    signed = stranger.key.sign(vote_bytes(place.domain, CHAIN, HEIGHT, VIEW, X))

    crafted = replace(good, seals=(*good.seals[:2], Seal(Seat(2), signed)))

    with pytest.raises(BadSignature):
        place.deliver(GATE, voices, crafted)


@pytest.mark.parametrize("place", PLACES.values(), ids=PLACES)
@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 6, 7, 10])
def test_a_quorum_is_n_minus_f_in_every_place(place: Place, size: int) -> None:
    """R1, R4: q signers and all n are enough, q − 1 are not; of five validators 2f + 1 are not."""
    voices = network(size)

    place.deliver(GATE, voices, sound(voices, place.domain))
    place.deliver(GATE, voices, sound(voices, place.domain, signers=size))
    whole = sound(voices, place.domain, signers=size)
    few = replace(whole, seals=whole.seals[: quorum(size) - 1])
    with pytest.raises(Malformed, match=f"a quorum of {size} validators is {quorum(size)}"):
        place.deliver(GATE, voices, few)


@pytest.mark.parametrize("place", PLACES.values(), ids=PLACES)
def test_any_valid_signature_of_a_signer_will_do(place: Place) -> None:
    """R4: which of many does not matter, since signers are counted."""
    voices = network(4)
    good = sound(voices, place.domain)
    other = another_signature(voices[1], vote_bytes(place.domain, CHAIN, HEIGHT, VIEW, X))
    seals = (good.seals[0], Seal(Seat(1), other), good.seals[2])

    place.deliver(GATE, voices, replace(good, seals=seals))


def test_votes_under_other_valid_signatures_pass_and_count_once() -> None:
    """R4, R20: the gate lets each of them through; the replica counts the seat."""
    voices = network(4)
    vote = voices[1].prepare(HEIGHT, VIEW, X)
    statement = vote_bytes(Domain.PREPARE, CHAIN, HEIGHT, VIEW, X)

    other = replace(vote, signature=another_signature(voices[1], statement))

    assert other.signature != vote.signature
    assert GATE.vote(vote, voices[0].validators).statement == statement
    assert GATE.vote(other, voices[0].validators).statement == statement
