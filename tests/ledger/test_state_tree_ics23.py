"""Our paths as ICS-23 proofs: the spec in docs/state-tree.md under the rules of ICS-23."""

import json
import re
from bisect import bisect_left
from dataclasses import replace
from pathlib import Path as File
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kit.ics23 import Existence, InnerOp, LeafOp, NonExistence, Spec, exists, is_absent
from kit.state_trees import Grown
from ledger.tree import Path, key_hash
from primitives.domains import Domain

PAGE: Final = File(__file__).parents[2] / "docs/state-tree.md"
Entries = dict[tuple[int, bytes], bytes]

slots = st.tuples(st.integers(1, 2), st.binary(max_size=2))
entries_of = st.dictionaries(slots, st.binary(max_size=3), min_size=1, max_size=30)


def spec_of_the_page() -> Spec:
    (text,) = re.findall(r"```json\n(.*?)```", PAGE.read_text(encoding="utf-8"), flags=re.DOTALL)
    return Spec.read(json.loads(text))


SPEC: Final = spec_of_the_page()


def ics_key(slot: tuple[int, bytes]) -> bytes:
    return Domain.STATE_KEY.tag + slot[0].to_bytes(2, "big") + slot[1]


def ics_value(value: bytes) -> bytes:
    return Domain.STATE_VALUE.tag + value


def steps(key: bytes, path: Path) -> tuple[InnerOp, ...]:
    """The siblings from the leaf up."""
    tag, bits = Domain.STATE_NODE.tag, int.from_bytes(key, "big")
    made = []
    for depth, sibling in reversed(list(enumerate(path.siblings))):
        beside = sibling or bytes(32)
        right = bits >> (255 - depth) & 1
        made.append(InnerOp(tag + beside, b"") if right else InnerOp(tag, beside))
    return tuple(made)


class Converted:
    """A tree whose entries are known, and the ICS-23 proofs that they make."""

    def __init__(self, entries: Entries) -> None:
        self.tree = Grown()
        self.tree.write({key_hash(*slot): value for slot, value in entries.items()})
        self.root = self.tree.roots[0]
        self.entries = entries
        self.order = sorted(entries, key=lambda slot: key_hash(*slot))

    def existence(self, slot: tuple[int, bytes]) -> Existence:
        hashed = key_hash(*slot)
        path = steps(hashed, self.tree.path(hashed))
        return Existence(ics_key(slot), ics_value(self.entries[slot]), SPEC.leaf, path)

    def absence(self, slot: tuple[int, bytes]) -> NonExistence:
        at = bisect_left([key_hash(*other) for other in self.order], key_hash(*slot))
        left, right = self.order[:at][-1:], self.order[at:][:1]
        return NonExistence(
            ics_key(slot),
            self.existence(left[0]) if left else None,
            self.existence(right[0]) if right else None,
        )


@given(entries_of)
def test_every_entry_exists_by_the_rules_of_ics23(entries: Entries) -> None:
    """With its value, and with no other."""
    made = Converted(entries)

    for slot, value in entries.items():
        proof, key = made.existence(slot), ics_key(slot)
        assert exists(SPEC, made.root, proof, key, ics_value(value))
        other = replace(proof, value=ics_value(value + b"!"))
        assert not exists(SPEC, made.root, other, key, other.value)
        assert not exists(SPEC, made.root, proof, ics_key((3, slot[1])), proof.value)


@given(entries_of, st.sets(slots, max_size=12))
def test_every_absent_key_is_absent_by_the_rules_of_ics23(
    entries: Entries, asked: set[tuple[int, bytes]]
) -> None:
    """Between two neighbours, or beyond the last on either side."""
    made = Converted(entries)

    for slot in asked - entries.keys():
        proof = made.absence(slot)
        assert is_absent(SPEC, made.root, proof, ics_key(slot))
        assert not is_absent(SPEC, bytes(32), proof, ics_key(slot))


@given(entries_of.filter(lambda entries: len(entries) > 1), st.data())
def test_no_ics23_proof_makes_a_present_entry_absent(entries: Entries, data: st.DataObject) -> None:
    """Whichever of the entries are said to be its neighbours."""
    made = Converted(entries)
    slot = data.draw(st.sampled_from(made.order))
    beside = st.none() | st.sampled_from([other for other in made.order if other != slot])
    left, right = data.draw(beside), data.draw(beside)
    proof = NonExistence(
        ics_key(slot),
        None if left is None else made.existence(left),
        None if right is None else made.existence(right),
    )

    assert not is_absent(SPEC, made.root, proof, ics_key(slot))


def test_neighbours_with_an_entry_between_them_prove_nothing() -> None:
    """The rules look at every step between the two paths."""
    made = Converted({(1, bytes([n])): b"v" for n in range(20)})
    absent = (2, b"not there")
    honest = made.absence(absent)
    assert honest.left
    assert honest.right
    further = made.order[[ics_key(slot) for slot in made.order].index(honest.right.key) + 1]

    assert is_absent(SPEC, made.root, honest, ics_key(absent))
    for wrong in (
        replace(honest, right=made.existence(further)),
        replace(honest, right=None),
        replace(honest, left=None),
        replace(honest, left=None, right=None),
        replace(honest, left=honest.right, right=honest.left),
    ):
        assert not is_absent(SPEC, made.root, wrong, ics_key(absent))


@pytest.mark.parametrize("prefix", [Domain.STATE_NODE.tag, b"", Domain.STATE_LEAF.tag[:-1]])
def test_a_node_passed_off_as_a_leaf_proves_nothing(prefix: bytes) -> None:
    """The leaf's name is part of the spec."""
    made = Converted({(1, bytes([n])): b"v" for n in range(4)})
    proof = made.existence((1, b"\0"))

    wrong = replace(proof, leaf=LeafOp(prefix))

    assert not exists(SPEC, made.root, wrong, wrong.key, wrong.value)


def test_absence_from_an_empty_tree_has_no_ics23_proof() -> None:
    """As docs/state-tree.md says; our own path proves it."""
    tree = Grown()
    tree.write({})
    hashed = key_hash(1, b"a")

    assert not is_absent(SPEC, tree.roots[0], NonExistence(b"a", None, None), b"a")
    assert tree.path(hashed).proves_absent(hashed, tree.roots[0])
