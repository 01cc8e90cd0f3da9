"""Evidence: which two statements exclude each other, and what makes a case of them."""

import itertools

import pytest
from msgspec.structs import replace

from kit.accused import HEIGHT, pieces_of_evidence, some_block, two_prepares, view_change, vote
from kit.certified import named_digest, signing_key, validator_keys, validator_set
from primitives import limits
from primitives.codec import decode, encode
from primitives.crypto import ED25519
from primitives.domains import Domain
from primitives.errors import Malformed
from primitives.evidence import (
    Case,
    Evidence,
    Flaw,
    NotEvidence,
    case_of,
    check_evidence,
    evidence_of,
)
from primitives.ids import ChainId, Height, Signature, ValidatorKey, View
from primitives.statements import Witness, read_statement, vote_bytes

CHAIN = ChainId(named_digest("chain"))
KEYS = validator_keys(4)
VALIDATORS = validator_set(KEYS)
KEY = KEYS[1]
SIGNER = ValidatorKey(KEY.public)
PIECES = pieces_of_evidence(KEY, CHAIN)


def judged(evidence: Evidence) -> Case:
    return check_evidence(evidence, chain=CHAIN, validators=VALIDATORS, scheme=ED25519)


def flaw_of(evidence: Evidence) -> Flaw:
    with pytest.raises(NotEvidence) as refused:
        judged(evidence)
    return refused.value.flaw


def test_each_kind_is_found_and_named() -> None:
    """R46: kind, signer, height, and of E5 the view of the commit."""
    found = {name: judged(piece) for name, piece in PIECES.items()}

    assert [case.kind.value for case in found.values()] == list(PIECES)
    assert {case.signer for case in found.values()} == {SIGNER}
    assert {case.height for case in found.values()} == {HEIGHT}
    assert [case.view for case in found.values()] == [4, 0, 2**31 - 1, 3, 2, 1]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (vote(KEY, CHAIN, Domain.PREPARE, "A"), vote(KEY, CHAIN, Domain.COMMIT, "A")),
        (vote(KEY, CHAIN, Domain.PREPARE, "A"), vote(KEY, CHAIN, Domain.PREPARE, "B", view=1)),
        (vote(KEY, CHAIN, Domain.COMMIT, "A"), vote(KEY, CHAIN, Domain.COMMIT, "B", view=1)),
        (vote(KEY, CHAIN, Domain.COMMIT, "A"), vote(KEY, CHAIN, Domain.COMMIT, "B", height=13)),
        (vote(KEY, CHAIN, Domain.COMMIT, "A"), vote(KEY, CHAIN, Domain.PREPARE, "B", view=1)),
        (vote(KEY, CHAIN, Domain.PRE_PREPARE, "A"), vote(KEY, CHAIN, Domain.PREPARE, "B")),
        (vote(KEY, CHAIN, Domain.PREPARE, "A"), view_change(KEY, CHAIN, 1)),
        (vote(KEY, CHAIN, Domain.COMMIT, "A"), view_change(KEY, CHAIN, 1, (0, "A"))),
        (vote(KEY, CHAIN, Domain.COMMIT, "A"), view_change(KEY, CHAIN, 3, (2, "B"))),
        (vote(KEY, CHAIN, Domain.COMMIT, "A"), view_change(KEY, CHAIN, 1, (0, "B"))),
        (vote(KEY, CHAIN, Domain.COMMIT, "A", view=2), view_change(KEY, CHAIN, 2)),
        (vote(KEY, CHAIN, Domain.COMMIT, "A", view=3), view_change(KEY, CHAIN, 2)),
        (vote(KEY, CHAIN, Domain.COMMIT, "A"), view_change(KEY, CHAIN, 1, height=13)),
        (view_change(KEY, CHAIN, 1), view_change(KEY, CHAIN, 2)),
        (view_change(KEY, CHAIN, 1), view_change(KEY, CHAIN, 1, height=13)),
    ],
)
def test_what_an_honest_validator_may_sign_names_nobody(one: Witness, other: Witness) -> None:
    """R46: another view, another height, a claim that keeps the promise."""
    assert flaw_of(evidence_of(SIGNER, one, other)) is Flaw.COMPATIBLE


def test_amnesia_is_a_claim_below_the_view_of_the_commit() -> None:
    """R46: E5 with any lower claim, of that block or of another."""
    commit = vote(KEY, CHAIN, Domain.COMMIT, "A", view=2)

    for claim in (None, (0, "A"), (1, "A"), (1, "B")):
        case = judged(evidence_of(SIGNER, commit, view_change(KEY, CHAIN, 3, claim)))
        assert (case.kind.value, case.view) == ("E5", 2)


