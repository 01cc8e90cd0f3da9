"""Whatever is not exactly the proof that was made is invalid: never a crash, never valid.

The files come from node/proof.py; the verifier shares no code with it. Each attack states what it
breaks and which sentence the reader gets.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import msgpack
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kit.certified import certify, named_digest, signing_key
from kit.proofs import (
    KEY,
    TABLE,
    Chain,
    packed,
    small_chain,
    valid_files,
)
from node.lineage import Keys
from node.proof import AbsentSubject, ProofFile, read_proof, write_proof
from primitives import limits
from primitives.block import block_id
from primitives.certificate import Certificate, Seal
from primitives.codec import encode
from primitives.domains import Domain
from primitives.ids import Height, Seat, View
from primitives.statements import vote_bytes
from verifier import Outcome, verify

CHAIN = small_chain()
RECEIPT = CHAIN.receipt_proof()
ENTRY = CHAIN.entry_proof()
GENESIS_ENTRY = CHAIN.genesis_entry_proof()
PROOFS = {"receipt": RECEIPT, "entry": ENTRY, "genesis entry": GENESIS_ENTRY}
kinds = pytest.mark.parametrize("proof", PROOFS.values(), ids=PROOFS.keys())

replace = msgspec.structs.replace


def refused(data: bytes, why: str, chain: Chain | None = CHAIN) -> None:
    verdict = verify(data, None if chain is None else chain.pin)
    assert verdict.outcome is Outcome.INVALID, verdict.sentence
    assert why in verdict.sentence, verdict.sentence


@kinds
def test_an_honest_proof_is_valid_under_the_pinned_chain(proof: ProofFile) -> None:
    """What the node writes, the second implementation accepts."""
    verdict = verify(write_proof(proof), CHAIN.pin)
    assert verdict.outcome is Outcome.VALID
    assert verdict.chain == CHAIN.id


@kinds
def test_without_a_pinned_chain_it_is_never_simply_valid(proof: ProofFile) -> None:
    """architecture.md §4.13: the verdict names the chain that is still to be trusted."""
    verdict = verify(write_proof(proof), None)
    assert verdict.outcome is Outcome.NOT_PINNED
    assert f"VALID UNDER CHAIN {CHAIN.id.hex()}, WHICH YOU HAVE NOT PINNED" in verdict.text()


@kinds
def test_under_another_pinned_chain_it_is_invalid(proof: ProofFile) -> None:
    """Another genesis is another chain, however alike its validators."""
    refused(
        write_proof(proof),
        f"you pinned {small_chain(network='x').id.hex()}",
        small_chain(network="x"),
    )


@kinds
def test_every_bit_of_the_file_counts(proof: ProofFile) -> None:
    """Each single bit of each byte flipped, and each byte set to 0 and to 255."""
    data = write_proof(proof)
    for position, byte in enumerate(data):
        for other in {byte ^ (1 << bit) for bit in range(8)} | {0, 255} - {byte}:
            damaged = data[:position] + bytes([other]) + data[position + 1 :]
            assert verify(damaged, CHAIN.pin).outcome is Outcome.INVALID, (position, byte, other)


@kinds
def test_every_damaged_byte_outside_genesis_is_seen_without_a_pinned_chain(
    proof: ProofFile,
) -> None:
    """Nothing in the file is free to vary: under no pin either does a flip go unnoticed."""
    data = write_proof(proof)
    for position, byte in enumerate(data):
        damaged = data[:position] + bytes([byte ^ 1]) + data[position + 1 :]
        verdict = verify(damaged, None)
        same_chain = verdict.chain == CHAIN.id
        assert verdict.outcome is Outcome.INVALID or not same_chain, (position, byte)


def test_every_byte_of_a_lineage_counts() -> None:
    """Steps, signers and events have no byte to spare either."""
    file = valid_files()["event behind steps"]
    for position, byte in enumerate(file.data):
        damaged = file.data[:position] + bytes([byte ^ 1]) + file.data[position + 1 :]
        assert verify(damaged, file.pin).outcome is Outcome.INVALID, position


@pytest.mark.parametrize("name", ["absent, at an empty place", "absent in block 0"])
def test_an_absence_may_be_turned_into_another_true_one_and_into_nothing_else(name: str) -> None:
    """A place without entries is that of many keys; the sentence names the one in the file."""
    file = valid_files()[name]
    original = read_proof(file.data)
    assert isinstance(original.subject, AbsentSubject)
    for position, byte in enumerate(file.data):
        damaged = file.data[:position] + bytes([byte ^ 1]) + file.data[position + 1 :]
        verdict = verify(damaged, file.pin)
        if verdict.outcome is not Outcome.INVALID:
            told = read_proof(damaged)
            assert isinstance(told.subject, AbsentSubject)
            assert told.subject.key != KEY
            moved = replace(told.subject, table=TABLE, key=original.subject.key)
            assert replace(told, subject=moved) == original, position
            assert verdict.sentence != verify(file.data, file.pin).sentence


@kinds
def test_every_truncation_is_invalid(proof: ProofFile) -> None:
    """At each length, and with a byte too many."""
    data = write_proof(proof)
    for length in range(len(data)):
        assert verify(data[:length], CHAIN.pin).outcome is Outcome.INVALID, length
    refused(data + b"\0", "cannot be read")


@given(st.binary(max_size=3000))
def test_arbitrary_bytes_are_invalid(data: bytes) -> None:
    """Never a crash."""
    assert verify(data, None).outcome is Outcome.INVALID


plain = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats()
    | st.text()
    | st.binary(),
    lambda inner: st.lists(inner, max_size=10) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=30,
)


@given(st.data())
def test_any_value_in_any_place_is_invalid(data: st.DataObject) -> None:
    """Well-formed MessagePack of the wrong shape, at every depth of the file."""
    outer = msgpack.unpackb(write_proof(data.draw(st.sampled_from(list(PROOFS.values())))))
    place: Any = outer
    while True:
        index = data.draw(st.integers(0, len(place) - 1))
        if not isinstance(place[index], list) or not place[index] or data.draw(st.booleans()):
            break
        place = place[index]
    value = data.draw(plain.filter(lambda value: repr(value) != repr(place[index])))
    place[index] = value
    verdict = verify(packed(outer), CHAIN.pin)
    assert verdict.outcome is Outcome.INVALID


def test_a_file_one_byte_too_large_is_refused_before_it_is_read() -> None:
    """The limit itself is read."""
    refused(bytes(limits.PROOF_BYTES_MAX + 1), "1048577 bytes, at most 1048576")
    refused(bytes(limits.PROOF_BYTES_MAX), "cannot be read")


def test_a_million_brackets_are_refused() -> None:
    """Neither the stack nor the time runs out."""
    refused(b"\x91" * 1_000_000, "cannot be read")
    refused(b"\x91" * 400 + b"\x01", "nested deeper")
    refused(b"\xdd\xff\xff\xff\xff", "cannot be read")


@dataclass(frozen=True)
class Attack:
    name: str
    change: Callable[[ProofFile], ProofFile]
    why: str


def certificate_of(proof: ProofFile) -> Certificate:
    assert proof.certificate is not None
    return proof.certificate


def with_certificate(certificate: Certificate | None) -> Callable[[ProofFile], ProofFile]:
    return lambda proof: replace(proof, certificate=certificate)


def with_seals(seals: Sequence[Seal]) -> Callable[[ProofFile], ProofFile]:
    return lambda proof: replace(
        proof, certificate=replace(certificate_of(proof), seals=tuple(seals))
    )


SEALS = certificate_of(RECEIPT).seals
STRANGER = signing_key("stranger").sign(
    vote_bytes(Domain.COMMIT, CHAIN.id, CHAIN.header.height, View(0), block_id(CHAIN.header))
)
PREPARED = certify(
    CHAIN.keys,
    CHAIN.validators,
    chain=CHAIN.id,
    height=CHAIN.header.height,
    view=View(0),
    block=block_id(CHAIN.header),
    domain=Domain.PREPARE,
)
OTHER_CHAIN = small_chain(network="x")


def forked_genesis(proof: ProofFile) -> ProofFile:
    """A genesis of the same validators that is not this chain's."""
    return replace(proof, anchor=OTHER_CHAIN.anchor())


