"""Evidence files: what the node writes is valid to the second implementation, all else invalid."""

from collections.abc import Callable
from pathlib import Path

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from kit.accused import two_prepares, view_change, vote
from kit.certified import named_digest, signing_key, validator_set
from kit.engines import begun
from kit.lineage import HEIGHT, Lineage
from kit.proofs import keys_named
from node.evidence_file import EvidenceFile, evidence_file, read_evidence, write_evidence
from node.lineage import CheckpointAnchor, Keys
from primitives import limits
from primitives.codec import encode
from primitives.domains import Domain
from primitives.errors import Malformed, Rejected
from primitives.evidence import case_of, evidence_of
from primitives.ids import ChainId, Height, ValidatorKey
from primitives.statements import Witness
from verifier import Outcome, Pin, is_evidence, verify_evidence, verify_evidence_under
from verifier.__main__ import main
from verifier.evidence import FILE_BYTES_MAX

CHAIN = Lineage.made()
FILE = CHAIN.file()


def with_founders(file: EvidenceFile, keys: Keys) -> EvidenceFile:
    return replace(file, anchor=replace(file.anchor, validators=keys))


def refused(file: EvidenceFile | bytes, why: str) -> None:
    data = file if isinstance(file, bytes) else encode(file)
    verdict = verify_evidence(data, CHAIN.pin)
    assert verdict.outcome is Outcome.INVALID, verdict.sentence
    assert why in verdict.sentence, verdict.sentence


@pytest.mark.parametrize("kind", CHAIN.pieces())
def test_every_kind_is_valid_to_a_second_implementation(kind: str) -> None:
    """R46, R47: with the case's id as the node computes it."""
    piece = CHAIN.pieces()[kind]

    verdict = verify_evidence(write_evidence(CHAIN.file(piece)), CHAIN.pin)

    assert verdict.outcome is Outcome.VALID
    assert kind in verdict.sentence
    assert dict(verdict.details)["case"] == case_of(piece, CHAIN.chain).id.hex()
    assert dict(verdict.details)["signer"] == piece.signer.hex()


def test_without_a_pinned_chain_it_is_never_simply_valid() -> None:
    """Anybody can found a chain and convict its validators."""
    verdict = verify_evidence(write_evidence(FILE), None)

    assert (verdict.outcome, verdict.chain) == (Outcome.NOT_PINNED, CHAIN.chain)


def test_evidence_of_another_chain_is_invalid_under_the_pinned_one() -> None:
    """The chain id is that of the genesis header in the file."""
    refused(Lineage.made("another").file(), "you pinned")


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda f: replace(f, first=f.second, second=f.first), "smaller bytes is second"),
        (lambda f: replace(f, second=f.first), "are the same"),
        (lambda f: replace(f, signer=ValidatorKey(bytes(32))), "no validator of height 12"),
        (lambda f: replace(f, signer=f.anchor.validators[0]), "no validator|does not verify"),
        (lambda f: replace(f, last=None), "the header of height 11 is missing"),
        (lambda f: replace(f, steps=(), last=None), "the header of height 11 is missing"),
        (lambda f: replace(f, steps=()), "and no others are listed"),
        (lambda f: replace(f, steps=f.steps * 2), "of height 5, expected 6 or above"),
        (lambda f: replace(f, last=CHAIN.last(10)), "is of height 10, expected 11"),
        (lambda f: replace(f, last=CHAIN.last(then=CHAIN.old, signers=3)), "a quorum is 4"),
        (lambda f: replace(f, last=replace(f.last, signers=f.steps[0].keys)), "trusted already"),
        (lambda f: replace(f, last=replace(f.last, next=f.steps[0].keys)), "known already"),
        (lambda f: replace(f, last=CHAIN.last(then=CHAIN.old)), "no validator of height 12"),
        (
            lambda f: replace(f, last=replace(CHAIN.last(then=CHAIN.old), next=None)),
            "validators of height 12 are not listed",
        ),
        (lambda f: with_founders(f, f.anchor.validators[::-1]), "ascending order"),
        (lambda f: with_founders(f, f.anchor.validators[1:]), "the genesis header names"),
        (
            lambda f: replace(f, anchor=replace(f.anchor, genesis=f.steps[0].header)),
            "you pinned",
        ),
    ],
)
def test_a_file_that_was_changed_is_invalid(
    change: Callable[[EvidenceFile], EvidenceFile], why: str
) -> None:
    """Each step of docs/evidence-format.md §2 stands on the one before."""
    verdict = verify_evidence(encode(change(FILE)), CHAIN.pin)

    assert verdict.outcome is Outcome.INVALID
    assert any(part in verdict.sentence for part in why.split("|")), verdict.sentence


def test_a_step_without_a_quorum_proves_no_change_of_validators() -> None:
    """Two of four cannot convict by electing their own."""
    weak = CHAIN.step(5, CHAIN.old, CHAIN.new, signers=2)

    refused(replace(FILE, steps=(weak,)), "2 of 4 validators signed, a quorum is 3")


