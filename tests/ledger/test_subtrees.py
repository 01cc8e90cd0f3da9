"""Parts of the state by prefix, against the tree itself: laws, and everything that is refused."""

from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.subtree import (
    BITS,
    END,
    EVERYTHING,
    Entry,
    Prefix,
    check,
    check_cover,
    fold,
    parts,
    siblings_of,
    top,
)
from ledger.tree import StateTree, key_hash, leaf_hash, update, value_hash
from primitives.codec import decode, encode
from primitives.errors import Malformed
from primitives.ids import ZERO32, Digest, Height

slots = st.tuples(st.integers(1, 3), st.binary(max_size=2))
states = st.dictionaries(slots, st.binary(max_size=3), max_size=60)
crowds = st.dictionaries(slots, st.binary(max_size=3), min_size=8, max_size=60)


class State:
    """A tree with its entries in the order of their key hashes."""

    def __init__(self, entries: dict[tuple[int, bytes], bytes]) -> None:
        updated = update(lambda _: None, Height(0), dict(entries))
        self.root = updated.root
        self.tree = StateTree(updated.nodes.get, Height(0))
        self.entries: list[Entry] = sorted(
            ((table, key, value) for (table, key), value in entries.items()),
            key=lambda entry: key_hash(entry[0], entry[1]),
        )
        self.numbers = [number(entry) for entry in self.entries]

    def part(self, prefix: Prefix) -> list[Entry]:
        return [
            entry
            for entry, at in zip(self.entries, self.numbers, strict=True)
            if prefix.start <= at < prefix.stop
        ]

    def parts(self, weight_max: int) -> list[Prefix]:
        ones = [1] * len(self.entries)
        cut = parts(self.numbers, ones, EVERYTHING, weight_max=weight_max)
        return [prefix for prefix, _, _ in cut]


def number(entry: Entry) -> int:
    return int.from_bytes(key_hash(entry[0], entry[1]), "big")


def leaf(entry: Entry) -> bytes:
    return leaf_hash(key_hash(entry[0], entry[1]), value_hash(entry[2]))


def refused(
    state: State, prefix: Prefix, entries: Iterable[Entry], siblings: tuple[bytes, ...]
) -> bool:
    try:
        check(prefix, entries, siblings, state.root)
    except Malformed:
        return True
    return False


@given(states)
def test_the_top_of_everything_is_the_state_root(
    entries: dict[tuple[int, bytes], bytes],
) -> None:
    """Also of no entry and of one."""
    state = State(entries)

    assert top(state.numbers, [leaf(e) for e in state.entries], EVERYTHING) == state.root


@given(states, st.integers(1, 20))
def test_the_parts_are_proved_one_by_one_and_are_together_the_state(
    entries: dict[tuple[int, bytes], bytes], weight_max: int
) -> None:
    """However small they are cut: each under the root alone, none missing, none twice."""
    state = State(entries)
    prefixes = state.parts(weight_max)
    found: list[tuple[bytes, bytes]] = []
    for prefix in prefixes:
        part = state.part(prefix)
        assert len(part) <= max(1, weight_max)
        found += check(prefix, part, siblings_of(state.tree, prefix), state.root)

    check_cover(prefixes)
    assert found == [(key_hash(t, k), value) for t, k, value in state.entries]