def with_founders(proof: ProofFile, keys: Keys) -> ProofFile:
    return replace(proof, anchor=replace(proof.anchor, validators=keys))


CHAIN_ATTACKS = [
    Attack("quorum minus one", with_seals(SEALS[:-1]), "2 of 4 validators signed, a quorum is 3"),
    Attack("nobody signed", with_seals([]), "0 of 4 validators signed"),
    Attack(
        "a signer counted twice",
        with_seals([SEALS[0], SEALS[1], SEALS[1]]),
        "not in ascending order, each once: [0, 1, 1]",
    ),
    Attack(
        "a signer twice beside a quorum",
        with_seals([*SEALS, SEALS[-1]]),
        "not in ascending order, each once",
    ),
    Attack(
        "seals in another order",
        with_seals([SEALS[1], SEALS[0], SEALS[2]]),
        "not in ascending order",
    ),
    Attack(
        "seats swapped under the signatures",
        with_seals(
            [Seal(Seat(0), SEALS[1].signature), Seal(Seat(1), SEALS[0].signature), SEALS[2]]
        ),
        "the signature of validator 0 does not verify",
    ),
    Attack(
        "a seat that does not exist",
        with_seals([*SEALS[:2], Seal(Seat(4), SEALS[2].signature)]),
        "seat 4 signed, but there are 4 validators",
    ),
    Attack(
        "a stranger in a member's seat",
        with_seals([*SEALS[:2], Seal(Seat(2), STRANGER)]),
        "the signature of validator 2 does not verify",
    ),
    Attack(
        "a forged seal beside a quorum",
        with_seals([*SEALS, Seal(Seat(3), STRANGER)]),
        "the signature of validator 3 does not verify",
    ),
    Attack("prepares instead of commits", with_certificate(PREPARED), "does not verify"),
    Attack(
        "a certificate of another height",
        with_certificate(CHAIN.certified_by((0, 1, 2), height=13)),
        "the certificate is of height 13, the header of 12",
    ),
    Attack(
        "another view than signed",
        lambda proof: replace(proof, certificate=replace(certificate_of(proof), view=View(1))),
        "does not verify",
    ),
    Attack(
        "a certificate of another block",
        with_certificate(small_chain(others=5).certificate),
        "of another block than the header",
    ),
    Attack("no certificate", with_certificate(None), "block 12 has no certificate"),
    Attack(
        "another genesis",
        forked_genesis,
        f"it is of chain {OTHER_CHAIN.id.hex()}",
    ),
    Attack(
        "other validators",
        lambda proof: with_founders(proof, small_chain(validators=5).validators.keys),
        "not those that the genesis header names",
    ),
    Attack(
        "validators in another order",
        lambda proof: with_founders(proof, proof.anchor.validators[::-1]),
        "not in ascending order",
    ),
    Attack(
        "a validator twice",
        lambda proof: with_founders(proof, (proof.anchor.validators[0], *proof.anchor.validators)),
        "not in ascending order",
    ),
    Attack("no validators", lambda proof: with_founders(proof, ()), "0 items, expected 1"),
]