def test_a_step_that_strangers_certified_proves_nothing() -> None:
    """Their signatures are good, and they are no validators."""
    strangers = keys_named(7, 8, 9, 10)
    forged = CHAIN.step(5, strangers, CHAIN.new)

    refused(replace(FILE, steps=(forged,)), "not those that the header of height 5 names")
    forged = replace(forged, keys=validator_set(strangers).keys)
    refused(replace(FILE, steps=(forged,)), "0 of 4 trusted validators signed at height 5")


def test_a_step_names_who_comes_next_by_hash() -> None:
    """Keys that the header does not name are refused, and so are those in a wrong order."""
    step = FILE.steps[0]
    others = validator_set(keys_named(1, 2, 3, 4, 6)).keys

    refused(replace(FILE, steps=(replace(step, keys=others),)), "names for the next")
    refused(replace(FILE, steps=(replace(step, keys=step.keys[::-1]),)), "ascending order")


def test_a_step_of_another_chain_is_no_step() -> None:
    """Its validators may even be the same."""
    other = Lineage.made("another").file().steps

    refused(replace(FILE, steps=other), "the header of height 5 is of chain")


def test_evidence_may_begin_at_a_checkpoint() -> None:
    """R59: the one that was pinned, and at its own height without any header."""
    keys = validator_set(CHAIN.new).keys
    for height, last in ((8, FILE.last), (HEIGHT, None)):
        anchor = CheckpointAnchor(CHAIN.chain, Height(height), keys)
        data = write_evidence(replace(FILE, anchor=anchor, steps=(), last=last))
        pin = Pin(CHAIN.chain, height, validator_set(CHAIN.new).hash)
        assert verify_evidence(data, pin).outcome is Outcome.VALID
        assert verify_evidence(data, CHAIN.pin).outcome is Outcome.NOT_PINNED
        assert verify_evidence_under(data, [CHAIN.pin, pin]).outcome is Outcome.VALID
        assert verify_evidence_under(data, []).outcome is Outcome.NOT_PINNED
        elsewhere = Pin(CHAIN.chain, height, validator_set(CHAIN.old).hash)
        assert verify_evidence(data, elsewhere).outcome is Outcome.INVALID


def test_who_votes_at_a_height_is_named_by_keys_that_the_reader_trusts() -> None:
    """R59: the header below it is judged by the pinned set, or the file begins with the pin."""
    data, new = write_evidence(FILE), validator_set(CHAIN.new).hash
    for height, outcome in ((6, Outcome.VALID), (11, Outcome.VALID), (12, Outcome.NOT_PINNED)):
        assert verify_evidence(data, Pin(CHAIN.chain, height, new)).outcome is outcome

    claimed = CheckpointAnchor(CHAIN.chain, Height(HEIGHT), validator_set(CHAIN.new).keys)
    alone = write_evidence(replace(FILE, anchor=claimed, steps=(), last=None))
    assert verify_evidence(alone, Pin(CHAIN.chain, HEIGHT, new)).outcome is Outcome.VALID
    assert verify_evidence(alone, Pin(CHAIN.chain, 6, new)).outcome is Outcome.NOT_PINNED


@pytest.mark.parametrize("which", ["first", "second"])
def test_each_signature_is_checked(which: str) -> None:
    """A single wrong one is enough."""
    said: Witness = getattr(FILE, which)

    refused(
        replace(FILE, **{which: replace(said, signature=said.signature[::-1])}),
        f"the signature of the {which} statement does not verify",
    )


KEY = signing_key("validator 4")
SIGNER = ValidatorKey(KEY.public)


@pytest.mark.parametrize(
    ("one", "other", "why"),
    [
        (
            vote(KEY, CHAIN.chain, Domain.PREPARE, "A"),
            vote(KEY, CHAIN.chain, Domain.COMMIT, "A"),
            "honest validator may sign both",
        ),
        (
            vote(KEY, CHAIN.chain, Domain.PREPARE, "A"),
            vote(KEY, CHAIN.chain, Domain.PREPARE, "B", height=13),
            "honest validator may sign both",
        ),
        (
            vote(KEY, CHAIN.chain, Domain.COMMIT, "A"),
            view_change(KEY, CHAIN.chain, 1, (0, "A")),
            "honest validator may sign both",
        ),
        (
            vote(KEY, CHAIN.chain, Domain.COMMIT, "A", view=3),
            view_change(KEY, CHAIN.chain, 2),
            "honest validator may sign both",
        ),
        (
            view_change(KEY, CHAIN.chain, 1),
            view_change(KEY, CHAIN.chain, 2),
            "honest validator may sign both",
        ),
        (
            vote(KEY, CHAIN.chain, Domain.PRE_PREPARE, "A"),
            vote(KEY, CHAIN.chain, Domain.PREPARE, "B"),
            "honest validator may sign both",
        ),
        (
            view_change(KEY, CHAIN.chain, 2, (2, "A")),
            view_change(KEY, CHAIN.chain, 2),
            "a claim of view 2 in a request for view 2",
        ),
        (
            view_change(KEY, CHAIN.chain, 2, (-1, "A")),
            view_change(KEY, CHAIN.chain, 2),
            "without a block, or the reverse",
        ),
        (
            view_change(KEY, CHAIN.chain, 0),
            view_change(KEY, CHAIN.chain, 2),
            "there is no view-change of view 0",
        ),
        (
            vote(KEY, CHAIN.chain, Domain.PREPARE, "A", height=0),
            vote(KEY, CHAIN.chain, Domain.PREPARE, "B", height=0),
            "height 0, expected 1",
        ),
        (
            vote(KEY, ChainId(named_digest("elsewhere")), Domain.PREPARE, "A"),
            vote(KEY, ChainId(named_digest("elsewhere")), Domain.PREPARE, "B"),
            "a statement is of chain",
        ),
        (
            Witness(b"mithaq/1/commit\0", KEY.sign(b"\0")),
            vote(KEY, CHAIN.chain, Domain.PREPARE, "B"),
            "0 bytes behind the tag, expected 76",
        ),
        (
            Witness(b"mithaq/1/block\0", KEY.sign(b"\0")),
            vote(KEY, CHAIN.chain, Domain.PREPARE, "B"),
            "no tag of a validator's statement",
        ),
    ],
)
def test_a_pair_that_accuses_nobody_is_invalid(one: Witness, other: Witness, why: str) -> None:
    """R46, R47: to the second implementation as to the first."""
    refused(CHAIN.file(evidence_of(SIGNER, one, other)), why)


