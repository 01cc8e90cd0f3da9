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

Storage. Four binary levels are one node of sixteen slots. A slot is empty, one leaf, or a branch to
another node; values stand beside the nodes. Every record is keyed by the height that wrote it, so
that old versions stay readable and new ones land at the end of the key space:

```
height (u64) ‖ "n" ‖ depth (u8) ‖ path      a node
height (u64) ‖ "v" ‖ key hash               a value
height (u64) ‖ "s"                          keys of the records that this height replaced
```

Every height above 0 writes its root node and its list, even when nothing changed. `replaced` tells
what nobody needs who reads no height below; how many are kept is a node's affair and in no hash.

An update visits each touched node once and recomputes only the inner hashes above changed slots.
"""

import hashlib
import struct
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final, final

from primitives.domains import Domain
from primitives.errors import StorageFault
from primitives.ids import ZERO32, Digest, Height

ReadNode = Callable[[bytes], bytes | None]

_KEY: Final = Domain.STATE_KEY.tag
_VALUE: Final = Domain.STATE_VALUE.tag
_LEAF: Final = Domain.STATE_LEAF.tag
_NODE: Final = Domain.STATE_NODE.tag
_sha256 = hashlib.sha256


def key_hash(table: int, key: bytes) -> bytes:
    """Where an entry stands in the tree."""
    return _sha256(_KEY + table.to_bytes(2, "big") + key).digest()


def value_hash(value: bytes) -> bytes:
    """What the tree says of an entry's value."""
    return _sha256(_VALUE + value).digest()


def leaf_hash(key: bytes, value: bytes) -> bytes:
    """The leaf of a key hash and a value hash."""
    return _sha256(_LEAF + key + value).digest()


@final
@dataclass(frozen=True, slots=True)
class Path:
    """The way from the root to where a key hash ends: a proof of what stands there.

    `siblings` run from the root down, an empty one as b"". The way ends at `leaf`, a key hash and
    a value hash: the entry asked for, or the only leaf of its subtree (then the entry is absent).
    None means an empty subtree: the entry is absent.
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
        if other == key or _bits(other, shared) != _bits(key, shared):
            return False
        return self._root(key, leaf_hash(other, value)) == root

    def _root(self, key: bytes, end: bytes) -> bytes:
        node, bits = end, int.from_bytes(key, "big")
        if len(self.siblings) > 256:
            return b""
        for depth in range(len(self.siblings) - 1, -1, -1):
            sibling = self.siblings[depth] or ZERO32
            if (bits >> (255 - depth)) & 1:
                node = _sha256(_NODE + sibling + node).digest()
            else:
                node = _sha256(_NODE + node + sibling).digest()
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


# A slot: None, a leaf (hash, height, key hash) or a branch (hash, height, None).
_Slot = tuple[bytes, int, bytes | None] | None


@final
class _Hashes:
    """The four levels of hashes above sixteen slots, as a heap: 1 is the top, 16 + i is slot i.

    `weights` counts leaves below a place: 0, 1, or 2 for more.
    """

    __slots__ = ("hashes", "weights")

    def __init__(self, slots: list[_Slot]) -> None:
        hashes = [ZERO32] * 16
        weights = [0] * 16
        for slot in slots:
            if slot is None:
                hashes.append(ZERO32)
                weights.append(0)
            else:
                hashes.append(slot[0])
                weights.append(2 if slot[2] is None else 1)
        for place in range(15, 0, -1):
            left = place << 1
            weight = weights[left] + weights[left + 1]
            if weight >= 2:
                hashes[place] = _sha256(_NODE + hashes[left] + hashes[left + 1]).digest()
                weights[place] = 2
            elif weight == 1:
                hashes[place] = hashes[left] if weights[left] else hashes[left + 1]
                weights[place] = 1
        self.hashes = hashes
        self.weights = weights


def _summary(slots: list[_Slot], height: int) -> _Slot:
    """What the parent's slot says of a node written at `height`: a lone leaf stands there."""
    filled = [slot for slot in slots if slot is not None]
    if not filled:
        return None
    if len(filled) == 1 and filled[0][2] is not None:
        return filled[0]
    return (_Hashes(slots).hashes[1], height, None)