@pytest.mark.parametrize("proof", [RECEIPT, ENTRY], ids=["receipt", "entry"])
@pytest.mark.parametrize("attack", CHAIN_ATTACKS, ids=lambda attack: attack.name)
def test_an_attack_on_the_chain_of_trust(proof: ProofFile, attack: Attack) -> None:
    """From the pinned id to the certified header, no link can be replaced."""
    refused(encode(attack.change(proof)), attack.why)


def test_another_genesis_under_no_pin_is_caught_by_the_header() -> None:
    """The header names its chain, so a genesis cannot be exchanged alone."""
    refused(encode(forked_genesis(RECEIPT)), "the header of height 12 is of chain", None)


def test_a_changed_membership_is_refused_not_believed() -> None:
    """A header that names other validators than genesis needs a lineage."""
    five = small_chain(validators=5)
    header = replace(
        CHAIN.header,
        validators_hash=five.validators.hash,
        next_validators_hash=five.validators.hash,
    )
    certificate = certify(
        five.keys,
        five.validators,
        chain=CHAIN.id,
        height=header.height,
        view=View(0),
        block=block_id(header),
    )
    usurped = replace(RECEIPT, header=header, certificate=certificate)
    refused(encode(usurped), "and no others are listed")
    usurped = with_founders(usurped, five.validators.keys)
    refused(encode(usurped), "not those that the genesis header names")


