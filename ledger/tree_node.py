"""One record of the state tree: sixteen slots, four binary levels.

A slot is the subtree below four more bits of the key hash, told by its length:

```
  0 bytes   empty
 72         leaf     leaf hash 32 ‖ height of its value (u64) ‖ key hash 32
176         pair     hash 32 ‖ two leaves, ascending
 40         branch   hash 32 ‖ height of the record below (u64): three leaves or more
```

Every slot that is not empty begins with the hash of its subtree. A record is

```
lengths of the slots 16 × u8 ‖ hashes of the four quarters 4 × 32 ‖ the slots
```

so that every part is found by adding lengths, what did not change is copied as it stands, and a
changed slot costs six inner hashes: three within its quarter, three above the quarters. Numbers are
big-endian. Lengths serve as weights, too: the lengths of neighbours add up to 0 just when there is
no leaf below, and to LEAF just when there is one.

Records are keyed by the height that wrote them:

```
height (u64) ‖ "n" ‖ depth in nibbles (u8) ‖ path      a node
height (u64) ‖ "v" ‖ key hash                          a value
height (u64) ‖ "s"                                     what the height replaced
```
"""

import hashlib
from collections.abc import Sequence
from typing import Final

from primitives.domains import Domain
from primitives.ids import ZERO32

LEAF: Final = 72
PAIR: Final = 176
BRANCH: Final = 40
HEAD: Final = 144
"""Bytes of a record before its slots."""
EMPTY: Final = bytes(HEAD)
"""The record of a tree without a leaf."""

_NODE: Final = Domain.STATE_NODE.tag
_sha256 = hashlib.sha256


def node_key(height: bytes, depth: int, key: bytes) -> bytes:
    """The key of the node at `depth` nibbles on the way to a key hash."""
    path = key[: depth >> 1]
    if depth & 1:
        path += bytes((key[depth >> 1] & 0xF0,))
    return b"%bn%c%b" % (height, depth, path)


def value_key(height: bytes, key: bytes) -> bytes:
    """The key of the value that a height wrote for a key hash."""
    return height + b"v" + key


def list_key(height: bytes) -> bytes:
    """The key of the list of what a height replaced."""
    return height + b"s"


def nibble_of(key: bytes, depth: int) -> int:
    """Which of sixteen slots a key hash takes at `depth` nibbles."""
    return key[depth >> 1] & 15 if depth & 1 else key[depth >> 1] >> 4


def slots_of(record: bytes) -> list[bytes]:
    """The sixteen slots of a record."""
    slots, at = [], HEAD
    for length in record[:16]:
        slots.append(record[at : at + length])
        at += length
    return slots


def slot_of(record: bytes, nibble: int) -> bytes:
    """One slot of a record."""
    start = HEAD + sum(record[:nibble])
    return record[start : start + record[nibble]]


def leaves_of(slots: bytes) -> list[bytes]:
    """The leaves of a slot that is no branch, or of slots of one leaf each."""
    start = 32 if len(slots) == PAIR else 0
    return [slots[at : at + LEAF] for at in range(start, len(slots), LEAF)]


def slot_with(leaves: Sequence[bytes], bit: int) -> bytes:
    """The slot at `bit` bits of at most two leaves, ascending."""
    if len(leaves) < 2:
        return leaves[0] if leaves else b""
    one, other = leaves
    return _pair_hash(one, other, bit) + one + other


def _pair_hash(one: bytes, other: bytes, bit: int) -> bytes:
    """The hash at `bit` bits of two leaves, ascending: where they part, and from there up."""
    bits = int.from_bytes(one[40:], "big")
    fork = 256 - (bits ^ int.from_bytes(other[40:], "big")).bit_length()
    hashed = _sha256(_NODE + one[:32] + other[:32]).digest()
    while fork > bit:
        fork -= 1
        if bits >> (255 - fork) & 1:
            hashed = _sha256(_NODE + ZERO32 + hashed).digest()
        else:
            hashed = _sha256(_NODE + hashed + ZERO32).digest()
    return hashed


def joined(weight: int, left: bytes, other: int, right: bytes) -> bytes:
    """The hash above two neighbours of these weights; a hash of weight 0 is never looked at."""
    if weight and other:
        return _sha256(_NODE + left + right).digest()
    if weight:
        return left if weight == LEAF else _sha256(_NODE + left + ZERO32).digest()
    if other:
        return right if other == LEAF else _sha256(_NODE + ZERO32 + right).digest()
    return ZERO32


def _quarter(lengths: Sequence[int], slots: bytes, at: int) -> bytes:
    """The hash of four slots, which begin at `at`."""
    one, two, three, four = lengths
    second = at + one
    third = second + two
    fourth = third + three
    if one and two and three and four:
        left = _sha256(_NODE + slots[at : at + 32] + slots[second : second + 32]).digest()
        right = _sha256(_NODE + slots[third : third + 32] + slots[fourth : fourth + 32]).digest()
        return _sha256(_NODE + left + right).digest()
    return joined(
        one + two,
        joined(one, slots[at : at + 32], two, slots[second : second + 32]),
        three + four,
        joined(three, slots[third : third + 32], four, slots[fourth : fourth + 32]),
    )


def packed(
    lengths: bytes | bytearray, slots: bytes, before: bytes, touched: int
) -> tuple[bytes, bytes]:
    """A record and its hash; quarters whose bit in `touched` is 0 are as in the record `before`."""
    a, b, c = sum(lengths[:4]), sum(lengths[4:8]), sum(lengths[8:12])
    d = len(slots) - a - b - c
    first = _quarter(lengths[:4], slots, 0) if touched & 1 else before[16:48]
    second = _quarter(lengths[4:8], slots, a) if touched & 2 else before[48:80]
    third = _quarter(lengths[8:12], slots, a + b) if touched & 4 else before[80:112]
    fourth = _quarter(lengths[12:], slots, a + b + c) if touched & 8 else before[112:144]
    above = joined(a + b, joined(a, first, b, second), c + d, joined(c, third, d, fourth))
    return b"".join((lengths, first, second, third, fourth, slots)), above


def hashes_of(record: bytes) -> tuple[list[bytes], list[int]]:
    """Hashes and weights above a record's slots as a heap: 1 is the top, 16 + i is slot i."""
    slots = slots_of(record)
    hashes = [ZERO32] * 16 + [slot[:32] for slot in slots]
    weights = [0] * 16 + [len(slot) for slot in slots]
    for place in range(15, 0, -1):
        left, right = place * 2, place * 2 + 1
        hashes[place] = joined(weights[left], hashes[left], weights[right], hashes[right])
        weights[place] = weights[left] + weights[right]
    return hashes, weights
