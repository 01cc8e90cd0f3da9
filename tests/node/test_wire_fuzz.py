"""Every decoder of the node against bytes that nobody honest writes (rule R5).

Whatever the bytes are, the answer is a value or Malformed. A value has one encoding, the one that
was read. And reading costs memory in proportion to what was sent, never to what was announced.
"""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from consensus.messages import Claim, PrePrepare, Proposal, Status, ViewChange
from kit import consensus as made
from kit.certified import sample_header
from kit.strategies import HEADERS, mutated, spoilt, values_of
from node import forensics, wire
from node.evidence_file import EvidenceFile
from node.proof import ProofFile
from node.questions import Question, RangeAnswer
from node.signer_memory import Memory
from node.votelog import to_entry
from primitives import limits
from primitives.block import Block, Header
from primitives.certificate import Certificate
from primitives.codec import decode, encode
from primitives.domains import Domain
from primitives.errors import Malformed, StorageFault
from primitives.evidence import Evidence
from primitives.ids import (
    BlockId,
    ChainId,
    ClaimedView,
    Height,
    Natural,
    Sized32,
    TransactionHash,
    View,
    ViewNumber,
)
from primitives.statements import (
    read_statement,
    statement_bytes,
    view_change_bytes,
    vote_bytes,
)
from services.table import RECEIPT, TRANSACTION
from storage.decision import VoteRecord, VoteStep


@dataclass(frozen=True)
class Decoder:
    """A type, and how many bytes of it are read."""

    kind: Any
    limit: int

    def read(self, data: bytes) -> object:
        return decode(data, self.kind, limit=self.limit)


MESSAGE = limits.MESSAGE_BYTES_MAX
DECODERS = {
    "wire": Decoder(wire.Wire, MESSAGE),
    "record of a view change": Decoder(Claim, MESSAGE),
    "record of a proposal": Decoder(Proposal, MESSAGE),
    "record of a prepare": Decoder(PrePrepare, MESSAGE),
    "record of a commit": Decoder(Certificate, MESSAGE),
    "signer's memory": Decoder(Memory, limits.SIGNER_MEMORY_BYTES_MAX),
    "block": Decoder(Block, limits.BLOCK_MESSAGE_BYTES_MAX),
    "header": Decoder(Header, 4096),
    "evidence": Decoder(Evidence, 4096),
    "question to a peer": Decoder(Question, limits.REQUEST_BYTES_MAX),
    "answer to one for a range": Decoder(RangeAnswer, limits.RESPONSE_BYTES_MAX),
    "proof file": Decoder(ProofFile, limits.PROOF_BYTES_MAX),
    "evidence file": Decoder(EvidenceFile, limits.EVIDENCE_FILE_BYTES_MAX),
    "testimony": Decoder(forensics.Testimony, limits.TESTIMONY_BYTES_MAX),
    "transaction": Decoder(TRANSACTION, limits.TRANSACTION_BYTES_MAX),
    "receipt": Decoder(RECEIPT, limits.RECEIPT_BYTES_MAX),
}
NAMES = sorted(DECODERS)
TRIES = settings(max_examples=60)


def check(decoder: Decoder, data: bytes) -> None:
    """A value with this encoding, or Malformed."""
    try:
        value = decoder.read(data)
    except Malformed:
        return
    assert encode(value) == data


VALUES = {name: values_of(decoder.kind) for name, decoder in DECODERS.items()}


@TRIES
@given(data=st.data())
@pytest.mark.parametrize("name", NAMES)
def test_what_is_written_is_read_again(name: str, data: st.DataObject) -> None:
    """Sound values of every type, at their bounds too: equal, of the same type, the same bytes."""
    value = data.draw(VALUES[name])
    written = encode(value)

    read = DECODERS[name].read(written)

    assert type(read) is type(value)
    assert read == value
    assert encode(read) == written


@TRIES
@given(data=st.data())
@pytest.mark.parametrize("name", NAMES)
def test_a_sound_value_with_one_part_spoilt(name: str, data: st.DataObject) -> None:
    """One field, however deep, is something else, missing or doubled."""
    check(DECODERS[name], data.draw(spoilt(VALUES[name])))