def self_made(**fields: object) -> bytes:
    """A whole chain of the attacker's own whose genesis breaks one rule, otherwise consistent."""
    genesis = replace(CHAIN.genesis, **fields)
    anchor = replace(GENESIS_ENTRY.anchor, genesis=genesis)
    return encode(replace(GENESIS_ENTRY, anchor=anchor, header=genesis))


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (self_made(chain=named_digest("x")), "names a chain, a parent or a proposer"),
        (self_made(parent=named_digest("x")), "names a chain, a parent or a proposer"),
        (self_made(proposer=named_digest("x")), "names a chain, a parent or a proposer"),
        (self_made(height=Height(1)), "the genesis header has height 1"),
        (self_made(transactions_root=named_digest("x")), "has transactions or receipts"),
        (self_made(receipts_root=named_digest("x")), "has transactions or receipts"),
        (self_made(next_validators_hash=named_digest("x")), "names two sets of validators"),
    ],
)
def test_a_genesis_that_is_none_is_refused_even_unpinned(data: bytes, why: str) -> None:
    """Block 0 has one form."""
    refused(data, why, None)


def test_block_0_has_its_own_rules() -> None:
    """It is the genesis header itself, without certificate, and holds no transaction."""
    refused(
        encode(replace(GENESIS_ENTRY, certificate=RECEIPT.certificate)),
        "block 0 has a certificate or signers",
    )
    refused(
        encode(replace(GENESIS_ENTRY, header=replace(CHAIN.genesis, time_ms=CHAIN.header.time_ms))),
        "not the genesis header",
    )
    refused(
        encode(replace(GENESIS_ENTRY, subject=RECEIPT.subject)),
        "block 0 holds no transaction",
    )


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({0: "mithaq.genesis"}, "not a Mithaq proof file"),
        ({1: 1}, "a proof file of version 1; this verifier knows version 4"),
        ({1: 2}, "a proof file of version 2; this verifier knows version 4"),
        ({1: True}, "a proof file of version True"),
        ({2: ["checkpoint", 1]}, "expected an array of 4 values, found 2"),
        ({2: ["genesis", 1]}, "expected an array of 3 values, found 2"),
        ({2: ["nowhere", 1]}, "neither genesis nor a checkpoint"),
        ({7: ["absence", 1]}, "none of receipt, event, entry and absent"),
        ({7: ["entry", 1]}, "expected an array of 5 values, found 2"),
        ({7: ["absent", 1]}, "expected an array of 5 values, found 2"),
        ({7: ["event", 1]}, "expected an array of 6 values, found 2"),
        ({7: ["receipt", 1]}, "expected an array of 8 values, found 2"),
    ],
)
def test_another_format_is_named(change: dict[int, Any], why: str) -> None:
    """A reader learns that the file is of another kind or a later version."""
    outer = msgpack.unpackb(write_proof(RECEIPT))
    for index, value in change.items():
        outer[index] = value
    refused(packed(outer), why)


@pytest.mark.parametrize("validators", [1, 2, 3, 5, 6, 7, 10])
def test_the_quorum_is_n_minus_f_at_every_size(validators: int) -> None:
    """With exactly a quorum it is valid, with one signer fewer it is not."""
    chain: Chain = small_chain(validators=validators)
    proof = chain.receipt_proof()
    assert verify(write_proof(proof), chain.pin).outcome is Outcome.VALID
    assert len(certificate_of(proof).seals) == chain.validators.quorum
    refused(encode(with_seals(certificate_of(proof).seals[:-1])(proof)), "a quorum is", chain)


def test_more_signers_than_a_quorum_are_welcome() -> None:
    """Another implementation may write every seal it holds."""
    full = replace(RECEIPT, certificate=CHAIN.certificate)
    assert len(CHAIN.certificate.seals) == 4
    assert verify(encode(full), CHAIN.pin).outcome is Outcome.VALID
