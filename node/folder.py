"""A node's folder, read whole: who this node is, on which chain, and whether that fits together.

Everything an operator can get wrong before a port is opened or the database is touched is found
here, so that `mithaq start` ends with one sentence instead of a node that waits for ever. A missing
signer.state is no such fault: that node follows and signs nothing (consensus.md §8).
"""

from dataclasses import dataclass
from pathlib import Path
from typing import final

from ledger.genesis import Genesis, GenesisDocument, genesis_block
from node.config import Config, NodeFolder, load_config
from node.keys import Purpose, StoredKey, read_key
from p2p.peers import Peer, peer_id_of
from primitives import limits
from primitives.errors import Malformed, OperatorFault
from primitives.ids import NodeKey
from primitives.named import from_named


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedNode:
    """What a node is made from; made by `load_node` only."""

    folder: NodeFolder
    config: Config
    document: GenesisDocument
    genesis: Genesis
    node_key: StoredKey
    validator_key: StoredKey | None
    """None for an observer."""
    peers: tuple[Peer, ...]


def load_genesis(path: Path) -> GenesisDocument:
    """A genesis document in its named form.

    Raises:
        OperatorFault: the file cannot be read, or is no genesis document.
    """
    try:
        with path.open("rb") as file:
            data = file.read(limits.GENESIS_BYTES_MAX + 1)
    except OSError as error:
        raise OperatorFault(f"{path} cannot be read: {error.strerror}") from error
    if len(data) > limits.GENESIS_BYTES_MAX:
        raise OperatorFault(f"{path} has more than {limits.GENESIS_BYTES_MAX} bytes")
    try:
        return from_named(data, GenesisDocument)
    except Malformed as error:
        raise OperatorFault(f"{path} is no genesis document: {error}") from error


def load_node(path: Path) -> LoadedNode:
    """Read a node's folder.

    Raises:
        OperatorFault: something in it is missing, unreadable, or contradicts the rest.
    """
    if not path.is_dir():
        raise OperatorFault(f"{path} is no folder: `mithaq init` makes a node's folder")
    folder = NodeFolder(path)
    config = load_config(folder.config)
    document = load_genesis(folder.genesis)
    genesis = genesis_block(document)
    node_key = read_key(folder.node_key, Purpose.NODE)
    validator_key = None
    if folder.validator_key.exists():
        validator_key = read_key(folder.validator_key, Purpose.VALIDATOR)
    _check_identity(folder, document, node_key, validator_key)
    return LoadedNode(
        folder=folder,
        config=config,
        document=document,
        genesis=genesis,
        node_key=node_key,
        validator_key=validator_key,
        peers=_peers(config, node_key),
    )


def _check_identity(
    folder: NodeFolder,
    document: GenesisDocument,
    node_key: StoredKey,
    validator_key: StoredKey | None,
) -> None:
    record = next((v for v in document.validators if bytes(v.node_key) == node_key.public), None)
    if validator_key is None:
        if record is not None:
            raise OperatorFault(
                f"{folder.validator_key} is missing, but genesis names this node's key as that of "
                f"the validator {record.name}"
            )
        return
    own = next((v for v in document.validators if bytes(v.key) == validator_key.public), None)
    if own is None:
        raise OperatorFault(
            f"{folder.validator_key}: this key is not a validator of this chain: "
            f"{validator_key.public.hex()} is none of the {len(document.validators)} in genesis "
            "(an observer has no validator.key)"
        )
    if bytes(own.node_key) != node_key.public:
        raise OperatorFault(
            f"{folder.node_key}: genesis names the node key {own.node_key.hex()} for the validator "
            f"{own.name}, this file holds {node_key.public.hex()}"
        )


def _peers(config: Config, own: StoredKey) -> tuple[Peer, ...]:
    for peer in config.p2p.peers:
        if peer.node_key == NodeKey(own.public):
            raise OperatorFault(f"p2p.peers: {peer.name} has the node id of this node itself")
    return tuple(
        Peer(
            id=peer_id_of(peer.node_key),
            name=peer.name,
            address=peer.address,
        )
        for peer in config.p2p.peers
    )
