"""Bundles: what they hold, and what is none."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from kit.ledger import genesis_document
from ledger.genesis import genesis_block
from node.bundle import BootstrapNode, Bundle, bundle_bytes, make_bundle, read_bundle
from node.snapshot_check import Checkpoint
from primitives import limits
from primitives.errors import OperatorFault
from primitives.ids import Height, NodeKey, TimeMs
from primitives.named import to_named

DOCUMENT = genesis_document()
CHAIN = genesis_block(DOCUMENT).chain


def node_of(number: int, *addresses: str) -> BootstrapNode:
    given = addresses or ("10.0.0.1:17000",)
    return BootstrapNode(f"node-{number}", NodeKey(number.to_bytes(32, "big")), given)


def made(**changed: Any) -> Bundle:  # noqa: ANN401 - fields of a Struct
    bundle = make_bundle(
        DOCUMENT,
        checkpoint=Checkpoint(Height(7), bytes(range(32))),
        bootstrap=(node_of(1), node_of(2, "[::1]:17000", "ministry.example:17000")),
        made_ms=TimeMs(5),
    )
    return replace(bundle, **changed)


def read(tmp_path: Path, data: bytes) -> Bundle:
    path = tmp_path / "network.bundle"
    path.write_bytes(data)
    return read_bundle(path)


def test_a_bundle_is_read_as_it_was_written(tmp_path: Path) -> None:
    """With the genesis document, which is small, and the pin."""
    bundle = made()

    assert read(tmp_path, bundle_bytes(bundle)) == bundle
    assert (bundle.chain, bundle.network) == (CHAIN, DOCUMENT.network)
    assert bundle.genesis == DOCUMENT
    assert bundle.pinned == Checkpoint(Height(7), bytes(range(32)))


def test_a_pin_of_height_zero_is_the_chains_id_itself() -> None:
    """It is not said twice."""
    bundle = make_bundle(
        DOCUMENT,
        checkpoint=Checkpoint(Height(0), genesis_block(DOCUMENT).validators.hash),
        bootstrap=(node_of(1),),
        made_ms=TimeMs(0),
    )

    assert (bundle.checkpoint, bundle.pinned) == (None, None)


def test_a_large_genesis_document_stays_with_the_peers(tmp_path: Path) -> None:
    """Its hash is the chain's id: a bundle that can be mailed is worth a question."""
    size = len(json.dumps(to_named(DOCUMENT), ensure_ascii=False).encode())
    room = limits.BUNDLE_GENESIS_BYTES_MAX - size
    first = DOCUMENT.accounts[0]
    entry = len(json.dumps(to_named(first), ensure_ascii=False).encode()) + 2
    count = room // entry

    def with_accounts(number: int) -> Bundle:
        others = (replace(first, id=type(first.id)(bytes([7]) * 28 + n.to_bytes(4)), name="")
                  for n in range(number))  # fmt: skip
        document = replace(DOCUMENT, accounts=(*DOCUMENT.accounts, *others))
        return make_bundle(document, checkpoint=None, bootstrap=(node_of(1),), made_ms=TimeMs(0))

    small, large = with_accounts(count // 2), with_accounts(2 * count)

    assert small.genesis is not None
    assert large.genesis is None
    assert read(tmp_path, bundle_bytes(large)) == large
    assert len(bundle_bytes(large)) < 10_000


def test_a_bundle_names_some_nodes_with_some_addresses(tmp_path: Path) -> None:
    """One at least; of more than it can hold, the first ones."""
    most = limits.BOOTSTRAP_MAX
    nodes = tuple(node_of(number) for number in range(most + 1))
    addresses = tuple(f"10.0.0.{number}:1" for number in range(limits.ADDRESSES_PER_PEER_MAX + 1))
    full = make_bundle(DOCUMENT, checkpoint=None, bootstrap=nodes, made_ms=TimeMs(0))

    assert full.bootstrap == nodes[:most]
    with pytest.raises(OperatorFault, match="one node at least"):
        make_bundle(DOCUMENT, checkpoint=None, bootstrap=(), made_ms=TimeMs(0))
    for wrong in ((), nodes, (node_of(1, *addresses),)):
        with pytest.raises(OperatorFault, match="is no bundle of version 1"):
            read(tmp_path, bundle_bytes(made(bootstrap=wrong)))
    fitting = made(bootstrap=(node_of(1, *addresses[1:]),))
    assert read(tmp_path, bundle_bytes(fitting)) == fitting


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"chain": bytes(32)}, "the genesis document is of chain"),
        ({"network": "another"}, "called the bundle of 'another'"),
        ({"bootstrap": (node_of(1), node_of(1))}, "node-1 has the node id of another one"),
    ],
)
def test_a_bundle_that_contradicts_itself_is_refused(
    tmp_path: Path, changed: dict[str, Any], words: str
) -> None:
    """Whoever made it is mistaken, or lies; nothing is begun with it."""
    with pytest.raises(OperatorFault, match="contradicts itself") as caught:
        read(tmp_path, bundle_bytes(made(**changed)))
    assert words in str(caught.value)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        bundle_bytes(made(bootstrap=(node_of(1, "nowhere"),))),
        bundle_bytes(made(bootstrap=(node_of(1, ""),))),
        b"\xff\x00 no text",
        b"{}",
        b"[" * 100_000,
        bundle_bytes(made()).replace(b'"version": 1', b'"version": 2', 1),
        bundle_bytes(made()).replace(b"mithaq.bundle", b"mithaq.bottle"),
        json.dumps({**to_named(made()), "more": 1}).encode(),
        json.dumps({**to_named(made()), "checkpoint": {"height": 0}}).encode(),
    ],
)
def test_garbage_is_no_bundle(tmp_path: Path, data: bytes) -> None:
    """Said in one sentence, with the file's name."""
    with pytest.raises(OperatorFault, match=r"network\.bundle is no bundle of version 1"):
        read(tmp_path, data)


def test_a_file_that_is_too_large_is_not_read(tmp_path: Path) -> None:
    """Nor one that is not there."""
    padded = bundle_bytes(made()).ljust(limits.BUNDLE_BYTES_MAX)

    assert read(tmp_path, padded) == made()
    with pytest.raises(OperatorFault, match=f"more than {limits.BUNDLE_BYTES_MAX} bytes"):
        read(tmp_path, padded + b" ")
    with pytest.raises(OperatorFault, match="No such file"):
        read_bundle(tmp_path / "none")
