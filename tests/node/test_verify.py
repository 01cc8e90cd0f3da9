"""The gate in front of the core: one crafted counterexample for each check (rules R3-R5)."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from msgspec.structs import replace

from consensus.messages import Commit, Prepare, PrePrepare, ViewChange
from kit.certified import named_digest, sample_header, validator_keys, validator_set
from kit.counting import Counting
from kit.spoken import Voice, certificate_by
from node.signer import place_of
from node.verify import Gate, KnownGood, check_body
from primitives import limits
from primitives.block import Block, block_id, transaction_hash, transactions_root
from primitives.certificate import Certificate
from primitives.crypto import ED25519
from primitives.domains import Domain
from primitives.errors import BadBlock, BadSignature, Malformed
from primitives.ids import NO_VIEW, ZERO32, BlockId, ChainId, Height, Seat, Signature, View

CHAIN, OTHER_CHAIN = ChainId(named_digest("chain")), ChainId(named_digest("other chain"))
GATE = Gate(CHAIN, ED25519)
KEYS = validator_keys(4)
MEMBERS = validator_set(KEYS)
VOICES = [Voice(key, CHAIN, MEMBERS) for key in KEYS]
X, Y = BlockId(named_digest("X")), BlockId(named_digest("Y"))
HEIGHT, VIEW = Height(6), View(2)
PRIMARY = VOICES[(HEIGHT + VIEW) % 4]
STRANGER = Voice(validator_keys(5)[4], CHAIN, validator_set(validator_keys(5)))


def proof(block: BlockId = X, *, height: int = HEIGHT, view: int = 1) -> Certificate:
    return certificate_by(VOICES[:3], Domain.PREPARE, height, view, block)


def change(voice: Voice, claim: Certificate | None = None, *, view: int = VIEW) -> ViewChange:
    return voice.view_change(HEIGHT, view, claim)


def stripped(one: ViewChange) -> ViewChange:
    return replace(one, prepared=None)


def fresh() -> PrePrepare:
    """A justified proposal of view 2 in which nobody had prepared."""
    changes = tuple(change(voice) for voice in VOICES[:3])
    return PRIMARY.pre_prepare(HEIGHT, VIEW, X, changes)


def repeated() -> PrePrepare:
    """A justified proposal of view 2 of what was prepared in view 1."""
    changes = tuple(stripped(change(voice, proof())) for voice in VOICES[:3])
    return PRIMARY.pre_prepare(HEIGHT, VIEW, X, changes, proof())


def spoilt(signature: Signature) -> Signature:
    return Signature(signature[:40] + bytes([signature[40] ^ 1]) + signature[41:])


# --- votes ------------------------------------------------------------------------------------


@pytest.mark.parametrize("vote", [VOICES[1].prepare(6, 2, X), VOICES[1].commit(6, 2, X)])
def test_a_members_vote_passes_and_leaves_its_witness(vote: Prepare | Commit) -> None:
    """The statement as it was signed, and where it stands."""
    witness = GATE.vote(vote, MEMBERS)

    assert witness.signature == vote.signature
    assert place_of(witness.statement, CHAIN)[:2] == (HEIGHT, VIEW)


VOTE = VOICES[1].prepare(6, 2, X)
BAD_VOTES: dict[str, Prepare | Commit] = {
    "another seat": replace(VOTE, seat=Seat(2)),
    "another height": replace(VOTE, height=Height(7)),
    "another view": replace(VOTE, view=View(3)),
    "another block": replace(VOTE, block_id=Y),
    "another kind": Commit(HEIGHT, VIEW, X, VOTE.seat, VOTE.signature),
    "another chain": Voice(KEYS[1], OTHER_CHAIN, MEMBERS).prepare(6, 2, X),
    "a spoilt signature": replace(VOTE, signature=spoilt(VOTE.signature)),
    "a stranger": replace(STRANGER.prepare(6, 2, X), seat=Seat(1)),
}


@pytest.mark.parametrize("name", BAD_VOTES)
def test_a_vote_that_its_author_did_not_sign_is_refused(name: str) -> None:
    """Each field is under the signature."""
    with pytest.raises(BadSignature):
        GATE.vote(BAD_VOTES[name], MEMBERS)


@pytest.mark.parametrize("seat", [4, 255])
def test_a_seat_that_nobody_has_is_malformed(seat: int) -> None:
    """It needs no signature to see that."""
    with pytest.raises(Malformed, match=f"seat {seat} of 4"):
        GATE.vote(replace(VOTE, seat=Seat(seat)), MEMBERS)
    with pytest.raises(Malformed, match=f"seat {seat} of 4"):
        GATE.view_change(replace(change(VOICES[0]), seat=Seat(seat)), MEMBERS)


# --- pre-prepares -----------------------------------------------------------------------------


@pytest.mark.parametrize("make", [fresh, repeated])
def test_a_justified_proposal_passes(make: Callable[[], PrePrepare]) -> None:
    """Of a fresh block, and of one that was prepared before."""
    message = make()

    assert GATE.pre_prepare(message, MEMBERS).signature == message.signature


def test_a_proposal_of_view_zero_needs_no_justification() -> None:
    """And may have none."""
    primary = VOICES[HEIGHT % 4]

    GATE.pre_prepare(primary.pre_prepare(HEIGHT, 0, X), MEMBERS)
    with pytest.raises(Malformed, match="not justified"):
        GATE.pre_prepare(primary.pre_prepare(HEIGHT, 0, X, (), proof()), MEMBERS)


def with_changes(message: PrePrepare, *changes: ViewChange) -> PrePrepare:
    return replace(message, view_changes=changes)


BAD_PROPOSALS: dict[str, tuple[PrePrepare, type[Exception]]] = {
    "not of the primary": (
        VOICES[1].pre_prepare(HEIGHT, VIEW, X, fresh().view_changes),
        BadSignature,
    ),
    "for another block": (replace(fresh(), block_id=Y), BadSignature),
    "of another chain": (
        Voice(PRIMARY.key, OTHER_CHAIN, MEMBERS).pre_prepare(HEIGHT, VIEW, X, fresh().view_changes),
        BadSignature,
    ),
    "two view changes": (with_changes(fresh(), *fresh().view_changes[:2]), Malformed),
    "one of three twice": (
        with_changes(fresh(), *fresh().view_changes[:2], fresh().view_changes[0]),
        Malformed,
    ),
    "a view change for another view": (
        with_changes(fresh(), *fresh().view_changes[:2], change(VOICES[2], view=3)),
        Malformed,
    ),
    "a view change that nobody signed": (
        with_changes(
            fresh(),
            *fresh().view_changes[:2],
            replace(fresh().view_changes[2], signature=Signature(bytes(64))),
        ),
        BadSignature,
    ),
    "a view change under another seat": (
        with_changes(
            fresh(), *fresh().view_changes[:2], replace(fresh().view_changes[2], seat=Seat(3))
        ),
        BadSignature,
    ),
    "a view change of nobody": (
        with_changes(
            fresh(), *fresh().view_changes[:2], replace(fresh().view_changes[2], seat=Seat(9))
        ),
        Malformed,
    ),
    "a view change with a certificate of its own": (
        with_changes(repeated(), *(change(voice, proof()) for voice in VOICES[:3])),
        Malformed,
    ),
    "a view without a block": (
        with_changes(
            fresh(), *fresh().view_changes[:2], replace(fresh().view_changes[2], prepared_id=Y)
        ),
        Malformed,
    ),
    "no proof of the highest claim": (replace(repeated(), prepared=None), Malformed),
    "a proof of another view": (replace(repeated(), prepared=proof(view=0)), Malformed),
    "a proof of another height": (replace(repeated(), prepared=proof(height=5)), Malformed),
    "a proof of another block": (replace(repeated(), prepared=proof(Y)), Malformed),
    "a proof that nobody needs": (replace(fresh(), prepared=proof()), Malformed),
    "a proof of commits": (
        replace(repeated(), prepared=certificate_by(VOICES[:3], Domain.COMMIT, HEIGHT, 1, X)),
        BadSignature,
    ),
    "a proof of too few": (
        replace(repeated(), prepared=replace(proof(), seals=proof().seals[:2])),
        Malformed,
    ),
    "a proof with a seal twice": (
        replace(
            repeated(),
            prepared=replace(proof(), seals=(*proof().seals[:2], proof().seals[1])),
        ),
        Malformed,
    ),
    "a proof with a seal of nobody": (
        replace(
            repeated(),
            prepared=replace(
                proof(), seals=(*proof().seals[:2], replace(proof().seals[2], seat=Seat(4)))
            ),
        ),
        Malformed,
    ),
}


@pytest.mark.parametrize("name", BAD_PROPOSALS)
def test_a_proposal_that_is_spoilt_is_refused(name: str) -> None:
    """Its own signature, its justification, and every attachment's (R4, R14)."""
    message, fault = BAD_PROPOSALS[name]

    with pytest.raises(fault):
        GATE.pre_prepare(message, MEMBERS)