def test_a_pair_has_one_order() -> None:
    """R47: that of the bytes, whoever puts it together."""
    piece = two_prepares(KEY, CHAIN)

    assert evidence_of(SIGNER, piece.second, piece.first) == piece
    assert flaw_of(replace(piece, first=piece.second, second=piece.first)) is Flaw.ORDER


def test_the_same_content_with_another_signature_is_not_evidence() -> None:
    """R47: Ed25519 has many valid signatures of one message for whoever has the key."""
    said = vote(KEY, CHAIN, Domain.PREPARE, "A")
    again = replace(said, signature=Signature(bytes(64)))

    assert flaw_of(evidence_of(SIGNER, said, again)) is Flaw.ORDER


@pytest.mark.parametrize("which", ["first", "second"])
def test_both_signatures_are_the_signers(which: str) -> None:
    """R47: one of somebody else's is none."""
    piece = two_prepares(KEY, CHAIN)
    forged = replace(getattr(piece, which), signature=getattr(piece, which).signature[::-1])

    assert flaw_of(replace(piece, **{which: forged})) is Flaw.SIGNATURE
    assert flaw_of(replace(piece, signer=ValidatorKey(KEYS[2].public))) is Flaw.SIGNATURE


def test_the_signer_had_a_vote_at_that_height() -> None:
    """R47: who has no seat there can sign what it likes."""
    assert flaw_of(two_prepares(signing_key("a stranger"), CHAIN)) is Flaw.NO_VALIDATOR


def test_statements_of_another_chain_accuse_nobody_here() -> None:
    """R47: the same key may vote in two networks."""
    other = ChainId(named_digest("another chain"))

    assert flaw_of(two_prepares(KEY, other)) is Flaw.OTHER_CHAIN


@pytest.mark.parametrize(
    "data",
    [
        b"",
        vote(KEY, CHAIN, Domain.PREPARE, "B").statement[:-1],
        vote(KEY, CHAIN, Domain.PREPARE, "B").statement + b"\0",
        view_change(KEY, CHAIN, 1).statement[:-1],
        b"mithaq/1/transaction-signature\0" + bytes(76),
        b"mithaq/2/prepare\0" + bytes(76),
    ],
)
def test_bytes_that_are_no_statement_are_no_evidence(data: bytes) -> None:
    """R47: whoever signed them said nothing that excludes anything."""
    other = vote(KEY, CHAIN, Domain.PREPARE, "A")
    signed = Witness(data, KEY.sign(b"\0" + data))

    assert flaw_of(evidence_of(SIGNER, signed, other)) is Flaw.UNREADABLE


@pytest.mark.parametrize(
    "data",
    [
        vote_bytes(Domain.COMMIT, CHAIN, Height(0), View(0), some_block("A")),
        vote_bytes(Domain.COMMIT, CHAIN, Height(2**63), View(0), some_block("A")),
        vote_bytes(Domain.COMMIT, CHAIN, Height(1), View(2**31), some_block("A")),
        view_change(KEY, CHAIN, 0).statement,
        view_change(KEY, CHAIN, 2, (2, "A")).statement,
        view_change(KEY, CHAIN, 2, (-1, "A")).statement,
        view_change(KEY, CHAIN, 2, (-2, "A")).statement,
    ],
)
def test_a_statement_outside_its_bounds_is_not_read(data: bytes) -> None:
    """R5: no node counts it, so it accuses nobody either."""
    with pytest.raises(Malformed):
        read_statement(data)


def test_a_case_is_the_same_for_every_pair_that_shows_it() -> None:
    """R47: three prepares of one view make three pairs, and one case."""
    said = [vote(KEY, CHAIN, Domain.PREPARE, name) for name in ("A", "B", "C")]
    cases = {judged(evidence_of(SIGNER, *pair)).id for pair in itertools.combinations(said, 2)}

    assert len(cases) == 1
    assert len({case_of(piece, CHAIN).id for piece in PIECES.values()}) == len(PIECES)


def test_a_statement_in_evidence_is_bounded() -> None:
    """limits.STATEMENT_BYTES_MAX: one byte more is not decoded."""
    longest = Witness(bytes(limits.STATEMENT_BYTES_MAX), Signature(bytes(64)))
    longer = Witness(bytes(limits.STATEMENT_BYTES_MAX + 1), Signature(bytes(64)))

    assert decode(encode(longest), Witness, limit=1_000) == longest
    with pytest.raises(Malformed):
        decode(encode(longer), Witness, limit=1_000)
