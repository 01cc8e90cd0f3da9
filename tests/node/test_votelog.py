"""Records of a replica's promises: out and back, and refused when they are not what they say."""

from __future__ import annotations

import pytest

from consensus.messages import Claim, LogEntry, Proposal
from kit import consensus as made
from kit.engines import begun
from node.votelog import step_of, to_entry, to_record
from primitives.errors import StorageFault
from primitives.ids import Height, View
from storage.decision import VoteRecord, VoteStep

CHANGES = tuple(made.stripped(made.view_change(seat, 1)) for seat in range(3))
ENTRIES: dict[VoteStep, LogEntry] = {
    VoteStep.VIEW_CHANGE: Claim(Height(1), View(1), made.prepared("X")),
    VoteStep.PRE_PREPARE: Proposal(Height(1), View(1), made.block("X"), CHANGES, None),
    VoteStep.PREPARE: made.pre_prepare("X", view=1, changes=CHANGES),
    VoteStep.COMMIT: made.prepared("X", view=1),
}


@pytest.mark.parametrize("step", list(VoteStep))
def test_each_record_comes_back_as_it_was(step: VoteStep) -> None:
    """With the place that its key names."""
    entry = ENTRIES[step]

    record = to_record(entry)

    assert (record.height, record.view, record.step) == (1, 1, step)
    assert step_of(entry) is step
    assert to_entry(record) == entry


@pytest.mark.parametrize("step", list(VoteStep))
def test_a_record_under_another_key_is_a_damaged_database(step: VoteStep) -> None:
    """Another height, another view, another step, cut off, or with something behind it."""
    good = to_record(ENTRIES[step])
    other = VoteStep((step + 1) % 4)

    for bad in (
        VoteRecord(Height(2), good.view, step, good.data),
        VoteRecord(good.height, View(2), step, good.data),
        VoteRecord(good.height, good.view, other, good.data),
        VoteRecord(good.height, good.view, step, good.data[:-1]),
        VoteRecord(good.height, good.view, step, good.data + b"\0"),
        VoteRecord(good.height, good.view, step, b""),
    ):
        with pytest.raises(StorageFault):
            to_entry(bad)


def test_a_damaged_vote_log_keeps_the_engine_from_starting() -> None:
    """Nothing is repaired: what it promised is unknown."""
    network = begun()
    node = network.validators()[0]
    network.crash(node.name)
    record = to_record(made.pre_prepare("X", height=2))
    node.store.append([replace_data(record, record.data[:-1])], {})

    with pytest.raises(StorageFault):
        network.start(node.name)


def replace_data(record: VoteRecord, data: bytes) -> VoteRecord:
    return VoteRecord(record.height, record.view, record.step, data)