# --- view changes -----------------------------------------------------------------------------


@pytest.mark.parametrize("claim", [None, proof(), proof(view=0)])
def test_a_view_change_with_a_proved_claim_passes(claim: Certificate | None) -> None:
    """Or with none."""
    message = change(VOICES[3], claim)

    assert GATE.view_change(message, MEMBERS).signature == message.signature


def lying(prepared_view: int, prepared_id: BlockId, attached: Certificate | None) -> ViewChange:
    """Signed by its author, whatever is attached."""
    claim = Certificate(HEIGHT, View(prepared_view), prepared_id, ())
    return replace(VOICES[3].view_change(HEIGHT, VIEW, claim), prepared=attached)


BAD_CHANGES: dict[str, tuple[ViewChange, type[Exception]]] = {
    "a claim without a certificate": (lying(1, X, None), Malformed),
    "a certificate without a claim": (replace(change(VOICES[3]), prepared=proof()), Malformed),
    "a certificate of another view": (lying(1, X, proof(view=0)), Malformed),
    "a certificate of another block": (lying(1, X, proof(Y)), Malformed),
    "a certificate of another height": (lying(1, X, proof(height=7)), Malformed),
    "a claim of its own view": (lying(VIEW, X, proof(view=VIEW)), Malformed),
    "a claim of a later view": (lying(5, X, proof(view=5)), Malformed),
    "a view without a block": (lying(1, BlockId(ZERO32), proof(BlockId(ZERO32))), Malformed),
    "a block without a view": (lying(NO_VIEW, X, None), Malformed),
    "a certificate of commits": (
        lying(1, X, certificate_by(VOICES[:3], Domain.COMMIT, HEIGHT, 1, X)),
        BadSignature,
    ),
    "a certificate of two": (
        lying(1, X, replace(proof(), seals=proof().seals[:2])),
        Malformed,
    ),
    "another height": (replace(change(VOICES[3]), height=Height(7)), BadSignature),
    "another view": (replace(change(VOICES[3]), view=View(3)), BadSignature),
    "another seat": (replace(change(VOICES[3]), seat=Seat(1)), BadSignature),
    "another claim": (
        replace(change(VOICES[3], proof()), prepared_view=View(0), prepared=proof(view=0)),
        BadSignature,
    ),
    "another chain": (
        Voice(KEYS[3], OTHER_CHAIN, MEMBERS).view_change(HEIGHT, VIEW, None),
        BadSignature,
    ),
}


