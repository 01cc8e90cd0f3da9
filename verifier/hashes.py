"""Hashes and trees, written from docs/proof-format.md §2 with hashlib alone."""

import hashlib
from collections.abc import Sequence
from typing import Final

from verifier.verdict import Invalid

EMPTY_SUBTREE: Final = bytes(32)


def tag(name: str) -> bytes:
    """What stands in front of everything hashed or signed."""
    return b"mithaq/1/" + name.encode("ascii") + b"\0"


def tagged_hash(name: str, *parts: bytes) -> bytes:
    """SHA-256(tag ‖ parts)."""
    return hashlib.sha256(tag(name) + b"".join(parts)).digest()


def empty_list_root() -> bytes:
    """The root of a list without items."""
    return tagged_hash("list-root", bytes(8))


def list_root(item: bytes, index: int, count: int, path: Sequence[bytes], what: str) -> bytes:
    """The root of a list of `count` items with `item` at `index`, by RFC 6962's recursion."""
    if index >= count:
        raise Invalid(f"{what}: index {index} in a list of {count}")
    top, rest = _subtree(item, index, count, list(path), what)
    if rest:
        raise Invalid(f"{what}: the path has {len(rest)} siblings too many for {count} items")
    return tagged_hash("list-root", count.to_bytes(8, "big"), top)


def _subtree(
    item: bytes, index: int, count: int, path: list[bytes], what: str
) -> tuple[bytes, list[bytes]]:
    if count == 1:
        return item, path
    split = 1 << ((count - 1).bit_length() - 1)  # the largest power of two below the count
    if index < split:
        left, path = _subtree(item, index, split, path, what)
        right, path = _next(path, count, what)
    else:
        right, path = _subtree(item, index - split, count - split, path, what)
        left, path = _next(path, count, what)
    return tagged_hash("list-node", left, right), path


def _next(path: list[bytes], count: int, what: str) -> tuple[bytes, list[bytes]]:
    if not path:
        raise Invalid(f"{what}: the path has too few siblings (a subtree of {count} lacks one)")
    return path[0], path[1:]


def key_hash(table: int, key: bytes) -> bytes:
    """Where an entry stands in the state."""
    return tagged_hash("state-key", table.to_bytes(2, "big"), key)


def state_root(table: int, key: bytes, value: bytes, siblings: Sequence[bytes]) -> bytes:
    """The root of a state that holds `value` at this place; siblings from the root downwards."""
    place = key_hash(table, key)
    leaf = tagged_hash("state-leaf", place, tagged_hash("state-value", value))
    return _folded(place, leaf, siblings)


def state_root_without(
    place: bytes, other: tuple[bytes, bytes] | None, siblings: Sequence[bytes]
) -> bytes:
    """The root of a state where the way to `place`, a key hash, ends before it.

    It ends at nothing, or at the only entry of its subtree: `other`, a key hash and a value hash.
    """
    if other is None:
        return _folded(place, EMPTY_SUBTREE, siblings)
    if other[0] == place:
        raise Invalid("the entry that is said to be absent is the one at the end of the path")
    rest = 256 - len(siblings)
    if int.from_bytes(other[0], "big") >> rest != int.from_bytes(place, "big") >> rest:
        raise Invalid("the entry at the end of the path does not lie on the way to this key")
    return _folded(place, tagged_hash("state-leaf", *other), siblings)


def _folded(place: bytes, node: bytes, siblings: Sequence[bytes]) -> bytes:
    # An empty sibling is written as nothing and hashed as 32 zero bytes.
    for depth in range(len(siblings) - 1, -1, -1):
        sibling = siblings[depth] or EMPTY_SUBTREE
        goes_right = place[depth // 8] >> (7 - depth % 8) & 1
        left, right = (sibling, node) if goes_right else (node, sibling)
        node = tagged_hash("state-node", left, right)
    return node
