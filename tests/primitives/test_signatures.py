"""One predicate decides about a signature, and a key never shows its seed."""

import hashlib
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nacl import bindings

from kit.certified import signing_key
from primitives.crypto import SigningKey, check_signature, commitment
from primitives.domains import Domain
from primitives.errors import BadSignature
from primitives.ids import BlockId, ChainId, Height, View
from primitives.statements import view_change_bytes, vote_bytes

ROOT = Path(__file__).parents[2]
WYCHEPROOF = ROOT / "../shared/data/wycheproof/ed25519_test.json"
MESSAGE = Domain.COMMIT.tag + b"a statement"
ORDER = 2**252 + 27742317777372353535851937790883648493
SMALL_ORDER = [
    "0100000000000000000000000000000000000000000000000000000000000000",
    "0000000000000000000000000000000000000000000000000000000000000000",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
]


def accepts(key: bytes, message: bytes, signature: bytes) -> bool:
    try:
        check_signature(key, message, signature)
    except BadSignature:
        return False
    return True


@pytest.mark.skipif(not WYCHEPROOF.exists(), reason="Wycheproof is not in ../shared/data")
def test_wycheproof_agrees_about_every_signature() -> None:
    """Every edge case that Project Wycheproof knows, judged as it judges."""
    document = json.loads(WYCHEPROOF.read_text(encoding="utf-8"))
    judged = 0
    for group in document["testGroups"]:
        key = bytes.fromhex(group["publicKey"]["pk"])
        for case in group["tests"]:
            verdict = accepts(key, bytes.fromhex(case["msg"]), bytes.fromhex(case["sig"]))
            assert verdict == (case["result"] == "valid"), f"{case['tcId']}: {case['comment']}"
            judged += 1
    assert judged == document["numberOfTests"]


def test_rfc_8032_first_vector() -> None:
    """RFC 8032 §7.1, TEST 1: seed, public key and the signature over nothing."""
    seed = bytes.fromhex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")
    public = bytes.fromhex("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a")
    signature = bytes.fromhex(
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555"
        "fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b"
    )
    assert SigningKey(seed).public == public
    check_signature(public, b"", signature)


def test_a_signature_verifies_and_is_always_the_same() -> None:
    """Deterministic, so that a repeat is byte-identical (consensus.md §7)."""
    key = signing_key("somebody")
    assert key.sign(MESSAGE) == signing_key("somebody").sign(MESSAGE)
    check_signature(key.public, MESSAGE, key.sign(MESSAGE))


@given(st.integers(0, 64 * 8 - 1))
def test_every_bit_of_a_signature_counts(bit: int) -> None:
    """One bit flipped is no signature."""
    key = signing_key("somebody")
    flipped = int.from_bytes(key.sign(MESSAGE), "big") ^ (1 << bit)
    assert not accepts(key.public, MESSAGE, flipped.to_bytes(64, "big"))


def test_a_second_spelling_of_s_is_refused() -> None:
    """S + L verifies under lenient rules; here a signature cannot be spelled in two ways."""
    key = signing_key("somebody")
    signature = key.sign(MESSAGE)
    s = int.from_bytes(signature[32:], "little") + ORDER
    assert not accepts(key.public, MESSAGE, signature[:32] + s.to_bytes(32, "little"))


@pytest.mark.parametrize("key", SMALL_ORDER)
def test_a_key_of_small_order_signs_nothing(key: str) -> None:
    """Under such a key R = identity and S = 0 would satisfy the bare equation."""
    identity = bytes.fromhex(SMALL_ORDER[0])
    assert not accepts(bytes.fromhex(key), MESSAGE, identity + bytes(32))