@pytest.mark.parametrize("name", BAD_CHANGES)
def test_a_view_change_that_is_spoilt_is_refused(name: str) -> None:
    """What it claims must be signed, possible and proved (R26)."""
    message, fault = BAD_CHANGES[name]

    with pytest.raises(fault):
        GATE.view_change(message, MEMBERS)


# --- decisions and bodies ---------------------------------------------------------------------


def test_a_commit_certificate_of_its_height_passes() -> None:
    """A quorum of members; in whatever view."""
    GATE.decided(certificate_by(VOICES[1:], Domain.COMMIT, 6, 9, X), HEIGHT, MEMBERS)


@pytest.mark.parametrize(
    ("certificate", "fault"),
    [
        (certificate_by(VOICES[:3], Domain.COMMIT, 7, 0, X), Malformed),
        (certificate_by(VOICES[:2], Domain.COMMIT, 6, 0, X), Malformed),
        (certificate_by(VOICES[:3], Domain.PREPARE, 6, 0, X), BadSignature),
        (replace(certificate_by(VOICES[:3], Domain.COMMIT, 6, 0, X), block_id=Y), BadSignature),
    ],
)
def test_a_certificate_that_decides_nothing_is_refused(
    certificate: Certificate, fault: type[Exception]
) -> None:
    """Another height, too few, prepares, another block."""
    with pytest.raises(fault):
        GATE.decided(certificate, HEIGHT, MEMBERS)


