"""What a policy wants gone, and in which strides."""

from pathlib import Path

import pytest

from kit.alone import awake, begin, reference
from kit.ledger import key
from ledger.tree import StateTree, replaced
from node.retention import Policy, at_once, due, in_strides, retire_due, sweep_some
from primitives import limits
from primitives.ids import Height
from storage.edges import EVERYTHING, Edges, Part

THOUSAND = Policy(bodies=1_000, receipts=1_000, index=1_000, state=1_000)
STRIDE = limits.RETENTION_STRIDE


@pytest.mark.parametrize(
    ("part", "stride"),
    [
        (Part.BODIES, STRIDE),
        (Part.RECEIPTS, STRIDE),
        (Part.STATE, STRIDE),
        (Part.INDEX, 250),
    ],
)
def test_an_edge_moves_when_a_stride_is_due(part: Part, stride: int) -> None:
    """Not one height earlier; the index moves by a quarter of what is kept of it."""
    first = EVERYTHING.of(part)
    head = first + stride + 1_000 - 1

    assert part not in due(EVERYTHING, Height(head - 1), THOUSAND, in_strides)
    assert due(EVERYTHING, Height(head), THOUSAND, in_strides)[part] == first + stride


@pytest.mark.parametrize("part", [Part.BODIES, Part.RECEIPTS, Part.INDEX, Part.STATE])
def test_at_once_leaves_exactly_what_is_kept(part: Part) -> None:
    """The newest thousand, the head among them."""
    assert due(EVERYTHING, Height(5_000), THOUSAND, at_once)[part] == 4_001
    assert part not in due(EVERYTHING, Height(999), THOUSAND, at_once)


def test_a_policy_works_backwards() -> None:
    """However long everything was kept before: one move, whatever its length."""
    moved = due(EVERYTHING, Height(1_000_000), THOUSAND, in_strides)

    assert set(moved.values()) == {999_001}


def test_a_policy_that_wants_more_again_moves_nothing() -> None:
    """What is gone is gone; what is kept all of is never due."""
    edges = Edges(
        headers=Height(0),
        bodies=Height(500),
        receipts=Height(500),
        index=Height(500),
        state=Height(500),
    )
    wide = Policy(bodies=9_000, receipts=9_000, index=9_000, state=9_000)

    assert due(edges, Height(5_000), wide, at_once) == {}
    assert due(EVERYTHING, Height(10**9), Policy(state="all"), at_once) == {}


def test_a_node_born_from_a_snapshot_drops_nothing_that_it_never_had() -> None:
    """Its edges are above what the policy wants, for as long as it is young."""
    born = Edges(
        headers=Height(5_000),
        bodies=Height(5_001),
        receipts=Height(5_001),
        index=Height(5_001),
        state=Height(5_000),
    )

    assert due(born, Height(5_000), THOUSAND, at_once) == {}
    assert due(born, Height(5_999), THOUSAND, at_once) == {}
    assert due(born, Height(6_001), THOUSAND, at_once)[Part.BODIES] == 5_002


def test_a_running_node_steps_until_nothing_is_left() -> None:
    """Each step looks at SWEEP_ROWS rows at most, or at one height's state."""
    node, _ = reference()
    for _ in range(12):
        node.decide()
    policy = Policy(bodies=3, receipts=4, index=5, state=6)

    retire_due(node.store, policy, key("node 0"), at_once)
    steps = []
    while seen := sweep_some(node.store):
        steps.append(seen)

    assert 0 < max(steps) <= limits.SWEEP_ROWS
    assert node.store.sweep(rows_max=1, replaced=replaced) == 0
    edges = node.store.edges()
    assert (edges.bodies, edges.receipts, edges.index, edges.state) == (10, 9, 8, 7)
    with node.store.state() as state:
        for height in range(edges.state, node.height + 1):
            root = node.store.header(Height(height)).state_root
            assert StateTree(state.node, Height(height)).root == root
    node.decide()


def test_a_step_has_its_rows_at_the_most() -> None:
    """SWEEP_ROWS rows of bodies are one step, one more takes a second one."""
    node, _ = reference()
    for _ in range(4):
        node.decide()
    retire_due(node.store, Policy(bodies=1, state="all"), key("node 0"), at_once)

    assert [node.store.sweep(rows_max=2, replaced=replaced) for _ in range(3)] == [2, 1, 0]
    assert limits.SWEEP_ROWS == 2_000


def test_a_pruned_node_starts_again_and_goes_on(tmp_path: Path) -> None:
    """On files, with every check of opening."""
    begin(tmp_path)
    with awake(tmp_path) as node:
        for _ in range(8):
            node.decide()
        policy = Policy(bodies=2, receipts=2, index=2, state=2)
        retire_due(node.store, policy, key("node 0"), at_once)
        while sweep_some(node.store):
            pass

    with awake(tmp_path) as node:
        assert node.height == 8
        assert node.decide() == 9
        assert node.store.edges().bodies == 7
