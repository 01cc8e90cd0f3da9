"""The state tree at every height that is kept: each record once, from the roots in headers down.

The tree of the lowest height is walked whole. Every later one is compared with the one before it:
what is the same bytes is the same tree and known to be well, what differs was written by that
height, and is looked at. So every record is read once as new and at most once as old, and what a
height says that it replaced is what the comparison finds.

A slot holds the hash of what is below it and the height that wrote it. The hash is made again from
the record below; that the record is found under that height, and no other one is there, is the
affair of the sums over all records (`tally`).
"""

from collections.abc import Iterator
from typing import Final, Protocol, final

from ledger.tree import leaf_hash, replaced, value_hash
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
    slot_with,
    slots_of,
    value_key,
)
from node.check.findings import CarefulReader, Findings
from primitives.ids import ZERO32, Digest, Height
from storage import schema
from storage.schema import Region

_NO_SLOTS: Final = (b"",) * 16


class Listener(Protocol):
    """Hears of everything that the trees of the kept heights hold."""

    def record(self, key: bytes, value: bytes) -> None:
        """A record of the tree: a node, a value, or a list of what was replaced."""

    def entry(self, key_hash: bytes, value: bytes) -> None:
        """An entry that is in the tree from here on."""

    def entry_gone(self, key_hash: bytes, value: bytes) -> None:
        """An entry that is in the tree no longer."""


