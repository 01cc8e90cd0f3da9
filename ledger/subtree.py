"""Parts of the state, each whole and provable by itself under the state root.

A *prefix* is the first bits of a key hash; its part of the state are all entries whose key hashes
begin with it. What the tree of `ledger.tree` says of a part is one hash:

```
top(prefix) = 32 zero bytes without an entry, the leaf's hash with exactly one,
              SHA-256(STATE_NODE ‖ top(prefix ‖ 0) ‖ top(prefix ‖ 1)) with two or more
```

and the state root is the top of the empty prefix. Because a lone leaf stands as high as it can, not
every prefix has a place in the tree: that of n bits has one where n = 0, or where two or more
entries begin with its first n − 1 bits. Only such a prefix is ever proved, so there is exactly one
sibling for each of its bits and one way to fold them:

```
top(first i bits) = SHA-256(STATE_NODE ‖ …), of top(first i + 1 bits) and sibling i,
                    the one whose bit i is 0 on the left
```

What a check proves. The folded hashes end in the certified root, and no two inputs have one hash:
so what stands at the prefix is the top that was computed, hence exactly these entries: none is
missing, added, or of another value. An empty part is proved the same way. A part whose prefix has
no place folds to something else and is refused; its entries are proved with a shorter prefix.

`check_cover` says that prefixes, in ascending order, hold every key hash once: then the parts
together are the whole state.
"""

import hashlib
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from typing import Annotated, Final, Self, final

from msgspec import Meta, Struct

from ledger.tree import StateTree, key_hash, leaf_hash, value_hash
from primitives.domains import Domain
from primitives.errors import Malformed
from primitives.ids import ZERO32, Digest

BITS: Final = 256
"""Of a key hash."""
END: Final = 1 << BITS
"""One more than the highest key hash, as a number."""

_NODE: Final = Domain.STATE_NODE.tag
_sha256 = hashlib.sha256

Entry = tuple[int, bytes, bytes]
"""Table number, key, value."""