def test_a_file_of_another_form_is_invalid() -> None:
    """Other versions, other names, more values, other encodings, too many bytes."""
    data = write_evidence(FILE)
    outer = msgpack.unpackb(data)

    def packed(value: object) -> bytes:
        made: bytes = msgpack.packb(value, use_bin_type=True)
        return made

    refused(packed([outer[0], 1, *outer[2:]]), "of version 1; this verifier knows version 2")
    refused(packed(["mithaq.proof", *outer[1:]]), "not a Mithaq evidence file")
    refused(packed([*outer, None]), "expected an array of 8 values, found 9")
    refused(data + b"\0", "cannot be read")
    refused(b"", "cannot be read")
    refused(packed([*outer[:6], [outer[6][0] + bytes(100), outer[6][1]], outer[7]]), "at most 128")
    assert FILE_BYTES_MAX == limits.EVIDENCE_FILE_BYTES_MAX
    refused(bytes(FILE_BYTES_MAX + 1), "at most 8388608 are allowed")


@given(place=st.integers(min_value=0), bit=st.integers(min_value=0, max_value=7))
def test_no_changed_bit_is_overlooked(place: int, bit: int) -> None:
    """Every byte of the file is under a hash, a signature or a rule."""
    data = bytearray(write_evidence(FILE))
    data[place % len(data)] ^= 1 << bit

    assert verify_evidence(bytes(data), CHAIN.pin).outcome is Outcome.INVALID


@given(data=st.binary(max_size=200))
def test_the_reader_never_raises(data: bytes) -> None:
    """Whatever the bytes are."""
    for file in (data, b"\x98\xafmithaq.evidence\x02" + data):
        assert verify_evidence(file, None).outcome is Outcome.INVALID


def test_a_file_is_not_larger_than_it_may_be() -> None:
    """limits.EVIDENCE_FILE_BYTES_MAX: what nobody would read is not written, nor read."""
    many = keys_named(*range(limits.VALIDATORS_MAX))
    step = CHAIN.step(5, many, many)
    count = limits.EVIDENCE_FILE_BYTES_MAX // len(encode(step)) + 1
    large = replace(FILE, steps=(step,) * count)

    with pytest.raises(Rejected, match="8388608"):
        write_evidence(large)
    with pytest.raises(Malformed):
        read_evidence(encode(large))
    assert read_evidence(write_evidence(FILE)) == FILE


@pytest.mark.parametrize("height", [1, 2, 4, 5])
def test_a_node_makes_the_file_from_its_own_chain(height: int) -> None:
    """R48: at once for the height it is at, and for those that it decided."""
    network = begun()
    network.run(network.all_at(4), limit_ms=300_000)
    node = network.validators()[0]
    liar = network.voice(network.validators()[1])
    piece = two_prepares(liar.key, network.chain, height=height)

    file = evidence_file(piece, case_of(piece, network.chain), node.store)

    data = write_evidence(file)
    assert file.evidence == piece
    assert is_evidence(data)
    assert verify_evidence(data, Pin(network.chain)).outcome is Outcome.VALID


def test_the_program_knows_either_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`python -m verifier` with the exit codes of proofs."""
    path = tmp_path / "case.evidence"
    path.write_bytes(write_evidence(FILE))

    assert main([str(path), "--chain", CHAIN.chain.hex()]) == 0
    assert capsys.readouterr().out.startswith(
        f"VALID\n\nIn chain {CHAIN.chain.hex()[:16]}…, at height {HEIGHT}, the validator"
    )
    assert main([str(path)]) == 3
    path.write_bytes(encode(replace(FILE, steps=())))
    assert main([str(path), "--chain", CHAIN.chain.hex()]) == 1