@final
class TreeWalk:
    """Goes through trees; says what is wrong to `findings`, and what is there to `listener`."""

    def __init__(self, reader: CarefulReader, findings: Findings, listener: Listener) -> None:
        self._reader, self._findings, self._listener = reader, findings, listener
        self._height = b""
        self._stale: set[bytes] = set()

    def whole(self, height: Height, root: Digest | None) -> Iterator[bytes]:
        """Every record that the tree at a height needs, in the order of the key hashes.

        Yields, now and then, the key hash that it has come to.
        """
        self._height = _u64(height)
        yield from self._below(self._height, 0, ZERO32, root)

    def changes(self, height: Height, root: Digest | None) -> Iterator[None]:
        """What the tree at a height has other than the one before it; yields now and then."""
        self._height, self._stale = _u64(height), set()
        before = _u64(height - 1)
        old = self._reader.get(schema.node_key(node_key(before, 0, ZERO32)))
        self._stale.add(node_key(before, 0, ZERO32))
        slots = self._record(self._height, 0, ZERO32, root)
        if slots is not None:
            was = _NO_SLOTS if old is None else _slots_or_none(old) or _NO_SLOTS
            for nibble, slot in enumerate(slots):
                if slot != was[nibble]:
                    yield from self._differ(was[nibble], slot, 1, _toward(ZERO32, 0, nibble))
        self._replaced(height)

    # records

    def _record(
        self, height: bytes, depth: int, toward: bytes, expected: bytes | None
    ) -> list[bytes] | None:
        """The slots of a record whose hash is as it must be; None where there are none to use."""
        key = node_key(height, depth, toward)
        record = self._reader.get(schema.node_key(key))
        if record is None:
            self._bad(key, "this record of the tree is missing")
            return None
        self._listener.record(key, record)
        slots = _slots_or_none(record)
        if slots is None:
            self._bad(key, "this is no record of the tree")
            return None
        hashes, _ = hashes_of(record)
        if expected is not None and hashes[1] != expected:
            above = "the header" if depth == 0 else "the record above"
            self._bad(key, f"hashes to {hashes[1].hex()}, {above} says {expected.hex()}")
        elif b"".join(hashes[4:8]) != record[16:HEAD]:
            self._bad(key, "the hashes of its quarters are not those of its slots")
        return slots

    def _below(
        self, height: bytes, depth: int, toward: bytes, expected: bytes | None
    ) -> Iterator[bytes]:
        slots = self._record(height, depth, toward, expected)
        yield toward
        for nibble, slot in enumerate(slots or ()):
            way = _toward(toward, depth, nibble)
            if len(slot) == BRANCH:
                yield from self._below(slot[32:], depth + 1, way, slot[:32])
            else:
                self._leaves(slot, depth + 1, way, (), height)

    def _leaves(
        self, slot: bytes, depth: int, toward: bytes, known: tuple[bytes, ...], above: bytes
    ) -> None:
        """The leaves of a slot at `depth` nibbles, but those that are `known` already."""
        leaves = leaves_of(slot)
        if len(leaves) == 2 and slot_with(leaves, 4 * depth) != slot:
            key = node_key(above, depth - 1, toward)
            self._bad(key, f"the pair of leaves at {toward.hex()[:depth]} has another hash")
        for leaf in leaves:
            if leaf not in known:
                self._leaf(leaf, depth, toward, above)

    def _leaf(self, leaf: bytes, depth: int, toward: bytes, above: bytes) -> None:
        hashed = leaf[40:]
        key = value_key(leaf[32:40], hashed)
        value = self._reader.get(schema.node_key(key))
        record = node_key(above, depth - 1, toward)
        # The hash of a leaf covers neither where its value lies nor, where that is wrong, its key.
        source = f"named by the record {schema.node_key(record).hex()}"
        if value is None:
            self._bad(key, f"this value is missing, {source}")
            return
        self._listener.record(key, value)
        self._listener.entry(hashed, value)
        if leaf_hash(hashed, value_hash(value)) != leaf[:32]:
            self._bad(key, f"this value does not hash to {leaf[:32].hex()}, {source}")
        if hashed.hex()[:depth] != toward.hex()[:depth]:
            self._bad(record, f"the leaf {hashed.hex()} stands at {toward.hex()[:depth]}")

    # what a height changed

    def _differ(self, old: bytes, new: bytes, depth: int, toward: bytes) -> Iterator[None]:
        """Two slots of one place that differ, `depth` nibbles below the root."""
        if len(new) == BRANCH:
            slots = self._record(new[32:], depth, toward, new[:32])
            yield
            was = self._old_slots(old, depth, toward)
            for nibble, slot in enumerate(slots or ()):
                if slot != was[nibble]:
                    way = _toward(toward, depth, nibble)
                    yield from self._differ(was[nibble], slot, depth + 1, way)
            return
        before = tuple(self._old_leaves(old, depth, toward))
        self._leaves(new, depth, toward, before, self._height)
        for leaf in before:
            if leaf not in leaves_of(new):
                self._gone(leaf)

    def _old_slots(self, old: bytes, depth: int, toward: bytes) -> tuple[bytes, ...] | list[bytes]:
        """What stood below a place before, as sixteen slots."""
        if len(old) == BRANCH:
            key = node_key(old[32:], depth, toward)
            self._stale.add(key)
            record = self._reader.get(schema.node_key(key))
            # What is wrong with it was said at the height that wrote it.
            return _NO_SLOTS if record is None else _slots_or_none(record) or _NO_SLOTS
        slots = [b""] * 16
        groups: dict[int, list[bytes]] = {}
        for leaf in leaves_of(old):
            groups.setdefault(nibble_of(leaf[40:], depth), []).append(leaf)
        for nibble, leaves in groups.items():
            slots[nibble] = slot_with(leaves, 4 * (depth + 1))
        return slots

    def _old_leaves(self, old: bytes, depth: int, toward: bytes) -> Iterator[bytes]:
        """Every leaf that stood below a place before; few, where few are left."""
        if len(old) != BRANCH:
            yield from leaves_of(old)
            return
        for nibble, slot in enumerate(self._old_slots(old, depth, toward)):
            yield from self._old_leaves(slot, depth + 1, _toward(toward, depth, nibble))

    def _gone(self, leaf: bytes) -> None:
        key = value_key(leaf[32:40], leaf[40:])
        self._stale.add(key)
        value = self._reader.get(schema.node_key(key))
        if value is not None:
            self._listener.entry_gone(leaf[40:], value)

    def _replaced(self, height: Height) -> None:
        """The list that a height left, against what it did replace."""
        key = list_key(_u64(height))
        record = self._reader.get(schema.node_key(key))
        if record is None:
            self._bad(key, "the list of what this height replaced is missing")
            return
        self._listener.record(key, record)
        try:
            listed = replaced(lambda _: record, height)[1:]
        except IndexError:
            listed = []
        if set(listed) != self._stale or len(listed) != len(self._stale):
            self._bad(
                key,
                f"the list of what this height replaced names {len(listed)} records, not the "
                f"{len(self._stale)} that it did",
            )

    def _bad(self, key: bytes, what: str) -> None:
        height = int.from_bytes(key[:8], "big")
        self._findings.found(Region.NODE, what, height=height, key=schema.node_key(key))


def _slots_or_none(record: bytes) -> list[bytes] | None:
    lengths = record[:16]
    if len(record) < len(EMPTY) or len(record) != HEAD + sum(lengths):
        return None
    if any(length not in {0, LEAF, PAIR, BRANCH} for length in lengths):
        return None
    return slots_of(record)


def _toward(toward: bytes, depth: int, nibble: int) -> bytes:
    """The way to a slot of a record at `depth` nibbles: a key hash with zeros behind."""
    index = depth >> 1
    byte = toward[index] | (nibble if depth & 1 else nibble << 4)
    return toward[:index] + bytes((byte,)) + toward[index + 1 :]


def _u64(height: int) -> bytes:
    return height.to_bytes(8, "big")
