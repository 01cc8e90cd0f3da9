"""The state tree: short proofs that an entry is in the state, or is not.

Hashing. A binary trie over 256-bit key hashes, most significant bit first:

```
key hash   = SHA-256(STATE_KEY   ‖ table number (u16, big-endian) ‖ key bytes)
value hash = SHA-256(STATE_VALUE ‖ value bytes)
leaf hash  = SHA-256(STATE_LEAF  ‖ key hash ‖ value hash)
subtree    = 32 zero bytes without a leaf, the leaf's hash with exactly one,
             SHA-256(STATE_NODE ‖ left ‖ right) with two or more
```

So the root depends on the content alone, never on history, and a leaf stands as high as it can.

Storage. Four binary levels are one record of sixteen slots (ledger/tree_node.py); values stand
beside the nodes. Every record is keyed by the height that wrote it, so that old versions stay
readable and new ones land at the end of the key space. Every height above 0 writes its root node
and its list, even when nothing changed. `replaced` tells what nobody needs who reads no height
below; how many are kept is a node's affair and in no hash.

An update visits each touched node once and computes anew only the hashes above changed slots.
"""

import hashlib
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, final

from ledger.tree_node import (
    BRANCH,
    EMPTY,
    HEAD,
    LEAF,
    PAIR,
    hashes_of,
    leaves_of,
    list_key,
    nibble_of,
    node_key,
    packed,
    slot_of,
    slot_with,
    value_key,
)
from primitives.domains import Domain
from primitives.errors import StorageFault
from primitives.ids import ZERO32, Digest, Height

ReadNode = Callable[[bytes], bytes | None]

_KEY_TAG: Final = Domain.STATE_KEY.tag
_VALUE_TAG: Final = Domain.STATE_VALUE.tag
_LEAF_TAG: Final = Domain.STATE_LEAF.tag
_NODE_TAG: Final = Domain.STATE_NODE.tag
_sha256 = hashlib.sha256


def key_hash(table: int, key: bytes) -> bytes:
    """Where an entry stands in the tree."""
    return _sha256(_KEY_TAG + table.to_bytes(2, "big") + key).digest()


def value_hash(value: bytes) -> bytes:
    """What the tree says of an entry's value."""
    return _sha256(_VALUE_TAG + value).digest()


def leaf_hash(key: bytes, value: bytes) -> bytes:
    """The leaf of a key hash and a value hash."""
    return _sha256(_LEAF_TAG + key + value).digest()


@final
@dataclass(frozen=True, slots=True)
class Path:
    """The way from the root to where a key hash ends: a proof of what stands there.

    `siblings` run from the root down, an empty one as b"" and never as its hash, so that a path is
    written in one way only. The way ends at `leaf`, a key hash and a value hash: the entry asked
    for, or the only leaf of its subtree (then the entry is absent). None means an empty subtree:
    the entry is absent.
    """

    siblings: tuple[bytes, ...]
    leaf: tuple[bytes, bytes] | None

    def proves(self, key: bytes, value: bytes, root: bytes) -> bool:
        """The entry of this key hash has this value hash under this root."""
        return self._root(key, leaf_hash(key, value)) == root

    def proves_absent(self, key: bytes, root: bytes) -> bool:
        """No entry of this key hash is under this root."""
        if self.leaf is None:
            return self._root(key, ZERO32) == root
        other, value = self.leaf
        shared = len(self.siblings)
        if shared > 256 or other == key or _bits(other, shared) != _bits(key, shared):
            return False
        return self._root(key, leaf_hash(other, value)) == root

    def _root(self, key: bytes, end: bytes) -> bytes | None:
        """The root that the siblings lead to from `end`; None if they are no siblings."""
        node, bits = end, int.from_bytes(key, "big")
        if len(self.siblings) > 256:
            return None
        for depth in range(len(self.siblings) - 1, -1, -1):
            sibling = self.siblings[depth] or ZERO32
            if len(sibling) != 32 or self.siblings[depth] == ZERO32:
                return None
            if (bits >> (255 - depth)) & 1:
                node = _sha256(_NODE_TAG + sibling + node).digest()
            else:
                node = _sha256(_NODE_TAG + node + sibling).digest()
        return node


def _bits(hashed: bytes, count: int) -> int:
    """The first `count` bits."""
    return int.from_bytes(hashed, "big") >> (256 - count)


@final
@dataclass(frozen=True, slots=True)
class TreeUpdate:
    """A new root, and the records to write so that it can be read."""

    root: Digest
    nodes: Mapping[bytes, bytes]