@TRIES
@given(data=st.data())
@pytest.mark.parametrize("name", NAMES)
def test_a_sound_value_whose_bytes_met_with_mishaps(name: str, data: st.DataObject) -> None:
    """Flipped, inserted, removed, repeated, cut off, or announced as four billion."""
    check(DECODERS[name], data.draw(mutated(VALUES[name])))


@TRIES
@given(data=st.binary(max_size=200))
@pytest.mark.parametrize("name", NAMES)
def test_any_bytes_at_all(name: str, data: bytes) -> None:
    """Noise is Malformed, unless it is a value."""
    check(DECODERS[name], data)


STATEMENTS = st.one_of(
    st.binary(max_size=140),
    st.builds(
        lambda domain, fields: domain.tag + fields,
        st.sampled_from(list(Domain)),
        st.binary(min_size=70, max_size=85),
    ),
    st.builds(
        vote_bytes,
        st.sampled_from([Domain.PRE_PREPARE, Domain.PREPARE, Domain.COMMIT]),
        *(values_of(kind) for kind in (Sized32[ChainId], Natural[Height], ViewNumber[View])),
        values_of(Sized32[BlockId]),
    ),
    st.builds(
        view_change_bytes,
        *(values_of(kind) for kind in (Sized32[ChainId], Natural[Height], ViewNumber[View])),
        *(values_of(kind) for kind in (ClaimedView[View], Sized32[BlockId])),
    ),
)


@settings(max_examples=300)
@given(data=STATEMENTS, cut=st.integers(0, 3), more=st.binary(max_size=2))
def test_a_statement_is_read_by_its_layout_or_refused(data: bytes, cut: int, more: bytes) -> None:
    """R3: what peers show us as our own words: nothing missing, nothing behind it."""
    shown = data[: len(data) - cut] + more

    try:
        statement = read_statement(shown)
    except Malformed:
        return

    assert statement_bytes(statement) == shown


@TRIES
@given(data=st.data(), step=st.sampled_from(list(VoteStep)))
def test_a_spoilt_vote_log_is_a_fault_of_our_disk(data: st.DataObject, step: VoteStep) -> None:
    """R38: not of a peer: StorageFault, and the node does not start."""
    kinds = (Claim, Proposal, PrePrepare, Certificate)
    record = data.draw(mutated(values_of(kinds[step])) | spoilt(values_of(kinds[step])))

    try:
        entry = to_entry(VoteRecord(Height(1), View(1), step, record))
    except StorageFault:
        return

    assert (entry.height, entry.view) == (1, 1)
    assert encode(entry) == record


# --- memory -----------------------------------------------------------------------------------


def peak_of(deed: Callable[[], object]) -> int:
    """Bytes that were allocated at the worst moment."""
    tracemalloc.start()
    try:
        deed()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


PER_BYTE = 12
"""A byte on the wire costs at most a pointer to a small number, and its copy in the check that the
encoding is canonical."""
CONSTANT = 64 * 1024
HASH = TransactionHash(bytes(32))
FULL = 2**20


def proposal(changes: int, seals: int) -> PrePrepare:
    return made.pre_prepare(
        "X",
        view=1,
        changes=[made.view_change(seat % 128, 1) for seat in range(changes)],
        proof=made.prepared("X", seats=range(seals)),
    )


