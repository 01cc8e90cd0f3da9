"""Who can show the chain's entries where an audit diverges: a snapshot of that height, or a node.

Neither is believed. A snapshot's chunks prove that they are the whole state under the root that a
quorum certified; a node proves entry by entry. So it can be the audited node itself.
"""

from collections.abc import Callable, Iterable, Iterator
from itertools import islice, zip_longest
from typing import Final, final

from ledger.state import Slot
from ledger.tree import Path, key_hash, value_hash
from node.divergence import Differs, Ours
from node.proof import AbsentSubject, EntrySubject, read_proof
from node.snapshot_check import Source
from primitives.block import Header, block_id
from primitives.errors import Malformed
from primitives.ids import Height

CANDIDATES_MAX: Final = 1_000
"""Entries under one prefix that a node is asked for: a place that is deep has few."""


@final
class SnapshotEntries:
    """All entries of a height, from a snapshot of it."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self.remark = ""
        self.name = f"the snapshot {source.manifest.name}"

    def compare(self, header: Header, ours: Ours) -> Iterator[Differs]:
        """Every entry that differs; they are compared one by one, both ways."""
        found = self._source.manifest.header
        if found != header:
            raise Malformed(
                f"{self.name} is of height {found.height}, block {block_id(found).hex()}; the "
                f"divergence is at height {header.height}, block {block_id(header).hex()}"
            )
        theirs: set[Slot] = set()
        for index in range(len(self._source.manifest.state)):
            chunk, _ = self._source.state(index)
            for table, key, value in chunk.entries:
                theirs.add((table, key))
                own = ours.get((table, key))
                if own != value:
                    yield (table, key), value, own
        for slot in ours.slots():
            if slot not in theirs:
                yield slot, None, ours.get(slot)


ProvedEntry = tuple[bytes | None, Path]
"""A value, or that there is none, and the path that proves it."""


def proved_entry(file: bytes) -> ProvedEntry:
    """What a node's proof file of an entry says, its header and its lineage unjudged.

    Raises:
        Malformed: no proof file of an entry, or of an absence.
    """
    match read_proof(file).subject:
        case EntrySubject(_, _, value, siblings):
            return value, Path(siblings, None)
        case AbsentSubject(_, _, siblings, other):
            return None, Path(siblings, other)
        case found:
            raise Malformed(f"a proof of a {type(found).__name__} where one of an entry was asked")


@final
class NodeEntries:
    """Entries of a height that a node proves one at a time.

    Asked for is what our execution looked at in the block. A proof also shows the hashes beside
    its way: where one is not ours, something else differs there, and what we have there is asked
    for as well. An entry that we neither touched nor have is not found in this way.
    """

    def __init__(self, name: str, prove: Callable[[Slot, Height], ProvedEntry]) -> None:
        """`prove` asks the node; what it says is checked here."""
        self.name = name
        self.remark = ""
        self._prove = prove

    def compare(self, header: Header, ours: Ours) -> Iterator[Differs]:
        """Entries that differ, as far as they are found."""
        tree = ours.tree()
        asked = sorted(ours.seen)
        places: set[str] = set()
        named: set[bytes] = set()
        for slot in asked:
            value, path = self._proved(slot, header)
            places |= _other_places(slot, path, tree.prove(*slot))
            if value != ours.get(slot):
                named.add(key_hash(*slot))
                yield slot, value, ours.get(slot)
        places = _narrow(place for place in places if not _explains(named, place))
        for slot in _under(places, ours):
            value, _ = self._proved(slot, header)
            if value != ours.get(slot):
                named.add(key_hash(*slot))
                yield slot, value, ours.get(slot)
        left = sorted(place for place in places if not _explains(named, place))
        if left:
            self.remark = (
                "; the chain has an entry that our execution knows nothing of, whose key hash "
                f"begins with the bits {left[0]}: a snapshot of that height would name it"
            )

    def _proved(self, slot: Slot, header: Header) -> ProvedEntry:
        value, path = self._prove(slot, header.height)
        key = key_hash(*slot)
        if value is None:
            holds = path.proves_absent(key, header.state_root)
        else:
            holds = path.proves(key, value_hash(value), header.state_root)
        if not holds:
            raise Malformed(
                f"{self.name} proves nothing about table {slot[0]}, key {slot[1].hex()} under the "
                f"state root of height {header.height}"
            )
        return value, path


def _other_places(slot: Slot, theirs: Path, ours: Path) -> set[str]:
    """Prefixes beside an entry's way under which the chain has something else than we."""
    bits = _bits(key_hash(*slot))
    beside = zip_longest(theirs.siblings, ours.siblings, fillvalue=b"")
    return {
        bits[:depth] + ("0" if bits[depth] == "1" else "1")
        for depth, (their, our) in enumerate(beside)
        if their != our
    }


def _narrow(places: Iterable[str]) -> set[str]:
    """Of places within each other, the innermost."""
    found = set(places)
    around = {place[:depth] for place in found for depth in range(len(place))}
    return found - around


def _explains(named: Iterable[bytes], place: str) -> bool:
    """Whether one of the entries that differ stands there."""
    return any(_bits(key).startswith(place) for key in named)


def _under(places: set[str], ours: Ours) -> Iterator[Slot]:
    """Our entries in these places that were not asked for yet."""
    there = (
        slot
        for slot in ours.slots()
        if slot not in ours.seen and _bits(key_hash(*slot)).startswith(tuple(places))
    )
    return islice(there, CANDIDATES_MAX if places else 0)


def _bits(key: bytes) -> str:
    return format(int.from_bytes(key, "big"), "0256b")