@final
class StateTree:
    """The tree as it stood after a block; read-only."""

    def __init__(self, read: ReadNode, height: Height) -> None:
        self._read = read
        self.height = height

    @property
    def root(self) -> Digest:
        """The state root of this height."""
        hashes, _ = hashes_of(self._node(_u64(self.height), 0, ZERO32))
        return Digest(hashes[1])

    def get(self, table: int, key: bytes) -> bytes | None:
        """The value of an entry at this height."""
        hashed = key_hash(table, key)
        height, depth = _u64(self.height), 0
        while True:
            slot = slot_of(self._node(height, depth, hashed), nibble_of(hashed, depth))
            if len(slot) != BRANCH:
                break
            height, depth = slot[32:], depth + 1
        for leaf in leaves_of(slot):
            if leaf[40:] == hashed:
                return self._value(leaf)
        return None

    def prove(self, table: int, key: bytes) -> Path:
        """The path of an entry: of its value, or of its absence."""
        return self.path(key_hash(table, key))

    def path(self, hashed: bytes) -> Path:
        """The path of a key hash, whether an entry has it or not."""
        siblings: list[bytes] = []
        height, depth = _u64(self.height), 0
        while True:
            record = self._node(height, depth, hashed)
            hashes, weights = hashes_of(record)
            place, nibble = 1, nibble_of(hashed, depth)
            for shift in (3, 2, 1, 0):
                if weights[place] in {0, LEAF}:
                    break
                place = place * 2 + (nibble >> shift & 1)
                siblings.append(hashes[place ^ 1] if weights[place ^ 1] else b"")
            while place < 16:  # down to the only leaf, or to one of the empty slots
                place = place * 2 if weights[place * 2] else place * 2 + 1
            slot, depth = slot_of(record, place - 16), depth + 1
            if len(slot) != BRANCH:
                break
            height = slot[32:]
        leaves = leaves_of(slot)
        for bit in range(4 * depth, 256):
            if len(leaves) < 2:
                break
            beside = [leaf for leaf in leaves if _differ(leaf[40:], hashed, bit)]
            siblings.append(slot_with(beside, bit + 1)[:32])
            leaves = [leaf for leaf in leaves if leaf not in beside]
        if not leaves:
            return Path(tuple(siblings), None)
        return Path(tuple(siblings), (leaves[0][40:], value_hash(self._value(leaves[0]))))

    def _node(self, height: bytes, depth: int, key: bytes) -> bytes:
        return _need(self._read, node_key(height, depth, key))

    def _value(self, leaf: bytes) -> bytes:
        return _need(self._read, value_key(leaf[32:40], leaf[40:]))


def _differ(one: bytes, other: bytes, bit: int) -> bool:
    return bool((one[bit >> 3] ^ other[bit >> 3]) & 128 >> (bit & 7))


def _need(read: ReadNode, key: bytes) -> bytes:
    data = read(key)
    if data is None:
        raise StorageFault(f"the state tree has no record {key.hex()}: not kept, or lost")
    return data


# (key hash, value bytes or None to delete).
_Change = tuple[bytes, bytes | None]


@final
class _Update:
    """One batch of changes, ascending by key hash; the only writer of its records.

    `start` and `stop` say which of the changes; they all lead to the place that a method is about,
    `depth` nibbles below the root. What a method returns is that place's new slot.
    """

    def __init__(self, read: ReadNode, height: Height, changes: Sequence[_Change]) -> None:
        self._read = read
        self._height = _u64(height)
        self._keys = [key for key, _ in changes]
        self._values = [value for _, value in changes]
        self.records: dict[bytes, bytes] = {}
        self.stale: list[bytes] = []

    def node(self, before: bytes, start: int, stop: int, depth: int) -> bytes:
        """What was a branch to the record `before`, or the top of the tree."""
        keys = self._keys
        toward = keys[start] if start < stop else ZERO32
        parts: list[bytes] = []
        lengths, copied, touched = bytearray(before[:16]), HEAD, 0
        index, shift = depth >> 1, 0 if depth & 1 else 4
        while start < stop:
            nibble = keys[start][index] >> shift & 15
            end = start + 1
            while end < stop and keys[end][index] >> shift & 15 == nibble:
                end += 1
            first = HEAD + sum(before[:nibble])
            last = first + before[nibble]
            slot = self._slot(before[first:last], start, end, depth + 1)
            parts += before[copied:first], slot
            lengths[nibble] = len(slot)
            touched |= 1 << (nibble >> 2)
            copied, start = last, end
        parts.append(before[copied:])
        slots = b"".join(parts)
        if len(slots) <= PAIR and depth and BRANCH not in lengths:
            return slot_with(leaves_of(slots), 4 * depth)
        record, hashed = packed(lengths, slots, before, touched)
        self.records[node_key(self._height, depth, toward)] = record
        return hashed + self._height

    def _slot(self, slot: bytes, start: int, stop: int, depth: int) -> bytes:
        if len(slot) == BRANCH:
            at = node_key(slot[32:], depth, self._keys[start])
            self.stale.append(at)
            return self.node(_need(self._read, at), start, stop, depth)
        if stop - start == 1 and len(slot) == LEAF and slot[40:] == self._keys[start]:
            # What is written is mostly written anew, and alone in its slot.
            self.stale.append(value_key(slot[32:40], slot[40:]))
            return self._leaf(start)
        leaves = {leaf[40:]: leaf for leaf in leaves_of(slot)}
        for change in range(start, stop):
            key = self._keys[change]
            old = leaves.pop(key, None)
            if old is not None:
                self.stale.append(value_key(old[32:40], key))
            leaf = self._leaf(change)
            if leaf:
                leaves[key] = leaf
        return self._grown([leaves[key] for key in sorted(leaves)], depth)

    def _leaf(self, change: int) -> bytes:
        """The leaf that a change leaves, its value recorded; nothing where it deletes."""
        key, value = self._keys[change], self._values[change]
        if value is None:
            return b""
        self.records[value_key(self._height, key)] = value
        return leaf_hash(key, value_hash(value)) + self._height + key

    def _grown(self, leaves: list[bytes], depth: int) -> bytes:
        """The slot of leaves, ascending."""
        if len(leaves) <= 2:
            return slot_with(leaves, 4 * depth)
        groups: list[list[bytes]] = [[] for _ in range(16)]
        for leaf in leaves:
            groups[nibble_of(leaf[40:], depth)].append(leaf)
        slots = [self._grown(group, depth + 1) for group in groups]
        lengths = bytes(map(len, slots))
        record, hashed = packed(lengths, b"".join(slots), EMPTY, 15)
        self.records[node_key(self._height, depth, leaves[0][40:])] = record
        return hashed + self._height