def evil() -> dict[str, bytes]:
    """Messages that announce much, nest deeply, or are as large as they may be."""
    block = Block(sample_header(), (bytes(400),) * limits.BLOCK_TRANSACTIONS_MAX)
    tiny = Block(sample_header(), (b"",) * limits.BLOCK_TRANSACTIONS_MAX)
    whole = wire.Proposed(proposal(128, 128), wire.FullBody(block))
    views = (View(0),) * limits.VALIDATORS_MAX
    sound: dict[str, wire.Wire] = {
        "the largest proposal": whole,
        "a block of empty transactions": wire.Body(tiny),
        "a full offer": wire.Offer((HASH,) * limits.BLOCK_TRANSACTIONS_MAX),
        "a full status": Status(Height(1), View(1), View(1), True, b"", b"", views, None, True),  # noqa: FBT003 - a field
        "a full claim": made.view_change(1, 1, made.prepared("X", seats=range(128))),
        "a fetch": wire.Fetch(BlockId(bytes(32))),
    }
    found = {name: wire.write(message) for name, message in sound.items()}
    for name, data in tuple(found.items()):
        found[f"{name}, and a byte"] = data + b"\0"
        found[f"{name}, cut short"] = data[:-1]
    for place, header in enumerate(HEADERS):
        for name in ("a fetch", "a full status", "a full claim"):
            data = found[name]
            half = len(data) // 2
            found[f"{name}, header {place} at 2"] = data[:2] + header
            found[f"{name}, header {place} in the middle"] = data[:half] + header + data[half:]
    small = {"nothing": b"\xc0", "numbers": b"\x00", "lists": b"\x90", "maps": b"\x80"}
    for name, unit in small.items():
        for tag in (22, 23, 25, 26, 27):
            many = b"\x92" + bytes([tag]) + b"\xdd" + FULL.to_bytes(4, "big") + unit * FULL
            found[f"{FULL} {name} for kind {tag}"] = many
        found[f"{FULL} {name}"] = b"\xdd" + FULL.to_bytes(4, "big") + unit * FULL
    found["zeros"] = bytes(limits.MESSAGE_BYTES_MAX)
    found["lists in lists"] = b"\x91" * FULL
    found["one byte too many"] = bytes(limits.MESSAGE_BYTES_MAX + 1)
    return found


EVIL = evil()


@pytest.mark.parametrize("name", EVIL)
def test_reading_costs_memory_in_proportion_to_what_was_sent(name: str) -> None:
    """R5: whatever a header announces; and what is read is read whole."""
    data = EVIL[name]
    check(DECODERS["wire"], data)  # what is kept for the next time is not counted

    peak = peak_of(lambda: check(DECODERS["wire"], data))

    assert peak <= PER_BYTE * len(data) + CONSTANT, f"{peak} bytes for {len(data)}"


@TRIES
@given(data=st.data())
@pytest.mark.parametrize("name", NAMES)
def test_no_mishap_makes_a_small_message_cost_much(name: str, data: st.DataObject) -> None:
    """R5: the same for every decoder and whatever Hypothesis thinks of."""
    written = data.draw(mutated(VALUES[name]))
    check(DECODERS[name], written)

    assert peak_of(lambda: check(DECODERS[name], written)) <= PER_BYTE * len(written) + CONSTANT


# --- bounds -----------------------------------------------------------------------------------


@pytest.mark.parametrize("view", [2**31 - 1, 2**31])
@pytest.mark.parametrize("kind", ["prepare", "commit", "view change", "proposal", "certificate"])
def test_the_highest_view_there_is(kind: str, view: int) -> None:
    """R5, R42: 2³¹ − 1 is read like any other; 2³¹ is refused by the decoder."""
    certificate = msgspec.structs.replace(made.committed("X"), view=View(view))
    messages: dict[str, wire.Wire] = {
        "prepare": made.prepare(1, "X", view=view),
        "commit": made.commit(1, "X", view=view),
        "view change": made.view_change(1, view),
        "proposal": wire.Proposed(made.pre_prepare("X", view=view), None),
        "certificate": wire.Decided(Block(sample_header(), ()), certificate),
    }
    message = messages[kind]
    written = encode(message)

    if view < 2**31:
        assert wire.read(written) == message
    else:
        with pytest.raises(Malformed):
            wire.read(written)


def test_a_prepared_view_has_the_same_bounds() -> None:
    """R5: −1 for none, up to 2³¹ − 1; below and above it is refused."""
    change: ViewChange = made.view_change(1, 1)
    for prepared_view, is_read in ((-2, False), (-1, True), (2**31 - 1, True), (2**31, False)):
        written = encode(msgspec.structs.replace(change, prepared_view=View(prepared_view)))
        try:
            wire.read(written)
        except Malformed:
            assert not is_read
        else:
            assert is_read
