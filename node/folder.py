"""A node's folder, read whole: who this node is, on which chain, and whether that fits together.

Everything an operator can get wrong before a port is opened or the database is touched is found
here, so that `mithaq start` ends with one sentence instead of a node that waits for ever. A missing
signer.state is no such fault: that node follows and signs nothing (consensus.md §8).

Whether a key votes is for the state to say, not for genesis (rule R45): `check_identity` is asked
when the database is open. A key that does not vote, not yet or no longer, is no fault either.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import final

from ledger.genesis import Genesis, GenesisDocument, genesis_block, read_genesis
from ledger.validators import ValidatorRecord
from node.admission import Bootstrap
from node.config import Config, NodeFolder, load_config
from node.keys import Purpose, StoredKey, read_key
from primitives import limits
from primitives.errors import OperatorFault
from primitives.ids import NodeKey


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
    """What it signs with where that is a validator's; None for one that only follows."""
    bootstrap: tuple[Bootstrap, ...]


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
    return read_genesis(data, str(path))


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
    return LoadedNode(
        folder=folder,
        config=config,
        document=document,
        genesis=genesis,
        node_key=node_key,
        validator_key=validator_key,
        bootstrap=_bootstrap(config, node_key),
    )


def check_identity(node: LoadedNode, records: Sequence[ValidatorRecord]) -> str | None:
    """Whether a node's keys are those that the chain gives it; what to warn of, if anything.

    `records` are those of the next two heights.

    Raises:
        OperatorFault: the chain waits for a validator that has lost its key.
    """
    own_node = node.node_key.public
    if node.validator_key is None:
        named = next((r.name for r in records if bytes(r.node_key) == own_node), None)
        if named is not None:
            raise OperatorFault(
                f"{node.folder.validator_key} is missing, but the chain names this node's key as "
                f"that of the validator {named} (who only follows has a node.key of its own)"
            )
        return None
    key = node.validator_key.public
    ours = [record for record in records if bytes(record.key) == key]
    if not ours:
        return f"{node.folder.validator_key} is no validator's key now: this node follows"
    if any(bytes(record.node_key) == own_node for record in ours):
        return None
    named = next((record.name for record in records if bytes(record.node_key) == own_node), None)
    if named is not None:
        raise OperatorFault(
            f"{node.folder.validator_key} is {ours[0].name}'s, and {node.folder.node_key} is "
            f"{named}'s: these two belong to different nodes"
        )
    return (
        f"the chain names the node key {ours[0].node_key.hex()} for the validator {ours[0].name}, "
        f"{node.folder.node_key} holds {own_node.hex()}: this node signs nothing"
    )


def _bootstrap(config: Config, own: StoredKey) -> tuple[Bootstrap, ...]:
    for entry in config.p2p.bootstrap:
        if entry.node_key == NodeKey(own.public):
            raise OperatorFault(
                f"p2p.bootstrap: {entry.address} has the node id of this node itself"
            )
    return tuple(
        Bootstrap(entry.node_key, entry.address, entry.name) for entry in config.p2p.bootstrap
    )
