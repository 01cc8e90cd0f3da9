"""Ideal signatures: nobody signs without the secret, and checking costs a microsecond.

A signature is SHA-512 over the secret and the message. Whoever checks must know the secret as well,
so this is no signature scheme for the world, only for *a* world: its notary holds all secrets, and
no actor in it ever asks. The engine, the signer and the gate take the scheme from outside, so the
code that runs here is the code that runs with Ed25519.

What the ledger judges itself, READY and evidence, is signed by Ed25519 always. Worlds in which that
matters have real keys, and check each signature once.
"""

import hashlib
from typing import final

from primitives.crypto import ED25519
from primitives.errors import BadSignature
from primitives.ids import PublicKey, Signature, short


@final
class IdealKey:
    """A key pair of one world."""

    __slots__ = ("_secret", "public")

    def __init__(self, secret: bytes) -> None:
        self._secret = secret
        self.public = PublicKey(hashlib.sha256(b"public half" + secret).digest())

    def sign(self, message: bytes) -> Signature:
        """The one signature of this message."""
        return Signature(hashlib.sha512(self._secret + message).digest())


@final
class IdealScheme:
    """The notary of one world."""

    def __init__(self, keys: list[IdealKey]) -> None:
        self._keys = {bytes(key.public): key for key in keys}

    def check(self, key: bytes, message: bytes, signature: bytes) -> None:
        """Raises:
        BadSignature: `signature` is not `key`'s over `message`.
        """
        pair = self._keys.get(key)
        if pair is None or pair.sign(message) != signature:
            raise BadSignature(
                f"signature of {short(key)}… over {len(message)} bytes does not verify"
            )


@final
class Remembering:
    """Ed25519, each signature once in a world: what was good stays good."""

    def __init__(self) -> None:
        self._good: set[tuple[bytes, bytes, bytes]] = set()

    def check(self, key: bytes, message: bytes, signature: bytes) -> None:
        """Raises:
        BadSignature: `signature` is not `key`'s over `message`.
        """
        if (key, message, signature) not in self._good:
            ED25519.check(key, message, signature)
            self._good.add((key, message, signature))
