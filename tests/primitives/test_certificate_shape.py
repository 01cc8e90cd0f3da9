"""Certificates count signers, never signatures (rule R4)."""

from collections.abc import Callable

import msgspec
import pytest

from kit.certified import certify, named_digest, signing_key, validator_keys, validator_set
from primitives import limits
from primitives.certificate import Certificate, Seal, check_shape
from primitives.codec import decode, encode
from primitives.crypto import ED25519, check_certificate
from primitives.domains import Domain
from primitives.errors import BadSignature, Malformed
from primitives.ids import INTEGER_MAX, VIEW_MAX, BlockId, ChainId, Height, Seat, Signature, View
from primitives.statements import vote_bytes
from primitives.validators import quorum

CHAIN = ChainId(named_digest("chain"))
BLOCK = BlockId(named_digest("block"))
KEYS = validator_keys(4)
VALIDATORS = validator_set(KEYS)


def of_seats(seats: list[int]) -> Certificate:
    seals = tuple(Seal(Seat(seat), Signature(bytes(64))) for seat in seats)
    return Certificate(Height(3), View(1), BLOCK, seals)


def signed_by(*seats: int) -> Certificate:
    return certify(
        [KEYS[seat] for seat in seats],
        VALIDATORS,
        chain=CHAIN,
        height=Height(3),
        view=View(1),
        block=BLOCK,
    )


@pytest.mark.parametrize("n", range(1, limits.VALIDATORS_MAX + 1))
def test_a_quorum_is_enough_and_one_less_is_not(n: int) -> None:
    """At every size."""
    check_shape(of_seats(list(range(quorum(n)))), n)
    check_shape(of_seats(list(range(n))), n)
    check_shape(of_seats(list(range(n - quorum(n), n))), n)
    with pytest.raises(Malformed, match=f"quorum of {n} validators is {quorum(n)}"):
        check_shape(of_seats(list(range(quorum(n) - 1))), n)


@pytest.mark.parametrize(
    ("why", "seats"),
    [
        ("a signer twice", [0, 1, 1]),
        ("a signer twice beside a quorum", [0, 1, 2, 2]),
        ("descending", [2, 1, 0]),
        ("swapped", [0, 2, 1]),
        ("a seat that does not exist", [0, 1, 4]),
        ("nobody", []),
    ],
)
def test_seats_are_distinct_members_in_order(why: str, seats: list[int]) -> None:
    """One statement has one certificate per set of signers."""
    with pytest.raises(Malformed):
        check_shape(of_seats(seats), 4)
    assert why


@pytest.mark.parametrize("seats", [(0, 1, 2), (1, 2, 3), (0, 1, 2, 3)])
def test_a_quorum_of_good_signatures_is_a_certificate(seats: tuple[int, ...]) -> None:
    """Any quorum does."""
    check_certificate(signed_by(*seats), Domain.COMMIT, CHAIN, VALIDATORS, ED25519)


def changed(**fields: object) -> Callable[[Certificate], Certificate]:
    return lambda certificate: msgspec.structs.replace(certificate, **fields)


@pytest.mark.parametrize(
    "change",
    [
        changed(height=Height(4)),
        changed(view=View(2)),
        changed(block_id=BlockId(named_digest("another block"))),
    ],
)
def test_the_signatures_are_over_this_statement(
    change: Callable[[Certificate], Certificate],
) -> None:
    """Height, view and block stand under every signature."""
    with pytest.raises(BadSignature):
        check_certificate(change(signed_by(0, 1, 2)), Domain.COMMIT, CHAIN, VALIDATORS, ED25519)


def test_the_domain_and_the_chain_stand_under_every_signature() -> None:
    """A prepared certificate is no commit certificate, and another chain's is none here (R3)."""
    good = signed_by(0, 1, 2)
    with pytest.raises(BadSignature):
        check_certificate(good, Domain.PREPARE, CHAIN, VALIDATORS, ED25519)
    with pytest.raises(BadSignature):
        check_certificate(good, Domain.COMMIT, ChainId(named_digest("other")), VALIDATORS, ED25519)


def test_a_strangers_signature_does_not_count() -> None:
    """Each seal is checked under the key of its seat."""
    stranger = signing_key("stranger").sign(
        vote_bytes(Domain.COMMIT, CHAIN, Height(3), View(1), BLOCK)
    )
    seals = signed_by(0, 1, 2).seals
    forged = changed(seals=(*seals[:2], Seal(Seat(2), Signature(stranger))))(signed_by(0, 1, 2))
    with pytest.raises(BadSignature):
        check_certificate(forged, Domain.COMMIT, CHAIN, VALIDATORS, ED25519)


def test_one_bad_signature_beside_a_quorum_spoils_it() -> None:
    """All that is written is checked: what nobody signed is not carried along."""
    seals = signed_by(0, 1, 2, 3).seals
    spoiled = changed(seals=(*seals[:3], Seal(Seat(3), seals[0].signature)))(signed_by(0, 1, 2))
    with pytest.raises(BadSignature):
        check_certificate(spoiled, Domain.COMMIT, CHAIN, VALIDATORS, ED25519)


def test_the_largest_certificate_fits_its_limit_and_one_seal_more_does_not_decode() -> None:
    """128 validators at the last height and view; a 129th seal is refused by the decoder."""

    def largest(seals: int) -> bytes:
        return encode(
            Certificate(
                Height(INTEGER_MAX),
                View(VIEW_MAX),
                BLOCK,
                tuple(Seal(Seat(min(seat, 255)), Signature(bytes(64))) for seat in range(seals)),
            )
        )

    most = largest(limits.VALIDATORS_MAX)
    assert len(most) <= limits.CERTIFICATE_BYTES_MAX
    decode(most, Certificate, limit=limits.CERTIFICATE_BYTES_MAX)
    with pytest.raises(Malformed):
        decode(largest(limits.VALIDATORS_MAX + 1), Certificate, limit=10**6)


@pytest.mark.parametrize(
    ("height", "view", "seat"), [(2**63, 0, 0), (-1, 0, 0), (0, 2**31, 0), (0, -1, 0), (0, 0, 256)]
)
def test_numbers_outside_their_range_do_not_decode(height: int, view: int, seat: int) -> None:
    """The sizes are part of the type."""
    data = msgspec.msgpack.encode([height, view, BLOCK, [[seat, bytes(64)]]])
    with pytest.raises(Malformed):
        decode(data, Certificate, limit=limits.CERTIFICATE_BYTES_MAX)
