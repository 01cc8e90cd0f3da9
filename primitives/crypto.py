"""Ed25519 (FIPS 186-5, RFC 8032) through libsodium: the only door to `nacl` in the node.

One predicate decides about a signature everywhere (consensus.md §2): libsodium's, which refuses
keys of small order, non-canonical points and S ≥ L. PyNaCl releases the interpreter lock while it
works, so checks run in threads.
"""

import hashlib
from typing import Final, Protocol, final

from nacl import bindings
from nacl.exceptions import CryptoError

from primitives.certificate import Certificate, check_shape
from primitives.domains import Domain
from primitives.errors import BadSignature
from primitives.ids import ChainId, PublicKey, Signature, short
from primitives.statements import VoteDomain, vote_bytes
from primitives.validators import ValidatorSet


class Key(Protocol):
    """A key pair that signs."""

    @property
    def public(self) -> PublicKey:
        """The public half."""
        ...

    def sign(self, message: bytes) -> Signature:
        """64 bytes over a message that begins with a domain and names its chain."""
        ...


class Scheme(Protocol):
    """How signatures are judged. A node has ED25519; a simulated world may have a faster one."""

    def check(self, key: bytes, message: bytes, signature: bytes) -> None:
        """Raises:
        BadSignature: `signature` is not `key`'s over `message`.
        """
        ...


@final
class SigningKey:
    """An Ed25519 key pair. Its seed is shown nowhere: not in `repr`, not in logs."""

    __slots__ = ("_secret", "public")

    def __init__(self, seed: bytes) -> None:
        """`seed` is 32 secret bytes (RFC 8032 §5.1.5)."""
        public, self._secret = bindings.crypto_sign_seed_keypair(seed)
        self.public = PublicKey(public)

    def sign(self, message: bytes) -> Signature:
        """64 bytes over a message that begins with a domain and names its chain.

        Deterministic (RFC 8032 §5.1.6): the same message has the same signature.
        """
        assert b"\0" in message[:64], "a signed message begins with a domain"
        return Signature(bindings.crypto_sign(message, self._secret)[:64])

    def __repr__(self) -> str:
        return f"SigningKey({short(self.public)}…)"


def check_signature(key: bytes, message: bytes, signature: bytes) -> None:
    """Raises:
    BadSignature: `signature` is not `key`'s over `message`.
    """
    # libsodium reads 64 and 32 bytes whatever it is given: a signature that is one byte short would
    # borrow the message's first byte, a short key whatever lies behind it in memory.
    if len(key) != 32 or len(signature) != 64:
        raise BadSignature(
            f"a key of {len(key)} and a signature of {len(signature)} bytes, expected 32 and 64"
        )
    try:
        bindings.crypto_sign_open(signature + message, key)
    except (CryptoError, ValueError) as error:
        raise BadSignature(
            f"signature of {short(key)}… over {len(message)} bytes does not verify"
        ) from error


@final
class _Ed25519:
    check = staticmethod(check_signature)


ED25519: Final[Scheme] = _Ed25519()
"""The scheme of every chain."""


def check_certificate(
    certificate: Certificate,
    domain: VoteDomain,
    chain: ChainId,
    validators: ValidatorSet,
    scheme: Scheme,
) -> None:
    """A quorum of `validators` signed this certificate's statement under `domain` (rule R4).

    Raises:
        Malformed: its seats are not distinct members in order, or fewer than a quorum.
        BadSignature: one of its signatures does not verify.
    """
    check_shape(certificate, validators.size)
    message = vote_bytes(domain, chain, certificate.height, certificate.view, certificate.block_id)
    for seal in certificate.seals:
        scheme.check(validators.keys[seal.seat], message, seal.signature)


def commitment(salt: bytes, data: bytes) -> bytes:
    """SHA-256(domain ‖ salt32 ‖ data): says nothing without the salt (ledger.md §2)."""
    assert len(salt) == 32, f"a salt of {len(salt)} bytes, expected 32"
    return hashlib.sha256(Domain.COMMITMENT.tag + salt + data).digest()