def body(*transactions: bytes) -> Block:
    root = transactions_root([transaction_hash(data) for data in transactions])
    return Block(replace(sample_header(), transactions_root=root), transactions)


def test_a_body_gives_the_hashes_of_its_transactions() -> None:
    """In order."""
    block = body(b"one", b"two")

    found = check_body(block, block_id(block.header))

    assert found == (transaction_hash(b"one"), transaction_hash(b"two"))


def test_a_body_that_is_not_behind_the_id_is_refused() -> None:
    """Another header; transactions changed, swapped, repeated, left out (R17)."""
    block = body(b"one", b"two")
    named = block_id(block.header)

    with pytest.raises(BadBlock, match="hashes to"):
        check_body(body(b"one"), named)
    for transactions in ((b"one", b"twO"), (b"two", b"one"), (b"one", b"two", b"two"), (b"one",)):
        with pytest.raises(BadBlock, match="have root"):
            check_body(Block(block.header, transactions), named)


def test_a_block_has_so_many_bytes() -> None:
    """At the limit, and one more, whatever its header says."""
    chunk = limits.BLOCK_BYTES_MAX // 64
    full = body(*(bytes(chunk) for _ in range(64)))
    over = body(*(bytes(chunk) for _ in range(64)), b"x")

    assert len(check_body(full, block_id(full.header))) == 64
    with pytest.raises(BadBlock, match="at most"):
        check_body(over, block_id(over.header))


# --- what comes again ---------------------------------------------------------------------------


def test_what_was_found_good_costs_nothing_when_it_is_brought_again() -> None:
    """The view changes of a justified proposal, and the certificate that proves a claim."""
    counting = Counting()
    gate = Gate(CHAIN, KnownGood(counting))
    asked = tuple(change(voice) for voice in VOICES[:3])
    fresh = PRIMARY.pre_prepare(HEIGHT, VIEW, X, asked)
    gate.pre_prepare(fresh, MEMBERS)
    gate.view_change(change(VOICES[0], proof()), MEMBERS)
    spent = counting.checks
    assert spent == 1 + 3 + 1 + 3

    gate.pre_prepare(fresh, MEMBERS)
    gate.view_change(change(VOICES[0], proof()), MEMBERS)
    assert counting.checks == spent

    forged = replace(asked[0], signature=asked[1].signature)
    for _ in range(2):
        with pytest.raises(BadSignature):
            gate.view_change(forged, MEMBERS)
    assert counting.checks == spent + 2


def test_so_many_signatures_are_known_to_be_good() -> None:
    """SIGNATURES_KNOWN_MAX; one more costs the one that was looked at first."""
    counting = Counting(None)
    known = KnownGood(counting)

    def look(number: int) -> None:
        known.check(b"key", number.to_bytes(4), b"signature")

    for number in range(limits.SIGNATURES_KNOWN_MAX):
        look(number)
    look(0)
    assert counting.checks == limits.SIGNATURES_KNOWN_MAX
    look(limits.SIGNATURES_KNOWN_MAX)
    look(0)
    assert counting.checks == limits.SIGNATURES_KNOWN_MAX + 2
