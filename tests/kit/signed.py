"""A second valid signature of the same key under the same statement.

Ed25519 as everybody uses it takes the nonce from the key and the message, so that a signature is
repeated byte for byte (RFC 8032 §5.1.6). Whoever holds the key may take any other nonce: every one
gives another signature that verifies. That is why signers are counted and never signatures (R4).
"""

import hashlib

from nacl import bindings

from primitives.crypto import SigningKey
from primitives.ids import Signature

ORDER = 2**252 + 27742317777372353535851937790883648493


def sign_with_nonce(seed: bytes, message: bytes, nonce: int) -> Signature:
    """R = nonce · B, S = nonce + SHA-512(R ‖ A ‖ message) · a (RFC 8032 §5.1.6, steps 3 to 6)."""
    scalar = bytearray(hashlib.sha512(seed).digest()[:32])
    scalar[0] &= 248
    scalar[31] = scalar[31] & 127 | 64
    r = bindings.crypto_scalarmult_ed25519_base_noclamp(nonce.to_bytes(32, "little"))
    public = SigningKey(seed).public
    k = int.from_bytes(hashlib.sha512(r + public + message).digest(), "little")
    s = (nonce + k * int.from_bytes(scalar, "little")) % ORDER
    return Signature(r + s.to_bytes(32, "little"))
