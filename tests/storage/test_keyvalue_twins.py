"""The twin in memory answers as LevelDB does, whatever is done to both."""

import shutil
import tempfile
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from storage.keyvalue import Batch, Reader, Snapshot
from storage.leveldb import create_leveldb, open_leveldb
from storage.memory import MemoryKeyValue

KEYS = st.binary(min_size=1, max_size=3) | st.sampled_from([b"a", b"ab", b"b", b"\xfe", b"\x00"])
BATCHES = st.dictionaries(KEYS, st.none() | st.binary(max_size=4), max_size=6)


def whole(reader: Reader) -> list[tuple[bytes, bytes]]:
    return list(reader.iterate(start=b"", stop=b"\xff" * 4))


class Twins(RuleBasedStateMachine):
    """One LevelDB and its twin under the same writes, snapshots and restarts."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="mithaq-twins-"))
        self.level = create_leveldb(self.folder / "database")
        self.memory = MemoryKeyValue()
        self.snapshots: list[tuple[Snapshot, Snapshot]] = []

    @rule(batch=BATCHES)
    def write(self, batch: Batch) -> None:
        self.level.write(batch)
        self.memory.write(batch)

    @rule(key=KEYS)
    def get(self, key: bytes) -> None:
        assert self.level.get(key) == self.memory.get(key)

    @rule(start=KEYS, stop=KEYS)
    def iterate(self, start: bytes, stop: bytes) -> None:
        level = list(self.level.iterate(start=start, stop=stop))
        assert level == list(self.memory.iterate(start=start, stop=stop))

    @precondition(lambda self: len(self.snapshots) < 3)
    @rule()
    def take_snapshot(self) -> None:
        self.snapshots.append((self.level.snapshot(), self.memory.snapshot()))

    @precondition(lambda self: self.snapshots)
    @rule(key=KEYS)
    def read_and_close_the_oldest_snapshot(self, key: bytes) -> None:
        level, memory = self.snapshots.pop(0)
        assert level.get(key) == memory.get(key)
        assert whole(level) == whole(memory)
        level.close()
        memory.close()

    @rule()
    def restart(self) -> None:
        for pair in self.snapshots:
            for snapshot in pair:
                snapshot.close()
        self.snapshots.clear()
        self.level.close()
        self.memory.close()
        self.level = open_leveldb(self.folder / "database")
        self.memory = MemoryKeyValue(self.memory.contents())

    @invariant()
    def both_hold_the_same(self) -> None:
        assert whole(self.level) == whole(self.memory)

    def teardown(self) -> None:
        for pair in self.snapshots:
            for snapshot in pair:
                snapshot.close()
        self.level.close()
        shutil.rmtree(self.folder)


TestTwins = Twins.TestCase
TestTwins.settings = settings(max_examples=25, stateful_step_count=25, deadline=None)
