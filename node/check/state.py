"""The state: its entries against the tree at the head, the tree's records against what is there.

Both directions: an entry that the tree does not have is as wrong as one that only the tree has, and
a record that no kept height needs is as wrong as one that is missing.
"""

from collections.abc import Iterator
from typing import Final, final

from ledger.tree import key_hash
from node.check.blocks import Chain
from node.check.findings import CarefulReader, Findings
from node.check.tally import BUCKETS, MISSING, SUPERFLUOUS, Row, Tally, differences, shown
from node.check.tree import TreeWalk
from node.work import Progress, Work
from primitives.block import Header
from primitives.codec import decode
from primitives.errors import Malformed
from primitives.ids import Digest, Height
from storage import schema
from storage.schema import STATE_PREFIX_BYTES, Region

ROWS_A_STEP: Final = 512


@final
class _Sums:
    """Listens to a walk through the trees, and adds up."""

    def __init__(self) -> None:
        self.records, self.entries = Tally(), Tally()

    def record(self, key: bytes, value: bytes) -> None:
        """A record that should be there."""
        self.records.expect(key, value)

    def entry(self, key_hash: bytes, value: bytes) -> None:
        """An entry that the state should have."""
        self.entries.expect(key_hash, value)

    def entry_gone(self, key_hash: bytes, value: bytes) -> None:
        """An entry that it should have no more."""
        self.entries.expect_no_more(key_hash, value)


@final
class _Gathered:
    """Listens to a walk through the trees, and hands over what it hears."""

    def __init__(self) -> None:
        self._records: list[Row] = []
        self._entries: list[Row] = []

    def record(self, key: bytes, value: bytes) -> None:
        """A record that should be there."""
        self._records.append((key, value))

    def entry(self, key_hash: bytes, value: bytes) -> None:
        """An entry that the state should have."""
        self._entries.append((key_hash, value))

    def entry_gone(self, key_hash: bytes, value: bytes) -> None:
        """An entry that it should have no more; of one tree alone there is none."""

    def all_records(self) -> list[Row]:
        """The records since the last time."""
        heard, self._records, self._entries = self._records, [], []
        return heard

    def entries_in(self, buckets: frozenset[int]) -> list[Row]:
        """The entries of some buckets since the last time."""
        heard, self._records, self._entries = self._entries, [], []
        return [row for row in heard if hash(row[0]) % BUCKETS in buckets]


@final
class State:
    """The check of STATE and NODE."""

    def __init__(self, reader: CarefulReader, chain: Chain, findings: Findings) -> None:
        self._reader, self._chain, self._findings = reader, chain, findings
        self.entries = 0
        self.records = 0
        self.heights = 0

    def check(self) -> Work[None]:
        """Everything about the state."""
        sums = _Sums()
        yield from self._count_entries(sums.entries)
        yield from self._walk(sums)
        yield from self._count_records(sums.records)
        if buckets := sums.entries.differing():
            yield from self._name_entries(buckets, sums.entries)
        if buckets := sums.records.differing():
            yield from self._name_records(buckets, sums.records)

    def _count_entries(self, tally: Tally) -> Work[None]:
        for key, value in self._reader.rows(Region.STATE):
            tally.found(_hash_of(key), value)
            self.entries += 1
            if self.entries % ROWS_A_STEP == 0:
                yield Progress(self.entries, 0, "entries of the state")

    def _walk(self, sums: _Sums) -> Work[None]:
        yield from self._walked(TreeWalk(self._reader, self._findings, sums))
        self.heights = self._chain.head.height - self._chain.swept.state + 1

    def _walked(self, walk: TreeWalk) -> Iterator[Progress]:
        """All kept heights."""
        lowest, head = self._chain.swept.state, self._chain.head.height
        for toward in walk.whole(lowest, self._root(lowest)):
            # A key hash is as good as a random number: how far it is tells how much is done.
            done = int.from_bytes(toward[:2], "big")
            yield Progress(done * self.entries >> 16, self.entries, "entries in the tree")
        for number in range(lowest + 1, head + 1):
            height = Height(number)
            for _ in walk.changes(height, self._root(height)):
                yield Progress(number - lowest - 1, head - lowest, "heights of the tree")
            yield Progress(number - lowest, head - lowest, "heights of the tree")

    def _count_records(self, tally: Tally) -> Work[None]:
        for key, value in self._reader.rows(Region.NODE):
            tally.found(key[1:], value)
            self.records += 1
            if self.records % ROWS_A_STEP == 0:
                yield Progress(
                    self.records, max(self.records, tally.expected), "records of the tree"
                )

    def _name_entries(self, buckets: frozenset[int], tally: Tally) -> Work[None]:
        """Which entries differ: the tree knows them by their key hashes only."""
        wanted: dict[bytes, bytes] = {}
        heard = _Gathered()
        walk = TreeWalk(self._reader, Findings(), heard)
        head = self._chain.head
        for _ in walk.whole(head.height, None):
            wanted.update(heard.entries_in(buckets))
            yield Progress(0, 0, "names for what is wrong in state")
        wanted.update(heard.entries_in(buckets))
        for count, (key, value) in enumerate(self._reader.rows(Region.STATE)):
            if count % ROWS_A_STEP == 0:
                yield Progress(count, self.entries, "names for what is wrong in state")
            hashed = _hash_of(key)
            if hash(hashed) % BUCKETS not in buckets:
                continue
            expected = wanted.pop(hashed, None)
            if expected is None:
                self._bad(key, f"{SUPERFLUOUS}: the tree has no such entry")
            elif expected != value:
                self._bad(key, f"holds {shown(value)}, the tree has {shown(expected)}")
        for hashed in sorted(wanted):
            what = f"{MISSING}: the tree has an entry of key hash {hashed.hex()}"
            self._findings.found(Region.STATE, what, height=head.height)
        self._elsewhere(Region.STATE, tally)

    def _name_records(self, buckets: frozenset[int], tally: Tally) -> Work[None]:
        """Which records differ, walking everything once more."""
        heard = _Gathered()
        walk = TreeWalk(self._reader, Findings(), heard)

        def expected() -> Iterator[Row]:
            for _ in self._walked(walk):
                yield from heard.all_records()
            yield from heard.all_records()

        found = ((key[1:], value) for key, value in self._reader.rows(Region.NODE))
        for difference in differences(buckets, expected(), found):
            if difference is None:
                yield Progress(0, 0, "names for what is wrong in node")
                continue
            key, what = difference
            height = int.from_bytes(key[:8], "big")
            self._findings.found(Region.NODE, what, height=height, key=schema.node_key(key))
        self._elsewhere(Region.NODE, tally)

    def _elsewhere(self, region: Region, tally: Tally) -> None:
        if elsewhere := tally.differ_elsewhere():
            self._findings.found(region, f"and in {elsewhere} more parts of this region")

    def _bad(self, key: bytes, what: str) -> None:
        self._findings.found(Region.STATE, what, height=self._chain.head.height, key=key)

    def _root(self, height: Height) -> Digest | None:
        """What the header says; None where it cannot be read, which is named elsewhere."""
        data = self._reader.get(schema.header_key(height))
        if data is None:
            return None
        try:
            return decode(data, Header, limit=len(data)).state_root
        except Malformed:
            return None


def _hash_of(key: bytes) -> bytes:
    return key_hash(int.from_bytes(key[1:STATE_PREFIX_BYTES], "big"), key[STATE_PREFIX_BYTES:])