@given(crowds, st.integers(1, 6), st.data())
def test_a_part_with_anything_changed_is_refused(
    entries: dict[tuple[int, bytes], bytes], weight_max: int, data: st.DataObject
) -> None:
    """An entry altered, missing, added, moved or twice; a sibling altered; another prefix."""
    state = State(entries)
    prefixes = state.parts(weight_max)
    prefix = data.draw(st.sampled_from([p for p in prefixes if state.part(p)]))
    part, siblings = state.part(prefix), siblings_of(state.tree, prefix)
    at = data.draw(st.integers(0, len(part) - 1))
    table, key, value = part[at]
    stranger = next(
        (4, key.to_bytes(4, "big"), b"")
        for key in range(2**32)
        if prefix.start <= number((4, key.to_bytes(4, "big"), b"")) < prefix.stop
    )
    with_stranger = sorted([*part, stranger], key=number)

    for wrong in (
        [*part[:at], (table, key, value + b"!"), *part[at + 1 :]],
        [*part[:at], *part[at + 1 :]],
        [*part[: at + 1], *part[at:]],
        with_stranger,
        [e for e in with_stranger if e != part[at]],
    ):
        assert refused(state, prefix, wrong, siblings)
    if len(part) > 1:
        assert refused(state, prefix, part[::-1], siblings)
    for level, sibling in enumerate(siblings):
        flipped = bytes([*(sibling or ZERO32)[:-1], (sibling or ZERO32)[-1] ^ 1])
        assert refused(state, prefix, part, (*siblings[:level], flipped, *siblings[level + 1 :]))
    for other in prefixes:
        if other != prefix:
            assert refused(state, other, part, siblings)
            assert refused(state, other, part, siblings_of(state.tree, other))
            assert refused(state, prefix, state.part(other), siblings)