@final
class Prefix(Struct, array_like=True, frozen=True):
    """The first `depth` bits of key hashes, as bytes; the bits that fill the last byte are zero."""

    path: Annotated[bytes, Meta(max_length=BITS // 8)]
    depth: Annotated[int, Meta(ge=0, le=BITS)]

    def __post_init__(self) -> None:
        expected = (self.depth + 7) // 8
        if len(self.path) != expected:
            raise ValueError(f"{len(self.path)} bytes for {self.depth} bits, expected {expected}")
        if self.path and self.path[-1] & ((1 << (-self.depth % 8)) - 1):
            raise ValueError(f"bits after the first {self.depth} are set in {self.path.hex()}")

    @classmethod
    def at(cls, start: int, depth: int) -> Self:
        """The prefix of `depth` bits whose lowest key hash is the number `start`."""
        return cls(start.to_bytes(BITS // 8, "big")[: (depth + 7) // 8], depth)

    @property
    def start(self) -> int:
        """The lowest key hash that begins so, as a number."""
        return int.from_bytes(self.path.ljust(BITS // 8, b"\0"), "big")

    @property
    def stop(self) -> int:
        """One more than the highest."""
        return self.start + (1 << (BITS - self.depth))

    def halves(self) -> tuple["Prefix", "Prefix"]:
        """The two prefixes of one bit more."""
        assert self.depth < BITS, "a whole key hash has no halves"
        middle = self.start + (1 << (BITS - self.depth - 1))
        return Prefix.at(self.start, self.depth + 1), Prefix.at(middle, self.depth + 1)

    def __str__(self) -> str:
        return f"{self.path.hex() or '-'}/{self.depth}"


EVERYTHING: Final = Prefix(b"", 0)


def top(numbers: Iterable[int], leaves: Iterable[bytes], prefix: Prefix) -> Digest:
    """What the tree says of a part: of its leaves, at ascending key hashes as numbers."""
    growing = _Top()
    for number, leaf in zip(numbers, leaves, strict=True):
        growing.add(number, leaf)
    return growing.at(prefix.depth)


@final
class _Top:
    """The top of leaves that come one after the other, ascending.

    Held are the newest subtree and, for each fork on the way to it whose other side is done, that
    side: as many hashes as a key hash has bits at the most, however many leaves there are.
    """

    __slots__ = ("_done", "_hash", "_level", "_number")

    def __init__(self) -> None:
        self._done: list[tuple[int, bytes]] = []
        """Level of a fork, and the hash on its left."""
        self._number = -1
        self._hash: bytes = ZERO32
        self._level: int | None = None
        """Where the newest subtree has its fork; None for a lone leaf, or nothing."""

    def add(self, number: int, leaf: bytes) -> None:
        """The next leaf."""
        if self._number >= 0:
            fork = BITS - (self._number ^ number).bit_length()
            self._close(fork)
            self._done.append((fork, self._raised(fork + 1)))
        self._number, self._hash, self._level = number, leaf, None

    def at(self, depth: int) -> Digest:
        """The top of them all, at a prefix of so many bits."""
        self._close(-1)
        return Digest(self._raised(depth))

    def _close(self, fork: int) -> None:
        """Nothing more comes below forks that are deeper than this one."""
        done = self._done
        while done and done[-1][0] > fork:
            level, left = done.pop()
            self._hash = _sha256(_NODE + left + self._raised(level + 1)).digest()
            self._level = level

    def _raised(self, depth: int) -> bytes:
        """The newest subtree as it stands at a higher level: a lone leaf as it is."""
        found = self._hash
        if self._level is not None:
            for level in range(self._level - 1, depth - 1, -1):
                found = _above(found, ZERO32, self._number, level)
        return found


def _above(node: bytes, sibling: bytes, number: int, level: int) -> bytes:
    if number >> (BITS - 1 - level) & 1:
        return _sha256(_NODE + sibling + node).digest()
    return _sha256(_NODE + node + sibling).digest()


def fold(found: bytes, prefix: Prefix, siblings: Sequence[bytes]) -> Digest:
    """The state root, if `found` is the top of a prefix and these are the siblings of its bits.

    Siblings run from the root down, an empty one as b"".

    Raises:
        Malformed: too few or too many siblings, or one that is neither empty nor a hash.
    """
    if len(siblings) != prefix.depth:
        raise Malformed(f"{len(siblings)} siblings, expected one for each of {prefix.depth} bits")
    node, number = bytes(found), prefix.start
    for level in range(prefix.depth - 1, -1, -1):
        sibling = siblings[level]
        if sibling and (len(sibling) != len(ZERO32) or sibling == ZERO32):
            raise Malformed(f"sibling {level} is {sibling.hex()}, expected a hash or nothing")
        node = _above(node, sibling or ZERO32, number, level)
    return Digest(node)


def siblings_of(tree: StateTree, prefix: Prefix) -> tuple[bytes, ...]:
    """The siblings of a prefix.

    Raises:
        Malformed: it has no place in the tree.
    """
    found = tree.path(prefix.path.ljust(BITS // 8, b"\0")).siblings
    if len(found) < prefix.depth:
        raise Malformed(f"the prefix {prefix} has no place in the tree")
    return found[: prefix.depth]


@final
class Part:
    """Entries of a prefix as they come, to be checked in the end."""

    def __init__(self, prefix: Prefix) -> None:
        self._prefix, self._top = prefix, _Top()
        self._last, self._stop = prefix.start - 1, prefix.stop
        self._count = 0

    def add(self, table: int, key: bytes, value: bytes) -> bytes:
        """The next entry, by ascending key hash; returns that.

        Raises:
            Malformed: it is in the wrong place.
        """
        hashed = key_hash(table, key)
        number = int.from_bytes(hashed, "big")
        if not self._last < number < self._stop:
            raise Malformed(
                f"entry {self._count} has the key hash {hashed.hex()}, expected one that begins "
                f"with {self._prefix} and is above that of the entry before"
            )
        self._last = number
        self._count += 1
        self._top.add(number, leaf_hash(hashed, value_hash(value)))
        return hashed

    def check(self, siblings: Sequence[bytes], root: bytes) -> None:
        """That the entries are the part of the prefix, all of it, under a state root.

        Raises:
            Malformed: they are not.
        """
        folded = fold(self._top.at(self._prefix.depth), self._prefix, siblings)
        if folded != root:
            raise Malformed(
                f"{self._count} entries under {self._prefix} lead to the root {folded.hex()}, "
                f"expected {bytes(root).hex()}"
            )


def check(
    prefix: Prefix, entries: Iterable[Entry], siblings: Sequence[bytes], root: bytes
) -> list[tuple[bytes, bytes]]:
    """That these entries are the part of a prefix, all of it, under a state root.

    Returns key hash and value of each, ascending, as they stand in the tree.

    Raises:
        Malformed: an entry is in the wrong place, or the part is not that of the state.
    """
    part = Part(prefix)
    found = [(part.add(table, key, value), value) for table, key, value in entries]
    part.check(siblings, root)
    return found


def check_cover(prefixes: Iterable[Prefix]) -> None:
    """That prefixes in this order ascend and hold every key hash exactly once.

    Raises:
        Malformed: there is a gap or an overlap; says where.
    """
    reached = 0
    for prefix in prefixes:
        if prefix.start != reached:
            what = "overlap before" if prefix.start < reached else "gap before"
            raise Malformed(
                f"{what} the prefix {prefix}: it begins at {prefix.start:064x}, "
                f"expected {reached:064x}"
            )
        reached = prefix.stop
    if reached != END:
        raise Malformed(f"the prefixes end at {reached:064x}, expected to the last key hash")


def parts(
    numbers: Sequence[int], weights: Sequence[int], prefix: Prefix, *, weight_max: int
) -> Iterator[tuple[Prefix, int, int]]:
    """Cut the entries of a prefix into parts: prefix, first entry, one after the last.

    A part is halved as long as it weighs more than `weight_max` and has two entries or more. So the
    parts follow from the entries alone, each prefix has a place in the tree, and one after the
    other they cover the whole prefix.
    """
    yield from _parts(numbers, weights, prefix, 0, len(numbers), weight_max)


def _parts(
    numbers: Sequence[int],
    weights: Sequence[int],
    prefix: Prefix,
    begin: int,
    end: int,
    weight_max: int,
) -> Iterator[tuple[Prefix, int, int]]:
    if end - begin < 2 or sum(weights[begin:end]) <= weight_max:
        yield prefix, begin, end
        return
    low, high = prefix.halves()
    middle = bisect_left(numbers, high.start, begin, end)
    yield from _parts(numbers, weights, low, begin, middle, weight_max)
    yield from _parts(numbers, weights, high, middle, end, weight_max)
