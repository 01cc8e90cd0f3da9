"""What is done with files that other people made, or that a disk spoilt (rules R5, R38, R47).

Reading them is the decoder's affair (test_wire_fuzz). Here what was read is judged: by the node and
by the independent verifier. Whatever stands in them, the answer is a verdict or a fault that says
whose it is; nobody is accused who did not sign.
"""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from kit.certified import named_digest, signing_key
from kit.strategies import mutated, spoilt, values_of
from ledger.transaction import check_transaction
from node import forensics
from node.evidence_file import EvidenceFile
from node.proof import ProofFile
from node.signer_memory import FORMAT, VERSION, Memory, read_memory
from primitives.codec import encode
from primitives.crypto import ED25519
from primitives.errors import Malformed, Rejected, RemoteFault, StorageFault
from primitives.evidence import Evidence, check_evidence
from primitives.ids import ChainId, ValidatorKey
from primitives.validators import ValidatorSet
from services.table import TRANSACTION
from verifier.check import verify
from verifier.evidence import verify_evidence
from verifier.pins import Pin
from verifier.verdict import Outcome

CHAIN = ChainId(named_digest("chain"))
OWN = ValidatorKey(signing_key("a validator").public)
MEMBERS = ValidatorSet.of([ValidatorKey(signing_key(f"{seat}").public) for seat in range(4)])
TRIES = settings(max_examples=80)

TESTIMONIES = values_of(forensics.Testimony)
FILES = values_of(EvidenceFile)
PROOFS = values_of(ProofFile)
MEMORIES = values_of(Memory).map(
    lambda memory: replace(memory, format=FORMAT, version=VERSION, key=OWN)
)
TRANSACTIONS = values_of(TRANSACTION)


@TRIES
@given(testimonies=st.lists(TESTIMONIES, max_size=3))
def test_testimonies_of_nothing_accuse_nobody(
    testimonies: list[forensics.Testimony],
) -> None:
    """R47: however they are put together, no signature in them is good."""
    try:
        found = forensics.culprits(testimonies, scheme=ED25519)
    except RemoteFault:
        return
    assert found == ()


@TRIES
@given(evidence=values_of(Evidence))
def test_evidence_of_nothing_accuses_nobody(evidence: Evidence) -> None:
    """R47: it is refused with its flaw."""
    try:
        check_evidence(evidence, chain=CHAIN, validators=MEMBERS, scheme=ED25519)
    except RemoteFault:
        return
    raise AssertionError("nobody signed this")


@TRIES
@given(data=FILES.map(encode) | mutated(FILES) | spoilt(FILES), pin=st.booleans())
def test_the_verifier_has_a_verdict_about_every_evidence_file(data: bytes, pin: bool) -> None:  # noqa: FBT001 - drawn, not passed
    """And it is never that somebody broke a promise."""
    verdict = verify_evidence(data, Pin(CHAIN) if pin else None)

    assert verdict.outcome is Outcome.INVALID


@TRIES
@given(data=PROOFS.map(encode) | mutated(PROOFS) | spoilt(PROOFS), pin=st.booleans())
def test_the_verifier_has_a_verdict_about_every_proof_file(data: bytes, pin: bool) -> None:  # noqa: FBT001 - drawn, not passed
    """And it is never that something is proved."""
    verdict = verify(data, Pin(CHAIN) if pin else None)

    assert verdict.outcome is Outcome.INVALID


@TRIES
@given(memory=MEMORIES, data=st.data())
def test_a_spoilt_memory_of_the_signer_is_never_taken_for_an_empty_one(
    memory: Memory, data: st.DataObject
) -> None:
    """R36, R38: it is read as it was written, or it is no memory of this key."""
    sound = st.just(memory)
    shown = data.draw(mutated(sound) | spoilt(sound))
    assert read_memory(encode(memory), OWN) == memory

    try:
        read = read_memory(shown, OWN)
    except (Malformed, StorageFault):
        return

    assert read.key == OWN
    assert encode(read) == shown


@TRIES
@given(data=TRANSACTIONS.map(encode) | mutated(TRANSACTIONS) | spoilt(TRANSACTIONS))
def test_a_transaction_that_nobody_signed_is_refused(data: bytes) -> None:
    """A fault of its deliverer, or an answer to a client; never another error."""
    try:
        check_transaction(data, CHAIN, TRANSACTION)
    except (RemoteFault, Rejected):
        return
    raise AssertionError("nobody signed this")
