"""The list tree against the recursive definition of RFC 6962 §2.1; the verifier walks its paths."""

import hashlib
from collections.abc import Sequence
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from primitives.digest import digest, list_path, list_root
from primitives.domains import Domain
from verifier import hashes
from verifier.verdict import Invalid


def items_of(count: int) -> list[bytes]:
    return [hashlib.sha256(b"item %d" % number).digest() for number in range(count)]


def naive_root(items: Sequence[bytes]) -> bytes:
    """The tree's top with the length in front of it, so that size and place are proved too."""
    top = naive_top(items) if items else b""
    return hashlib.sha256(b"mithaq/1/list-root\0" + len(items).to_bytes(8, "big") + top).digest()


def naive_top(items: Sequence[bytes]) -> bytes:
    """RFC 6962 §2.1 word for word, with our domain and with items as leaves."""
    if len(items) == 1:
        return items[0]
    split = 1
    while split * 2 < len(items):
        split *= 2
    left, right = naive_top(items[:split]), naive_top(items[split:])
    return hashlib.sha256(b"mithaq/1/list-node\0" + left + right).digest()


def naive_path(items: Sequence[bytes], index: int) -> list[bytes]:
    """RFC 6962 §2.1.1."""
    if len(items) == 1:
        return []
    split = 1
    while split * 2 < len(items):
        split *= 2
    if index < split:
        return [*naive_path(items[:split], index), naive_top(items[split:])]
    return [*naive_path(items[split:], index - split), naive_top(items[:split])]


def root_of_path(item: bytes, index: int, count: int, path: Sequence[bytes]) -> bytes:
    """What whoever checks a proof makes of a path."""
    return hashes.list_root(item, index, count, path, "list")


counts = st.integers(1, 70)
spots = counts.flatmap(lambda count: st.tuples(st.just(count), st.integers(0, count - 1)))


@pytest.mark.parametrize("count", [*range(34), 63, 64, 65, 255, 256, 257, 1000])
def test_the_root_is_rfc_6962s(count: int) -> None:
    """The loop and the recursion agree at every size that can go wrong."""
    assert list_root(items_of(count)) == naive_root(items_of(count))


@given(spots)
def test_a_path_is_rfc_6962s_and_leads_to_the_root(spot: tuple[int, int]) -> None:
    """Every item of every list can be proved."""
    count, index = spot
    items = items_of(count)
    path = list_path(items, index)
    assert list(path) == naive_path(items, index)
    assert root_of_path(items[index], index, count, path) == list_root(items)


@given(spots, spots)
def test_a_path_proves_one_item_at_one_place(spot: tuple[int, int], claim: tuple[int, int]) -> None:
    """Another item, index or length never reaches the root, even where the path's shape fits."""
    count, index = spot
    items = items_of(count)
    path, root = list_path(items, index), list_root(items)
    stranger = digest(Domain.RECEIPT, b"not in the list")
    assert root_of_path(stranger, index, count, path) != root
    claimed_count, claimed_index = claim
    if claim != spot:
        with suppress(Invalid):  # where the claimed place needs a path of another length
            assert root_of_path(items[index], claimed_index, claimed_count, path) != root


def test_the_last_of_five_is_not_the_second_of_two() -> None:
    """The same steps lead to the same top; only the length in the root tells them apart."""
    items = items_of(5)
    path, root = list_path(items, 4), list_root(items)
    assert root_of_path(items[4], 4, 5, path) == root
    for index, count in ((1, 2), (2, 3), (8, 9)):
        assert root_of_path(items[4], index, count, path) != root


@given(spots, st.data())
def test_a_damaged_path_leads_elsewhere(spot: tuple[int, int], data: st.DataObject) -> None:
    """Each bit of each sibling counts."""
    count, index = spot
    items = items_of(count)
    path = [bytes(sibling) for sibling in list_path(items, index)]
    if not path:
        return
    level = data.draw(st.integers(0, len(path) - 1))
    bit = data.draw(st.integers(0, 255))
    damaged = int.from_bytes(path[level], "big") ^ (1 << bit)
    path[level] = damaged.to_bytes(32, "big")
    assert root_of_path(items[index], index, count, path) != list_root(items)


@given(spots)
def test_a_path_has_exactly_its_length(spot: tuple[int, int]) -> None:
    """One sibling more or less is refused, not merely another root."""
    count, index = spot
    items = items_of(count)
    path = list_path(items, index)
    with pytest.raises(Invalid, match="siblings too many"):
        root_of_path(items[index], index, count, (*path, bytes(32)))
    if path:
        with pytest.raises(Invalid, match="too few siblings"):
            root_of_path(items[index], index, count, path[:-1])


def test_a_count_without_end_costs_nothing() -> None:
    """The count comes from strangers: the walk is as deep as its logarithm."""
    with pytest.raises(Invalid, match="too few siblings"):
        root_of_path(bytes(32), 0, 2**63 - 1, ())


def test_no_item_is_taken_for_a_node_and_no_node_for_a_root() -> None:
    """Items, inner nodes and roots are hashes under three domains."""
    pair = items_of(2)
    node = digest(Domain.LIST_NODE, *pair)
    assert list_root([node]) != list_root(pair) != node
    for domain in (Domain.TRANSACTION_HASH, Domain.RECEIPT):
        assert digest(domain, *pair) != node
