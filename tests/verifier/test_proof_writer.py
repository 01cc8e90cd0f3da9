"""node/proof.py: what it writes, what it refuses to write, and what it reads back."""

import msgspec
import pytest

from kit.proofs import keys_named, packed, small_chain, valid_files
from node.proof import read_proof, write_proof
from primitives import limits
from primitives.codec import encode
from primitives.errors import Malformed, Rejected
from primitives.ids import Height, TimeMs, View
from verifier import Outcome, verify

CHAIN = small_chain()
replace = msgspec.structs.replace


def test_reading_undoes_writing() -> None:
    """Every kind of subject, anchor and lineage."""
    for name, file in valid_files().items():
        assert write_proof(read_proof(file.data)) == file.data, name


def test_the_files_of_the_kit_are_valid_under_their_pins() -> None:
    """Both verifiers are held to this corpus."""
    files = valid_files()
    for name, file in files.items():
        assert verify(file.data, file.pin).outcome is Outcome.VALID, name
    kinds = {type(read_proof(file.data).subject).__name__ for file in files.values()}
    assert kinds == {"ReceiptSubject", "EventSubject", "EntrySubject", "AbsentSubject"}


@pytest.mark.parametrize("index", [0, 1, 2, 6])
def test_every_transaction_of_a_block_can_be_proved(index: int) -> None:
    """Also the last of an odd number, whose path is shorter."""
    chain = small_chain(others=6)
    data = write_proof(chain.receipt_proof(index))
    assert verify(data, chain.pin).outcome is Outcome.VALID
    assert f"number {index + 1} of 7" in verify(data, chain.pin).text()


def test_only_a_quorum_of_seals_is_written() -> None:
    """More signers prove no more."""
    chain = small_chain(validators=7)
    proof = chain.receipt_proof()
    assert len(chain.certificate.seals) == 7
    assert proof.certificate is not None
    assert proof.certificate.seals == chain.certificate.seals[:5]


def test_a_proof_one_byte_too_large_is_neither_written_nor_read() -> None:
    """The limit itself is allowed on both sides."""
    proof = CHAIN.entry_proof()
    room = limits.PROOF_BYTES_MAX - len(encode(replace(proof, subject=wide(0)))) - 3
    full = replace(proof, subject=wide(room))
    assert len(write_proof(full)) == limits.PROOF_BYTES_MAX
    assert read_proof(write_proof(full)) == full
    over = replace(proof, subject=wide(room + 1))
    with pytest.raises(Rejected, match="1048577 bytes") as refusal:
        write_proof(over)
    assert refusal.value.code == "proof.too_large"
    with pytest.raises(Malformed, match="1048577 bytes"):
        read_proof(encode(over))


def wide(size: int) -> msgspec.Struct:
    return replace(CHAIN.entry_proof().subject, value=bytes(size))


@pytest.mark.parametrize(
    ("index", "value"), [(0, "mithaq.genesis"), (1, 2), (2, ["nowhere"]), (7, ["absence"])]
)
def test_another_format_is_malformed(index: int, value: object) -> None:
    """The reader of the node is as strict about the form as the verifier."""
    outer = msgspec.msgpack.decode(write_proof(CHAIN.receipt_proof()))
    outer[index] = value
    with pytest.raises(Malformed):
        read_proof(packed(outer))


def test_a_hop_of_seven_validators_has_at_most_a_kibibyte() -> None:
    """With the largest numbers, so at every height and time; a first one makes 4 KiB at most."""
    chain = small_chain(validators=7, changes={4: keys_named(20, 21, 22, 23, 24, 25, 26)})
    step = chain.named(3)
    far = replace(step.header, height=Height(2**63 - 1), time_ms=TimeMs(2**63 - 1))
    certificate = replace(step.certificate, height=far.height, view=View(2**31 - 1))

    hop = len(encode(replace(step, header=far, certificate=certificate)))

    assert hop == 921
    assert hop <= 1_024
    assert limits.QR_BYTES_MAX + hop <= 4_096


def test_an_event_s_number_is_bounded_for_both() -> None:
    """limits.PROOF_EVENTS_MAX of them, counted from 0."""
    proof = CHAIN.event_proof()
    last = replace(proof, subject=replace(proof.subject, event=limits.PROOF_EVENTS_MAX - 1))
    assert read_proof(encode(last)) == last
    assert "of a receipt with 1 events" in verify(encode(last), None).sentence
    over = replace(proof, subject=replace(proof.subject, event=limits.PROOF_EVENTS_MAX))
    with pytest.raises(Malformed):
        read_proof(encode(over))
    assert "not between 0 and 65535" in verify(encode(over), None).sentence


def test_a_path_one_step_too_long_is_read_by_neither() -> None:
    """63 siblings in a list and 256 in the state are the most that there can be."""
    receipt, entry = CHAIN.receipt_proof(), CHAIN.entry_proof()
    step = (b"\1" * 32,)
    for proof, field, most in (
        (receipt, "transaction_path", limits.LIST_DEPTH_MAX),
        (receipt, "receipt_path", limits.LIST_DEPTH_MAX),
        (entry, "siblings", limits.STATE_DEPTH_MAX),
    ):
        full = replace(proof, subject=replace(proof.subject, **{field: step * most}))
        assert read_proof(encode(full)) == full
        assert "items, expected" not in verify(encode(full), None).sentence
        over = replace(proof, subject=replace(proof.subject, **{field: step * (most + 1)}))
        with pytest.raises(Malformed):
            read_proof(encode(over))
        assert f"{most + 1} items, expected 0 to {most}" in verify(encode(over), None).sentence
