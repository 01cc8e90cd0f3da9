"""SHA-256 with a domain in front (FIPS 180-4), and the Merkle tree over a list.

The list tree has the shape of RFC 6962 §2.1: the left half is the largest power of two below the
length. Items are already domain-tagged hashes, so a leaf is the item itself; inner nodes have a
domain of their own, hence no item can be taken for a node. The root is the hash of the length and
of the topmost node (of nothing, for an empty list): without the length, a path for item 4 of 5
would also prove item 1 of 2. As RFC 6962 signs the size of a tree beside its root, we hash it.
"""

import hashlib
from collections.abc import Sequence
from typing import final

from primitives.domains import Domain
from primitives.ids import Digest


def digest(domain: Domain, *parts: bytes) -> Digest:
    """SHA-256 over the domain's tag and the parts, in order; all but the last of fixed size."""
    hasher = hashlib.sha256(domain.tag)
    for part in parts:
        hasher.update(part)
    return Digest(hasher.digest())


def list_root(items: Sequence[bytes]) -> Digest:
    """Root over 32-byte items in order."""
    return ListTree(items).root


def list_path(items: Sequence[bytes], index: int) -> tuple[bytes, ...]:
    """Siblings of item `index`, from the leaf to the root; levels without one are left out."""
    return ListTree(items).path(index)


@final
class ListTree:
    """Every node over a list of 32-byte items, to take many paths from."""

    def __init__(self, items: Sequence[bytes]) -> None:
        level = [bytes(item) for item in items]
        self._levels = [level]
        tag, sha256 = Domain.LIST_NODE.tag, hashlib.sha256
        while len(level) > 1:
            paired = [
                sha256(tag + level[i] + level[i + 1]).digest() for i in range(0, len(level) - 1, 2)
            ]
            if len(level) % 2:
                paired.append(level[-1])
            level = paired
            self._levels.append(level)

    @property
    def root(self) -> Digest:
        """The root of the list."""
        top = self._levels[-1]
        return _root(len(self._levels[0]), top[0] if top else b"")

    def path(self, index: int) -> tuple[bytes, ...]:
        """Siblings of item `index`, as `list_path`."""
        count = len(self._levels[0])
        assert 0 <= index < count, f"index {index} of {count} items"
        siblings = [
            level[index >> depth ^ 1]
            for depth, level in enumerate(self._levels)
            if index >> depth ^ 1 < len(level)
        ]
        return tuple(siblings)


def _root(count: int, top: bytes) -> Digest:
    return digest(Domain.LIST_ROOT, count.to_bytes(8, "big"), top)
