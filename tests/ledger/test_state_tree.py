"""The state tree against the naive tree of its definition, and the laws of its proofs."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger import tree
from ledger.tree import (
    Path,
    StateTree,
    build,
    key_hash,
    leaf_hash,
    replaced,
    update,
    value_hash,
)
from primitives import limits
from primitives.domains import Domain
from primitives.errors import StorageFault
from primitives.ids import Digest, Height
from verifier.hashes import state_root as second_opinion

Entries = dict[tuple[int, bytes], bytes]
Writes = dict[tuple[int, bytes], bytes | None]


def naive_root(entries: Entries) -> bytes:
    """The definition, word by word."""

    def sha(domain: Domain, *parts: bytes) -> bytes:
        return hashlib.sha256(domain.tag + b"".join(parts)).digest()

    def subtree(leaves: list[tuple[str, bytes]], depth: int) -> bytes:
        if not leaves:
            return bytes(32)
        if len(leaves) == 1:
            return leaves[0][1]
        left = [leaf for leaf in leaves if leaf[0][depth] == "0"]
        right = [leaf for leaf in leaves if leaf[0][depth] == "1"]
        return sha(Domain.STATE_NODE, subtree(left, depth + 1), subtree(right, depth + 1))

    leaves = []
    for (table, key), value in entries.items():
        where = sha(Domain.STATE_KEY, table.to_bytes(2, "big"), key)
        what = sha(Domain.STATE_VALUE, value)
        bits = "".join(f"{byte:08b}" for byte in where)
        leaves.append((bits, sha(Domain.STATE_LEAF, where, what)))
    return subtree(leaves, 0)


class Kept:
    """A tree with all its records, updated height by height."""

    def __init__(self, entries: Entries | None = None) -> None:
        self.records: dict[bytes, bytes] = {}
        self.height = -1
        self.root = Digest(b"")
        self.write(dict(entries or {}))

    def write(self, writes: Writes) -> Digest:
        self.height += 1
        updated = update(self.records.get, Height(self.height), writes)
        self.records.update(updated.nodes)
        self.root = updated.root
        return updated.root

    def forget_below(self, height: int) -> None:
        for past in range(height + 1):
            for key in replaced(self.records.get, Height(past)):
                del self.records[key]

    def at(self, height: int) -> StateTree:
        return StateTree(self.records.get, Height(height))

    @property
    def now(self) -> StateTree:
        return self.at(self.height)


slots = st.tuples(st.integers(1, 3), st.binary(max_size=2))
entries_of = st.dictionaries(slots, st.binary(min_size=1, max_size=3), max_size=40)
changes_of = st.dictionaries(slots, st.none() | st.binary(min_size=1, max_size=3), max_size=20)


def apply_to(entries: Entries, writes: Writes) -> Entries:
    after = {**entries, **writes}
    return {slot: value for slot, value in after.items() if value is not None}


def leaves_of(entries: Entries) -> list[tuple[bytes, bytes]]:
    return sorted((key_hash(*slot), value) for slot, value in entries.items())


def test_a_tree_is_not_built_out_of_order() -> None:
    """Nor from an entry that comes twice."""
    leaves = leaves_of({(1, b"a"): b"1", (1, b"b"): b"2"})

    with pytest.raises(AssertionError, match="comes after"):
        build(Height(0), reversed(leaves), lambda *_: None)
    with pytest.raises(AssertionError, match="comes after"):
        build(Height(0), [leaves[0], leaves[0]], lambda *_: None)


@given(entries_of, changes_of)
def test_a_block_can_follow_a_tree_that_was_built(entries: Entries, writes: Writes) -> None:
    """As it follows any other tree."""
    records: dict[bytes, bytes] = {}
    build(Height(7), leaves_of(entries), records.__setitem__)

    after = update(records.get, Height(8), writes)

    assert after.root == naive_root(apply_to(entries, writes))
    assert replaced(records.get, Height(7)) == []


def test_a_single_entry_is_the_root_itself() -> None:
    """A leaf stands as high as it can."""
    kept = Kept({(1, b"key"): b"value"})

    assert kept.root == leaf_hash(key_hash(1, b"key"), value_hash(b"value"))
    assert kept.now.prove(1, b"key").siblings == ()


@given(entries_of, st.lists(changes_of, max_size=4))
def test_the_root_is_the_definitions_after_every_update(
    entries: Entries, batches: list[Writes]
) -> None:
    """Whatever is written, overwritten and deleted, in batches."""
    kept = Kept(entries)
    assert kept.root == naive_root(entries)
    for writes in batches:
        entries = apply_to(entries, writes)
        assert kept.write(writes) == naive_root(entries)


@given(entries_of, st.lists(changes_of, max_size=3), slots)
def test_every_key_is_proved_present_or_absent(
    entries: Entries, batches: list[Writes], stranger: tuple[int, bytes]
) -> None:
    """And reads give what was written."""
    kept = Kept(entries)
    for writes in batches:
        entries = apply_to(entries, writes)
        kept.write(writes)

    for slot in {*entries, stranger, *(slot for writes in batches for slot in writes)}:
        hashed, path = key_hash(*slot), kept.now.prove(*slot)
        value = entries.get(slot)
        assert kept.now.get(*slot) == value
        if value is None:
            assert path.proves_absent(hashed, kept.root)
        else:
            assert path.proves(hashed, value_hash(value), kept.root)
            assert second_opinion(*slot, value, path.siblings) == kept.root
            assert not path.proves_absent(hashed, kept.root)
            assert not path.proves(hashed, value_hash(value + b"!"), kept.root)
            assert not path.proves(hashed, value_hash(value), Digest(hashed))


def test_an_absent_key_can_end_in_an_empty_place_or_at_another_leaf() -> None:
    """Both kinds of proof occur and hold."""
    kept = Kept({(1, bytes([i])): b"v" for i in range(20)})
    paths = [kept.now.prove(2, i.to_bytes(2, "big")) for i in range(200)]

    assert {path.leaf is None for path in paths} == {True, False}
    assert all(
        path.proves_absent(key_hash(2, i.to_bytes(2, "big")), kept.root)
        for i, path in enumerate(paths)
    )


def test_a_leaf_that_stands_in_the_wrong_place_proves_no_absence() -> None:
    """Not even under a root that somebody made for it."""
    sibling, value = b"\x05" * 32, value_hash(b"v")
    asked, right, wrong = bytes(32), b"\x01" * 32, b"\xff" * 32

    def made_for(leaf: bytes) -> bytes:
        parts = Domain.STATE_NODE.tag + leaf_hash(leaf, value) + sibling
        return hashlib.sha256(parts).digest()

    assert Path((sibling,), (right, value)).proves_absent(asked, made_for(right))
    assert not Path((sibling,), (wrong, value)).proves_absent(asked, made_for(wrong))


def test_earlier_heights_stay_readable_and_provable() -> None:
    """Each with its own root and its own values."""
    kept = Kept({(1, b"a"): b"0", (1, b"b"): b"0"})
    roots = [
        kept.root,
        *(kept.write({(1, b"a"): b"%d" % h, (1, b"%d" % h): b"new"}) for h in range(1, 6)),
    ]

    for height, root in enumerate(roots):
        then = kept.at(height)
        assert then.root == root
        assert then.get(1, b"a") == b"%d" % height
        assert then.get(1, b"5") == (b"new" if height == 5 else None)
        assert then.prove(1, b"a").proves(key_hash(1, b"a"), value_hash(b"%d" % height), root)


def test_a_block_without_writes_has_a_tree_of_its_own() -> None:
    """So that a height is enough to find its root."""
    kept = Kept({(1, b"a"): b"0"})

    assert kept.write({}) == kept.at(0).root == kept.at(1).root


def test_what_a_height_replaced_can_be_asked_for_twice() -> None:
    """What was dropped is not named again, and a height that replaced nothing names nothing."""
    kept = Kept({(1, b"a"): b"0"})
    for height in range(1, 4):
        kept.write({(1, b"a"): b"%d" % height})
    kept.forget_below(2)

    assert replaced(kept.records.get, Height(0)) == replaced(kept.records.get, Height(2)) == []
    assert kept.at(2).get(1, b"a") == b"2"


def test_tables_are_kept_apart() -> None:
    """The same key in two tables is two entries."""
    kept = Kept({(1, b"key"): b"one", (2, b"key"): b"two"})

    assert (kept.now.get(1, b"key"), kept.now.get(2, b"key")) == (b"one", b"two")
    assert tree.key_hash(1, b"\x01key") != tree.key_hash(0x0101, b"key")


def test_a_thousand_heights_are_readable_and_one_more_is_not() -> None:
    """STATE_HEIGHTS_KEPT of them, one apart, in a tree of one entry."""
    kept = Kept({(1, b"a"): b"0"})
    for height in range(1, limits.STATE_HEIGHTS_KEPT + 3):
        kept.write({(1, b"a"): b"%d" % height})
    first = kept.height - limits.STATE_HEIGHTS_KEPT + 1

    kept.forget_below(first)

    assert kept.at(first).get(1, b"a") == b"%d" % first
    with pytest.raises(StorageFault):
        kept.at(first - 1).get(1, b"a")