def test_the_equation_is_without_cofactor() -> None:
    """R + T with T of order 8 satisfies 8SB = 8R + 8kA, but not SB = R + kA.

    Implementations differ here. A node whose libsodium accepted it would hold certificates that the
    others refuse, so a library that changes its mind must fail this test.
    """
    seed = bytes(32)
    key = SigningKey(seed)
    scalar = bytearray(hashlib.sha512(seed).digest()[:32])
    scalar[0] &= 248
    scalar[31] = scalar[31] & 127 | 64
    nonce = 12_345
    plain_r = bindings.crypto_scalarmult_ed25519_base_noclamp(nonce.to_bytes(32, "little"))
    torsion = bytes.fromhex(SMALL_ORDER[3])

    def signature_with(r: bytes) -> bytes:
        k = int.from_bytes(hashlib.sha512(r + key.public + MESSAGE).digest(), "little")
        s = (nonce + k * int.from_bytes(scalar, "little")) % ORDER
        return r + s.to_bytes(32, "little")

    assert accepts(key.public, MESSAGE, signature_with(plain_r))
    mixed_r = bindings.crypto_core_ed25519_add(plain_r, torsion)
    assert not accepts(key.public, MESSAGE, signature_with(mixed_r))


@pytest.mark.parametrize("length", [0, 1, 31, 33, 64])
def test_a_key_of_another_length_is_refused(length: int) -> None:
    """Whatever lies in memory behind a short key is not part of it."""
    with pytest.raises(BadSignature, match="expected 32 and 64"):
        check_signature(bytes(length), MESSAGE, bytes(64))


def test_a_signature_cannot_borrow_bytes_of_the_message() -> None:
    """Signature and message are divided where we say, nowhere else."""
    key = signing_key("somebody")
    signature = key.sign(MESSAGE)
    for shift in (1, 32, 63):
        with pytest.raises(BadSignature, match="expected 32 and 64"):
            check_signature(key.public, signature[-shift:] + MESSAGE, signature[:-shift])
    with pytest.raises(BadSignature, match="expected 32 and 64"):
        check_signature(key.public, MESSAGE[1:], signature + MESSAGE[:1])


def test_a_key_pair_shows_only_its_public_half() -> None:
    """Neither repr nor str nor an error tells the seed."""
    seed = bytes(range(32))
    key = SigningKey(seed)
    for shown in (repr(key), str(key), f"{key}"):
        assert shown == f"SigningKey({key.public[:4].hex()}…)"
        assert seed.hex()[:8] not in shown
    assert not hasattr(key, "__dict__"), "a debugger or a logger would print it"


def test_nothing_is_signed_without_a_domain() -> None:
    """A caller who forgets it is a bug of ours."""
    with pytest.raises(AssertionError, match="begins with a domain"):
        signing_key("somebody").sign(b"no domain here")


def test_votes_for_different_things_have_different_bytes() -> None:
    """No two statements share their signed bytes, whatever their kind (R3)."""
    chain, block = ChainId(bytes([1] * 32)), BlockId(bytes([2] * 32))
    statements = {
        vote_bytes(domain, chain, Height(height), View(view), block)
        for domain in (Domain.PRE_PREPARE, Domain.PREPARE, Domain.COMMIT)
        for height in (0, 1, 2**63 - 1)
        for view in (0, 1, 2**31 - 1)
    } | {
        view_change_bytes(chain, Height(height), View(view), View(prepared), block)
        for height in (0, 1, 2**63 - 1)
        for view in (1, 2, 2**31 - 1)
        for prepared in (-1, 0, view - 1)
    }
    # For view 1 "prepared in 0" and "prepared in view − 1" are one statement.
    assert len(statements) == 3 * 3 * 3 + 3 * 3 * 3 - 3


def test_a_commitment_hides_and_binds() -> None:
    """Another salt or another document gives another value; a short salt is a bug of ours."""
    salt, other = bytes(32), bytes([1]) * 32
    assert commitment(salt, b"deed") != commitment(other, b"deed")
    assert commitment(salt, b"deed") != commitment(salt, b"deed.")
    with pytest.raises(AssertionError, match="expected 32"):
        commitment(bytes(31), b"deed")