def update(
    read: ReadNode,
    height: Height,
    writes: Mapping[tuple[int, bytes], bytes | None],
) -> TreeUpdate:
    """The tree after the block at `height`, whose parent's tree `read` knows.

    At height 0 there is no parent: the tree begins with `writes`.
    """
    changes = ((key_hash(table, key), value) for (table, key), value in writes.items())
    return update_sorted(read, height, sorted(changes))


def update_sorted(read: ReadNode, height: Height, changes: Sequence[_Change]) -> TreeUpdate:
    """`update`, of (key hash, value or None) ascending and each key hash once."""
    batch = _Update(read, height, changes)
    before = EMPTY
    if height > 0:
        at = node_key(_u64(height - 1), 0, ZERO32)
        before = _need(read, at)
        batch.stale.append(at)
    top = batch.node(before, 0, len(changes), 0)
    if batch.stale:
        batch.records[list_key(_u64(height))] = b"".join(
            len(key).to_bytes(1, "big") + key for key in batch.stale
        )
    return TreeUpdate(Digest(top[:32]), batch.records)


@final
class _Build:
    """A tree from its entries in ascending order of their key hashes; holds one way down."""

    def __init__(
        self,
        height: Height,
        leaves: Iterable[tuple[bytes, bytes]],
        write: Callable[[bytes, bytes], None],
    ) -> None:
        self._height = _u64(height)
        self._ahead: deque[bytes] = deque()
        self._leaves = self._written(leaves, write)
        self._write = write

    def _written(
        self, leaves: Iterable[tuple[bytes, bytes]], write: Callable[[bytes, bytes], None]
    ) -> Iterator[bytes]:
        last = b""
        for key, value in leaves:
            assert key > last, f"key hash {key.hex()} comes after {last.hex()}"
            write(value_key(self._height, key), value)
            yield leaf_hash(key, value_hash(value)) + self._height + key
            last = key

    def node(self, path: int, depth: int) -> bytes:
        """The branch to the record at `depth` nibbles: `path` is the number they make."""
        slots = [self._slot(path << 4 | nibble, depth + 1) for nibble in range(16)]
        record, hashed = packed(bytes(map(len, slots)), b"".join(slots), EMPTY, 15)
        toward = (path << 256 - 4 * depth).to_bytes(32, "big")
        self._write(node_key(self._height, depth, toward), record)
        return hashed + self._height

    def _slot(self, path: int, depth: int) -> bytes:
        ahead, shift = self._ahead, 256 - 4 * depth
        while len(ahead) < 3 and (leaf := next(self._leaves, None)) is not None:
            ahead.append(leaf)
        here = [leaf for leaf in ahead if int.from_bytes(leaf[40:], "big") >> shift == path]
        if len(here) > 2:
            return self.node(path, depth)
        for _ in here:
            ahead.popleft()
        return slot_with(here, 4 * depth)


def build(
    height: Height,
    leaves: Iterable[tuple[bytes, bytes]],
    write: Callable[[bytes, bytes], None],
) -> Digest:
    """A whole tree at `height`, of (key hash, value bytes) ascending; gives its root.

    The records are those that one `update` of an empty tree makes; each is given to `write` once.
    Of the leaves, three are held at a time.
    """
    return Digest(_Build(height, leaves, write).node(0, 0)[:32])


def replaced(read: ReadNode, height: Height) -> list[bytes]:
    """Keys of the records that only the trees below `height` need; without them those are gone.

    The list of them, itself a record, is among them. Empty at height 0, and where they are dropped
    already.
    """
    listed = read(list_key(_u64(height)))
    if listed is None:
        return []
    keys, at = [list_key(_u64(height))], 0
    while at < len(listed):
        end = at + 1 + listed[at]
        keys.append(listed[at + 1 : end])
        at = end
    return keys


def _u64(height: int) -> bytes:
    return height.to_bytes(8, "big")
