"""The rules of ICS-23 for SHA-256 trees, written from its specification.

https://github.com/cosmos/ibc/tree/main/spec/core/ics-023-vector-commitments and the description of
ProofSpec in https://github.com/cosmos/ics23. Only what a spec with SHA-256 everywhere and two
children needs; whatever else a spec or a proof asks for is refused.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

SHA256 = "SHA256"


@dataclass(frozen=True)
class LeafOp:
    """hash(prefix ‖ prehash(key) ‖ prehash(value))."""

    prefix: bytes
    hash: str = SHA256
    prehash_key: str = SHA256
    prehash_value: str = SHA256
    length: str = "NO_PREFIX"


@dataclass(frozen=True)
class InnerOp:
    """hash(prefix ‖ child ‖ suffix)."""

    prefix: bytes
    suffix: bytes
    hash: str = SHA256


@dataclass(frozen=True)
class Existence:
    """`path` goes from the leaf to the root."""

    key: bytes
    value: bytes
    leaf: LeafOp
    path: tuple[InnerOp, ...]


@dataclass(frozen=True)
class NonExistence:
    """The neighbours of a key that is absent."""

    key: bytes
    left: Existence | None
    right: Existence | None


@dataclass(frozen=True)
class Spec:
    """What every proof of a tree looks like."""

    leaf: LeafOp
    child_size: int
    min_prefix_length: int
    max_prefix_length: int
    empty_child: bytes
    min_depth: int
    max_depth: int
    prehash_key_before_comparison: bool

    @classmethod
    def read(cls, spec: Mapping[str, Any]) -> "Spec":
        """A ProofSpec in JSON, bytes in hexadecimal."""
        inner, leaf = spec["inner_spec"], spec["leaf_spec"]
        assert (inner["child_order"], inner["hash"]) == ([0, 1], SHA256)
        read = cls(
            leaf=LeafOp(**{**leaf, "prefix": bytes.fromhex(leaf["prefix"])}),
            child_size=inner["child_size"],
            min_prefix_length=inner["min_prefix_length"],
            max_prefix_length=inner["max_prefix_length"],
            empty_child=bytes.fromhex(inner["empty_child"]),
            min_depth=spec["min_depth"],
            max_depth=spec["max_depth"],
            prehash_key_before_comparison=spec["prehash_key_before_comparison"],
        )
        assert read.leaf == LeafOp(read.leaf.prefix), "another kind of leaf"
        assert read.max_prefix_length < read.min_prefix_length + read.child_size
        return read


def sha256(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


def calculated(proof: Existence) -> bytes:
    """The root that a proof leads to."""
    node = sha256(proof.leaf.prefix + sha256(proof.key) + sha256(proof.value))
    for op in proof.path:
        node = sha256(op.prefix + node + op.suffix)
    return node


def exists(spec: Spec, root: bytes, proof: Existence, key: bytes, value: bytes) -> bool:
    """VerifyMembership."""
    leaf = proof.leaf
    if leaf != LeafOp(leaf.prefix) or not leaf.prefix.startswith(spec.leaf.prefix):
        return False
    if len(proof.path) < spec.min_depth or len(proof.path) > spec.max_depth:
        return False
    if not all(_fits(spec, op) for op in proof.path):
        return False
    if not proof.key or not proof.value or (proof.key, proof.value) != (key, value):
        return False
    return calculated(proof) == root


def _fits(spec: Spec, op: InnerOp) -> bool:
    longest = spec.max_prefix_length + spec.child_size
    return (
        op.hash == SHA256
        and not op.prefix.startswith(spec.leaf.prefix)
        and spec.min_prefix_length <= len(op.prefix) <= longest
        and len(op.suffix) % spec.child_size == 0
    )


def is_absent(spec: Spec, root: bytes, proof: NonExistence, key: bytes) -> bool:
    """VerifyNonMembership."""
    left, right = proof.left, proof.right
    for beside in (left, right):
        if beside and not exists(spec, root, beside, beside.key, beside.value):
            return False
    asked = _compared(spec, key)
    if right and asked >= _compared(spec, right.key):
        return False
    if left and asked <= _compared(spec, left.key):
        return False
    if left and right:
        return _are_neighbours(spec, left.path, right.path)
    if right:
        return all(_is_outermost(spec, op, branch=0) for op in right.path)
    if left:
        return all(_is_outermost(spec, op, branch=1) for op in left.path)
    return False


def _compared(spec: Spec, key: bytes) -> bytes:
    return sha256(key) if spec.prehash_key_before_comparison else key


def _are_neighbours(spec: Spec, left: Sequence[InnerOp], right: Sequence[InnerOp]) -> bool:
    up, down = list(left), list(right)
    while up and down and up[-1] == down[-1]:
        up.pop()
        down.pop()
    if not up or not down:
        return False
    if (_branch(spec, up.pop()), _branch(spec, down.pop())) != (0, 1):
        return False
    return all(_is_outermost(spec, op, branch=1) for op in up) and all(
        _is_outermost(spec, op, branch=0) for op in down
    )


def _branch(spec: Spec, op: InnerOp) -> int | None:
    """Which child a step comes from."""
    for branch in (0, 1):
        before = branch * spec.child_size
        low, high = spec.min_prefix_length + before, spec.max_prefix_length + before
        if low <= len(op.prefix) <= high and len(op.suffix) == spec.child_size - before:
            return branch
    return None


def _is_outermost(spec: Spec, op: InnerOp, *, branch: int) -> bool:
    """Whether a step comes from the outermost child of a side, or all beyond it is empty."""
    found = _branch(spec, op)
    if found is None:
        return False
    if found == branch:
        return True
    beyond = op.prefix[-spec.child_size :] if branch == 0 else op.suffix
    return beyond == spec.empty_child