_HEAD: Final = struct.Struct(">HH")
_LEAF_SLOT: Final = struct.Struct(">32sQ32s")
_BRANCH_SLOT: Final = struct.Struct(">32sQ")


def _pack(slots: list[_Slot]) -> bytes:
    leaves = branches = 0
    parts = [b""]
    for index, slot in enumerate(slots):
        if slot is None:
            continue
        hashed, height, key = slot
        if key is None:
            branches |= 1 << index
            parts.append(_BRANCH_SLOT.pack(hashed, height))
        else:
            leaves |= 1 << index
            parts.append(_LEAF_SLOT.pack(hashed, height, key))
    parts[0] = _HEAD.pack(leaves, branches)
    return b"".join(parts)


def _unpack(data: bytes) -> list[_Slot]:
    slots: list[_Slot] = [None] * 16
    leaves, branches = _HEAD.unpack_from(data)
    at = _HEAD.size
    for index in range(16):
        bit = 1 << index
        if branches & bit:
            hashed, height = _BRANCH_SLOT.unpack_from(data, at)
            slots[index] = (hashed, height, None)
            at += _BRANCH_SLOT.size
        elif leaves & bit:
            slots[index] = _LEAF_SLOT.unpack_from(data, at)
            at += _LEAF_SLOT.size
    return slots


