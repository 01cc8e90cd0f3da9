"""The write-behind: the same rows as a database without it, and whole batches below."""

from __future__ import annotations

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from primitives.errors import StorageFault
from storage.behind import WriteBehind
from storage.keyvalue import Batch
from storage.memory import MemoryKeyValue

ONCE = 8
KEYS = st.binary(min_size=1, max_size=3).filter(lambda key: key[0] != ONCE) | st.sampled_from(
    [bytes([region, number]) for region in (1, 2) for number in range(6)]
)
BATCHES = st.dictionaries(KEYS, st.none() | st.binary(max_size=3), max_size=6)


class BehindIsInvisible(RuleBasedStateMachine):
    """Whatever is written and flushed, reading gives what a plain database gives."""

    @initialize(bytes_max=st.sampled_from([0, 700, 10**9]))
    def begin(self, bytes_max: int) -> None:
        self.floor = MemoryKeyValue({b"\x01below": b"1", b"\x02below": b"2"})
        self.behind = WriteBehind(self.floor, bytes_max=bytes_max, written_once=(ONCE,))
        self.plain = MemoryKeyValue(self.floor.contents())
        self.moments = [self.floor.contents()]
        self.born = 0

    @rule(batch=BATCHES)
    def write(self, batch: Batch) -> None:
        self._write(batch)

    @rule(dead=st.sets(st.integers(0, 30), max_size=4), born=st.integers(0, 4))
    def write_what_is_written_once(self, dead: set[int], born: int) -> None:
        batch: dict[bytes, bytes | None] = {
            bytes([ONCE, number]): None for number in dead if number < self.born
        }
        for _ in range(born):
            batch[bytes([ONCE, self.born])] = b"once"
            self.born += 1
        self._write(batch)

    def _write(self, batch: Batch) -> None:
        self.behind.write(batch)
        self.plain.write(batch)
        self.moments.append(self.plain.contents())

    @rule()
    def flush(self) -> None:
        self.behind.flush()
        assert self.floor.contents() == self.plain.contents()

    @rule(key=KEYS)
    def get(self, key: bytes) -> None:
        assert self.behind.get(key) == self.plain.get(key)
        assert self.behind.snapshot().get(key) == self.plain.get(key)

    @rule(start=st.binary(max_size=2), stop=st.binary(max_size=2))
    def iterate(self, start: bytes, stop: bytes) -> None:
        expected = list(self.plain.iterate(start=start, stop=stop))
        assert list(self.behind.iterate(start=start, stop=stop)) == expected

    @rule()
    def what_lies_below_is_an_earlier_moment(self) -> None:
        assert self.floor.contents() in self.moments


TestBehindIsInvisible = BehindIsInvisible.TestCase


def test_what_is_deleted_before_it_went_down_never_does() -> None:
    """Of keys that are written once; of others the floor may have an older value."""
    floor = MemoryKeyValue({b"\x01": b"old"})
    behind = WriteBehind(floor, bytes_max=10**9, written_once=(ONCE,))

    behind.write({bytes([ONCE, 1]): b"node", b"\x01": b"new"})
    behind.write({bytes([ONCE, 1]): None, b"\x01": None})
    assert behind.gathered_bytes < 300  # the one that must still be deleted below
    behind.flush()

    assert floor.contents() == {}
    assert behind.gathered_bytes == 0


def test_memory_stays_within_its_bound() -> None:
    """Whatever is written: beyond it, everything goes down in one batch."""
    behind = WriteBehind(MemoryKeyValue(), bytes_max=10_000)

    for number in range(500):
        behind.write({b"\x01%d" % number: bytes(100)})
        assert behind.gathered_bytes <= 10_000


def test_a_snapshot_is_of_the_moment_between_two_writes() -> None:
    """Reading it later would mix two moments; that is our bug, and it is said."""
    behind = WriteBehind(MemoryKeyValue(), bytes_max=10_000)
    snapshot = behind.snapshot()
    behind.write({b"\x01": b"1"})

    with pytest.raises(AssertionError, match="after the next write"):
        snapshot.get(b"\x01")
    snapshot.close()
    with pytest.raises(StorageFault, match="closed"):
        snapshot.get(b"\x01")


def test_an_iteration_shows_the_moment_it_was_asked_for() -> None:
    """Later writes are not in it, whether they are gathered or went down."""
    behind = WriteBehind(MemoryKeyValue(), bytes_max=10_000)
    behind.write({b"\x01a": b"1", b"\x01b": b"2"})
    rows = behind.iterate(start=b"\x01", stop=b"\x02")
    behind.write({b"\x01b": None, b"\x01c": b"3"})
    behind.flush()

    assert list(rows) == [(b"\x01a", b"1"), (b"\x01b", b"2")]
