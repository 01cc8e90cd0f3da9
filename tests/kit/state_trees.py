"""Trees over chosen key hashes, and the naive tree that says what is right.

Key hashes come from SHA-256, so two of them never share more than a few dozen bits; here they are
written down, so that paths can be as long as the definition allows.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field

from hypothesis import strategies as st

from ledger.tree import Path, StateTree, replaced, update_sorted
from primitives.domains import Domain
from primitives.ids import Height

Leaves = dict[bytes, bytes]
"""Key hash → value bytes."""
Changes = Mapping[bytes, bytes | None]

SHARED_BITS = (0, 1, 3, 4, 5, 8, 63, 127, 128, 250, 251, 255)
_BASE = int.from_bytes(hashlib.sha256(b"where the crafted key hashes begin").digest(), "big")


@st.composite
def _key_hashes(draw: st.DrawFn) -> bytes:
    """A key hash that leaves a common way after one of SHARED_BITS, or two, or stays on it."""
    number = _BASE
    for bit in draw(st.lists(st.sampled_from(SHARED_BITS), max_size=2, unique=True)):
        number ^= 1 << (255 - bit)
    return number.to_bytes(32, "big")


key_hashes = _key_hashes() | st.binary(min_size=32, max_size=32)
values = st.binary(min_size=1, max_size=3)
leaves_of = st.dictionaries(key_hashes, values, max_size=24)
changes_of = st.dictionaries(key_hashes, st.none() | values, max_size=12)


def sha(domain: Domain, *parts: bytes) -> bytes:
    return hashlib.sha256(domain.tag + b"".join(parts)).digest()


def naive_subtree(leaves: Leaves, depth: int) -> bytes:
    """The definition, word by word: the hash of leaves whose first `depth` bits are the same."""
    if not leaves:
        return bytes(32)
    if len(leaves) == 1:
        ((key, value),) = leaves.items()
        return sha(Domain.STATE_LEAF, key, sha(Domain.STATE_VALUE, value))
    left, right = halves(leaves, depth)
    return sha(Domain.STATE_NODE, naive_subtree(left, depth + 1), naive_subtree(right, depth + 1))


def halves(leaves: Leaves, depth: int) -> tuple[Leaves, Leaves]:
    """Those whose bit at `depth` is 0, and those whose bit is 1."""
    left = {key: value for key, value in leaves.items() if not bit_of(key, depth)}
    return left, {key: value for key, value in leaves.items() if key not in left}


def bit_of(key: bytes, depth: int) -> int:
    return int(f"{int.from_bytes(key, 'big'):0256b}"[depth])


def naive_path(leaves: Leaves, key: bytes) -> Path:
    """The definition of a path, word by word."""
    siblings: list[bytes] = []
    while len(leaves) > 1:
        sides = halves(leaves, len(siblings))
        mine = bit_of(key, len(siblings))
        beside = sides[1 - mine]
        siblings.append(naive_subtree(beside, len(siblings) + 1) if beside else b"")
        leaves = sides[mine]
    if not leaves:
        return Path(tuple(siblings), None)
    ((other, value),) = leaves.items()
    return Path(tuple(siblings), (other, sha(Domain.STATE_VALUE, value)))


def after(leaves: Leaves, changes: Changes) -> Leaves:
    """What a batch makes of the entries."""
    both = {**leaves, **changes}
    return {key: value for key, value in both.items() if value is not None}


@dataclass
class Grown:
    """A tree with all its records, height by height, and what was written at each height."""

    records: dict[bytes, bytes] = field(default_factory=dict)
    contents: list[Leaves] = field(default_factory=list)
    roots: list[bytes] = field(default_factory=list)

    def write(self, changes: Changes) -> bytes:
        """One block more; its root."""
        height = Height(len(self.roots))
        updated = update_sorted(self.records.get, height, sorted(changes.items()))
        assert not self.records.keys() & updated.nodes.keys(), "no record is written twice"
        self.records.update(updated.nodes)
        self.contents.append(after(self.contents[-1] if self.contents else {}, changes))
        self.roots.append(updated.root)
        return updated.root

    def forget_below(self, height: int) -> None:
        """As a node prunes."""
        for past in range(height + 1):
            for key in replaced(self.records.get, Height(past)):
                del self.records[key]

    def at(self, height: int) -> StateTree:
        return StateTree(self.records.get, Height(height))

    def path(self, key: bytes) -> Path:
        """The newest path of a key hash."""
        return self.at(len(self.roots) - 1).path(key)
