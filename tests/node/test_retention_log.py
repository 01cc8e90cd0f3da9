"""The retention log: signed, chained, and at odds with whoever changes it."""

import msgspec
import pytest

from kit.alone import CHAIN, reference
from kit.ledger import key
from node.retention import Policy, at_once, retire_due
from node.retention_log import BrokenLog, LogCheck, SignedRecord, read_record
from primitives import limits
from primitives.codec import encode
from primitives.crypto import ED25519
from primitives.domains import Domain
from primitives.errors import Malformed
from primitives.ids import ChainId, Height, NodeKey
from storage.chain import ChainStore
from storage.edges import Part

NODE = key("node 0")


def pruned() -> tuple[ChainStore, list[bytes]]:
    """A node that moved edges five times."""
    node, _ = reference()
    for policy in (
        Policy(bodies=2, receipts=3, state=3),
        Policy(bodies=2, receipts=2, state="all"),
    ):
        for _ in range(6):
            node.decide()
        retire_due(node.store, policy, NODE, at_once)
    return node.store, [data for _, data in node.store.retention_log()]


def checked(records: list[bytes], chain: ChainId = CHAIN) -> LogCheck:
    """The whole log, read."""
    check = LogCheck(chain, ED25519)
    for data in records:
        check.read(data)
    return check


def signed(record: object) -> bytes:
    """A record, signed again by the same key."""
    return encode(SignedRecord(record, NODE.sign(Domain.RETENTION.tag + encode(record))))  # type: ignore[arg-type]


def test_a_log_tells_who_dropped_what_and_when() -> None:
    """Heights, policy, and how far the chain was."""
    store, records = pruned()

    check = checked(records)

    check.check_edges(store.edges())
    assert check.count == 5
    assert check.keys == {NodeKey(NODE.public)}
    assert check.dropped == {Part.BODIES: (1, 10), Part.RECEIPTS: (1, 10), Part.STATE: (0, 3)}
    first = read_record(records[0]).record
    assert (first.part, first.first, first.last, first.kept) == (Part.BODIES, 1, 4, 2)
    assert (first.head, first.head_time_ms) == (6, store.header(Height(6)).time_ms)
    assert store.height_of_block(first.head_id) == 6


def test_a_record_left_out_moved_or_repeated_is_noticed() -> None:
    """The number and the hash of the one before tell."""
    _, records = pruned()
    a, b, c, d, e = records

    for wrong in ([b, c, d, e], [a, c, d, e], [a, b, d, c, e], [a, a], [a, b, b]):
        with pytest.raises(BrokenLog):
            checked(wrong)


def test_a_shorter_log_is_at_odds_with_the_edges() -> None:
    """Its end cannot be cut off unnoticed by whoever sees the database."""
    store, records = pruned()

    with pytest.raises(BrokenLog, match="keeps receipts from 11 on and began with 1"):
        checked(records[:-1]).check_edges(store.edges())
    with pytest.raises(BrokenLog, match="keeps bodies from 11 on"):
        checked([]).check_edges(store.edges())


def test_every_flipped_byte_is_noticed() -> None:
    """In each record of the log."""
    _, records = pruned()
    for index in range(2):
        for at in range(len(records[index])):
            damaged = bytearray(records[index])
            damaged[at] ^= 1
            with pytest.raises(BrokenLog, match=f"record {index} of the retention log"):
                checked([*records[:index], bytes(damaged), *records[index + 1 :]])


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"sequence": 3}, "expected sequence 0, found 3"),
        ({"chain": ChainId(bytes(32))}, "expected chain"),
        ({"first": 5}, "drops 5 to 4 of a chain of height 6"),
        ({"last": 6}, "drops 1 to 6 of a chain of height 6"),
        ({"node_key": bytes(32)}, "does not verify"),
    ],
)
def test_a_signed_record_that_cannot_be_is_noticed(change: dict[str, object], words: str) -> None:
    """The node itself could have signed nonsense."""
    _, records = pruned()
    record = msgspec.structs.replace(read_record(records[0]).record, **change)

    with pytest.raises(BrokenLog, match=words):
        checked([signed(record)])


def test_a_part_is_dropped_without_a_gap() -> None:
    """And the chain only grows."""
    _, records = pruned()
    later = read_record(records[3]).record
    gap = msgspec.structs.replace(later, first=Height(later.first + 1))
    back = msgspec.structs.replace(later, head=Height(5), last=later.first, first=later.first)

    with pytest.raises(BrokenLog, match="expected bodies from 5, found 6"):
        checked([*records[:3], signed(gap)])
    with pytest.raises(BrokenLog, match="drops 5 to 5 of a chain of height 5"):
        checked([*records[:3], signed(back)])


def test_a_record_has_a_size() -> None:
    """RETENTION_RECORD_BYTES_MAX, of which it needs a third; one byte more is not read."""
    _, records = pruned()
    assert len(records[0]) < limits.RETENTION_RECORD_BYTES_MAX // 3
    with pytest.raises(Malformed, match=str(limits.RETENTION_RECORD_BYTES_MAX)):
        read_record(bytes(limits.RETENTION_RECORD_BYTES_MAX + 1))
    with pytest.raises(Malformed) as fault:
        read_record(bytes(limits.RETENTION_RECORD_BYTES_MAX))
    assert str(limits.RETENTION_RECORD_BYTES_MAX) not in str(fault.value)
