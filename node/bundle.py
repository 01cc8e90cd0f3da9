"""A bundle: one file with which a new node finds a network and knows it again.

    {"format": "mithaq.bundle", "version": 1, "network": …, "chain": CHAINID, "made_ms": …,
     "genesis": {…} | null, "checkpoint": {"height": …, "validators_hash": …} | null,
     "bootstrap": [{"name": …, "node_id": …, "addresses": ["host:port", …]}, …]}

The chain's id is what is trusted, and with it whoever gave the file; all else is checked against
it. The genesis document goes with it where it is small; else the peers have it, and its hash is the
chain's id. A checkpoint pins the validators of a height, so that a newcomer need not trust keys
that signed long ago. The addresses are hints: a node there must have the key that the bundle names,
and even that key proves nothing about the chain.
"""

import json
from pathlib import Path
from typing import Annotated, Final, Literal, final

from msgspec import Meta, Struct

from ledger.genesis import GenesisDocument, genesis_block
from node.addresses import ReachableAddress
from node.config import Name
from node.snapshot_check import Checkpoint
from primitives import limits
from primitives.errors import Malformed, OperatorFault
from primitives.ids import ChainId, Digest, Height, Natural, NodeKey, Sized32, TimeMs
from primitives.named import from_named, to_named

FORMAT: Final = "mithaq.bundle"
VERSION: Final = 1


@final
class BundleCheckpoint(Struct, frozen=True):
    """The validators of a height, by their hash."""

    height: Annotated[Height, Meta(ge=1, le=2**63 - 1)]
    validators_hash: Sized32[Digest]


@final
class BootstrapNode(Struct, frozen=True):
    """A node of the network, and where it is reached; the addresses are tried in turn."""

    name: Name
    node_id: Sized32[NodeKey]
    addresses: Annotated[
        tuple[ReachableAddress, ...], Meta(min_length=1, max_length=limits.ADDRESSES_PER_PEER_MAX)
    ]


@final
class Bundle(Struct, frozen=True):
    """What a new node is given."""

    format: Literal["mithaq.bundle"]
    version: Literal[1]
    network: Name
    chain: Sized32[ChainId]
    made_ms: Natural[TimeMs]
    genesis: GenesisDocument | None
    checkpoint: BundleCheckpoint | None
    bootstrap: Annotated[
        tuple[BootstrapNode, ...], Meta(min_length=1, max_length=limits.BOOTSTRAP_MAX)
    ]

    @property
    def pinned(self) -> Checkpoint | None:
        """The checkpoint as snapshots are checked against it."""
        if self.checkpoint is None:
            return None
        return Checkpoint(self.checkpoint.height, self.checkpoint.validators_hash)


def make_bundle(
    document: GenesisDocument,
    *,
    checkpoint: Checkpoint | None,
    bootstrap: tuple[BootstrapNode, ...],
    made_ms: TimeMs,
) -> Bundle:
    """The bundle of a network; its genesis document goes with it where that is small.

    Raises:
        OperatorFault: there is no node to begin with, or the document contradicts itself.
    """
    if not bootstrap:
        raise OperatorFault("a bundle names one node at least that can be reached, found none")
    size = len(json.dumps(to_named(document), ensure_ascii=False).encode())
    pinned = None if checkpoint is None else _pinned(checkpoint)
    return Bundle(
        format=FORMAT,
        version=VERSION,
        network=document.network,
        chain=genesis_block(document).chain,
        made_ms=made_ms,
        genesis=document if size <= limits.BUNDLE_GENESIS_BYTES_MAX else None,
        checkpoint=pinned,
        bootstrap=bootstrap[: limits.BOOTSTRAP_MAX],
    )


def _pinned(checkpoint: Checkpoint) -> BundleCheckpoint | None:
    """Those of genesis are pinned by the chain's id already."""
    if checkpoint.height == 0:
        return None
    return BundleCheckpoint(checkpoint.height, Digest(checkpoint.validators_hash))


def bundle_bytes(bundle: Bundle) -> bytes:
    """The file of a bundle."""
    return json.dumps(to_named(bundle), indent=2, ensure_ascii=False).encode() + b"\n"


def read_bundle(path: Path) -> Bundle:
    """A bundle from its file, as far as it can be checked by itself.

    Raises:
        OperatorFault: it cannot be read, is none, or contradicts itself.
    """
    try:
        with path.open("rb") as file:
            data = file.read(limits.BUNDLE_BYTES_MAX + 1)
    except OSError as error:
        raise OperatorFault(f"{path} cannot be read: {error.strerror}") from error
    if len(data) > limits.BUNDLE_BYTES_MAX:
        raise OperatorFault(f"{path} is no bundle: more than {limits.BUNDLE_BYTES_MAX} bytes")
    try:
        bundle = from_named(data, Bundle)
    except Malformed as error:
        raise OperatorFault(f"{path} is no bundle of version {VERSION}: {error}") from error
    try:
        _check(bundle)
    except OperatorFault as fault:
        raise OperatorFault(f"{path} contradicts itself: {fault}") from fault
    return bundle


def _check(bundle: Bundle) -> None:
    if bundle.genesis is not None:
        check_document(bundle.genesis, bundle.chain)
        if bundle.genesis.network != bundle.network:
            raise OperatorFault(
                f"it is called the bundle of {bundle.network!r}, the genesis document is of "
                f"{bundle.genesis.network!r}"
            )
    seen: set[bytes] = set()
    for node in bundle.bootstrap:
        if node.node_id in seen:
            raise OperatorFault(f"bootstrap: {node.name} has the node id of another one")
        seen.add(node.node_id)


def check_document(document: GenesisDocument, chain: ChainId) -> None:
    """That a chain begins with this document.

    Raises:
        OperatorFault: it is another chain's, or contradicts itself.
    """
    found = genesis_block(document).chain
    if found != chain:
        raise OperatorFault(
            f"the genesis document is of chain {found.hex()}, expected {chain.hex()}"
        )