def test_an_empty_part_is_proved_empty_and_nothing_else_is() -> None:
    """Many entries on one side: the other half is a part without any."""
    state = State({(1, bytes([i])): b"v" for i in range(200)})
    low = [e for e in state.entries if number(e) < END // 2]
    one_sided = State({(t, k): v for t, k, v in low})
    _, high = EVERYTHING.halves()
    siblings = siblings_of(one_sided.tree, high)

    assert check(high, [], siblings, one_sided.root) == []
    assert refused(one_sided, high, [e for e in state.entries if e not in low], siblings)
    assert refused(state, high, [], siblings_of(state.tree, high))


def test_a_part_of_one_entry_is_that_leaf() -> None:
    """Two entries in two halves: each half's top is its leaf."""
    keys = [b"%d" % i for i in range(20)]
    low, high = (
        next(k for k in keys if number((1, k, b"")) >> (BITS - 1) == bit) for bit in (0, 1)
    )
    state = State({(1, low): b"l", (1, high): b"h"})
    left, right = EVERYTHING.halves()

    assert siblings_of(state.tree, left) == (leaf((1, high, b"h")),)
    assert check(right, [(1, high, b"h")], siblings_of(state.tree, right), state.root)


def test_a_prefix_without_a_place_is_never_proved() -> None:
    """Of a lone entry only the empty prefix has a place, whatever siblings somebody makes up."""
    state = State({(1, b"alone"): b"value"})
    entry = state.entries[0]
    half = next(h for h in EVERYTHING.halves() if h.start <= number(entry) < h.stop)

    assert check(EVERYTHING, [entry], (), state.root)
    for made_up in (b"", state.root, b"\1" * 32):
        assert refused(state, half, [entry], (made_up,))
    with pytest.raises(Malformed, match="no place"):
        siblings_of(state.tree, half)


def test_an_entry_that_stands_in_the_wrong_place_proves_no_part() -> None:
    """Not even under a root that somebody made for it."""
    entries = [(1, b"%d" % i, b"v") for i in range(20)]
    low, high = EVERYTHING.halves()
    sibling = b"\5" * 32
    for entry in entries:
        for half in (low, high):
            root = fold(leaf(entry), half, (sibling,))
            if half.start <= number(entry) < half.stop:
                assert check(half, [entry], (sibling,), root)
            else:
                with pytest.raises(Malformed, match="expected one that begins with"):
                    check(half, [entry], (sibling,), root)


def test_entries_that_share_many_bits_still_have_their_place() -> None:
    """With two or more leaves below it, every level is hashed, also the one-sided ones."""
    first, second = 5 << 200, (5 << 200) + 1
    one, two = b"\1" * 32, b"\2" * 32
    whole = top([first, second], [one, two], EVERYTHING)
    deep = Prefix.at(first, 255)
    siblings = [b""] * 255

    assert fold(top([first, second], [one, two], deep), deep, siblings) == whole
    assert top([first], [one], Prefix.at(first, BITS)) == one


@pytest.mark.parametrize("sibling", [ZERO32, b"\1" * 31, b"\1" * 33])
def test_a_sibling_has_one_spelling(sibling: bytes) -> None:
    """Nothing for an empty one, else 32 bytes."""
    left, _ = EVERYTHING.halves()

    with pytest.raises(Malformed, match="expected a hash or nothing"):
        fold(ZERO32, left, (sibling,))


def test_each_bit_has_one_sibling() -> None:
    """One less and one more are refused."""
    left, _ = EVERYTHING.halves()

    for siblings in ((), (b"", b"")):
        with pytest.raises(Malformed, match="expected one for each of 1 bits"):
            fold(ZERO32, left, siblings)


@pytest.mark.parametrize(
    ("change", "where"),
    [
        (lambda p: p[1:], "gap before"),
        (lambda p: p[:-1], "expected to the last key hash"),
        (lambda p: [*p[:1], *p[2:]], "gap before"),
        (lambda p: [*p[:2], *p[1:]], "overlap before"),
        (lambda p: [EVERYTHING, *p], "overlap before"),
        (lambda p: p[::-1], "gap before"),
        (lambda _: [], "expected to the last key hash"),
    ],
)
def test_prefixes_cover_every_key_hash_exactly_once(change: object, where: str) -> None:
    """A part that is missing, twice, or in another's place is seen before any is read."""
    state = State({(1, b"%d" % i): b"v" for i in range(50)})
    prefixes = state.parts(10)
    check_cover(prefixes)

    with pytest.raises(Malformed, match=where):
        check_cover(change(prefixes))  # type: ignore[operator]  # the lambdas above


def test_heavy_entries_are_cut_apart_and_a_single_one_is_not() -> None:
    """By weight, not by number: one alone may weigh more than a part should."""
    state = State({(1, b"%d" % i): b"v" for i in range(8)})
    weights = [100 if i == 3 else 1 for i in range(8)]
    cut = list(parts(state.numbers, weights, EVERYTHING, weight_max=10))

    assert [p for p, b, e in cut if sum(weights[b:e]) > 10] == [p for p, b, e in cut if b <= 3 < e]
    assert all(e - b == 1 for _, b, e in cut if b <= 3 < e)
    check_cover(prefix for prefix, _, _ in cut)


@given(st.integers(0, END - 1), st.integers(0, BITS))
def test_a_prefix_survives_its_encoding(start: int, depth: int) -> None:
    """And is the range of its key hashes."""
    prefix = Prefix.at(start >> (BITS - depth) << (BITS - depth), depth)

    assert decode(encode(prefix), Prefix, limit=64) == prefix
    assert prefix.start <= start < prefix.stop
    assert prefix.stop - prefix.start == 1 << (BITS - depth)


@pytest.mark.parametrize(
    ("path", "depth"),
    [(b"", 1), (b"\0", 0), (b"\0\0", 8), (b"\1", 7), (b"\x60", 2), (bytes(33), 256)],
)
def test_a_prefix_has_one_spelling(path: bytes, depth: int) -> None:
    """As many bytes as its bits need, and no bit behind them."""
    with pytest.raises(Malformed):
        decode(encode((path, depth)), Prefix, limit=64)


def test_a_prefix_is_at_most_a_whole_key_hash() -> None:
    """256 bits are one; 257 are none."""
    assert decode(encode((bytes(32), 256)), Prefix, limit=64).stop == 1
    with pytest.raises(Malformed):
        decode(encode((bytes(33), 257)), Prefix, limit=64)


def test_the_state_root_is_a_digest() -> None:
    """Without an entry it is that of the empty tree."""
    assert check(EVERYTHING, [], (), Digest(ZERO32)) == []
