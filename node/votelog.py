"""A replica's records as the vote log keeps them (consensus.md §7)."""

from typing import Any, Final, assert_never

from consensus.messages import Claim, LogEntry, PrePrepare, Proposal
from primitives import limits
from primitives.certificate import Certificate
from primitives.codec import decode, encode
from primitives.errors import Malformed, StorageFault
from storage.decision import VoteRecord, VoteStep

_KINDS: Final[dict[VoteStep, Any]] = {
    VoteStep.VIEW_CHANGE: Claim,
    VoteStep.PRE_PREPARE: Proposal,
    VoteStep.PREPARE: PrePrepare,
    VoteStep.COMMIT: Certificate,
}


def step_of(entry: LogEntry) -> VoteStep:
    """Which step a record is about."""
    match entry:
        case Claim():
            return VoteStep.VIEW_CHANGE
        case Proposal():
            return VoteStep.PRE_PREPARE
        case PrePrepare():
            return VoteStep.PREPARE
        case Certificate():
            return VoteStep.COMMIT
        case _:
            assert_never(entry)


def to_record(entry: LogEntry) -> VoteRecord:
    """The record of an entry."""
    return VoteRecord(entry.height, entry.view, step_of(entry), encode(entry))


def to_entry(record: VoteRecord) -> LogEntry:
    """The entry of a record.

    Raises:
        StorageFault: it is not what its key says.
    """
    try:
        entry: LogEntry = decode(record.data, _KINDS[record.step], limit=limits.MESSAGE_BYTES_MAX)
    except Malformed as error:
        raise StorageFault(f"vote record {record.height}/{record.view}: {error}") from error
    if (entry.height, entry.view) != (record.height, record.view):
        raise StorageFault(f"vote record {record.height}/{record.view} is of another place")
    return entry
