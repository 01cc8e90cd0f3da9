"""Golden vectors of the state tree: hashes, roots, and paths of presence and absence.

tests/vectors/state_tree.json is compared with our code, and read a second time with hashlib alone,
from docs/state-tree.md. A change here is a new protocol: every proof that exists would be void.
`REWRITE=1 pytest tests/ledger/test_state_tree_vectors.py` writes it anew.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path as File
from typing import Any, Final

import pytest

from kit.golden import compare_or_rewrite
from kit.state_trees import Grown, Leaves
from ledger.tree import Path, key_hash, leaf_hash, value_hash

VECTORS: Final = File(__file__).parents[1] / "vectors/state_tree.json"
Entries = Mapping[tuple[int, bytes], bytes]

ENTRIES: Final[Mapping[str, Entries]] = {
    "empty": {},
    "one entry": {(4, b"treasury"): b"\x91\x64"},
    "three entries": {(4, b"treasury"): b"\x91\x64", (4, b"health"): b"\x91\x05", (1, b"a"): b""},
    "forty entries": {(n % 3 + 1, b"key %d" % n): b"value %d" % n for n in range(40)},
}
ABSENT: Final = [(4, b"works"), (5, b"treasury"), (1, b""), *((2, b"no %d" % n) for n in range(8))]

_FORK: Final = hashlib.sha256(b"a crafted key hash").digest()
CRAFTED: Final[Mapping[str, Leaves]] = {
    "two leaves share 250 bits": {_FORK: b"1", _FORK[:-1] + bytes([_FORK[-1] ^ 0x20]): b"2"},
    "four leaves share 254 bits": {
        _FORK[:-1] + bytes([_FORK[-1] & 0xFC | n]): b"%d" % n for n in range(4)
    },
    "a leaf beside a deep pair": {
        _FORK: b"1",
        _FORK[:16] + bytes([_FORK[16] ^ 1]) + _FORK[17:]: b"2",
        bytes([_FORK[0] ^ 0x80]) + _FORK[1:]: b"3",
    },
}


def path_fields(key: bytes, path: Path) -> dict[str, Any]:
    end = None if path.leaf is None else [part.hex() for part in path.leaf]
    return {
        "key_hash": key.hex(),
        "present": path.leaf is not None and path.leaf[0] == key,
        "siblings": [sibling.hex() for sibling in path.siblings],
        "end": end,
    }


def made() -> dict[str, Any]:
    trees = []
    for name, entries in ENTRIES.items():
        tree = Grown()
        tree.write({key_hash(*slot): value for slot, value in entries.items()})
        trees.append(
            {
                "name": name,
                "root": tree.roots[0].hex(),
                "entries": [
                    {
                        "table": slot[0],
                        "key": slot[1].hex(),
                        "value": value.hex(),
                        "key_hash": key_hash(*slot).hex(),
                        "value_hash": value_hash(value).hex(),
                        "leaf_hash": leaf_hash(key_hash(*slot), value_hash(value)).hex(),
                    }
                    for slot, value in entries.items()
                ],
                "paths": [
                    {"table": slot[0], "key": slot[1].hex()}
                    | path_fields(key_hash(*slot), tree.path(key_hash(*slot)))
                    for slot in [*list(entries)[:8], *ABSENT]
                ],
            }
        )
    crafted = []
    for name, leaves in CRAFTED.items():
        tree = Grown()
        tree.write(leaves)
        near = (int.from_bytes(_FORK, "big") ^ 1 << 130).to_bytes(32, "big")
        crafted.append(
            {
                "name": name,
                "root": tree.roots[0].hex(),
                "leaves": [[key.hex(), value.hex()] for key, value in leaves.items()],
                "paths": [path_fields(key, tree.path(key)) for key in [*leaves, near, bytes(32)]],
            }
        )
    return {
        "format": "mithaq.vectors.state_tree",
        "version": 1,
        "trees": trees,
        "crafted": crafted,
    }


def test_the_tree_is_what_the_vectors_say() -> None:
    """Byte for byte; a change is a new protocol."""
    compare_or_rewrite(VECTORS, made())


# the second reader: docs/state-tree.md and hashlib, none of our code


def tagged(name: str, *parts: bytes) -> bytes:
    return hashlib.sha256(b"mithaq/1/" + name.encode() + b"\0" + b"".join(parts)).digest()


@pytest.fixture(scope="module")
def vectors() -> Any:  # noqa: ANN401 - JSON
    return json.loads(VECTORS.read_text(encoding="utf-8"))


def bits_of(key: bytes) -> str:
    return "".join(f"{byte:08b}" for byte in key)


def root_of(leaves: Sequence[tuple[str, bytes]], depth: int = 0) -> bytes:
    """Of (bits of the key hash, leaf hash)."""
    if not leaves:
        return bytes(32)
    if len(leaves) == 1:
        return leaves[0][1]
    sides = [root_of([leaf for leaf in leaves if leaf[0][depth] == bit], depth + 1) for bit in "01"]
    return tagged("state-node", *sides)


def folds(path: Mapping[str, Any], end: bytes) -> bytes:
    node, bits = end, bits_of(bytes.fromhex(path["key_hash"]))
    for depth in reversed(range(len(path["siblings"]))):
        sibling = bytes.fromhex(path["siblings"][depth]) or bytes(32)
        pair = (sibling, node) if bits[depth] == "1" else (node, sibling)
        node = tagged("state-node", *pair)
    return node


def holds(path: Mapping[str, Any], root: bytes) -> bool:
    """What a third party checks: of the path as it stands in the file."""
    if path["end"] is None:
        return not path["present"] and folds(path, bytes(32)) == root
    other, value = (bytes.fromhex(part) for part in path["end"])
    asked = bytes.fromhex(path["key_hash"])
    shared = len(path["siblings"])
    if path["present"] != (other == asked):
        return False
    if bits_of(other)[:shared] != bits_of(asked)[:shared]:
        return False
    return folds(path, tagged("state-leaf", other, value)) == root


def test_a_reader_of_the_page_computes_the_same_hashes_and_roots(vectors: Any) -> None:  # noqa: ANN401 - JSON
    """From table, key and value alone."""
    for tree in vectors["trees"]:
        leaves = []
        for entry in tree["entries"]:
            at = entry["table"].to_bytes(2, "big") + bytes.fromhex(entry["key"])
            key = tagged("state-key", at)
            value = tagged("state-value", bytes.fromhex(entry["value"]))
            leaf = tagged("state-leaf", key, value)
            assert [key.hex(), value.hex(), leaf.hex()] == [
                entry[name] for name in ("key_hash", "value_hash", "leaf_hash")
            ]
            leaves.append((bits_of(key), leaf))
        assert root_of(leaves).hex() == tree["root"]
    for tree in vectors["crafted"]:
        leaf_of = partial(tagged, "state-leaf")
        leaves = [
            (
                bits_of(bytes.fromhex(key)),
                leaf_of(bytes.fromhex(key), tagged("state-value", bytes.fromhex(value))),
            )
            for key, value in tree["leaves"]
        ]
        assert root_of(leaves).hex() == tree["root"]


def test_a_reader_of_the_page_accepts_every_path_and_none_of_another_tree(vectors: Any) -> None:  # noqa: ANN401 - JSON
    """Both kinds of absence occur; the deepest path has 256 siblings."""
    trees = [*vectors["trees"], *vectors["crafted"]]
    ends = set()
    for tree in trees:
        for path in tree["paths"]:
            ends.add((path["present"], path["end"] is None))
            for other in trees:
                assert holds(path, bytes.fromhex(other["root"])) == (other is tree)
    assert ends == {(True, False), (False, True), (False, False)}
    assert max(len(path["siblings"]) for tree in trees for path in tree["paths"]) == 256
