"""The laws of the state tree, on key hashes that share up to 255 bits."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kit.state_trees import (
    SHARED_BITS,
    Changes,
    Grown,
    Leaves,
    after,
    changes_of,
    key_hashes,
    leaves_of,
    naive_path,
    naive_subtree,
    sha,
)
from ledger.tree import Path, build, leaf_hash, value_hash
from primitives.domains import Domain
from primitives.errors import StorageFault
from primitives.ids import ZERO32, Height

batches_of = st.lists(changes_of, min_size=1, max_size=5)


def grown(*batches: Changes) -> Grown:
    tree = Grown()
    for changes in batches:
        tree.write(changes)
    return tree


def single(key: bytes, value: bytes) -> bytes:
    return leaf_hash(key, value_hash(value))


# what it is


@given(batches_of)
def test_after_every_batch_the_root_is_the_definitions(batches: list[Changes]) -> None:
    """Whatever leaves, meets and parts."""
    tree = grown(*batches)

    assert tree.roots == [naive_subtree(leaves, 0) for leaves in tree.contents]


@given(batches_of, st.sets(key_hashes, max_size=6))
def test_every_path_is_the_definitions(batches: list[Changes], strangers: set[bytes]) -> None:
    """Of the present and of the absent, siblings and end alike."""
    tree = grown(*batches)
    leaves = tree.contents[-1]

    for key in {*strangers, *(key for changes in batches for key in changes)}:
        assert tree.path(key) == naive_path(leaves, key)


@given(batches_of, batches_of)
def test_history_leaves_no_mark(one: list[Changes], other: list[Changes]) -> None:
    """Two ways to the same content end in the same root and the same paths."""
    first, second = grown(*one), grown(*other)
    goal = first.contents[-1]
    gone = dict.fromkeys(second.contents[-1].keys() - goal.keys())

    second.write({**gone, **goal})

    assert second.roots[-1] == first.roots[-1]
    assert all(second.path(key) == first.path(key) for key in {*goal, *gone})


@given(leaves_of, st.randoms(use_true_random=False))
def test_order_leaves_no_mark(leaves: Leaves, chance: object) -> None:
    """One entry at a time, in any order, is all at once."""
    order = sorted(leaves.items())
    chance.shuffle(order)  # type: ignore[attr-defined]  # Hypothesis's random.Random

    tree = grown({}, *({key: value} for key, value in order))

    assert tree.roots[-1] == grown(leaves).roots[-1]


@given(leaves_of, changes_of)
def test_a_built_tree_is_a_grown_one(leaves: Leaves, changes: Changes) -> None:
    """Same records, and the next block goes on from it."""
    records: dict[bytes, bytes] = {}
    root = build(Height(0), sorted(leaves.items()), records.__setitem__)
    tree = grown(leaves)

    assert (root, records) == (tree.roots[0], tree.records)
    built = Grown(records, [leaves], [root])
    assert built.write(changes) == tree.write(changes)


# what is kept


@given(st.lists(changes_of, min_size=2, max_size=7), st.data())
def test_every_kept_height_reads_as_it_was(batches: list[Changes], data: st.DataObject) -> None:
    """Whatever was forgotten below; and nothing is kept that no height needs."""
    tree = grown(*batches)
    heights = range(data.draw(st.integers(0, len(batches) - 1)), len(batches))
    tree.forget_below(heights.start)
    keys = {key for changes in batches for key in changes}
    needed: set[bytes] = set()

    def read(key: bytes) -> bytes | None:
        needed.add(key)
        return tree.records.get(key)

    for height in heights:
        then = tree.at(height)
        then._read = read  # every record that a walk meets
        assert then.root == tree.roots[height]
        for key in keys:
            assert then.path(key) == naive_path(tree.contents[height], key)

    lists = {record for record in tree.records if record[8:] == b"s"}
    assert tree.records.keys() - lists == needed & tree.records.keys()
    if heights.start > 0:
        with pytest.raises(StorageFault, match="not kept, or lost"):
            _ = tree.at(heights.start - 1).root


# what is proved


@given(batches_of, st.sets(key_hashes, min_size=1, max_size=6))
def test_no_path_proves_what_is_not_so(batches: list[Changes], strangers: set[bytes]) -> None:
    """Any path of the tree, claimed for any key: it proves the truth about that key or nothing."""
    tree = grown(*batches)
    leaves, root = tree.contents[-1], tree.roots[-1]
    keys = {*leaves, *strangers}
    claimed = {value_hash(value) for value in leaves.values()} | {value_hash(b"never written")}

    for path in [tree.path(key) for key in keys]:
        for key in keys:
            value = leaves.get(key)
            assert not (path.proves_absent(key, root) and value is not None)
            proved = {what for what in claimed if path.proves(key, what, root)}
            assert proved <= ({value_hash(value)} if value is not None else set())


@given(leaves_of.filter(bool), key_hashes, st.data())
def test_a_path_that_was_touched_proves_nothing(
    leaves: Leaves, stranger: bytes, data: st.DataObject
) -> None:
    """A bit flipped in a sibling or an end; a sibling left out, added, emptied, filled, moved."""
    tree = grown(leaves)
    root = tree.roots[-1]
    key = data.draw(st.sampled_from([*sorted(leaves), stranger]))
    path = tree.path(key)
    touched = data.draw(touched_paths(path))
    assert touched != path

    assert not touched.proves_absent(key, root)
    for value in {value_hash(value) for value in leaves.values()}:
        if touched.siblings != path.siblings:
            assert not touched.proves(key, value, root)
    if touched.leaf is not None and touched.leaf != path.leaf:
        assert not touched.proves(touched.leaf[0], touched.leaf[1], root)


@st.composite
def touched_paths(draw: st.DrawFn, path: Path) -> Path:
    """The path, changed in one way."""
    siblings, leaf = list(path.siblings), path.leaf
    ways = ["add"]
    if siblings:
        ways += ["flip", "drop", "empty or fill", "spell out"]
    if leaf is not None:
        ways += ["flip key", "flip value", "no end"]
    way = draw(st.sampled_from(ways))
    at = draw(st.integers(0, max(len(siblings) - 1, 0)))
    match way:
        case "add":
            siblings.insert(
                draw(st.integers(0, len(siblings))),
                draw(st.sampled_from([b"", ZERO32, b"\x01" * 32, b"\x01"])),
            )
        case "flip":
            siblings[at] = flipped(draw, siblings[at] or ZERO32)
        case "drop":
            del siblings[at]
        case "empty or fill":
            siblings[at] = b"" if siblings[at] else sha(Domain.STATE_LEAF, b"invented")
        case "spell out":
            siblings[at] = siblings[at] + b"\0" if siblings[at] else ZERO32
        case "flip key":
            assert leaf is not None
            leaf = (flipped(draw, leaf[0]), leaf[1])
        case "flip value":
            assert leaf is not None
            leaf = (leaf[0], flipped(draw, leaf[1]))
        case _:
            leaf = None
    return replace(path, siblings=tuple(siblings), leaf=leaf)


def flipped(draw: st.DrawFn, data: bytes) -> bytes:
    bit = draw(st.integers(0, 8 * len(data) - 1))
    return (int.from_bytes(data, "big") ^ (1 << bit)).to_bytes(len(data), "big")


# the ends


def test_nothing_is_in_an_empty_tree() -> None:
    """Thirty-two zero bytes, and everything is absent without a sibling."""
    tree = grown({})

    assert tree.roots == [ZERO32]
    assert tree.path(b"\x5a" * 32) == Path((), None)
    assert tree.path(b"\x5a" * 32).proves_absent(b"\x5a" * 32, ZERO32)


def test_a_lone_leaf_is_the_root_and_proves_all_others_absent() -> None:
    """However close they are."""
    key, near = b"\x5a" * 32, b"\x5a" * 31 + b"\x5b"
    tree = grown({key: b"v"})

    assert tree.roots == [single(key, b"v")]
    assert tree.path(near) == Path((), (key, value_hash(b"v")))
    assert tree.path(near).proves_absent(near, tree.roots[0])
    assert not tree.path(key).proves_absent(key, tree.roots[0])


@pytest.mark.parametrize("shared", SHARED_BITS)
def test_two_leaves_stand_just_below_the_bits_that_they_share(shared: int) -> None:
    """Each with one sibling that is a leaf and an empty one for each shared bit."""
    one = bytes(32)
    other = (1 << (255 - shared)).to_bytes(32, "big")
    tree = grown({one: b"1", other: b"2"})

    assert tree.path(one).siblings == (b"",) * shared + (single(other, b"2"),)
    assert tree.path(other).siblings == (b"",) * shared + (single(one, b"1"),)
    assert tree.path(one).proves(one, value_hash(b"1"), tree.roots[0])
    tree.write({other: None})
    assert tree.roots[-1] == single(one, b"1")


@pytest.mark.parametrize("shared", [250, 252])
def test_many_leaves_part_in_the_last_bits(shared: int) -> None:
    """The longest paths that there are, and every one of them proves."""
    count = 1 << (256 - shared)
    leaves = {number.to_bytes(32, "big"): b"%d" % number for number in range(count)}
    tree = grown(leaves)

    for key, value in leaves.items():
        assert len(tree.path(key).siblings) == 256
        assert tree.path(key).proves(key, value_hash(value), tree.roots[0])
    tree.write(dict.fromkeys(list(leaves)[1:]))
    assert tree.roots[-1] == single(bytes(32), b"0")
    assert after(leaves, dict.fromkeys(list(leaves)[1:])) == tree.contents[-1]


def test_a_path_of_more_than_256_siblings_proves_nothing() -> None:
    """Neither where it ends empty nor where it ends in a leaf."""
    beside = (b"",) * 257

    assert not Path(beside, None).proves_absent(bytes(32), ZERO32)
    assert not Path(beside, (b"\x01" * 32, ZERO32)).proves_absent(bytes(32), ZERO32)
    assert not Path(beside, None).proves(bytes(32), ZERO32, ZERO32)