def _node_key(height: int, depth: int, key: bytes) -> bytes:
    """The key of the node at `depth` nibbles on the way of a key hash."""
    path = key[: depth // 2]
    if depth % 2:
        path += bytes((key[depth // 2] & 0xF0,))
    return height.to_bytes(8, "big") + b"n" + bytes((depth,)) + path


def _value_key(height: int, key: bytes) -> bytes:
    return height.to_bytes(8, "big") + b"v" + key


def _stale_key(height: int) -> bytes:
    return height.to_bytes(8, "big") + b"s"


def _nibble(key: bytes, depth: int) -> int:
    byte = key[depth >> 1]
    return byte & 15 if depth & 1 else byte >> 4


@final
class StateTree:
    """The tree as it stood after a block; read-only."""

    def __init__(self, read: ReadNode, height: Height) -> None:
        self._read = read
        self.height = height

    @property
    def root(self) -> Digest:
        """The state root of this height."""
        return Digest(_Hashes(self._slots(self.height, 0, ZERO32)).hashes[1])

    def get(self, table: int, key: bytes) -> bytes | None:
        """The value of an entry at this height."""
        hashed = key_hash(table, key)
        height, depth = int(self.height), 0
        while True:
            slot = self._slots(height, depth, hashed)[_nibble(hashed, depth)]
            if slot is None or (slot[2] is not None and slot[2] != hashed):
                return None
            if slot[2] is not None:
                return self._value(slot[1], hashed)
            height, depth = slot[1], depth + 1

    def prove(self, table: int, key: bytes) -> Path:
        """The path of an entry: of its value, or of its absence."""
        return self.path(key_hash(table, key))

    def path(self, hashed: bytes) -> Path:
        """The path of a key hash, whether an entry has it or not."""
        siblings: list[bytes] = []
        height, depth = int(self.height), 0
        while True:
            slots = self._slots(height, depth, hashed)
            above = _Hashes(slots)
            place, nibble = 1, _nibble(hashed, depth)
            for shift in (3, 2, 1, 0):
                if above.weights[place] < 2:
                    break
                place = place * 2 + (nibble >> shift & 1)
                siblings.append(above.hashes[place ^ 1] if above.weights[place ^ 1] else b"")
            if above.weights[place] < 2:
                while place < 16:  # down to the only leaf, or to one of the empty slots
                    place = place * 2 if above.weights[place * 2] else place * 2 + 1
                return Path(tuple(siblings), self._leaf(slots[place - 16]))
            branch = slots[nibble]
            assert branch is not None, "a place with two leaves below it is a branch"
            height, depth = branch[1], depth + 1

    def _leaf(self, slot: _Slot) -> tuple[bytes, bytes] | None:
        """(key hash, value hash) of a slot that is a leaf or empty."""
        if slot is None:
            return None
        assert slot[2] is not None, "a place with one leaf below it ends in that leaf"
        return slot[2], value_hash(self._value(slot[1], slot[2]))

    def _slots(self, height: int, depth: int, key: bytes) -> list[_Slot]:
        return _unpack(_need(self._read, _node_key(height, depth, key)))

    def _value(self, height: int, key: bytes) -> bytes:
        return _need(self._read, _value_key(height, key))


def _need(read: ReadNode, key: bytes) -> bytes:
    data = read(key)
    if data is None:
        raise StorageFault(f"the state tree has no record {key.hex()}: not kept, or lost")
    return data


# (key hash, value bytes or None), sorted by key hash; value hashes are computed where needed.
_Change = tuple[bytes, bytes | None]


@final
class _Update:
    """One batch of changes; the only writer of its records."""

    def __init__(self, read: ReadNode, height: Height) -> None:
        self._read = read
        self._height = int(height)
        self.records: dict[bytes, bytes] = {}
        self.stale: list[bytes] = []

    def descend(self, slot: _Slot, changes: list[_Change], depth: int) -> _Slot:
        """The new content of a slot at `depth` nibbles after changes that all lead there."""
        slots: list[_Slot] = [None] * 16
        if slot is None:
            if len(changes) == 1:
                return self._insert(changes[0])
        elif slot[2] is None:
            at = _node_key(slot[1], depth, changes[0][0])
            slots = _unpack(_need(self._read, at))
            self.stale.append(at)
        else:
            if len(changes) == 1 and changes[0][0] == slot[2]:
                return self._replace(slot, changes[0])
            slots[_nibble(slot[2], depth)] = slot
        self.rebuild(slots, changes, depth)
        summary = _summary(slots, self._height)
        if summary is not None and summary[2] is None:
            self.write(slots, changes[0][0], depth)
        return summary

    def rebuild(self, slots: list[_Slot], changes: list[_Change], depth: int) -> None:
        """Apply changes to the slots of a node at `depth` nibbles."""
        for nibble, group in _grouped(changes, depth):
            slots[nibble] = self.descend(slots[nibble], group, depth + 1)

    def write(self, slots: list[_Slot], key: bytes, depth: int) -> None:
        """Record a node."""
        self.records[_node_key(self._height, depth, key)] = _pack(slots)

    def _replace(self, slot: _Slot, change: _Change) -> _Slot:
        assert slot is not None, "only a leaf is replaced"
        self.stale.append(_value_key(slot[1], change[0]))
        return self._insert(change)

    def _insert(self, change: _Change) -> _Slot:
        key, value = change
        if value is None:
            return None
        self.records[_value_key(self._height, key)] = value
        return (leaf_hash(key, value_hash(value)), self._height, key)


def _grouped(changes: list[_Change], depth: int) -> Iterator[tuple[int, list[_Change]]]:
    """Sorted changes by their nibble at `depth`."""
    start, end = 0, len(changes)
    while start < end:
        nibble = _nibble(changes[start][0], depth)
        stop = start + 1
        while stop < end and _nibble(changes[stop][0], depth) == nibble:
            stop += 1
        yield nibble, changes[start:stop]
        start = stop


def update(
    read: ReadNode,
    height: Height,
    writes: Mapping[tuple[int, bytes], bytes | None],
) -> TreeUpdate:
    """The tree after the block at `height`, whose parent's tree `read` knows.

    At height 0 there is no parent: the tree begins with `writes`.
    """
    changes = sorted((key_hash(table, key), value) for (table, key), value in writes.items())
    batch = _Update(read, height)
    top: list[_Slot] = [None] * 16
    if height > 0:
        before = _node_key(height - 1, 0, ZERO32)
        top = _unpack(_need(read, before))
        batch.stale.append(before)
    batch.rebuild(top, changes, 0)
    batch.write(top, ZERO32, 0)
    if batch.stale:
        batch.records[_stale_key(height)] = b"".join(
            len(key).to_bytes(1, "big") + key for key in batch.stale
        )
    return TreeUpdate(Digest(_Hashes(top).hashes[1]), batch.records)


def replaced(read: ReadNode, height: Height) -> list[bytes]:
    """Keys of the records that only the trees below `height` need; without them those are gone.

    The list of them, itself a record, is among them. Empty at height 0, and where they are dropped
    already.
    """
    listed = read(_stale_key(height))
    if listed is None:
        return []
    keys, at = [_stale_key(height)], 0
    while at < len(listed):
        end = at + 1 + listed[at]
        keys.append(listed[at + 1 : end])
        at = end
    return keys
