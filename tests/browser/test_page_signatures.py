"""The page judges a signature as libsodium does, where browsers alone are more lenient.

Nodes and the verifier in Python ask libsodium. A proof that one reader takes and another refuses is
worth nothing, so every known way to differ is tried on both.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest
from nacl import bindings
from nacl.exceptions import CryptoError

from kit.browser import Page

WYCHEPROOF: Final = Path(__file__).parents[2] / "../shared/data/wycheproof/ed25519_test.json"
PRIME: Final = 2**255 - 19
ORDER: Final = 2**252 + 27742317777372353535851937790883648493
SIGN: Final = 1 << 255
IDENTITY: Final = (1).to_bytes(32, "little")
ORDER_EIGHT: Final = "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"
SMALL: Final = [
    0,
    1,
    PRIME - 1,
    int.from_bytes(bytes.fromhex(ORDER_EIGHT), "little"),
    int.from_bytes(
        bytes.fromhex("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a"), "little"
    ),
]
MESSAGES: Final = [f"message {number}".encode() for number in range(32)]
_ASK: Final = """
const [cases, alone, done] = arguments;
const browserAlone = async (key, message, signature) => {
  const imported = await crypto.subtle.importKey("raw", key, "Ed25519", false, ["verify"]);
  return crypto.subtle.verify("Ed25519", imported, signature, message);
};
const judge = alone ? browserAlone : isSigned;
Promise.all(cases.map((one) => judge(...one.map((text) => bytesOfHex(text)))))
  .then(done, (error) => done(String(error)));
"""


@dataclass(frozen=True)
class Signed:
    name: str
    key: bytes
    message: bytes
    signature: bytes


@dataclass(frozen=True)
class Signer:
    """A key with its scalar known, so that it can sign in ways that no library offers."""

    scalar: int
    key: bytes

    @classmethod
    def made(cls) -> Signer:
        scalar = int.from_bytes(hashlib.sha512(b"a signer").digest(), "little") % ORDER
        return cls(scalar, times_base(scalar))

    def signature(self, message: bytes, nonce: int, torsion: bytes | None = None) -> bytes:
        r = times_base(nonce) if torsion is None else added(times_base(nonce), torsion)
        return r + little((nonce + self.scalar * challenge(r, self.key, message)) % ORDER)


def little(number: int) -> bytes:
    return number.to_bytes(32, "little")


def times_base(scalar: int) -> bytes:
    return bindings.crypto_scalarmult_ed25519_base_noclamp(little(scalar))


def added(one: bytes, other: bytes) -> bytes:
    return bindings.crypto_core_ed25519_add(one, other)


def challenge(r: bytes, key: bytes, message: bytes) -> int:
    return int.from_bytes(hashlib.sha512(r + key + message).digest(), "little") % ORDER


def libsodium_accepts(one: Signed) -> bool:
    try:
        bindings.crypto_sign_open(one.signature + one.message, one.key)
    except CryptoError:
        return False
    return True


def spellings(points: list[int]) -> Iterator[bytes]:
    """Each with either sign, and where it fits once more with the prime added."""
    for y in points:
        for spelt in (y, y + PRIME):
            if spelt < SIGN:
                yield little(spelt)
                yield little(spelt | SIGN)


def crafted() -> list[Signed]:
    signer = Signer.made()
    torsion = bytes.fromhex(ORDER_EIGHT)
    mixed = Signer(signer.scalar, added(signer.key, torsion))
    cases = []
    for number, message in enumerate(MESSAGES):
        honest = signer.signature(message, 1000 + number)
        s = int.from_bytes(honest[32:], "little")
        cases += [
            Signed("honest", signer.key, message, honest),
            Signed("bit", signer.key, message, bytes([honest[0] ^ 1 << number % 8]) + honest[1:]),
            Signed("S + L", signer.key, message, honest[:32] + little(s + ORDER)),
            Signed("R + T", signer.key, message, signer.signature(message, 5 + number, torsion)),
            Signed("A + T", mixed.key, message, mixed.signature(message, 7 + number)),
            Signed("A + T, R + T", mixed.key, message, mixed.signature(message, 9, torsion)),
        ]
        for point in spellings(SMALL):
            key_times = challenge(point, signer.key, message) * signer.scalar % ORDER
            cases += [
                Signed("small key", point, message, IDENTITY + bytes(32)),
                Signed("small key and R", point, message, point + bytes(32)),
                Signed("small R", signer.key, message, point + little(key_times)),
            ]
    honest = signer.signature(b"m", 11)
    high = [little(y | sign) for y in range(PRIME, SIGN) for sign in (0, SIGN)]
    cases += [Signed("key spelt high", key, b"m", honest) for key in high]
    cases += [Signed("R spelt high", signer.key, b"m", r + honest[32:]) for r in high]
    cases += [Signed("no point", little(y), b"m", honest) for y in range(2, 40)]
    return cases


def judged(page: Page, cases: list[Signed], *, alone: bool = False) -> list[bool]:
    asked = [[one.key.hex(), one.message.hex(), one.signature.hex()] for one in cases]
    found = page.run(_ASK, asked, alone)
    assert isinstance(found, list), found
    return found


def test_the_page_and_libsodium_agree_about_every_crafted_signature(page: Page) -> None:
    """Small orders, second spellings, torsion in key or R, points off the curve."""
    cases = crafted()

    found = judged(page, cases)

    differ = {
        case.name for case, ok in zip(cases, found, strict=True) if ok != libsodium_accepts(case)
    }
    assert differ == set()
    accepted = {case.name for case, ok in zip(cases, found, strict=True) if ok}
    assert accepted == {"honest", "A + T", "A + T, R + T"}, "one in eight of these is a signature"


def test_the_browser_alone_would_not_do(page: Page) -> None:
    """It takes keys of small order: the page's own checks keep a reader from «valid»."""
    cases = [one for one in crafted() if one.name.startswith("small")]

    assert any(judged(page, cases, alone=True))
    assert not any(judged(page, cases))


@pytest.mark.skipif(not WYCHEPROOF.exists(), reason="Wycheproof is not in ../shared/data")
def test_wycheproof_agrees_about_every_signature_on_the_page(page: Page) -> None:
    """Every edge case that Project Wycheproof knows, judged as it judges."""
    document = json.loads(WYCHEPROOF.read_text(encoding="utf-8"))
    cases, wanted = [], []
    for group in document["testGroups"]:
        key = bytes.fromhex(group["publicKey"]["pk"])
        for case in group["tests"]:
            signature = bytes.fromhex(case["sig"])
            if len(signature) != 64:
                continue  # refused before it is looked at: the record's field has 64 bytes
            cases.append(Signed(str(case["tcId"]), key, bytes.fromhex(case["msg"]), signature))
            wanted.append(case["result"] == "valid")

    found = judged(page, cases)

    assert [c.name for c, ok, want in zip(cases, found, wanted, strict=True) if ok != want] == []
    assert any(wanted)
    assert not all(wanted)
