"""The layouts of the state tree that lost: same hashing, same roots, other records.

Both keep what stands in the slots of a node and nothing of the hashes above them:

- `Layout(1)`, *anew*: sixteen slots, each empty, a leaf or a branch, as the tree was first stored.
  Fifteen inner hashes are computed anew for each node on the way.
- `Layout(32)`, *pages*: below the branches, up to 32 leaves are one record, sorted. Fewer records,
  and a whole page is hashed anew for one of its leaves.

Enough of a tree to be measured: entries are written, never deleted, nothing is forgotten or proved.
"""

import hashlib
from collections.abc import Mapping
from typing import Final, final

from ledger.tree import ReadNode, key_hash, leaf_hash, value_hash
from ledger.tree_node import (
    BRANCH,
    HEAD,
    hashes_of,
    leaves_of,
    nibble_of,
    node_key,
    slots_of,
    value_key,
)
from primitives.domains import Domain
from primitives.ids import ZERO32

_PAGE: Final = b"p"
_NODE: Final = b"n"
_NO_QUARTERS: Final = bytes(HEAD - 16)
_TAG: Final = Domain.STATE_NODE.tag
_sha256 = hashlib.sha256
Records = dict[bytes, bytes]


@final
class Layout:
    """Records of nodes, and of pages of at most `page` leaves; a lone leaf stands in its slot."""

    def __init__(self, page: int) -> None:
        self._page = page
        self._records: Records = {}
        self._height = b""

    def update(
        self, read: ReadNode, height: int, writes: Mapping[tuple[int, bytes], bytes]
    ) -> tuple[bytes, Records]:
        """The root and the records after a block; at height 0 the tree begins."""
        self._records, self._height = {}, height.to_bytes(8, "big")
        changes = sorted((key_hash(table, key), value) for (table, key), value in writes.items())
        top = b"" if height == 0 else ZERO32 + (height - 1).to_bytes(8, "big")
        return self._slot(read, top, changes, 0)[:32], self._records

    def _slot(
        self, read: ReadNode, slot: bytes, changes: list[tuple[bytes, bytes]], depth: int
    ) -> bytes:
        leaves = {}
        if len(slot) == BRANCH:
            record = read(node_key(slot[32:], depth, changes[0][0]))
            assert record is not None, "the tree is whole"
            if record[:1] == _NODE:
                return self._node(read, record, changes, depth)
            leaves = {leaf[40:]: leaf for leaf in leaves_of(record[1:])}
        elif slot:
            leaves = {slot[40:]: slot}
        for key, value in changes:
            self._records[value_key(self._height, key)] = value
            leaves[key] = leaf_hash(key, value_hash(value)) + self._height + key
        return self._grown([leaves[key] for key in sorted(leaves)], depth)

    def _node(
        self, read: ReadNode, record: bytes, changes: list[tuple[bytes, bytes]], depth: int
    ) -> bytes:
        slots, start = slots_of(record[1:17] + _NO_QUARTERS + record[17:]), 0
        while start < len(changes):
            nibble, end = nibble_of(changes[start][0], depth), start + 1
            while end < len(changes) and nibble_of(changes[end][0], depth) == nibble:
                end += 1
            slots[nibble] = self._slot(read, slots[nibble], changes[start:end], depth + 1)
            start = end
        return self._written(slots, depth, changes[0][0])

    def _grown(self, leaves: list[bytes], depth: int) -> bytes:
        if len(leaves) == 1:
            return leaves[0]
        first = leaves[0][40:]
        if len(leaves) <= self._page:
            self._records[node_key(self._height, depth, first)] = _PAGE + b"".join(leaves)
            return _hash_of(leaves, 4 * depth) + self._height
        groups: list[list[bytes]] = [[] for _ in range(16)]
        for leaf in leaves:
            groups[nibble_of(leaf[40:], depth)].append(leaf)
        slots = [self._grown(group, depth + 1) if group else b"" for group in groups]
        return self._written(slots, depth, first)

    def _written(self, slots: list[bytes], depth: int, toward: bytes) -> bytes:
        lengths, joined = bytes(map(len, slots)), b"".join(slots)
        self._records[node_key(self._height, depth, toward)] = _NODE + lengths + joined
        hashes, _ = hashes_of(lengths + _NO_QUARTERS + joined)
        return hashes[1] + self._height


def _hash_of(leaves: list[bytes], bit: int) -> bytes:
    """The hash at `bit` bits of leaves, ascending: where they part, and from there up."""
    if len(leaves) == 1:
        return leaves[0][:32]
    low = int.from_bytes(leaves[0][40:], "big")
    fork = 256 - (low ^ int.from_bytes(leaves[-1][40:], "big")).bit_length()
    at, mask = 40 + (fork >> 3), 128 >> (fork & 7)
    middle = next(index for index, leaf in enumerate(leaves) if leaf[at] & mask)
    left, right = _hash_of(leaves[:middle], fork + 1), _hash_of(leaves[middle:], fork + 1)
    hashed = _sha256(_TAG + left + right).digest()
    while fork > bit:
        fork -= 1
        pair = ZERO32 + hashed if low >> (255 - fork) & 1 else hashed + ZERO32
        hashed = _sha256(_TAG + pair).digest()
    return hashed
